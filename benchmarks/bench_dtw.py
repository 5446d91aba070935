"""Rates of the public DTW functions on this machine, by pytest-benchmark:

    pytest benchmarks/bench_dtw.py --benchmark-enable

For ours beside other libraries there is `audiosim bench dtw`. Frames are random: the time does not depend on them.
"""

import numpy as np
import pytest

from audiosim_kernels import Ragged, dtw

N_DIMS = 20


@pytest.fixture(scope="module")
def songs_of():
    rng = np.random.default_rng(20261121)
    return lambda lengths: Ragged.from_sequences([rng.standard_normal((n, N_DIMS), np.float32) for n in lengths])


@pytest.mark.parametrize("step_pattern", ["symmetric1", "symmetric2"])
@pytest.mark.parametrize("local_cost", ["sqeuclidean", "euclidean"])
@pytest.mark.parametrize("band_fraction", [None, 0.1])
def test_thirty_seconds_with_one_another(benchmark, songs_of, local_cost, step_pattern, band_fraction):
    songs = songs_of([1292] * 24)
    options = {"local_cost": local_cost, "step_pattern": step_pattern, "band_fraction": band_fraction}
    record(benchmark, songs, options)


@pytest.mark.parametrize("n_frames", [100, 1_000, 10_000])
def test_any_length(benchmark, songs_of, n_frames):
    """Cost per cell should not depend on the length."""
    record(benchmark, songs_of([n_frames] * (24 if n_frames <= 1_000 else 6)), {"band_fraction": 0.1})


@pytest.mark.parametrize("n_songs", [64, 256, 1_024])
def test_any_number(benchmark, songs_of, n_songs):
    """Nor on the number of sequences."""
    record(benchmark, songs_of([64] * n_songs), {})


def test_ragged_lengths(benchmark, songs_of):
    """Lengths of a real collection, logarithmically normal, against the equal ones above."""
    lengths = np.random.default_rng(0).lognormal(np.log(1_200), 0.3, size=64).astype(int)
    record(benchmark, songs_of(lengths), {"local_cost": "euclidean"})


def record(benchmark, songs, options):
    """Time one matrix; compilation stays outside."""
    dtw.matrix(songs.take(np.arange(3)), device="cpu", **options)
    benchmark.pedantic(dtw.matrix, args=(songs,), kwargs={"device": "cpu", **options}, rounds=3)
    if benchmark.stats is not None:
        lengths = songs.lengths.astype(float)
        cells = (lengths.sum() ** 2 - (lengths**2).sum()) / 2
        # Of the whole rectangle: beside a band, divide by the share that it leaves.
        benchmark.extra_info["gcells_per_s"] = cells / benchmark.stats.stats.median / 1e9
