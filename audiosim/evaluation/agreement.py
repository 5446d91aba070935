"""How far two distance matrices over the same tracks agree, in neighbours and overall.

The two are different questions: matrices whose distances correlate at .6 may share one neighbour in ten. The
neighbour figures fall with the number of tracks, so each is to be read beside its chance level.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

from audiosim.evaluation.mantel import Mantel, mantel_test, standard_ranks
from audiosim.evaluation.ranking import Distances, nearest_lists, validate_k, validate_pair


@dataclass(frozen=True, slots=True)
class SharedNeighbors:
    """How much of their k nearest two matrices share, beside what two random lists would."""

    k: int
    overlap: float  # mean over tracks of |A and B| / k
    overlap_chance: float
    jaccard: float  # mean over tracks of |A and B| / |A or B|
    jaccard_chance: float


@dataclass(frozen=True, slots=True)
class RowCorrelation:
    """Spearman correlation of each track's distances to all others, over tracks."""

    mean: float
    lower_quartile: float
    median: float
    upper_quartile: float
    n_left_out: int  # tracks whose distances are all equal in one of the matrices


@dataclass(frozen=True, slots=True)
class Agreement:
    """All agreement figures of two matrices."""

    neighbors: tuple[SharedNeighbors, ...]
    rows: RowCorrelation
    mantel: Mantel


def overlap_at_k(first: Distances, second: Distances, *, k: int = 10, seed: int = 0) -> float:
    """Share of the k nearest that both matrices name, averaged over tracks.

    Parameters
    ----------
    first, second : (n_tracks, n_tracks) floating
        The same tracks in the same order; see `validate_distances`.
    k : int
        Length of the lists, below n_tracks.
    seed : int
        Of the order among ties, the same in both matrices: equal matrices agree in their ties too.

    Returns
    -------
    float
        0 to 1; compare with `overlap_chance`.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape, or k is not in 1 .. n_tracks - 1.

    Notes
    -----
    O(n_tracks**2 log n_tracks) time, n_tracks**2 bytes.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> overlap_at_k(line, line, k=1)
    1.0
    """
    return evaluate_neighbors(first, second, ks=[k], seed=seed)[0].overlap


def jaccard_at_k(first: Distances, second: Distances, *, k: int = 10, seed: int = 0) -> float:
    """Jaccard index of the two sets of k nearest, averaged over tracks; parameters as in `overlap_at_k`.

    Returns
    -------
    float
        0 to 1; compare with `jaccard_chance`.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape, or k is not in 1 .. n_tracks - 1.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> jaccard_at_k(line, line, k=1)
    1.0
    """
    return evaluate_neighbors(first, second, ks=[k], seed=seed)[0].jaccard


def overlap_chance(n_tracks: int, *, k: int) -> float:
    """Give the expected `overlap_at_k` of two random matrices, k / (n_tracks - 1).

    Raises
    ------
    ValueError
        If k is not in 1 .. n_tracks - 1.

    Examples
    --------
    >>> overlap_chance(101, k=10)
    0.1
    """
    _validate_list_length(k, n_tracks)
    return k / (n_tracks - 1)


def jaccard_chance(n_tracks: int, *, k: int) -> float:
    """Give the expected `jaccard_at_k` of two random matrices.

    The number of shared tracks is hypergeometric, and the expectation is over it, not of the ratio of means.

    Raises
    ------
    ValueError
        If k is not in 1 .. n_tracks - 1.

    Examples
    --------
    >>> round(jaccard_chance(1000, k=10), 4)
    0.0053
    """
    _validate_list_length(k, n_tracks)
    n_shared = np.arange(k + 1)
    probability = scipy.stats.hypergeom.pmf(n_shared, n_tracks - 1, k, k)
    return float(np.sum(probability * n_shared / (2 * k - n_shared)))


