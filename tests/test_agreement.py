"""All agreement figures together: both ends, and several measures at once against each pair by itself."""

from dataclasses import asdict
from itertools import combinations

import numpy as np
import pytest

from audiosim.evaluation import agreement, mantel, neighbor_overlap, random_distances, row_correlation


@pytest.fixture
def measures(rng):
    """Matrices that share part of their coordinates, one of them coarse."""
    points = rng.standard_normal((70, 6))
    result = {
        f"from {start}": np.linalg.norm(points[:, None, start:] - points[:, start:], axis=2).astype(np.float32)
        for start in range(4)
    }
    result["coarse"] = np.round(result["from 2"])
    return result


def flat(result):
    """All figures of an agreement in a row."""
    values = asdict(result)
    neighbors = [value for item in values.pop("neighbors") for value in item.values()]
    return [*neighbors, *(value for part in values.values() for value in part.values())]


def test_identical_matrices_agree_completely(measures):
    first = measures["from 0"]
    result = agreement.evaluate(first, first.copy(), n_permutations=99)
    assert [(n.overlap, n.jaccard) for n in result.neighbors] == [(1.0, 1.0)] * 4
    assert result.rbo.overlap == pytest.approx(1.0)
    for rows in (result.rows, result.kendall):
        assert [rows.mean, rows.lower_quartile, rows.median, rows.upper_quartile] == pytest.approx([1.0] * 4)
    assert result.mantel.correlation == pytest.approx(1.0)
    assert result.mantel.p_value == 0.01


def test_random_matrices_agree_by_chance():
    result = agreement.evaluate(random_distances(400, seed=1), random_distances(400, seed=2), n_permutations=199)
    for neighbors in result.neighbors:
        assert neighbors.overlap == pytest.approx(neighbors.overlap_chance, abs=0.01)
        assert neighbors.jaccard == pytest.approx(neighbors.jaccard_chance, abs=0.01)
    assert result.rbo.overlap == pytest.approx(result.rbo.chance, abs=0.01)
    for rows in (result.rows, result.kendall):
        assert rows.mean == pytest.approx(0, abs=0.01)
        assert rows.lower_quartile < 0 < rows.upper_quartile
    assert result.mantel.correlation == pytest.approx(0, abs=0.01)
    assert result.mantel.p_value > 0.05


def test_all_pairs_at_once_are_each_pair_by_itself(measures):
    together = agreement.evaluate_all(measures, ks=(1, 5), n_permutations=50, seed=4)
    assert list(together) == list(combinations(measures, 2))
    for (first, second), result in together.items():
        alone = agreement.evaluate(measures[first], measures[second], ks=(1, 5), n_permutations=50, seed=4)
        assert flat(result) == pytest.approx(flat(alone), abs=1e-7)


def test_figures_are_those_of_their_functions(measures):
    first, second = measures["from 1"], measures["coarse"]
    result = agreement.evaluate(first, second, ks=(2, 30), n_permutations=20, seed=4)
    assert result.neighbors == neighbor_overlap.shared_neighbors(first, second, ks=(2, 30), seed=4)
    assert result.rbo == neighbor_overlap.rank_biased_overlap(first, second, seed=4)
    assert result.rows == row_correlation.row_correlation(first, second)
    assert result.kendall == row_correlation.summary(row_correlation.row_taus(first, second))
    assert result.mantel == mantel.mantel_test(first, second, n_permutations=20, seed=4)


def test_a_list_longer_than_the_depth_of_rbo_leaves_it_alone(measures, monkeypatch):
    monkeypatch.setattr(agreement, "DEPTH", 10)
    pair = measures["from 0"], measures["from 3"]
    short, long = (agreement.evaluate(*pair, ks=ks, n_permutations=0).rbo for ks in ((), (40,)))
    assert short == long == neighbor_overlap.rank_biased_overlap(*pair, depth=10)


def test_threads_change_nothing(measures):
    assert agreement.evaluate_all(measures, n_permutations=30, threads=1) == agreement.evaluate_all(
        measures, n_permutations=30, threads=2
    )


@pytest.mark.parametrize("n_measures", [0, 1])
def test_one_measure_has_nobody_to_agree_with(measures, n_measures):
    assert agreement.evaluate_all(dict(list(measures.items())[:n_measures])) == {}


@pytest.mark.parametrize("n_tracks", [1, 2])
def test_too_few_tracks_warn(n_tracks):
    nothing = random_distances(n_tracks)
    with (
        pytest.warns(UserWarning, match=f"none of {n_tracks} rows"),
        pytest.warns(UserWarning, match="two different distances"),
    ):
        result = agreement.evaluate(nothing, nothing, ks=())
    assert np.isnan([result.rows.mean, result.kendall.mean, result.mantel.correlation]).all()


def test_refuses():
    good = random_distances(5)
    with pytest.raises(ValueError, match=r"over the same tracks, got shapes \(5, 5\) and \(4, 4\)"):
        agreement.evaluate(good, good[:4, :4])
    with pytest.raises(ValueError, match=r"over the same tracks, got \{'a': \(5, 5\), 'b': \(4, 4\)\}"):
        agreement.evaluate_all({"a": good, "b": good[:4, :4]})
    with pytest.raises(ValueError, match="measure b must be finite, got 25 NaN"):
        agreement.evaluate_all({"a": good, "b": good * np.nan})
    with pytest.raises(ValueError, match=r"k must be below the number of tracks \(5\), got 5"):
        agreement.evaluate(good, good, ks=(1, 5))
    with pytest.raises(ValueError, match="n_permutations must not be negative"):
        agreement.evaluate(good, good, ks=(1,), n_permutations=-1)
