"""How many neighbours two distance matrices share, beside what two random ones would.

These figures fall with the number of tracks, so each is to be read beside its chance level.

References
----------
Webber, Moffat, Zobel (2010), "A similarity measure for indefinite rankings", ACM Transactions on Information Systems
28 (4), 20.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from audiosim.evaluation.ranking import Distances, nearest_lists, validate_k, validate_pair

# How much of the weight each next neighbour keeps: at .9 the ten nearest hold 86 % of it.
PERSISTENCE = 0.9
# At .9 the neighbours beyond this many would add less than 3e-5.
DEPTH = 100
# Rows whose lists are compared at once, so that no second matrix is needed.
_COMPARED_ROWS = 512


@dataclass(frozen=True, slots=True)
class SharedNeighbors:
    """How much of their k nearest two matrices share, beside what two random lists would."""

    k: int
    overlap: float  # mean over tracks of |A and B| / k
    overlap_chance: float
    jaccard: float  # mean over tracks of |A and B| / |A or B|
    jaccard_chance: float


@dataclass(frozen=True, slots=True)
class RankBiasedOverlap:
    """Overlap of whole rankings, the top of which counts most, beside what two random rankings have."""

    p: float  # persistence
    depth: int  # neighbours that were compared
    overlap: float  # mean over tracks, 0 to 1; NaN for a single track
    chance: float


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
    O(n_tracks**2 log n_tracks) time, O(n_tracks * k) memory.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> overlap_at_k(line, line, k=1)
    1.0
    """
    return shared_neighbors(first, second, ks=[k], seed=seed)[0].overlap


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
    return shared_neighbors(first, second, ks=[k], seed=seed)[0].jaccard


