"""Agreement of two matrices against scipy, literal definitions, and both ends: identical and random."""

import itertools

import numpy as np
import pytest
import scipy.stats

from audiosim.evaluation import agreement, mantel, random_distances


@pytest.fixture
def related(rng):
    """Two matrices that share part of their coordinates."""
    points = rng.standard_normal((70, 6))
    return tuple(
        np.linalg.norm(chosen[:, None] - chosen, axis=2).astype(np.float32) for chosen in (points[:, :4], points[:, 2:])
    )


def nearest_sets(distances, k):
    return [
        set(sorted((i for i in range(len(row)) if i != query), key=row.__getitem__)[:k])
        for query, row in enumerate(distances.tolist())
    ]


def test_identical_matrices_agree_completely(related):
    first, _ = related
    result = agreement.evaluate(first, first.copy(), n_permutations=99)
    assert [(n.overlap, n.jaccard) for n in result.neighbors] == [(1.0, 1.0)] * 4
    rows = result.rows
    assert [rows.mean, rows.lower_quartile, rows.median, rows.upper_quartile] == pytest.approx([1.0] * 4)
    assert result.mantel.correlation == pytest.approx(1.0)
    assert result.mantel.p_value == 0.01


def test_identical_matrices_agree_in_their_ties_too():
    coarse = np.ceil(random_distances(60, seed=3) * 3)
    assert agreement.overlap_at_k(coarse, coarse, k=5) == 1.0
    assert agreement.overlap_at_k(coarse, coarse * 2, k=5) == 1.0


@pytest.mark.parametrize("k", [1, 5, 10])
def test_neighbors_are_those_of_the_definition(related, k):
    sets = [nearest_sets(distances, k) for distances in related]
    shared = [len(a & b) for a, b in zip(*sets, strict=True)]
    united = [len(a | b) for a, b in zip(*sets, strict=True)]
    assert agreement.overlap_at_k(*related, k=k) == pytest.approx(np.mean(shared) / k)
    assert agreement.jaccard_at_k(*related, k=k) == pytest.approx(np.mean(np.divide(shared, united)))
    assert 0.05 < agreement.jaccard_at_k(*related, k=k) < 0.9


def test_random_matrices_agree_by_chance():
    result = agreement.evaluate(random_distances(400, seed=1), random_distances(400, seed=2), n_permutations=199)
    for neighbors in result.neighbors:
        assert neighbors.overlap == pytest.approx(neighbors.overlap_chance, abs=0.01)
        assert neighbors.jaccard == pytest.approx(neighbors.jaccard_chance, abs=0.01)
    assert result.rows.mean == pytest.approx(0, abs=0.01)
    assert result.rows.lower_quartile < 0 < result.rows.upper_quartile
    assert result.mantel.correlation == pytest.approx(0, abs=0.01)
    assert result.mantel.p_value > 0.05


@pytest.mark.parametrize(("n_tracks", "k"), [(5, 2), (7, 6), (6, 1)])
def test_chance_is_the_mean_over_all_pairs_of_lists(n_tracks, k):
    lists = [set(chosen) for chosen in itertools.combinations(range(n_tracks - 1), k)]
    overlaps = [len(a & b) / k for a in lists for b in lists]
    jaccards = [len(a & b) / len(a | b) for a in lists for b in lists]
    assert agreement.overlap_chance(n_tracks, k=k) == pytest.approx(np.mean(overlaps))
    assert agreement.jaccard_chance(n_tracks, k=k) == pytest.approx(np.mean(jaccards))


def test_row_correlations_are_those_of_scipy(related):
    first, second = related[0], np.round(related[1])  # with ties
    ours = agreement.row_correlations(first, second)
    for i in range(len(first)):
        expected = scipy.stats.spearmanr(np.delete(first[i], i), np.delete(second[i], i)).statistic
        assert ours[i] == pytest.approx(expected)
    summary = agreement.row_correlation(first, second)
    assert summary.mean == pytest.approx(ours.mean())
    np.testing.assert_allclose(
        (summary.lower_quartile, summary.median, summary.upper_quartile), np.percentile(ours, (25, 50, 75))
    )


def test_constant_rows_are_left_out_and_counted():
    first = random_distances(10, seed=1)
    first[3], first[:, 3] = 0.5, 0.5
    first[3, 3] = 0
    summary = agreement.row_correlation(first, random_distances(10, seed=2))
    assert summary.n_left_out == 1
    assert np.isfinite(summary.mean)


