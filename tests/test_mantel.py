"""The Mantel test against scipy and literal permutations."""

import numpy as np
import pytest
import scipy.stats

from audiosim.evaluation import mantel, random_distances


@pytest.fixture
def related(rng):
    """Two matrices that share part of their coordinates."""
    points = rng.standard_normal((70, 6))
    return tuple(
        np.linalg.norm(chosen[:, None] - chosen, axis=2).astype(np.float32) for chosen in (points[:, :4], points[:, 2:])
    )


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


@pytest.mark.parametrize("n_matrices", [2, 3, 7, 8, 9])
def test_all_pairs_at_once_are_each_pair_by_itself(n_matrices):
    """Up to eight matrices stand in one fetch, and more in two; places that are filled up count for nothing."""
    shared = random_distances(40, seed=99)
    matrices = [random_distances(40, seed=seed) + 0.1 * seed * shared for seed in range(n_matrices)]
    together = mantel.correlate_pairs(matrices, n_permutations=50, seed=3)
    assert len(together) == n_matrices * (n_matrices - 1) // 2
    for (first, second), result in together.items():
        alone = mantel.mantel_test(matrices[first], matrices[second], n_permutations=50, seed=3)
        assert result.correlation == pytest.approx(alone.correlation, abs=1e-7)
        assert result.p_value == alone.p_value


@pytest.mark.parametrize("block_entries", [1, 4 * 70, 16 * 70, 33 * 70])
def test_blocks_of_rows_change_nothing(related, monkeypatch, block_entries):
    whole = mantel.mantel_test(*related, n_permutations=30)
    monkeypatch.setattr(mantel, "_BLOCK_ENTRIES", block_entries)
    blocks = mantel.mantel_test(*related, n_permutations=30)
    assert blocks.correlation == pytest.approx(whole.correlation, abs=1e-7)
    assert blocks.p_value == whole.p_value


def test_threads_change_nothing(related):
    results = [mantel.mantel_test(*related, n_permutations=60, threads=threads) for threads in (0, 1, 3)]
    assert results[0] == results[1] == results[2]


def test_a_constant_matrix_spoils_no_other(related):
    first, second = related
    constant = np.ones_like(first) - np.eye(len(first), dtype=np.float32)
    together = mantel.correlate_pairs([first, constant, second], n_permutations=20)
    assert np.isnan(together[0, 1].correlation)
    assert np.isnan(together[1, 2].p_value)
    assert together[0, 2] == mantel.mantel_test(first, second, n_permutations=20)


@pytest.mark.parametrize("n_tracks", [0, 1, 2])
def test_too_few_pairs_warn(n_tracks):
    nothing = np.zeros((n_tracks, n_tracks), dtype=np.float32)
    with pytest.warns(UserWarning, match=f"two different distances, got {n_tracks // 2} pairs"):
        result = mantel.mantel_test(nothing, nothing)
    assert np.isnan(result.correlation)
    assert np.isnan(result.p_value)


def test_refuses():
    good = random_distances(5)
    with pytest.raises(ValueError, match=r"over the same tracks, got shapes \(5, 5\) and \(4, 4\)"):
        mantel.mantel_test(good, good[:4, :4])
    with pytest.raises(ValueError, match="second must be finite, got 25 NaN"):
        mantel.mantel_test(good, good * np.nan)
    with pytest.raises(ValueError, match="n_permutations must not be negative, got -1"):
        mantel.mantel_test(good, good, n_permutations=-1)
    with pytest.raises(ValueError, match="threads must not be negative, got -2"):
        mantel.mantel_test(good, good, threads=-2)
