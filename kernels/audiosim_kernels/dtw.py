"""Exact dynamic time warping distances, banded or not, of pairs of sequences.

The accumulated cost D of cell (i, j) with local cost c(i, j) is, after Sakoe & Chiba (1978):

* ``symmetric1``: ``c + min(D(i, j-1), D(i-1, j), D(i-1, j-1))``, the classic recurrence;
* ``symmetric2``: ``min(D(i, j-1) + c, D(i-1, j) + c, D(i-1, j-1) + 2c)``, where every path weighs about n + m, so that
  the total divided by n + m is a mean cost and does not grow with the lengths.

Both begin with ``D(0, 0) = c(0, 0)``, as dtw-python and librosa do.
"""

from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from audiosim_kernels import output
from audiosim_kernels.device import Device, resolve
from audiosim_kernels.dtw_options import (
    LocalCost,
    Measure,
    StepPattern,
    check_dims,
    check_threads,
    check_totals,
    checked_pairs,
)
from audiosim_kernels.ragged import Frames, Integers, Ragged


def distances(
    sequences: Ragged,
    pairs: npt.ArrayLike,
    *,
    others: Ragged | None = None,
    local_cost: LocalCost = "euclidean",
    step_pattern: StepPattern = "symmetric2",
    band_radius: SupportsIndex | None = None,
    band_fraction: float | None = None,
    normalize: bool = True,
    device: Device = "auto",
    n_threads: int = 1,
    out: Frames | None = None,
) -> Frames:
    """DTW distances of chosen pairs.

    Parameters
    ----------
    sequences : Ragged
        Where the first index of a pair points.
    pairs : (n_pairs, 2) int
        Two indices each, >= 0. Pairs may repeat.
    others : Ragged, optional
        Where the second index points, of the same n_dims; `sequences` itself by default.
    local_cost : {"euclidean", "sqeuclidean"}
        Distance of two frames. No root is taken at the end.
    step_pattern : {"symmetric2", "symmetric1"}
        Weight of a diagonal step: 2 or 1.
    band_radius : int >= 0, in frames, optional
        Half-width of a Sakoe-Chiba band around the straight line from corner to corner (see Notes).
    band_fraction : float in [0, 1], optional
        The same, as a share of the longer sequence of each pair, rounded up to whole frames. Give one of the two, or
        neither for no band.
    normalize : bool
        Divide the total by n + m, the frames of both sequences: the result is in units of the local cost.
    device : {"auto", "cpu", "cuda"}
        "auto" is the GPU where there is one.
    n_threads : int >= 1
        Threads on the CPU; they share the pairs out, so the result does not depend on their number.
    out : (n_pairs,) float32, optional
        Where to write the result; untouched if an error is raised.

    Returns
    -------
    (n_pairs,) float32
        `out`, if given. Exactly 0 for equal sequences, and to the last bit the same for (a, b) and (b, a).

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, or a total overflows float32.
    ValueError
        If a pair of unequal lengths has no path through the band; only radius 0 does that.
    RuntimeError
        If `device` is "cuda" and there is no GPU.

    Notes
    -----
    The band is symmetric in the two sequences and follows the slope of their lengths: a cell (i, j) is allowed if
    ``|i (m - 1) - j (n - 1)| <= radius * (max(n, m) - 1)``, compared in integers. Read along the shorter
    sequence: the partner of each frame of the longer one lies within `radius` frames of the line. For n = m this is
    ``|i - j| <= radius``, dtaidistance's ``window=radius + 1``. For unequal lengths libraries differ:
    dtaidistance and librosa, for instance, do not follow the slope but widen or shift the band.

    Time is proportional to the cells inside the band and to n_dims; memory, for each thread, to the frames of the
    pairs that it compares at once, 16 or fewer on the CPU. There it pays to ask for many pairs in one call, since
    pairs of like lengths are compared side by side; a value never depends on what else is in the call.
    Accumulated in float32: relative error about 1e-6 at 1 300 frames. Where the very same cost repeats over a thousand
    frames, as between two constant sequences, all roundings go one way: up to 3e-5.

    References
    ----------
    Sakoe, H., & Chiba, S. (1978). Dynamic programming algorithm optimization for spoken word recognition. IEEE
    Transactions on Acoustics, Speech, and Signal Processing, 26(1), 43-49.

    Examples
    --------
    >>> songs = Ragged.from_sequences([[[1], [2], [3]], [[2], [3], [4], [5], [6]]])
    >>> distances(songs, [(0, 1), (1, 1)], device="cpu")
    array([0.875, 0.   ], dtype=float32)
    """
    measure = Measure(local_cost, step_pattern, band_radius, band_fraction)
    comparison = _Comparison(measure, normalize, device, check_threads(n_threads))
    columns = _checked_others(sequences, others)
    chosen = checked_pairs(pairs, len(sequences), len(columns))
    result = output.checked(out, (len(chosen),))
    result[...] = comparison.of(sequences, columns, chosen)
    return result


