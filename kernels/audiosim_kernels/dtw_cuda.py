"""DTW on CUDA: which of the two kernels compares a pair. That depends on the pair and the GPU, never on the list.

* `dtw_warp`, on CUDA cores in float32, compares any pair.
* `dtw_tensor`, on tensor cores, is some times faster, for squared costs: where their products of float16 with sums in
  float32 run at full rate, which are the GPUs of data centres, with split operands, as accurate as float32; on request
  with plain float16 operands. What float16 cannot hold, and near-duplicates, whose distance is lost in the rounding
  of their norms, go to the other kernel.
"""

from typing import Any, Literal

import numba.cuda
import numpy as np

from audiosim_kernels import dtw_tensor_pack, dtw_tensor_run, dtw_warp
from audiosim_kernels.ragged import Frames, Integers, Ragged

Precision = Literal["float32", "split", "float16"]

_FULL_RATE = {(8, 0), (9, 0), (10, 0), (10, 3)}  # compute capabilities of A100, H100 and H200, B200, B300
_LEAST_TENSOR = (8, 0)  # the first that knows the instruction


def totals(
    sequences: Ragged,
    others: Ragged,
    pairs: Integers,
    radii: Integers,
    *,
    squared: bool,
    diagonal_weight: float,
    precision: Precision | None = None,
) -> Frames:
    """Accumulated costs of the pairs, (n_pairs,) float32; arguments as `dtw.distances` has checked them.

    `precision` is that of the local costs, by default the fastest that is as accurate as float32.
    """
    if not len(pairs):
        return np.empty(0, dtype=np.float32)
    chosen = choose_precision(_compute_capability(), squared=squared, precision=precision)
    if chosen == "float32":
        return dtw_warp.totals(sequences, others, pairs, radii, squared=squared, diagonal_weight=diagonal_weight)
    left = dtw_tensor_run.suits(sequences, chosen)
    right = left if others is sequences else dtw_tensor_run.suits(others, chosen)
    fast = left[pairs[:, 0]] & right[pairs[:, 1]]
    result = np.empty(len(pairs), dtype=np.float32)
    result[fast] = dtw_tensor_run.totals(
        sequences, others, pairs[fast], radii[fast], diagonal_weight=diagonal_weight, precision=chosen
    )
    left_energies = dtw_tensor_pack.energies(sequences)
    right_energies = left_energies if others is sequences else dtw_tensor_pack.energies(others)
    energies = left_energies[pairs[:, 0]] + right_energies[pairs[:, 1]]
    again = ~fast
    again[fast] = dtw_tensor_run.near_duplicates(result[fast], energies[fast])
    result[again] = dtw_warp.totals(
        sequences, others, pairs[again], radii[again], squared=squared, diagonal_weight=diagonal_weight
    )
    return result


def choose_precision(
    compute_capability: tuple[int, int], *, squared: bool, precision: Precision | None = None
) -> Precision:
    """Precision of the local costs, and with it the kernel, on a GPU of this compute capability.

    Raises
    ------
    ValueError
        If tensor cores are asked for where there are none that can do it, or for Euclidean costs.
    """
    if precision is None:
        return "split" if squared and compute_capability in _FULL_RATE else "float32"
    if precision != "float32" and not squared:
        raise ValueError(
            f'precision "{precision}" needs local_cost="sqeuclidean": the root of a rounded square loses half the '
            'digits of small costs; use precision="float32"'
        )
    if precision != "float32" and compute_capability < _LEAST_TENSOR:
        major, minor = compute_capability
        raise ValueError(
            f'precision "{precision}" needs a GPU of compute capability 8.0 or more, got {major}.{minor}; '
            'use precision="float32"'
        )
    return precision


def describe_kernel(compute_capability: tuple[int, int]) -> str:
    """Say in words what `totals` does by default on a GPU of this compute capability, for `doctor`.

    Examples
    --------
    >>> describe_kernel((8, 9))
    'DTW on CUDA cores in float32, a warp a pair'
    >>> describe_kernel((9, 0))
    'squared DTW to 20 dimensions on tensor cores in split float16; else on CUDA cores in float32, a warp a pair'
    """
    cores = "on CUDA cores in float32, a warp a pair"
    if choose_precision(compute_capability, squared=True) == "float32":
        return f"DTW {cores}"
    return f"squared DTW to 20 dimensions on tensor cores in split float16; else {cores}"


def _compute_capability() -> tuple[int, int]:
    cuda: Any = numba.cuda
    major, minor = cuda.get_current_device().compute_capability
    return int(major), int(minor)
