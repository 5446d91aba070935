"""A run that is killed or interrupted at any moment, and started again, ends with the bytes of one that was not."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys

import killed_run
import numpy as np
from make_library import ENVIRONMENT, EVERYTHING, N_CLIPS, STAND_INS, assert_same_results, audiosim, results, start

from audiosim.library import Library

N_PAIRS = N_CLIPS * (N_CLIPS - 1) // 2


def act_at(change, act, *, first=""):
    """Python statements that make the command line `act` before its durable change of that number."""
    return f"{first}\nfrom killed_run import *; at_change({change}, {act})"


def matrices(folder):
    """What the catalog says of the matrices."""
    with contextlib.closing(Library.open(folder)) as library:
        return {measure: library.catalog.matrix(measure) for measure in library.measures()}


def test_killed_at_moments_all_over_the_run_the_results_are_the_same(tmp_path, clips):
    outcome = subprocess.run(
        [sys.executable, killed_run.__file__, str(clips), str(tmp_path), "6", "1"],
        # All features, and measures of frames, of Gaussians and of single rows.
        env=ENVIRONMENT | EVERYTHING | {"AUDIOSIM_COMPARE_MEASURES": '["dtw", "timbre", "descriptors"]'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    n_changes, n_kills = map(int, outcome.stdout.split())
    assert n_changes > 100  # otherwise the moments are not spread over much
    assert n_kills > 12
    expected, committed = results(tmp_path / "undisturbed"), matrices(tmp_path / "undisturbed")
    libraries = sorted(tmp_path.glob("killed*"))
    assert len(libraries) == 7
    for library in libraries:
        assert_same_results(library, expected)
        assert matrices(library) == committed


def test_the_command_line_with_real_features_survives_kills(tmp_path, clips):
    killed, at_once = tmp_path / "killed" / "library", tmp_path / "at once" / "library"
    for library in (killed, at_once):
        audiosim("add", clips, "--library", library)
    with start("extract", "--library", killed, before=act_at(20, "kill")) as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert results(killed)  # some tracks were done
    for library in (killed, at_once):
        audiosim("extract", "--library", library)
    assert_same_results(killed, results(at_once))


def test_ctrl_c_leaves_with_130_and_the_next_run_goes_on(tmp_path, clips, undisturbed):
    for change in (20, 150):  # in extract, in compare
        before = act_at(change, "interrupt", first=STAND_INS)
        _, messages = audiosim("run", clips, "--library", tmp_path, before=before, expected=130)
        assert "interrupted; what was committed is safe, run again to go on" in messages
    assert any(path.startswith("distances") for path in results(tmp_path))
    assert results(tmp_path) != results(undisturbed)
    audiosim("run", clips, "--library", tmp_path, before=STAND_INS)
    assert_same_results(tmp_path, results(undisturbed))


def test_a_second_run_computes_nothing_and_touches_nothing(tmp_path, clips, undisturbed):
    library = shutil.copytree(undisturbed, tmp_path / "library")

    def times():
        folders = [library / name for name in ("features", "distances", "neighbors", "reports")]
        return {path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*")}

    before = times()
    output, _ = audiosim("run", clips, "--library", library, "--json")
    report = json.loads(output)
    assert (report["added"]["n_tracks_added"], report["extracted"]["n_extracted"]) == (0, 0)
    assert report["extracted"]["n_tracks"] == N_CLIPS
    assert {measure["measure"]: measure["n_pairs_computed"] for measure in report["compared"]} == {
        "dtw": 0,
        "cosine": 0,
        "cosine_frames": 0,
    }
    assert times() == before
    assert_same_results(library, results(undisturbed))


def test_the_first_run_computes_every_pair_once(undisturbed):
    with contextlib.closing(Library.open(undisturbed)) as library:
        for measure in ("dtw", "cosine", "cosine_frames"):
            matrix = library.matrix(measure).values
            assert matrix.shape == (N_CLIPS, N_CLIPS)
            assert (matrix > 0).sum() == 2 * N_PAIRS
            np.testing.assert_array_equal(np.diagonal(matrix), 0.0)
