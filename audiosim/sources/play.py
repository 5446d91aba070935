"""A play: somebody listened to something, and what is worth knowing of it."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from audiosim.sources.tags import clean_isrc, clean_text

_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC).timestamp()
_LATEST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
_LONGEST = 7 * 24 * 3_600_000  # ms


@dataclass(frozen=True, slots=True)
class Play:
    """Something that was played.

    `started_at` and `ended_at` are in seconds since 1970 (UTC); `precision` is how many seconds they are known to, 60
    where an export has minutes only. Services say when a play ended and how long it lasted (`ms_played`), or, which is
    called a scrobble, only when it began.
    """

    started_at: int
    artist: str
    title: str
    source: str
    ended_at: int | None = None
    ms_played: int | None = None
    precision: int = 1
    album: str | None = None
    spotify_id: str | None = None
    isrc: str | None = None
    mbid: str | None = None
    skipped: bool | None = None


@dataclass(frozen=True, slots=True)
class RejectedPlay:
    """An entry that cannot be used: its number in the file, from 1, and why."""

    number: int
    reason: str


def seconds_of(text: str) -> tuple[int, int]:
    """Read a time as seconds since 1970, and to how many seconds it is known.

    Parameters
    ----------
    text : str
        ISO 8601 ("2020-01-16T03:13:25Z", "2020-01-16 03:13"), Last.fm's "16 Jan 2020, 03:13" or "16 Jan 2020 03:13", or
        seconds or milliseconds since 1970. Without a time zone it is UTC, as exports have it.

    Raises
    ------
    ValueError
        It is none of these, or lies before 1970 or after 2200.

    Examples
    --------
    >>> seconds_of("1970-01-03 00:00"), seconds_of("172800"), seconds_of("03 Jan 1970, 00:00")
    ((172800, 60), (172800, 1), (172800, 60))
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= 15:
        # Seconds have had ten digits since 2001, and milliseconds twelve since 1973.
        return _checked(int(text) / (1_000 if len(text) >= 12 else 1), text), 1
    for form in ("%d %b %Y, %H:%M", "%d %b %Y %H:%M"):
        try:
            return _checked(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp(), text), 60
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        raise ValueError(f"the time must be a date with a time of day, got {text[:40]!r}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return _checked(moment.timestamp(), text), 60 if text.count(":") == 1 else 1
    except OverflowError:
        raise ValueError(f"the time must lie between 1970 and 2200, got {text[:40]!r}") from None


def stream(ended: str, ms_played: object, *, artist: object, title: object, source: str) -> Play:
    """A play of which the end and the length are known.

    Raises
    ------
    ValueError
        One of the values is no such thing, or there is no artist or title.
    """
    ended_at, precision = seconds_of(ended)
    length = milliseconds(ms_played)
    names = _named(artist, title)
    return Play(ended_at - length // 1_000, *names, source, ended_at=ended_at, ms_played=length, precision=precision)


def scrobble(started: str, *, artist: object, title: object, source: str) -> Play:
    """A play of which only the beginning is known.

    Raises
    ------
    ValueError
        It is no time, or there is no artist or title.
    """
    started_at, precision = seconds_of(started)
    return Play(started_at, *_named(artist, title), source, precision=precision)


def milliseconds(value: object) -> int:
    """How long a play lasted.

    Raises
    ------
    ValueError
        It is no number from 0 to a week.
    """
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= _LONGEST:
        raise ValueError(f"the milliseconds played must be a number from 0 to a week, got {str(value)[:40]!r}")
    return round(number)


def cleaned(value: object) -> str | None:
    """A text on one line; None where there is none."""
    return clean_text(value) if isinstance(value, str) else None


def cleaned_isrc(value: object) -> str | None:
    """An ISRC; None where there is none."""
    return clean_isrc(value) if isinstance(value, str) else None


def spotify_id(value: object) -> str | None:
    """The id of a track in its URI or URL, or the id itself; None where there is none.

    Examples
    --------
    >>> spotify_id("spotify:track:4uLU6hMCjMI75M1A2tKUQC"), spotify_id("spotify:episode:4uLU6hMCjMI75M1A2tKUQC")
    ('4uLU6hMCjMI75M1A2tKUQC', None)
    """
    text = cleaned(value) or ""
    for prefix in ("spotify:track:", "https://open.spotify.com/track/"):
        if text.startswith(prefix):
            text = text.removeprefix(prefix).partition("?")[0]
    return text if len(text) == 22 and text.isascii() and text.isalnum() else None


def _named(artist: object, title: object) -> tuple[str, str]:
    """Artist and title, on one line each."""
    names = cleaned(artist), cleaned(title)
    if names[0] is None or names[1] is None:
        missing = " and no ".join(what for what, name in zip(("artist", "title"), names, strict=True) if name is None)
        raise ValueError(f"there must be an artist and a title, got no {missing}")
    return names[0], names[1]


def _checked(seconds: float, text: str) -> int:
    if not _EARLIEST <= seconds <= _LATEST:
        raise ValueError(f"the time must lie between 1970 and 2200, got {text[:40]!r}")
    return int(seconds)
