"""What an evaluation should ask for, from CSV files: labels of tracks, or pairs of tracks that belong together."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from audiosim.catalog import Track
from audiosim.errors import SourceError
from audiosim.sources.fold import fold

# Names under which tables carry what finds a track.
_ID_COLUMNS = ("track_id", "sha256")
_PATH_COLUMNS = ("path", "file")
_PAIR_COLUMNS = ("a", "b")
_SHORTEST_ID = 8  # letters of a track id that are taken for one


def read_labels(path: Path, column: str, tracks: Sequence[Track], *, required: bool = True) -> dict[str, str]:
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
    required
        Whether to insist on a label of at least one of the tracks.

    Returns
    -------
    dict
        Label by track id, in the order of `tracks`; tracks without a label are not in it.

    Raises
    ------
    SourceError
        If the file cannot be read, lacks the column or anything that finds tracks, labels a track twice with
        different labels, or labels none of the tracks though one is required.
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
    if required and not labels:
        raise SourceError(f"{path} must label at least one of {len(tracks)} tracks, got none in {len(rows)} rows")
    return {track.track_id: labels[track.track_id] for track in tracks if track.track_id in labels}


def label_columns(path: Path) -> tuple[str, ...]:
    """Names of the columns of a CSV file, as `read_labels` knows them: folded, in order.

    Raises
    ------
    SourceError
        If the file cannot be read, or has no row.
    """
    return tuple(_read_rows(path)[0])


def read_pairs(path: Path, tracks: Sequence[Track]) -> list[tuple[str, str]]:
    """Read pairs of tracks that belong together: a song and its cover, say, or two releases of a recording.

    A cell names a track by its id or the first 8 letters of it or more, by a path (relative to the table), by
    "artist - title" (folded, see `audiosim.sources.fold.fold`), or by the stem of its file's name. Rows that find no
    pair of different tracks are left out, and a pair that is there twice counts once.

    Parameters
    ----------
    path
        A CSV file in UTF-8 with the columns `a` and `b`; others are ignored.
    tracks
        The tracks to find.

    Returns
    -------
    list of tuple
        Two track ids each, in the order of the rows.

    Raises
    ------
    SourceError
        If the file cannot be read or lacks a column, if a cell means several tracks, or if no row finds a pair.
    """
    rows = _read_rows(path)
    if missing := [name for name in _PAIR_COLUMNS if name not in rows[0]]:
        raise SourceError(f"{path} must have the columns a and b, and has no {missing[0]}; got {', '.join(rows[0])}")
    find = _cell_finder(path.parent, tracks)
    pairs: dict[frozenset[str], tuple[str, str]] = {}
    for number, row in enumerate(rows, start=1):
        found = [find(row[name]) for name in _PAIR_COLUMNS]
        for name, candidates in zip(_PAIR_COLUMNS, found, strict=True):
            if len(candidates) > 1:
                raise SourceError(
                    f"{path} must name single tracks, row {number} says {row[name]!r}, which {len(candidates)} tracks "
                    "are called; give the id or the path"
                )
        if all(found) and found[0] != found[1]:
            a, b = found[0][0], found[1][0]
            pairs.setdefault(frozenset((a, b)), (a, b))
    if not pairs:
        raise SourceError(f"{path} must pair at least two of {len(tracks)} tracks, got no pair in {len(rows)} rows")
    return list(pairs.values())


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


def _cell_finder(folder: Path, tracks: Sequence[Track]) -> Callable[[str], Sequence[str]]:
    """A function from a cell to the ids of its tracks, by the surest reading that finds any."""
    paths = _group((str(path.resolve()), track.track_id) for track in tracks for path in track.paths)
    names = _group((fold(track.artist or "", track.title or ""), track.track_id) for track in tracks)
    stems = _group((path.stem, track.track_id) for track in tracks for path in track.paths)
    ids = [track.track_id for track in tracks]

    def find(cell: str) -> Sequence[str]:
        if not cell:
            return ()
        with_id = [i for i in ids if i.startswith(cell.lower())] if len(cell) >= _SHORTEST_ID else []
        artist, _, title = cell.partition(" - ")
        return (
            with_id
            or paths.get(str((folder / cell).resolve()))
            or names.get(fold(artist, title))
            or stems.get(cell)
            or stems.get(Path(cell).stem, ())
        )

    return find


def _first(row: Mapping[str, str], columns: Iterable[str]) -> str:
    return next((row[column] for column in columns if row.get(column)), "")


def _group(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Track ids by key, each once, without the empty key."""
    groups: dict[str, dict[str, None]] = {}
    for key, track_id in pairs:
        if key:
            groups.setdefault(key, {})[track_id] = None
    return {key: list(found) for key, found in groups.items()}
