"""The nearest tracks of one track, of several, and of all; and how near that is among all pairs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

Row = npt.NDArray[np.floating]
Indices = npt.NDArray[np.intp]
TieKeys = Sequence[str] | Sequence[int]

N_QUANTILES = 1001
# 20 million float32 are 80 MB, all pairs of 6300 tracks.
MAX_EXACT_PAIRS = 20_000_000


@dataclass(frozen=True, slots=True)
class Reached:
    """A track that several seeds lead to."""

    index: int
    n_seeds: int  # seeds among whose nearest it is
    mean_rank: float  # its mean rank with those seeds, from 1


def nearest(
    distances: Row,
    *,
    k: int,
    tie_keys: TieKeys,
    exclude: npt.NDArray[np.bool_] | None = None,
    artists: Sequence[str | None] | None = None,
    artist_cap: int | None = None,
) -> Indices:
    """Rank the tracks nearest to one.

    Parameters
    ----------
    distances : (n_tracks,) floating
        From the query to every track; NaN (not computed) never becomes a result.
    k : int
        Length of the list.
    tie_keys : sequence of n_tracks str or int
        Track ids: equal distances are ordered by them, so that the answer does not hang on the order in which
        files were found.
    exclude : (n_tracks,) bool, or None
        True for tracks that must not appear, the query itself among them.
    artists : sequence of n_tracks str or None, or None
        None in the sequence is unknown, and never capped.
    artist_cap : int or None
        At most so many tracks of one artist; None: no cap.

    Returns
    -------
    (n_results,) intp
        Nearest first; fewer than k where no more tracks qualify.

    Raises
    ------
    ValueError
        If k or the cap is below 1, lengths differ, or there is a cap without artists.

    Notes
    -----
    O(n_tracks log n_tracks) time.

    Examples
    --------
    >>> row = np.array([0.0, 2.0, 1.0, 1.0])
    >>> nearest(row, k=2, tie_keys=["d", "c", "b", "a"], exclude=row == 0).tolist()
    [3, 2]
    """
    if distances.ndim != 1:
        raise ValueError(f"distances must have shape (n_tracks,), got {distances.shape}")
    _validate_choice(distances.size, k, tie_keys=tie_keys, exclude=exclude, artists=artists, artist_cap=artist_cap)
    return np.array(_capped(_by_distance(distances, tie_keys, exclude), k, artists, artist_cap), dtype=np.intp)


def nearest_to_seeds(
    distances: npt.NDArray[np.floating],
    *,
    seeds: Sequence[int],
    k: int,
    tie_keys: TieKeys,
    reach: int = 100,
    exclude: npt.NDArray[np.bool_] | None = None,
    artists: Sequence[str | None] | None = None,
    artist_cap: int | None = None,
) -> list[Reached]:
    """Rank the tracks that most of several seeds lead to.

    A track counts for a seed if it is among its `reach` nearest. Ranks, unlike distances, weigh a seed in a
    dense part of the library like one in a sparse part.

    Parameters
    ----------
    distances : (n_seeds, n_tracks) floating
        Row i is from seed i; NaN never becomes a result.
    seeds : sequence of n_seeds int
        Indices of the seeds; they are no results, and leave the lists before ranks are taken.
    k : int
        Length of the list.
    tie_keys, exclude, artists, artist_cap
        As in `nearest`; the cap holds for the final list.
    reach : int
        Length of the list of one seed.

    Returns
    -------
    list of Reached
        By number of seeds (most first), then by mean rank with those seeds, then by tie key; fewer than k where
        no more tracks are reached.

    Raises
    ------
    ValueError
        As `nearest`, or if there is not one seed a row, or a seed is no track.

    Notes
    -----
    O(n_seeds * n_tracks log n_tracks) time.

    Examples
    --------
    >>> rows = np.array([[0.0, 3.0, 1.0, 2.0], [3.0, 0.0, 9.0, 2.0]])
    >>> [track.index for track in nearest_to_seeds(rows, seeds=[0, 1], k=2, reach=1, tie_keys="abcd")]
    [2, 3]
    """
    if distances.ndim != 2 or len(distances) != len(seeds):
        raise ValueError(f"distances must have shape ({len(seeds)} seeds, n_tracks), got {distances.shape}")
    n_tracks = distances.shape[1]
    _validate_choice(n_tracks, k, tie_keys=tie_keys, exclude=exclude, artists=artists, artist_cap=artist_cap)
    if any(not 0 <= seed < n_tracks for seed in seeds):
        raise ValueError(f"seeds must lie in 0 .. {n_tracks - 1}, got {list(seeds)}")
    barred = np.zeros(n_tracks, dtype=np.bool_) if exclude is None else exclude.copy()
    barred[list(seeds)] = True
    ranks: dict[int, list[int]] = {}
    for row in distances:
        for rank, index in enumerate(nearest(row, k=reach, tie_keys=tie_keys, exclude=barred).tolist(), start=1):
            ranks.setdefault(index, []).append(rank)
    # Among tracks with equally many seeds the sum orders like the mean, and has no rounding.
    order = sorted(ranks, key=lambda index: (-len(ranks[index]), sum(ranks[index]), tie_keys[index]))
    return [
        Reached(index, len(ranks[index]), sum(ranks[index]) / len(ranks[index]))
        for index in _capped(order, k, artists, artist_cap)
    ]


def top_k(
    block: npt.NDArray[np.floating], *, row_start: int, k: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Find the k nearest of some consecutive rows of a matrix.

    Parameters
    ----------
    block : (n_rows, n_tracks) floating
        Rows row_start, row_start + 1, ... of the matrix; NaN (not computed) never becomes a neighbour.
    row_start : int
        Index of the first row. A row's own column is never its neighbour.
    k : int
        Length of a list.

    Returns
    -------
    indices : (n_rows, k) int32
        Nearest first, equal distances by index; -1 after the last neighbour where there are fewer than k.
    distances : (n_rows, k) float32
        NaN where the index is -1.

    Raises
    ------
    ValueError
        If k is below 1, or the rows do not lie inside the matrix.

    Notes
    -----
    O(n_rows * n_tracks + n_rows * k log k) time without ties, memory of one block.

    Examples
    --------
    >>> indices, distances = top_k(np.array([[2.0, 0.0, 1.0]]), row_start=1, k=3)
    >>> indices.tolist(), distances.tolist()
    ([[2, 0, -1]], [[1.0, 2.0, nan]])
    """
    _validate_at_least_1(k, "k")
    n_rows, n_tracks = _validate_block(block, row_start)
    indices = np.full((n_rows, k), -1, dtype=np.int32)
    distances = np.full((n_rows, k), np.nan, dtype=np.float32)
    for r in range(n_rows):
        row = block[r].copy()
        row[row_start + r] = np.nan
        if k < n_tracks:
            # Everything up to the k-th distance, its ties included; all that is known if that is NaN.
            limit = np.partition(row, k - 1)[k - 1]
            found = np.flatnonzero(~np.isnan(row) if np.isnan(limit) else row <= limit)
        else:
            found = np.flatnonzero(~np.isnan(row))
        found = found[np.argsort(row[found], kind="stable")][:k]
        indices[r, : found.size] = found
        distances[r, : found.size] = row[found]
    return indices, distances


