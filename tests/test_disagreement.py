"""The biggest disagreements against a literal search, and the limits on directions and tracks."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.evaluation import disagreement, random_distances
from audiosim.evaluation.disagreement import biggest_disagreements


def literal_percentiles(distances):
    """Share of the other pairs that are nearer, in percent, by pair."""
    n_tracks = len(distances)
    pairs = {(i, j): float(distances[i, j]) for i in range(n_tracks) for j in range(i + 1, n_tracks)}
    return {
        pair: 100 * sum(other < value for other in pairs.values()) / max(len(pairs) - 1, 1)
        for pair, value in pairs.items()
    }


def check_greedy(first, second, result, *, n, per_track):
    """Assert that no pair was passed over but for the limits, the largest difference coming first."""
    before, after = literal_percentiles(first), literal_percentiles(second)
    differences = {pair: after[pair] - before[pair] for pair in before}
    chosen = {(item.row, item.other): item for item in result}
    for pair, item in chosen.items():
        assert (item.first_percentile, item.second_percentile) == pytest.approx((before[pair], after[pair]))
    sizes = [abs(differences[pair]) for pair in chosen]
    assert sizes == pytest.approx(sorted(sizes, reverse=True))
    limits = {True: n - n // 2, False: n // 2}
    assert all(sum((differences[pair] > 0) == side for pair in chosen) <= limit for side, limit in limits.items())
    for pair, difference in differences.items():
        if pair in chosen or difference == 0:
            continue
        larger = [other for other in chosen if abs(differences[other]) >= abs(difference) - 1e-9]
        n_side = sum((differences[other] > 0) == (difference > 0) for other in larger)
        counts = Counter(track for other in larger for track in other)
        assert n_side == limits[difference > 0] or max(counts[track] for track in pair) >= per_track, pair


@given(
    seed=st.integers(0, 10_000),
    n_tracks=st.integers(2, 14),
    n=st.integers(1, 12),
    per_track=st.integers(1, 4),
    n_values=st.sampled_from([2, 5, 1_000_000]),
)
def test_no_larger_disagreement_is_passed_over(seed, n_tracks, n, per_track, n_values):
    first, second = (np.ceil(random_distances(n_tracks, seed=seed + i) * n_values) for i in range(2))
    result = biggest_disagreements(first, second, n=n, per_track=per_track, seed=seed)
    check_greedy(first, second, result, n=n, per_track=per_track)


def test_half_of_the_list_is_near_in_each():
    result = biggest_disagreements(random_distances(100, seed=1), random_distances(100, seed=2))
    assert len(result) == 20
    assert sum(pair.first_percentile < pair.second_percentile for pair in result) == 10
    assert max(Counter(track for pair in result for track in (pair.row, pair.other)).values()) <= 2
    assert all(abs(pair.first_percentile - pair.second_percentile) > 90 for pair in result)


def test_sorting_little_at_a_time_changes_nothing(monkeypatch):
    """One track that is odd in all its pairs fills the head of the list, so that more must be sorted."""
    first, second = (np.ceil(random_distances(60, seed=seed) * 50) for seed in (1, 2))
    first[7], first[:, 7] = 99, 99
    second[7], second[:, 7] = 0.5, 0.5
    first[7, 7] = second[7, 7] = 0
    whole = biggest_disagreements(first, second, n=30)
    monkeypatch.setattr(disagreement, "_N_SORTED", 2)
    monkeypatch.setattr(disagreement, "_GROWTH", 3)
    parts = biggest_disagreements(first, second, n=30)
    check_greedy(first, second, parts, n=30, per_track=2)
    sizes = [[abs(pair.first_percentile - pair.second_percentile) for pair in result] for result in (whole, parts)]
    assert sizes[0][:5] == pytest.approx(sizes[1][:5])
    assert sum(7 in (pair.row, pair.other) for pair in parts) == 2


def test_identical_measures_do_not_disagree():
    distances = random_distances(30)
    assert biggest_disagreements(distances, distances) == ()
    assert biggest_disagreements(distances, 2 * distances) == ()
    assert biggest_disagreements(np.zeros((1, 1)), np.zeros((1, 1))) == ()


def test_where_all_differ_one_way_only_half_the_list_is_found():
    """All pairs of a constant matrix are equal, none nearer than another."""
    constant = 1.0 - np.eye(60)
    result = biggest_disagreements(random_distances(60), constant)
    assert len(result) == 10
    assert all(pair.second_percentile == 0 for pair in result)


def test_equal_differences_are_chosen_by_the_seed():
    """Of two levels each, a quarter of all pairs differs as much as any can."""
    first, second = (np.ceil(random_distances(60, seed=seed) * 2) for seed in (1, 2))
    results = [biggest_disagreements(first, second, seed=seed) for seed in (1, 1, 2)]
    assert results[0] == results[1] != results[2]
    assert np.mean([pair.row for pair in results[0]]) > 5


@pytest.mark.parametrize("n_tracks", [2, 3, 17, 5000, 100_000])
def test_places_in_the_triangle_are_found_again(n_tracks):
    """Also in the first and the last place of a row, where a rounded root would name the next one."""
    for row in {0, 1, n_tracks // 2, n_tracks - 3, n_tracks - 2}:
        if not 0 <= row <= n_tracks - 2:
            continue
        start = row * (2 * n_tracks - row - 1) // 2
        assert disagreement._tracks(start, n_tracks) == (row, row + 1)
        assert disagreement._tracks(start + n_tracks - row - 2, n_tracks) == (row, n_tracks - 1)


def test_one_reference_for_several_measures():
    reference = random_distances(40, seed=9)
    others = {name: random_distances(40, seed=seed) for seed, name in enumerate("abc")}
    results = disagreement.disagreements_with(reference, others, n=6, per_track=1, seed=5)
    assert list(results) == list(others)
    for name, distances in others.items():
        assert results[name] == biggest_disagreements(distances, reference, n=6, per_track=1, seed=5)


def test_refuses():
    good = random_distances(5)
    with pytest.raises(ValueError, match=r"over the same tracks, got shapes \(5, 5\) and \(4, 4\)"):
        biggest_disagreements(good, good[:4, :4])
    with pytest.raises(
        ValueError, match=r"measure b must be over the same tracks as the reference, got shapes \(4, 4\)"
    ):
        disagreement.disagreements_with(good, {"b": good[:4, :4]})
    with pytest.raises(ValueError, match="measure b must be finite"):
        disagreement.disagreements_with(good, {"b": good * np.nan})
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        biggest_disagreements(good, good, n=0)
    with pytest.raises(ValueError, match="per_track must be at least 1, got 0"):
        disagreement.disagreements_with(good, {}, per_track=0)
