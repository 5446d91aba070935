"""Tables of what somebody thinks of tracks: likes, ratings or plays, found again in a library."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audiosim.catalog import Track
from audiosim.errors import FeatureTableError
from audiosim.sources.cells import unguarded
from audiosim.sources.feature_table import RejectedRow
from audiosim.sources.fold import fold
from audiosim.sources.path_table import PATH_COLUMNS
from audiosim.sources.play import bare_id
from audiosim.sources.rating_kind import HIGHEST, LOWEST, RatingKind, kind_of, rating_of
from audiosim.sources.table_frame import read_frame
from audiosim.sources.table_presets import KEY_COLUMNS, TableOptions, find_columns, preset_named, recognise
from audiosim.sources.tags import clean_isrc

# What columns of ratings are called; the first that is there is read.
COLUMNS = ("rating", "like", "liked", "score", "plays", "play_count", "playcount")


@dataclass(frozen=True, slots=True)
class RatingTable:
    """What a table says of the tracks of a library.

    Parameters
    ----------
    column : str
        That was read.
    kind : {"like", "rating", "plays"}
        What it holds: 1 or 0, 1 to 10, or how often a track was played.
    values : mapping of str to float
        By track id, in the order of the rows.
    rejected : tuple of RejectedRow
        Rows that are of no use, and why.
    n_rows, n_repeated : int
        Rows in all, and those that say again what an earlier row said of the same track.
    notes : tuple of str
        What had to be assumed.
    """

    column: str
    kind: RatingKind
    values: Mapping[str, float]
    rejected: tuple[RejectedRow, ...]
    n_rows: int
    n_repeated: int
    notes: tuple[str, ...] = ()


def read_rating_table(
    path: Path,
    tracks: Sequence[Track],
    *,
    column: str | None = None,
    kind: RatingKind | None = None,
    options: TableOptions | None = None,
) -> RatingTable:
    """Read what a table says of tracks.

    A row finds its track by `track_id` (`sha256`, `spotify_id`, `id`, ...), else by `isrc`, else by `path` (or `file`;
    relative to the table), else by `artist` and `title` (folded, see `audiosim.sources.fold.fold`). A row that means
    several tracks, or none, is rejected, and so is one that contradicts an earlier row.

    Parameters
    ----------
    path : Path
        CSV (also gzipped) or Parquet.
    tracks : sequence of Track
    column : str, optional
        The column to read; by default the first of `COLUMNS` that is there.
    kind : {"like", "rating", "plays"}, optional
        What it holds; by default as `kind_of` says.
    options : TableOptions, optional
        How to read the table where it does not tell by itself.

    Returns
    -------
    RatingTable

    Raises
    ------
    FeatureTableError
        The table cannot be read, lacks the column or anything that finds tracks, or no row can be used.
    """
    options = options or TableOptions()
    frame, notes = read_frame(path, separator=options.separator)
    columns = {str(name).strip().casefold(): place for place, name in reversed(list(enumerate(frame.columns)))}
    column = _column(path, columns, column)
    cells = _texts(frame, columns[column])
    kind = kind or kind_of(column, filter(None, cells))
    find = _finder(path, frame, columns, options, tracks)
    values: dict[str, float] = {}
    first: dict[str, int] = {}
    rejected: list[RejectedRow] = []
    n_repeated = 0
    for row, cell in enumerate(cells, start=1):
        try:
            value = _checked(cell, column, kind)
            track_id = find(row - 1)
        except ValueError as error:
            rejected.append(RejectedRow(row, str(error)))
            continue
        if values.setdefault(track_id, value) != value:
            said = f"{values[track_id]:g} in row {first[track_id]}"
            rejected.append(
                RejectedRow(row, f"it says {value:g} of a track of which another row says otherwise: {said}")
            )
        elif first.setdefault(track_id, row) != row:
            n_repeated += 1
    if not values:
        told = f"row {rejected[0].row} rejected since {rejected[0].reason}" if rejected else "none"
        raise FeatureTableError(f"{path} must hold at least one row that can be used, got {told}")
    if kind == "rating" and max(values.values()) <= HIGHEST / 2.0:
        notes = [*notes, f"no {column} is above {HIGHEST / 2:g} of {HIGHEST:g}; if these are stars, double them first"]
    return RatingTable(column, kind, values, tuple(rejected), len(cells), n_repeated, tuple(notes))


def _column(path: Path, columns: Mapping[str, int], column: str | None) -> str:
    """The column that holds the ratings, as the table's header has it in lower case."""
    if column is None:
        found = next((name for name in COLUMNS if name in columns), None)
        wanted = f"one of the columns {', '.join(COLUMNS)}, or the one that you name"
    else:
        found = column.strip().casefold() if column.strip().casefold() in columns else None
        wanted = f"the column {column!r}"
    if found is None:
        raise FeatureTableError(f"{path} must have {wanted}, got {', '.join(columns) or 'no column'}")
    return found


