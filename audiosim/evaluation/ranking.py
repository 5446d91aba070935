"""Who comes first: checked distances turned into rankings, with ties broken by chance and artists filtered."""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

Distances = npt.NDArray[np.floating]
Indices = npt.NDArray[np.intp]

# Computed distances are float32 and may differ in the last bits between (i, j) and (j, i).
SYMMETRY_TOLERANCE = 1e-5
# Rows compared with columns at once, so that checking a matrix needs no second one.
_CHECKED_ROWS = 512


def validate_distances(distances: Distances, *, name: str = "distances") -> None:
    """Refuse what is not a complete matrix of distances.

    Parameters
    ----------
    distances : (n_tracks, n_tracks) floating
        Must be finite, exactly 0 on the diagonal, and symmetric within 1e-5 (absolute, or relative where
        distances exceed 1). Negative values pass: some hubness corrections give them.
    name : str
        What the error text calls the matrix.

    Raises
    ------
    ValueError
        If one of these does not hold; the text says how many entries offend.

    Notes
    -----
    O(n_tracks**2) time, n_tracks**2 bytes.

    Examples
    --------
    >>> validate_distances(np.zeros((2, 3)))
    Traceback (most recent call last):
    ValueError: distances must have shape (n_tracks, n_tracks), got (2, 3)
    """
    if distances.ndim != 2 or distances.shape[0] != distances.shape[1]:
        raise ValueError(f"{name} must have shape (n_tracks, n_tracks), got {distances.shape}")
    n_nan, n_infinite = int(np.isnan(distances).sum()), int(np.isinf(distances).sum())
    if n_nan or n_infinite:
        raise ValueError(
            f"{name} must be finite, got {n_nan} NaN and {n_infinite} infinite of {distances.size} entries; "
            "leave out the tracks that were not compared"
        )
    n_diagonal = int(np.count_nonzero(np.diagonal(distances)))
    if n_diagonal:
        raise ValueError(f"{name} must be exactly 0 on the diagonal, got {n_diagonal} other entries")
    n_asymmetric = _n_asymmetric(distances)
    if n_asymmetric:
        raise ValueError(
            f"{name} must be symmetric within {SYMMETRY_TOLERANCE:g}, got {n_asymmetric} pairs that differ more; "
            "average the matrix with its transpose if that is meant"
        )


def validate_pair(first: Distances, second: Distances) -> None:
    """Refuse two matrices that are not over the same tracks.

    Parameters
    ----------
    first, second : (n_tracks, n_tracks) floating
        See `validate_distances`.

    Raises
    ------
    ValueError
        If one of them is not valid, or their shapes differ.

    Examples
    --------
    >>> validate_pair(np.zeros((2, 2)), np.zeros((3, 3)))
    Traceback (most recent call last):
    ValueError: both matrices must be over the same tracks, got shapes (2, 2) and (3, 3); keep those both have
    """
    validate_distances(first, name="first")
    validate_distances(second, name="second")
    if first.shape != second.shape:
        raise ValueError(
            f"both matrices must be over the same tracks, got shapes {first.shape} and {second.shape}; "
            "keep those both have"
        )


def validate_k(k: int, *, name: str = "k") -> None:
    """Refuse a list length below 1."""
    if k < 1:
        raise ValueError(f"{name} must be at least 1, got {k}")


def label_codes(labels: Sequence[Hashable | None], *, n_tracks: int) -> npt.NDArray[np.int64]:
    """Number the labels, unknown ones (None) as -1.

    Parameters
    ----------
    labels : sequence of n_tracks hashable or None
        One label a track; None is unknown.
    n_tracks : int
        How many labels there must be.

    Returns
    -------
    (n_tracks,) int64
        Equal labels have equal codes, from 0 in order of first appearance.

    Raises
    ------
    ValueError
        If there is not one label a track.

    Examples
    --------
    >>> label_codes(["rock", None, "jazz", "rock"], n_tracks=4).tolist()
    [0, -1, 1, 0]
    """
    if len(labels) != n_tracks:
        raise ValueError(f"there must be one label a track ({n_tracks}, None where unknown), got {len(labels)}")
    codes: dict[Hashable, int] = {}
    return np.array([-1 if label is None else codes.setdefault(label, len(codes)) for label in labels], dtype=np.int64)


def artist_codes(artists: Sequence[str | None] | None, *, n_tracks: int) -> npt.NDArray[np.int64]:
    """Number the artists; an unknown one (None) is an artist of its own.

    Parameters
    ----------
    artists : sequence of n_tracks str or None, or None
        One artist a track. None in place of the sequence: every track is its own artist, so filtering by
        artist leaves out the query and nothing else.
    n_tracks : int
        How many artists there must be.

    Returns
    -------
    (n_tracks,) int64
        Equal codes mean the same known artist, or the same track.

    Raises
    ------
    ValueError
        If there is not one artist a track.

    Examples
    --------
    >>> artist_codes(["Ann", None, "Ann", None], n_tracks=4).tolist()
    [0, 1, 0, 3]
    """
    if artists is None:
        return np.arange(n_tracks, dtype=np.int64)
    if len(artists) != n_tracks:
        raise ValueError(f"there must be one artist a track ({n_tracks}, None where unknown), got {len(artists)}")
    first: dict[str, int] = {}
    return np.array(
        [i if artist is None else first.setdefault(artist, i) for i, artist in enumerate(artists)], dtype=np.int64
    )


