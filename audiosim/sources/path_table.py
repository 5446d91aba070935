"""Tables of paths: a CSV whose rows name files and, where wanted, correct their tags."""

from pathlib import Path

from audiosim.errors import SourceError
from audiosim.sources.cells import rows_of, unguarded
from audiosim.sources.folder import AUDIO_SUFFIXES, FoundFile, Problem
from audiosim.sources.named_file import decode, locate, read_list, readable
from audiosim.sources.tags import Tags, clean_isrc, clean_text

TABLE_SUFFIXES = frozenset({".csv", ".tsv"})

PATH_COLUMNS = ("path", "file")


def read_path_table(path: Path) -> list[FoundFile | Problem]:
    """Read a CSV of paths, in its order.

    The column `path` or `file` names the files, relative to the table's folder; a table of one column may call it
    anything, or nothing. `artist`, `title`, `album`, `genre` and `isrc` override the files' tags where they are not
    empty; `track_id` is the track's key in outside tables. Other columns are ignored. Columns are separated by commas,
    semicolons or tabs.

    Parameters
    ----------
    path : Path
        The table.

    Returns
    -------
    list of FoundFile or Problem
        A problem is a row without a path, or whose file is a URL, is missing, or is no regular file.

    Raises
    ------
    SourceError
        The table cannot be read, or has no column of paths.
    """
    header, rows = read_rows(path)
    position = _path_position(header, path)
    entries: list[FoundFile | Problem] = []
    for number, row in enumerate(rows, start=1):
        # In a table of one column a comma belongs to the name.
        name = ",".join(row) if len(header) == 1 else "".join(row[position : position + 1])
        found = locate(name, folder=path.parent) if name.strip() else "no path"
        if isinstance(found, str):
            entries.append(Problem(path, f"row {number}: {found}"))
        else:
            entries.append(
                _found_file(found, dict(zip(header, (unguarded(readable(cell)) for cell in row), strict=False)))
            )
    return entries


def read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read the columns' names in lower case and the rows below them, without empty ones.

    Raises
    ------
    SourceError
        The table cannot be read.
    """
    try:
        rows = rows_of(decode(read_list(path, what="the table")))
    except ValueError as error:
        raise SourceError(f"the table {path} cannot be read: {error}") from error
    if not rows:
        raise SourceError(f"the table {path} must have a column named path or file, got an empty file")
    header = [readable(name).strip().lower() for name in rows[0]]
    has_header = len(header) > 1 or Path(header[0]).suffix not in AUDIO_SUFFIXES
    return header, rows[1:] if has_header else rows


def _path_position(header: list[str], table: Path) -> int:
    """Return which column names the files."""
    for name in PATH_COLUMNS:
        if name in header:
            return header.index(name)
    if len(header) == 1:
        return 0
    raise SourceError(
        f"the table {table} must have a column named path or file, got {', '.join(header)}; "
        "rename the column that holds the paths"
    )


def _found_file(path: Path, row: dict[str, str]) -> FoundFile:
    return FoundFile(
        path,
        tags=Tags(
            artist=clean_text(row.get("artist")),
            title=clean_text(row.get("title")),
            album=clean_text(row.get("album")),
            genre=clean_text(row.get("genre")),
            isrc=clean_isrc(row.get("isrc")),
        ),
        track_id=clean_text(row.get("track_id")),
    )
