"""Ranks of originals among all tracks: as counted by hand, ties by chance, copies no candidates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audiosim.evaluation.perturbation import (
    PerturbationScores,
    original_ranks,
    perturbation_scores,
    scores_of_ranks,
)

# Few different values, so that there are ties.
DISTANCES = st.tuples(st.integers(1, 6), st.integers(1, 8)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.integers(0, 4).map(float))
)


@given(distances=DISTANCES, data=st.data())
def test_ranks_are_those_of_the_definition(distances, data):
    n_copies, n_tracks = distances.shape
    originals = np.array(data.draw(st.lists(st.integers(0, n_tracks - 1), min_size=n_copies, max_size=n_copies)))
    for row, original, rank in zip(
        distances.tolist(), originals.tolist(), original_ranks(distances, originals).tolist(), strict=True
    ):
        n_nearer = sum(1 for distance in row if distance < row[original])
        n_no_farther = sum(1 for distance in row if distance <= row[original])
        assert n_nearer + 1 <= rank <= n_no_farther


@given(distances=DISTANCES, seed=st.integers(0, 1_000))
def test_scores_are_the_means_over_copies(distances, seed):
    originals = np.arange(len(distances)) % distances.shape[1]
    ranks = original_ranks(distances, originals, seed=seed).tolist()
    scores = perturbation_scores(distances, originals, seed=seed)
    assert scores.top_1 == pytest.approx(sum(rank == 1 for rank in ranks) / len(ranks))
    assert scores.mean_reciprocal_rank == pytest.approx(sum(1 / rank for rank in ranks) / len(ranks))
    assert scores.n_copies == len(ranks)


def test_originals_that_are_nearest_score_1(rng):
    distances = rng.uniform(1.0, 2.0, (5, 9))
    originals = np.array([3, 0, 3, 8, 1])
    distances[np.arange(5), originals] = 0.5
    assert perturbation_scores(distances, originals) == PerturbationScores(1.0, 1.0, 5)


def test_ties_are_settled_by_chance_and_the_seed():
    distances, originals = np.ones((30_000, 3)), np.full(30_000, 1)
    ranks = original_ranks(distances, originals, seed=4)
    np.testing.assert_allclose(np.bincount(ranks, minlength=4)[1:] / 30_000, 1 / 3, atol=0.01)
    np.testing.assert_array_equal(ranks, original_ranks(distances, originals, seed=4))
    assert not np.array_equal(ranks, original_ranks(distances, originals, seed=5))


def test_random_distances_score_at_chance(rng):
    scores = perturbation_scores(rng.random((20_000, 10)), rng.integers(0, 10, 20_000))
    assert scores.top_1 == pytest.approx(0.1, abs=0.01)
    assert scores.mean_reciprocal_rank == pytest.approx(sum(1 / rank for rank in range(1, 11)) / 10, abs=0.01)


def test_no_copies_warn_and_give_nan():
    with pytest.warns(UserWarning, match="there are no copies; the result is NaN"):
        scores = perturbation_scores(np.empty((0, 4)), np.empty(0, dtype=np.int64))
    assert np.isnan(scores.top_1)
    assert np.isnan(scores.mean_reciprocal_rank)
    assert scores.n_copies == 0


@pytest.mark.parametrize(
    ("distances", "originals", "message"),
    [
        (np.zeros(3), [0], r"distances must have shape \(n_copies, n_tracks\) .*got \(3,\) and \(1,\)"),
        (np.zeros((2, 3)), [0], r"got \(2, 3\) and \(1,\)"),
        (np.array([[0.0, np.nan]]), [0], "must be finite, got 1 that are not"),
        (np.zeros((1, 3)), [3], r"originals must lie in 0 \.\. 2, got 3"),
        (np.zeros((1, 3)), [-1], r"originals must lie in 0 \.\. 2, got -1"),
    ],
)
def test_what_does_not_fit_is_refused(distances, originals, message):
    with pytest.raises(ValueError, match=message):
        original_ranks(distances, np.array(originals))


@pytest.mark.parametrize("ranks", [[0], [[1]]])
def test_what_is_no_rank_is_refused(ranks):
    with pytest.raises(ValueError, match=r"ranks must have shape \(n_copies,\) and be 1 or more"):
        scores_of_ranks(np.array(ranks))
