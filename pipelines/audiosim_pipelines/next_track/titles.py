"""What may come next: all that was played and all that the library has, as numbers, and the sessions of these."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track, printable
from audiosim.library import Library
from audiosim.listening import Listening, match_plays
from audiosim.recommend.next_track.sessions import Items, split_at_gaps
from audiosim.sources.fold import fold
from audiosim.sources.play import Play
from audiosim.store import FeatureStore
from audiosim_pipelines.history import SHORT_PLAY

# What sounds are compared by: what the library has of these, side by side.
_SOUND_FEATURES = ("mfcc_moments", "descriptor_vectors")


@dataclass(frozen=True, slots=True, eq=False)
class Titles:
    """Titles by their number, from 0: what was played in the order in which it first was, then the rest of the library.

    Parameters
    ----------
    labels : list of str
        "artist - title".
    tracks : list of Track or None
        None for what the library does not have.
    number_of : dict of str to int
        By track id, and by folded artist and title as they were played.
    sessions : list of (n,) int64
        In the order of time, skips left out.
    n_plays, n_short : int
        All plays, and those of them that were skipped.
    gap : float (seconds)
        The longest silence within a session.
    """

    labels: list[str]
    tracks: list[Track | None]
    number_of: Mapping[str, int]
    sessions: list[Items]
    n_plays: int
    n_short: int
    gap: float


def read_titles(library: Library, *, gap: float) -> Titles:
    """Number what was played and what the library has; the same title has one number, whatever exports call it."""
    tracks = library.tracks()
    by_id = {track.track_id: track for track in tracks}
    plays = Listening(library.catalog).plays()
    kept = [play for play in plays if not _is_skipped(play)]
    names = [fold(play.artist, play.title) or f"{play.artist} - {play.title}".casefold() for play in kept]
    matches = match_plays(kept, tracks)
    # One export may have the code by which a title is found in the library, and another its name alone.
    match_of = {name: match for name, match in zip(names, matches, strict=True) if match is not None}
    number_of: dict[str, int] = {}
    items: list[int] = []
    played: list[tuple[Play, str | None]] = []
    for play, name, match in zip(kept, names, matches, strict=True):
        found = match or match_of.get(name)
        number = number_of.setdefault(found or name, len(played))
        number_of.setdefault(name, number)
        if number == len(played):
            played.append((play, found))
        items.append(number)
    of_titles: list[Track | None] = [None if found is None else by_id[found] for _, found in played]
    labels = [
        printable(f"{play.artist} - {play.title}") if track is None else track.label
        for (play, _), track in zip(played, of_titles, strict=True)
    ]
    unplayed = [track for track in tracks if track.track_id not in number_of]
    number_of |= {track.track_id: len(labels) + i for i, track in enumerate(unplayed)}
    labels.extend(track.label for track in unplayed)
    sessions = _sessions(items, kept, gap)
    return Titles(labels, [*of_titles, *unplayed], number_of, sessions, len(plays), len(plays) - len(kept), gap)


def sounds(library: Library, titles: Titles) -> npt.NDArray[np.float64] | None:
    """What is known of the sound of each title.

    Returns
    -------
    (n_titles, n_dims) float64 or None
        Standardized over the tracks that have it; NaN for titles that nothing is known of. None where of none.
    """
    parts: list[npt.NDArray[np.float64]] = []
    for feature in _SOUND_FEATURES:
        ids = library.catalog.rows(feature)
        if not ids:
            continue
        values = FeatureStore.read(library.folder, feature).vectors(0, len(ids)).astype(np.float64)
        spread = values.std(axis=0)
        of_titles = np.full((len(titles.labels), values.shape[1]), np.nan)
        # A track whose file is gone has features, and is no title any more.
        rows = [row for row, track_id in enumerate(ids) if track_id in titles.number_of]
        numbers = [titles.number_of[ids[row]] for row in rows]
        of_titles[numbers] = ((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0))[rows]
        parts.append(of_titles)
    vectors = np.column_stack(parts) if parts else None
    return None if vectors is None or np.isnan(vectors).any(axis=1).all() else vectors


def _sessions(items: list[int], plays: list[Play], gap: float) -> list[Items]:
    started = np.array([play.started_at for play in plays], dtype=np.int64)
    ended = np.array([play.ended_at or play.started_at for play in plays], dtype=np.int64)
    return split_at_gaps(np.array(items, dtype=np.int64), started, ended, gap=gap)


def _is_skipped(play: Play) -> bool:
    return bool(play.skipped) or (play.ms_played is not None and play.ms_played < SHORT_PLAY)