def distance_quantiles(
    blocks: Iterable[npt.NDArray[np.floating]],
    *,
    n_tracks: int,
    max_pairs: int = MAX_EXACT_PAIRS,
    seed: int = 0,
) -> npt.NDArray[np.float64]:
    """Quantiles of the distances of all pairs, for `percentile`.

    Parameters
    ----------
    blocks : iterable of (n_rows, n_tracks) floating
        The matrix from top to bottom, in blocks of rows of any size. NaN (not computed) does not count; only
        entries right of the diagonal are read.
    n_tracks : int
        Number of rows in all.
    max_pairs : int
        With more pairs than this, the quantiles are of a random sample of about so many.
    seed : int
        Of the sample, which does not depend on how the matrix is cut into blocks.

    Returns
    -------
    (1001,) float64
        Ascending, from the smallest distance to the largest; NaN if there is no pair.

    Raises
    ------
    ValueError
        If the blocks do not make n_tracks rows of n_tracks columns, or max_pairs is below 1.

    Notes
    -----
    O(n_tracks**2) time, memory of a few times max_pairs float32 and one block.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> distance_quantiles([line[:2], line[2:]], n_tracks=3)[[0, 500, 1000]].tolist()
    [1.0, 2.0, 3.0]
    """
    _validate_at_least_1(max_pairs, "max_pairs")
    n_pairs = n_tracks * (n_tracks - 1) // 2
    share = max_pairs / n_pairs if n_pairs > max_pairs else None
    rng = np.random.default_rng(seed)
    sample: list[npt.NDArray[np.float32]] = []
    n_rows = 0
    for block in blocks:
        if block.ndim != 2 or block.shape[1] != n_tracks:
            raise ValueError(f"a block must have shape (n_rows, {n_tracks}), got {block.shape}")
        if n_rows + len(block) > n_tracks:
            raise ValueError(f"the blocks must have {n_tracks} rows in all, got at least {n_rows + len(block)}")
        for row in block:
            n_rows += 1
            values = row[n_rows:].astype(np.float32)
            if share is not None:
                values = values[rng.random(values.size, dtype=np.float32) < share]
            sample.append(values[~np.isnan(values)])
    if n_rows != n_tracks:
        raise ValueError(f"the blocks must have {n_tracks} rows in all, got {n_rows}")
    values = np.concatenate(sample) if sample else np.empty(0, dtype=np.float32)
    if values.size == 0:
        return np.full(N_QUANTILES, np.nan)
    levels = np.linspace(0.0, 1.0, N_QUANTILES)
    return np.quantile(values, levels, overwrite_input=True).astype(np.float64)