def matrix(
    rows: Ragged,
    columns: Ragged | None = None,
    *,
    local_cost: LocalCost = "euclidean",
    step_pattern: StepPattern = "symmetric2",
    band_radius: SupportsIndex | None = None,
    band_fraction: float | None = None,
    normalize: bool = True,
    device: Device = "auto",
    n_threads: int = 1,
    out: Frames | None = None,
) -> Frames:
    """DTW distances of all rows with all columns.

    Parameters
    ----------
    rows, columns : Ragged
        Of the same n_dims. Without `columns`, the rows with one another: every pair is computed once and mirrored.
    local_cost, step_pattern, band_radius, band_fraction, normalize, device, n_threads
        As in `distances`.
    out : (n_rows, n_columns) float32, optional
        Where to write the result; untouched if an error is raised.

    Returns
    -------
    (n_rows, n_columns) float32
        `out`, if given. Without `columns`, symmetric with a diagonal of exactly 0.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `distances` does; it also names the pairs in the order of this matrix, row by row.

    Notes
    -----
    The list of pairs takes about 70 bytes a pair; a library of thousands of tracks is compared in tiles.

    Examples
    --------
    >>> songs = Ragged.from_sequences([[[1], [2], [3]], [[2], [3], [4]]])
    >>> matrix(songs, normalize=False, device="cpu")
    array([[0., 2.],
           [2., 0.]], dtype=float32)
    """
    measure = Measure(local_cost, step_pattern, band_radius, band_fraction)
    comparison = _Comparison(measure, normalize, device, check_threads(n_threads))
    others = _checked_others(rows, columns)
    result = output.checked(out, (len(rows), len(others)))
    if columns is None:
        first, second = np.triu_indices(len(rows), k=1)
        totals = comparison.of(rows, rows, np.stack([first, second], axis=1))
        result[first, second] = totals
        result[second, first] = totals
        np.fill_diagonal(result, 0)
    else:
        pairs = np.indices(result.shape, dtype=np.int64).reshape(2, -1).T
        result[...] = comparison.of(rows, others, np.ascontiguousarray(pairs)).reshape(result.shape)
    return result


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What `distances` and `matrix` are asked for besides the sequences, checked."""

    measure: Measure
    normalize: bool
    device: Device
    n_threads: int

    def of(self, sequences: Ragged, others: Ragged, pairs: Integers) -> Frames:
        """Distances (n_pairs,) of pairs that are known to exist."""
        n, m = sequences.lengths[pairs[:, 0]], others.lengths[pairs[:, 1]]
        radii = self.measure.radii(pairs, n, m)
        squared, diagonal_weight = self.measure.squared, self.measure.diagonal_weight
        if resolve(self.device) == "cuda":
            from audiosim_kernels import dtw_cuda as driver  # noqa: PLC0415 - numba only when needed

            totals = driver.totals(sequences, others, pairs, radii, squared=squared, diagonal_weight=diagonal_weight)
        else:
            from audiosim_kernels import dtw_cpu as driver  # noqa: PLC0415

            totals = driver.totals(
                sequences,
                others,
                pairs,
                radii,
                squared=squared,
                diagonal_weight=diagonal_weight,
                n_threads=self.n_threads,
            )
        check_totals(totals, pairs)
        return totals / (n + m).astype(np.float32) if self.normalize else totals


def _checked_others(sequences: Ragged, others: Ragged | None) -> Ragged:
    """Return the other side of the pairs: `others`, if it has the same n_dims, or `sequences` again."""
    if others is None:
        return sequences
    check_dims(sequences, others)
    return others
