"""The page on who foretells the next track, what is kept of it, and histories that are out of the ordinary."""

import dataclasses
import json
import re

import numpy as np
import pytest
from browser import SCREENS, assert_sound, chromium, visit

from audiosim.errors import AudiosimError
from audiosim.library import Library
from audiosim.listening import Listening
from audiosim.sources.play import Play
from audiosim_pipelines.next_track import evaluation as judging
from audiosim_pipelines.next_track import listing
from audiosim_pipelines.next_track.evaluation import evaluate_history
from audiosim_pipelines.next_track.listing import next_tracks
from audiosim_pipelines.next_track.verdict import EpochLoss, NextEvaluation
from audiosim_pipelines.pages.next_track import evaluation_page

DAY, BEGIN = 86_400, 1_700_000_000


def plays_of(sessions, **others):
    """Four minutes a play, a session a day."""
    return [
        dataclasses.replace(
            Play(BEGIN + DAY * day + 240 * i, f"Band {item % 7}", f"Song {item}", "x", None, 240_000), **others
        )
        for day, session in enumerate(sessions)
        for i, item in enumerate(session)
    ]


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    monkeypatch.setattr(judging, "_N_DRAWS", 50)


@pytest.fixture
def empty(tmp_path):
    with Library.create(tmp_path / "library").writing():
        pass
    return Library.open(tmp_path / "library")


@pytest.fixture
def walks(empty):
    rng = np.random.default_rng(5)
    sessions = [np.cumsum([rng.integers(40), *rng.integers(1, 4, size=6)]) % 40 for _ in range(40)]
    Listening(empty.catalog).add_plays([plays_of(sessions)])
    return empty


@pytest.fixture
def judged(monkeypatch):
    """How often models are judged."""
    calls = []
    judge = judging._judged
    monkeypatch.setattr(judging, "_judged", lambda *args, **options: calls.append(1) or judge(*args, **options))
    return calls


# What is kept


def test_nothing_is_judged_twice_until_something_changes(walks, judged):
    """The history, other settings, and damage cost judging again; asking does not, nor does listing."""
    first = evaluate_history(walks)
    assert repr(evaluate_history(walks)) == repr(first)
    next_tracks(walks, seeds=["Band 3 - Song 3"])
    assert len(judged) == 1
    evaluate_history(walks, seed=1)
    evaluate_history(walks, share=0.7)
    assert len(judged) == 3
    # The last one counts, whatever its settings were.
    assert next_tracks(walks, seeds=["Band 3 - Song 3"]).evaluation.share == 0.7
    assert len(judged) == 3
    next_tracks(walks, seeds=["Band 3 - Song 3"], gap=600)
    Listening(walks.catalog).add_plays([plays_of([[1, 2, 3]], skipped=None, source="y", started_at=BEGIN + 90 * DAY)])
    next_tracks(walks, seeds=["Band 3 - Song 3"])
    assert len(judged) == 5


@pytest.mark.parametrize("text", ["", "[]", "null", '{"format": 1}', "{", '{"format": 2, "key": ""}'])
def test_a_damaged_evaluation_costs_judging_again(walks, judged, text):
    first = evaluate_history(walks)
    path = walks.folder / "next" / "evaluation.json"
    path.write_text(text, encoding="utf-8")
    assert repr(evaluate_history(walks)) == repr(first)
    said = json.loads(path.read_text(encoding="utf-8"))
    said["evaluation"]["best"] = "nobody"
    path.write_text(json.dumps(said), encoding="utf-8")
    assert repr(evaluate_history(walks)) == repr(first)
    assert len(judged) == 3


def test_json_holds_all_of_it(walks):
    first = evaluate_history(walks)
    said = json.loads(json.dumps(first.as_json(), allow_nan=False))
    assert repr(NextEvaluation.from_json(said)) == repr(first)


