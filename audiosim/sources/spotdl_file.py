"""The files that spotdl saves: songs that were found, in both of their shapes.

`spotdl save` writes a list of songs, `spotdl sync` an object {"type": "sync", "query": [...], "songs": [...]}.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiosim.errors import SourceError
from audiosim.sources.fold import fold_name
from audiosim.sources.folder import AUDIO_SUFFIXES, FoundFile, Problem
from audiosim.sources.json_text import parse_json
from audiosim.sources.named_file import read_list
from audiosim.sources.playlist_entry import PlaylistEntry
from audiosim.sources.tags import Tags, clean_isrc, clean_text

SPOTDL_SUFFIX = ".spotdl"

# What spotdl demands of a song in a file, beside what `Song` has; an unknown value is written so.
_DEMANDED: dict[str, Any] = {
    "disc_number": 1, "disc_count": 1, "tracks_count": 1, "publisher": "", "cover_url": None, "copyright_text": None,
}  # fmt: skip
_DROPPED = "lyrics"  # nobody here needs them, and they are not ours to keep
_LONGEST = 24 * 3_600.0  # s


@dataclass(frozen=True, slots=True)
class Song:
    """A song as spotdl knows it.

    `duration` is in seconds, `song_id` is the Spotify id, "" where it is not known; `extra` has what else its file
    says, so that nothing is lost when it is written again.
    """

    name: str
    artists: tuple[str, ...]
    duration: float = 0.0
    song_id: str = ""
    url: str = ""
    isrc: str | None = None
    album_name: str = ""
    album_artist: str = ""
    genres: tuple[str, ...] = ()
    year: int = 0
    date: str = ""
    track_number: int = 1
    explicit: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def artist(self) -> str:
        """The first of the artists."""
        return self.artists[0]

    @property
    def label(self) -> str:
        """What spotdl calls the song's file, and people the song."""
        return f"{', '.join(self.artists)} - {self.name}"

    def as_entry(self) -> PlaylistEntry:
        """The song as an entry of a playlist that is not on this computer."""
        return PlaylistEntry(
            artist=", ".join(self.artists),
            title=self.name,
            album=self.album_name or None,
            duration=self.duration or None,
            isrc=self.isrc,
            url=self.url or None,
            identifier=self.song_id or None,
        )

    def as_tags(self) -> Tags:
        """What the song's metadata say of its file."""
        return Tags(
            artist=", ".join(self.artists),
            title=self.name,
            album=self.album_name or None,
            genre=self.genres[0] if self.genres else None,
            isrc=self.isrc,
        )


@dataclass(frozen=True, slots=True)
class SongList:
    """Songs of a file, and the queries that it is kept in step with; None where it is a mere list."""

    songs: tuple[Song, ...]
    queries: tuple[str, ...] | None = None


def read_songs(path: Path) -> SongList:
    """Read a `.spotdl` file in either shape.

    Raises
    ------
    SourceError
        It cannot be read, is in neither shape, or a song lacks its name or artist.
    """
    try:
        return parse_songs(read_list(path, what="the file"))
    except ValueError as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def parse_songs(content: bytes) -> SongList:
    """Parse what `spotdl save` prints, or a `.spotdl` file.

    Raises
    ------
    ValueError
        It is in neither shape, or a song lacks its name or artist; the text says which.
    """
    document = parse_json(content)
    queries = None
    if isinstance(document, dict) and document.get("type") == "sync":
        asked = document.get("query")
        queries = tuple(query for query in asked if isinstance(query, str)) if isinstance(asked, list) else ()
        document = document.get("songs")
    if not isinstance(document, list):
        raise ValueError('it must be a list of songs, or an object with "type": "sync" and a list "songs"')  # noqa: TRY004 - of content
    return SongList(tuple(_song(said, number) for number, said in enumerate(document, start=1)), queries)


def song_list_text(songs: Iterable[Song], *, queries: Sequence[str] | None = None) -> str:
    """Songs as spotdl reads them: a list, or the shape of `spotdl sync` where `queries` are given."""
    written = [_written(song) for song in songs]
    document = written if queries is None else {"type": "sync", "query": list(queries), "songs": written}
    text = json.dumps(document, indent=4, ensure_ascii=False) + "\n"
    # Half a character, which a file may hold, is written as JSON escapes it.
    return text.encode("utf-8", "backslashreplace").decode()


def songs_beside(path: Path) -> list[FoundFile | Problem]:
    """Find the songs of a `.spotdl` file among the audio files in its folder, by artist and title in their names.

    Raises
    ------
    SourceError
        The file cannot be read.
    """
    songs = read_songs(path).songs
    try:
        there = sorted(file for file in path.parent.iterdir() if file.suffix.lower() in AUDIO_SUFFIXES)
    except OSError as error:
        raise SourceError(f"the folder {path.parent} cannot be read: {error.strerror or error}") from error
    by_name: dict[str, Path] = {}
    for file in there:
        by_name.setdefault(fold_name(file.stem), file)
    found: list[FoundFile | Problem] = []
    for song in songs:
        names = (song.label, f"{song.artist} - {song.name}")
        file = next((by_name[key] for key in map(fold_name, names) if key in by_name), None)
        if file is None:
            found.append(Problem(path, f"{song.label} is not fetched yet; run: audiosim fetch {path}"))
        else:
            found.append(FoundFile(file, song.as_tags(), song.song_id or None))
    return found


def _song(said: object, number: int) -> Song:
    """A song of what a file says of it."""
    if not isinstance(said, dict):
        raise ValueError(f"song {number} must be an object, got {type(said).__name__}")  # noqa: TRY004 - of content
    name = _text(said, "name")
    artists = _texts(said.get("artists")) or _texts([said.get("artist")])
    if not name or not artists:
        raise ValueError(
            f"song {number} must have a name and an artist, got {name or 'no name'!r} by {artists or 'nobody'}"
        )
    known = {"name", "artists", "artist", *Song.__slots__, _DROPPED} - {"extra"}
    return Song(
        name=name,
        artists=artists,
        duration=_number(said.get("duration"), most=_LONGEST),
        song_id=_text(said, "song_id"),
        url=_text(said, "url"),
        isrc=clean_isrc(_text(said, "isrc")),
        album_name=_text(said, "album_name"),
        album_artist=_text(said, "album_artist"),
        genres=_texts(said.get("genres")),
        year=int(_number(said.get("year"), most=9_999)),
        date=_text(said, "date"),
        track_number=int(_number(said.get("track_number"), most=9_999)),
        explicit=said.get("explicit") is True,
        extra={key: value for key, value in said.items() if key not in known},
    )


def _written(song: Song) -> dict[str, Any]:
    return {
        **_DEMANDED,
        **song.extra,
        "name": song.name,
        "artists": list(song.artists),
        "artist": song.artist,
        "genres": list(song.genres),
        "album_name": song.album_name,
        "album_artist": song.album_artist or song.artist,
        "duration": int(song.duration) if float(song.duration).is_integer() else song.duration,
        "year": song.year,
        "date": song.date,
        "track_number": song.track_number,
        "song_id": song.song_id,
        "explicit": song.explicit,
        "url": song.url,
        "isrc": song.isrc,
    }


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    return (clean_text(value) if isinstance(value, str) else None) or ""


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else []
    return tuple(text for item in values if isinstance(item, str) and (text := clean_text(item)))


def _number(value: object, *, most: float) -> float:
    """A number from 0 to `most`; 0 where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return value if 0 <= value <= most else 0
