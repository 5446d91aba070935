"""Local alignment and paths in a corridor: against literal definitions, and how chance is judged."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.alignment import local
from audiosim.alignment.local import Chance
from audiosim_kernels import paths
from audiosim_kernels.corridor import path_within
from audiosim_kernels.local_alignment import best_path, islands, rarities

PENALTY = 0.75
sizes = st.integers(1, 12)
seeds = st.integers(0, 10_000)


def random_scores(seed, n, m):
    """Few values, so that many totals tie; sums of them are exact."""
    rng = np.random.default_rng(seed)
    scores = rng.choice([-2.0, -1.0, -0.5, 0.5, 1.5], size=(n, m)).astype(np.float32)
    scores[rng.random((n, m)) < 0.1] = -np.inf
    return scores


def literal_totals(scores):
    """Highest total of a path that ends at a cell, and where it began; by cell."""
    totals, homes = {}, {}
    for i, row in enumerate(scores.tolist()):
        for j, score in enumerate(row):
            ways = [(0.0, (i, j))]
            for step, price in (((1, 1), 0.0), ((1, 2), PENALTY), ((2, 1), PENALTY)):
                cell = i - step[0], j - step[1]
                if totals.get(cell, 0.0) > 0.0:
                    ways.append((totals[cell] - price, homes[cell]))
            before, home = max(ways, key=lambda way: way[0])
            totals[i, j], homes[i, j] = max(0.0, before + score), home
    return totals, homes


# --- rarities


@given(seed=seeds, n=sizes, m=sizes)
def test_rarities_are_shares_of_rows_and_columns(seed, n, m):
    """Costs lie in the middle of bins, a few of them in the same."""
    rng = np.random.default_rng(seed)
    costs = ((rng.integers(0, 20, (n, m)) * 50 + 0.5) / 1_024) ** 2

    def share(cost, among):
        return (sum(c < cost for c in among) + 0.5 * sum(c == cost for c in among) + 0.5) / (len(among) + 1)

    expected = [
        [-0.5 * math.log(share(costs[i, j], costs[i]) * share(costs[i, j], costs[:, j])) for j in range(m)]
        for i in range(n)
    ]
    np.testing.assert_allclose(rarities(costs.astype(np.float32)), expected, atol=1e-5)


def test_rarities_of_unrelated_frames_are_1_in_the_mean(rng):
    np.testing.assert_allclose(rarities(rng.random((400, 300), dtype=np.float32)).mean(), 1.0, atol=0.02)


def test_rarities_are_the_same_the_other_way_round_and_out_of_bounds_is_the_bound(rng):
    costs = rng.random((30, 50), dtype=np.float32) * 1.4 - 0.2
    np.testing.assert_array_equal(rarities(costs).T, rarities(costs.T))
    np.testing.assert_array_equal(rarities(costs), rarities(np.clip(costs, 0.0, 1.0)))


# --- islands and the best path


@given(seed=seeds, n=sizes, m=sizes)
def test_islands_and_the_best_path_are_those_of_the_definition(seed, n, m):
    scores = random_scores(seed, n, m)
    totals, homes = literal_totals(scores)
    peaks = {}
    for cell, total in totals.items():
        if total > 0.0:
            peaks[homes[cell]] = max(peaks.get(homes[cell], 0.0), total)
    found = islands(scores, penalty=PENALTY)
    # Among ways that tie, which one counts decides whose island a cell is; the highest total does not depend on it.
    assert max(found, default=0.0) == max(peaks.values(), default=0.0)
    assert (found > 0.0).all()
    total, path = best_path(scores, penalty=PENALTY)
    assert total == max(totals.values())
    if not total:
        assert path.shape == (0, 2)
        return
    steps = set(map(tuple, np.diff(path, axis=0).tolist()))
    assert steps <= {(1, 1), (1, 2), (2, 1)}
    n_uneven = sum(tuple(step) != (1, 1) for step in np.diff(path, axis=0).tolist())
    assert float(scores[path[:, 0], path[:, 1]].sum()) - PENALTY * n_uneven == total


@given(seed=seeds, n=sizes, m=sizes)
def test_islands_without_ties_are_those_of_the_definition(seed, n, m):
    scores = np.random.default_rng(seed).normal(-0.3, 1.0, (n, m)).astype(np.float32)
    totals, homes = literal_totals(scores)
    peaks = {}
    for cell, total in totals.items():
        if total > 1e-4:
            peaks[homes[cell]] = max(peaks.get(homes[cell], 0.0), total)
    found = islands(scores, penalty=PENALTY)
    np.testing.assert_allclose(np.sort(found[found > 1e-4]), np.sort(list(peaks.values())), rtol=1e-4)


def test_there_may_be_more_islands_than_were_foreseen():
    scores = np.full((101, 101), -9.0, np.float32)
    scores[::2, ::2] = 1.0
    np.testing.assert_array_equal(islands(scores, penalty=0.0), np.ones(51 * 51))


def test_no_path_passes_where_none_may():
    scores = np.ones((9, 9), np.float32)
    scores[4] = scores[:, 4] = -np.inf
    scores[5] = -np.inf  # two rows: no step leads across
    total, path = best_path(scores, penalty=PENALTY)
    assert total == 4.0
    assert path[:, 0].max() < 4 or path[:, 0].min() > 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rarities(np.zeros((0, 3), np.float32)), "costs must have shape (n_rows >= 1, n_columns >= 1)"),
        (lambda: rarities(np.full((2, 2), np.nan, np.float32)), "costs must be numbers, got NaN"),
        (lambda: islands(np.zeros(3, np.float32), penalty=1.0), "scores must have shape"),
        (lambda: best_path(np.zeros((2, 2), np.float32), penalty=-1.0), "penalty must be at least 0, got -1.0"),
        (lambda: islands(np.zeros((2, 2), np.float32), penalty=np.nan), "penalty must be at least 0, got nan"),
    ],
)  # fmt: skip
def test_what_is_no_matrix_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


# --- paths in a corridor


def corridor(seed, n, m):
    """A random one, as `path_within` wants it."""
    rng = np.random.default_rng(seed)
    first = np.sort(rng.integers(0, m, n))
    stop = np.sort(rng.integers(1, m + 1, n))
    first[0], stop[-1] = 0, m
    stop = np.maximum(stop, first + 1)
    stop[:-1] = np.maximum(stop[:-1], first[1:])
    return first, np.maximum.accumulate(stop)


def literal_cost(x, y, first, stop):
    """Cost of the cheapest path inside."""
    costs = {}
    for i, (begin, end) in enumerate(zip(first.tolist(), stop.tolist(), strict=True)):
        for j in range(begin, end):
            before = [costs[cell] for cell in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if cell in costs]
            costs[i, j] = math.dist(x[i], y[j]) + (min(before, default=math.inf) if (i, j) != (0, 0) else 0.0)
    return costs[len(x) - 1, len(y) - 1]


@given(seed=seeds, n=sizes, m=sizes)
def test_paths_in_a_corridor_are_the_cheapest_there(seed, n, m):
    x, y = (np.random.default_rng([seed, k]).standard_normal((size, 3)) for k, size in enumerate((n, m)))
    first, stop = corridor(seed, n, m)
    path = path_within(x, y, first, stop)
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [n - 1, m - 1]
    assert set(map(tuple, np.diff(path, axis=0).tolist())) <= {(0, 1), (1, 0), (1, 1)}
    assert ((first[path[:, 0]] <= path[:, 1]) & (path[:, 1] < stop[path[:, 0]])).all()
    cost = sum(math.dist(x[i], y[j]) for i, j in path.tolist())
    np.testing.assert_allclose(cost, literal_cost(x, y, first, stop), rtol=1e-5)


@given(seed=seeds, n=sizes, m=sizes)
def test_a_corridor_of_everything_gives_the_path_of_the_whole_matrix(seed, n, m):
    """Whole numbers of one dimension, of which many sums tie."""
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(-2, 3, (size, 1)).astype(np.float32) for size in (n, m))
    expected = paths.warping_path(x, y, step_pattern="symmetric1", device="cpu").path
    np.testing.assert_array_equal(path_within(x, y, np.zeros(n, int), np.full(n, m)), expected)


@pytest.mark.parametrize(
    ("a", "first", "stop", "message"),
    [
        (np.ones((3, 1)), [0, 1, 1], [2, 2, 3], "a and b must have the same n_dims, got 1 and 2"),
        (np.ones((0, 2)), [], [], "a must have shape (n_frames >= 1, n_dims >= 1), got (0, 2)"),
        (np.full((3, 2), np.nan), [0, 0, 0], [3, 3, 3], "a must be finite"),
        (np.ones((3, 2)), [0, 0], [3, 3], "first and stop must have shape (3,), got (2,) and (2,)"),
        (np.ones((3, 2)), [1, 1, 1], [3, 3, 3], "must reach from column 0 to 2, got 1 to 2"),
        (np.ones((3, 2)), [0, 0, 0], [1, 1, 2], "must reach from column 0 to 2, got 0 to 1"),
        (np.ones((3, 2)), [0, 2, 2], [1, 3, 3], "every row must touch the one before it"),
        (np.ones((3, 2)), [0, 1, 0], [3, 3, 3], "first and stop must never decrease"),
    ],
)
def test_what_is_no_corridor_is_refused(a, first, stop, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        path_within(a, np.ones((3, 2)), first, stop)


# --- chance


@given(seed=seeds)
def test_the_spread_of_chance_totals_is_found(seed):
    """Islands of an exponential spread, of which as many are predicted above a height as are to be expected."""
    decay, height = 0.25, 60.0
    chance = Chance.of(np.random.default_rng(seed).exponential(1.0 / decay, 5_000))
    assert chance.n_above == 40
    np.testing.assert_allclose(chance.decay, decay, rtol=0.4)
    np.testing.assert_allclose(-chance.significance(height), math.log(5_000) - decay * height, atol=5.0)


def test_few_islands_move_what_is_usual_a_little():
    peaks = np.array([3.0, 9.0, 1.0, 5.0], np.float32)
    chance = Chance.of(peaks)
    assert (chance.floor, chance.n_above) == (1.0, 3)
    np.testing.assert_allclose(chance.decay, (3 + 10) / ((2.0 + 8.0 + 4.0) + 10 / 0.25))
    np.testing.assert_allclose(chance.significance(51.0), 50.0 * chance.decay - math.log(4))


def test_without_islands_what_is_usual_is_assumed():
    for peaks in (np.empty(0, np.float32), np.ones(1, np.float32), np.full(50, 0.5, np.float32)):
        chance = Chance.of(peaks)
        assert chance.n_above == 0
        np.testing.assert_allclose(chance.decay, Chance.of(np.empty(0)).decay)


def test_keys_are_found_where_a_passage_is_and_not_where_the_mean_is(rng):
    """A third of B is A, three semitones up; the rest is in another key."""
    a = local.smoothed(np.eye(12)[rng.choice([0, 2, 4, 5, 7, 9, 11], 60).repeat(4)], frame_rate=4.0, rate=2.0)
    other = local.smoothed(np.eye(12)[rng.choice([1, 3, 6, 8, 10], 80).repeat(4)], frame_rate=4.0, rate=2.0)
    b = np.concatenate([other, np.roll(a[20:90], 3, axis=1), other])
    assert local.likely_transpositions(a, b)[0] == 3
    assert local.likely_transpositions(b, a)[0] == 9


def test_the_rate_falls_where_tracks_are_long():
    assert local.comparison_rate(600.0, 600.0) == local.RATE
    rate = local.comparison_rate(7_200.0, 7_200.0)
    assert rate < 1.0
    np.testing.assert_allclose((7_200.0 * rate) ** 2, local.MAX_CELLS)


def test_silence_is_far_from_everything_and_from_silence():
    sound = np.repeat(np.eye(12)[[0, 7]], 20, axis=0)
    frames = local.smoothed(np.concatenate([sound, np.zeros((40, 12))]), frame_rate=20.0, rate=5.0)
    assert (np.linalg.norm(frames[:10], axis=1) > 0.99).all()
    assert not frames[-9:].any()
    costs = local.costs_of(frames, frames)
    np.testing.assert_array_equal(costs[-9:], 1.0)
    np.testing.assert_allclose(np.diag(costs)[:10], 0.0, atol=1e-6)


@pytest.mark.parametrize("semitones", [1, 5, 11])
def test_costs_are_taken_in_the_key_of_a(semitones):
    frames = local.smoothed(np.repeat(np.eye(12)[[0, 7, 2]], 20, axis=0), frame_rate=20.0, rate=5.0)
    costs = local.costs_of(frames, np.roll(frames, semitones, axis=1), semitones=semitones)
    np.testing.assert_allclose(np.diag(costs), 0.0, atol=1e-6)
