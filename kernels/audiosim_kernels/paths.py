"""Exact warping paths of two sequences, and the best match of one sequence inside another.

The recurrence is that of `audiosim_kernels.dtw`; here the path itself is wanted, which says what corresponds to what.
"""

from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

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
from audiosim_kernels.paths_checkpoints import cheapest_path
from audiosim_kernels.ragged import Integers, Ragged

_PAIR = np.array([[0, 1]], dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class WarpingPath:
    """What corresponds to what in two sequences.

    Parameters
    ----------
    distance : float
        As `dtw.distances` defines it.
    path : (n_steps, 2) int64
        Frames of the first and of the second sequence that correspond, in order, from (0, 0) to (n - 1, m - 1).
    """

    distance: float
    path: Integers


@dataclass(frozen=True, slots=True, eq=False)
class SubsequenceMatch:
    """Where a query is found in a sequence.

    Parameters
    ----------
    distance : float
        Cost of the match; see `subsequence`.
    start, stop : int
        The match is ``sequence[start:stop]``.
    path : (n_steps, 2) int64
        Frames of the query and of the sequence that correspond, in order, from (0, start) to (n - 1, stop - 1).
    """

    distance: float
    start: int
    stop: int
    path: Integers


@dataclass(frozen=True, slots=True, eq=False)
class SubsequenceMatches:
    """Where queries are found in sequences; row i of each array belongs to pair i.

    Parameters
    ----------
    distances : (n_pairs,) float64
        Costs of the matches; see `subsequence`.
    starts, stops : (n_pairs,) int64
        A match is ``sequence[start:stop]``.
    """

    distances: npt.NDArray[np.float64]
    starts: Integers
    stops: Integers


def warping_path(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    local_cost: LocalCost = "euclidean",
    step_pattern: StepPattern = "symmetric2",
    band_radius: SupportsIndex | None = None,
    band_fraction: float | None = None,
    normalize: bool = True,
    device: Device = "auto",
) -> WarpingPath:
    """Cheapest path through the local costs of two sequences.

    Parameters
    ----------
    a, b : (n_frames >= 1, n_dims) real
        Of the same n_dims, finite; rounded to float32.
    local_cost, step_pattern, band_radius, band_fraction, normalize, device
        As in `dtw.distances`.

    Returns
    -------
    WarpingPath
        The path and its cost. Among paths of equal cost it is the one which, followed from the end backwards, prefers
        a diagonal step, then a step along `b` alone, then one along `a` alone, as dtw-python and librosa do. So the
        path of (b, a) mirrors that of (a, b), unless paths of equal cost exist.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `dtw.distances` does; errors call `a` sequence 0 and `b` sequence 1.

    Notes
    -----
    Beside the frames and the path, memory is about ``6 * sqrt(n) * m`` bytes: 17 MB for two sequences of 20 000 frames,
    which take some seconds on one core. The cells left of the path, about half of them, are computed twice.

    Local costs are float32, as in `dtw.distances`, and accumulated in float64. Costs that tie in exact arithmetic need
    not tie after rounding; for small integers with a squared local cost they do.

    References
    ----------
    Sakoe, H., & Chiba, S. (1978). Dynamic programming algorithm optimization for spoken word recognition. IEEE
    Transactions on Acoustics, Speech, and Signal Processing, 26(1), 43-49.

    Examples
    --------
    >>> aligned = warping_path([[1], [2], [3]], [[2], [3], [4]], normalize=False, device="cpu")
    >>> aligned.distance, aligned.path.tolist()
    (2.0, [[0, 0], [1, 0], [2, 1], [2, 2]])
    """
    measure = Measure(local_cost, step_pattern, band_radius, band_fraction)
    sequences = Ragged.from_sequences([a, b])
    total, path = _aligned(sequences[0], sequences[1], measure, device)
    return WarpingPath(total / len(sequences.frames) if normalize else total, path)


def subsequence(
    query: npt.ArrayLike,
    sequence: npt.ArrayLike,
    *,
    local_cost: LocalCost = "euclidean",
    step_pattern: StepPattern = "symmetric1",
    normalize: bool = True,
    device: Device = "auto",
) -> SubsequenceMatch:
    """Best match of all of a query with any part of a sequence.

    Parameters
    ----------
    query : (n_frames >= 1, n_dims) real
        All of it is aligned. Finite; rounded to float32.
    sequence : (n_frames >= 1, n_dims) real
        Of the same n_dims. The match may start and stop anywhere in it, and may be shorter than the query or longer.
    local_cost : {"euclidean", "sqeuclidean"}
        As in `dtw.distances`.
    step_pattern : {"symmetric1", "symmetric2"}
        Weight of a diagonal step: 1 or 2. With 1 each frame of the query costs at least its nearest frame, whatever
        the length of the match. With 2 each frame of the match is charged as well, which favours short matches.
    normalize : bool
        Divide the total by the number of frames in the query.
    device : {"auto", "cpu", "cuda"}
        "auto" is the GPU where there is one.

    Returns
    -------
    SubsequenceMatch
        The match of the least cost; of several the one that stops first, and then the path that `warping_path` prefers.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `warping_path` does; errors call the query sequence 0 and the sequence sequence 1.

    Notes
    -----
    The length of the match is not known before it is found. So n + m, which `dtw.distances` divides by, cannot be part
    of what is minimised; the query's length can, since it is the same for every match. With symmetric2 a path weighs
    about n + (stop - start), and its mean cost is ``distance * n / (n + stop - start)``: exactly what
    `dtw.distances` says of the query and ``sequence[start:stop]``, but not the least mean of all matches.

    Time is proportional to n * m; the start of the best path to each cell is carried along with its cost, in memory
    proportional to m. The path is then the `warping_path` of the query and the match.

    References
    ----------
    Müller, M. (2015). Fundamentals of Music Processing, section 7.2.3. Springer.

    Examples
    --------
    >>> match = subsequence([[2], [3]], [[9], [1], [2], [3], [7]], device="cpu")
    >>> match.distance, match.start, match.stop, match.path.tolist()
    (0.0, 2, 4, [[0, 2], [1, 3]])
    """
    measure = Measure(local_cost, step_pattern)
    sequences = Ragged.from_sequences([query, sequence])
    totals, places = _matches(sequences, sequences, _PAIR, measure, device)
    start, stop = places[0].tolist()
    # Without the rest of the sequence no cell of the match is cheaper to reach, and those on the path cost the same: so
    # every decision on the way back is the same, among equals too.
    _, path = _aligned(sequences[0], sequences[1][start:stop], measure, device)
    distance = float(totals[0])
    return SubsequenceMatch(
        distance / len(sequences[0]) if normalize else distance, start, stop, path + np.array([0, start])
    )


def subsequence_distances(
    queries: Ragged,
    sequences: Ragged,
    pairs: npt.ArrayLike,
    *,
    local_cost: LocalCost = "euclidean",
    step_pattern: StepPattern = "symmetric1",
    normalize: bool = True,
    device: Device = "auto",
    n_threads: int = 1,
) -> SubsequenceMatches:
    """Best matches of chosen queries in chosen sequences, without their paths.

    Parameters
    ----------
    queries, sequences : Ragged
        Of the same n_dims.
    pairs : (n_pairs, 2) int
        Indices of a query and of a sequence, >= 0. Pairs may repeat.
    local_cost, step_pattern, normalize, device
        As in `subsequence`.
    n_threads : int >= 1
        Threads on the CPU; they share the pairs out, so the result does not depend on their number.

    Returns
    -------
    SubsequenceMatches
        For each pair what `subsequence` says of it.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `dtw.distances` does.

    Examples
    --------
    >>> songs = Ragged.from_sequences([[[2], [3]], [[9], [1], [2], [3], [7]]])
    >>> matches = subsequence_distances(songs, songs, [(0, 1), (0, 0)], device="cpu")
    >>> matches.distances, matches.starts, matches.stops
    (array([0., 0.]), array([2, 0]), array([4, 2]))
    """
    measure = Measure(local_cost, step_pattern)
    check_dims(queries, sequences)
    chosen = checked_pairs(pairs, len(queries), len(sequences))
    totals, places = _matches(queries, sequences, chosen, measure, device, n_threads=check_threads(n_threads))
    distances = totals / queries.lengths[chosen[:, 0]] if normalize else totals
    return SubsequenceMatches(distances, places[:, 0], places[:, 1])


def _aligned(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], measure: Measure, device: Device
) -> tuple[float, Integers]:
    """Accumulated cost and cells of the cheapest path."""
    n, m = (np.array([len(frames)]) for frames in (a, b))
    radius = int(measure.radii(_PAIR, n, m)[0])
    if resolve(device) == "cuda":
        from audiosim_kernels import paths_cuda as driver  # noqa: PLC0415 - numba only when needed
    else:
        from audiosim_kernels import paths_cpu as driver  # noqa: PLC0415
    total, path = cheapest_path(driver.Rows(a, b, measure, radius))
    check_totals(np.array([total]), _PAIR)
    return total, path


def _matches(
    queries: Ragged, sequences: Ragged, pairs: Integers, measure: Measure, device: Device, *, n_threads: int = 1
) -> tuple[npt.NDArray[np.float64], Integers]:
    """Accumulated costs (n_pairs,) and places (n_pairs, 2) of the best matches."""
    if resolve(device) == "cuda":
        from audiosim_kernels import paths_cuda  # noqa: PLC0415

        totals, places = paths_cuda.matches(queries, sequences, pairs, measure)
    else:
        from audiosim_kernels import paths_cpu  # noqa: PLC0415

        totals, places = paths_cpu.matches(queries, sequences, pairs, measure, n_threads=n_threads)
    check_totals(totals, pairs)
    return totals, places
