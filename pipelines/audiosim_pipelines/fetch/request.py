"""What is to be fetched: queries, and songs of files that spotdl saved."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audiosim.errors import SourceError
from audiosim.sources.named_file import decode, read_list
from audiosim.sources.spotdl_file import SPOTDL_SUFFIX, Song, read_songs

LIST_SUFFIX = ".txt"
_LONGEST = 1_000  # characters of a query
_MOST = 100_000  # queries of a list


@dataclass(frozen=True, slots=True)
class Request:
    """A query, or songs of a file that is named by `text`; `songs` is None where spotdl is to be asked for them.

    `refusal` says why a query must not be given to spotdl.
    """

    text: str
    songs: tuple[Song, ...] | None = None
    refusal: str | None = None


def read_requests(wanted: Sequence[str]) -> list[Request]:
    """Read what a user wants, in its order, each query once.

    Parameters
    ----------
    wanted : sequence of str
        Queries as spotdl understands them, lists of them (`.txt`, one a line, lines that begin with # left out) and
        files that spotdl saved (`.spotdl`).

    Raises
    ------
    SourceError
        A file cannot be read.

    Examples
    --------
    >>> [request.text for request in read_requests(["Anon - Air", "album:Suites", "Anon - Air"])]
    ['Anon - Air', 'album:Suites']
    """
    found: dict[str, Request] = {}
    for text in wanted:
        for request in _requests(text):
            found.setdefault(request.text, request)
    return list(found.values())


def song_key(song: Song) -> str:
    """What tells songs apart in the journal: the Spotify id, the address, or else artists and title."""
    return song.song_id or song.url or song.label


def matched(query: str, songs: Sequence[Song]) -> tuple[Song, ...]:
    """Songs that a query means, without addresses that are none, each once, in the order of their list.

    spotdl prints songs as they come in, and forgets the video that a query of the form VIDEO|TRACK has chosen.
    """
    ordered = sorted(songs, key=_position)
    video, separator, _ = query.partition("|")
    if separator and _is_address(video) and len(ordered) == 1:
        ordered = [replace(ordered[0], extra={**ordered[0].extra, "download_url": video.strip()})]
    return tuple({song_key(song): _with_safe_address(song) for song in ordered}.values())


def _requests(text: str) -> Iterator[Request]:
    path = Path(text)
    suffix = path.suffix.lower()
    if suffix == SPOTDL_SUFFIX:
        yield from _of_songs(text, read_songs(path).songs)
    elif suffix == LIST_SUFFIX:
        lines = decode(read_list(path, what="the list of queries")).splitlines()
        if len(lines) > _MOST:
            raise SourceError(f"the list {path} must have at most {_MOST} lines, it has {len(lines)}")
        yield from (_query(line) for line in lines if line.strip() and not line.lstrip().startswith("#"))
    else:
        yield _query(text)


def _of_songs(name: str, songs: Iterable[Song]) -> Iterator[Request]:
    """Songs of a file; those whose duration it does not tell are asked for, so that there is something to audit by."""
    songs = [_with_safe_address(song) for song in songs]
    known = tuple(song for song in songs if song.duration > 0)
    if known:
        yield Request(name, known)
    for song in songs:
        if song.duration <= 0:
            yield _query(song.url if _is_address(song.url) else song.label)


def _query(text: str) -> Request:
    query = text.strip()
    return Request(query, refusal=_refusal(query))


def _refusal(query: str) -> str | None:
    """Why a query must not be an argument of spotdl; None where it may be."""
    if not query:
        return "a query must not be empty"
    if query.startswith("-"):
        return "a query must not begin with -, which begins options; write artist:NAME or album:NAME instead"
    if len(query) > _LONGEST or not query.isprintable():
        return f"a query must be a line of at most {_LONGEST} printable characters"
    if query.lower().endswith((SPOTDL_SUFFIX, LIST_SUFFIX)):
        return "a list must not name other lists; give the file itself to audiosim fetch"
    return None


def _with_safe_address(song: Song) -> Song:
    """The song without a place to fetch it from that is no web address."""
    place = song.extra.get("download_url")
    if place is None or (isinstance(place, str) and _is_address(place)):
        return song
    return replace(song, extra={**song.extra, "download_url": None})


def _is_address(text: str) -> bool:
    return text.strip().lower().startswith(("https://", "http://")) and text.isprintable()


def _position(song: Song) -> int:
    position = song.extra.get("list_position")
    return position if isinstance(position, int) else 0