def _checked(cell: str, column: str, kind: RatingKind) -> float:
    if not cell:
        raise ValueError(f"it has no {column}")
    try:
        value = rating_of(cell, kind)
    except ValueError as error:
        raise ValueError(f"{column} must {error}") from None
    if kind == "rating" and not LOWEST <= value <= HIGHEST:
        raise ValueError(f"{column} must lie between {LOWEST:g} and {HIGHEST:g}, got {cell[:40]}; of plays, say so")
    return value


def _finder(
    path: Path, frame: pd.DataFrame, columns: Mapping[str, int], options: TableOptions, tracks: Sequence[Track]
) -> Callable[[int], str]:
    """A function from a row to the id of its track; it raises a ValueError that says why there is none."""
    preset = recognise(columns) if options.preset is None else preset_named(options.preset)
    keys = find_columns(columns, preset, options)[1]
    by_path = next((columns[name] for name in PATH_COLUMNS if name in columns), None)
    if by_path is None and keys.keys().isdisjoint({"id", "isrc"}) and not {"artist", "title"} <= keys.keys():
        raise FeatureTableError(
            f"{path} must have a column that finds tracks (track_id, isrc, path, or artist and title), "
            f"got {', '.join(columns)}"
        )
    texts = {key: _texts(frame, keys[key]) if key in keys else [""] * len(frame) for key in KEY_COLUMNS}
    paths = [""] * len(frame) if by_path is None else _texts(frame, by_path)
    of_id, of_isrc, of_path, of_name = _indices(tracks)

    def find(row: int) -> str:
        named = texts["artist"][row], texts["title"][row]
        ways = (
            of_id.get(bare_id(texts["id"][row]) or "", ()),
            of_isrc.get(clean_isrc(texts["isrc"][row]) or "", ()),
            of_path.get(str((path.parent / paths[row]).resolve()), ()) if paths[row] else (),
            of_name.get(fold(*named), ()),
        )
        found = next((way for way in ways if way), ())
        called = " - ".join(filter(None, named)) or texts["id"][row] or texts["isrc"][row] or paths[row]
        if not called:
            raise ValueError("it names no track")
        if not found:
            raise ValueError(f"no track of the library is {called[:80]!r}")
        if len(found) > 1:
            raise ValueError(f"{len(found)} tracks of the library are {called[:80]!r}; give the track id or the path")
        return found[0]

    return find


def _indices(tracks: Sequence[Track]) -> tuple[Mapping[str, list[str]], ...]:
    """Ids of tracks by their ids, here and in outside tables, by ISRC, by path and by name; the surest first."""
    ids, isrcs, paths, names = ({}, {}, {}, {})
    indices: tuple[dict[str, dict[str, None]], ...] = (ids, isrcs, paths, names)
    for track in tracks:
        keys = (
            [track.track_id, bare_id(track.external_id)],
            [clean_isrc(track.isrc or "")],
            [str(path.resolve()) for path in track.paths],
            [fold(track.artist or "", track.title or "")],
        )
        for index, of_track in zip(indices, keys, strict=True):
            for key in filter(None, of_track):
                index.setdefault(key, {})[track.track_id] = None
    return tuple({key: list(found) for key, found in index.items()} for index in indices)


def _texts(frame: pd.DataFrame, place: int) -> list[str]:
    """A column as texts; what is missing is empty."""
    return ["" if pd.isna(cell) else unguarded(f"{cell}".strip()) for cell in frame.iloc[:, place].tolist()]
