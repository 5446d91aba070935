"""The stage that judges: what counts as alike, what is written, and when it is written again."""

import json
import re
import shutil
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pytest

from audiosim.errors import AudiosimError, SettingsError, SourceError
from audiosim.evaluation import CONTROL
from audiosim.library import Library
from audiosim_pipelines import origin, settings
from audiosim_pipelines.compare import compare
from audiosim_pipelines.evaluate import PAGE_NAME, REPORT_NAME, evaluate, is_evaluated
from audiosim_pipelines.run import run
from audiosim_pipelines.subject import read_subject

FIELDS = ("artist", "title", "album", "genre", "isrc", "external_id")


@pytest.fixture
def library(undisturbed, tmp_path):
    return Library.open(shutil.copytree(undisturbed, tmp_path / "library"))


@pytest.fixture
def tagged(library):
    """Two artists, each with two genres and with albums of their own; three tracks have no tags."""
    with library.catalog.transaction():
        for row, track in enumerate(library.tracks()[:11]):
            tags = {"artist": f"artist {row % 2}", "genre": f"genre {row % 3}", "album": f"album {row % 4}"}
            tag(library, track.track_id, **tags)
    return library


@pytest.fixture
def table_of(tmp_path):
    def write(text, name="labels.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def tag(library, track_id, **tags):
    library.catalog.update_track(track_id, {**dict.fromkeys(FIELDS), **tags})


def judged_by(library, *labels, **options):
    loaded = settings.load(library.folder)
    return replace(loaded, evaluate=replace(loaded.evaluate, label=labels, n_draws=200, n_permutations=9, **options))


def subject_of(library, *labels, names=("dtw",), **files):
    return read_subject(library, judged_by(library, *labels), names, **files)


def ids(library):
    return [track.track_id for track in library.tracks()]


# What is judged


def test_every_label_is_a_task_and_only_where_it_crosses_artists_their_tracks_leave(tagged):
    subject = subject_of(tagged, "genre", "artist", "album")
    assert {task.name: task.artist_filter for task in subject.tasks} == {"genre": True, "artist": False, "album": False}
    assert subject.tasks[0].labels[:4] == ["genre 0", "genre 1", "genre 2", "genre 0"]
    assert subject.tasks[0].labels[11:] == [None] * 3
    assert subject.unjudged == {}
    unfiltered = read_subject(tagged, judged_by(tagged, "genre", artist_filter=False), ["dtw"])
    assert not unfiltered.tasks[0].artist_filter


def test_a_label_that_no_artist_shares_with_another_is_judged_with_all_tracks(tagged, table_of):
    versions = table_of("track_id,song\n" + "".join(f"{i},song {row % 2}\n" for row, i in enumerate(ids(tagged)[:6])))
    subject = subject_of(tagged, "song", labels_file=versions)
    assert not subject.tasks[0].artist_filter


def test_what_nobody_has_or_shares_is_no_task(library, table_of):
    alone = table_of("track_id,song\n" + "".join(f"{i},{row}\n" for row, i in enumerate(ids(library))))
    subject = subject_of(library, "song", "genre", labels_file=alone)
    assert subject.tasks == []
    assert subject.unjudged == {"song": "no two tracks have the same song", "genre": "no track has a genre"}


def test_a_column_of_the_file_goes_before_the_tag_and_gives_missing_artists(tagged, table_of):
    table = table_of("track_id,genre,artist\n" + "".join(f"{i},mine,somebody\n" for i in ids(tagged)[9:12]))
    subject = subject_of(tagged, "genre", "album", labels_file=table)
    assert subject.tasks[0].labels == [None] * 9 + ["mine"] * 3 + [None] * 2
    assert subject.tasks[1].labels[0] == "album 0"
    assert subject.artists[9:] == ["artist 1", "artist 0", "somebody", None, None]


def test_a_file_that_has_none_of_the_labels_was_given_by_mistake(tagged, table_of):
    with pytest.raises(SourceError, match="must have the column 'genre', got track_id, song"):
        subject_of(tagged, "genre", labels_file=table_of(f"track_id,song\n{ids(tagged)[0]},x\n"))
    with pytest.raises(SettingsError, match=r"label 'song' is no tag \(genre, artist, album\)"):
        subject_of(tagged, "song")


def test_pairs_are_rows_of_the_matrices(library, table_of):
    pairs = table_of("a,b\nclip 003,clip 001\nclip 007,clip 013\n")
    subject = subject_of(library, "genre", pairs_file=pairs)
    (task,) = subject.tasks
    assert (task.name, task.artist_filter) == ("pairs", False)
    stems = [track.paths[0].stem for track in subject.tracks]
    assert [[stems[row] for row in pair] for pair in task.pairs] == [["clip 003", "clip 001"], ["clip 007", "clip 013"]]


def test_lengths_are_seconds_of_the_features(library):
    lengths = subject_of(library, "genre").lengths
    durations = [track.duration for track in library.tracks()]
    # Trimming takes a little, the last frame adds up to one hop.
    np.testing.assert_allclose(lengths, durations, atol=0.05)


# What is written


def test_the_document_is_in_the_file_the_page_beside_it_and_both_the_same_again(tagged):
    chosen = judged_by(tagged, "genre", "artist")
    report = evaluate(tagged, chosen)
    written = {path: path.read_bytes() for path in (report.json_path, report.html_path)}
    assert {path.name for path in written} == {REPORT_NAME, PAGE_NAME}
    document = json.loads(written[report.json_path])
    assert document == json.loads(json.dumps(report.document))
    assert [task["name"] for task in document["tasks"]] == ["genre", "artist"]
    again = evaluate(tagged, chosen)
    assert {path: path.read_bytes() for path in (again.json_path, again.html_path)} == written


def test_the_first_task_stands_under_the_keys_that_reports_always_had(tagged):
    document = evaluate(tagged, judged_by(tagged, "artist", "genre")).document
    first = document["tasks"][0]
    assert (document["label"], document["n_labels"], document["n_artists"]) == ("artist", 2, None)
    assert document["measures"]["dtw"]["retrieval"] == first["measures"]["dtw"]["retrieval"]
    assert document["measures"][CONTROL]["hubness"] == document["health"][CONTROL]["hubness"]


def test_without_labels_health_and_agreement_are_left(library):
    report = evaluate(library, judged_by(library, "genre"))
    assert report.evaluation.tasks == ()
    assert report.unjudged == {"genre": "no track has a genre"}
    assert report.document["measures"]["dtw"]["retrieval"] is None
    assert len(report.evaluation.agreements) == 3
    found = report.document["disagreements"][0]["pairs"][0]
    assert set(found["track_ids"]) <= set(ids(library))


def test_the_page_goes_where_it_is_asked_to_and_plays_from_there(library, tmp_path):
    page = tmp_path / "elsewhere" / "verdict.html"
    report = evaluate(library, judged_by(library, "genre"), html_path=page)
    assert report.html_path == page
    sources = re.findall(r'<source src="([^"]+)">', page.read_text(encoding="utf-8"))
    beside = [page.parent / unquote(source) for source in sources if not source.startswith("file:")]
    assert len(beside) == len(sources) // 2 > 0
    assert all(path.resolve().is_file() for path in beside)


def test_nothing_to_judge_is_an_error(tmp_path):
    with pytest.raises(AudiosimError, match="nothing is compared yet"):
        evaluate(Library.create(tmp_path / "empty"), settings.load(tmp_path))


# When it is written again


def test_an_evaluation_lasts_until_something_that_it_depends_on_changes(tagged):
    chosen = judged_by(tagged, "genre")
    report = evaluate(tagged, chosen)
    assert is_evaluated(tagged, chosen)
    assert not is_evaluated(tagged, judged_by(tagged, "genre", "artist"))
    assert not is_evaluated(tagged, replace(chosen, evaluate=replace(chosen.evaluate, n_draws=300)))
    report.html_path.unlink()
    assert not is_evaluated(tagged, chosen)
    evaluate(tagged, chosen)
    with tagged.catalog.transaction():
        tag(tagged, ids(tagged)[0], genre="another")
    assert not is_evaluated(tagged, chosen)
    evaluate(tagged, chosen)
    compare(tagged, replace(chosen, hubness=replace(chosen.hubness, rescaling="none")))
    assert not is_evaluated(tagged, chosen)


def test_a_run_judges_once(tagged):
    chosen = judged_by(tagged, "genre")
    first = run(tagged, chosen, [])
    assert first.verdict is not None
    assert first.evaluation is first.verdict.evaluation
    assert run(tagged, chosen, []).verdict is None


# Where figures come from


def test_provenance_says_what_others_need(tagged):
    found = evaluate(tagged, judged_by(tagged, "genre"), measures=["cosine", "dtw"]).provenance
    assert set(found.matrices) == {"cosine", "dtw"}
    assert {"numpy", "scipy", "numba"} <= set(found.packages)
    assert found.settings["evaluate"]["label"] == ("genre",)
    fewer = evaluate(tagged, judged_by(tagged, "genre"), measures=["dtw"]).provenance
    assert fewer.data_digest != found.data_digest


def test_reports_keep_to_themselves_how_services_are_reached(library):
    chosen = judged_by(library, "genre")
    secret = replace(chosen, online=replace(chosen.online, listenbrainz_url="https://me:secret@example.org"))
    report = evaluate(library, secret)
    assert not {"online", "fetch"} & set(report.provenance.settings)
    assert b"secret" not in report.json_path.read_bytes() + report.html_path.read_bytes()


def test_a_commit_is_that_of_a_checkout_of_audiosim_alone(tmp_path, monkeypatch):
    answers = {"rev-parse --show-toplevel": str(tmp_path), "ls-files": "x.py", "rev-parse HEAD": "abc", "status": None}

    def output(*command):
        return next(answer for words, answer in answers.items() if words in " ".join(command))

    monkeypatch.setattr(origin, "output", output)
    assert origin.commit(tmp_path / "x.py") is None  # the checkout has no project
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert origin.commit(tmp_path / "x.py") is None
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "audiosim"\n')
    assert origin.commit(tmp_path / "x.py") == "abc"
    answers["status"] = " M x.py"
    assert origin.commit(tmp_path / "x.py") == "abc with changes"
    answers["ls-files"] = None  # installed into a checkout, and no part of it
    assert origin.commit(tmp_path / "x.py") is None
