"""The pairs of tracks on which two measures differ most: what to listen to before believing either."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.ranking import Distances, validate_distances, validate_pair

# How many of the largest differences are sorted at first, and by how much more if tracks repeat among them.
_N_SORTED = 1 << 10
_GROWTH = 16

_Counts = npt.NDArray[np.int32]
# After the last pair that differs.
_END = (0, -1)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A pair that is near in one measure and far in another."""

    row: int
    other: int  # above `row`
    first_percentile: float  # share of all pairs that are nearer, in percent
    second_percentile: float


def biggest_disagreements(
    first: Distances, second: Distances, *, n: int = 20, per_track: int = 2, seed: int = 0
) -> tuple[Disagreement, ...]:
    """Find the pairs whose percentiles in two measures lie furthest apart.

    Parameters
    ----------
    first, second : (n_tracks, n_tracks) floating
        The same tracks in the same order; see `validate_distances`.
    n : int
        How many pairs at most: half of them nearer in `first`, half nearer in `second`, the odd one in `first`.
    per_track : int
        In how many of them one track may stand, so that a single odd track does not fill the list.
    seed : int
        Of the order among equal differences.

    Returns
    -------
    tuple of Disagreement
        The largest difference first; pairs on which the measures do not differ are left out.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape, or n or per_track is below 1.

    Notes
    -----
    O(n_tracks**2 log n_tracks) time, about 16 bytes a pair at the peak.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> other = np.array([[0.0, 9.0, 1.0], [9.0, 0.0, 5.0], [1.0, 5.0, 0.0]])
    >>> biggest_disagreements(line, other, n=1)
    (Disagreement(row=0, other=1, first_percentile=0.0, second_percentile=100.0),)
    """
    validate_pair(first, second)
    _validate_counts(n, per_track)
    return _biggest(_n_nearer(first), _n_nearer(second), len(first), n=n, per_track=per_track, seed=seed)


def disagreements_with(
    reference: Distances, others: Mapping[str, Distances], *, n: int = 20, per_track: int = 2, seed: int = 0
) -> dict[str, tuple[Disagreement, ...]]:
    """Find the `biggest_disagreements` of several measures with one, whose percentiles are made once.

    Parameters
    ----------
    reference : (n_tracks, n_tracks) floating
        Stands `second` in every result.
    others : mapping of str to (n_tracks, n_tracks) floating
        Each stands `first` in its result.
    n, per_track, seed : int
        See `biggest_disagreements`.

    Returns
    -------
    dict of str to tuple of Disagreement
        In the order of `others`.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape, or n or per_track is below 1.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> disagreements_with(line, {"itself": line})
    {'itself': ()}
    """
    _validate_counts(n, per_track)
    validate_distances(reference, name="reference")
    for name, distances in others.items():
        validate_distances(distances, name=f"measure {name}")
        if distances.shape != reference.shape:
            raise ValueError(
                f"measure {name} must be over the same tracks as the reference, got shapes {distances.shape} and "
                f"{reference.shape}; keep those both have"
            )
    second = _n_nearer(reference)
    return {
        name: _biggest(_n_nearer(distances), second, len(reference), n=n, per_track=per_track, seed=seed)
        for name, distances in others.items()
    }


def _validate_counts(n: int, per_track: int) -> None:
    for name, value in (("n", n), ("per_track", per_track)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


def _n_nearer(distances: Distances) -> _Counts:
    """How many pairs are nearer than each, for the upper triangle row by row; equal ones are not nearer."""
    values = distances[np.triu(np.ones(distances.shape, dtype=np.bool_), 1)]
    order = np.argsort(values)
    ascending = values[order]
    counts = np.arange(values.size, dtype=np.int32)
    counts[1:][ascending[1:] == ascending[:-1]] = 0
    np.maximum.accumulate(counts, out=counts)
    result = np.empty_like(counts)
    result[order] = counts
    return result


def _biggest(
    first: _Counts, second: _Counts, n_tracks: int, *, n: int, per_track: int, seed: int
) -> tuple[Disagreement, ...]:
    """Take pairs by falling difference as long as their direction and both tracks have room."""
    percent = 100.0 / max(first.size - 1, 1)
    differences = second - first
    streams = [_falling(differences, seed=seed), _falling(-differences, seed=seed)]
    heads = [next(stream, _END) for stream in streams]
    room = [n - n // 2, n // 2]
    seen: Counter[int] = Counter()
    result: list[Disagreement] = []
    while True:
        side = max((0, 1), key=lambda side: heads[side][0] if room[side] else 0)
        difference, pair = heads[side]
        if difference == 0 or room[side] == 0:
            return tuple(result)
        heads[side] = next(streams[side], _END)
        row, other = _tracks(pair, n_tracks)
        if max(seen[row], seen[other]) < per_track:
            room[side] -= 1
            seen.update((row, other))
            result.append(Disagreement(row, other, float(first[pair]) * percent, float(second[pair]) * percent))


def _falling(differences: _Counts, *, seed: int) -> Iterator[tuple[int, int]]:
    """Differences above 0 and their pairs, the largest first and equal ones in seeded order.

    Only as many are sorted as are asked for.
    """
    rng = np.random.default_rng(seed)
    left, n_sorted = np.flatnonzero(differences > 0), _N_SORTED
    while left.size:
        values = differences[left]
        # All pairs down to one value are taken together, or those cut off would lose by their place.
        floor = 1 if left.size <= n_sorted else int(np.partition(values, left.size - n_sorted)[-n_sorted])
        chosen = rng.permutation(left[values >= floor])
        for pair in chosen[np.argsort(-differences[chosen], kind="stable")]:
            yield int(differences[pair]), int(pair)
        left, n_sorted = left[values < floor], n_sorted * _GROWTH


def _tracks(pair: int, n_tracks: int) -> tuple[int, int]:
    """Row and column of a place in the upper triangle, counted row by row."""
    # Row i starts at i (2 n - i - 1) / 2; the root is exact in float64 up to millions of tracks.
    row = int((2 * n_tracks - 1 - np.sqrt((2.0 * n_tracks - 1) ** 2 - 8.0 * pair)) // 2)
    start = row * (2 * n_tracks - row - 1) // 2
    return row, row + 1 + pair - start
