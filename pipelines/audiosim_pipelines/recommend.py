"""What is near to what the owner listens to, and what is far: both, so that ratings can tell which pleases more."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track
from audiosim.distances.hubness import Rescaling, rescale
from audiosim.errors import AudiosimError, NotComputedError
from audiosim.library import Library
from audiosim.listening import Listening, Recommendation, match_plays
from audiosim.recommend.favourites import distances_to_seeds, favourites
from audiosim.recommend.query import row_statistics
from audiosim.sources import FoundFile, collect
from audiosim.store import DistanceStore
from audiosim_pipelines.history import SHORT_PLAY

N_FAVOURITES = 50
_HALF_LIFE = 90.0  # days
_DAY = 86_400.0  # s

Origin = Literal["history", "seeds"]
Kind = Literal["near", "far"]


@dataclass(frozen=True, slots=True)
class Recommended:
    """A track that is recommended: how far from the seeds, and the seed that is closest to it."""

    kind: Kind
    rank: int
    track: Track
    distance: float
    closest: Track


@dataclass(frozen=True, slots=True)
class RecommendReport:
    """What is recommended, the nearest first, then the farthest first; among how many, and from which seeds."""

    tracks: tuple[Recommended, ...]
    seeds: tuple[Track, ...]
    origin: Origin
    measure: str
    rescaling: str
    n_candidates: int


def recommend(
    library: Library,
    *,
    seeds: Sequence[str] = (),
    measure: str = "timbre",
    k: int = 5,
    among: Sequence[Path] = (),
    heard: bool = False,
    artist_cap: int | None = 1,
    remember: bool = True,
) -> RecommendReport:
    """Recommend the tracks nearest to the seeds, and those farthest from them.

    The distance of a track is the mean of its rescaled distances to the three seeds closest to it.

    Parameters
    ----------
    library
        Compared by `measure`.
    seeds
        Names of tracks; none: the 50 tracks that the history has most, where a play of 90 days ago counts half.
    measure
        Any that was compared.
    k
        How many near and how many far ones; fewer where there are fewer candidates.
    among
        Folders, playlists or files: only these are recommended, what was just fetched, say.
    heard
        Whether tracks that were played before may be recommended.
    artist_cap
        At most so many tracks by one artist among the near ones, and among the far ones.
    remember
        Whether it is stored, so that `ratings` can tell near from far.

    Raises
    ------
    TrackNotFoundError
        The name of a seed means no track, or several.
    NotComputedError
        The measure is not compared yet, or a seed has no features.
    AudiosimError
        There is nothing to start from, or nothing to recommend.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    store, tracks = library.distances(measure)
    row_of = {track.track_id: row for row, track in enumerate(tracks)}
    played = _played(library, tracks)
    origin: Origin = "seeds" if seeds else "history"
    chosen = _named(library, seeds, row_of, measure) if seeds else _favourites(played, row_of)
    candidates = _candidates(tracks, among)
    candidates[chosen] = False
    if not heard:
        candidates[[row_of[track_id] for track_id, _ in played]] = False
    if not candidates.any():
        raise AudiosimError(
            "there is nothing to recommend: every track that may be was played before or is a seed; "
            "add music with: audiosim fetch, or allow what was heard with --heard"
        )
    method = library.rescaling(measure)
    rows = _rows(store, len(tracks), chosen, method)
    distances = distances_to_seeds(rows)
    closest = [tracks[chosen[i]] for i in rows.argmin(axis=0).tolist()]
    found = tuple(
        Recommended(kind, rank, tracks[row], float(distances[row]), closest[row])
        for kind, ends in _both_ends(distances, candidates, tracks, k, artist_cap).items()
        for rank, row in enumerate(ends, start=1)
    )
    seeds_used = tuple(tracks[row] for row in chosen)
    if remember:
        _remember(library, found, origin, seeds_used, measure)
    return RecommendReport(found, seeds_used, origin, measure, method, int(candidates.sum()))


