"""The parts of `benchmarks/gpu_box` that decide what runs on a bare GPU machine, and for how long."""

import importlib.util
import sys

import gpu_checks
import gpu_judge
import gpu_times
import numpy as np
import pytest

BARE = {"numpy", "numba", "pytest", "llvmlite"}


@pytest.fixture
def bare(monkeypatch):
    """As if nothing were installed but what a bare machine has."""
    find = importlib.util.find_spec

    def find_bare(name, package=None):
        ours = name.partition(".")[0].startswith("audiosim")
        return find(name, package) if ours or name in BARE or name in sys.stdlib_module_names else None

    monkeypatch.setattr(importlib.util, "find_spec", find_bare)


@pytest.mark.usefixtures("bare")
def test_the_core_tests_of_all_kernels_run_on_a_bare_machine():
    able, unable = gpu_checks.kernel_tests()
    core = ("cosine", "device", "dtw", "dtw_cuda", "dtw_rounding", "dtw_topk", "dtw_vector", "paths", "ragged")
    assert {path.name for path in able} >= {f"test_{name}.py" for name in core}
    assert "hypothesis" in unable["test_dtw_properties.py"]
    assert "librosa" in unable["test_dtw_peers.py"]


@pytest.mark.usefixtures("bare")
def test_only_what_stands_at_the_top_of_a_file_is_missed(tmp_path):
    (tmp_path / "test_x.py").write_text(
        "import numpy, soundfile\nif True:\n    import hypothesis\ndef f():\n    import librosa\n", encoding="utf-8"
    )
    assert gpu_checks.missing_imports(tmp_path / "test_x.py") == {"soundfile"}


def test_a_command_that_takes_too_long_has_no_exit_code():
    program = "import time; print('begun', flush=True); time.sleep(60)"
    code, output = gpu_checks.run([sys.executable, "-c", program], 2)
    assert code is None
    assert output in {"", "begun\n"}
    assert gpu_checks.run([sys.executable, "-c", "print(1)"], 0) == (None, "")
    assert gpu_checks.run([sys.executable, "-c", "print(1)"], 60) == (0, "1\n")


def test_what_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(gpu_checks.shutil, "which", lambda _: None)
    assert "compute-sanitizer" in gpu_checks.sanitize("script", seconds=1)["not_run"]
    assert "ncu" in gpu_checks.profile("script", seconds=1)["not_run"]


def test_the_judge_follows_the_definition():
    import reference

    songs = gpu_judge.walks(3, 5, 2)
    pairs = np.array([(0, 1), (2, 0), (1, 1)])
    for local_cost in gpu_judge.COSTS:
        options = {"local_cost": local_cost, "step_pattern": "symmetric1", "normalize": False}
        expected = [reference.dtw(songs[i], songs[j], **options) for i, j in pairs]
        np.testing.assert_allclose(gpu_judge.exact(songs, pairs, local_cost), expected)


def test_a_wrong_answer_or_a_late_one_is_not_timed():
    size = {"tracks": 3, "frames": 4, "dims": 2, "tiles": (2,), "long": 5, "long_tracks": 2, "rounds": 1}
    right = {("split", "sqeuclidean"): False, ("float16", "sqeuclidean"): True, ("float32", "sqeuclidean"): True}
    timed = []
    attempt = lambda function, job, rounds: timed.append(job.precision) or {"seconds": 2.0}  # noqa: ARG005, E731
    entries = gpu_times.time_all(
        size, "H200", right=right | {("float32", "euclidean"): True}, attempt=attempt, clock=gpu_checks.Clock(5)
    )
    assert {entry["precision"] for entry in entries if "not_run" in entry} == {"split"}
    assert set(timed) == {"float16", "float32"}
    whole = next(entry for entry in entries if entry["job"] == "3 x 3" and entry["precision"] == "float16")
    assert (whole["n_pairs"], whole["cells"]) == (3, 3 * 16)
    assert whole["fraction_of_bound"] == pytest.approx(1.84 * 48 / gpu_times.JOB_CELLS / 2)
    late = gpu_times.time_all(size, "", right=dict.fromkeys(right, True) | {("float32", "euclidean"): True},
                              attempt=attempt, clock=gpu_checks.Clock(-1))  # fmt: skip
    assert {entry["not_run"] for entry in late} == {"out of time"}


@pytest.mark.parametrize(("fraction", "cells"), [(None, 100), (0.0, 10), (0.1, 28), (1.0, 100)])
def test_cells_in_a_band(fraction, cells):
    assert gpu_times.cells_in_band(10, fraction) == cells