def shared_neighbors(
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
    >>> shared_neighbors(line, line, ks=[1])[0].overlap_chance
    0.5
    """
    validate_pair(first, second)
    validate_list_lengths(ks, n_tracks=len(first))
    if not ks:
        return ()
    lists = [nearest_lists(distances, k=max(ks), seed=seed) for distances in (first, second)]
    return shared_at(shared_depths(*lists), ks=ks)


def rank_biased_overlap(
    first: Distances, second: Distances, *, p: float = PERSISTENCE, depth: int = DEPTH, seed: int = 0
) -> RankBiasedOverlap:
    """Extrapolated rank-biased overlap of each track's two rankings, averaged over tracks.

    Parameters
    ----------
    first, second : (n_tracks, n_tracks) floating
        The same tracks in the same order; see `validate_distances`.
    p : float
        Between 0 and 1: the weight of the overlap of the d nearest is (1 - p) p**(d - 1).
    depth : int
        Neighbours that are compared, n_tracks - 1 where there are fewer; beyond them the overlap is taken to stay as
        it is at the last.
    seed : int
        Of the order among ties, the same in both matrices.

    Returns
    -------
    RankBiasedOverlap

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape, p does not lie between 0 and 1, or depth is below 1.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> result = rank_biased_overlap(line, line)
    >>> round(result.overlap, 6), result.depth
    (1.0, 2)
    """
    validate_pair(first, second)
    validate_k(depth, name="depth")
    if not 0 < p < 1:
        raise ValueError(f"p must lie between 0 and 1, got {p}")
    depth = min(depth, len(first) - 1)
    if depth < 1:
        return RankBiasedOverlap(p, 0, float("nan"), float("nan"))
    lists = [nearest_lists(distances, k=depth, seed=seed) for distances in (first, second)]
    return biased_to(shared_depths(*lists), p=p, depth=depth)


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
    validate_list_lengths([k], n_tracks=n_tracks)
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
    validate_list_lengths([k], n_tracks=n_tracks)
    n_shared = np.arange(k + 1)
    probability = scipy.stats.hypergeom.pmf(n_shared, n_tracks - 1, k, k)
    return float(np.sum(probability * n_shared / (2 * k - n_shared)))


def rank_biased_overlap_chance(n_tracks: int, *, p: float = PERSISTENCE, depth: int = DEPTH) -> float:
    """Give the expected `rank_biased_overlap` of two random matrices, for a depth in 1 .. n_tracks - 1.

    Raises
    ------
    ValueError
        If depth is not in 1 .. n_tracks - 1.

    Examples
    --------
    >>> round(rank_biased_overlap_chance(1001, p=0.9, depth=100), 5)
    0.01
    """
    validate_list_lengths([depth], n_tracks=n_tracks)
    # Of d tracks each, two random lists share d**2 / (n - 1).
    return float(_depth_weights(p, depth) @ np.arange(1, depth + 1) ** 2) / (n_tracks - 1)


def validate_list_lengths(ks: Sequence[int], *, n_tracks: int) -> None:
    """Refuse list lengths that are not in 1 .. n_tracks - 1."""
    for k in ks:
        validate_k(k)
        if k >= n_tracks:
            raise ValueError(f"k must be below the number of tracks ({n_tracks}), got {k}")


def shared_depths(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    """How far down both lists one must go to meet each track of the first.

    Parameters
    ----------
    first, second : (n_tracks, k_max) integer
        Nearest first, as from `nearest_lists`.

    Returns
    -------
    (n_tracks, k_max) int32
        The larger of the track's two ranks, from 1; k_max + 1 where the second list does not hold it. So the k
        nearest share as many tracks as there are entries up to k.

    Examples
    --------
    >>> shared_depths(np.array([[1, 2], [0, 2], [0, 1]]), np.array([[2, 1], [0, 2], [1, 0]])).tolist()
    [[2, 2], [1, 2], [2, 2]]
    """
    n_tracks, k_max = first.shape
    ranks = np.arange(1, k_max + 1, dtype=np.int32)
    result = np.empty(first.shape, dtype=np.int32)
    for start in range(0, n_tracks, _COMPARED_ROWS):
        rows = slice(start, start + _COMPARED_ROWS)
        in_second = np.full((len(first[rows]), n_tracks), k_max + 1, dtype=np.int32)
        np.put_along_axis(in_second, second[rows], ranks[None], axis=1)
        result[rows] = np.maximum(np.take_along_axis(in_second, first[rows], axis=1), ranks)
    return result


def shared_at(depths: npt.NDArray[np.int32], *, ks: Sequence[int]) -> tuple[SharedNeighbors, ...]:
    """Overlap and Jaccard from `shared_depths`, at list lengths that are already validated."""
    result: list[SharedNeighbors] = []
    for k in ks:
        n_shared = np.count_nonzero(depths[:, :k] <= k, axis=1)
        result.append(
            SharedNeighbors(
                k=k,
                overlap=float(np.mean(n_shared / k)),
                overlap_chance=overlap_chance(len(depths), k=k),
                jaccard=float(np.mean(n_shared / (2 * k - n_shared))),
                jaccard_chance=jaccard_chance(len(depths), k=k),
            )
        )
    return tuple(result)


def biased_to(depths: npt.NDArray[np.int32], *, p: float, depth: int) -> RankBiasedOverlap:
    """Rank-biased overlap from `shared_depths`, of lists at least `depth` long."""
    # A track that both lists hold within d ranks counts in the overlap at d and at every larger depth.
    gains = np.zeros(depths.shape[1] + 2)
    gains[1 : depth + 1] = np.cumsum(_depth_weights(p, depth)[::-1])[::-1]
    overlap = float(gains[depths].sum()) / len(depths)
    return RankBiasedOverlap(p, depth, min(overlap, 1.0), rank_biased_overlap_chance(len(depths), p=p, depth=depth))


def _depth_weights(p: float, depth: int) -> npt.NDArray[np.float64]:
    """What one shared track adds for each depth at which it is shared; the last holds all that would come after."""
    depths = np.arange(1, depth + 1)
    weights = (1.0 - p) * p ** (depths - 1.0) / depths
    weights[-1] += p**depth / depth
    return weights
