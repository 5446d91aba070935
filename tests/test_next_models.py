"""Models of the next track: each does what its formula says, and finds what a listener with known habits does next."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.recommend.next_track.models import CONTENT_MODELS, PLAIN_MODELS, Training
from audiosim.recommend.next_track.ranks import best_first, scores_of_ranks, target_ranks

N_ITEMS, N_DIMS = 300, 8
sessions_of_items = st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=6).map(np.array), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def listener():
    """Eight likely successors for each item, which sound like it; 400 sessions to learn from and 60 to judge by."""
    rng = np.random.default_rng(20_261_121)
    vectors = rng.standard_normal((N_ITEMS, N_DIMS))
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = directions @ directions.T - 9.0 * np.eye(N_ITEMS)
    transitions = np.full((N_ITEMS, N_ITEMS), 0.1 / N_ITEMS)
    for item in range(N_ITEMS):
        transitions[item, np.argsort(-likeness[item])[:8]] += 0.9 * rng.dirichlet(np.full(8, 0.5))
    starts = rng.dirichlet(np.full(N_ITEMS, 0.3))
    transitions /= transitions.sum(axis=1, keepdims=True)

    def session():
        items = [int(rng.choice(N_ITEMS, p=starts))]
        for _ in range(11):
            items.append(int(rng.choice(N_ITEMS, p=transitions[items[-1]])))
        return np.array(items)

    return [session() for _ in range(400)], [session() for _ in range(60)], vectors, transitions


def hits(scorer, training, sessions):
    return scores_of_ranks(target_ranks(scorer, training, sessions).rank)[:, 2].mean()


def test_a_listener_with_known_habits(listener):
    """Markov comes near to the oracle and is above popularity, which is above chance."""
    train, test, vectors, transitions = listener
    training = Training(train, N_ITEMS, vectors)
    oracle = hits(lambda items: transitions[items[-1]], training, test)
    found = {name: hits(build(training), training, test) for name, build in (PLAIN_MODELS | CONTENT_MODELS).items()}
    assert oracle > 0.85
    assert found["markov"] >= 0.9 * oracle
    assert oracle > found["markov"] > found["item_knn"] > found["popularity"] > found["random"]
    assert found["v_sknn"] > 2 * found["popularity"]


def test_what_was_never_played_is_found_by_its_sound_alone(listener):
    """A tenth of the items is not in the training: the sound finds them, at least three times as often as chance."""
    train, test, vectors, _ = listener
    is_held = np.arange(N_ITEMS) % 10 == 0
    without = [session[~is_held[session]] for session in train]
    training = Training([session for session in without if len(session) > 1], N_ITEMS, vectors)
    ranks = {name: target_ranks(build(training), training, test) for name, build in CONTENT_MODELS.items()}
    cold = {name: (found.rank[found.is_cold] <= 10).mean() for name, found in ranks.items()}
    assert cold["content_knn"] >= 3 * 10 / N_ITEMS
    found = target_ranks(PLAIN_MODELS["markov"](training), training, test)
    assert (found.rank[found.is_cold] <= 10).mean() == 0


@given(sessions_of_items, st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_scores_are_what_the_definitions_say(sessions, beginning):
    """Counted anew with sets and loops."""
    training = Training(sessions, n_items=10)
    last, items = beginning[-1], np.array(beginning)
    after = [int(b) for s in sessions for a, b in itertools.pairwise(s) if a == last]
    np.testing.assert_allclose(
        PLAIN_MODELS["markov"](training)(items), [after.count(i) / max(len(after), 1) for i in range(10)]
    )
    sets = [set(s.tolist()) for s in sessions]
    n_with = [sum(i in s for s in sets) for i in range(10)]
    both = [sum(i in s and last in s for s in sets) for i in range(10)]
    cosine = [0.0 if i == last or not both[i] else both[i] / math.sqrt(n_with[i] * n_with[last]) for i in range(10)]
    np.testing.assert_allclose(PLAIN_MODELS["item_knn"](training)(items), cosine)
    idf = [math.log1p(len(sets) / max(n, 1)) for n in n_with]
    weight = {item: place / len(beginning) * idf[item] for place, item in enumerate(beginning, start=1)}
    votes = [0.0] * 10
    for s in sets:
        likeness = sum(weight.get(i, 0.0) for i in s) / math.sqrt(len(weight) * len(s))
        for i in s - {last}:
            votes[i] += likeness * idf[i]
    np.testing.assert_allclose(PLAIN_MODELS["v_sknn"](training)(items), votes, atol=1e-12)


@given(sessions_of_items, st.sampled_from(list(PLAIN_MODELS | CONTENT_MODELS)), st.integers(0, 3))
def test_ranks_are_those_of_the_sorted_list(sessions, name, seed):
    """Counting who is ahead gives what sorting gives, with ties, repeats, and without the seeds."""
    vectors = np.random.default_rng(seed).standard_normal((10, 3))
    vectors[7:] = np.nan
    training = Training(sessions, 10, vectors, seed)
    build = (PLAIN_MODELS | CONTENT_MODELS)[name]
    found = target_ranks(build(training), training, sessions)
    scorer, places = build(training), []
    for session in sessions:
        for place in range(1, len(session)):
            order = best_first(scorer(session[:place]), training).tolist()
            new = [item for item in order if item not in session[:place]]
            target = int(session[place])
            places.append((order.index(target) + 1, new.index(target) + 1 if target in new else math.nan))
    np.testing.assert_array_equal(np.stack([found.rank, found.rank_new], axis=1), np.array(places, dtype=float))
    assert sorted(order) == list(range(10))
    assert (found.listed == len(places)).all()  # a list of ten holds all of ten


def test_the_numbers_of_items_tell_nothing():
    """Items that are equal in all respects come in an order of chance, the same under a seed."""
    training = Training([np.array([0, 1])], n_items=200, seed=3)
    order = best_first(np.zeros(200), training)
    np.testing.assert_array_equal(np.sort(order[:2]), [0, 1])
    assert not np.array_equal(np.sort(order[2:30]), np.arange(2, 30))
    np.testing.assert_array_equal(order, best_first(np.zeros(200), training))


def test_metrics_by_hand():
    scores = scores_of_ranks(np.array([1.0, 2.0, 10.0, 11.0, 20.0, 21.0, np.inf, np.nan]))
    np.testing.assert_array_equal(np.nansum(scores[:, :4], axis=0), [1, 2, 3, 5])
    np.testing.assert_allclose(scores[:6, 4], [1, 1 / 2, 1 / 10, 1 / 11, 1 / 20, 0])
    np.testing.assert_allclose(scores[:5, 5], [1, 1 / math.log2(3), 1 / math.log2(11), 0, 0])
    assert (scores[6] == 0).all()
    assert np.isnan(scores[7]).all()


def test_what_is_outside_of_the_catalogue():
    """It is never found, it is passed over where it was heard, and heard again it is a repeat."""
    training = Training([np.array([0, 1, 2]), np.array([0, 1])], n_items=3)
    ranks = target_ranks(PLAIN_MODELS["markov"](training), training, [np.array([8, 0, 9, 1, 9])])
    np.testing.assert_array_equal(ranks.rank[1:], [np.inf, 1.0, np.inf])
    np.testing.assert_array_equal(np.isnan(ranks.rank_new), [False, False, False, True])
    np.testing.assert_array_equal(ranks.is_cold, [False, True, False, True])
    with pytest.raises(ValueError, match="there must be a session of at least two plays, got 1 of fewer"):
        target_ranks(PLAIN_MODELS["markov"](training), training, [np.array([1])])


@pytest.mark.parametrize("name", CONTENT_MODELS)
def test_sound_needs_vectors(name):
    for vectors, got in ((None, "None"), (np.zeros((2, 5)), r"\(2, 5\)")):
        with pytest.raises(ValueError, match=rf"vectors must have shape \(n_items = 3, n_dims\), got {got}"):
            CONTENT_MODELS[name](Training([np.array([0, 1])], 3, vectors))


@pytest.mark.parametrize("name", CONTENT_MODELS)
def test_what_has_no_sound_comes_last(name):
    vectors = np.array([[1.0, 0.0], [0.9, 0.1], [np.nan, np.nan], [-1.0, 0.0]])
    scores = CONTENT_MODELS[name](Training([np.array([0, 1, 3, 2])], 4, vectors))(np.array([0]))
    assert scores[2] == -np.inf
    assert np.isfinite(scores[[0, 1, 3]]).all()
