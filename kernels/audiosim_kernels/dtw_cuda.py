# pyright: basic
"""DTW on CUDA: which kernel compares a pair. That depends on the pair and the GPU, never on the list.

* `dtw_warp`, on CUDA cores in float32, compares any pair.
* `dtw_tensor`, on tensor cores, is some times faster, for squared costs: where their products of float16 with sums in
  float32 run at full rate, which are the GPUs of data centres, with split operands, as accurate as float32; on request
  with plain float16 operands. What float16 cannot hold, and near-duplicates, whose distance is lost in the rounding
  of their norms, go to the other kernel.
* `dtw_warp` again, accumulating in float64, where the roundings of float32 sums would exceed 2e-6 of the total: with
  a sequence that stands still, for the same cost then comes again and again and is rounded to the same side each time;
  and with a long one, over which the roundings add up like a random walk (not with precision "float16", which has
  given that accuracy up).

`totals` takes a list of pairs; `dtw_matrix_cuda` all pairs of two sides, to the same choice and the same last bit.
"""

from dataclasses import dataclass
from typing import Any

import numba.cuda
import numpy as np
import numpy.typing as npt

from audiosim_kernels import dtw_tensor_run, dtw_warp
from audiosim_kernels.dtw_options import Precision
from audiosim_kernels.dtw_traits import Traits
from audiosim_kernels.ragged import Frames, Integers, Ragged
from audiosim_kernels.ragged_cuda import DeviceRagged

# Errors of float32 sums of random sequences grow like the root of the length. Measured: standard deviations of 6e-7 at
# 1 292 frames, 9e-7 at 2 048. At 1 536, 2e-6 are three of them.
LONGEST = 1_536  # frames
# A run of equal frames costs at most 2^-24 of the total a frame, 1e-6 after 16 of them, beside the random errors.
MOST_REPEATS = 16  # frames that all but equal the one before

_FULL_RATE = {(8, 0), (9, 0), (10, 0), (10, 3)}  # compute capabilities of A100, H100 and H200, B200, B300
_LEAST_TENSOR = (8, 0)  # the first that knows the instruction


@dataclass(frozen=True, slots=True)
class Suited:
    """Which kernels suit each sequence of a side, (n_sequences,) each. A pair goes by both of its sequences."""

    tensor: npt.NDArray[np.bool_]  # both: tensor cores
    double: npt.NDArray[np.bool_]  # one of them: CUDA cores, accumulating in float64
    energies: npt.NDArray[np.float64]  # sums of squares, beside which near-duplicates are small

    @classmethod
    def of(cls, sequences: Ragged, precision: Precision) -> "Suited":
        """Look at every frame once."""
        traits = Traits.of(sequences)
        double = traits.n_repeats > MOST_REPEATS
        if precision != "float16":
            double |= traits.lengths > LONGEST
        tensor = dtw_tensor_run.suits(traits, sequences.n_dims, precision) & ~double
        return cls(tensor, double, traits.energies)


def totals(
    sequences: Ragged,
    others: Ragged,
    pairs: Integers,
    radii: Integers,
    *,
    squared: bool,
    diagonal_weight: float,
    precision: Precision,
) -> Frames:
    """Accumulated costs of the pairs, (n_pairs,) float32; arguments as `dtw.distances` has checked them."""
    result = np.empty(len(pairs), dtype=np.float32)
    if not len(pairs):
        return result
    left = Suited.of(sequences, precision)
    right = left if others is sequences else Suited.of(others, precision)
    x = DeviceRagged.of(sequences)
    y = x if others is sequences else DeviceRagged.of(others)
    first, second = pairs.T
    again = ~(left.tensor[first] & right.tensor[second])
    fast = np.flatnonzero(~again)
    result[fast] = dtw_tensor_run.totals(
        x, y, pairs[fast], radii[fast], diagonal_weight=diagonal_weight, precision=precision
    )
    energies = left.energies[first[fast]] + right.energies[second[fast]]
    again[fast] = dtw_tensor_run.near_duplicates(result[fast], energies)
    double = left.double[first] | right.double[second]
    for chosen in (again & ~double, again & double):
        result[chosen] = dtw_warp.totals(
            x,
            y,
            pairs[chosen],
            radii[chosen],
            squared=squared,
            diagonal_weight=diagonal_weight,
            double=bool(double[chosen].any()),
        )
    return result


def choose_precision(
    compute_capability: tuple[int, int], *, squared: bool, precision: Precision | None = None
) -> Precision:
    """Precision of the local costs, and with it the kernel, on a GPU of this compute capability.

    By default it is the fastest that is as accurate as float32.

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


def compute_capability() -> tuple[int, int]:
    """Compute capability of the GPU that kernels run on."""
    cuda: Any = numba.cuda
    major, minor = cuda.get_current_device().compute_capability
    return int(major), int(minor)
