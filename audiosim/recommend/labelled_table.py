"""Tables of features in which every row also carries what somebody said of the track: a genre, or a rating."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from audiosim.errors import FeatureTableError
from audiosim.features.descriptors import DESCRIPTORS, encode_descriptors
from audiosim.features.table import baseline_columns, encode
from audiosim.sources.cells import unguarded
from audiosim.sources.feature_table import FEATURES, RejectedRow
from audiosim.sources.fold import fold, fold_name
from audiosim.sources.table_frame import read_frame
from audiosim.sources.table_presets import TableOptions, find_columns, preset_named, recognise
from audiosim.sources.table_units import numbers, reasons

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Names of kinds, of which none is more than another; trees are told so.
_KINDS = frozenset({"key", "mode", "time_signature", "key_est", "mode_est", "time_signature_est"})
_KEYS = frozenset({"key", "key_est"})  # which take two columns once they are encoded
# Averages over the sections of a track, as other tables call them; estimates of our own are among `DESCRIPTORS`.
_AVERAGED = re.compile(r"(?:pitch|timbre)_\d{1,2}")
_GENRES = ("genre", "track_genre", "playlist_genre")


@dataclass(frozen=True, slots=True, eq=False)
class TrackInputs:
    """What models are shown of tracks.

    Parameters
    ----------
    names : tuple of str
        Names of the columns of `values`.
    values : (n_tracks, n_features) float64
        As they were read; for trees, which need no scale.
    encoded : (n_tracks, n_dims) float64
        On scales where equal steps mean the same, not yet standardised; for weighted sums.
    """

    names: tuple[str, ...]
    values: FloatArray
    encoded: FloatArray

    @classmethod
    def of_features(cls, values: FloatArray, names: Sequence[str]) -> "TrackInputs":
        """Inputs of features that are called as in `FEATURES`."""
        used = baseline_columns(names, recipe="zscore")
        columns = [list(names).index(name) for name in used]
        return cls(used, values[:, columns], encode(values, names, recipe="zscore"))

    @classmethod
    def of_descriptors(cls, values: FloatArray) -> "TrackInputs":
        """Inputs of what `audiosim.features.descriptors.describe` says of tracks, a row each."""
        return cls(DESCRIPTORS, values, encode_descriptors(values).astype(np.float64))

    @property
    def kinds(self) -> tuple[int, ...]:
        """Columns of `values` that hold kinds and no amounts."""
        return tuple(column for column, name in enumerate(self.names) if name in _KINDS)

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """For every column of `encoded` the one of `values` that it comes from: a key takes two."""
        return tuple(name for name in self.names for _ in range(2 if name in _KEYS else 1))

    def take(self, rows: Sequence[int] | IntArray) -> "TrackInputs":
        """Some of the tracks."""
        return replace(self, values=self.values[rows], encoded=self.encoded[rows])

    def dealt(self, columns: Sequence[int], order: IntArray) -> "TrackInputs":
        """Inputs in which some columns of `values`, and what is encoded of them, are those of other tracks."""
        values, encoded = self.values.copy(), self.encoded.copy()
        values[:, columns] = values[order][:, columns]
        names = {self.names[column] for column in columns}
        dimensions = [i for i, name in enumerate(self.encoded_names) if name in names]
        encoded[:, dimensions] = encoded[order][:, dimensions]
        return replace(self, values=values, encoded=encoded)

    def with_columns(self, values: FloatArray, names: Sequence[str]) -> "TrackInputs":
        """The same with further amounts, a column each."""
        return TrackInputs((*self.names, *names), np.hstack([self.values, values]), np.hstack([self.encoded, values]))

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledTable:
    """Tracks with features and a label each, in the order of the table's rows.

    `artists` and `songs` are folded names, "" where the table does not say, and so are `genres`, which are the text of
    a column that is called so; `rejected` are rows that cannot be used, `notes` what had to be assumed or converted. Of
    a table without duplicates, `n_duplicates` rows are gone, and `n_ambiguous` of the tracks that are left had been
    given several labels.
    """

    source: Path
    inputs: TrackInputs
    labels: tuple[str, ...]
    artists: tuple[str, ...]
    songs: tuple[str, ...]
    titles: tuple[str, ...]
    genres: tuple[str, ...] = ()
    rejected: tuple[RejectedRow, ...] = ()
    notes: tuple[str, ...] = ()
    n_duplicates: int = 0
    n_ambiguous: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Sequence[int] | IntArray) -> "LabelledTable":
        """Some of the tracks."""

        def of(column: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(column[row] for row in rows)

        return replace(
            self,
            inputs=self.inputs.take(rows),
            labels=of(self.labels),
            artists=of(self.artists),
            songs=of(self.songs),
            titles=of(self.titles),
            genres=of(self.genres) if self.genres else (),
        )


def read_labelled_table(
    path: Path, label: str | None, *, options: TableOptions | None = None, extra: Sequence[str] = ()
) -> LabelledTable:
    """Read a table of features of which one column is a label.

    Parameters
    ----------
    path : Path
        CSV (also gzipped) or Parquet, as `audiosim.sources.feature_table.read_feature_table` reads it; here a row needs
        no key. A table with all of `DESCRIPTORS` holds estimates of our own, and these are read.
    label : str or None
        Name of the column that holds the labels; its case does not matter. Without one, all labels are "".
    options : TableOptions, optional
        How to read the table where it does not tell by itself.
    extra : sequence of str
        Names of columns that hold amounts and count as features beside those that are known. Averaged pitches and
        timbres ("pitch_0" to "timbre_11") count without being named.

    Returns
    -------
    LabelledTable
        With the rows that have a label and all features.

    Raises
    ------
    FeatureTableError
        If the file cannot be read, lacks a column that is named or any feature, or has no row that can be used.
    """
    options = options or TableOptions()
    frame, notes = read_frame(path)
    columns = _columns(frame)
    place = None if label is None else _place(path, columns, label)
    preset = recognise(columns) if options.preset is None else preset_named(options.preset)
    found, keys = find_columns(columns, preset, options)
    if set(DESCRIPTORS) <= columns.keys():
        found, known = {"duration_ms": columns["duration_ms"]}, DESCRIPTORS
        notes = [*notes, "the features are audiosim's own estimates"]
    else:
        known = tuple(name for name in columns if _AVERAGED.fullmatch(name))
    amounts = {name: columns[name] for name in known if name not in found}
    amounts |= {name.strip().casefold(): _place(path, columns, name) for name in extra}
    found = {name: column for name, column in found.items() if column != place}
    amounts = {name: column for name, column in amounts.items() if column not in {place, *found.values()}}
    values, converted, excluded = _features(path, frame, found, amounts)
    labels = [""] * len(frame) if place is None else _texts(frame, place)
    if place is not None:
        excluded |= {row: f"it has no {label}" for row, said in enumerate(labels) if not said and row not in excluded}
    kept = [row for row in range(len(frame)) if row not in excluded]
    rejected = tuple(RejectedRow(row + 1, excluded[row]) for row in sorted(excluded))
    if not kept:
        told = f"row {rejected[0].row} rejected since {rejected[0].reason}" if rejected else "none"
        raise FeatureTableError(f"{path} must hold at least one row that can be used, got {told}")
    names = ["duration_ms" if name.startswith("duration") else name for name in found]
    artists, titles = _named(frame, keys.get("artist")), _named(frame, keys.get("title"))
    of_genre = next((columns[name] for name in _GENRES if name in columns and columns[name] != place), None)
    genres = [] if of_genre is None else _texts(frame, of_genre)
    table = LabelledTable(
        path,
        _inputs(values[kept], names, list(amounts)),
        tuple(labels[row] for row in kept),
        tuple(fold_name(artists[row]) for row in kept),
        tuple(fold(artists[row], titles[row]) for row in kept),
        tuple(" - ".join(filter(None, (artists[row], titles[row]))) for row in kept),
        tuple(fold_name(genres[row]) for row in kept) if genres else (),
    )
    return replace(table, rejected=rejected, notes=(*notes, *converted))


def _columns(frame: pd.DataFrame) -> dict[str, int]:
    """Places of the columns by their names in lower case; of equal names the first counts."""
    columns: dict[str, int] = {}
    for position, name in enumerate(frame.columns):
        columns.setdefault(str(name).strip().casefold(), position)
    return columns


def _place(path: Path, columns: Mapping[str, int], name: str) -> int:
    """Where a column is."""
    place = columns.get(name.strip().casefold())
    if place is None:
        raise FeatureTableError(f"{path} must have the column {name!r}, got {', '.join(columns) or 'no column'}")
    return place


def _features(
    path: Path, frame: pd.DataFrame, found: Mapping[str, int], amounts: Mapping[str, int]
) -> tuple[FloatArray, list[str], dict[int, str]]:
    """Features as numbers, what was converted, and why rows cannot be used: those that are known, then the others."""
    if not found and not amounts:
        raise FeatureTableError(
            f"{path} must have at least one feature column ({', '.join(FEATURES)}), "
            f"got {', '.join(map(str, frame.columns))}"
        )
    values, converted, excluded = np.empty((len(frame), 0)), list[str](), dict[int, str]()
    if found:
        features = frame.iloc[:, list(found.values())]
        try:
            values, converted = numbers(features, list(found))
        except ValueError as error:
            raise FeatureTableError(f"{path} cannot be used: {error}") from error
        excluded = reasons(features, values, list(found))
    for name, column in amounts.items():
        cells = frame.iloc[:, column]
        amount = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        for row in np.flatnonzero(~np.isfinite(amount)).tolist():
            excluded.setdefault(row, f"{name} must be a finite number, got {str(cells.iloc[row])[:40] or 'nothing'}")
        values = np.column_stack([values, amount])
    return values, converted, excluded


def _inputs(values: FloatArray, names: Sequence[str], amounts: Sequence[str]) -> TrackInputs:
    """Inputs of columns of `FEATURES`, then of amounts; of estimates of our own where these are all there."""
    columns = [*names, *amounts]
    if set(DESCRIPTORS) <= set(columns):
        estimates = [columns.index(name) for name in DESCRIPTORS]
        others = [place for place in range(len(columns)) if place not in estimates]
        inputs = TrackInputs.of_descriptors(values[:, estimates])
        return inputs.with_columns(values[:, others], [columns[place] for place in others])
    if not names:
        return TrackInputs(tuple(amounts), values, values)
    return TrackInputs.of_features(values[:, : len(names)], names).with_columns(values[:, len(names) :], amounts)


def without_duplicates(table: LabelledTable) -> LabelledTable:
    """Keep one row of each track, with the label that most of its rows give it.

    A track is its folded artist and title and its duration to the second; where there is no name, all its features. Of
    labels that are equally frequent the first counts, and so does the first row.

    Examples
    --------
    >>> inputs = TrackInputs.of_features(np.array([[0.5], [0.5], [0.7]]), ["energy"])
    >>> table = LabelledTable(Path("t.csv"), inputs, ("rock", "pop", "pop"), ("",) * 3, ("",) * 3, ("",) * 3)
    >>> unique = without_duplicates(table)
    >>> unique.labels, unique.n_duplicates, unique.n_ambiguous
    (('rock', 'pop'), 1, 1)
    """
    names = table.inputs.names
    durations = table.inputs.values[:, names.index("duration_ms")] if "duration_ms" in names else np.zeros(len(table))
    rows_of: dict[tuple[object, ...], list[int]] = {}
    for row, song in enumerate(table.songs):
        key = (song, round(durations[row] / 1_000.0)) if song else tuple(table.inputs.values[row].tolist())
        rows_of.setdefault(key, []).append(row)
    labels = [Counter(table.labels[row] for row in rows) for rows in rows_of.values()]
    return replace(
        table.take([rows[0] for rows in rows_of.values()]),
        labels=tuple(counts.most_common(1)[0][0] for counts in labels),
        n_duplicates=len(table) - len(rows_of),
        n_ambiguous=sum(len(counts) > 1 for counts in labels),
    )


def artist_groups(artists: Sequence[str]) -> IntArray:
    """Number the artists, so that no fold parts what belongs together; a track without an artist is alone.

    Examples
    --------
    >>> artist_groups(["ann", "bob", "ann", "", ""]).tolist()
    [0, 1, 0, 2, 3]
    """
    numbered: dict[str | int, int] = {}
    return np.array([numbered.setdefault(artist or row, len(numbered)) for row, artist in enumerate(artists)], np.int64)


def _named(frame: pd.DataFrame, place: int | None) -> list[str]:
    return [""] * len(frame) if place is None else [unguarded(text) for text in _texts(frame, place)]


def _texts(frame: pd.DataFrame, place: int) -> list[str]:
    """A column as texts; what is missing is empty."""
    return ["" if pd.isna(cell) else f"{cell}".strip() for cell in frame.iloc[:, place].tolist()]
