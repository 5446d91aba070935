"""A library that grows computes only what is missing, and ends where one that was made at once ends, bit for bit."""

import contextlib
import shutil
import socket
from dataclasses import replace

import numpy as np
import pytest
from killed_run import SpectrumExtractor
from make_library import MFCC_ONLY, assert_same_results, audiosim, results, write_clips

from audiosim.catalog import Failure
from audiosim.distances.hubness import RowStatistics
from audiosim.errors import AudiosimError
from audiosim.library import Library
from audiosim.store import DistanceStore
from audiosim_pipelines import extract as extract_stage
from audiosim_pipelines.add import add
from audiosim_pipelines.cluster import Scheduling, connect
from audiosim_pipelines.compare import compare
from audiosim_pipelines.extract import extract
from audiosim_pipelines.progress import Silent
from audiosim_pipelines.run import run
from audiosim_pipelines.settings import MachineSettings

SETTINGS = replace(MFCC_ONLY, compare=replace(MFCC_ONLY.compare, tile=4), machine=MachineSettings(device="cpu"))
MEASURES = SETTINGS.compare.measures
N_OLD, N_NEW = 9, 5
N_ALL = N_OLD + N_NEW


@pytest.fixture(autouse=True)
def _no_tensorflow(monkeypatch):
    monkeypatch.setattr(extract_stage, "_extractor", SpectrumExtractor)


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Two folders; by name, and so in a library made at once, the new tracks come before the old ones."""
    folder = tmp_path_factory.mktemp("music")
    write_clips(folder / "b old", N_OLD)
    write_clips(folder / "a new", N_NEW, first=N_OLD)
    return folder


@pytest.fixture
def grown(tmp_path, music):
    """A library of the old tracks, complete, to which the new ones were only added."""
    with contextlib.closing(Library.create(tmp_path / "grown")) as library:
        run(library, SETTINGS, [music / "b old"])
        add(library, [music])
        yield library


@pytest.fixture
def at_once(tmp_path, music):
    """A library to which all tracks were added before the first was extracted."""
    with contextlib.closing(Library.create(tmp_path / "at once")) as library:
        add(library, [music])
        extract(library, SETTINGS)
        yield library


def pairs_computed(reports):
    return {report.measure: report.n_pairs_computed for report in reports}


def assert_same_distances(library, other):
    """Equal bits, whatever the order of the tracks."""
    for measure in MEASURES:
        expected = other.matrix(measure).values
        assert np.isfinite(expected).all()
        ids = other.matrix(measure)["query"].values
        np.testing.assert_array_equal(library.matrix(measure).sel(query=ids, target=ids).values, expected)


def test_only_new_tracks_are_extracted_and_only_missing_pairs_compared(grown):
    assert extract(grown, SETTINGS).n_extracted == N_NEW
    missing = N_NEW * N_OLD + N_NEW * (N_NEW - 1) // 2
    assert pairs_computed(compare(grown, SETTINGS)) == dict.fromkeys(MEASURES, missing)
    assert pairs_computed(compare(grown, SETTINGS)) == dict.fromkeys(MEASURES, 0)


def test_old_distances_stay_as_they_were(grown):
    block = (slice(0, N_OLD), slice(0, N_OLD))
    before = {name: DistanceStore.read(grown.folder, name).read_block(*block) for name in MEASURES}
    full_tiles = [
        grown.folder / "distances" / f"{name}.zarr" / "distance" / "c" / str(row) / str(column)
        for name in MEASURES
        for row in range(N_OLD // 4)
        for column in range(N_OLD // 4)
    ]
    written = [path.stat().st_mtime_ns for path in full_tiles]
    extract(grown, SETTINGS)
    compare(grown, SETTINGS)
    for name in MEASURES:
        store, tracks = grown.distances(name)
        assert len(tracks) == N_ALL
        np.testing.assert_array_equal(store.read_block(*block), before[name])
    assert [path.stat().st_mtime_ns for path in full_tiles] == written


def test_a_grown_library_equals_one_made_at_once_with_the_same_statistics(grown, at_once):
    with at_once.catalog.transaction():
        for feature in ("mfcc", "mfcc_pooled", "mfcc_moments"):
            mean, std, n_frames = grown.catalog.statistics(feature)
            at_once.catalog.put_statistics(feature, mean=mean, std=std, n_frames=n_frames)
    extract(grown, SETTINGS)
    compare(grown, SETTINGS)
    compare(at_once, SETTINGS)
    assert [t.track_id for t in grown.tracks()] != [t.track_id for t in at_once.tracks()]
    assert_same_distances(grown, at_once)


def test_refreshed_statistics_make_it_equal_one_made_at_once(grown, at_once):
    compare(grown, SETTINGS)
    report = extract(grown, SETTINGS, refresh_statistics=True)
    assert report.notes == ("corpus statistics are refreshed; compare computes anew: cosine, dtw",)
    # The cosine of raw frames knows no statistics: of it, only the new pairs are missing.
    expected = dict.fromkeys(MEASURES, N_ALL * (N_ALL - 1) // 2)
    expected["cosine_frames"] = N_NEW * N_OLD + N_NEW * (N_NEW - 1) // 2
    assert pairs_computed(compare(grown, SETTINGS)) == expected
    compare(at_once, SETTINGS)
    assert_same_distances(grown, at_once)


def test_statistics_of_rows_grow_with_the_library(grown):
    before = grown.distances("dtw")[0].read_rows("summary", N_OLD)
    extract(grown, SETTINGS)
    # Until the matrix is complete, what there was counts.
    with pytest.raises(KeyboardInterrupt):
        compare(grown, SETTINGS, measures=["dtw"], progress=_Impatient(10))
    np.testing.assert_array_equal(grown.distances("dtw")[0].read_rows("summary", N_OLD), before)
    assert len(grown.nearest(grown.tracks()[0], k=99)) == N_OLD - 1
    compare(grown, SETTINGS)
    whole = grown.matrix("dtw").values
    expected = RowStatistics.of(whole, k=SETTINGS.hubness.k, row_start=0)
    np.testing.assert_array_equal(grown.distances("dtw")[0].read_rows("summary", N_ALL), expected.summary)
    np.testing.assert_array_equal(grown.distances("dtw")[0].read_rows("order", N_ALL), expected.order)
    assert len(grown.nearest(grown.tracks()[0], k=99)) == N_ALL - 1


class _Impatient(Silent):
    """Breaks off after so many calls."""

    def __init__(self, patience):
        self.patience = patience

    @contextlib.contextmanager
    def bar(self, stage, total, unit):
        del stage, total, unit

        def advance(n):
            self.patience -= n
            if self.patience < 0:
                raise KeyboardInterrupt

        yield advance


@pytest.mark.parametrize("patience", [40, 150, 250])
def test_recomputing_forgets_distances_that_were_begun(tmp_path, music, patience):
    """A track that failed at first is the last row; once recomputed it is the first, and old tiles are about others."""
    with contextlib.closing(Library.create(tmp_path / "library")) as library:
        add(library, [music])
        first = library.tracks()[0]
        with library.catalog.transaction():
            library.catalog.put_failure(Failure("extract", first.paths[0], first.track_id, "the drive was away"))
        extract(library, SETTINGS)
        extract(library, SETTINGS, retry_failed=True)
        assert library.catalog.rows("mfcc")[-1] == first.track_id
        with pytest.raises(KeyboardInterrupt):
            compare(library, SETTINGS, measures=["cosine_frames", "dtw", "cosine"], progress=_Impatient(patience))
        extract(library, SETTINGS, recompute=True)
        compare(library, SETTINGS)
        with contextlib.closing(Library.create(tmp_path / "straight")) as straight:
            run(straight, SETTINGS, [music])
            assert_same_distances(library, straight)


def test_an_evaluation_is_made_again_when_there_are_more_tracks(grown):
    reports = grown.folder / "reports" / "evaluation.json"
    old = reports.read_bytes()
    assert run(grown, SETTINGS, []).evaluation.n_tracks == N_ALL
    assert reports.read_bytes() != old
    assert run(grown, SETTINGS, []).evaluation is None
    reports.unlink()  # as if the run had been killed before
    assert run(grown, SETTINGS, []).evaluation.n_tracks == N_ALL


def test_distances_deleted_by_hand_are_computed_again(grown):
    run(grown, SETTINGS, [])
    expected = results(grown.folder)
    shutil.rmtree(grown.folder / "distances" / "dtw.zarr")
    assert pairs_computed(compare(grown, SETTINGS)) == {
        "dtw": N_ALL * (N_ALL - 1) // 2,
        "cosine": 0,
        "cosine_frames": 0,
    }
    assert_same_results(grown.folder, expected)


def test_worker_processes_compute_the_bytes_of_threads(tmp_path, undisturbed):
    library = shutil.copytree(undisturbed, tmp_path / "library")
    audiosim("compare", "--recompute", "--workers", 2, "--library", library)
    assert_same_results(library, results(undisturbed))


def test_a_scheduler_that_does_not_answer_is_an_error_that_names_it():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    for wrong in (address, "nonsense"):
        with (
            pytest.raises(AudiosimError, match=f"no Dask scheduler answers at {wrong} .*tcp://host:port"),
            connect(Scheduling(scheduler=wrong)),
        ):
            pytest.fail("connected to nothing")
