"""Playlists as tables: one row an entry, for spreadsheets and scripts."""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from audiosim.sources.cells import guarded, unguarded
from audiosim.sources.path_table import PATH_COLUMNS, read_rows
from audiosim.sources.playlist_entry import Listed, PlaylistEntry, is_plain, name_in
from audiosim.sources.tags import clean_isrc, clean_text

_COLUMNS = ("path", "artist", "title", "album", "duration", "isrc", "track_id", "url")


def listed(path: Path) -> Iterator[Listed]:
    """Entries of a table in its order; see `audiosim.sources.path_table.read_path_table` for its columns.

    Raises
    ------
    SourceError
        The table cannot be read.
    """
    header, rows = read_rows(path)
    for number, cells in enumerate(rows, start=1):
        row = {name: unguarded(cell) for name, cell in zip(header, cells, strict=False)}
        # In a table of one column a comma belongs to the name.
        named = [",".join(cells)] if len(header) == 1 else [row.get(column, "") for column in PATH_COLUMNS]
        name = next((text for text in named if text.strip()), "")
        url = clean_text(row.get("url"))
        entry = PlaylistEntry(
            artist=clean_text(row.get("artist")),
            title=clean_text(row.get("title")),
            album=clean_text(row.get("album")),
            duration=_seconds(row.get("duration", "")),
            isrc=clean_isrc(row.get("isrc")),
            identifier=clean_text(row.get("track_id")),
        )
        yield Listed(f"row {number}", tuple(text for text in (name, url) if text), entry)


def text(entries: Iterable[PlaylistEntry], *, base: Path, relative: bool) -> str:
    """The table as text; no cell is taken for a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for entry in entries:
        duration = "" if entry.duration is None else f"{entry.duration:.3f}"
        said = [clean_text(value) or "" for value in (entry.artist, entry.title, entry.album)]
        keys = [clean_text(value) or "" for value in (entry.isrc, entry.identifier, entry.url)]
        writer.writerow([_name(entry, base, relative=relative), *map(guarded, said), duration, *map(guarded, keys)])
    return buffer.getvalue()


def _name(entry: PlaylistEntry, base: Path, *, relative: bool) -> str:
    if entry.path is None:
        return ""
    name = name_in(base, entry.path, relative=relative)
    if not is_plain(name):
        return entry.path.absolute().as_uri()
    return name if name == guarded(name) else f"./{name}"


def _seconds(cell: str) -> float | None:
    try:
        seconds = float(cell)
    except ValueError:
        return None
    return seconds if 0.0 <= seconds < 1e9 else None
