"""Histories as tables: the exporters of Last.fm, and whatever has a time, an artist and a title."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from audiosim.sources.cells import rows_of, unguarded
from audiosim.sources.named_file import decode, readable
from audiosim.sources.play import (
    OtherContentError,
    Play,
    RejectedPlay,
    cleaned,
    cleaned_isrc,
    scrobble,
    seconds_of,
    spotify_id,
    stream,
)

# Names under which tables have what a play is; of several the first counts.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "ended": ("end_time", "endtime", "ended_at", "ts"),
    "started": ("uts", "started_at", "timestamp", "utc_time", "date_time", "datetime", "time", "date", "scrobbled_at"),
    "artist": ("artist", "artist_name", "artistname", "artist name"),
    "title": ("track", "title", "track_name", "trackname", "track name", "song", "name"),
    "album": ("album", "album_name", "album name", "release_name"),
    "ms_played": ("ms_played", "msplayed"),
    "spotify_id": ("spotify_id", "spotify_track_uri", "track_uri", "uri"),
    "isrc": ("isrc",),
    "mbid": ("track_mbid", "recording_mbid", "mbid"),
}
# Tables without a header, as tools for Last.fm write them: artist, album, track, time; or date, time, artist, track.
_HEADERLESS = {3: ("artist", "album", "title", "started"), 0: ("date", "time", "artist", "title")}

Row = Mapping[str, str]


def parse(content: bytes) -> tuple[str, Iterator[Play | RejectedPlay]]:
    """What kind of history a table is, and its entries.

    Raises
    ------
    OtherContentError
        It is a table of something else.
    ValueError
        It cannot be read.
    """
    rows = rows_of(readable(decode(content)))
    if not rows:
        raise ValueError("it is empty")
    # "Date#somebody" is what lastfmstats.com calls its times.
    header = [cell.strip().casefold().partition("#")[0] for cell in rows[0]]
    columns = _columns(header)
    if {"artist", "title"} <= columns.keys() and {"ended", "started", "date"} & columns.keys():
        read = _stream if {"ended", "ms_played"} <= columns.keys() else _scrobble
        if read is _scrobble and columns.keys().isdisjoint({"started", "date"}):
            raise ValueError("a table that says when plays ended must say how long they lasted: a column ms_played")
        kind = "Last.fm" if "uts" in header else "table"
        return kind, _entries(rows[1:], columns, read)
    columns = _columns_without_header(rows[0])
    if columns is None:
        raise OtherContentError(
            "its first row must name a column of times (uts, time, date, end_time), of artists (artist) and of titles "
            f"(track, title), got {', '.join(header)[:200]}"
        )
    return "Last.fm", _entries(rows, columns, _scrobble)


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Where things are in a table whose columns have these names."""
    found = {
        field: next((header.index(name) for name in names if name in header), None) for field, names in _COLUMNS.items()
    }
    if {"date", "time"} <= set(header) and found["started"] in {header.index("date"), header.index("time")}:
        # Neither is a time alone.
        found |= {"started": None, "date": header.index("date"), "time": header.index("time")}
    return {field: place for field, place in found.items() if place is not None}


def _columns_without_header(row: Sequence[str]) -> dict[str, int] | None:
    """Where things are in a table of four columns that names none; None where no cell is a time."""
    if len(row) != 4:
        return None
    for place, names in _HEADERLESS.items():
        try:
            seconds_of(row[place] if place else f"{row[0]} {row[1]}")
        except ValueError:
            continue
        return {name: i for i, name in enumerate(names)}
    return None


def _entries(
    rows: Sequence[Sequence[str]], columns: Mapping[str, int], read: Callable[[Row], Play]
) -> Iterator[Play | RejectedPlay]:
    for number, cells in enumerate(rows, start=1):
        row = {field: unguarded(cells[place]) for field, place in columns.items() if place < len(cells)}
        try:
            yield read(row)
        except ValueError as error:
            yield RejectedPlay(number, str(error))


def _stream(row: Row) -> Play:
    names = {"artist": row.get("artist"), "title": row.get("title")}
    return _told(stream(row.get("ended", ""), row.get("ms_played"), **names, source="table"), row)


def _scrobble(row: Row) -> Play:
    text = row["started"] if "started" in row else f"{row.get('date', '')} {row.get('time', '')}"
    return _told(scrobble(text, artist=row.get("artist"), title=row.get("title"), source="lastfm"), row)


def _told(play: Play, row: Row) -> Play:
    """A play with what else its row says."""
    return replace(
        play,
        album=cleaned(row.get("album")),
        spotify_id=spotify_id(row.get("spotify_id")),
        isrc=cleaned_isrc(row.get("isrc")),
        mbid=cleaned(row.get("mbid")),
    )
