"""The demo, from an empty folder to the printed verdict: what is known of the pieces is found."""

import json
import re
import shlex
import shutil

import pytest
from killed_run import SpectrumExtractor

from audiosim.library import Library
from audiosim_pipelines import extract

MEASURES = ("baseline", "cosine", "cosine_frames", "descriptors", "dtw", "timbre", "version")
RESCALED = ("dtw + mp_gauss", "timbre + mp_gauss", "version + mp_gauss")
N_TRACKS, N_PAIRS, N_COMPOSITIONS = 40, 780, 8


@pytest.fixture(scope="module")
def library(demo_run):
    return Library.open(demo_run.folder)


@pytest.fixture(scope="module")
def scores(demo_run):
    """Retrieval scores by measure, of pieces with the same composition, as the report has them."""
    report = json.loads((demo_run.folder / "reports" / "evaluation.json").read_text())
    assert report["label"] == "composition"
    return {measure: found["retrieval"] for measure, found in report["measures"].items()}


def printed_scores(output):
    """The rows of the printed table, by the name in front."""
    table = output[output.index("who finds the same composition") : output.index("N = 40 tracks")]
    rows = [re.split(r"\s{2,}", line.strip()) for line in table.splitlines()[1:]]
    header, *body = rows
    return {row[0]: dict(zip(header[1:], map(float, row[1:]), strict=False)) for row in body}


def test_everything_was_done_and_is_said_on_stdout(demo_run):
    for line in (
        f"library {demo_run.folder}: 40 tracks with features (40 added, 40 extracted now)",
        "baseline baseline.csv: matched 40 of 40 tracks (0 by id, 0 by ISRC, 40 by artist and title)",
        *(f"distances {measure}: 40 x 40, 780 pairs computed now" for measure in MEASURES),
    ):
        assert line in demo_run.output.splitlines()


def test_progress_is_said_on_stderr_and_only_there(demo_run):
    for told in (
        "synthesising a demo library",
        "comparing on the CPU",
        "extract: 40 tracks in",
        "compare dtw: 780 pairs",
    ):
        assert told in demo_run.messages
        assert told not in demo_run.output


def test_the_printed_table_has_every_measure_the_control_chance_and_n(demo_run, scores):
    printed = printed_scores(demo_run.output)
    assert set(printed) == {*MEASURES, *RESCALED, "random (control)", "chance"}
    for measure in (*MEASURES, *RESCALED):
        assert printed[measure]["MAP"] == pytest.approx(scores[measure]["mean_average_precision"], abs=5e-4)
        assert printed[measure]["MRR"] == pytest.approx(scores[measure]["mean_reciprocal_rank"], abs=5e-4)
    assert printed["chance"]["P@1"] == pytest.approx(4 / 36, abs=5e-4)  # 4 kin among the 36 tracks of other artists
    assert "N = 40 tracks, 8 labels, tracks of the query's artist left out; 40 queries, 0 tracks" in demo_run.output
    assert len(re.findall(r"^\w+ and \w+ ", demo_run.output, flags=re.MULTILINE)) == 21  # every two measures


def test_dtw_finds_both_tempo_copies_of_every_original(library):
    originals = [track for track in library.tracks() if track.artist in ("The Originals", "First Take")]
    assert len(originals) == N_COMPOSITIONS
    for original in originals:
        found = library.nearest(original, k=2, measure="dtw")
        assert sorted(found["title"]) == [f"{original.title} (tempo {ratio})" for ratio in (0.9, 1.1)], original.title


def test_cosine_finds_the_timbre_of_other_artists(library):
    timbre = {track.track_id: track.genre for track in library.tracks()}
    hits = 0
    for track in library.tracks():
        found = library.nearest(track, k=1, measure="cosine", exclude_artists=[track.artist])
        hits += timbre[found["track_id"][0]] == track.genre
    assert hits >= 0.9 * N_TRACKS


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_finds_compositions_far_above_the_control(scores, measure):
    assert scores[measure]["mean_average_precision"] > 2.5 * scores["random"]["mean_average_precision"]
    assert scores["random"]["mean_average_precision"] < 0.25


def test_a_second_run_does_nothing_and_says_the_same(demo_run, tmp_path, command):
    folder = shutil.copytree(demo_run.folder, tmp_path / "library")
    command("run", "--library", folder)  # the copy's files are at another place, which is noted once
    before = {path: path.stat().st_mtime_ns for path in (folder / "distances").rglob("*")}
    second = command("run", "--library", folder)
    assert second.code == 0
    assert "40 tracks with features (0 added, 0 extracted now)" in second.output
    assert second.output.count("40 x 40, 0 pairs computed now") == len(MEASURES)
    assert printed_scores(second.output) == printed_scores(demo_run.output)
    assert {path: path.stat().st_mtime_ns for path in (folder / "distances").rglob("*")} == before


def test_a_run_that_got_no_further_than_the_pieces_goes_on_with_them(demo_run, tmp_path, command, monkeypatch):
    monkeypatch.setattr(extract, "_extractor", SpectrumExtractor)
    shutil.copytree(demo_run.folder / "demo", tmp_path / "demo")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "demo").iterdir()}
    outcome = command("run", "--library", tmp_path, "--json")
    assert outcome.code == 0
    report = json.loads(outcome.output)
    assert (report["added"]["n_tracks_added"], report["extracted"]["n_extracted"]) == (N_TRACKS, N_TRACKS)
    assert {measure["n_pairs_computed"] for measure in report["compared"]} == {N_PAIRS}
    assert "synthesising" not in outcome.messages
    pieces = {path: path.stat().st_mtime_ns for path in before if path.suffix == ".flac"}
    assert pieces == {path: before[path] for path in pieces}


def test_the_next_question_that_is_offered_can_be_asked(demo_run, command):
    offered = demo_run.messages.splitlines()[-1]
    assert offered.startswith("ask for others: audiosim ")
    outcome = command(*shlex.split(offered.partition("audiosim ")[2]))
    assert outcome.code == 0
    assert "Morning Ferry (tempo 0.9)" in outcome.output
