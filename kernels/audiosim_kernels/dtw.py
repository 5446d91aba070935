"""Exact dynamic time warping distances, banded or not, of pairs of sequences.

The accumulated cost D of cell (i, j) with local cost c(i, j) is, after Sakoe & Chiba (1978):

* ``symmetric1``: ``c + min(D(i, j-1), D(i-1, j), D(i-1, j-1))``, the classic recurrence;
* ``symmetric2``: ``min(D(i, j-1) + c, D(i-1, j) + c, D(i-1, j-1) + 2c)``, where every path weighs about n + m, so that
  the total divided by n + m is a mean cost and does not grow with the lengths.

Both begin with ``D(0, 0) = c(0, 0)``, as dtw-python and librosa do.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, SupportsIndex

import numpy as np
import numpy.typing as npt

from audiosim_kernels import dtw_topk, output
from audiosim_kernels.device import Device, resolve
from audiosim_kernels.dtw_options import (
    LocalCost,
    Measure,
    Precision,
    StepPattern,
    check_dims,
    check_k,
    check_precision,
    check_threads,
    check_totals,
    checked_pairs,
    numbers_of_pairs,
    refuse_total,
)
from audiosim_kernels.ragged import Frames, Integers, Ragged

if TYPE_CHECKING:
    from audiosim_kernels.dtw_matrix_cuda import Question

__all__ = ["LocalCost", "Precision", "StepPattern", "distances", "matrix", "top_k"]


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
    precision: Precision | None = None,
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
    precision : {"float32", "split", "float16"}, optional
        Of the local costs. By default the fastest that is as accurate as "float32": on the GPUs of data centres "split"
        for squared costs (each value the sum of two float16, on tensor cores), else "float32". "float16" is faster
        still, with relative errors up to 1e-4 on standardized frames, 1e-3 if they are very few. See Notes.
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
    Precisions "split" and "float16" need a GPU of compute capability 8.0 or more and squared local costs, and compare
    those pairs whose values float16 holds, which are no near-duplicates and do not stand still; the others are
    compared in float32, accumulating in float64 where one stands still or (not with "float16") is long.

    On the CPU costs accumulate in float32 relative to a base that follows the path: the relative error of a total
    stays below 2e-6 at any length, also where the very same cost repeats, as between two constant sequences.

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
    comparison = _Comparison.checked(measure, device, precision, normalize=normalize, n_threads=n_threads)
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
    precision: Precision | None = None,
    n_threads: int = 1,
    out: Frames | None = None,
) -> Frames:
    """DTW distances of all rows with all columns.

    Parameters
    ----------
    rows, columns : Ragged
        Of the same n_dims. Without `columns`, the rows with one another: every pair is computed once and mirrored.
    local_cost, step_pattern, band_radius, band_fraction, normalize, device, precision, n_threads
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
    On the CPU the list of pairs takes about 70 bytes a pair; a library of thousands of tracks is compared in tiles. A
    GPU works in tiles by itself.

    Examples
    --------
    >>> songs = Ragged.from_sequences([[[1], [2], [3]], [[2], [3], [4]]])
    >>> matrix(songs, normalize=False, device="cpu")
    array([[0., 2.],
           [2., 0.]], dtype=float32)
    """
    measure = Measure(local_cost, step_pattern, band_radius, band_fraction)
    comparison = _Comparison.checked(measure, device, precision, normalize=normalize, n_threads=n_threads)
    others = _checked_others(rows, columns)
    result = output.checked(out, (len(rows), len(others)))
    measure.check_paths(rows.lengths, None if columns is None else columns.lengths)
    if comparison.device == "cuda":
        found = comparison.matrix_on_gpu(rows, columns)
        if out is None:
            return found
        result[...] = found
    elif columns is None:
        first, second = np.triu_indices(len(rows), k=1)
        totals = comparison.of(rows, rows, np.stack([first, second], axis=1))
        result[first, second] = totals
        result[second, first] = totals
        np.fill_diagonal(result, 0)
    else:
        pairs = np.indices(result.shape, dtype=np.int64).reshape(2, -1).T
        result[...] = comparison.of(rows, others, np.ascontiguousarray(pairs)).reshape(result.shape)
    return result


def top_k(
    rows: Ragged,
    columns: Ragged | None = None,
    *,
    k: SupportsIndex,
    local_cost: LocalCost = "euclidean",
    step_pattern: StepPattern = "symmetric2",
    band_radius: SupportsIndex | None = None,
    band_fraction: float | None = None,
    normalize: bool = True,
    device: Device = "auto",
    precision: Precision | None = None,
    n_threads: int = 1,
) -> tuple[Integers, Frames]:
    """The k nearest columns of every row, nearest first; among equals the lower index comes first.

    Parameters
    ----------
    rows, columns : Ragged
        As in `matrix`. Without `columns`, the rows among one another, where none is its own neighbour: every pair is
        computed once.
    k : int >= 1
        Length of a list.
    local_cost, step_pattern, band_radius, band_fraction, normalize, device, precision, n_threads
        As in `distances`.

    Returns
    -------
    indices : (n_rows, k) int64
        Columns; -1 after the last where there are fewer than k.
    distances : (n_rows, k) float32
        To the last bit what `matrix` gives for these pairs; NaN where the index is -1.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `matrix` does; ValueError if k is below 1.

    Notes
    -----
    The matrix is computed in tiles and never held as a whole. On a GPU the tiles are merged where they are computed,
    and only the lists leave it.

    Examples
    --------
    >>> songs = Ragged.from_sequences([[[1], [2], [3]], [[2], [3], [4]], [[9]]])
    >>> top_k(songs, k=1, normalize=False, device="cpu")
    (array([[1],
           [0],
           [1]]), array([[ 2.],
           [ 2.],
           [18.]], dtype=float32))
    """
    measure = Measure(local_cost, step_pattern, band_radius, band_fraction)
    comparison = _Comparison.checked(measure, device, precision, normalize=normalize, n_threads=n_threads)
    others, n_nearest = _checked_others(rows, columns), check_k(k)
    measure.check_paths(rows.lengths, None if columns is None else columns.lengths)
    if comparison.device == "cuda":
        indices, nearest = comparison.top_k_on_gpu(rows, columns, n_nearest)
    else:
        indices, nearest = dtw_topk.top_k(
            (len(rows), len(others)),
            n_nearest,
            lambda pairs, numbers: comparison.of(rows, others, pairs, numbers),
            mirrored=columns is None,
        )
    nearest[indices < 0] = np.nan
    return indices, nearest


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What the functions are asked for besides the sequences, checked."""

    measure: Measure
    device: Literal["cpu", "cuda"]
    precision: Precision
    normalize: bool
    n_threads: int

    @classmethod
    def checked(
        cls, measure: Measure, device: Device, precision: Precision | None, *, normalize: bool, n_threads: SupportsIndex
    ) -> "_Comparison":
        """Refuse what cannot be had, before anything is computed."""
        threads, resolved = check_threads(n_threads), resolve(device)
        check_precision(precision, resolved)
        chosen = precision or "float32"
        if resolved == "cuda":
            from audiosim_kernels import dtw_cuda  # noqa: PLC0415 - numba only when needed

            capability = dtw_cuda.compute_capability()
            chosen = dtw_cuda.choose_precision(capability, squared=measure.squared, precision=precision)
        return cls(measure, resolved, chosen, normalize, threads)

    def of(self, sequences: Ragged, others: Ragged, pairs: Integers, numbers: Integers | None = None) -> Frames:
        """Distances (n_pairs,) of pairs that are known to exist; errors name a pair by its number."""
        n, m = sequences.lengths[pairs[:, 0]], others.lengths[pairs[:, 1]]
        radii = self.measure.radii(pairs, n, m)
        squared, diagonal_weight = self.measure.squared, self.measure.diagonal_weight
        if self.device == "cuda":
            from audiosim_kernels import dtw_cuda as driver  # noqa: PLC0415

            totals = driver.totals(
                sequences,
                others,
                pairs,
                radii,
                squared=squared,
                diagonal_weight=diagonal_weight,
                precision=self.precision,
            )
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
        check_totals(totals, pairs, numbers)
        return totals / (n + m).astype(np.float32) if self.normalize else totals

    def matrix_on_gpu(self, rows: Ragged, columns: Ragged | None) -> Frames:
        """Distances (n_rows, n_columns) of all pairs."""
        from audiosim_kernels import dtw_matrix_cuda  # noqa: PLC0415

        others = rows if columns is None else columns
        result = np.empty((len(rows), len(others)), dtype=np.float32)
        overflow = dtw_matrix_cuda.matrix(rows, columns, self._question(rows, others), result)
        _check_overflow(overflow, len(others), mirrored=columns is None)
        return result

    def top_k_on_gpu(self, rows: Ragged, columns: Ragged | None, k: int) -> tuple[Integers, Frames]:
        """Indices and distances (n_rows, k) of the nearest columns."""
        from audiosim_kernels import dtw_matrix_cuda  # noqa: PLC0415

        others = rows if columns is None else columns
        indices, nearest, overflow = dtw_matrix_cuda.top_k(rows, columns, self._question(rows, others), k)
        _check_overflow(overflow, len(others), mirrored=columns is None)
        return indices, nearest

    def _question(self, rows: Ragged, columns: Ragged) -> "Question":
        from audiosim_kernels.dtw_matrix_cuda import Question  # noqa: PLC0415

        longest = int(np.concatenate([[0], rows.lengths, columns.lengths]).max())
        return Question(
            self.measure.squared,
            self.measure.diagonal_weight,
            self.normalize,
            self.precision,
            self.measure.radius_of(longest),
        )


def _check_overflow(place: int | None, n_columns: int, *, mirrored: bool) -> None:
    """Refuse a matrix in which a total left float32; `place` is its first, read row by row."""
    if place is not None:
        pair = np.array([divmod(place, n_columns)])
        refuse_total(int(numbers_of_pairs(pair, n_columns, mirrored=mirrored)[0]), *pair[0])


def _checked_others(sequences: Ragged, others: Ragged | None) -> Ragged:
    """Return the other side of the pairs: `others`, if it has the same n_dims, or `sequences` again."""
    if others is None:
        return sequences
    check_dims(sequences, others)
    return others
