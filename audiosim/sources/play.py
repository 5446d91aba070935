"""A play: somebody listened to something, and what is worth knowing of it."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from audiosim.sources.tags import clean_isrc, clean_text

_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC).timestamp()
_LATEST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
_LONGEST = 7 * 24 * 3_600_000  # ms


class OtherContentError(ValueError):
    """A file is in order, and no listening history."""


@dataclass(frozen=True, slots=True)
class Play:
    """Something that was played.

    Times are in seconds since 1970 (UTC); whole minutes where an export tells no seconds. Services say when a play
    ended and how long it lasted (`ended_at`, `ms_played`: a stream), or only when it began (`scrobbled_at`: a
    scrobble). `started_at` is the best that is known of its beginning.
    """

    started_at: int
    artist: str
    title: str
    source: str
    ended_at: int | None = None
    ms_played: int | None = None
    scrobbled_at: int | None = None
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


def seconds_of(text: str) -> int:
    """Read a time as seconds since 1970.

    Parameters
    ----------
    text : str
        ISO 8601 ("2020-01-16T03:13:25Z", "2020-01-16 03:13"), Last.fm's "16 Jan 2020, 03:13" or "16 Jan 2020 03:13", or
        seconds or milliseconds since 1970, in nine digits or more: those of 20200116 are a date without a time. Without
        a time zone it is UTC, as exports have it.

    Raises
    ------
    ValueError
        It is none of these, or lies before 1970 or after 2200.

    Examples
    --------
    >>> seconds_of("2020-01-16 00:00"), seconds_of("1579132800"), seconds_of("16 Jan 2020, 00:00")
    (1579132800, 1579132800, 1579132800)
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and 9 <= len(text) <= 15:
        # Seconds have had ten digits since 2001, and milliseconds twelve since 1973.
        return _checked(int(text) / (1_000 if len(text) >= 12 else 1), text)
    moment = _moment(text.removesuffix(" UTC"))
    if moment is None:
        raise ValueError(f"the time must be a date with a time of day, got {text[:40]!r}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return _checked(moment.timestamp(), text)
    except OverflowError:
        raise ValueError(f"the time must lie between 1970 and 2200, got {text[:40]!r}") from None


def _moment(text: str) -> datetime | None:
    """A date with a time of day; None where it is none."""
    if ":" not in text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in ("%d %b %Y, %H:%M", "%d %b %Y %H:%M"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def stream(ended: str, ms_played: object, *, artist: object, title: object, source: str) -> Play:
    """A play of which the end and the length are known.

    Raises
    ------
    ValueError
        One of the values is no such thing, or there is no artist or title.
    """
    ended_at, length = seconds_of(ended), milliseconds(ms_played)
    return Play(ended_at - length // 1_000, *_named(artist, title), source, ended_at=ended_at, ms_played=length)


def scrobble(started: str, *, artist: object, title: object, source: str) -> Play:
    """A play of which only the beginning is known.

    Raises
    ------
    ValueError
        It is no time, or there is no artist or title.
    """
    scrobbled_at = seconds_of(started)
    return Play(scrobbled_at, *_named(artist, title), source, scrobbled_at=scrobbled_at)


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
    text = bare_id(value)
    return text if len(text) == 22 and text.isascii() and text.isalnum() else None


def bare_id(value: object) -> str:
    """The id of a track in an outside catalogue, without what Spotify's URIs and URLs put around it; "" for none.

    Examples
    --------
    >>> bare_id("https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC?si=1"), bare_id(" FMA 2 ")
    ('4uLU6hMCjMI75M1A2tKUQC', 'FMA 2')
    """
    text = cleaned(value) or ""
    for prefix in ("spotify:track:", "https://open.spotify.com/track/"):
        if text.startswith(prefix):
            return text.removeprefix(prefix).partition("?")[0]
    return text


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
