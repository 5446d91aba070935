"""Stage 3: everything with everything, tile by tile.

The matrix itself says what is done: NaN is what was not computed yet. A tile above the diagonal is written after its
mirror image, so a finished tile means a finished pair of tiles, whenever a run is killed.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from audiosim.distances import Block, Measure, measure_named, parameters
from audiosim.errors import AudiosimError
from audiosim.features.statistics import CorpusStatistics
from audiosim.library import Library
from audiosim.recommend import neighbors
from audiosim.store import DistanceStore, FeatureStore, digest, remove_distances, stored_distances
from audiosim_kernels import device as devices
from audiosim_pipelines.cluster import Cluster, Scheduling, connect
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.settings import Settings

NEIGHBORS = "neighbors"

_SMALL_TILE, _LARGE_TILE = 64, 256
_MANY_ROWS = 4_096  # from here on large tiles keep the number of files in bounds


@dataclass(frozen=True, slots=True)
class MeasureReport:
    """What was done for one measure: pairs computed now, rows of the matrix, and why there is none."""

    measure: str
    n_pairs_computed: int
    n_rows: int
    note: str = ""


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
    names = list(measures or settings.compare.measures)
    if not measures and catalog.rows("baseline"):
        names.append("baseline")
    with library.writing():
        if recompute:
            _forget(library, names)
        plans = [_plan(library, settings, name) for name in names]
        if not any(isinstance(plan, _Job) for plan in plans):
            return [plan for plan in plans if isinstance(plan, MeasureReport)]
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
    job = _Job(measure, features, statistics, track_ids, digest(attributes), attributes)
    if _n_known(library, job) == len(track_ids):
        return MeasureReport(name, 0, len(track_ids), "complete")
    return job


def _n_known(library: Library, job: _Job) -> int:
    """Rows of the stored matrix that are complete."""
    complete = library.catalog.matrix(job.measure.name)
    is_stored = job.measure.name in stored_distances(library.folder)
    return complete[1] if is_stored and complete is not None and complete[0] == job.fingerprint else 0


def _statistics(library: Library, measure: Measure) -> CorpusStatistics | None:
    if not measure.standardized:
        return None
    stored = library.catalog.statistics(measure.feature)
    if stored is None:
        raise AudiosimError(f"feature {measure.feature!r} has no corpus statistics yet; run: audiosim extract")
    return CorpusStatistics(*stored)


def _compare_one(stage: _Stage, job: _Job) -> MeasureReport:
    name, n_rows = job.measure.name, len(job.track_ids)
    tile_size = stage.settings.compare.tile or (_SMALL_TILE if n_rows < _MANY_ROWS else _LARGE_TILE)
    n_known = _n_known(stage.library, job)  # before opening makes what is not there
    store = DistanceStore.open(stage.library.folder, name, job.attributes, n_rows=n_rows, tile=tile_size)
    n_total = (n_rows * (n_rows - 1) - n_known * (n_known - 1)) // 2
    n_computed = 0

    def tasks() -> Generator[tuple[_Tile, tuple[object, ...]]]:
        blocks = _Blocks(job, stage.cluster)
        for tile in _missing_tiles(store, n_rows, n_known):
            yield tile, (job.measure, blocks.load(tile.rows), blocks.load(tile.columns), tile.pairs, stage.device)

    with stage.progress.bar(f"compare {name}", n_total, "pairs") as advance:
        for tile, distances in stage.cluster.run(compute_tile, tasks()):
            _write(store, tile, distances)
            n_computed += len(tile.pairs)
            advance(len(tile.pairs))
    _finish(stage, job, store)
    return MeasureReport(name, n_computed, n_rows)


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


def _finish(stage: _Stage, job: _Job, store: DistanceStore) -> None:
    """Write the table of neighbours and the quantiles; then the matrix counts as complete."""
    name, n_rows = job.measure.name, len(job.track_ids)

    def strips() -> Generator[npt.NDArray[np.float32]]:
        for start in range(0, n_rows, store.tile):
            yield store.read_block(slice(start, min(start + store.tile, n_rows)), slice(0, n_rows))

    quantiles = neighbors.distance_quantiles(strips(), n_tracks=n_rows)
    top_k = stage.settings.compare.top_k
    _write_neighbors(stage.library.folder, job, strips(), top_k=top_k, quantiles=quantiles)
    details = {"feature": job.measure.feature, "quantiles": [None if np.isnan(q) else q for q in quantiles.tolist()]}
    catalog = stage.library.catalog
    with catalog.transaction():
        catalog.put_matrix(name, fingerprint=job.fingerprint, n_rows=n_rows, details=details)


def _write_neighbors(
    library: Path,
    job: _Job,
    strips: Generator[npt.NDArray[np.float32]],
    *,
    top_k: int,
    quantiles: npt.NDArray[np.float64],
) -> None:
    """The table query_id, rank, target_id, distance, percentile: `top_k` rows a track."""
    folder = library / NEIGHBORS
    folder.mkdir(exist_ok=True)
    draft = folder / f"{job.measure.name}.draft"
    schema = pa.schema(
        [
            ("query_id", pa.string()),
            ("rank", pa.int32()),
            ("target_id", pa.string()),
            ("distance", pa.float32()),
            ("percentile", pa.float32()),
        ]
    )
    ids = np.asarray(job.track_ids)
    start = 0
    with pq.ParquetWriter(draft, schema) as writer:
        for strip in strips:
            indices, distances = neighbors.top_k(strip, row_start=start, k=top_k)
            row, rank = np.nonzero(indices >= 0)
            found = distances[row, rank]
            columns = [
                ids[start + row],
                rank + 1,
                ids[indices[row, rank]],
                found,
                neighbors.percentile(found, quantiles),
            ]
            writer.write_table(
                pa.table([pa.array(c, t.type) for c, t in zip(columns, schema, strict=True)], schema=schema)
            )
            start += len(strip)
    draft.replace(folder / f"{job.measure.name}.parquet")


def _forget(library: Library, names: Sequence[str]) -> None:
    with library.catalog.transaction():
        for name in names:
            library.catalog.drop_matrix(name)
    for name in names:
        remove_distances(library.folder, name)
