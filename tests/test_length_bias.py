"""Length bias against scipy, and on distances that are made of lengths."""

import numpy as np
import pytest
import scipy.stats

from audiosim.evaluation import hubness, length_bias, random_distances


@pytest.fixture
def lengths(rng):
    return rng.integers(100, 2000, 80)


def test_correlations_are_those_of_scipy(lengths):
    distances = random_distances(80, seed=1) + (lengths[:, None] + lengths) / 2000
    np.fill_diagonal(distances, 0)
    above = np.triu_indices(80, 1)
    result = length_bias.length_bias(distances, lengths, k=7)
    sums = (lengths[:, None] + lengths)[above]
    assert result.pairs == pytest.approx(scipy.stats.spearmanr(distances[above], sums).statistic)
    counts = hubness.occurrences(distances, k=7)
    assert result.hubs == pytest.approx(scipy.stats.spearmanr(counts, lengths).statistic)
    assert result.n_pairs == 80 * 79 // 2


def test_a_sum_of_costs_is_a_detector_of_lengths(lengths):
    """As DTW is that is not divided by the length of its path: short tracks are hubs."""
    costs = (lengths[:, None] + lengths) * (1 + 0.1 * random_distances(80, seed=1))
    np.fill_diagonal(costs, 0)
    result = length_bias.length_bias(costs, lengths)
    assert result.pairs > 0.9
    assert result.hubs < -0.6


def test_distances_that_know_nothing_of_lengths_have_no_bias():
    result = length_bias.length_bias(random_distances(400, seed=1), np.random.default_rng(2).random(400))
    assert result.pairs == pytest.approx(0, abs=0.01)
    assert result.hubs == pytest.approx(0, abs=0.15)


def test_drawn_pairs_find_the_correlation_of_all(rng):
    lengths = rng.integers(100, 2000, 300)
    distances = random_distances(300, seed=1) + (lengths[:, None] + lengths) / 4000
    np.fill_diagonal(distances, 0)
    everything = length_bias.length_bias(distances, lengths)
    drawn = length_bias.length_bias(distances, lengths, n_pairs=40_000)
    assert (everything.n_pairs, drawn.n_pairs) == (300 * 299 // 2, 40_000)
    assert drawn.pairs == pytest.approx(everything.pairs, abs=0.01)
    assert drawn.hubs == everything.hubs


def test_every_pair_of_different_tracks_is_drawn_alike():
    row, column = length_bias._pairs(5, n_pairs=9, seed=0)
    assert row.size == 9
    row, column = length_bias._pairs(200, n_pairs=19_000, seed=0)
    assert (row != column).all()
    assert (row.min(), row.max(), column.min(), column.max()) == (0, 199, 0, 199)
    # Each place is binomial with mean 95 and deviation 10.
    for places in (row, column):
        assert np.abs(np.bincount(places, minlength=200) - 95).max() < 45


def test_the_unit_of_lengths_does_not_matter(lengths):
    distances = random_distances(80, seed=1)
    assert length_bias.length_bias(distances, lengths) == length_bias.length_bias(distances, lengths * 0.25)


def test_where_lists_hold_all_there_are_no_hubs(lengths):
    result = length_bias.length_bias(random_distances(80), lengths, k=79)
    assert np.isnan(result.hubs)
    assert np.isfinite(result.pairs)


def test_equal_lengths_warn():
    with pytest.warns(UserWarning, match="must differ among tracks, got 10 pairs"):
        result = length_bias.length_bias(random_distances(5), [3.0] * 5, k=1)
    assert np.isnan([result.pairs, result.hubs]).all()


def test_refuses():
    distances = random_distances(5)
    with pytest.raises(ValueError, match=r"lengths must have shape \(5,\), one a track, got \(4,\)"):
        length_bias.length_bias(distances, [1, 2, 3, 4], k=1)
    with pytest.raises(ValueError, match="lengths must be finite, 2 of 5 are not"):
        length_bias.length_bias(distances, [1, 2, np.nan, np.inf, 3], k=1)
    with pytest.raises(ValueError, match="below the number of tracks"):
        length_bias.length_bias(distances, [1, 2, 3, 4, 5], k=5)
    with pytest.raises(ValueError, match="n_pairs must be at least 2, got 1"):
        length_bias.length_bias(distances, [1, 2, 3, 4, 5], k=1, n_pairs=1)
