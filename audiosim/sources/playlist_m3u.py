"""M3U and M3U8: lines of paths, with comments that say what plays."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from audiosim.sources.named_file import decode, readable
from audiosim.sources.playlist_entry import Listed, PlaylistEntry, is_plain, name_in
from audiosim.sources.tags import clean_text

_INFORMATION = re.compile(r"#EXTINF:\s*(-?\d{1,9}(?:\.\d{1,9})?)[^,]*,(.*)", re.DOTALL)


def listed(content: bytes) -> Iterator[Listed]:
    """Entries of a playlist in its order.

    UTF-8 is assumed, or UTF-16 after its byte order mark. `#EXTINF:seconds,Artist - Title` tells of the entry below it.
    """
    said = PlaylistEntry()
    for number, line in enumerate(re.split(r"\r\n|\r|\n", decode(content)), start=1):
        if information := _INFORMATION.fullmatch(line.strip()):
            said = _entry(float(information[1]), readable(information[2]))
        elif line.strip() and not line.lstrip().startswith("#"):
            yield Listed(f"line {number}", (line,), said)
            said = PlaylistEntry()


def text(entries: Iterable[PlaylistEntry], *, base: Path, relative: bool) -> str:
    """The playlist as text.

    A name that cannot stand on a line of UTF-8 text (it holds a newline or bytes that are no UTF-8, begins with `#` or
    a space) is written as a `file://` URL, which is absolute even in a relative playlist.
    """
    lines = ["#EXTM3U"]
    for entry in entries:
        seconds = -1 if entry.duration is None else round(entry.duration)
        title = clean_text(entry.title) or clean_text(entry.path.stem if entry.path else entry.url) or "?"
        artist = clean_text(entry.artist)
        lines += [f"#EXTINF:{seconds},{artist} - {title}" if artist else f"#EXTINF:{seconds},{title}"]
        lines += [_name(entry, base, relative=relative)]
    return "\n".join([*lines, ""])


def _entry(seconds: float, label: str) -> PlaylistEntry:
    artist, dash, title = label.partition(" - ")
    return PlaylistEntry(
        artist=clean_text(artist) if dash else None,
        title=clean_text(title if dash else label),
        duration=seconds if seconds >= 0 else None,
    )


def _name(entry: PlaylistEntry, base: Path, *, relative: bool) -> str:
    if entry.path is None:
        return clean_text(entry.url) or ""
    name = name_in(base, entry.path, relative=relative)
    return name if is_plain(name) and not name.startswith("#") else entry.path.absolute().as_uri()
