"""The feature table that audio is compared with: kept in the library, joined to its tracks, stored as vectors."""

import csv
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from audiosim.errors import FeatureTableError
from audiosim.features.statistics import CorpusStatistics
from audiosim.features.table import encode, scale
from audiosim.library import Library
from audiosim.sources.cells import guarded
from audiosim.sources.feature_table import Coverage, FeatureTable, RejectedRow, join, read_feature_table
from audiosim.sources.identity import file_digest
from audiosim.sources.table_presets import TableOptions
from audiosim.store import FeatureLayout, FeatureStore, remove_distances, remove_feature
from audiosim_pipelines.settings import Settings
from audiosim_pipelines.whole_file import replacing

FEATURE = "baseline"
_NAME = "baseline"
_OPTIONS_NAME = "baseline.json"
_SUFFIXES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class BaselineReport:
    """How the table covers the library: tracks matched in all, tracks of the library, and one line for people."""

    n_matched: int
    n_tracks: int
    summary: str


@dataclass(frozen=True, slots=True)
class TableReport:
    """What a feature table holds: as what it was read, what was assumed, and what became of its rows.

    `reasons` say why rows were rejected: how many, and the first of each kind; `rejected` are all of them.
    """

    preset: str | None
    notes: tuple[str, ...]
    features: tuple[str, ...]
    n_rows: int
    n_kept: int
    n_repeated: int
    n_conflicting: int
    reasons: tuple[str, ...]
    rejected: tuple[RejectedRow, ...]


def import_baseline(library: Library, table: Path, options: TableOptions | None = None) -> TableReport:
    """Keep a copy of the table in the library; one with other bytes, or read otherwise, replaces the old one.

    What came of the old one is dropped.

    Raises
    ------
    FeatureTableError
        The table has no key, no feature, or no usable row.
    """
    suffix = next((suffix for suffix in _SUFFIXES if table.name.lower().endswith(suffix)), None)
    if suffix is None:
        raise FeatureTableError(f"a feature table must end in {', '.join(_SUFFIXES)}, got {table}")
    options = options or TableOptions()
    report = _report(read_feature_table(table, options))  # refuses before anything is replaced
    kept = _kept_table(library)
    if kept is not None and file_digest(kept) == file_digest(table) and _is_kept_so(library, options):
        return report
    with library.writing():
        _forget(library)
        draft = library.folder / f"{_NAME}.draft"
        draft.write_bytes(table.read_bytes())
        # The table is what counts: a kill before it is there leaves a library without one.
        if kept is not None:
            kept.unlink()
        with replacing(library.folder / _OPTIONS_NAME) as options_draft:
            options_draft.write_text(json.dumps(asdict(options), sort_keys=True), encoding="utf-8")
        draft.replace(library.folder / f"{_NAME}{suffix}")
    return report


def write_rejected(rejected: Iterable[RejectedRow], output: Path) -> None:
    """Write the rejected rows as CSV: their numbers, the first below the header being 1, and why.

    Raises
    ------
    AudiosimError
        The file cannot be written.
    """
    with replacing(output) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "reason"])
        writer.writerows([row.row, guarded(row.reason)] for row in rejected)


def join_baseline(library: Library, settings: Settings) -> BaselineReport | None:
    """Join the kept table to the tracks that have no row of it yet; None where no table was imported.

    Scales are those of the tracks that were joined first, so that old distances keep their values.
    """
    kept = _kept_table(library)
    if kept is None:
        return None
    table = read_feature_table(kept, _kept_options(library))
    tracks = library.tracks()
    recipe = settings.baseline.recipe
    coverage = join(table, tracks)
    catalog = library.catalog
    with library.writing():
        if coverage.matched:
            encoded = encode(coverage.values, coverage.names, recipe=recipe)
            made_with = {"recipe": recipe, "columns": list(coverage.names), "table": file_digest(kept)}
            layout = FeatureLayout(FEATURE, "vectors", encoded.shape[1], 1, made_with)
            store = FeatureStore.open(library.folder, layout)
            known = set(catalog.rows(FEATURE))
            new = [n for n, i in enumerate(coverage.matched) if tracks[i].track_id not in known]
            if new:
                store.write(len(known), list(encoded[new].astype(np.float32)))
                with catalog.transaction():
                    catalog.commit_rows(FEATURE, len(known), [tracks[coverage.matched[n]].track_id for n in new])
                    if catalog.statistics(FEATURE) is None:
                        _keep(library, scale(encoded[new], recipe=recipe))
        n_matched = len(catalog.rows(FEATURE))
    return BaselineReport(
        n_matched, len(tracks), f"baseline {table.source.name}: {coverage.summary()}{_rejected(table)}"
    )


def official_features(library: Library) -> Coverage | None:
    """The features of the kept table by track of the library, in their own units; None where no table was imported."""
    kept = _kept_table(library)
    return None if kept is None else join(read_feature_table(kept, _kept_options(library)), library.tracks())


def official_table(library: Library) -> FeatureTable | None:
    """The kept table as it was read, tracks that the library lacks among its rows; None where none was imported."""
    kept = _kept_table(library)
    return None if kept is None else read_feature_table(kept, _kept_options(library))


def _kept_table(library: Library) -> Path | None:
    candidates = [library.folder / f"{_NAME}{suffix}" for suffix in _SUFFIXES]
    return next((path for path in candidates if path.exists()), None)


def _kept_options(library: Library) -> TableOptions:
    """How the kept table is read; tables that were kept by 0.1.0 tell by themselves."""
    path = library.folder / _OPTIONS_NAME
    try:
        return TableOptions(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return TableOptions()
    except (OSError, ValueError, TypeError) as error:
        raise FeatureTableError(f"{path} is broken: {error}; import the table again") from error


def _is_kept_so(library: Library, options: TableOptions) -> bool:
    try:
        return _kept_options(library) == options
    except FeatureTableError:
        return False


def _report(table: FeatureTable) -> TableReport:
    kinds = [row.reason.partition(", got ")[0] for row in table.rejected]
    first = dict(zip(reversed(kinds), reversed(table.rejected), strict=True))
    reasons = (
        f"{count:,} x, first in row {first[kind].row}: {first[kind].reason}"
        for kind, count in Counter(kinds).most_common()
    )
    return TableReport(
        table.preset,
        table.notes,
        table.names,
        table.n_rows,
        len(table),
        table.n_repeated,
        table.n_conflicting,
        tuple(reasons),
        table.rejected,
    )


def _keep(library: Library, scales: CorpusStatistics) -> None:
    library.catalog.put_statistics(FEATURE, mean=scales.mean, std=scales.std, n_frames=scales.n_frames)


def _forget(library: Library) -> None:
    """Drop what came of another table."""
    catalog = library.catalog
    # Distances go first: while they are there, the rows that they are about keep their order.
    with catalog.transaction():
        catalog.drop_matrix(FEATURE)
    remove_distances(library.folder, FEATURE)
    with catalog.transaction():
        catalog.drop_rows(FEATURE)
        catalog.drop_statistics(FEATURE)
    remove_feature(library.folder, FEATURE)


def _rejected(table: FeatureTable) -> str:
    """What of the table was not used, for people."""
    parts: list[str] = []
    if table.rejected:
        first = table.rejected[0]
        parts.append(f"{len(table.rejected)} rows rejected, the first in row {first.row}: {first.reason}")
    if table.n_conflicting:
        parts.append(f"{table.n_conflicting} rows contradicted an earlier one of the same key")
    return "".join(f"; {part}" for part in parts)
