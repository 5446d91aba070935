"""What a complete matrix leaves behind: statistics of its rows, quantiles, the table of neighbours, and its hubs.

The matrix itself stays as it was measured. Only the table is rescaled, so another rescaling makes another table and
computes no distance.
"""

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from audiosim.distances.hubness import VERSION, Rescaled, Rescaling, RowStatistics, rescale
from audiosim.evaluation.hubness import Hubness, from_lists
from audiosim.recommend import neighbors
from audiosim.store import DistanceStore
from audiosim_pipelines.settings import Settings

NEIGHBORS = "neighbors"

_HUBNESS_KS = (5, 10)
_N_LISTED = max(_HUBNESS_KS)
_SCHEMA = pa.schema(
    [
        ("query_id", pa.string()),
        ("rank", pa.int32()),
        ("target_id", pa.string()),
        ("distance", pa.float32()),
        ("percentile", pa.float32()),
        ("rescaled", pa.float32()),
    ]
)


@dataclass(frozen=True, slots=True)
class TableSpec:
    """What the table of a measure depends on beside the matrix; `k` neighbours are what some rescalings look at."""

    rescaling: Rescaling
    k: int
    top_k: int
    version: int = VERSION

    @classmethod
    def of(cls, settings: Settings, measure: str) -> Self:
        """What the settings say of a measure."""
        return cls(rescaling=settings.hubness.of(measure), k=settings.hubness.k, top_k=settings.compare.top_k)


@dataclass(frozen=True, slots=True)
class Hubs:
    """How even a measure is, as it was measured and as its table is ranked; `rescaled` is empty without a rescaling."""

    rescaling: Rescaling
    raw: tuple[Hubness, ...]
    rescaled: tuple[Hubness, ...]


def table_path(library: Path, measure: str) -> Path:
    """Where the table of a measure lies."""
    return library / NEIGHBORS / f"{measure}.parquet"


def is_current(library: Path, measure: str, details: dict[str, object], spec: TableSpec) -> bool:
    """Whether the table is there, and is what the catalog's details of a complete matrix and the settings say."""
    return details.get("table") == asdict(spec) and table_path(library, measure).exists()


def hubs_of(details: dict[str, object]) -> Hubs:
    """Read the hubs from the catalog's details of a complete matrix."""
    stored: dict[str, list[dict[str, float]]] = details["hubness"]  # pyright: ignore[reportAssignmentType] - JSON of our own making
    raw, rescaled = (tuple(Hubness(**item) for item in stored[key]) for key in ("raw", "rescaled"))  # pyright: ignore[reportArgumentType]
    table: dict[str, Rescaling] = details["table"]  # pyright: ignore[reportAssignmentType]
    return Hubs(table["rescaling"], raw, rescaled)


def write(
    library: Path, measure: str, store: DistanceStore, track_ids: Sequence[str], *, spec: TableSpec
) -> dict[str, object]:
    """Write all that a complete matrix leaves behind; return what the catalog is to say of it."""
    n_rows = len(track_ids)
    statistics = RowStatistics.of_matrix((strip for _, strip in _strips(store, n_rows)), k=spec.k)
    assert statistics.order is not None
    store.write_rows("order", statistics.order)
    store.write_rows("summary", statistics.summary)  # last: who finds it finds the order, too
    quantiles = neighbors.distance_quantiles((strip for _, strip in _strips(store, n_rows)), n_tracks=n_rows)
    ids = np.asarray(track_ids)
    raw_lists = np.empty((n_rows, _N_LISTED), dtype=np.int32)
    lists = np.empty((n_rows, max(_N_LISTED, spec.top_k)), dtype=np.int32)
    with _writer(table_path(library, measure)) as writer:
        for start, strip in _strips(store, n_rows):
            own = slice(start, start + len(strip))
            rescaled = rescale(strip, statistics.take(own), statistics, method=spec.rescaling, row_start=start)
            raw_lists[own], _ = neighbors.top_k(strip, row_start=start, k=_N_LISTED)
            lists[own], keys = neighbors.top_k(rescaled.keys, row_start=start, k=lists.shape[1])
            row, rank = np.nonzero(lists[own, : spec.top_k] >= 0)
            targets = lists[own][row, rank]
            found = strip[row, targets]
            near = neighbors.percentile(found, quantiles)
            shown = None if spec.rescaling == "none" else Rescaled(keys[row, rank], spec.rescaling).distances
            _append(writer, ids[start + row], rank + 1, ids[targets], found, near, shown)
    rescaled_hubs = () if spec.rescaling == "none" else from_lists(lists, ks=_HUBNESS_KS)
    return {
        "quantiles": [None if np.isnan(q) else q for q in quantiles.tolist()],
        "table": asdict(spec),
        "hubness": {
            "raw": [asdict(item) for item in from_lists(raw_lists, ks=_HUBNESS_KS)],
            "rescaled": [asdict(item) for item in rescaled_hubs],
        },
    }


def _strips(store: DistanceStore, n_rows: int) -> Generator[tuple[int, npt.NDArray[np.float32]]]:
    """The matrix from top to bottom, a row of tiles at a time, each with the number of its first row."""
    for start in range(0, n_rows, store.tile):
        yield start, store.read_block(slice(start, min(start + store.tile, n_rows)), slice(0, n_rows))


@contextlib.contextmanager
def _writer(path: Path) -> Generator[pq.ParquetWriter]:
    """A draft of the table, which takes its place when all rows are written."""
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".draft")
    with pq.ParquetWriter(draft, _SCHEMA) as writer:
        yield writer
    draft.replace(path)


def _append(writer: pq.ParquetWriter, *columns: npt.NDArray[np.generic] | None) -> None:
    """Write rows of the table, of which these are the columns; None is a column of nulls."""
    n_rows = next(len(column) for column in columns if column is not None)
    arrays = [
        pa.nulls(n_rows, type=field.type) if column is None else pa.array(column, field.type)
        for column, field in zip(columns, _SCHEMA, strict=True)
    ]
    writer.write_table(pa.table(arrays, schema=_SCHEMA))
