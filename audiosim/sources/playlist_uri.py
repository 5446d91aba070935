"""What XSPF and its JSON form JSPF have in common: files as URIs, keys as identifiers, times in milliseconds."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from audiosim.sources.playlist_entry import PlaylistEntry, name_in
from audiosim.sources.tags import clean_isrc, clean_text

_ISRC = "isrc:"
_SPOTIFY = "spotify:track:"


def location(entry: PlaylistEntry, base: Path, *, relative: bool) -> str | None:
    """Where the file is: a URI, relative to the playlist's folder if wanted; None where nothing is known."""
    if entry.path is None:
        return entry.url
    if not relative:
        return entry.path.absolute().as_uri()
    return quote(os.fsencode(name_in(base, entry.path, relative=True)))


def identifiers(entry: PlaylistEntry) -> list[str]:
    """Keys of the recording as URIs: its id in an outside catalogue, and its ISRC."""
    known: list[str] = []
    if entry.identifier:
        known.append(entry.identifier if ":" in entry.identifier else _SPOTIFY + entry.identifier)
    if entry.isrc:
        known.append(_ISRC + entry.isrc)
    return known


def entry_of(said: Mapping[str, object], *, identifiers: Sequence[str]) -> PlaylistEntry:
    """An entry of what a track's elements say: title, creator, album, duration in milliseconds."""
    isrcs = [name for name in identifiers if name.lower().startswith(_ISRC)]
    others = [name for name in identifiers if not name.lower().startswith(_ISRC)]
    return PlaylistEntry(
        artist=_text(said.get("creator")),
        title=_text(said.get("title")),
        album=_text(said.get("album")),
        duration=_seconds(said.get("duration")),
        isrc=clean_isrc(isrcs[0][len(_ISRC) :]) if isrcs else None,
        identifier=clean_text(others[0].removeprefix(_SPOTIFY)) if others else None,
    )


def _text(value: object) -> str | None:
    return clean_text(value) if isinstance(value, str) else None


def _seconds(value: object) -> float | None:
    """Seconds of milliseconds, which some programs write as text; None where it is no time."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value) / 1_000
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
