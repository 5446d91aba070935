"""What playlists of all formats hold: entries, and how each names its file."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PlaylistEntry:
    """An entry of a playlist; None is unknown.

    `path` is the file, whether it is there or not, and `url` is where it is otherwise; `duration` is in seconds,
    `identifier` is the track's key in an outside catalogue, a Spotify id say.
    """

    path: Path | None = None
    artist: str | None = None
    title: str | None = None
    album: str | None = None
    duration: float | None = None
    isrc: str | None = None
    url: str | None = None
    identifier: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry as it was written: where ("line 3"), by which names, and what else is said of it.

    `names` are paths or URLs, those to be preferred first; `are_uris` says whether the format escapes characters in
    them.
    """

    where: str
    names: tuple[str, ...]
    entry: PlaylistEntry
    are_uris: bool = False


def name_in(base: Path, path: Path, *, relative: bool) -> str:
    """The name of a file in a playlist: absolute, or relative to the folder `base`."""
    absolute = path.absolute()
    return os.path.relpath(absolute, base) if relative else str(absolute)


def is_plain(name: str) -> bool:
    """Whether a name can stand on a line of text. Lone surrogates are not printable."""
    return name.isprintable() and name == name.strip()
