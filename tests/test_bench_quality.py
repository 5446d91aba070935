"""The report on the demo library: every measure finds what it is made for, and a second run changes no byte."""

import contextlib
import json
import shutil

import pytest

from audiosim.errors import LibraryError
from audiosim.evaluation import CONTROL
from audiosim.library import Library
from audiosim_pipelines.add import add
from audiosim_pipelines.bench.quality import LABELS, bench_quality


@pytest.fixture(scope="module")
def made(tmp_path_factory, demo_run):
    """The demo library, copied from one that has all features and distances, and the report on it."""
    folder = tmp_path_factory.mktemp("quality")
    shutil.copytree(demo_run.folder, folder / "library")
    with pytest.MonkeyPatch.context() as patch:
        _settle_for_less(patch)
        return folder, bench_quality(folder / "library", output=folder / "page" / "report.html", n_perturbed=2)


@pytest.fixture
def _quickly(monkeypatch):
    _settle_for_less(monkeypatch)


def _settle_for_less(patch):
    patch.setenv("AUDIOSIM_EVALUATE_N_DRAWS", "200")
    patch.setenv("AUDIOSIM_EVALUATE_N_PERMUTATIONS", "19")
    patch.setenv("AUDIOSIM_MACHINE_DEVICE", "cpu")


def test_measures_find_what_they_are_made_for(made):
    _, report = made
    tasks = {task.name: task for task in report.evaluation.tasks}
    assert tuple(tasks) == LABELS
    assert {task.n_queries for task in tasks.values()} == {40}
    scores = {
        name: {measure: found.retrieval.mean_average_precision for measure, found in task.measures.items()}
        for name, task in tasks.items()
    }
    # The truth: five versions of a composition in other keys, tempi and instruments, ten tracks of a timbre.
    assert max(scores["composition"], key=scores["composition"].get) == "version + mp_gauss"
    assert scores["composition"]["version + mp_gauss"] > 0.99
    assert max(scores["timbre"], key=scores["timbre"].get) == "timbre + mp_gauss"
    # Performers share nothing that can be heard.
    for measure, score in scores["artist"].items():
        assert score < scores["artist"][CONTROL] + 0.05, measure
    against_baseline = {
        comparison.first: comparison.verdict
        for comparison in tasks["composition"].comparisons
        if comparison.second == "baseline"
    }
    assert "worse" not in against_baseline["version + mp_gauss"]


def test_copies_are_recognised_by_what_survives_in_them(made):
    _, report = made
    assert report.perturbations.n_tracks == 2
    assert report.perturbations.n_candidates == 40
    assert report.perturbations.failures == ()
    found = report.perturbations.measures["version + mp_gauss"].degradations
    assert found["gain +12 dB"].top_1 == found["20 s of silence after"].top_1 == 1.0


@pytest.mark.usefixtures("_quickly")
def test_a_second_run_leaves_the_same_bytes(made):
    folder, report = made
    assert report.html_path == folder / "page" / "report.html"
    before = [path.read_bytes() for path in (report.json_path, report.html_path)]
    again = bench_quality(folder / "library", output=report.html_path, n_perturbed=2)
    assert [path.read_bytes() for path in (again.json_path, again.html_path)] == before
    assert again.document == report.document


@pytest.mark.usefixtures("_quickly")
def test_the_command_prints_the_verdict(made, command, monkeypatch):
    folder, report = made
    _settle_for_less(monkeypatch)  # the command's own environment is an empty one
    arguments = ("bench", "quality", "--library", folder / "library", "--output", report.html_path, "--perturb", "2")
    outcome = command(*arguments)
    assert outcome.code == 0
    sentences = [comparison.sentence for task in report.evaluation.tasks for comparison in task.comparisons]
    assert any(sentence in outcome.output for sentence in sentences)
    assert json.loads(command(*arguments, "--json").output) == json.loads(json.dumps(report.document))


MIXED = "must be empty or the demo's, it holds other music; name another folder"


def test_a_library_of_other_music_is_left_alone(odd_library, tmp_path):
    folder = tmp_path / "library"
    shutil.copytree(odd_library, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(LibraryError, match=MIXED):
        bench_quality(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_demo_that_other_music_was_added_to_is_refused(made, clips, tmp_path):
    folder = tmp_path / "library"
    shutil.copytree(made[0] / "library", folder)
    with contextlib.closing(Library.open(folder)) as library:
        add(library, [clips])
    with pytest.raises(LibraryError, match=MIXED):
        bench_quality(folder)
