"""Hubness: tracks that are near to too many others, and tracks that are near to none.

References
----------
Radovanović, Nanopoulos, Ivanović (2010), "Hubs in space", JMLR 11, 2487-2531.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.ranking import Distances, nearest_lists, validate_distances


@dataclass(frozen=True, slots=True)
class Hubness:
    """How unevenly tracks appear in the k nearest of others."""

    k: int
    skewness: float  # of N_k over all tracks, those that never appear included; 0 is even
    largest_share: float  # largest N_k / k: 1 is the mean, (n_tracks - 1) / k the most
    orphan_share: float  # share of tracks with N_k = 0, in nobody's list
    gini: float = float("nan")  # of N_k, 0 is even, near 1 all in a few tracks; NaN in tables older than the figure

    @property
    def coverage(self) -> float:
        """Share of tracks that stand in at least one list."""
        return 1.0 - self.orphan_share


def occurrences(distances: Distances, *, k: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Count in how many tracks' k nearest each track appears (N_k).

    Parameters
    ----------
    distances : (n_tracks, n_tracks) floating
        See `validate_distances`.
    k : int
        Length of the lists, below n_tracks.
    seed : int
        Of the order among ties.

    Returns
    -------
    (n_tracks,) int64
        Sums to k * n_tracks.

    Raises
    ------
    ValueError
        If the matrix is not valid, or k not in 1 .. n_tracks - 1.

    Notes
    -----
    O(n_tracks**2 log n_tracks) time, O(n_tracks * k) memory.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> occurrences(line, k=1).tolist()
    [1, 2, 0]
    """
    validate_distances(distances)
    return occurrences_in(nearest_lists(distances, k=k, seed=seed))


def hubness(distances: Distances, *, k: int = 10, seed: int = 0) -> Hubness:
    """Summarise `occurrences`; parameters as there.

    Returns
    -------
    Hubness
        Skewness is the third standardised moment of N_k (biased), and 0 where all N_k are equal.

    Raises
    ------
    ValueError
        If the matrix is not valid, or k not in 1 .. n_tracks - 1.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> hubness(line, k=1).largest_share
    2.0
    """
    return _summary(occurrences(distances, k=k, seed=seed), k)


def evaluate(distances: Distances, *, ks: Sequence[int] = (5, 10), seed: int = 0) -> tuple[Hubness, ...]:
    """Hubness at several k from one ranking; parameters as in `occurrences`.

    Returns
    -------
    tuple of Hubness
        One for each of `ks` in order; empty, with a warning, for no tracks or no `ks`.

    Raises
    ------
    ValueError
        If the matrix is not valid, or one of `ks` not in 1 .. n_tracks - 1.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> [result.orphan_share for result in evaluate(line, ks=[2])]
    [0.0]
    """
    validate_distances(distances)
    if len(distances) == 0 or not ks:
        warnings.warn("there are no tracks or no list lengths; hubness is empty", stacklevel=2)
        return ()
    if min(ks) < 1:
        raise ValueError(f"k must be at least 1, got {min(ks)}")
    return from_lists(nearest_lists(distances, k=max(ks), seed=seed), ks=ks)


def from_lists(lists: npt.NDArray[np.integer], *, ks: Sequence[int] = (5, 10)) -> tuple[Hubness, ...]:
    """Hubness of lists that were made before, of a matrix too large for memory, say.

    Parameters
    ----------
    lists : (n_tracks, k_max) integer
        Indices of the k_max nearest of every track, nearest first; -1 after the last where there are fewer.
    ks : sequence of int
        List lengths; those that no track can fill, from n_tracks on, are dropped.

    Returns
    -------
    tuple of Hubness
        One for each of `ks` that remains, in order.

    Raises
    ------
    ValueError
        If one of `ks` that remain is not in 1 .. k_max.

    Examples
    --------
    >>> [result.largest_share for result in from_lists(np.array([[1], [0], [1]]), ks=[1, 5])]
    [2.0]
    """
    kept_ks = [k for k in ks if k < len(lists)]
    for k in kept_ks:
        _validate_column_count(k, lists)
    return tuple(_summary(occurrences_in(lists[:, :k]), k) for k in kept_ks)


def occurrences_in(lists: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Count in how many lists each track stands (N_k), in lists that were made before.

    Parameters
    ----------
    lists : (n_tracks, k) integer
        Indices of the k nearest of every track; -1 where there are fewer.

    Returns
    -------
    (n_tracks,) int64

    Examples
    --------
    >>> occurrences_in(np.array([[1], [0], [1]])).tolist()
    [1, 2, 0]
    """
    return np.bincount(lists[lists >= 0], minlength=len(lists)).astype(np.int64)


def histogram(lists: npt.NDArray[np.integer], *, k: int) -> tuple[int, ...]:
    """Count the tracks that stand in 0, 1, 2, ... of the lists, for plots.

    Parameters
    ----------
    lists : (n_tracks, k_max) integer
        Indices of the k_max nearest of every track, nearest first; -1 after the last where there are fewer.
    k : int
        How many columns count.

    Returns
    -------
    tuple of int
        Number of tracks with N_k = 0, 1, 2, ... up to the largest N_k; sums to n_tracks.

    Raises
    ------
    ValueError
        If k is not in 1 .. k_max.

    Examples
    --------
    >>> histogram(np.array([[1], [0], [1]]), k=1)
    (1, 1, 1)
    """
    _validate_column_count(k, lists)
    return tuple(int(count) for count in np.bincount(occurrences_in(lists[:, :k])))


def _validate_column_count(k: int, lists: npt.NDArray[np.integer]) -> None:
    if not 1 <= k <= lists.shape[1]:
        raise ValueError(f"k must lie in 1 .. {lists.shape[1]}, the length of the lists, got {k}")


def _summary(counts: npt.NDArray[np.int64], k: int) -> Hubness:
    deviations = counts - counts.mean()
    variance = float(np.mean(deviations**2))
    return Hubness(
        k=k,
        skewness=float(np.mean(deviations**3)) / variance**1.5 if variance > 0 else 0.0,
        largest_share=float(counts.max()) / k,
        orphan_share=float(np.mean(counts == 0)),
        gini=_gini(counts),
    )


def _gini(counts: npt.NDArray[np.int64]) -> float:
    """Mean absolute difference of two tracks' counts, as a share of twice the mean count."""
    total = int(counts.sum())
    weights = 2 * np.arange(1, counts.size + 1) - counts.size - 1
    return float(weights @ np.sort(counts)) / (counts.size * total) if total else 0.0