def evaluate_neighbors(
    first: Distances, second: Distances, *, ks: Sequence[int] = (1, 5, 10, 20), seed: int = 0
) -> tuple[SharedNeighbors, ...]:
    """Overlap and Jaccard with their chance levels at several k, from one ranking; see `overlap_at_k`.

    Returns
    -------
    tuple of SharedNeighbors
        One for each of `ks` in order.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape, or one of `ks` is not in 1 .. n_tracks - 1.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> evaluate_neighbors(line, line, ks=[1])[0].overlap_chance
    0.5
    """
    validate_pair(first, second)
    n_tracks = len(first)
    for k in ks:
        _validate_list_length(k, n_tracks)
    if not ks:
        return ()
    lists = [nearest_lists(distances, k=max(ks), seed=seed) for distances in (first, second)]
    result: list[SharedNeighbors] = []
    for k in ks:
        n_shared = _n_shared(lists[0][:, :k], lists[1][:, :k])
        result.append(
            SharedNeighbors(
                k=k,
                overlap=float(np.mean(n_shared / k)),
                overlap_chance=overlap_chance(n_tracks, k=k),
                jaccard=float(np.mean(n_shared / (2 * k - n_shared))),
                jaccard_chance=jaccard_chance(n_tracks, k=k),
            )
        )
    return tuple(result)


def row_correlations(first: Distances, second: Distances) -> npt.NDArray[np.float64]:
    """Spearman correlation of each track's distances to all others.

    Parameters
    ----------
    first, second : (n_tracks, n_tracks) floating
        The same tracks in the same order; see `validate_distances`.

    Returns
    -------
    (n_tracks,) float64
        -1 to 1, ties ranked by their mean; NaN where all distances of a row are equal.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape.

    Notes
    -----
    O(n_tracks**2 log n_tracks) time, O(n_tracks) memory.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> row_correlations(line, line).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    validate_pair(first, second)
    result = np.full(len(first), np.nan)
    if len(first) < 2:
        return result
    for i in range(len(first)):
        ranks = [standard_ranks(np.delete(distances[i], i)) for distances in (first, second)]
        result[i] = float(ranks[0] @ ranks[1])
    return result


def row_correlation(first: Distances, second: Distances) -> RowCorrelation:
    """Mean and quartiles of `row_correlations`; parameters as there.

    Returns
    -------
    RowCorrelation
        NaN, with a warning, if no row has two different distances in both matrices.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> round(row_correlation(line, line).median, 6)
    1.0
    """
    correlations = row_correlations(first, second)
    counted = correlations[~np.isnan(correlations)]
    n_left_out = correlations.size - counted.size
    if counted.size == 0:
        warnings.warn(
            f"none of {correlations.size} rows has different distances in both matrices; the result is NaN",
            stacklevel=2,
        )
        return RowCorrelation(*[float("nan")] * 4, n_left_out=n_left_out)
    lower, median, upper = (float(value) for value in np.quantile(counted, (0.25, 0.5, 0.75)))
    return RowCorrelation(float(counted.mean()), lower, median, upper, n_left_out)


def evaluate(
    first: Distances,
    second: Distances,
    *,
    ks: Sequence[int] = (1, 5, 10, 20),
    n_permutations: int = 999,
    seed: int = 0,
) -> Agreement:
    """All agreement figures of two matrices; parameters as in `overlap_at_k` and `mantel_test`.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape, or one of `ks` is not in 1 .. n_tracks - 1.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> evaluate(line, line, ks=[1], n_permutations=9).neighbors[0].jaccard
    1.0
    """
    return Agreement(
        neighbors=evaluate_neighbors(first, second, ks=ks, seed=seed),
        rows=row_correlation(first, second),
        mantel=mantel_test(first, second, n_permutations=n_permutations, seed=seed),
    )


def _validate_list_length(k: int, n_tracks: int) -> None:
    validate_k(k)
    if k >= n_tracks:
        raise ValueError(f"k must be below the number of tracks ({n_tracks}), got {k}")


def _n_shared(first: npt.NDArray[np.intp], second: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """Count the tracks that stand in both lists of a row."""
    named = np.zeros((len(first), len(first)), dtype=np.bool_)
    np.put_along_axis(named, first, values=True, axis=1)
    return np.take_along_axis(named, second, axis=1).sum(axis=1)
