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
from audiosim.store import FeatureStore, digest
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
    names : list of str
        Artist and title, folded: what the same title is called, wherever it comes from.
    credits : list of (str, str)
        Artist and title as they are written; empty where they are not known.
    tracks : list of Track or None
        None for what the library does not have.
    number_of : dict of str to int
        By track id, and by folded artist and title as they were played.
    sessions : list of (n,) int64
        In the order of time, skips left out.
    session_starts : (n_sessions,) int64 (seconds since 1970)
    last_played : (n_titles,) int64 (seconds since 1970)
        When each was last begun, and not skipped; -1 for never.
    counts : (n_titles,) int64
        How often each was played, in sessions or alone, and not skipped.
    n_plays, n_short : int
        All plays, and those of them that were skipped.
    gap : float (seconds)
        The longest silence within a session.
    """

    labels: list[str]
    names: list[str]
    credits: list[tuple[str, str]]
    tracks: list[Track | None]
    number_of: Mapping[str, int]
    sessions: list[Items]
    session_starts: Items
    last_played: Items
    counts: Items
    n_plays: int
    n_short: int
    gap: float


def read_titles(library: Library, *, gap: float, before: int | None = None) -> Titles:
    """Number what was played and what the library has; the same title has one number, whatever exports call it.

    Parameters
    ----------
    library : Library
    gap : float
        The longest silence within a session, in seconds.
    before : int, optional
        Leave out plays that began at this time or later, in seconds since 1970.
    """
    tracks = library.tracks()
    by_id = {track.track_id: track for track in tracks}
    plays = [play for play in Listening(library.catalog).plays() if before is None or play.started_at < before]
    kept = [play for play in plays if not _is_skipped(play)]
    named = [fold(play.artist, play.title) or f"{play.artist} - {play.title}".casefold() for play in kept]
    matches = match_plays(kept, tracks)
    # One export may have the code by which a title is found in the library, and another its name alone.
    match_of = {name: match for name, match in zip(named, matches, strict=True) if match is not None}
    number_of, items, played = _numbered(kept, named, matches, match_of)
    of_titles = [None if found is None else by_id[found] for _, _, found in played]
    unplayed = [track for track in tracks if track.track_id not in number_of]
    number_of |= {track.track_id: len(played) + i for i, track in enumerate(unplayed)}
    labels = [
        printable(f"{play.artist} - {play.title}") if track is None else track.label
        for (play, _, _), track in zip(played, of_titles, strict=True)
    ]
    written = [
        (play.artist, play.title) if track is None else _credit(track)
        for (play, _, _), track in zip(played, of_titles, strict=True)
    ]
    n_titles = len(played) + len(unplayed)
    sessions, session_starts, last_played = _in_time(items, kept, gap=gap, n_titles=n_titles)
    return Titles(
        labels=[*labels, *(track.label for track in unplayed)],
        names=[*(name for _, name, _ in played), *(_name(track) for track in unplayed)],
        credits=[*written, *map(_credit, unplayed)],
        tracks=[*of_titles, *unplayed],
        number_of=number_of,
        sessions=sessions,
        session_starts=session_starts,
        last_played=last_played,
        counts=np.bincount(np.array(items, dtype=np.int64), minlength=n_titles),
        n_plays=len(plays),
        n_short=len(plays) - len(kept),
        gap=gap,
    )


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


def _numbered(
    plays: list[Play], names: list[str], matches: list[str | None], match_of: Mapping[str, str]
) -> tuple[dict[str, int], list[int], list[tuple[Play, str, str | None]]]:
    """Numbers by track id and by name, the number of each play, and of each title its first play, name and track."""
    number_of: dict[str, int] = {}
    items: list[int] = []
    played: list[tuple[Play, str, str | None]] = []
    for play, name, match in zip(plays, names, matches, strict=True):
        found = match or match_of.get(name)
        number = number_of.setdefault(found or name, len(played))
        number_of.setdefault(name, number)
        if number == len(played):
            played.append((play, name, found))
        items.append(number)
    return number_of, items, played


def titles_digest(titles: Titles, vectors: npt.NDArray[np.float64] | None) -> str:
    """A digest of all that models are judged by: plays, what the library has, and how it sounds."""
    has_track = bytes(track is not None for track in titles.tracks)
    sessions = [np.array([len(session), *session.tolist()], dtype=np.int64).tobytes() for session in titles.sessions]
    heard = b"" if vectors is None else np.ascontiguousarray(vectors).tobytes()
    return digest([titles.n_plays, titles.n_short, titles.gap], has_track, *sessions, heard)


def _in_time(items: list[int], plays: list[Play], *, gap: float, n_titles: int) -> tuple[list[Items], Items, Items]:
    """Sessions, when they began, and when each title was last begun."""
    numbers = np.array(items, dtype=np.int64)
    started = np.array([play.started_at for play in plays], dtype=np.int64)
    ended = np.array([play.ended_at or play.started_at for play in plays], dtype=np.int64)
    rows = split_at_gaps(np.arange(len(plays), dtype=np.int64), started, ended, gap=gap)
    last_played = np.full(n_titles, -1, dtype=np.int64)
    np.maximum.at(last_played, numbers, started)
    starts = np.array([started[session[0]] for session in rows], dtype=np.int64)
    return [numbers[session] for session in rows], starts, last_played


def _credit(track: Track) -> tuple[str, str]:
    return track.artist or "", track.title or ""


def _name(track: Track) -> str:
    return fold(*_credit(track)) or track.label.casefold()


def _is_skipped(play: Play) -> bool:
    return bool(play.skipped) or (play.ms_played is not None and play.ms_played < SHORT_PLAY)
