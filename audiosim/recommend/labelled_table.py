"""Tables of features in which every row also carries what somebody said of the track: a genre, or a rating."""

from collections import Counter
from collections.abc import Sequence
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

    def take(self, rows: Sequence[int] | IntArray) -> "TrackInputs":
        """Some of the tracks."""
        return replace(self, values=self.values[rows], encoded=self.encoded[rows])

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledTable:
    """Tracks with features and a label each, in the order of the table's rows.

    `artists` and `songs` are folded names, "" where the table does not say; `rejected` are rows that cannot be used,
    `notes` what had to be assumed or converted. Of a table without duplicates, `n_duplicates` rows are gone, and
    `n_ambiguous` of the tracks that are left had been given several labels.
    """

    source: Path
    inputs: TrackInputs
    labels: tuple[str, ...]
    artists: tuple[str, ...]
    songs: tuple[str, ...]
    titles: tuple[str, ...]
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
        )


def read_labelled_table(path: Path, label: str, *, options: TableOptions | None = None) -> LabelledTable:
    """Read a table of features of which one column is a label.

    Parameters
    ----------
    path : Path
        CSV (also gzipped) or Parquet, as `audiosim.sources.feature_table.read_feature_table` reads it; here a row needs
        no key.
    label : str
        Name of the column that holds the labels; its case does not matter.
    options : TableOptions, optional
        How to read the table where it does not tell by itself.

    Returns
    -------
    LabelledTable
        With the rows that have a label and all features.

    Raises
    ------
    FeatureTableError
        If the file cannot be read, lacks the column or any feature, or has no row that can be used.
    """
    options = options or TableOptions()
    frame, notes = read_frame(path)
    columns: dict[str, int] = {}
    for position, name in enumerate(frame.columns):
        columns.setdefault(str(name).strip().casefold(), position)
    place = columns.get(label.strip().casefold())
    if place is None:
        raise FeatureTableError(f"{path} must have the column {label!r}, got {', '.join(columns) or 'no column'}")
    preset = recognise(columns) if options.preset is None else preset_named(options.preset)
    found, keys = find_columns(columns, preset, options)
    found = {name: column for name, column in found.items() if column != place}
    if not found:
        raise FeatureTableError(
            f"{path} must have at least one feature column ({', '.join(FEATURES)}), got {', '.join(columns)}"
        )
    features = frame.iloc[:, list(found.values())]
    try:
        values, converted = numbers(features, list(found))
    except ValueError as error:
        raise FeatureTableError(f"{path} cannot be used: {error}") from error
    labels = _texts(frame, place)
    excluded = reasons(features, values, list(found))
    excluded |= {row: f"it has no {label}" for row, said in enumerate(labels) if not said and row not in excluded}
    kept = [row for row in range(len(frame)) if row not in excluded]
    rejected = tuple(RejectedRow(row + 1, excluded[row]) for row in sorted(excluded))
    if not kept:
        told = f"row {rejected[0].row} rejected since {rejected[0].reason}" if rejected else "none"
        raise FeatureTableError(f"{path} must hold at least one row that can be used, got {told}")
    names = ["duration_ms" if name.startswith("duration") else name for name in found]
    artists, titles = _named(frame, keys.get("artist")), _named(frame, keys.get("title"))
    table = LabelledTable(
        path,
        TrackInputs.of_features(values[kept], names),
        tuple(labels[row] for row in kept),
        tuple(fold_name(artists[row]) for row in kept),
        tuple(fold(artists[row], titles[row]) for row in kept),
        tuple(" - ".join(filter(None, (artists[row], titles[row]))) for row in kept),
    )
    return replace(table, rejected=rejected, notes=(*notes, *converted))


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