def ordered(values: npt.NDArray[np.floating], *, rng: np.random.Generator) -> Indices:
    """Indices by ascending value, equal values in an order drawn from `rng`.

    Never by index: neighbours in a catalog come from one folder, and a measure with many ties would be
    credited for the sorting of the files.

    Parameters
    ----------
    values : (n,) floating
        No NaN.
    rng : numpy.random.Generator
        Advanced by one permutation of n.

    Returns
    -------
    (n,) intp

    Examples
    --------
    >>> ordered(np.array([3.0, 1.0, 2.0]), rng=np.random.default_rng(0)).tolist()
    [1, 2, 0]
    """
    shuffled = rng.permutation(values.size)
    if values.dtype != np.float32 or values.size == 0:
        return shuffled[np.argsort(values[shuffled], kind="stable")]
    return shuffled[_argsort_float32(values[shuffled])]


def _argsort_float32(values: npt.NDArray[np.floating]) -> Indices:
    """Sort stably, several times as fast as NumPy: integers of value and place are sorted themselves, not by index."""
    # Adding 0 makes -0 equal to 0 in its bits too.
    bits = (values + np.float32(0.0)).view(np.int32)
    # Bits of positive numbers ascend with the number, those of negative ones descend.
    ascending = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits)
    keys = (ascending.astype(np.int64) << 32) | np.arange(values.size)
    keys.sort()
    return (keys & 0xFFFFFFFF).astype(np.intp)


def rankings(distances: Distances, *, artists: Sequence[str | None] | None = None, seed: int = 0) -> Iterator[Indices]:
    """Rank all candidates of every track, nearest first.

    Parameters
    ----------
    distances : (n_tracks, n_tracks) floating
        Already validated.
    artists : sequence of n_tracks str or None, or None
        The artist filter: every track of the query's artist leaves its ranking. None: only the query does.
    seed : int
        Of the order among ties, which is drawn anew for every query: one order for all would make hubs of
        whatever stands first in it.

    Yields
    ------
    (n_candidates,) intp
        Candidates of track 0, 1, ...

    Notes
    -----
    O(n_tracks**2 log n_tracks) time, O(n_tracks) memory.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> [ranking.tolist() for ranking in rankings(line)]
    [[1, 2], [0, 2], [1, 0]]
    """
    codes = artist_codes(artists, n_tracks=len(distances))
    rng = np.random.default_rng(seed)
    for query, row in enumerate(distances):
        order = ordered(row, rng=rng)
        yield order[codes[order] != codes[query]]


def nearest_lists(distances: Distances, *, k: int, seed: int = 0) -> Indices:
    """Give the k nearest other tracks of every track.

    Parameters
    ----------
    distances : (n_tracks, n_tracks) floating
        Already validated.
    k : int
        Length of a list, below n_tracks.
    seed : int
        Of the order among ties.

    Returns
    -------
    (n_tracks, k) intp
        Nearest first. The lists for a smaller k are the first columns.

    Raises
    ------
    ValueError
        If k is not in 1 .. n_tracks - 1.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> nearest_lists(line, k=1).ravel().tolist()
    [1, 0, 1]
    """
    validate_k(k)
    if k >= len(distances):
        raise ValueError(f"k must be below the number of tracks ({len(distances)}), got {k}")
    return np.stack([ranking[:k] for ranking in rankings(distances, seed=seed)])


def random_distances(n_tracks: int, *, seed: int = 0) -> npt.NDArray[np.float32]:
    """Draw the control that knows nothing: symmetric, uniform between 0 and 1, zero on the diagonal.

    Parameters
    ----------
    n_tracks : int
        Number of rows and columns.
    seed : int
        The same seed gives the same matrix.

    Returns
    -------
    (n_tracks, n_tracks) float32

    Examples
    --------
    >>> control = random_distances(3, seed=1)
    >>> validate_distances(control)
    """
    upper = np.triu(np.random.default_rng(seed).random((n_tracks, n_tracks), dtype=np.float32), 1)
    return upper + upper.T


def _n_asymmetric(distances: Distances) -> int:
    """Count the pairs whose two entries differ by more than the tolerance."""
    n_entries = 0
    for start in range(0, len(distances), _CHECKED_ROWS):
        rows = distances[start : start + _CHECKED_ROWS]
        columns = distances[:, start : start + _CHECKED_ROWS].T
        close = np.isclose(rows, columns, rtol=SYMMETRY_TOLERANCE, atol=SYMMETRY_TOLERANCE)
        n_entries += close.size - int(np.count_nonzero(close))
    # Near the edge of the relative tolerance one of a pair's two entries may pass and the other not.
    return (n_entries + 1) // 2