def test_the_network_that_won_is_asked_while_nothing_changes(walks, monkeypatch):
    """And few transitions recommend a baseline, whoever is ahead."""
    evaluation = evaluate_history(walks)
    assert "a baseline is recommended" in evaluation.notes[0]
    best, asked = evaluation.scores_of(evaluation.best), []
    won = dataclasses.replace(
        evaluation, best="lstm", models=(*evaluation.models, dataclasses.replace(best, model="lstm"))
    )
    path = walks.folder / "next" / "evaluation.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(kept | {"evaluation": won.as_json()}), encoding="utf-8")

    def scorer_of(_library, training, model, _progress):
        asked.append(model)
        return lambda _: training.counts()

    monkeypatch.setattr(listing, "scorer_of", scorer_of)
    assert next_tracks(walks, seeds=["Band 3 - Song 3"]).model == "lstm"
    assert asked == ["lstm"]


# Histories out of the ordinary


def test_plays_come_in_any_order_and_from_any_time_zone(empty, tmp_path):
    """Exports say when in their own zones and in no order; the sessions are the same."""
    sessions = [[1, 2, 3], [4, 5, 6, 7], [1, 2, 5]]
    plays = plays_of(sessions)
    Listening(empty.catalog).add_plays([plays])
    with Library.create(tmp_path / "other").writing():
        pass
    other = Library.open(tmp_path / "other")
    Listening(other.catalog).add_plays([[plays[i] for i in np.random.default_rng(0).permutation(len(plays))]])
    first, second = (evaluate_history(library) for library in (empty, other))
    assert [(s.started_at, s.n_plays) for s in first.sessions] == [
        (BEGIN + DAY * i, n) for i, n in enumerate((3, 4, 3))
    ]
    assert first.sessions == second.sessions
    assert repr(first.models) == repr(second.models)


def test_only_skips_are_no_history(empty):
    Listening(empty.catalog).add_plays([plays_of([[1, 2, 3]] * 5, skipped=True)])
    with pytest.raises(AudiosimError, match=r"it has 0 \(15 plays, 15 of them shorter\)"):
        evaluate_history(empty)


# The page


def test_the_page_says_who_won_and_is_the_same_again(walks, command):
    said = command("history", "evaluate", "--library", walks.folder)
    assert said.code == 0
    path = walks.folder / "reports" / "next.html"
    text = path.read_text(encoding="utf-8")
    evaluation = evaluate_history(walks)
    best = evaluation.scores_of(evaluation.best)
    assert f"{evaluation.best} is recommended" in text
    assert f"{100 * best.new['hr@10'].value:.0f} % were" in re.sub(r"\s+", " ", text)
    assert "Learnt from" in text
    for scores in evaluation.models:
        assert f'id="model-{scores.model}"' in text
    before = path.read_bytes()
    command("history", "evaluate", "--library", walks.folder)
    assert path.read_bytes() == before
    other = walks.folder / "elsewhere" / "page.html"
    assert command("history", "evaluate", "-o", other, "--library", walks.folder).code == 0
    assert other.read_bytes() == before


def test_what_could_be_missing_is_missing_without_a_trace(empty):
    """Two sessions have no intervals; a training of numbers that are none has no picture."""
    Listening(empty.catalog).add_plays([plays_of([[1, 2, 1], [1, 2]])])
    evaluation = evaluate_history(empty)
    for epochs in ((), (EpochLoss(float("nan"), float("nan")),)):
        page = evaluation_page(dataclasses.replace(evaluation, epochs=epochs), library="x").decode()
        assert "nan" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
        assert 'id="training"' not in page


def test_the_page_in_a_browser(walks, tmp_path):
    """It fits, its pictures are drawn, and nothing is asked of a network; the training's course among them."""
    evaluation = evaluate_history(walks)
    losses = tuple(EpochLoss(3.0 / n, 2.5 + abs(n - 4) / 8) for n in range(1, 9))
    path = tmp_path / "next.html"
    path.write_bytes(evaluation_page(dataclasses.replace(evaluation, epochs=losses), library="a <library>"))
    with chromium() as browser:
        for screen in SCREENS:
            with visit(browser, path, screen=screen) as found:
                assert_sound(found, n_pictures=4, n_players=0)
