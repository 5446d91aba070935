"""Labels of tracks from a CSV file: genres, compositions, whatever an evaluation should ask for."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from audiosim.catalog import Track
from audiosim.errors import SourceError
from audiosim.sources.fold import fold

# Names under which tables carry what finds a track.
_ID_COLUMNS = ("track_id", "sha256")
_PATH_COLUMNS = ("path", "file")


def read_labels(path: Path, column: str, tracks: Sequence[Track]) -> dict[str, str]:
    """Read one column of a CSV file as labels of tracks.

    A row finds its tracks by `track_id` (or `sha256`), else by `path` (or `file`; relative to the table), else by
    `artist` and `title` (folded, see `audiosim.sources.fold.fold`), else by the stem of the file's name
    if one track alone has it. Rows without a label, and rows that find no track, are left out.

    Parameters
    ----------
    path
        A CSV file in UTF-8 with a header; the case of column names does not matter.
    column
        The column that holds the labels.
    tracks
        The tracks to label.

    Returns
    -------
    dict
        Label by track id, in the order of `tracks`; tracks without a label are not in it.

    Raises
    ------
    SourceError
        If the file cannot be read, lacks the column or anything that finds tracks, labels a track twice with
        different labels, or labels none of the tracks.
    """
    rows = _read_rows(path)
    _require_columns(path, column, rows)
    finders = _finders(path.parent, tracks)
    labels: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        label = row[column.casefold()]
        if not label:
            continue
        for track_id in next((found for find in finders if (found := find(row))), ()):
            if labels.setdefault(track_id, label) != label:
                raise SourceError(
                    f"{path} must give a track one label, row {number} says {label!r} "
                    f"where an earlier row says {labels[track_id]!r}"
                )
    if not labels:
        raise SourceError(f"{path} must label at least one of {len(tracks)} tracks, got none in {len(rows)} rows")
    return {track.track_id: labels[track.track_id] for track in tracks if track.track_id in labels}


def _read_rows(path: Path) -> list[dict[str, str]]:
    """The rows with folded column names; cells that are not there are empty."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip().casefold() for name in next(reader, [])]
            rows = [[cell.strip() for cell in row] for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} must be a CSV file in UTF-8 that can be read: {error}") from error
    if not rows:
        raise SourceError(f"{path} must have a header and at least one row, got {len(header)} columns and no row")
    return [dict(zip(header, [*row, *[""] * len(header)], strict=False)) for row in rows]


def _require_columns(path: Path, column: str, rows: Sequence[Mapping[str, str]]) -> None:
    there = rows[0].keys()
    if column.casefold() not in there:
        raise SourceError(f"{path} must have the column {column!r}, got {', '.join(there)}")
    if there.isdisjoint({*_ID_COLUMNS, *_PATH_COLUMNS}) and not {"artist", "title"} <= there:
        raise SourceError(f"{path} must have a column path, track_id, or artist and title, got {', '.join(there)}")


def _finders(folder: Path, tracks: Sequence[Track]) -> list[Callable[[Mapping[str, str]], Sequence[str]]]:
    """Functions from a row to the ids of its tracks, the surest first."""
    ids = {track.track_id: [track.track_id] for track in tracks}
    paths = _group((str(path.resolve()), track.track_id) for track in tracks for path in track.paths)
    names = _group((fold(track.artist or "", track.title or ""), track.track_id) for track in tracks)
    stems = _group((path.stem, track.track_id) for track in tracks for path in track.paths)
    # A stem is a guess: it must point at one track.
    stems = {stem: found for stem, found in stems.items() if len(found) == 1}
    return [
        lambda row: ids.get(_first(row, _ID_COLUMNS), ()),
        lambda row: paths.get(str((folder / _first(row, _PATH_COLUMNS)).resolve()), ()),
        lambda row: names.get(fold(row.get("artist", ""), row.get("title", "")), ()),
        lambda row: stems.get(Path(_first(row, _PATH_COLUMNS)).stem, ()),
    ]


def _first(row: Mapping[str, str], columns: Iterable[str]) -> str:
    return next((row[column] for column in columns if row.get(column)), "")


def _group(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Track ids by key, each once, without the empty key."""
    groups: dict[str, dict[str, None]] = {}
    for key, track_id in pairs:
        if key:
            groups.setdefault(key, {})[track_id] = None
    return {key: list(found) for key, found in groups.items()}
