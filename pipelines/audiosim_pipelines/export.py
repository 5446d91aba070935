"""Results in the formats of other programs."""

import csv
import io
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from audiosim.catalog import Track, printable
from audiosim.errors import NotComputedError, SettingsError
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.library import Library
from audiosim.sources.cells import guarded
from audiosim.sources.playlist import PlaylistEntry, write_playlist
from audiosim_pipelines.compare import NEIGHBORS
from audiosim_pipelines.whole_file import replacing

MATRIX_FORMATS = ("parquet", "npy", "mirex")
NEIGHBOR_FORMATS = ("parquet", "csv")
FEATURE_FORMATS = ("csv", "parquet")
_STRIP = 256  # rows in memory at a time
_DESCRIPTOR_COLUMNS = ("track_id", "artist", "title", "path", *DESCRIPTORS, "fitted")

Strips = Iterable[npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Exported:
    """Files that were written, and how many tracks they are about."""

    files: tuple[Path, ...]
    n_tracks: int


def export_matrix(library: Library, measure: str, *, kind: str, output: Path) -> Exported:
    """Write a distance matrix.

    "parquet" has a column `track_id` and one column a track; "npy" is the float32 matrix with a file `<output>.ids.csv`
    beside it that names its rows; "mirex" is the text format of the MIREX similarity task.

    Raises
    ------
    NotComputedError
        The measure is not compared yet.
    SettingsError
        The format is unknown.
    AudiosimError
        The file cannot be written.
    """
    if kind not in MATRIX_FORMATS:
        raise SettingsError(f"a matrix is exported as {', '.join(MATRIX_FORMATS)}, not {kind!r}")
    store, tracks = library.distances(measure)
    strips = (
        store.read_block(slice(start, min(start + _STRIP, len(tracks))), slice(0, len(tracks)))
        for start in range(0, len(tracks), _STRIP)
    )
    with replacing(output) as draft:
        if kind == "parquet":
            _write_parquet(draft, tracks, strips)
        elif kind == "npy":
            _write_npy(draft, len(tracks), strips)
        else:
            _write_mirex(draft, measure, tracks, strips)
    if kind != "npy":
        return Exported((output,), len(tracks))
    names = output.with_name(output.name + ".ids.csv")
    with replacing(names) as draft:
        draft.write_text(_names(tracks), encoding="utf-8")
    return Exported((output, names), len(tracks))


def _write_parquet(draft: Path, tracks: list[Track], strips: Strips) -> None:
    ids = [track.track_id for track in tracks]
    schema = pa.schema([("track_id", pa.string()), *((track_id, pa.float32()) for track_id in ids)])
    start = 0
    with pq.ParquetWriter(draft, schema) as writer:
        for strip in strips:
            names = pa.array(ids[start : start + len(strip)])
            writer.write_table(pa.table([names, *map(pa.array, strip.T)], schema=schema))
            start += len(strip)


def _write_npy(draft: Path, n_rows: int, strips: Strips) -> None:
    with draft.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, n_rows)}
        np.lib.format.write_array_header_1_0(file, header)
        for strip in strips:
            file.write(strip.astype("<f4").tobytes())


def _write_mirex(draft: Path, measure: str, tracks: list[Track], strips: Strips) -> None:
    with draft.open("w", encoding="utf-8") as file:
        file.write(f"audiosim {measure} distance\n")
        file.writelines(f"{i}\t{_path(track)}\n" for i, track in enumerate(tracks, start=1))
        file.write("Q/R\t" + "\t".join(str(i + 1) for i in range(len(tracks))) + "\n")
        i = 0
        for strip in strips:
            for row in strip:
                i += 1
                file.write(f"{i}\t" + "\t".join(f"{value:.6g}" for value in row) + "\n")


def export_neighbors(library: Library, measure: str, *, kind: str, output: Path) -> Exported:
    """Write the table of nearest tracks: as stored ("parquet"), or with names for people ("csv").

    Raises
    ------
    NotComputedError
        The measure is not compared yet.
    SettingsError
        The format is unknown.
    AudiosimError
        The file cannot be written.
    """
    if kind not in NEIGHBOR_FORMATS:
        raise SettingsError(f"neighbours are exported as {', '.join(NEIGHBOR_FORMATS)}, not {kind!r}")
    _, tracks = library.distances(measure)
    source = library.folder / NEIGHBORS / f"{measure}.parquet"
    if not source.exists():
        raise NotComputedError(
            f"{source} is gone; run: audiosim compare --recompute --measure {measure} --library {library.folder}"
        )
    with replacing(output) as draft:
        if kind == "parquet":
            shutil.copyfile(source, draft)
        else:
            _write_neighbors(draft, source, {track.track_id: track.label for track in tracks})
    return Exported((output,), len(tracks))


