"""Warping paths and subsequence DTW on each device: against full matrices on chosen input, and what is refused."""

import os
import re
import tracemalloc

import numpy as np
import pytest
import reference
import reference_paths

from audiosim_kernels import Ragged, dtw, paths, paths_checkpoints

MEASURES = [
    {"local_cost": local_cost, "step_pattern": step_pattern}
    for local_cost in ("euclidean", "sqeuclidean")
    for step_pattern in ("symmetric1", "symmetric2")
]
measures = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: "-".join(measure.values()))

compiled_only = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="for compiled code")


@pytest.fixture(scope="module")
def backend(backend):
    """Each device, with blocks of rows and strips of threads so low that tiny inputs cross both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths_checkpoints, "STEPS_PER_COST", 2)  # 4 rows of 6 or 7
        if backend == "cuda":
            from audiosim_kernels import paths_cuda

            patch.setattr(paths_cuda, "THREADS_PER_BLOCK", 3)
        yield backend


def local_costs(x, y, measure):
    return reference.local_costs(x, y, measure["local_cost"])


def pair_distance(x, y, **options):
    return float(dtw.distances(Ragged.from_sequences([x, y]), [(0, 1)], **options)[0])


def random_walk(rng, n_frames, n_dims=20):
    return np.cumsum(rng.standard_normal((n_frames, n_dims)), axis=0).astype(np.float32)


# --- the definition


@measures
@pytest.mark.parametrize("case", range(4))
def test_paths_are_those_of_the_full_matrix(backend, rng, measure, case):
    """Whole numbers, of which many sums tie; one dimension for the root, so that they are exact there too."""
    n, m = 2 + case + rng.integers(0, 7, 2)
    n_dims = 1 if measure["local_cost"] == "euclidean" else 2
    x, y = (rng.integers(-2, 3, (size, n_dims)).astype(np.float32) for size in (n, m))
    costs, step_pattern = local_costs(x, y, measure), measure["step_pattern"]
    radius = (None, 1, 3, None)[case]
    aligned = paths.warping_path(x, y, **measure, band_radius=radius, normalize=False, device=backend)
    expected = reference_paths.warping_path(costs, step_pattern, radius)
    np.testing.assert_array_equal(aligned.path, expected)
    assert aligned.distance == reference_paths.path_cost(costs, expected, step_pattern)
    match = paths.subsequence(x, y, **measure, normalize=False, device=backend)
    expected = reference_paths.subsequence_path(costs, step_pattern)
    np.testing.assert_array_equal(match.path, expected)
    assert match.distance == reference_paths.path_cost(costs, expected, step_pattern)


@pytest.mark.parametrize(("n", "m"), [(26, 3), (3, 26), (32, 3)])
def test_nothing_is_left_beside_a_narrow_band(backend, rng, n, m):
    """It stays in one column for rows on end, while costs grow: what is left from above would look cheap.

    In the last case it moves between two strips of threads.
    """
    x, y = (np.linspace(0, 1, size)[:, None] ** 4 * 100 + rng.random((size, 1)) for size in (n, m))
    aligned = paths.warping_path(x, y, band_radius=1, normalize=False, device=backend)
    costs = reference.local_costs(np.float32(x), np.float32(y), "euclidean")
    expected = reference_paths.warping_path(costs, "symmetric2", 1)
    np.testing.assert_array_equal(aligned.path, expected)
    np.testing.assert_allclose(aligned.distance, reference_paths.path_cost(costs, expected, "symmetric2"), rtol=1e-6)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 4), (4, 1)])
def test_single_frames(backend, n, m):
    aligned = paths.warping_path(np.zeros((n, 2)), np.full((m, 2), 3.0), normalize=False, device=backend)
    assert aligned.distance == pytest.approx(max(n, m) * 18**0.5)
    expected = np.zeros((max(n, m), 2)) + np.arange(max(n, m))[:, None] * (np.array([n, m]) > 1)
    np.testing.assert_array_equal(aligned.path, expected)
    assert aligned.path.dtype == np.int64


def test_the_defaults_are_those_of_distances(backend, rng):
    x, y = rng.standard_normal((6, 2)), rng.standard_normal((9, 2))
    aligned = paths.warping_path(x, y, device=backend)
    np.testing.assert_allclose(aligned.distance, pair_distance(x, y, device=backend), rtol=1e-6)


def test_the_band_may_be_a_fraction_of_the_longer_sequence(backend, rng):
    x, y = random_walk(rng, 13, 2), random_walk(rng, 20, 2)
    by_fraction, by_radius = (
        paths.warping_path(x, y, **band, device=backend) for band in ({"band_fraction": 0.1}, {"band_radius": 2})
    )
    np.testing.assert_array_equal(by_fraction.path, by_radius.path)
    assert by_fraction.distance == by_radius.distance


# --- blocks of rows


@pytest.mark.parametrize("steps_per_cost", [1 / 40, 1 / 8, 1, 1000])
@pytest.mark.parametrize("radius", [None, 3])
def test_the_path_does_not_depend_on_the_blocks(monkeypatch, rng, steps_per_cost, radius):
    """Blocks of 1, 3, 7 and of all rows; sums of roots and tenths tie, or do not, by their rounding alone."""
    x, y = rng.integers(0, 4, (40, 2)) / 10, rng.integers(0, 4, (57, 2)) / 10
    expected = paths.warping_path(x, y, band_radius=radius, device="cpu")
    monkeypatch.setattr(paths_checkpoints, "STEPS_PER_COST", steps_per_cost)
    actual = paths.warping_path(x, y, band_radius=radius, device="cpu")
    np.testing.assert_array_equal(actual.path, expected.path)
    assert actual.distance == expected.distance


@compiled_only
def test_memory_grows_with_the_root_of_the_rows(rng):
    x, y = (rng.standard_normal((6000, 2)).astype(np.float32) for _ in range(2))
    paths.warping_path(x[:20], y[:20], device="cpu")  # compiles
    tracemalloc.start()
    aligned = paths.warping_path(x, y, device="cpu")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * 6000 / 6, f"{peak} bytes"
    np.testing.assert_allclose(aligned.distance, pair_distance(x, y, device="cpu"), rtol=1e-5)


# --- subsequence


@measures
@pytest.mark.parametrize(("start", "stop"), [(0, 4), (3, 7), (6, 10), (0, 10), (5, 6)])
def test_a_query_cut_out_of_the_sequence_is_found(backend, rng, measure, start, stop):
    song = random_walk(rng, 10, 3)
    match = paths.subsequence(song[start:stop], song, **measure, device=backend)
    assert (match.distance, match.start, match.stop) == (0, start, stop)
    np.testing.assert_array_equal(match.path, [(frame - start, frame) for frame in range(start, stop)])


def test_of_equal_matches_the_one_that_stops_first(backend):
    match = paths.subsequence([[1], [2]], [[0], [1], [2], [2], [0], [1], [2]], device=backend)
    assert (match.distance, match.start, match.stop) == (0, 1, 3)


def test_the_defaults_are_euclidean_symmetric1_by_the_length_of_the_query(backend, rng):
    x, y = random_walk(rng, 6, 2), random_walk(rng, 14, 2)
    expected = reference_paths.subsequence_distance(x, y, "euclidean", "symmetric1") / 6
    np.testing.assert_allclose(paths.subsequence(x, y, device=backend).distance, expected, rtol=1e-6)


def test_with_symmetric2_the_mean_cost_of_the_match_follows_from_its_length(backend, rng):
    x, y = random_walk(rng, 6, 2), random_walk(rng, 14, 2)
    match = paths.subsequence(x, y, step_pattern="symmetric2", device=backend)
    mean = match.distance * 6 / (6 + match.stop - match.start)
    np.testing.assert_allclose(mean, pair_distance(x, y[match.start : match.stop], device=backend), rtol=1e-6)


@pytest.mark.parametrize("normalize", [True, False])
def test_many_matches_are_those_of_each_pair(backend, rng, normalize):
    queries = Ragged.from_sequences([random_walk(rng, n, 2) for n in (3, 1, 5)])
    songs = Ragged.from_sequences([random_walk(rng, n, 2) for n in (6, 3, 1, 8)])
    pairs = [(0, 3), (2, 1), (1, 2), (0, 3), (1, 0), (2, 3)]
    options = {"step_pattern": "symmetric2", "normalize": normalize, "device": backend}
    found = paths.subsequence_distances(queries, songs, pairs, **options)
    alone = [paths.subsequence(queries[i], songs[j], **options) for i, j in pairs]
    np.testing.assert_array_equal(found.distances, [match.distance for match in alone])
    np.testing.assert_array_equal(found.starts, [match.start for match in alone])
    np.testing.assert_array_equal(found.stops, [match.stop for match in alone])
    nothing = paths.subsequence_distances(queries, songs, [], **options)
    assert nothing.distances.shape == nothing.starts.shape == nothing.stops.shape == (0,)


def test_matches_do_not_depend_on_the_number_of_threads(rng):
    songs = Ragged.from_sequences([random_walk(rng, n, 2) for n in (5, 40, 8, 30, 11)])
    pairs = [(i, j) for i in range(5) for j in range(5)]
    one, three = (paths.subsequence_distances(songs, songs, pairs, device="cpu", n_threads=n) for n in (1, 3))
    for name in ("distances", "starts", "stops"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize("n_pairs_at_once", [1, 2])
def test_batches_bounded_by_memory_give_the_same(monkeypatch, rng, n_pairs_at_once):
    from audiosim_kernels import paths_cuda

    songs = Ragged.from_sequences([random_walk(rng, n, 2) for n in (7, 3, 4)])
    pairs = [(0, 1), (1, 0), (2, 2)]
    expected = paths.subsequence_distances(songs, songs, pairs, device="cpu")
    monkeypatch.setattr(paths_cuda, "THREADS_PER_BLOCK", 2)
    monkeypatch.setattr(paths_cuda, "BUFFER_BYTES", n_pairs_at_once * 16 * 7)
    actual = paths.subsequence_distances(songs, songs, pairs, device="cuda")
    np.testing.assert_allclose(actual.distances, expected.distances, rtol=1e-6)
    np.testing.assert_array_equal(actual.starts, expected.starts)
    np.testing.assert_array_equal(actual.stops, expected.stops)


# --- refusals


FRAMES = np.ones((3, 2))
SONGS = Ragged.from_sequences([FRAMES, np.zeros((4, 2))])


@pytest.mark.parametrize("function", [paths.warping_path, paths.subsequence])
@pytest.mark.parametrize(
    ("pair", "options", "error", "text"),
    [
        ((FRAMES, np.ones((3, 5))), {}, ValueError, r"sequence 1 must have shape \(n_frames >= 1, 2\), got \(3, 5\)"),
        ((FRAMES[:0], FRAMES), {}, ValueError, r"sequence 0 must have shape .* got \(0, 2\)"),
        ((FRAMES, FRAMES * np.nan), {}, ValueError, "sequence 1 must be finite"),
        ((FRAMES, FRAMES.astype(str)), {}, TypeError, "sequence 1 must hold real numbers"),
        ((FRAMES, FRAMES), {"local_cost": "cityblock"}, ValueError, "local_cost must be .* got 'cityblock'"),
        ((FRAMES, FRAMES), {"step_pattern": "asymmetric"}, ValueError, "step_pattern must be .* got 'asymmetric'"),
        ((FRAMES, FRAMES), {"device": "gpu"}, ValueError, "device must be"),
    ],
)
def test_both_refuse(function, pair, options, error, text):
    with pytest.raises(error, match=text):
        function(*pair, **{"device": "cpu"} | options)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"band_radius": 0}, ValueError, "with 3 and 4 frames has no path through a band of radius 0"),
        ({"band_radius": -1}, ValueError, "band_radius must be >= 0 frames, got -1"),
        ({"band_radius": 1.5}, TypeError, "integer"),
        ({"band_fraction": 1.5}, ValueError, r"band_fraction must lie in \[0, 1\], got 1.5"),
        ({"band_radius": 1, "band_fraction": 0.1}, ValueError, "at most one of band_radius and band_fraction"),
    ],
)
def test_warping_path_refuses_bands(options, error, text):
    with pytest.raises(error, match=text):
        paths.warping_path(*SONGS, device="cpu", **options)


@pytest.mark.parametrize(
    ("pairs", "sequences", "options", "error", "text"),
    [
        ([(0, 2)], SONGS, {}, ValueError, r"pair 0 must lie in 0 \.\.\. 1 and 0 \.\.\. 1, got \(0, 2\)"),
        ([0, 1], SONGS, {}, ValueError, r"pairs must have shape \(n_pairs, 2\), got \(2,\)"),
        ([(0.0, 1.0)], SONGS, {}, TypeError, "pairs must be integers, got dtype float64"),
        ([(0, 0)], Ragged.from_sequences([np.ones((3, 5))]), {}, ValueError, "same n_dims, got 2 and 5"),
        ([(0, 1)], SONGS, {"n_threads": 0}, ValueError, "n_threads must be >= 1, got 0"),
    ],
)
def test_subsequence_distances_refuse(pairs, sequences, options, error, text):
    with pytest.raises(error, match=text):
        paths.subsequence_distances(SONGS, sequences, pairs, device="cpu", **options)


@pytest.mark.parametrize("function", [paths.warping_path, paths.subsequence])
def test_a_total_beyond_float32_is_refused(function):
    refusal = pytest.raises(ValueError, match=re.escape("pair 0 (0, 1) must have a total below 3.4e38"))
    with refusal, np.errstate(over="ignore"):  # uncompiled code (NUMBA_DISABLE_JIT) would warn
        function([[0.0]], [[1e30]], local_cost="sqeuclidean", device="cpu")