def test_mantel_is_spearman_of_the_pairs(related):
    first, second = related[0], np.round(related[1])
    above = np.triu_indices(70, 1)
    result = mantel.mantel_test(first, second, n_permutations=99)
    assert result.correlation == pytest.approx(scipy.stats.spearmanr(first[above], second[above]).statistic)
    assert result.n_pairs == 70 * 69 // 2
    assert result.p_value == 0.01


def test_mantel_p_value_is_that_of_literal_permutations():
    """Weakly related and longer than a block of rows: every permuted correlation counts."""
    n_tracks, n_permutations = 150, 60
    first = random_distances(n_tracks, seed=1)
    second = random_distances(n_tracks, seed=2) + 0.01 * first
    above = np.triu_indices(n_tracks, 1)
    observed = scipy.stats.spearmanr(first[above], second[above]).statistic
    rng = np.random.default_rng(7)
    n_reached = 0
    for _ in range(n_permutations):
        order = rng.permutation(n_tracks)
        permuted = second[np.ix_(order, order)]
        n_reached += abs(scipy.stats.spearmanr(first[above], permuted[above]).statistic) >= abs(observed)
    assert 5 < n_reached < n_permutations - 5
    result = mantel.mantel_test(first, second, n_permutations=n_permutations, seed=7)
    assert result.p_value == pytest.approx((1 + n_reached) / (1 + n_permutations))


def test_mantel_is_two_sided(related):
    first, _ = related
    opposite = first.max() - first
    np.fill_diagonal(opposite, 0)
    result = mantel.mantel_test(first, opposite, n_permutations=99)
    assert result.correlation == pytest.approx(-1.0)
    assert result.p_value == 0.01


def test_mantel_p_values_are_uniform_without_relation():
    p_values = [
        mantel.mantel_test(
            random_distances(20, seed=seed), random_distances(20, seed=1000 + seed), n_permutations=99, seed=seed
        ).p_value
        for seed in range(200)
    ]
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.07)
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.04)


def test_mantel_counts_permutations_that_change_nothing():
    """With three tracks in one line only 6 orders exist, and a third of them keep the correlation's size."""
    line = np.array([[0, 1, 1], [1, 0, 5], [1, 5, 0]], dtype=np.float32)
    result = mantel.mantel_test(line, line, n_permutations=999)
    assert result.p_value == pytest.approx(1 / 3, abs=0.05)


def test_mantel_without_permutations_has_no_p_value(related):
    result = mantel.mantel_test(*related, n_permutations=0)
    assert np.isfinite(result.correlation)
    assert np.isnan(result.p_value)


def test_two_tracks_warn_and_give_nan():
    pair = random_distances(2)
    with pytest.warns(UserWarning, match="two different distances, got 1 pairs"):
        assert np.isnan(mantel.mantel_test(pair, pair).correlation)
    with pytest.warns(UserWarning, match="none of 2 rows has different distances"):
        assert np.isnan(agreement.row_correlation(pair, pair).mean)
    assert agreement.overlap_at_k(pair, pair, k=1) == agreement.jaccard_chance(2, k=1) == 1.0


@pytest.mark.parametrize("n_tracks", [0, 1])
def test_no_pairs_warn(n_tracks):
    nothing = np.zeros((n_tracks, n_tracks), dtype=np.float32)
    with pytest.warns(UserWarning, match="got 0 pairs"):
        assert np.isnan(mantel.mantel_test(nothing, nothing).p_value)
    with pytest.warns(UserWarning, match=f"none of {n_tracks} rows"):
        assert np.isnan(agreement.row_correlation(nothing, nothing).median)


def test_refuses():
    good = random_distances(5)
    for function in (agreement.overlap_at_k, agreement.row_correlation, mantel.mantel_test):
        with pytest.raises(ValueError, match=r"over the same tracks, got shapes \(5, 5\) and \(4, 4\)"):
            function(good, good[:4, :4])
        with pytest.raises(ValueError, match="second must be finite, got 25 NaN"):
            function(good, good * np.nan)
    with pytest.raises(ValueError, match=r"k must be below the number of tracks \(5\), got 5"):
        agreement.jaccard_at_k(good, good, k=5)
    with pytest.raises(ValueError, match="k must be at least 1"):
        agreement.overlap_chance(5, k=0)
    with pytest.raises(ValueError, match="n_permutations must not be negative, got -1"):
        mantel.mantel_test(good, good, n_permutations=-1)
