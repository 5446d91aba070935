"""M3U and M3U8 playlists, in and out."""

import codecs
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from audiosim.errors import SourceError
from audiosim.sources.folder import FoundFile, Problem
from audiosim.sources.tags import clean_text

PLAYLIST_SUFFIXES = frozenset({".m3u", ".m3u8"})

# A scheme has two letters or more: C:/ is a drive.
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)://(?P<host>[^/]*)(?P<path>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PlaylistEntry:
    """A line of a playlist to be written. `duration` is in seconds."""

    path: Path
    artist: str | None = None
    title: str | None = None
    duration: float | None = None


def read_playlist(path: Path) -> list[FoundFile | Problem]:
    """Read an M3U or M3U8 playlist, in its order and with its repetitions.

    UTF-8 is assumed, or UTF-16 after its byte order mark; names that are no UTF-8 are looked for byte by byte, then as
    Latin-1. Names are relative to the playlist's folder; `file://` URLs and the backslashes of Windows are understood.

    Parameters
    ----------
    path : Path
        The playlist.

    Returns
    -------
    list of FoundFile or Problem
        A problem is an entry that is a URL, is missing, or is no regular file.

    Raises
    ------
    SourceError
        The playlist cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(f"the playlist {path} cannot be read: {error.strerror or error}") from error
    entries: list[FoundFile | Problem] = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", decode(content)), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            found = locate(line, folder=path.parent)
            is_file = isinstance(found, Path)
            entries.append(FoundFile(found) if is_file else Problem(path, f"line {number}: {found}"))
    return entries


def write_m3u8(path: Path, entries: Iterable[PlaylistEntry], *, relative: bool = False) -> None:
    """Write an M3U8 playlist: whole or not at all, replacing what was there.

    A name that cannot stand on a line of UTF-8 text (it holds a newline or bytes that are no UTF-8, begins with `#` or
    a space) is written as a `file://` URL, which is absolute even in a relative playlist.

    Parameters
    ----------
    path : Path
        The playlist.
    entries : iterable of PlaylistEntry
        What to write. Without a title, the name of the file stands for it.
    relative : bool
        Write paths relative to the playlist's folder, so that both can be moved together.

    Raises
    ------
    SourceError
        The playlist cannot be written.
    """
    base = path.parent.resolve()
    lines = ["#EXTM3U"]
    for entry in entries:
        seconds = -1 if entry.duration is None else round(entry.duration)
        title = clean_text(entry.title) or clean_text(entry.path.stem) or "?"
        artist = clean_text(entry.artist)
        lines += [f"#EXTINF:{seconds},{artist} - {title}" if artist else f"#EXTINF:{seconds},{title}"]
        absolute = entry.path.absolute()
        name = os.path.relpath(absolute, base) if relative else str(absolute)
        lines += [name if _is_plain(name) else absolute.as_uri()]
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        try:
            temporary.write_bytes("\n".join([*lines, ""]).encode())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SourceError(f"the playlist {path} cannot be written: {error.strerror or error}") from error


def locate(name: str, *, folder: Path) -> Path | str:
    """Find the file that a playlist or table names; a string says why there is none.

    Parameters
    ----------
    name : str
        A path, absolute or relative to `folder`, or a URL, as `decode` left it.
    folder : Path
        The folder of the playlist or table.
    """
    shown = readable(name).strip()
    url = _URL.fullmatch(name.strip())
    if url is None:
        candidates = [name, shown, shown.replace("\\", "/")]
    elif url["scheme"].lower() != "file":
        return f"{shown} is a URL; only files on this computer are read"
    elif url["host"] not in {"", "localhost"}:
        return f"{shown} lies on another computer; only files on this one are read"
    else:
        candidates = [os.fsdecode(unquote_to_bytes(url["path"]))]
    try:
        for candidate in candidates:
            if (path := folder / candidate).exists():
                return path if path.is_file() else f"{shown} is no regular file"
    except OSError as error:
        return f"{shown} cannot be read: {error.strerror or error}"
    return f"{shown} does not exist"


def decode(content: bytes) -> str:
    """Decode a text that names files: as its byte order mark says, or as UTF-8.

    Bytes that are no UTF-8 become lone surrogates, as they do in paths, so that a name in any encoding finds its file.
    """
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if content.startswith(mark):
            return content.decode("utf-16", "replace")
    return content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def readable(text: str) -> str:
    """Read the bytes of a decoded text as Latin-1 where they are no UTF-8."""
    if not _holds_bytes(text):
        return text
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _is_plain(name: str) -> bool:
    """Return whether every reader of playlists takes a line for this name. Lone surrogates are not printable."""
    return name.isprintable() and name == name.strip() and not name.startswith("#")


def _holds_bytes(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
