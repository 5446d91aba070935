"""Health is its parts, from one ranking, and silent where there are too few tracks."""

import numpy as np
import pytest

from audiosim.evaluation import hubness, random_distances
from audiosim.evaluation.health import Health, health
from audiosim.evaluation.length_bias import length_bias
from audiosim.evaluation.triangle import triangle_violations


def test_health_is_its_parts(rng):
    distances = random_distances(80, seed=1) ** 2
    lengths = rng.integers(100, 2000, 80)
    result = health(distances, lengths=lengths, ks=(3, 12, 200), n_triples=5000, seed=2)
    assert result.hubness == hubness.evaluate(distances, ks=(3, 12), seed=2)
    assert result.triangle == triangle_violations(distances, n_triples=5000, seed=2)
    assert result.length_bias == length_bias(distances, lengths, k=12, seed=2)
    counts = hubness.occurrences(distances, k=12, seed=2)
    assert [int(np.sum(counts == n)) for n in range(counts.max() + 1)] == list(result.occurrences)


def test_without_lengths_there_is_no_length_bias():
    distances = random_distances(20)
    assert health(distances).length_bias is None
    assert health(distances, lengths=np.full(20, 7)).length_bias is None


@pytest.mark.parametrize("n_tracks", [0, 1, 2])
def test_too_few_tracks_are_no_warning(n_tracks):
    result = health(random_distances(n_tracks), lengths=np.arange(n_tracks))
    assert (result.hubness, result.length_bias, result.occurrences) == ((), None, ())
    assert np.isnan(result.triangle.share)


def test_three_tracks():
    line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    result = health(line, lengths=[1, 2, 3], ks=(2, 5))
    assert isinstance(result, Health)
    assert result.occurrences == (0, 0, 3)
    assert np.isnan(result.length_bias.hubs)


def test_refuses():
    distances = random_distances(5)
    with pytest.raises(ValueError, match=r"lengths must have shape \(5,\)"):
        health(distances, lengths=[1, 2])
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        health(distances, ks=(0,))
    with pytest.raises(ValueError, match="distances must be finite"):
        health(distances * np.nan)
