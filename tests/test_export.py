"""What other programs read: the matrix, the neighbours and the playlist come back as they were, or not at all."""

import csv
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from audiosim.errors import AudiosimError, NotComputedError, SettingsError
from audiosim.library import Library
from audiosim.sources.playlist import read_playlist
from audiosim_pipelines import export
from audiosim_pipelines.export import export_matrix, export_neighbors, export_playlist


@pytest.fixture(scope="module")
def library(demo_run):
    return Library.open(demo_run.folder)


@pytest.fixture(scope="module")
def matrix(library):
    return library.matrix("dtw").values


@pytest.fixture(scope="module")
def ids(library):
    return [track.track_id for track in library.tracks()]


def cells(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(params=[7, 40, 256])
def _strips(request, monkeypatch):
    """Strips of rows that do not divide the matrix, that are all of it, and that are longer."""
    monkeypatch.setattr(export, "_STRIP", request.param)


@pytest.mark.usefixtures("_strips")
def test_parquet_has_the_matrix_under_the_ids(library, matrix, ids, tmp_path):
    exported = export_matrix(library, "dtw", kind="parquet", output=tmp_path / "dtw.parquet")
    assert (exported.files, exported.n_tracks) == ((tmp_path / "dtw.parquet",), 40)
    table = pd.read_parquet(tmp_path / "dtw.parquet").set_index("track_id")
    assert list(table.index) == list(table.columns) == ids
    assert set(table.dtypes) == {np.dtype(np.float32)}
    np.testing.assert_array_equal(table.to_numpy(), matrix)


@pytest.mark.usefixtures("_strips")
def test_npy_has_the_matrix_and_a_table_of_the_rows(library, matrix, tmp_path):
    exported = export_matrix(library, "dtw", kind="npy", output=tmp_path / "dtw.npy")
    assert [path.name for path in exported.files] == ["dtw.npy", "dtw.npy.ids.csv"]
    loaded = np.load(tmp_path / "dtw.npy", mmap_mode="r")
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, matrix)
    header, *rows = cells(tmp_path / "dtw.npy.ids.csv")
    assert header == ["row", "track_id", "label", "path"]
    assert rows == [[str(t.position - 1), t.track_id, t.label, str(t.paths[0])] for t in library.tracks()]


@pytest.mark.usefixtures("_strips")
def test_mirex_lists_the_files_then_the_rows(library, matrix, tmp_path):
    export_matrix(library, "dtw", kind="mirex", output=tmp_path / "dtw.txt")
    title, *lines = (tmp_path / "dtw.txt").read_text(encoding="utf-8").splitlines()
    files, header, rows = lines[:40], lines[40], lines[41:]
    assert title == "audiosim dtw distance"
    assert files == [f"{i}\t{track.paths[0]}" for i, track in enumerate(library.tracks(), start=1)]
    assert header.split("\t") == ["Q/R", *map(str, range(1, 41))]
    values = [row.split("\t") for row in rows]
    assert [row[0] for row in values] == [str(i) for i in range(1, 41)]
    np.testing.assert_allclose(np.array([row[1:] for row in values], dtype=float), matrix, rtol=1e-5)


def test_neighbours_are_those_that_are_nearest(library, matrix, ids, tmp_path):
    export_neighbors(library, "dtw", kind="parquet", output=tmp_path / "n.parquet")
    export_neighbors(library, "dtw", kind="csv", output=tmp_path / "n.csv")
    stored = pq.read_table(tmp_path / "n.parquet").to_pandas()
    assert len(stored) == 40 * 39  # top_k is 50, so all others
    assert (stored.groupby("query_id")["rescaled"].diff().dropna() >= 0).all()
    for query, rows in stored.groupby("query_id"):
        assert list(rows["rank"]) == list(range(1, 40))
        found = matrix[ids.index(query), [ids.index(target) for target in rows["target_id"]]]
        np.testing.assert_array_equal(found, rows["distance"])
    written = pd.read_csv(tmp_path / "n.csv")
    labels = {track.track_id: track.label for track in library.tracks()}
    for column in ("query_id", "rank", "target_id"):
        assert list(written[column]) == list(stored[column])
    for column in ("query", "target"):
        assert list(written[column]) == [labels[track_id] for track_id in stored[f"{column}_id"]]
    np.testing.assert_allclose(written["distance"], stored["distance"], rtol=1e-5)
    np.testing.assert_allclose(written["percentile"], stored["percentile"], atol=0.006)


