"""What a file says about itself: artist, title, album, genre, duration, ISRC."""

import math
import re
import unicodedata
from dataclasses import dataclass, fields
from pathlib import Path

from tinytag import TinyTag, TinyTagException

_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")


@dataclass(frozen=True, slots=True)
class Tags:
    """What is known of a recording; None is unknown. `duration` is in seconds, `isrc` without hyphens."""

    artist: str | None = None
    title: str | None = None
    album: str | None = None
    genre: str | None = None
    duration: float | None = None
    isrc: str | None = None

    def overridden_by(self, other: "Tags") -> "Tags":
        """Return these tags, and wherever `other` knows better, its own.

        Examples
        --------
        >>> Tags(artist="Anon", title="Air").overridden_by(Tags(artist="Bach"))
        Tags(artist='Bach', title='Air', album=None, genre=None, duration=None, isrc=None)
        """
        names = [field.name for field in fields(self)]
        known = {name: getattr(other, name) for name in names if getattr(other, name) is not None}
        return Tags(**{name: getattr(self, name) for name in names} | known)


def read_tags(path: Path) -> Tags:
    """Read a file's tags. A tag that is missing or unreadable is None and never fails a track.

    Parameters
    ----------
    path : Path
        ID3 (mp3), Vorbis comments (ogg, opus, flac), MP4, ASF (wma), RIFF (wav) and AIFF tags are read.

    Returns
    -------
    Tags
        Of several values the first. The title is None where there is none: nothing is derived from the file's name.
    """
    if not path.is_file():  # opening a pipe would wait for its writer for ever
        return Tags()
    try:
        found = TinyTag.get(path)
    except (TinyTagException, OSError):
        return Tags()
    isrcs = found.other.get("isrc") or [None]
    return Tags(
        artist=clean_text(found.artist) or clean_text(found.albumartist),
        title=clean_text(found.title),
        album=clean_text(found.album),
        genre=clean_text(found.genre),
        duration=found.duration if found.duration and math.isfinite(found.duration) else None,
        isrc=clean_isrc(isrcs[0]),
    )


def clean_text(text: str | None) -> str | None:
    r"""Return the first value of a tag on one line, without control characters; None where nothing is left.

    Examples
    --------
    >>> clean_text("  Air on\tthe G\x1b String\x00second value")
    'Air on the G String'
    """
    first = next((value for value in (text or "").split("\0") if value.strip()), "")
    spaced = re.sub(r"\s+", " ", first)
    kept = "".join(character for character in spaced if unicodedata.category(character) not in {"Cc", "Cs"})
    return kept.strip() or None


def clean_isrc(text: str | None) -> str | None:
    """Return an ISRC as 12 letters and digits; None where the text is none.

    Examples
    --------
    >>> clean_isrc("us-rc1-76-07839")
    'USRC17607839'
    """
    compact = re.sub(r"[\s-]", "", (clean_text(text) or "").upper())
    return compact if _ISRC.fullmatch(compact) else None
