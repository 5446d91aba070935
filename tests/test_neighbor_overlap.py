"""Shared neighbours and rank-biased overlap against their definitions, and both ends: identical and random."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.evaluation import neighbor_overlap, random_distances
from audiosim.evaluation.ranking import nearest_lists


@pytest.fixture
def related(rng):
    """Two matrices that share part of their coordinates."""
    points = rng.standard_normal((70, 6))
    return tuple(
        np.linalg.norm(chosen[:, None] - chosen, axis=2).astype(np.float32) for chosen in (points[:, :4], points[:, 2:])
    )


def nearest(distances, k):
    return [
        sorted((i for i in range(len(row)) if i != query), key=row.__getitem__)[:k]
        for query, row in enumerate(distances.tolist())
    ]


def literal_rbo(first, second, p):
    """Equation 32 of Webber, Moffat and Zobel (2010), for lists of one length."""
    depth = len(first)
    shared = [len(set(first[:d]) & set(second[:d])) for d in range(1, depth + 1)]
    total = sum(shared[d - 1] / d * p**d for d in range(1, depth + 1))
    return shared[-1] / depth * p**depth + (1 - p) / p * total


@pytest.mark.parametrize("k", [1, 5, 10])
def test_neighbors_are_those_of_the_definition(related, k):
    sets = [[set(names) for names in nearest(distances, k)] for distances in related]
    shared = [len(a & b) for a, b in zip(*sets, strict=True)]
    united = [len(a | b) for a, b in zip(*sets, strict=True)]
    assert neighbor_overlap.overlap_at_k(*related, k=k) == pytest.approx(np.mean(shared) / k)
    assert neighbor_overlap.jaccard_at_k(*related, k=k) == pytest.approx(np.mean(np.divide(shared, united)))
    assert 0.05 < neighbor_overlap.jaccard_at_k(*related, k=k) < 0.9


@pytest.mark.parametrize(("p", "depth"), [(0.9, 69), (0.9, 20), (0.5, 3), (0.98, 1)])
def test_rank_biased_overlap_is_that_of_the_definition(related, p, depth):
    lists = [nearest(distances, depth) for distances in related]
    expected = np.mean([literal_rbo(a, b, p) for a, b in zip(*lists, strict=True)])
    result = neighbor_overlap.rank_biased_overlap(*related, p=p, depth=depth)
    assert result.overlap == pytest.approx(expected)
    assert (result.p, result.depth) == (p, depth)
    assert 0.05 < result.overlap < 0.9


def test_depth_ends_with_the_tracks(related):
    assert neighbor_overlap.rank_biased_overlap(*related, depth=500) == neighbor_overlap.rank_biased_overlap(
        *related, depth=69
    )


def test_blocks_of_rows_change_nothing(related, monkeypatch):
    lists = [nearest_lists(distances, k=9) for distances in related]
    whole = neighbor_overlap.shared_depths(*lists)
    monkeypatch.setattr(neighbor_overlap, "_COMPARED_ROWS", 32)
    np.testing.assert_array_equal(neighbor_overlap.shared_depths(*lists), whole)


def test_identical_matrices_agree_in_their_ties_too():
    coarse = np.ceil(random_distances(60, seed=3) * 3)
    assert neighbor_overlap.overlap_at_k(coarse, coarse, k=5) == 1.0
    assert neighbor_overlap.overlap_at_k(coarse, coarse * 2, k=5) == 1.0
    assert neighbor_overlap.rank_biased_overlap(coarse, coarse * 2).overlap == pytest.approx(1.0)


@given(seed=st.integers(0, 10_000), n_tracks=st.integers(2, 12), p=st.floats(0.05, 0.95))
def test_rank_biased_overlap_is_a_symmetric_share(seed, n_tracks, p):
    first, second = random_distances(n_tracks, seed=seed), random_distances(n_tracks, seed=seed + 1)
    result = neighbor_overlap.rank_biased_overlap(first, second, p=p)
    assert 0.0 <= result.overlap <= 1.0
    assert neighbor_overlap.rank_biased_overlap(second, first, p=p).overlap == pytest.approx(result.overlap)
    # Over whole rankings the last depth is shared in full, so only the order can cost anything.
    assert result.overlap >= p ** (n_tracks - 1) - 1e-12


@pytest.mark.parametrize(("n_tracks", "k"), [(5, 2), (7, 6), (6, 1)])
def test_chance_is_the_mean_over_all_pairs_of_lists(n_tracks, k):
    lists = [set(chosen) for chosen in itertools.combinations(range(n_tracks - 1), k)]
    overlaps = [len(a & b) / k for a in lists for b in lists]
    jaccards = [len(a & b) / len(a | b) for a in lists for b in lists]
    assert neighbor_overlap.overlap_chance(n_tracks, k=k) == pytest.approx(np.mean(overlaps))
    assert neighbor_overlap.jaccard_chance(n_tracks, k=k) == pytest.approx(np.mean(jaccards))


@pytest.mark.parametrize(("n_tracks", "depth"), [(6, 3), (5, 4), (6, 1)])
def test_rank_biased_chance_is_the_mean_over_all_rankings(n_tracks, depth):
    fixed = list(range(depth))
    values = [literal_rbo(fixed, order, 0.8) for order in itertools.permutations(range(n_tracks - 1), depth)]
    assert neighbor_overlap.rank_biased_overlap_chance(n_tracks, p=0.8, depth=depth) == pytest.approx(np.mean(values))


def test_random_matrices_are_at_chance():
    pair = random_distances(400, seed=1), random_distances(400, seed=2)
    result = neighbor_overlap.rank_biased_overlap(*pair)
    assert result.depth == 100
    assert result.overlap == pytest.approx(result.chance, abs=0.01)
    for shared in neighbor_overlap.shared_neighbors(*pair):
        assert shared.overlap == pytest.approx(shared.overlap_chance, abs=0.01)
        assert shared.jaccard == pytest.approx(shared.jaccard_chance, abs=0.01)


def test_two_tracks_can_only_agree():
    pair = random_distances(2)
    assert neighbor_overlap.overlap_at_k(pair, pair, k=1) == neighbor_overlap.jaccard_chance(2, k=1) == 1.0
    result = neighbor_overlap.rank_biased_overlap(pair, pair)
    assert (result.overlap, result.chance, result.depth) == pytest.approx((1.0, 1.0, 1))


def test_nothing_to_rank():
    alone = np.zeros((1, 1))
    assert neighbor_overlap.shared_neighbors(alone, alone, ks=()) == ()
    result = neighbor_overlap.rank_biased_overlap(alone, alone)
    assert np.isnan([result.overlap, result.chance]).all()
    assert result.depth == 0


def test_refuses():
    good = random_distances(5)
    for function in (neighbor_overlap.overlap_at_k, neighbor_overlap.rank_biased_overlap):
        with pytest.raises(ValueError, match=r"over the same tracks, got shapes \(5, 5\) and \(4, 4\)"):
            function(good, good[:4, :4])
        with pytest.raises(ValueError, match="second must be finite, got 25 NaN"):
            function(good, good * np.nan)
    for function in (neighbor_overlap.overlap_at_k, neighbor_overlap.jaccard_at_k):
        with pytest.raises(ValueError, match=r"k must be below the number of tracks \(5\), got 5"):
            function(good, good, k=5)
    with pytest.raises(ValueError, match="k must be at least 1"):
        neighbor_overlap.overlap_chance(5, k=0)
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        neighbor_overlap.rank_biased_overlap(good, good, depth=0)
    for p in (0.0, 1.0, float("nan")):
        with pytest.raises(ValueError, match=r"p must lie between 0 and 1, got"):
            neighbor_overlap.rank_biased_overlap(good, good, p=p)
