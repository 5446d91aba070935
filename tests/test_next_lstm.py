"""The recurrent network: numpy answers as keras does, training repeats and resumes to the bit, and it learns."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audiosim.evaluation.bootstrap import bootstrap_means
from audiosim.library import Library
from audiosim.listening import Listening
from audiosim.recommend.next_track import lstm_fit as next_lstm_fit
from audiosim.recommend.next_track.lstm import Lstm, LstmSettings, training_key
from audiosim.recommend.next_track.lstm_fit import fit_lstm
from audiosim.recommend.next_track.models import PLAIN_MODELS, Training
from audiosim.recommend.next_track.ranks import target_ranks
from audiosim.sources.play import Play
from audiosim_pipelines.next_track import network as keeping
from audiosim_pipelines.next_track.evaluation import evaluate_history
from audiosim_pipelines.next_track.listing import next_tracks
from audiosim_pipelines.progress import Silent

SMALL = LstmSettings(n_dims=16, n_units=16, dropout=0.2, learning_rate=0.02, max_epochs=12, patience=2)
N_ITEMS = 60
NO_LOSSES = np.empty((0, 2))


@pytest.fixture(scope="module")
def walks():
    """From any of 60 items to one of the three that come after it on a circle, which is also how they sound."""
    rng = np.random.default_rng(9)
    sessions = [np.cumsum([rng.integers(N_ITEMS), *rng.integers(1, 4, size=9)]) % N_ITEMS for _ in range(140)]
    angles = 2 * np.pi * np.arange(N_ITEMS) / N_ITEMS
    vectors = np.column_stack([f(k * angles) for k in (1, 2, 4, 8) for f in (np.sin, np.cos)])
    return sessions[:110], sessions[110:], vectors


@pytest.fixture(scope="module")
def trained(walks):
    """A tenth of the items is not in the training."""
    train, _, vectors = walks
    kept = [session[session % 10 != 0] for session in train]
    training = Training([session for session in kept if len(session) > 1], N_ITEMS, vectors)
    return training, fit_lstm(training, settings=SMALL)


def weights_of(network):
    return {name: getattr(network, name) for name in network.__slots__}


def assert_equal(first, second):
    for name, values in weights_of(first).items():
        np.testing.assert_array_equal(values, getattr(second, name), err_msg=name)


def test_it_learns_what_follows_and_names_what_was_never_played(walks, trained):
    """As Markov does, near to who knows the habits, and above popularity; and by their sound those never played."""
    training, network = trained
    builds = {name: PLAIN_MODELS[name](training) for name in ("popularity", "markov")} | {"lstm": network.scorer()}
    ranks = {name: target_ranks(scorer, training, walks[1]) for name, scorer in builds.items()}
    found = ranks["lstm"]
    is_warm = ~found.is_cold
    hits = {name: np.where(is_warm, one.rank <= 5, np.nan) for name, one in ranks.items()}
    assert np.nanmean(hits["lstm"]) >= 0.9  # whoever knows the habits has all: one of three follows
    assert np.nanmean(hits["lstm"]) > 2 * np.nanmean(hits["popularity"])
    (markov,) = bootstrap_means(hits["markov"][:, None], found.session.tolist(), n_draws=500)
    assert np.nanmean(hits["lstm"]) >= markov.low
    assert (found.rank[found.is_cold] <= 5).mean() >= 3 * 5 / N_ITEMS


def test_numpy_answers_as_keras_does(walks):
    training = Training(walks[0], N_ITEMS, walks[2])
    network = next_lstm_fit._Network(training, SMALL)
    items = walks[0][0]
    windows = np.zeros((1, next_lstm_fit.LONGEST), dtype=np.int32)
    windows[0, : len(items)] = items
    expected = np.array(network(windows))[0, len(items) - 1]
    np.testing.assert_allclose(network.trained(training, NO_LOSSES).scorer()(items), expected, rtol=1e-4, atol=1e-4)


class InterruptedTraining(Exception):  # noqa: N818 - as the interrupts that it stands for
    pass


def test_an_interrupted_training_comes_to_the_same(walks, tmp_path):
    """To the bit, with parts left out by chance: killed by the system in one stage, and interrupted in the other."""
    settings = LstmSettings(n_dims=8, n_units=8, learning_rate=0.02, max_epochs=3, patience=3)
    sessions, vectors = walks[0][:16], walks[2]
    training = Training(sessions, N_ITEMS, vectors)
    checkpoint, done = tmp_path / "checkpoint", []
    np.savez(tmp_path / "walks.npz", vectors=vectors, **{f"s{i}": session for i, session in enumerate(sessions)})
    child = Path(__file__).with_name("killed_training.py")
    killed = subprocess.run([sys.executable, child, tmp_path / "walks.npz", checkpoint], check=False, timeout=300)
    assert killed.returncode == -signal.SIGKILL

    def interrupt(epoch):
        done.append((epoch.stage, epoch.number))
        if done[-1] == ("training", 1):
            raise InterruptedTraining

    with pytest.raises(InterruptedTraining):
        fit_lstm(training, settings=settings, checkpoint=checkpoint, progress=interrupt)
    assert done[:2] == [("choosing", 2), ("choosing", 3)]  # the first was done by the process that was killed
    resumed = fit_lstm(training, settings=settings, checkpoint=checkpoint)
    assert_equal(resumed, fit_lstm(training, settings=settings))
    assert resumed.losses.shape == (3, 2)
    # What is finished is not trained again; what is damaged, or of another training, is not gone on with.
    assert next_lstm_fit._Fit(training, settings, checkpoint, training_key(training, settings)).stage == "training"
    assert next_lstm_fit._Fit(training, settings, checkpoint, "another").epoch == 0
    checkpoint.write_bytes(checkpoint.read_bytes()[:-600])
    assert next_lstm_fit._Fit(training, settings, checkpoint, training_key(training, settings)).epoch == 0


def test_the_file_is_of_one_training(trained, tmp_path):
    training, network = trained
    key = training_key(training, SMALL)
    network.save(tmp_path / "x.npz", key=key)
    assert_equal(Lstm.load(tmp_path / "x.npz", key=key), network)
    assert Lstm.load(tmp_path / "x.npz", key="another") is None
    assert Lstm.load(tmp_path / "none.npz", key=key) is None
    (tmp_path / "x.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:500])
    assert Lstm.load(tmp_path / "x.npz", key=key) is None
    assert training_key(Training(training.sessions[1:], N_ITEMS, training.vectors), SMALL) != key
    assert training_key(training, LstmSettings()) != key


def test_what_has_neither_sound_nor_plays_comes_last(walks):
    training = Training([session[session < 50] for session in walks[0][:30]], N_ITEMS)
    network = next_lstm_fit._Network(training, SMALL).trained(training, NO_LOSSES)
    scores = network.scorer()(np.array([3]))
    assert (scores[50:] == -np.inf).all()
    assert np.isfinite(scores[:50]).all()


def test_the_library_keeps_what_was_trained(walks, tmp_path, monkeypatch):
    """The second question trains nothing, and judges nothing."""
    monkeypatch.setattr(keeping, "LstmSettings", lambda: LstmSettings(n_dims=8, n_units=8, max_epochs=2))
    with Library.create(tmp_path / "library").writing():
        pass
    library = Library.open(tmp_path / "library")
    plays = [
        Play(10**9 + 86_400 * day + 200 * i, "Band", f"Song {item}", "x")
        for day, session in enumerate(walks[0][:20])
        for i, item in enumerate(session)
    ]
    Listening(library.catalog).add_plays([plays])
    said = []

    class Said(Silent):
        def bar(self, stage, total, unit):
            said.append(stage)
            return super().bar(stage, total, unit)

    first = evaluate_history(library, lstm=True, progress=Said())
    assert [scores.model for scores in first.models][-1] == "lstm"
    assert said == ["lstm: choose how long to train", "lstm: train on all sessions", "judge"]
    assert first.epochs
    said.clear()
    assert repr(evaluate_history(library, lstm=True, progress=Said())) == repr(first)
    assert said == []
    assert sorted(path.name for path in (library.folder / "next").iterdir()) == ["evaluation.json", "evaluation.npz"]
    assert next_tracks(library, seeds=["Band - Song 3"], n=1).model == first.best
