"""Correlations of rows against scipy, ties and constant rows included."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from audiosim.evaluation import random_distances, row_correlation


@pytest.fixture
def related(rng):
    """Two matrices that share part of their coordinates, the second with many ties."""
    points = rng.standard_normal((70, 6))
    first, second = (np.linalg.norm(chosen[:, None] - chosen, axis=2) for chosen in (points[:, :4], points[:, 2:]))
    return first.astype(np.float32), np.round(second).astype(np.float32)


def by_scipy(function, first, second):
    return [
        function(np.delete(first[i], i), np.delete(second[i], i)).statistic
        if np.ptp(np.delete(first[i], i)) > 0 and np.ptp(np.delete(second[i], i)) > 0
        else np.nan
        for i in range(len(first))
    ]


def test_spearman_is_that_of_scipy(related):
    ours = row_correlation.row_correlations(*related)
    np.testing.assert_allclose(ours, by_scipy(scipy.stats.spearmanr, *related), atol=1e-12)
    summary = row_correlation.row_correlation(*related)
    assert summary.mean == pytest.approx(ours.mean())
    np.testing.assert_allclose(
        (summary.lower_quartile, summary.median, summary.upper_quartile), np.percentile(ours, (25, 50, 75))
    )
    assert (summary.n_rows, summary.n_left_out) == (70, 0)


@given(seed=st.integers(0, 10_000), n_tracks=st.integers(2, 70), n_values=st.sampled_from([1, 2, 3, 10, 100_000]))
def test_kendall_is_that_of_scipy(seed, n_tracks, n_values):
    """From rows without ties to rows that are all tied, and lengths around powers of two."""
    first, second = (np.ceil(random_distances(n_tracks, seed=seed + i) * n_values) for i in range(2))
    expected = by_scipy(scipy.stats.kendalltau, first, second)
    np.testing.assert_allclose(row_correlation.row_taus(first, second), expected, atol=1e-12)


def test_kendall_is_that_of_scipy_on_longer_rows(rng):
    """Longer than any block of rows is high, with one side tied."""
    points = rng.standard_normal((300, 3))
    first = np.linalg.norm(points[:, None] - points, axis=2)
    second = np.round(first + 0.3 * random_distances(300, seed=1), 1)
    np.fill_diagonal(second, 0)
    expected = by_scipy(scipy.stats.kendalltau, first, second)
    np.testing.assert_allclose(row_correlation.row_taus(first, second), expected, atol=1e-12)


def test_drawn_rows_are_rows(related):
    everything = row_correlation.row_taus(*related, n_rows=70)
    drawn = row_correlation.row_taus(*related, n_rows=20, seed=1)
    assert drawn.shape == (20,)
    assert set(drawn) <= set(everything)
    np.testing.assert_array_equal(drawn, row_correlation.row_taus(*related, n_rows=20, seed=1))
    assert list(drawn) != list(row_correlation.row_taus(*related, n_rows=20, seed=2))


def test_blocks_of_rows_change_nothing(related, monkeypatch):
    whole = row_correlation.correlate_rows(related, n_kendall_rows=33)
    monkeypatch.setattr(row_correlation, "_BLOCK_ENTRIES", 3 * 70)
    blocks = row_correlation.correlate_rows(related, n_kendall_rows=33)
    np.testing.assert_allclose(blocks[0], whole[0])
    np.testing.assert_array_equal(blocks[1], whole[1])


def test_several_matrices_at_once_are_each_pair_by_itself(related):
    matrices = [*related, random_distances(70)]
    spearman, kendall = row_correlation.correlate_rows(matrices)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        pair = matrices[first], matrices[second]
        np.testing.assert_allclose(spearman[:, first, second], row_correlation.row_correlations(*pair))
        np.testing.assert_array_equal(kendall[:, first, second], row_correlation.row_taus(*pair))


def test_opposite_orders_correlate_at_minus_one(related):
    first, _ = related
    opposite = first.max() - first
    np.fill_diagonal(opposite, 0)
    np.testing.assert_allclose(row_correlation.row_correlations(first, opposite), -1.0)
    np.testing.assert_allclose(row_correlation.row_taus(first, opposite), -1.0)


def test_constant_rows_are_left_out_and_counted():
    first = random_distances(10, seed=1)
    first[3], first[:, 3] = 0.5, 0.5
    first[3, 3] = 0
    summary = row_correlation.row_correlation(first, random_distances(10, seed=2))
    assert (summary.n_left_out, summary.n_rows) == (1, 10)
    assert np.isfinite(summary.mean)
    assert np.flatnonzero(np.isnan(row_correlation.row_taus(first, random_distances(10, seed=2)))).tolist() == [3]


@pytest.mark.parametrize("n_tracks", [0, 1, 2])
def test_too_few_tracks_warn(n_tracks):
    nothing = random_distances(n_tracks)
    with pytest.warns(UserWarning, match=f"none of {n_tracks} rows has different distances"):
        result = row_correlation.row_correlation(nothing, nothing)
    assert np.isnan(result.median)
    assert np.isnan(row_correlation.row_taus(nothing, nothing)).all()


def test_refuses():
    good = random_distances(5)
    for function in (row_correlation.row_correlation, row_correlation.row_taus):
        with pytest.raises(ValueError, match=r"over the same tracks, got shapes \(5, 5\) and \(4, 4\)"):
            function(good, good[:4, :4])
        with pytest.raises(ValueError, match="second must be finite, got 25 NaN"):
            function(good, good * np.nan)
    with pytest.raises(ValueError, match="n_rows must be at least 1, got 0"):
        row_correlation.row_taus(good, good, n_rows=0)
