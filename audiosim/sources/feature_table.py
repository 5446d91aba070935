"""Tables of ready-made features, such as Spotify's audio features, joined to the tracks of a library as a baseline.

A table is read strictly: rows that cannot be used are kept out with their reasons, and what was matched is counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from audiosim.catalog import Track
from audiosim.errors import FeatureTableError
from audiosim.sources.cells import unguarded
from audiosim.sources.fold import fold
from audiosim.sources.play import bare_id
from audiosim.sources.table_frame import read_frame
from audiosim.sources.table_presets import (
    FEATURES,
    KEY_COLUMNS,
    Key,
    Preset,
    TableOptions,
    find_columns,
    preset_named,
    recognise,
)
from audiosim.sources.table_units import numbers, reasons
from audiosim.sources.tags import clean_isrc


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is not in the table: its number (the first below the header is 1) and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class TrackKey:
    """How a table names a track; "" is what it does not say."""

    id: str
    isrc: str
    artist: str
    title: str

    @property
    def known(self) -> tuple[str, ...]:
        """The best name there is, empty if there is none."""
        if self.id or self.isrc:
            return (self.id,) if self.id else ("", self.isrc)
        return (self.artist.casefold(), self.title.casefold(), "") if self.artist and self.title else ()


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Named features of tracks that are known by id, ISRC, or artist and title.

    `values` is float64 of shape (n_rows, n_features), its columns are `names`, its rows stand for `keys`. `n_repeated`
    rows said again what an earlier row with the same key had said; `n_conflicting` rows said something else and were
    left out. `preset` is the kind of table that it was read as, `notes` what had to be assumed or converted.
    """

    source: Path
    names: tuple[str, ...]
    values: npt.NDArray[np.float64]
    keys: tuple[TrackKey, ...]
    rejected: tuple[RejectedRow, ...]
    n_repeated: int
    n_conflicting: int
    preset: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Rows that the file has."""
        return len(self) + len(self.rejected) + self.n_repeated + self.n_conflicting

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which tracks a feature table knows, in the order of the tracks.

    `matched` are positions in the sequence of tracks, `rows` the table's rows that answer to them, and `values` their
    features: float64 of shape (n_matched, n_features) with the columns `names`. `unmatched` are the other positions.
    `n_ambiguous` of those have an artist and title that the table holds more than once, with different values.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float64]
    matched: tuple[int, ...]
    rows: tuple[int, ...]
    unmatched: tuple[int, ...]
    n_by_id: int
    n_by_isrc: int
    n_by_name: int
    n_ambiguous: int

    def summary(self) -> str:
        """One line for people: "matched 35 of 40 tracks (10 by id, 0 by ISRC, 25 by artist and title)"."""
        n_tracks = len(self.matched) + len(self.unmatched)
        ways = f"{self.n_by_id} by id, {self.n_by_isrc} by ISRC, {self.n_by_name} by artist and title"
        ambiguous = f"; {self.n_ambiguous} ambiguous" if self.n_ambiguous else ""
        return f"matched {len(self.matched)} of {n_tracks} tracks ({ways}{ambiguous})"


def read_feature_table(path: Path, options: TableOptions | None = None) -> FeatureTable:
    """Read a table of features from CSV (also gzipped) or Parquet.

    Columns are recognised by name, whatever their case, by the preset that the table answers to (see
    `audiosim.sources.table_presets.PRESETS`) or, where it answers to none, by general names. Keys: `track_id` (or
    `sha256`, `spotify_id`, `id`, `track_uri`), `isrc`, `artist` (`artist_name`, `artists`, `track_artist`) with `title`
    (`track_name`, `name`). Features: those in `FEATURES`. Other columns are ignored.

    A row is rejected, with its reason, if it has no key, or if a feature is missing or cannot be what it is called: a
    table of which some rows lack a feature compares those rows with others unfairly, so they are out. Of rows with the
    same key the first is kept.

    Parameters
    ----------
    path : Path
    options : TableOptions, optional
        How to read it where it does not tell by itself.

    Raises
    ------
    FeatureTableError
        If the file cannot be read, has no key or no feature column, or no row that can be used.
    """
    options = options or TableOptions()
    frame, notes = read_frame(path, separator=options.separator)
    columns: dict[str, int] = {}
    for position, name in enumerate(frame.columns):
        columns.setdefault(str(name).strip().casefold(), position)
    preset = recognise(columns) if options.preset is None else preset_named(options.preset)
    found, key_columns = find_columns(columns, preset, options)
    keys = _keys(path, frame, columns, key_columns, preset)
    if not found:
        raise FeatureTableError(
            f"{path} must have at least one feature column ({', '.join(FEATURES)}), got {', '.join(columns) or 'none'}"
        )
    features = frame.iloc[:, list(found.values())]
    try:
        values, converted = numbers(features, list(found))
    except ValueError as error:
        raise FeatureTableError(f"{path} cannot be used: {error}") from error
    excluded = reasons(features, values, list(found))
    excluded |= {row: "it has no key" for row, key in enumerate(keys) if not key.known and row not in excluded}
    kept, n_repeated, n_conflicting = _first_of_each(keys, values, excluded)
    rejected = tuple(RejectedRow(row + 1, excluded[row]) for row in sorted(excluded))
    if not kept:
        told = f"{len(rejected)} rejected, row {rejected[0].row} since {rejected[0].reason}" if rejected else "none"
        raise FeatureTableError(f"{path} must hold at least one row that can be used, got {told}")
    names = tuple("duration_ms" if name.startswith("duration") else name for name in found)
    return FeatureTable(
        path,
        names,
        values[kept],
        tuple(keys[row] for row in kept),
        rejected,
        n_repeated,
        n_conflicting,
        preset.name if preset else None,
        (*notes, *converted),
    )


def _first_of_each(
    keys: Sequence[TrackKey], values: npt.NDArray[np.float64], excluded: Mapping[int, str]
) -> tuple[list[int], int, int]:
    """Rows to keep, one a key; how many others said the same, and how many something else."""
    kept: dict[tuple[str, ...], int] = {}
    n_repeated = n_conflicting = 0
    for row in range(len(keys)):
        if row not in excluded and (first := kept.setdefault(keys[row].known, row)) != row:
            same = np.array_equal(values[first], values[row])
            n_repeated += same
            n_conflicting += not same
    return list(kept.values()), n_repeated, n_conflicting


def join(table: FeatureTable, tracks: Sequence[Track]) -> Coverage:
    """Find the row of each track: by id, else by ISRC, else by folded artist and title (see `fold`).

    An ISRC or a folded name that several rows carry with different values matches nothing.

    Parameters
    ----------
    table
        As read by `read_feature_table`.
    tracks
        Objects with `track_id`, `external_id`, `isrc`, `artist` and `title`.

    Returns
    -------
    Coverage
        The features of the matched tracks, in the order of `tracks`.
    """
    by_id = _index(table, (key.id for key in table.keys))
    by_isrc = _index(table, (key.isrc for key in table.keys))
    by_name = _index(table, (fold(key.artist, key.title) for key in table.keys))
    ways: list[str] = []
    rows: dict[int, int] = {}
    for position, track in enumerate(tracks):
        name = fold(track.artist or "", track.title or "")
        found = (
            ("id", by_id.get(track.track_id, by_id.get(bare_id(track.external_id)))),
            ("isrc", by_isrc.get(_isrc(track.isrc or ""))),
            ("name", by_name.get(name)),
        )
        way, row = next((pair for pair in found if pair[1] is not None), ("", None))
        ways.append(way or ("ambiguous" if name in by_name else ""))
        if row is not None:
            rows[position] = row
    return Coverage(
        names=table.names,
        values=table.values[list(rows.values())],
        matched=tuple(rows),
        rows=tuple(rows.values()),
        unmatched=tuple(position for position in range(len(tracks)) if position not in rows),
        n_by_id=ways.count("id"),
        n_by_isrc=ways.count("isrc"),
        n_by_name=ways.count("name"),
        n_ambiguous=ways.count("ambiguous"),
    )


def _keys(
    path: Path,
    frame: pd.DataFrame,
    columns: Mapping[str, int],
    found: Mapping[Key, int],
    preset: Preset | None,
) -> list[TrackKey]:
    """The key of each row, from the columns that carry one."""
    if "id" not in found and "isrc" not in found and not {"artist", "title"} <= found.keys():
        raise FeatureTableError(
            f"{path} must have a key column (track_id, isrc, or artist and title), got {', '.join(columns) or 'none'}"
        )
    texts = {
        key: [unguarded(_text(cell)) for cell in frame.iloc[:, found[key]].tolist()]
        if key in found
        else [""] * len(frame)
        for key in KEY_COLUMNS
    }
    if preset and preset.artist_separator:
        texts["artist"] = [", ".join(_artists(names, preset.artist_separator)) for names in texts["artist"]]
    rows = zip(texts["id"], texts["isrc"], texts["artist"], texts["title"], strict=True)
    return [TrackKey(bare_id(i), _isrc(isrc), artist, title) for i, isrc, artist, title in rows]


def _text(cell: object) -> str:
    """A cell as text; several artists in a cell of Parquet are a list."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if isinstance(cell, list | tuple | np.ndarray):
        return ", ".join(map(_text, cell))
    return "" if pd.isna(cast("Any", cell)) is True else str(cell).strip()


def _artists(names: str, separator: str) -> list[str]:
    return [name.strip() for name in names.split(separator) if name.strip()]


def _isrc(text: str) -> str:
    """An ISRC; "" where the cell says that there is none, in whatever way."""
    return clean_isrc(text) or ""


def _index(table: FeatureTable, names: Iterable[str]) -> dict[str, int | None]:
    """The row of each name; None where rows of one name have different values."""
    index: dict[str, int | None] = {}
    for row, name in enumerate(names):
        first = index.setdefault(name, row)
        if first is not None and first != row and not np.array_equal(table.values[first], table.values[row]):
            index[name] = None
    index.pop("", None)
    return index