def _write_neighbors(draft: Path, source: Path, labels: dict[str, str]) -> None:
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query_id", "query", "rank", "target_id", "target", "distance", "percentile"])
        for batch in pq.ParquetFile(source).iter_batches():
            for row in batch.to_pylist():
                query, target = row["query_id"], row["target_id"]
                numbers = [f"{row['distance']:.6g}", f"{row['percentile']:.2f}"]
                writer.writerow([query, guarded(labels[query]), row["rank"], target, guarded(labels[target]), *numbers])


def export_playlist(
    library: Library, seeds: list[str], *, k: int, measure: str, output: Path, relative: bool
) -> Exported:
    """Write the seeds and the tracks nearest to them as a playlist; tracks whose files are gone are left out.

    The suffix of `output` tells the format, see `audiosim.sources.playlist.write_playlist`.

    Raises
    ------
    SourceError
        The playlist cannot be written, or there is no such format.
    NotComputedError
        The measure is not compared yet.
    """
    first = list(dict.fromkeys(library.find(seed) for seed in seeds))
    table = library.nearest(first, k=k, measure=measure)
    by_id = {track.track_id: track for track in library.tracks()}
    tracks = first + [by_id[track_id] for track_id in table["track_id"]]
    entries = [playlist_entry(track) for track in tracks if track.paths]
    write_playlist(output, entries, relative=relative, title=f"near {first[0].label}")
    return Exported((output,), len(entries))


def playlist_entry(track: Track) -> PlaylistEntry:
    """A track that has a file, as an entry of a playlist."""
    return PlaylistEntry(
        track.paths[0],
        artist=track.artist,
        title=track.title,
        album=track.album,
        duration=track.duration,
        isrc=track.isrc,
        identifier=track.external_id,
    )


def export_features(library: Library, *, kind: str, output: Path) -> Exported:
    """Write the descriptors of all tracks that have them.

    The columns are track_id, artist, title, path, the descriptors, and fitted: the descriptors that a fitted model
    gives, separated by spaces.

    Raises
    ------
    NotComputedError
        No track has descriptors yet.
    SettingsError
        The format is unknown.
    AudiosimError
        The file cannot be written.
    """
    if kind not in FEATURE_FORMATS:
        raise SettingsError(f"features are exported as {', '.join(FEATURE_FORMATS)}, not {kind!r}")
    from audiosim_pipelines.features import descriptor_table  # noqa: PLC0415 - other exports can do without models

    table = descriptor_table(library)
    names = [[t.track_id, t.artist, t.title, _path(t) if t.paths else None] for t in table.tracks]
    fitted = " ".join(table.fitted_names)
    with replacing(output) as draft:
        if kind == "csv":
            _write_descriptors(draft, names, table.values, fitted)
        else:
            columns = [*map(list, zip(*names, strict=True)), *table.values.T, [fitted] * len(names)]
            types = [pa.string()] * 4 + [pa.float64()] * len(DESCRIPTORS) + [pa.string()]
            arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
            pq.write_table(pa.table(arrays, names=list(_DESCRIPTOR_COLUMNS)), draft)
    return Exported((output,), len(names))


def _write_descriptors(
    draft: Path, names: list[list[str | None]], values: npt.NDArray[np.float64], fitted: str
) -> None:
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_DESCRIPTOR_COLUMNS)
        for cells, row in zip(names, values.tolist(), strict=True):
            writer.writerow([*(guarded(cell or "") for cell in cells), *(f"{value:.6g}" for value in row), fitted])


def _names(tracks: list[Track]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["row", "track_id", "label", "path"])
    writer.writerows([i, t.track_id, guarded(t.label), guarded(_path(t))] for i, t in enumerate(tracks))
    return text.getvalue()


def _path(track: Track) -> str:
    return printable(str(track.paths[0])) if track.paths else track.track_id
