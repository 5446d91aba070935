"""Playlists of all formats, in and out: M3U, M3U8, XSPF, JSPF, tables, and what spotdl saves."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from audiosim.errors import SourceError
from audiosim.sources import playlist_csv, playlist_jspf, playlist_m3u, playlist_xspf, spotdl_file
from audiosim.sources.folder import FoundFile, Problem
from audiosim.sources.named_file import is_web_address, locate, places, read_list
from audiosim.sources.path_table import TABLE_SUFFIXES
from audiosim.sources.playlist_entry import Listed, PlaylistEntry
from audiosim.sources.spotdl_file import SPOTDL_SUFFIX

__all__ = ["PLAYLIST_SUFFIXES", "WRITTEN_SUFFIXES", "PlaylistEntry", "read_entries", "read_playlist", "write_playlist"]

_M3U = frozenset({".m3u", ".m3u8"})
PLAYLIST_SUFFIXES = _M3U | {".xspf", ".jspf", SPOTDL_SUFFIX}
WRITTEN_SUFFIXES = (".m3u8", ".m3u", ".xspf", ".jspf", ".csv")
_MOST_ENTRIES = 1_000_000


def read_playlist(path: Path) -> list[FoundFile | Problem]:
    """Find the files of a playlist, in its order and with its repetitions.

    Names are relative to the playlist's folder; `file://` URLs and the backslashes of Windows are understood. Names in
    M3U that are no UTF-8 are looked for byte by byte, then as Latin-1. Songs of a `.spotdl` file are those beside it,
    see `audiosim.sources.spotdl_file.songs_beside`.

    Parameters
    ----------
    path : Path
        The playlist; the suffix tells its format (`PLAYLIST_SUFFIXES`).

    Returns
    -------
    list of FoundFile or Problem
        A problem is an entry that is a URL, is missing, or is no regular file.

    Raises
    ------
    SourceError
        The playlist cannot be read.
    """
    if path.suffix.lower() == SPOTDL_SUFFIX:
        return spotdl_file.songs_beside(path)
    return [_found(item, path) for item in _listed(path)]


def read_entries(path: Path) -> list[PlaylistEntry]:
    """Read what a playlist, or a table of paths, wants to be played, whether its files are there or not.

    Raises
    ------
    SourceError
        It cannot be read.

    Notes
    -----
    Of several places that an entry names, the first that is there counts, or else the first.
    """
    if path.suffix.lower() == SPOTDL_SUFFIX:
        return [song.as_entry() for song in spotdl_file.read_songs(path).songs]
    return [_entry(item, path.parent) for item in _listed(path)]


def write_playlist(
    path: Path, entries: Iterable[PlaylistEntry], *, relative: bool = False, title: str | None = None
) -> None:
    """Write a playlist: whole or not at all, replacing what was there.

    Parameters
    ----------
    path : Path
        The playlist; the suffix tells its format (`WRITTEN_SUFFIXES`).
    entries : iterable of PlaylistEntry
        What to write. M3U and tables have no place for an entry that has neither a path nor a URL. In M3U, which has a
        line for artist and title and nothing else, the name of the file stands for a title that is not known.
    relative : bool
        Write paths relative to the playlist's folder, so that both can be moved together.
    title : str, optional
        Of the whole, where the format has one (XSPF, JSPF).

    Raises
    ------
    SourceError
        The playlist cannot be written, or there is no such format.
    """
    base, suffix = path.parent.resolve(), path.suffix.lower()
    if suffix not in WRITTEN_SUFFIXES:
        raise SourceError(f"a playlist is written as {', '.join(WRITTEN_SUFFIXES)}, got {path.name}")
    kept = list(entries)
    if suffix in (*_M3U, ".csv") and any(entry.path is None and not entry.url for entry in kept):
        raise SourceError(f"every entry of {path.name} must have a path or a URL; XSPF and JSPF take others too")
    if suffix in _M3U:
        text = playlist_m3u.text(kept, base=base, relative=relative)
    elif suffix == ".csv":
        text = playlist_csv.text(kept, base=base, relative=relative)
    else:
        form = playlist_xspf if suffix == ".xspf" else playlist_jspf
        text = form.text(kept, base=base, relative=relative, title=title)
    replace_file(path, text.encode("utf-8", "replace"))


def replace_file(path: Path, content: bytes) -> None:
    """Write a playlist's file, whole or not at all.

    Raises
    ------
    SourceError
        It cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SourceError(f"the playlist {path} cannot be written: {error.strerror or error}") from error


def _listed(path: Path) -> list[Listed]:
    """Entries of a playlist as they were written."""
    suffix = path.suffix.lower()
    if suffix in TABLE_SUFFIXES:
        return list(playlist_csv.listed(path))
    content = read_list(path, what="the playlist")
    form = {".xspf": playlist_xspf, ".jspf": playlist_jspf}.get(suffix, playlist_m3u)
    try:
        items = list(form.listed(content))
    except ValueError as error:
        raise SourceError(f"the playlist {path} cannot be read: {error}") from error
    if len(items) > _MOST_ENTRIES:
        raise SourceError(f"the playlist {path} must have at most {_MOST_ENTRIES:,} entries, it has {len(items):,}")
    return items


def _found(item: Listed, playlist: Path) -> FoundFile | Problem:
    """The file of an entry: the first of its names that is one, or the reason why the first is none."""
    reasons: list[str] = []
    for name in item.names:
        found = locate(name, folder=playlist.parent, is_uri=item.are_uris)
        if isinstance(found, Path):
            return FoundFile(found)
        reasons.append(found)
    return Problem(playlist, f"{item.where}: {reasons[0] if reasons else 'names no file'}")


def _entry(item: Listed, folder: Path) -> PlaylistEntry:
    urls = [name.strip() for name in item.names if is_web_address(name)]
    found = [locate(name, folder=folder, is_uri=item.are_uris) for name in item.names]
    there = [path for path in found if isinstance(path, Path)]
    named = [path for name in item.names for path in places(name, folder=folder, is_uri=item.are_uris)[:1]]
    return replace(item.entry, path=(there or named or [None])[0], url=urls[0] if urls else None)
