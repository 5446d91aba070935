"""Stage 3: everything with everything, tile by tile.

The matrix itself says what is done: NaN is what was not computed yet. A tile above the diagonal is written after its
mirror image, so a finished tile means a finished pair of tiles, whenever a run is killed.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.distances import Block, Measure, measure_named, parameters
from audiosim.errors import AudiosimError
from audiosim.features.statistics import CorpusStatistics
from audiosim.library import Library
from audiosim.store import DistanceStore, FeatureStore, digest, remove_distances, stored_distances
from audiosim_kernels import device as devices
from audiosim_pipelines import neighbor_table
from audiosim_pipelines.cluster import Cluster, Scheduling, connect
from audiosim_pipelines.neighbor_table import NEIGHBORS, Hubs, TableSpec
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.settings import Settings

__all__ = ["NEIGHBORS", "MeasureReport", "compare", "compute_tile"]

_SMALL_TILE, _LARGE_TILE = 64, 256
_MANY_ROWS = 4_096  # from here on large tiles keep the number of files in bounds


@dataclass(frozen=True, slots=True)
class MeasureReport:
    """What was done for one measure: pairs computed now, rows of the matrix, and why there is none.

    `hubs` says how even the matrix is; None where there is none.
    """

    measure: str
    n_pairs_computed: int
    n_rows: int
    note: str = ""
    hubs: Hubs | None = None


@dataclass(frozen=True, slots=True)
class _Tile:
    """Pairs that are missing in one tile on or above the diagonal."""

    rows: slice
    columns: slice
    pairs: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Job:
    """One measure over the rows of its feature."""

    measure: Measure
    features: FeatureStore
    statistics: CorpusStatistics | None
    track_ids: list[str]
    fingerprint: str
    attributes: dict[str, object]
    table: TableSpec
    tile: int
    n_known: int  # rows of the stored matrix that are complete


@dataclass(frozen=True, slots=True)
class _Stage:
    """What all measures of one call share."""

    library: Library
    settings: Settings
    cluster: Cluster
    device: str
    progress: Progress


def compare(
    library: Library,
    settings: Settings,
    *,
    measures: Sequence[str] | None = None,
    scheduling: Scheduling | None = None,
    recompute: bool = False,
    progress: Progress | None = None,
) -> list[MeasureReport]:
    """Compute the distances that are missing.

    Parameters
    ----------
    library, settings
        Where, and with what.
    measures
        Names of measures; those of the settings by default, and the baseline where a feature table was imported.
    scheduling
        Where tiles are computed; threads of this process by default.
    recompute
        Throw away the distances of these measures first.
    progress
        Who wants to see how far it is.

    Raises
    ------
    StoreMismatchError
        Stored distances were made with other parameters or statistics.
    """
    progress = progress or Silent()
    catalog = library.catalog
    names = list(measures or settings.measures)
    if settings.unfounded_measures and not measures:
        left_out = ", ".join(settings.unfounded_measures)
        progress.say(f"not compared, since features.families leaves their features out: {left_out}")
    if not measures and catalog.rows("baseline"):
        names.append("baseline")
    with library.writing():
        if recompute:
            _forget(library, names)
        plans = [_plan(library, settings, name) for name in names]
        if all(isinstance(plan, MeasureReport) or plan.n_known == len(plan.track_ids) for plan in plans):
            # At most tables are to be made anew, which needs neither a device nor workers.
            return [
                _finish(library, plan, _open(library, plan), 0) if isinstance(plan, _Job) else plan for plan in plans
            ]
        device = devices.resolve(settings.machine.device)
        progress.say(f"comparing on {devices.describe() if device == 'cuda' else 'the CPU'}")
        # One GPU is kept busy by one thread; more would only queue up before it.
        local = Scheduling(threads=1 if device == "cuda" else settings.machine.n_threads)
        with connect(scheduling or local) as cluster:
            stage = _Stage(library, settings, cluster, device, progress)
            return [_compare_one(stage, plan) if isinstance(plan, _Job) else plan for plan in plans]


def compute_tile(
    measure: Measure, rows: Block, columns: Block, pairs: npt.NDArray[np.int64], device: str
) -> npt.NDArray[np.float32]:
    """Distances of the pairs of one tile: what a worker runs."""
    return measure.distances(rows, columns, pairs, device=device)


def _plan(library: Library, settings: Settings, name: str) -> _Job | MeasureReport:
    """The work that a measure needs, or the report that there is none."""
    measure = measure_named(name, **settings.measure_options(name))
    catalog = library.catalog
    track_ids = catalog.rows(measure.feature)
    if not track_ids:
        return MeasureReport(name, 0, 0, f"no track has the feature {measure.feature!r} yet")
    features = FeatureStore.read(library.folder, measure.feature)
    statistics = _statistics(library, measure)
    attributes: dict[str, object] = {
        "measure": name,
        "version": measure.version,
        "parameters": parameters(measure),
        "feature": measure.feature,
        "features_digest": digest(features.layout.attributes()),
        # `extract` looks here when statistics are refreshed.
        "statistics_digest": statistics and digest(statistics.mean.tobytes(), statistics.std.tobytes()),
    }
    fingerprint, n_rows = digest(attributes), len(track_ids)
    table = TableSpec.of(settings, name)
    tile = settings.compare.tile or (_SMALL_TILE if n_rows < _MANY_ROWS else _LARGE_TILE)
    n_known, details = _known(library, name, fingerprint)
    if n_known == n_rows and neighbor_table.is_current(library.folder, name, details, table):
        return MeasureReport(name, 0, n_rows, "complete", neighbor_table.hubs_of(details))
    return _Job(measure, features, statistics, track_ids, fingerprint, attributes, table, tile, n_known)


def _known(library: Library, name: str, fingerprint: str) -> tuple[int, dict[str, object]]:
    """Rows of the stored matrix that are complete, and what the catalog says of them."""
    complete = library.catalog.matrix(name)
    if complete is None or complete[0] != fingerprint or name not in stored_distances(library.folder):
        return 0, {}
    return complete[1], complete[2]


def _statistics(library: Library, measure: Measure) -> CorpusStatistics | None:
    if not measure.standardized:
        return None
    stored = library.catalog.statistics(measure.feature)
    if stored is None:
        raise AudiosimError(f"feature {measure.feature!r} has no corpus statistics yet; run: audiosim extract")
    return CorpusStatistics(*stored)


def _open(library: Library, job: _Job) -> DistanceStore:
    return DistanceStore.open(
        library.folder, job.measure.name, job.attributes, n_rows=len(job.track_ids), tile=job.tile
    )


def _compare_one(stage: _Stage, job: _Job) -> MeasureReport:
    n_rows, n_known = len(job.track_ids), job.n_known
    store = _open(stage.library, job)
    n_total = (n_rows * (n_rows - 1) - n_known * (n_known - 1)) // 2
    n_computed = 0

    def tasks() -> Generator[tuple[_Tile, tuple[object, ...]]]:
        blocks = _Blocks(job, stage.cluster)
        for tile in _missing_tiles(store, n_rows, n_known):
            yield tile, (job.measure, blocks.load(tile.rows), blocks.load(tile.columns), tile.pairs, stage.device)

    with stage.progress.bar(f"compare {job.measure.name}", n_total, "pairs") as advance:
        for tile, distances in stage.cluster.run(compute_tile, tasks()):
            _write(store, tile, distances)
            n_computed += len(tile.pairs)
            advance(len(tile.pairs))
    return _finish(stage.library, job, store, n_computed)


class _Blocks:
    """Blocks of tracks, shared with the workers; the two used last are kept."""

    def __init__(self, job: _Job, cluster: Cluster) -> None:
        self._job = job
        self._cluster = cluster
        self._kept: dict[tuple[int, int], object] = {}

    def load(self, rows: slice) -> object:
        key = (rows.start, rows.stop)
        shared = self._kept.pop(key, None)
        if shared is None:
            block = Block.load(self._job.features, *key, statistics=self._job.statistics)
            shared = self._cluster.share(block)
            while len(self._kept) >= 2:
                self._kept.pop(next(iter(self._kept)))
        self._kept[key] = shared  # now the one used last
        return shared


def _missing_tiles(store: DistanceStore, n_rows: int, n_known: int) -> Generator[_Tile]:
    """Tiles on and above the diagonal in which pairs are missing; those within the known rows are not even read."""
    bounds = [slice(start, min(start + store.tile, n_rows)) for start in range(0, n_rows, store.tile)]
    for i, rows in enumerate(bounds):
        for columns in bounds[i:]:
            if columns.stop <= n_known:
                continue
            missing = np.isnan(store.read_block(rows, columns))
            if not missing.any():
                continue
            if rows == columns:
                missing = np.triu(missing, k=1)  # the diagonal is 0 by definition, the rest is its mirror image
            yield _Tile(rows, columns, np.argwhere(missing))


def _write(store: DistanceStore, tile: _Tile, distances: npt.NDArray[np.float32]) -> None:
    values = store.read_block(tile.rows, tile.columns)
    values[tile.pairs[:, 0], tile.pairs[:, 1]] = distances
    if tile.rows == tile.columns:
        values[tile.pairs[:, 1], tile.pairs[:, 0]] = distances
        np.fill_diagonal(values, 0.0)
    else:
        store.write_block(tile.columns, tile.rows, values.T)
    store.write_block(tile.rows, tile.columns, values)


def _finish(library: Library, job: _Job, store: DistanceStore, n_computed: int) -> MeasureReport:
    """Write what a complete matrix leaves behind; then it counts as complete."""
    name, n_rows = job.measure.name, len(job.track_ids)
    details = {
        "feature": job.measure.feature,
        **neighbor_table.write(library.folder, name, store, job.track_ids, spec=job.table),
    }
    with library.catalog.transaction():
        library.catalog.put_matrix(name, fingerprint=job.fingerprint, n_rows=n_rows, details=details)
    return MeasureReport(name, n_computed, n_rows, hubs=neighbor_table.hubs_of(details))


def _forget(library: Library, names: Sequence[str]) -> None:
    with library.catalog.transaction():
        for name in names:
            library.catalog.drop_matrix(name)
    for name in names:
        remove_distances(library.folder, name)
