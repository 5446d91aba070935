"""The benchmarks themselves: they time what they say, refuse what is not the same work, and run on a bare machine."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from audiosim.errors import SourceError
from audiosim_pipelines.bench import chart, corpus, dtw, features, machine, shapes, yasr
from audiosim_pipelines.bench.corpus import Corpus
from audiosim_pipelines.bench.peer_worker import PEERS, Job, compared
from audiosim_pipelines.bench.peers import PeerMissingError, start
from audiosim_pipelines.cli import bench as command

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
HERE = ("dtaidistance", "tslearn", "librosa", "fastdtw")  # among the tools of the tests


@pytest.fixture
def music(rng):
    """Clips that wander as MFCC do."""
    clips = tuple(rng.standard_normal((n, 3)).cumsum(axis=0).astype(np.float32) / 5 for n in (90, 40, 70))
    return Corpus(clips, "walks")


@pytest.fixture
def no_audio(monkeypatch, music):
    """The benchmarks without decoding anything."""
    monkeypatch.setattr(corpus, "read", lambda folder, *, n_frames: music)  # noqa: ARG005


# --- the corpus


def test_tracks_are_the_clips_end_to_end(music):
    tracks = music.tracks(5, n_frames=40)
    np.testing.assert_array_equal(np.concatenate(tracks), np.concatenate(music.clips))
    assert music.n_original(40) == 5


def test_tracks_beyond_the_clips_are_distinct_and_do_not_depend_on_the_call(music):
    tracks = music.tracks(12, n_frames=40)
    assert tracks.dtype == np.float32
    assert len(np.unique(tracks.reshape(12, -1), axis=0)) == 12
    np.testing.assert_array_equal(music.tracks(3, n_frames=40, first=6), tracks[6:9])


def test_a_folder_is_read_and_standardized(tmp_path, monkeypatch, music):
    monkeypatch.setattr(corpus, "_mfcc", lambda folder: iter(music.clips))  # noqa: ARG005
    read = corpus.read(tmp_path, n_frames=130)
    assert [len(clip) for clip in read.clips] == [90, 40]  # enough
    frames = np.concatenate(read.clips)
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(frames.std(axis=0), 1, rtol=1e-5)


def test_a_folder_without_audio_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "_mfcc", lambda folder: iter(()))  # noqa: ARG005
    with pytest.raises(SourceError, match="must hold audio that can be read, found none"):
        corpus.read(tmp_path, n_frames=1)


# --- what is counted


@pytest.mark.parametrize(("n_frames", "radius"), [(1, 0), (7, 0), (7, 3), (7, 6), (7, 99), (50, 5), (7, None)])
def test_cells_in_the_band_are_counted(n_frames, radius):
    rows, columns = np.indices((n_frames, n_frames))
    expected = n_frames**2 if radius is None else int((abs(rows - columns) <= radius).sum())
    assert dtw.n_cells(n_frames, radius) == expected


@pytest.mark.parametrize("name", list(PEERS))
@pytest.mark.parametrize("n_threads", [1, 2])
def test_pairs_lie_within_the_tracks(name, n_threads):
    pairs = compared(PEERS[name], Job("euclidean", None, n_threads, 5, 40), 7)
    assert all(0 <= first < second < 7 for first, second in pairs)


# --- libraries


def test_a_library_that_is_missing_is_listed_with_its_reason(tmp_path):
    np.save(tmp_path / "tracks.npy", np.zeros((2, 3, 1), np.float32))
    with pytest.raises(PeerMissingError, match="No module named 'aeon'"):
        start("aeon", tmp_path / "tracks.npy", pythons=(sys.executable, "/no/such/python"), n_threads=1)


class Library:
    """A library that answers with made-up distances of four tracks, in the place of its process."""

    def __init__(self, name, scale):
        self.name, self.scale = name, scale

    def run(self, job):
        pairs = compared(PEERS[self.name], job, 4)
        return 1.0, [self.scale * (1 + first + second) for first, second in pairs]


def test_a_library_that_computes_something_else_is_not_timed():
    variant = dtw.Variant("sqeuclidean", None, 1)
    right, wrong = Library("librosa", 1.0), Library("tslearn", 1.001)
    rates, failed = dtw._time(variant, [Library("audiosim", 1.0), right, wrong], (4, 30, 5), 2)
    assert [rate.library for rate in rates] == ["audiosim", "librosa"]
    assert list(failed) == ["tslearn (squared, no band, 1 thread)"]
    assert "differ from ours by up to 1.0e-03" in failed["tslearn (squared, no band, 1 thread)"]


@pytest.fixture(scope="module")
def report():
    """One whole run over noise, where a band matters, with all libraries that the tests have."""
    clips = (np.random.default_rng(0).standard_normal((240, 3)).astype(np.float32),)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "read", lambda folder, *, n_frames: Corpus(clips, "noise"))  # noqa: ARG005
        patch.setattr(dtw, "_TURN_SECONDS", 0.002)
        patch.setattr(shapes, "_TURN_SECONDS", 0.002)
        return dtw.bench_dtw(rounds=3, n_threads=2, libraries=HERE, n_tracks=6, n_frames=40)


def test_every_library_is_timed_in_every_variant_that_it_defines(report):
    assert set(report.versions) == {"audiosim", *HERE}
    assert not report.not_run
    for variant, rates in dtw.by_variant(report):
        expected = {"audiosim", "dtaidistance"}
        expected |= {"tslearn"} if variant.local_cost == "sqeuclidean" else set()
        expected |= {"librosa"} if variant.n_threads == 1 else set()
        full_euclidean = variant == dtw.Variant("euclidean", None, 1)
        assert {rate.library for rate in rates} == expected | ({"fastdtw"} if full_euclidean else set())
        assert rates == sorted(rates, key=lambda rate: -rate.mcells)


def test_what_is_timed_is_the_same_work(report):
    for rate in report.rates:
        if rate.library == "fastdtw":
            assert rate.worst_error is None
            assert 0 <= rate.above_exact[0] <= rate.above_exact[1]
        else:
            assert rate.worst_error <= (0 if rate.library == "audiosim" else 2e-6)


def test_ratios_are_of_the_same_round(report):
    for rate in report.rates:
        median, least, most = rate.ratio
        assert 0 < least <= median <= most
        if rate.library == "audiosim":
            assert (least, most) == (1, 1)


def test_the_picture_has_a_bar_for_every_rate(report):
    bars = [rect for rect in ET.fromstring(dtw.picture(report)).iter(f"{SVG}rect") if rect.get("x")]
    assert len(bars) == len(report.rates)


def test_shapes_are_measured_beside_the_first(report):
    first = report.shapes[0]
    assert first.share == (1, 1, 1)
    assert first.padding == 0
    for rate in report.shapes:
        median, least, most = rate.share
        assert 0 < least <= median <= most
        assert 0 <= rate.padding < 1
    assert {f"{n} x {n} of 3 frames" for n in (64, 256, 1_024)} <= {rate.label for rate in report.shapes}


def test_cells_of_a_shape_are_those_of_its_pairs(music):
    for shape in shapes.shapes(music, n_frames=40):
        n = shape.rows.lengths
        if shape.columns is None:
            expected = sum(int(n[i]) * int(n[j]) for i in range(len(n)) for j in range(i))
        else:
            expected = int(n.sum()) * int(shape.columns.lengths.sum())
        assert shape.n_cells() == expected


def test_no_rounds_are_refused():
    with pytest.raises(ValueError, match="rounds must be >= 1, got 0"):
        dtw.bench_dtw(rounds=0)


# --- the picture


def test_a_bar_twice_as_long_is_twice_as_fast():
    picture = chart.bars(
        "a < b", "", [("", [chart.Bar("x & y", 4.0, "4", ours=True), chart.Bar("z", 2.0, "2", ours=False)])]
    )
    tree = ET.fromstring(picture)
    widths = [float(bar.get("width")) for bar in tree.iter(f"{SVG}rect") if bar.get("x")]
    assert widths[0] == pytest.approx(2 * widths[1])


# --- the job of 2020


@pytest.mark.usefixtures("no_audio")
def test_bench_yasr_measures_whole_jobs_that_fit():
    report = yasr.bench_yasr(n_tracks=9, n_frames=20, wish="cpu", n_threads=1, budget=60)
    one, every, *features = report.timings
    assert (one.n_pairs, every.n_pairs) == (8, 36)
    assert {timing.how for timing in report.timings} == {"measured"}
    assert every.gcells == pytest.approx(36 * 400 / every.seconds / 1e9)
    assert [timing.published for timing in (one, every, features[0])] == list(yasr.PUBLISHED.values())
    json.dumps(report.as_dict())


@pytest.mark.usefixtures("no_audio")
def test_bench_yasr_says_what_it_extrapolated(monkeypatch):
    monkeypatch.setattr(yasr, "_TILE", 4)
    report = yasr.bench_yasr(n_tracks=30, n_frames=20, wish="cpu", n_threads=1, budget=1e-9)
    one, every = report.timings[:2]
    assert one.how == "extrapolated from 4 of 29 pairs"
    assert one.seconds == pytest.approx(one.seconds_measured * 29 / 4)
    assert every.how == "extrapolated from 1 of 435 pairs"


def test_a_single_track_is_refused():
    with pytest.raises(ValueError, match="n_tracks must be >= 2, got 1"):
        yasr.bench_yasr(n_tracks=1)


# --- features


def test_bench_features_takes_turns_with_scikit_learn(tmp_path):
    table = tmp_path / "table.csv"
    numbers = np.random.default_rng(0).uniform(0, 1, (30, 2))
    lines = [f"{row},{energy},{valence}" for row, (energy, valence) in enumerate(numbers)]
    table.write_text("\n".join(["id,energy,valence", *lines, "31,2.0,0.5"]))
    report = features.bench_features(table, rounds=2, n_threads=1, wish="cpu")
    assert (report.n_rows, report.n_features) == (30, 2)  # an energy of 2 is none
    assert report.worst_error <= 1e-6
    assert [entry.library.split()[0] for entry in report.times] == ["audiosim,", "scikit-learn", "scikit-learn"]
    assert report.times[0].ratio == (1, 1, 1)
    assert all(0 < entry.seconds[1] <= entry.seconds[0] <= entry.seconds[2] for entry in report.times)


def test_bench_features_that_differ_are_not_timed(monkeypatch):
    monkeypatch.setattr(features, "cosine_distances", lambda x: np.zeros((len(x), len(x))))
    with pytest.raises(RuntimeError, match="must equal scikit-learn's"):
        features.bench_features(n_rows=20, rounds=1, wish="cpu")


# --- the machine and the commands


def test_the_machine_is_described():
    described = machine.describe()
    assert described["packages"]["numpy"] == np.__version__
    assert described["cpu"]
    json.dumps(described)


@pytest.mark.parametrize("name", ["dtw", "features", "yasr"])
def test_the_commands_write_what_they_print(name, tmp_path, monkeypatch, report, no_audio):  # noqa: ARG001
    module, measured = {
        "dtw": (dtw, report),
        "features": (features, features.bench_features(n_rows=20, rounds=1, wish="cpu", n_threads=1)),
        "yasr": (yasr, yasr.bench_yasr(n_tracks=5, n_frames=20, wish="cpu", n_threads=1)),
    }[name]
    monkeypatch.setattr(module, f"bench_{name}", lambda folder, **options: measured)  # noqa: ARG005
    app = typer.Typer()
    command.register(app)
    printed = CliRunner().invoke(app, ["bench", name, "--json", "--output", str(tmp_path)], catch_exceptions=False)
    assert json.loads(printed.stdout) == json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert (tmp_path / "dtw.svg").exists() == (name == "dtw")
    table = CliRunner().invoke(app, ["bench", name], catch_exceptions=False)
    assert {"dtw": "Mcells/s", "features": "published in 2020: 1.13 s", "yasr": "about 50 minutes"}[name] in " ".join(
        table.stdout.split()
    )


# --- the bare GPU machine


@pytest.mark.timeout(900)  # every CUDA thread is one of Python's: on a busy machine this takes its time
def test_gpu_box_runs_in_the_simulator(tmp_path):
    """Every step with toys; what it says is right is judged by float64."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA_", "PYTHONPATH"))}
    output = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "gpu_box"), "--smoke", "--output", str(output)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=840,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(output.read_text(encoding="utf-8"))
    assert report["machine"]["device"] == "CUDA simulator"
    assert "test_cosine.py" in report["tests"]["ran"]
    assert report["agreement"]
    assert all(entry["ok"] for entry in report["agreement"])
    assert report["times"]
    assert not any("error" in entry for entry in report["times"])


def test_gpu_box_refuses_a_machine_without_gpu_unless_it_is_a_smoke_test(tmp_path):
    if machine.describe()["gpu_driver"]:
        pytest.skip("this machine has a GPU")
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "gpu_box"), "--output", str(tmp_path / "report.json")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert "no CUDA GPU was found" in done.stderr
    assert not (tmp_path / "report.json").exists()
