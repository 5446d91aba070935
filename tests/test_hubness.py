"""Hubness against its definition, scipy's skewness and what high dimension is known to do."""

import numpy as np
import pytest
import scipy.stats

from audiosim.evaluation import hubness, random_distances
from audiosim.evaluation.ranking import nearest_lists


def gaussian(rng, *, n_tracks, n_dims):
    points = rng.standard_normal((n_tracks, n_dims))
    squares = (points**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0))
    np.fill_diagonal(distances, 0)
    return distances.astype(np.float32)


def star(n_tracks):
    """Track 0 is nearer to all than any other."""
    distances = 2.0 - np.triu(np.random.default_rng(0).random((n_tracks, n_tracks)) / 10, 1)
    distances = np.minimum(distances, distances.T)
    distances[0], distances[:, 0] = 1.0, 1.0
    np.fill_diagonal(distances, 0)
    return distances


def test_occurrences_are_those_of_the_definition(rng):
    distances = gaussian(rng, n_tracks=40, n_dims=5)
    expected = np.zeros(40, dtype=np.int64)
    for query in range(40):
        others = sorted((float(distances[query, i]), i) for i in range(40) if i != query)
        for _, i in others[:7]:
            expected[i] += 1
    np.testing.assert_array_equal(hubness.occurrences(distances, k=7), expected)


def test_skewness_is_that_of_scipy_over_all_tracks(rng):
    distances = gaussian(rng, n_tracks=300, n_dims=30)
    counts = hubness.occurrences(distances, k=10)
    result = hubness.hubness(distances, k=10)
    assert (counts == 0).any()
    assert result.skewness == pytest.approx(scipy.stats.skew(counts))
    assert result.largest_share == counts.max() / 10
    assert result.orphan_share == np.mean(counts == 0)


def test_gini_is_the_mean_difference_of_two_tracks(rng):
    counts = hubness.occurrences(gaussian(rng, n_tracks=90, n_dims=30), k=6)
    literal = np.mean([abs(int(a) - int(b)) for a in counts for b in counts]) / (2 * counts.mean())
    result = hubness.hubness(gaussian(np.random.default_rng(20261121), n_tracks=90, n_dims=30), k=6)
    assert result.gini == pytest.approx(literal)
    assert 0.2 < result.gini < 0.9


def test_histogram_counts_tracks_by_their_lists(rng):
    lists = nearest_lists(gaussian(rng, n_tracks=90, n_dims=30), k=8)
    counts = hubness.occurrences_in(lists[:, :5])
    histogram = hubness.histogram(lists, k=5)
    assert histogram == tuple(int(np.sum(counts == n)) for n in range(counts.max() + 1))
    assert sum(histogram) == 90
    assert histogram[0] / 90 == pytest.approx(1 - hubness.from_lists(lists, ks=[5])[0].coverage)
    with pytest.raises(ValueError, match=r"k must lie in 1 .. 8, the length of the lists, got 9"):
        hubness.histogram(lists, k=9)


def test_one_hub():
    result = hubness.hubness(star(50), k=1)
    counts = [49, 1] + [0] * 48
    assert result.largest_share == 49
    assert result.orphan_share == 48 / 50
    assert result.skewness == pytest.approx(scipy.stats.skew(counts))
    assert result.coverage == pytest.approx(2 / 50)
    # The mean difference of two counts: 49 or 1 against 0, 48 times, and against one another.
    assert result.gini == pytest.approx((48 * 49 + 48 + 48) / (50 * 50))


def test_high_dimension_has_hubs_and_random_distances_have_none(rng):
    assert hubness.hubness(gaussian(rng, n_tracks=500, n_dims=200), k=10).skewness > 3
    control = hubness.hubness(random_distances(500), k=10)
    assert abs(control.skewness) < 0.7
    assert control.orphan_share < 0.01


def test_rank_keeping_scaling_changes_nothing(rng):
    distances = gaussian(rng, n_tracks=60, n_dims=20)
    assert hubness.hubness(distances, k=5) == hubness.hubness(2 * distances, k=5)


def test_several_k_at_once(rng):
    distances = gaussian(rng, n_tracks=60, n_dims=20)
    assert hubness.evaluate(distances, ks=(10, 3)) == (
        hubness.hubness(distances, k=10),
        hubness.hubness(distances, k=3),
    )


def test_all_ties_make_no_hub():
    result = hubness.hubness((1.0 - np.eye(300)).astype(np.float32), k=10)
    assert result.skewness < 1
    assert result.largest_share < 3


def test_two_tracks_are_even():
    result = hubness.hubness(np.array([[0.0, 1.0], [1.0, 0.0]]), k=1)
    assert (result.skewness, result.largest_share, result.orphan_share, result.gini) == (0.0, 1.0, 0.0, 0.0)


def test_lists_made_before_count_alike(rng):
    distances = gaussian(rng, n_tracks=60, n_dims=20)
    lists = nearest_lists(distances, k=12)
    assert hubness.from_lists(lists, ks=(5, 10, 60)) == hubness.evaluate(distances, ks=(5, 10))
    with pytest.raises(ValueError, match=r"k must lie in 1 .. 12, the length of the lists, got 13"):
        hubness.from_lists(lists, ks=[13])


def test_lists_that_end_early_count_what_they_hold():
    (result,) = hubness.from_lists(np.array([[1, 2], [2, -1], [-1, -1]]), ks=[2])
    assert (result.largest_share, result.orphan_share) == (1.0, 1 / 3)


@pytest.mark.parametrize(("k", "text"), [(0, "at least 1, got 0"), (4, r"below the number of tracks \(4\), got 4")])
def test_refuses_list_lengths(k, text):
    distances = random_distances(4)
    with pytest.raises(ValueError, match=text):
        hubness.hubness(distances, k=k)
    with pytest.raises(ValueError, match=text):
        hubness.evaluate(distances, ks=(2, k))


def test_refuses_nan_and_warns_on_nothing():
    distances = random_distances(4)
    distances[1, 2] = np.nan
    with pytest.raises(ValueError, match="got 1 NaN"):
        hubness.occurrences(distances, k=1)
    with pytest.warns(UserWarning, match="hubness is empty"):
        assert hubness.evaluate(np.empty((0, 0))) == ()
