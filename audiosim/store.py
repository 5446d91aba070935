"""Frames, vectors and distances on disk; the only module that knows zarr.

A store never decides what counts. Rows count when the catalog says so (`Catalog.commit_rows`); whatever a killed run
left beyond them is overwritten. Single chunks are replaced atomically, so a kill cannot harm values that count.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import zarr

from audiosim.errors import NotComputedError, StoreMismatchError

FEATURES = "features"
DISTANCES = "distances"

_FRAMES_PER_CHUNK = 16_384
_VECTORS_PER_CHUNK = 1_024

Parameters = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FeatureLayout:
    """What a stored feature is: its name, shape and everything that its values depend on.

    `kind` is "frames" for a sequence of `n_dims` numbers per track, "vectors" for one row per track.
    """

    name: str
    kind: Literal["frames", "vectors"]
    n_dims: int
    version: int
    parameters: Parameters

    def attributes(self) -> dict[str, object]:
        """The layout as JSON attributes."""
        return {
            "name": self.name,
            "kind": self.kind,
            "n_dims": self.n_dims,
            "version": self.version,
            "parameters": dict(self.parameters),
        }


class FeatureStore:
    """The values of one feature, row by row in the order in which the catalog commits tracks.

    `frames` (n_frames_total, n_dims) float32 with `offsets` (n_rows + 1,) int64, or `vectors` (n_rows, n_dims) float32.
    """

    def __init__(self, group: zarr.Group, layout: FeatureLayout) -> None:
        self._arrays: dict[str, Any] = dict(group.arrays())
        self.layout = layout

    @classmethod
    def open(cls, library: Path, layout: FeatureLayout) -> Self:
        """Open the store of `layout` for writing; make it if there is none.

        Raises
        ------
        StoreMismatchError
            The stored values were made with another version or other parameters.
        """
        path = _feature_path(library, layout.name)
        wanted = layout.attributes()
        if not (path / "zarr.json").exists():
            return cls(_create_features(path, layout), layout)
        group = zarr.open_group(path, mode="r+")
        _require_same(
            path, dict(group.attrs), wanted, remedy="use another library, or run: audiosim extract --recompute"
        )
        return cls(group, layout)

    @classmethod
    def read(cls, library: Path, name: str) -> Self:
        """Open the store of a feature for reading, as it was made."""
        path = _feature_path(library, name)
        if not (path / "zarr.json").exists():
            raise NotComputedError(f"library {library} holds no feature {name!r}; run: audiosim extract")
        group = zarr.open_group(path, mode="r")
        attributes = dict(group.attrs)
        return cls(group, FeatureLayout(**attributes))  # pyright: ignore[reportArgumentType] - JSON of our own making

    @property
    def n_rows(self) -> int:
        """Rows that were written, committed or not."""
        if self.layout.kind == "vectors":
            return self._arrays["vectors"].shape[0]
        return self._arrays["offsets"].shape[0] - 1

    def write(self, first_row: int, values: Sequence[npt.NDArray[np.float32]]) -> None:
        """Write rows from `first_row` on, over whatever lies there; the catalog must commit them afterwards."""
        if self.layout.kind == "vectors":
            self._replace_tail("vectors", first_row, np.stack(values))
            return
        first_frame = int(self._arrays["offsets"][first_row])
        ends = first_frame + np.cumsum([len(frames) for frames in values], dtype=np.int64)
        self._replace_tail("frames", first_frame, np.concatenate(values))
        self._replace_tail("offsets", first_row + 1, ends)

    def vectors(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Rows `start` to `stop` of a vector feature, (stop - start, n_dims)."""
        return np.asarray(self._arrays["vectors"][start:stop], dtype=np.float32)

    def frames(self, start: int, stop: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Frames of rows `start` to `stop` end to end, and their offsets (stop - start + 1,) from 0."""
        offsets = np.asarray(self._arrays["offsets"][start : stop + 1], dtype=np.int64)
        frames = np.asarray(self._arrays["frames"][offsets[0] : offsets[-1]], dtype=np.float32)
        return frames, offsets - offsets[0]

    def lengths(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Number of frames of rows `start` to `stop` of a feature of frames, (stop - start,); none of them is read."""
        return np.diff(np.asarray(self._arrays["offsets"][start : stop + 1], dtype=np.int64))

    def _replace_tail(self, name: str, start: int, values: npt.NDArray[np.float32] | npt.NDArray[np.int64]) -> None:
        array = self._arrays[name]
        array.resize((start + len(values), *array.shape[1:]))
        array[start:] = values


class DistanceStore:
    """One measure's distances: `distance` (n_rows, n_rows) float32, NaN where nothing was computed yet.

    What a complete matrix leaves behind of each row lies beside it, as `rows/<name>` (n_rows, n_columns) float32.
    """

    def __init__(self, group: zarr.Group, path: Path) -> None:
        self._group = group
        self._array: Any = group["distance"]
        self.attributes: dict[str, object] = dict(group.attrs)
        self.path = path

    @classmethod
    def open(cls, library: Path, measure: str, attributes: Parameters, *, n_rows: int, tile: int) -> Self:
        """Open a measure's matrix for writing, grown to `n_rows`; make it, with tiles of `tile` rows, if there is none.

        Raises
        ------
        StoreMismatchError
            The stored distances were made with other parameters or from other features.
        """
        path = _distance_path(library, measure)
        if not (path / "zarr.json").exists():
            _create_distances(path, dict(attributes), n_rows=n_rows, tile=tile)
        group = zarr.open_group(path, mode="r+")
        remedy = f"use another library, or run: audiosim compare --measure {measure} --recompute"
        _require_same(path, dict(group.attrs), dict(attributes), remedy=remedy)
        store = cls(group, path)
        if store.n_rows < n_rows:
            store._array.resize((n_rows, n_rows))
        return store

    @classmethod
    def read(cls, library: Path, measure: str) -> Self:
        """Open a measure's matrix for reading."""
        path = _distance_path(library, measure)
        if not (path / "zarr.json").exists():
            raise NotComputedError(
                f"library {library} holds no {measure!r} distances; run: audiosim compare --measure {measure}"
            )
        return cls(zarr.open_group(path, mode="r"), path)

    @property
    def n_rows(self) -> int:
        """Rows, and columns, of the matrix."""
        return self._array.shape[0]

    @property
    def tile(self) -> int:
        """Rows and columns of a tile."""
        return self._array.chunks[0]

    def read_block(self, rows: slice, columns: slice) -> npt.NDArray[np.float32]:
        """A block of the matrix."""
        return np.asarray(self._array[rows, columns], dtype=np.float32)

    def write_block(self, rows: slice, columns: slice, values: npt.NDArray[np.float32]) -> None:
        """Replace a block of the matrix."""
        self._array[rows, columns] = values

    def write_rows(self, name: str, values: npt.NDArray[np.float32]) -> None:
        """Replace what is kept of each row; a kill in between leaves some rows old and some new, none mixed."""
        rows = self._group.require_group("rows")
        array: Any = rows.get(name)
        if array is None or array.shape[1:] != values.shape[1:]:
            array = rows.create_array(
                name,
                shape=values.shape,
                chunks=(self.tile, *values.shape[1:]),
                dtype="float32",
                compressors=None,
                fill_value=np.nan,
                overwrite=True,
            )
        array.resize(values.shape)
        array[:] = values

    def read_rows(self, name: str, n_rows: int) -> npt.NDArray[np.float32]:
        """What is kept of the first `n_rows` rows, (n_rows, n_columns).

        Raises
        ------
        NotComputedError
            There is nothing, or not of all these rows.
        """
        array: Any = self._group.get(f"rows/{name}")
        if array is None or array.shape[0] < n_rows:
            raise NotComputedError(
                f"{self.path} holds no {name} of its rows; run: audiosim compare --measure {self.path.stem}"
            )
        return np.asarray(array[:n_rows], dtype=np.float32)


def sweep(library: Path) -> None:
    """Remove what interrupted writes left in the stores; only for the holder of the writing lock."""
    for folder in (FEATURES, DISTANCES):
        for leftover in (library / folder).rglob("*.partial"):
            leftover.unlink(missing_ok=True)
        for draft in (library / folder).glob("*.draft"):
            shutil.rmtree(draft)


def stored_distances(library: Path) -> dict[str, dict[str, object]]:
    """Measures that have distances on disk, complete or not, and what these depend on."""
    paths = sorted((library / DISTANCES).glob("*.zarr"))
    return {path.stem: dict(zarr.open_group(path, mode="r").attrs) for path in paths}


def remove_feature(library: Path, name: str) -> None:
    """Delete a feature's values; the catalog must have dropped its rows before."""
    _remove(_feature_path(library, name))


def remove_distances(library: Path, measure: str) -> None:
    """Delete a measure's distances; the catalog must have dropped its matrix before."""
    _remove(_distance_path(library, measure))


def digest(*parts: object) -> str:
    """Short digest of JSON-ready values and bytes: what distances remember of their features."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode())
    return sha.hexdigest()[:16]


def _feature_path(library: Path, name: str) -> Path:
    return library / FEATURES / f"{name}.zarr"


def _distance_path(library: Path, measure: str) -> Path:
    return library / DISTANCES / f"{measure}.zarr"


def _remove(path: Path) -> None:
    """Delete a store; after a kill it is there as a whole, or as a draft that the next `sweep` takes."""
    if path.exists():
        draft = path.with_suffix(".removed.draft")
        path.replace(draft)
        shutil.rmtree(draft)


def _create_features(path: Path, layout: FeatureLayout) -> zarr.Group:
    draft = path.with_suffix(".draft")
    group = zarr.open_group(draft, mode="w")
    _describe(group, layout.attributes())
    chunk = _FRAMES_PER_CHUNK if layout.kind == "frames" else _VECTORS_PER_CHUNK
    group.create_array(
        layout.kind,
        shape=(0, layout.n_dims),
        chunks=(chunk, layout.n_dims),
        dtype="float32",
        compressors=None,
        fill_value=np.nan,
    )
    if layout.kind == "frames":
        offsets = group.create_array(
            "offsets", shape=(1,), chunks=(65_536,), dtype="int64", compressors=None, fill_value=0
        )
        offsets[0] = 0
    draft.replace(path)
    return zarr.open_group(path, mode="r+")


def _create_distances(path: Path, attributes: dict[str, object], *, n_rows: int, tile: int) -> None:
    draft = path.with_suffix(".draft")
    group = zarr.open_group(draft, mode="w")
    _describe(group, attributes)
    group.create_array(
        "distance",
        shape=(n_rows, n_rows),
        chunks=(tile, tile),
        dtype="float32",
        compressors=None,
        fill_value=np.nan,
        dimension_names=("query", "target"),
    )
    draft.replace(path)


def _describe(group: zarr.Group, attributes: Parameters) -> None:
    group.attrs.update(json.loads(json.dumps(attributes)))


def _require_same(path: Path, found: Parameters, wanted: Parameters, *, remedy: str) -> None:
    if found == json.loads(json.dumps(wanted)):
        return
    differences = ", ".join(_differences(found, json.loads(json.dumps(wanted))))
    raise StoreMismatchError(f"{path} was made with other settings ({differences}); {remedy}")


def _differences(found: Parameters, wanted: Parameters, prefix: str = "") -> Iterable[str]:
    for key in sorted({*found, *wanted}):
        old, new = found.get(key), wanted.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key} was {old!r}, asked for {new!r}"