@pytest.mark.parametrize("relative", [False, True])
def test_a_playlist_reads_back_as_seeds_and_nearest(library, tmp_path, relative):
    seeds = ["The Originals - Morning Ferry", "First Take - Salt Road", "The Originals - Morning Ferry"]
    output = tmp_path / "evening.m3u8"
    exported = export_playlist(library, seeds, k=5, measure="dtw", output=output, relative=relative)
    assert exported.n_tracks == 7  # a seed that is given twice is played once
    first = [library.find(seed).paths[0] for seed in seeds[:2]]
    nearest = list(library.nearest(seeds[:2], k=5, measure="dtw")["path"])
    assert [entry.path.resolve() for entry in read_playlist(output)] == first + nearest
    assert ("\n../" in output.read_text(encoding="utf-8")) == relative


def test_no_cell_is_a_formula(odd_library, tmp_path):
    library = Library.open(odd_library)
    export_neighbors(library, "dtw", kind="csv", output=tmp_path / "n.csv")
    export_matrix(library, "dtw", kind="npy", output=tmp_path / "m.npy")
    for name in ("n.csv", "m.npy.ids.csv"):
        found = {cell for row in cells(tmp_path / name) for cell in row}
        assert '\'=HYPERLINK("x") - #1 in "C"' in found
        assert not [cell for cell in found if cell.startswith(("=", "+", "-", "@"))]


def exports(library, output):
    """Every export, as functions of nothing."""
    for kind in export.MATRIX_FORMATS:
        yield lambda kind=kind: export_matrix(library, "dtw", kind=kind, output=output)
    for kind in export.NEIGHBOR_FORMATS:
        yield lambda kind=kind: export_neighbors(library, "dtw", kind=kind, output=output)
    yield lambda: export_playlist(library, ["Morning Ferry"], k=3, measure="dtw", output=output, relative=False)


def test_a_folder_that_is_not_there_is_an_error(library, tmp_path):
    for write in exports(library, tmp_path / "none" / "output.m3u8"):
        with pytest.raises(AudiosimError, match=r"none/output\.m3u8 cannot be written: No such file or directory"):
            write()


def test_a_failure_leaves_what_was_there_and_no_draft(library, tmp_path, monkeypatch):
    output = tmp_path / "output.m3u8"
    output.write_text("as it was")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    for write in exports(library, output):
        with pytest.raises(AudiosimError, match=r"output\.m3u8 cannot be written: No space left on device"):
            write()
        assert [path.name for path in tmp_path.iterdir()] == ["output.m3u8"]
        assert output.read_text() == "as it was"


def test_an_interruption_leaves_what_was_there_and_no_draft(library, tmp_path, monkeypatch):
    (tmp_path / "dtw.txt").write_text("as it was")
    store, tracks = library.distances("dtw")
    blocks = iter([store.read_block(slice(0, 7), slice(0, 40))])

    class Interrupted:
        def read_block(self, *_):
            try:
                return next(blocks)
            except StopIteration:
                raise KeyboardInterrupt from None

    monkeypatch.setattr(export, "_STRIP", 7)
    monkeypatch.setattr(Library, "distances", lambda *_: (Interrupted(), tracks))
    with pytest.raises(KeyboardInterrupt):
        export_matrix(library, "dtw", kind="mirex", output=tmp_path / "dtw.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["dtw.txt"]
    assert (tmp_path / "dtw.txt").read_text() == "as it was"


def test_what_cannot_be_exported_is_refused(library, odd_library, tmp_path):
    with pytest.raises(SettingsError, match="a matrix is exported as parquet, npy, mirex, not 'xls'"):
        export_matrix(library, "dtw", kind="xls", output=tmp_path / "m")
    with pytest.raises(SettingsError, match="neighbours are exported as parquet, csv, not 'npy'"):
        export_neighbors(library, "dtw", kind="npy", output=tmp_path / "n")
    with pytest.raises(NotComputedError, match="run: audiosim compare --measure baseline"):
        export_matrix(Library.open(odd_library), "baseline", kind="npy", output=tmp_path / "m")
    lost = shutil.copytree(odd_library, tmp_path / "lost")
    shutil.rmtree(lost / "neighbors")
    with pytest.raises(NotComputedError, match=r"dtw\.parquet is gone; run: audiosim compare --recompute"):
        export_neighbors(Library.open(lost), "dtw", kind="csv", output=tmp_path / "n")


def test_a_track_without_a_file_is_left_out_of_playlists(odd_library, tmp_path):
    library = Library.open(shutil.copytree(odd_library, tmp_path / "library"))
    seed = library.find("Die Ärzte - Übung")
    with library.catalog.transaction():
        library.catalog.forget_file(library.find("Die Ärzte - Übung zwei").paths[0])
    exported = export_playlist(library, [seed.track_id], k=9, measure="dtw", output=tmp_path / "p.m3u8", relative=False)
    assert exported.n_tracks == len(read_playlist(tmp_path / "p.m3u8")) == 3
