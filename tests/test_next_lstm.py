"""The recurrent network: numpy answers as keras does, training repeats and resumes to the bit, and it learns."""

import numpy as np
import pytest

from audiosim.library import Library
from audiosim.listening import Listening
from audiosim.recommend import next_lstm_fit
from audiosim.recommend.next_track.lstm import Lstm, LstmSettings, training_key
from audiosim.recommend.next_track.lstm_fit import fit_lstm
from audiosim.recommend.next_track.models import PLAIN_MODELS, Training
from audiosim.recommend.next_track.ranks import target_ranks
from audiosim.sources.play import Play
from audiosim_pipelines.next_track.evaluation import evaluate_history, next_tracks

SMALL = LstmSettings(n_dims=16, n_units=16, learning_rate=0.02, max_epochs=12, patience=2)
N_ITEMS = 60


@pytest.fixture(scope="module")
def walks():
    """From any of 60 items to one of the three that come after it on a circle, which is also how they sound."""
    rng = np.random.default_rng(9)
    sessions = [np.cumsum([rng.integers(N_ITEMS), *rng.integers(1, 4, size=9)]) % N_ITEMS for _ in range(170)]
    angles = 2 * np.pi * np.arange(N_ITEMS) / N_ITEMS
    vectors = np.column_stack([f(k * angles) for k in (1, 2, 4, 8) for f in (np.sin, np.cos)])
    return sessions[:140], sessions[140:], vectors


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
    """Above popularity, and of the items that were never played it finds three times as many as chance."""
    training, network = trained
    found = target_ranks(network.scorer(), training, walks[1])
    popular = target_ranks(PLAIN_MODELS["popularity"](training), training, walks[1])
    is_warm = ~found.is_cold
    assert (found.rank[is_warm] <= 10).mean() > 2 * (popular.rank[is_warm] <= 10).mean()
    assert (found.rank[found.is_cold] <= 10).mean() >= 3 * 10 / N_ITEMS


def test_numpy_answers_as_keras_does(walks):
    training = Training(walks[0], N_ITEMS, walks[2])
    network = next_lstm_fit._Network(training, SMALL)
    items = walks[0][0]
    windows = np.zeros((1, next_lstm_fit.LONGEST), dtype=np.int32)
    windows[0, : len(items)] = items
    expected = np.array(network(windows))[0, len(items) - 1]
    np.testing.assert_allclose(network.trained(training).scorer()(items), expected, rtol=1e-4, atol=1e-4)


class InterruptedTraining(Exception):  # noqa: N818 - as the interrupts that it stands for
    pass


@pytest.fixture(scope="module")
def uninterrupted(walks):
    settings = LstmSettings(n_dims=8, n_units=8, learning_rate=0.02, max_epochs=2, patience=2)
    training = Training(walks[0][:16], N_ITEMS, walks[2])
    return settings, training, fit_lstm(training, settings=settings)


@pytest.mark.parametrize("last", [("choosing", 1), ("training", 1)])
def test_an_interrupted_training_comes_to_the_same(uninterrupted, tmp_path, last):
    """To the bit, with embeddings dropped by chance, in either stage; another training is not resumed from it."""
    settings, training, whole = uninterrupted
    checkpoint, done = tmp_path / "checkpoint", []

    def interrupt(stage, epoch, _loss):
        if (stage, epoch) == last:
            raise InterruptedTraining

    def note(stage, epoch, _loss):
        done.append((stage, epoch))
        if len(done) == 2:
            raise InterruptedTraining

    with pytest.raises(InterruptedTraining):
        fit_lstm(training, settings=settings, checkpoint=checkpoint, progress=interrupt)
    assert_equal(fit_lstm(training, settings=settings, checkpoint=checkpoint), whole)
    fit_lstm(training, settings=settings, checkpoint=checkpoint, progress=note)
    assert done == []  # it is finished, so nothing is trained again
    with pytest.raises(InterruptedTraining):
        fit_lstm(Training(training.sessions[1:], N_ITEMS), settings=settings, checkpoint=checkpoint, progress=note)
    assert done == [("choosing", 1), ("choosing", 2)]


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
    network = next_lstm_fit._Network(training, SMALL).trained(training)
    scores = network.scorer()(np.array([3]))
    assert (scores[50:] == -np.inf).all()
    assert np.isfinite(scores[:50]).all()


def test_the_library_keeps_what_was_trained(walks, tmp_path):
    """The second question trains nothing; a new play does."""
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

    class Said:
        def say(self, line):
            said.append(line)

    first = evaluate_history(library, lstm=True, progress=Said())
    assert [scores.model for scores in first.models][-1] == "lstm"
    assert said
    assert all(line.startswith("lstm, ") for line in said)
    said.clear()
    assert repr(evaluate_history(library, lstm=True, progress=Said())) == repr(first)
    assert said == []
    assert sorted(path.name for path in (library.folder / "next").iterdir()) == ["evaluation.npz"]
    assert next_tracks(library, seeds=["Band - Song 3"], lstm=True, n=1).model == first.best
