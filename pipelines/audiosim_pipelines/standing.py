"""Where a pair of tracks stands among all pairs of the library, by every measure that is compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track
from audiosim.distances import MEASURES
from audiosim.distances.hubness import rescale
from audiosim.errors import NotComputedError
from audiosim.library import Library
from audiosim.recommend.query import row_statistics
from audiosim.sources.fold import fold_name
from audiosim.store import DistanceStore


@dataclass(frozen=True, slots=True)
class PairStanding:
    """How near two tracks are by one measure.

    Attributes
    ----------
    measure : str
    distance : float or None
        As measured; None where the measure did not compare the two.
    rescaling : str
        How distances are rescaled against hubs, "none" for not at all.
    rescaled : float or None
        What ranks are by; None without rescaling.
    percentile : float or None (%)
        Share of all pairs of the library whose distance is smaller.
    percentile_same_artist : float or None (%)
        The same among pairs by one artist; None where there are none.
    percentile_other : float or None (%)
        The same among pairs by two artists; pairs with an unknown artist are neither.
    """

    measure: str
    distance: float | None
    rescaling: str
    rescaled: float | None
    percentile: float | None
    percentile_same_artist: float | None
    percentile_other: float | None


def standings(library: Library, a: Track, b: Track) -> tuple[PairStanding, ...]:
    """How near two tracks are by every measure that is compared, in the order of `audiosim.distances.MEASURES`.

    Notes
    -----
    All distances of every measure are read, one strip of tiles at a time.
    """
    measures = sorted(library.measures(), key=list(MEASURES).index)
    return tuple(_standing(library, measure, a, b) for measure in measures)


def _standing(library: Library, measure: str, a: Track, b: Track) -> PairStanding:
    store, tracks = library.distances(measure)
    row_of = {track.track_id: row for row, track in enumerate(tracks)}
    rescaling = library.rescaling(measure)
    if a.track_id not in row_of or b.track_id not in row_of:
        return PairStanding(measure, None, rescaling, None, None, None, None)
    row, column = row_of[a.track_id], row_of[b.track_id]
    distance = float(store.read_block(slice(row, row + 1), slice(column, column + 1))[0, 0])
    if np.isnan(distance):
        return PairStanding(measure, None, rescaling, None, None, None, None)
    rescaled = _rescaled(library, store, measure, (row, column), len(tracks))
    everyone, same, other = _shares_below(store, distance, _artist_numbers(tracks))
    return PairStanding(measure, distance, rescaling, rescaled, everyone, same, other)


def _rescaled(
    library: Library, store: DistanceStore, measure: str, pair: tuple[int, int], n_tracks: int
) -> float | None:
    method = library.rescaling(measure)
    if method == "none":
        return None
    try:
        statistics = row_statistics(store, n_tracks, method)
    except NotComputedError:
        return None  # compared by a version that kept none
    row, column = pair
    block = store.read_block(slice(row, row + 1), slice(column, column + 1))
    rescaled = rescale(block, statistics.take([row]), statistics.take([column]), method=method)
    return float(rescaled.distances[0, 0])


def _artist_numbers(tracks: Sequence[Track]) -> npt.NDArray[np.int64]:
    """The same number for the same artist, -1 where there is none."""
    numbers: dict[str, int] = {}
    names = [fold_name(track.artist) if track.artist else "" for track in tracks]
    return np.array([numbers.setdefault(name, len(numbers)) if name else -1 for name in names], dtype=np.int64)


def _shares_below(
    store: DistanceStore, distance: float, artists: npt.NDArray[np.int64]
) -> tuple[float | None, float | None, float | None]:
    """Percent of all pairs, of those by one artist and of those by two, that are nearer than this."""
    n_tracks, tile = len(artists), store.tile
    n_nearer, n_pairs = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    for start in range(0, n_tracks, tile):
        stop = min(start + tile, n_tracks)
        block = store.read_block(slice(start, stop), slice(start, n_tracks))
        is_pair = ~np.isnan(block) & np.triu(np.ones(block.shape, dtype=np.bool_), 1)
        known = np.logical_and.outer(artists[start:stop] >= 0, artists[start:] >= 0)
        is_same = np.equal.outer(artists[start:stop], artists[start:])
        is_nearer = block < distance
        for kind, is_kind in enumerate((is_pair, is_pair & known & is_same, is_pair & known & ~is_same)):
            n_pairs[kind] += np.count_nonzero(is_kind)
            n_nearer[kind] += np.count_nonzero(is_kind & is_nearer)
    everyone, same, other = (
        100.0 * nearer / pairs if pairs else None
        for nearer, pairs in zip(n_nearer.tolist(), n_pairs.tolist(), strict=True)
    )
    return everyone, same, other
