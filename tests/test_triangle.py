"""The share of broken triangles against its definition, for all triples and for drawn ones."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.evaluation import random_distances, triangle


def literal(distances):
    """Share and mean excess over all ordered triples, each of which stands for itself and its mirror image."""
    rows = distances.tolist()
    excesses, n_triples = [], 0
    for i, j, k in permutations(range(len(rows)), 3):
        direct, detour = rows[i][j], rows[i][k] + rows[k][j]
        n_triples += 1
        if direct > detour * (1 + 1e-6):
            excesses.append((direct - detour) / direct)
    return len(excesses) / n_triples, float(np.mean(excesses)) if excesses else 0.0


@given(seed=st.integers(0, 10_000), n_tracks=st.integers(3, 12))
def test_all_triples_are_those_of_the_definition(seed, n_tracks):
    distances = random_distances(n_tracks, seed=seed) ** 2
    result = triangle.triangle_violations(distances)
    assert (result.share, result.mean_excess) == pytest.approx(literal(distances.astype(np.float64)))
    assert result.n_triples == n_tracks * (n_tracks - 1) * (n_tracks - 2) // 2


def test_drawn_triples_find_the_share_of_all():
    distances = random_distances(70, seed=1) ** 2
    everything = triangle.triangle_violations(distances)
    drawn = triangle.triangle_violations(distances, n_triples=100_000)
    assert (everything.n_triples, drawn.n_triples) == (70 * 69 * 68 // 2, 100_000)
    assert drawn.share == pytest.approx(everything.share, abs=0.005)
    assert drawn.mean_excess == pytest.approx(everything.mean_excess, abs=0.005)


def test_every_triple_of_different_tracks_is_drawn_alike():
    """Each pair has a distance of its own, a power of two, so that sums tell which triple was drawn."""
    n_tracks = 5
    distances = np.zeros((n_tracks, n_tracks))
    distances[np.triu_indices(n_tracks, 1)] = 2.0 ** np.arange(10)
    distances += distances.T
    drawn = Counter()
    for direct, detour in triangle._drawn_triples(distances, n_triples=30_000, seed=0):
        drawn.update(zip(direct.tolist(), detour.tolist(), strict=True))
    expected = {(distances[i, j], distances[i, k] + distances[k, j]) for i, j, k in permutations(range(n_tracks), 3)}
    assert set(drawn) == expected
    assert len(expected) == 30
    # Each is binomial with mean 1000 and deviation 31.
    assert all(abs(count - 1000) < 150 for count in drawn.values())


def test_a_metric_has_no_violations(rng):
    """On a line every third distance is a sum of two, which rounding to float32 must not turn into a violation."""
    points = rng.standard_normal(80)
    line = np.abs(points[:, None] - points).astype(np.float32)
    assert triangle.triangle_violations(line) == triangle.TriangleViolations(0.0, 0.0, 80 * 79 * 78 // 2)


def test_negative_distances_have_bounded_excess():
    """Some rescalings give negative distances, and detours below 0."""
    distances = random_distances(30, seed=1) - 0.5
    np.fill_diagonal(distances, 0)
    result = triangle.triangle_violations(distances)
    assert 0 < result.share < 1
    assert 0 < result.mean_excess <= 2


def test_same_seed_same_draw():
    distances = random_distances(40, seed=1) ** 2
    results = [triangle.triangle_violations(distances, n_triples=5000, seed=seed) for seed in (1, 1, 2)]
    assert results[0] == results[1] != results[2]


@pytest.mark.parametrize("n_tracks", [0, 1, 2])
def test_two_tracks_make_no_triangle(n_tracks):
    with pytest.warns(UserWarning, match=f"takes 3 tracks, got {n_tracks}"):
        result = triangle.triangle_violations(random_distances(n_tracks))
    assert np.isnan([result.share, result.mean_excess]).all()
    assert result.n_triples == 0


def test_refuses():
    with pytest.raises(ValueError, match="must be symmetric"):
        triangle.triangle_violations(np.triu(random_distances(4)))
    with pytest.raises(ValueError, match="n_triples must be at least 1, got 0"):
        triangle.triangle_violations(random_distances(4), n_triples=0)