def percentile(
    distance: float | npt.NDArray[np.floating], quantiles: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Share of all pairs that are nearer than this, in percent.

    Parameters
    ----------
    distance : float or array of floating
        Any shape; NaN gives NaN.
    quantiles : (n_quantiles >= 2,) floating
        Ascending, at equal steps from the smallest distance to the largest, as from `distance_quantiles`.

    Returns
    -------
    array of float64
        0 to 100, in the shape of `distance`: interpolated between quantiles; where many pairs have exactly this
        distance, those do not count as nearer. NaN if the quantiles are.

    Raises
    ------
    ValueError
        If there are fewer than two quantiles.

    Examples
    --------
    >>> percentile(2.5, np.array([1.0, 2.0, 3.0])).item()
    75.0
    """
    if quantiles.ndim != 1 or quantiles.size < 2:
        raise ValueError(f"quantiles must have shape (n_quantiles >= 2,), got {quantiles.shape}")
    sought = np.asarray(distance, dtype=np.float64)
    levels = np.linspace(0.0, 100.0, quantiles.size)
    upper = np.searchsorted(quantiles, sought, side="left")
    inside = np.clip(upper, 1, quantiles.size - 1)
    below, above = quantiles[inside - 1], quantiles[inside]
    # `above` is the first quantile not under the distance, so below < above wherever the distance lies inside.
    step = np.divide(sought - below, above - below, out=np.zeros_like(sought), where=above > below)
    result = np.where(
        upper == 0, 0.0, levels[inside - 1] + np.clip(step, 0.0, 1.0) * (levels[inside] - levels[inside - 1])
    )
    result = np.where(upper == quantiles.size, 100.0, result)
    return np.where(np.isnan(sought) | np.isnan(quantiles[0]), np.nan, result)


def _by_distance(distances: Row, tie_keys: TieKeys, exclude: npt.NDArray[np.bool_] | None) -> Iterator[int]:
    """Indices by distance, then tie key; lazily, since the keys past the end of the list are never needed."""
    known = ~np.isnan(distances) if exclude is None else ~np.isnan(distances) & ~exclude
    candidates = np.flatnonzero(known)
    order: list[int] = candidates[np.argsort(distances[candidates], kind="stable")].tolist()
    for _, tied in groupby(order, key=lambda index: float(distances[index])):
        yield from sorted(tied, key=lambda index: tie_keys[index])


def _capped(order: Iterable[int], k: int, artists: Sequence[str | None] | None, artist_cap: int | None) -> list[int]:
    """First k of `order`, passing over the tracks of artists that are full."""
    taken: list[int] = []
    n_taken: dict[str, int] = {}
    for index in order:
        artist = artists[index] if artists is not None and artist_cap is not None else None
        if artist is not None and artist_cap is not None:
            if n_taken.get(artist, 0) >= artist_cap:
                continue
            n_taken[artist] = n_taken.get(artist, 0) + 1
        taken.append(index)
        if len(taken) == k:
            break
    return taken


def _validate_choice(
    n_tracks: int,
    k: int,
    *,
    tie_keys: TieKeys,
    exclude: npt.NDArray[np.bool_] | None,
    artists: Sequence[str | None] | None,
    artist_cap: int | None,
) -> None:
    _validate_at_least_1(k, "k")
    if len(tie_keys) != n_tracks:
        raise ValueError(f"there must be one tie key a track ({n_tracks}), got {len(tie_keys)}")
    if exclude is not None and exclude.shape != (n_tracks,):
        raise ValueError(f"exclude must have shape ({n_tracks},), got {exclude.shape}")
    if artists is not None and len(artists) != n_tracks:
        raise ValueError(f"there must be one artist a track ({n_tracks}, None where unknown), got {len(artists)}")
    if artist_cap is not None:
        _validate_at_least_1(artist_cap, "artist_cap")
        if artists is None:
            raise ValueError(f"artist_cap={artist_cap} needs artists, got None; pass one artist a track")


def _validate_at_least_1(value: int, name: str) -> None:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


def _validate_block(block: npt.NDArray[np.floating], row_start: int) -> tuple[int, int]:
    if block.ndim != 2 or row_start < 0 or row_start + len(block) > block.shape[1]:
        raise ValueError(f"the block must be rows of a square matrix, got shape {block.shape} from row {row_start} on")
    return block.shape[0], block.shape[1]