def _rows(store: DistanceStore, n_tracks: int, chosen: Sequence[int], method: Rescaling) -> npt.NDArray[np.floating]:
    """Rescaled distances from the seeds to all tracks."""
    rows = np.stack([store.read_block(slice(row, row + 1), slice(0, n_tracks))[0] for row in chosen])
    if method == "none":
        return rows
    statistics = row_statistics(store, n_tracks, method)
    return rescale(rows, statistics.take(chosen), statistics, method=method).distances


def _played(library: Library, tracks: Sequence[Track]) -> list[tuple[str, int]]:
    """Plays of tracks in the matrix that were not skipped: track and time."""
    plays = [
        play
        for play in Listening(library.catalog).plays()
        if not play.skipped and (play.ms_played is None or play.ms_played >= SHORT_PLAY)
    ]
    matches = match_plays(plays, tracks)
    return [(match, play.started_at) for match, play in zip(matches, plays, strict=True) if match is not None]


def _named(library: Library, seeds: Sequence[str], row_of: dict[str, int], measure: str) -> list[int]:
    rows: list[int] = []
    for track in (library.find(name) for name in seeds):
        if track.track_id not in row_of:
            raise NotComputedError(
                f"{track.label!r} has no {measure!r} distances; what failed, and why: audiosim status --failures "
                f"--library {library.folder}"
            )
        rows.append(row_of[track.track_id])
    return list(dict.fromkeys(rows))


def _favourites(played: Sequence[tuple[str, int]], row_of: dict[str, int]) -> list[int]:
    if not played:
        raise AudiosimError(
            "the history has no play of a track of this library; add one with: audiosim history import FILE, "
            'or name tracks to start from with --seed "Artist - Title"'
        )
    rows = np.array([row_of[track_id] for track_id, _ in played], dtype=np.int64)
    times = np.array([moment for _, moment in played], dtype=np.float64)
    return favourites(rows, (times.max() - times) / _DAY, n_most=N_FAVOURITES, half_life=_HALF_LIFE)


def _candidates(tracks: Sequence[Track], among: Sequence[Path]) -> npt.NDArray[np.bool_]:
    """Which tracks may be recommended."""
    if not among:
        return np.ones(len(tracks), dtype=np.bool_)
    files = {os.path.realpath(e.path) for source in among for e in collect(source) if isinstance(e, FoundFile)}
    are_there = np.array([not files.isdisjoint(map(os.path.realpath, track.paths)) for track in tracks], dtype=np.bool_)
    if not are_there.any():
        raise AudiosimError(
            f"none of the {len(files)} files to choose among is a track that was compared; "
            "add and compare them with: audiosim run"
        )
    return are_there


def _both_ends(
    distances: npt.NDArray[np.float64],
    candidates: npt.NDArray[np.bool_],
    tracks: Sequence[Track],
    k: int,
    artist_cap: int | None,
) -> dict[Kind, list[int]]:
    """Rows of the near and of the far ones; what is near is never far as well, ties go by id."""
    ids = np.array([track.track_id for track in tracks])
    order = [row for row in np.lexsort((ids, distances)).tolist() if candidates[row]]
    near = _capped(order, tracks, k, artist_cap)
    return {"near": near, "far": _capped([row for row in reversed(order) if row not in near], tracks, k, artist_cap)}


def _capped(order: Sequence[int], tracks: Sequence[Track], k: int, artist_cap: int | None) -> list[int]:
    """The first k, with at most `artist_cap` by one artist; an unknown artist is nobody's."""
    kept: list[int] = []
    counts: dict[str, int] = {}
    for row in order:
        artist = (tracks[row].artist or "").casefold()
        if len(kept) == k:
            break
        if artist_cap is None or not artist or counts.get(artist, 0) < artist_cap:
            kept.append(row)
            counts[artist] = counts.get(artist, 0) + 1
    return kept


def _remember(
    library: Library, found: Sequence[Recommended], origin: Origin, seeds: Sequence[Track], measure: str
) -> None:
    now, ids = int(time.time()), tuple(seed.track_id for seed in seeds)
    with library.writing():
        Listening(library.catalog).add_recommendations(
            Recommendation(now, origin, ids, measure, item.kind, item.rank, item.track.track_id, item.distance)
            for item in found
        )
