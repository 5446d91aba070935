"""Files that a playlist or a table names: how their names are read, and where they are."""

import codecs
import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

from audiosim.errors import SourceError

# A scheme has two letters or more: C:/ is a drive.
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)://(?P<host>[^/]*)(?P<path>.*)", re.DOTALL)
_MOST_BYTES = 64 * 2**20  # of a list of tracks: half a million of them, written out at length


def read_list(path: Path, *, what: str) -> bytes:
    """Read all of a list of tracks.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What errors call it, "the playlist" say.

    Raises
    ------
    SourceError
        The file cannot be read, is none, or is larger than 64 MiB.
    """
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for its writer for ever
            raise SourceError(f"{what} {path} cannot be read: it is no regular file")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SourceError(f"{what} {path} cannot be read: {error.strerror or error}") from error
    if len(content) > _MOST_BYTES:
        raise SourceError(f"{what} {path} must have at most {_MOST_BYTES // 2**20} MiB, it has more")
    return content


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
    try:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()


def is_web_address(name: str) -> bool:
    """Whether a name is a URL of something that is no file on this computer."""
    url = _URL.fullmatch(name.strip())
    return url is not None and (url["scheme"].lower() != "file" or url["host"] not in {"", "localhost"})


def places(name: str, *, folder: Path, is_uri: bool = False) -> list[Path]:
    """Give the places that a name can mean, the likeliest first; none where it is a web address.

    Parameters
    ----------
    name : str
        A path, absolute or relative to `folder`, or a URL, as `decode` left it.
    folder : Path
        The folder of the playlist or table.
    is_uri : bool
        Whether the format wants characters escaped in relative names too, as XSPF does; not every program does it.
    """
    shown = readable(name).strip()
    if is_web_address(name):
        return []
    if url := _URL.fullmatch(name.strip()):
        names = [_unescaped(url["path"])]
    else:
        names = [*([_unescaped(name)] if is_uri else []), name, shown, shown.replace("\\", "/")]
    return [folder / name for name in dict.fromkeys(names)]


def locate(name: str, *, folder: Path, is_uri: bool = False) -> Path | str:
    """Find the file that a playlist or table names; a string says why there is none. Parameters as of `places`."""
    shown = readable(name).strip()
    if is_web_address(name):
        is_elsewhere = shown.lower().startswith("file:")
        what = (
            "lies on another computer; only files on this one are"
            if is_elsewhere
            else "is a URL; only files on this computer are"
        )
        return f"{shown} {what} read"
    try:
        for path in places(name, folder=folder, is_uri=is_uri):
            if path.exists():
                return path if path.is_file() else f"{shown} is no regular file"
    except (OSError, ValueError) as error:
        return f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}"
    return f"{shown} does not exist"


def _unescaped(name: str) -> str:
    """A name without the escapes of URLs; those of JSON can be surrogates that stand for no byte."""
    try:
        return os.fsdecode(unquote_to_bytes(name.encode("utf-8", "surrogateescape")))
    except UnicodeEncodeError:
        return name


def _holds_bytes(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
