"""DTW on each device: against the definition on chosen input, its options, and what is refused."""

import os
import re

import numpy as np
import pytest
import reference

from audiosim_kernels import Ragged, dtw, dtw_cell

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
MEASURES = [
    {"local_cost": local_cost, "step_pattern": step_pattern}
    for local_cost in ("euclidean", "sqeuclidean")
    for step_pattern in ("symmetric1", "symmetric2")
]
measures = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: "-".join(measure.values()))


SONGS = Ragged.from_sequences([np.ones((3, 2)), np.zeros((4, 2))])


def nan(*shape):
    """An array that shows which of its elements were never written."""
    return np.full(shape, np.nan, dtype=np.float32)


def pair_distance(x, y, **options):
    return float(dtw.distances(Ragged.from_sequences([x, y]), [(0, 1)], out=nan(1), **options)[0])


def random_walk(rng, n_frames, n_dims=20):
    return np.cumsum(rng.standard_normal((n_frames, n_dims)), axis=0).astype(np.float32)


# --- the definition


@measures
@pytest.mark.parametrize(
    ("shape", "make"),
    [
        ((1, 1), lambda n, _: np.full((n, 3), 7.0)),
        ((1, 6), lambda n, rng: rng.standard_normal((n, 3))),
        ((6, 1), lambda n, rng: rng.standard_normal((n, 3))),
        ((7, 13), lambda n, rng: rng.standard_normal((n, 1))),
        ((13, 7), lambda n, rng: 1e4 * rng.standard_normal((n, 20))),
        ((5, 8), lambda n, _: np.zeros((n, 2))),
        ((9, 4), lambda n, _: np.full((n, 2), -3.0)),
        ((8, 8), lambda n, rng: rng.integers(0, 2, (n, 1))),
        ((17, 16), lambda n, rng: rng.standard_normal((n, 33))),
    ],
    ids=["1x1", "1x6", "6x1", "odd", "1e4", "zeros", "constant", "ties", "wide frames"],
)
def test_equals_the_reference_on_chosen_shapes(backend, rng, measure, shape, make):
    n, m = shape
    x, y = make(n, rng).astype(np.float32), make(m, rng).astype(np.float32)
    for radius in (None, 1, 2):
        expected = reference.dtw(x, y, **measure, band_radius=radius, normalize=True)
        np.testing.assert_allclose(
            pair_distance(x, y, **measure, band_radius=radius, device=backend), expected, rtol=2e-6
        )


@measures
def test_is_accurate_to_2e_6_on_300_frames(rng, measure):
    x, y = random_walk(rng, 300), random_walk(rng, 280)
    expected = reference.dtw(x, y, **measure, normalize=True)
    np.testing.assert_allclose(pair_distance(x, y, **measure, device="cpu"), expected, rtol=2e-6)


def test_the_defaults_are_euclidean_symmetric2_without_band_normalised(backend, rng):
    x, y = rng.standard_normal((6, 2)).astype(np.float32), rng.standard_normal((9, 2)).astype(np.float32)
    expected = reference.dtw(x, y, local_cost="euclidean", step_pattern="symmetric2", normalize=True)
    np.testing.assert_allclose(pair_distance(x, y, device=backend), expected, rtol=2e-6)


# --- precision


def test_float32_is_what_the_cpu_has(rng):
    songs = Ragged.from_sequences([random_walk(rng, n, 3) for n in (5, 9, 1)])
    for function, options in ((dtw.distances, {"pairs": [(0, 1), (2, 0)]}), (dtw.matrix, {})):
        expected = function(songs, **options, device="cpu")
        for precision in (None, "float32"):
            np.testing.assert_array_equal(function(songs, **options, device="cpu", precision=precision), expected)


@pytest.mark.parametrize(
    ("precision", "text"),
    [
        ("split", 'precision "split" needs the tensor cores of a GPU, .* use precision="float32", or None'),
        ("float16", 'precision "float16" needs the tensor cores of a GPU, .* use precision="float32", or None'),
        ("float64", 'precision must be "float32", "split" or "float16", or None to choose, got \'float64\''),
    ],
)
def test_other_precisions_are_refused_before_anything_is_computed(precision, text):
    options = {"device": "cpu", "precision": precision, "local_cost": "sqeuclidean"}
    for function, arguments in (
        (dtw.distances, {"pairs": [(0, 1)], "out": nan(1)}),
        (dtw.distances, {"pairs": []}),
        (dtw.matrix, {"out": nan(2, 2)}),
        (dtw.top_k, {"k": 1}),
    ):
        with pytest.raises(ValueError, match=text):
            function(SONGS, **arguments, **options)
        assert np.isnan(arguments.get("out", np.nan)).all()


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize("function", [dtw.distances, dtw.matrix, dtw.top_k])
def test_the_gpu_is_asked_for_the_precision(monkeypatch, function):
    """Refused where it cannot be had, even if there is nothing to compare; else it reaches the kernels."""
    from audiosim_kernels import dtw_cuda

    if not SIMULATED and dtw_cuda.compute_capability() < (8, 0):
        pytest.skip("this GPU's tensor cores cannot do it")
    arguments = {dtw.distances: {"pairs": []}, dtw.matrix: {}, dtw.top_k: {"k": 1}}[function]
    nothing = SONGS.take([])
    monkeypatch.setattr(dtw_cuda, "compute_capability", lambda: (7, 5))
    options = {**arguments, "device": "cuda", "local_cost": "sqeuclidean"}
    with pytest.raises(ValueError, match=r"compute capability 8\.0 or more, got 7\.5"):
        function(nothing, **options, precision="split")
    monkeypatch.setattr(dtw_cuda, "compute_capability", lambda: (9, 0))
    with pytest.raises(ValueError, match='needs local_cost="sqeuclidean"'):
        function(nothing, **{**options, "local_cost": "euclidean"}, precision="float16")
    with pytest.raises(ValueError, match='precision must be "float32", "split" or "float16"'):
        function(nothing, **options, precision="float64")
    chosen = []
    choose = dtw_cuda.Suited.of
    monkeypatch.setattr(
        dtw_cuda.Suited, "of", lambda songs, precision: chosen.append(precision) or choose(songs, precision)
    )
    if "pairs" in options:
        options["pairs"] = [(0, 1)]
    for precision in ("float32", "float16", "split", None):
        function(SONGS, **options, precision=precision)
    assert chosen == ["float32", "float16", "split", "split"]


# --- the band


@pytest.mark.parametrize("radius", [0, 1, 2, 5])
def test_rows_begin_and_end_at_the_edges_of_the_band(radius):
    """The kernels visit begin ... end of each row and nothing else: work is proportional to the band."""
    for n in range(1, 10):
        for m in range(1, 10):
            slack = radius * max(n - 1, m - 1)
            for i in range(n):
                begin = dtw_cell.first_column(i, n - 1, m - 1, slack)
                end = dtw_cell.final_column(i, n - 1, m - 1, slack)
                assert list(range(begin, end + 1)) == [j for j in range(m) if reference.in_band(i, j, n, m, radius)]


def test_radius_1_always_has_a_path(backend, rng):
    lengths = range(1, 13)
    songs = Ragged.from_sequences([rng.standard_normal((n, 1)) for n in lengths])
    assert np.isfinite(dtw.matrix(songs, songs, band_radius=1, device=backend)).all()


def test_radius_0_is_the_diagonal(backend, rng):
    x, y = rng.standard_normal((2, 11, 3)).astype(np.float32)
    expected = np.linalg.norm(x - y, axis=1).sum()
    actual = pair_distance(x, y, band_radius=0, step_pattern="symmetric1", normalize=False, device=backend)
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_radius_0_with_a_single_frame_needs_no_diagonal(backend):
    assert pair_distance(np.zeros((1, 1)), np.ones((5, 1)), band_radius=0, normalize=False, device=backend) == 5


def test_radius_0_without_a_path_names_the_pair_and_the_remedy():
    songs = Ragged.from_sequences([np.zeros((n, 1)) for n in (4, 4, 5)])
    text = re.escape(
        "pair 1 (0, 2) with 4 and 5 frames has no path through a band of radius 0; "
        "the least band_radius that works is 1"
    )
    out = nan(2)
    with pytest.raises(ValueError, match=text):
        dtw.distances(songs, [(0, 1), (0, 2)], band_radius=0, device="cpu", out=out)
    assert np.isnan(out).all()


def test_the_fraction_is_of_the_longer_sequence_of_each_pair_rounded_up(backend, rng):
    songs = Ragged.from_sequences([random_walk(rng, n, 2) for n in (10, 21, 30)])
    pairs = [(0, 0), (0, 1), (1, 2), (2, 2)]
    by_fraction = dtw.distances(songs, pairs, band_fraction=0.1, device=backend, out=nan(4))
    by_radius = [
        dtw.distances(songs, [pair], band_radius=radius, device=backend)[0]
        for pair, radius in zip(pairs, (1, 3, 3, 3), strict=True)
    ]
    np.testing.assert_array_equal(by_fraction, by_radius)


def test_the_fraction_is_not_rounded_up_for_a_floating_point_error(rng):
    """.07 * 100 = 7.000000000000001."""
    x, y = random_walk(rng, 100), random_walk(rng, 100)
    by_fraction = pair_distance(x, y, band_fraction=0.07, device="cpu")
    assert by_fraction == pair_distance(x, y, band_radius=7, device="cpu")
    assert by_fraction > pair_distance(x, y, band_radius=8, device="cpu")


# --- pairs and matrices


def test_any_list_of_pairs_also_repeated_ones_and_none(backend, rng):
    songs = Ragged.from_sequences([rng.standard_normal((n, 2)) for n in (5, 1, 8, 3)])
    queries = songs.take([2, 0])
    pairs = [(1, 0), (0, 3), (1, 0), (0, 0), (0, 2), (1, 1), (0, 1)]
    actual = dtw.distances(queries, np.array(pairs, dtype=np.int16), others=songs, device=backend, out=nan(7))
    expected = [pair_distance(queries[i], songs[j], device=backend) for i, j in pairs]
    np.testing.assert_array_equal(actual, expected)
    for nothing in ([], np.empty((0, 2), dtype=np.int64)):
        assert dtw.distances(songs, nothing, device=backend).shape == (0,)


def test_the_matrix_of_rows_mirrors_pairs(backend, rng):
    songs = Ragged.from_sequences([rng.standard_normal((n, 2)) for n in (5, 1, 8, 3)])
    out = nan(4, 4)
    actual = dtw.matrix(songs, device=backend, out=out)
    assert actual is out
    np.testing.assert_array_equal(actual, actual.T)
    np.testing.assert_array_equal(np.diagonal(actual), 0)
    np.testing.assert_array_equal(actual, dtw.matrix(songs, songs, device=backend, out=nan(4, 4)))


def test_the_matrix_of_rows_and_columns(backend, rng):
    rows = Ragged.from_sequences([rng.standard_normal((n, 2)) for n in (5, 1, 8)])
    columns = Ragged.from_sequences([rng.standard_normal((n, 2)) for n in (2, 6)])
    options = {"local_cost": "sqeuclidean", "step_pattern": "symmetric1", "band_fraction": 0.3, "normalize": False}
    actual = dtw.matrix(rows, columns, **options, device=backend, out=nan(3, 2))
    expected = [[pair_distance(x, y, **options, device=backend) for y in columns] for x in rows]
    np.testing.assert_array_equal(actual, expected)


def test_the_smallest_matrices(backend):
    song = Ragged.from_sequences([np.ones((3, 2))])
    np.testing.assert_array_equal(dtw.matrix(song, device=backend, out=nan(1, 1)), [[0]])
    assert dtw.matrix(song.take([]), device=backend).shape == (0, 0)
    assert dtw.matrix(song, song.take([]), device=backend).shape == (1, 0)


@pytest.mark.parametrize("n_threads", [2, 5])
def test_the_result_does_not_depend_on_the_number_of_threads(rng, n_threads):
    songs = Ragged.from_sequences([rng.standard_normal((n, 3)) for n in (5, 40, 8, 30, 11)])
    options = {"band_fraction": 0.1, "device": "cpu"}  # so that the pairs' radii differ
    expected = dtw.matrix(songs, **options)
    np.testing.assert_array_equal(dtw.matrix(songs, **options, n_threads=n_threads, out=nan(5, 5)), expected)
    assert dtw.distances(songs, [], device="cpu", n_threads=n_threads).shape == (0,)


def test_neighbouring_pairs_leave_nothing_in_the_row_buffer(backend, rng):
    """Long and banded pairs before short ones, in one call and each on its own."""
    songs = Ragged.from_sequences([random_walk(rng, n, 2) for n in (15, 3, 14, 1, 9)])
    pairs = [(0, 2), (1, 3), (4, 0), (3, 1), (2, 4), (1, 1)]
    together = dtw.distances(songs, pairs, band_radius=1, device=backend, out=nan(6))
    alone = [dtw.distances(songs, [pair], band_radius=1, device=backend)[0] for pair in pairs]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda")
@measures
def test_both_devices_agree(rng, measure):
    songs = Ragged.from_sequences([random_walk(rng, n) for n in (12, 7, 1)])
    gpu, cpu = (dtw.matrix(songs, **measure, device=name, out=nan(3, 3)) for name in ("cuda", "cpu"))
    np.testing.assert_allclose(gpu, cpu, rtol=1e-6)


# --- refusals


READ_ONLY = nan(1)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("pairs", "options", "error", "text"),
    [
        ([(0, 2)], {}, ValueError, r"pair 0 must lie in 0 \.\.\. 1 and 0 \.\.\. 1, got \(0, 2\)"),
        ([(0, 1), (-1, 0)], {}, ValueError, r"pair 1 .* got \(-1, 0\)"),
        ([(0, 1)], {"others": SONGS.take([0])}, ValueError, r"0 \.\.\. 1 and 0 \.\.\. 0, got \(0, 1\)"),
        ([0, 1], {}, ValueError, r"pairs must have shape \(n_pairs, 2\), got \(2,\)"),
        ([(0.0, 1.0)], {}, TypeError, "pairs must be integers, got dtype float64"),
        ([(0, 0)], {"others": Ragged.from_sequences([np.ones((3, 5))])}, ValueError, "same n_dims, got 2 and 5"),
        ([(0, 1)], {"local_cost": "cityblock"}, ValueError, "local_cost must be .* got 'cityblock'"),
        ([(0, 1)], {"step_pattern": "asymmetric"}, ValueError, "step_pattern must be .* got 'asymmetric'"),
        (
            [(0, 1)],
            {"band_radius": 1, "band_fraction": 0.1},
            ValueError,
            "at most one of band_radius and band_fraction",
        ),
        ([(0, 1)], {"band_radius": -1}, ValueError, "band_radius must be >= 0 frames, got -1"),
        ([(0, 1)], {"band_radius": 1.5}, TypeError, "integer"),
        ([(0, 1)], {"band_fraction": 1.5}, ValueError, r"band_fraction must lie in \[0, 1\], got 1.5"),
        ([(0, 1)], {"band_fraction": float("nan")}, ValueError, "got nan"),
        ([(0, 1)], {"n_threads": 0}, ValueError, "n_threads must be >= 1, got 0"),
        ([(0, 1)], {"out": nan(2)}, ValueError, r"out must have shape \(1,\), got \(2,\)"),
        ([(0, 1)], {"out": np.zeros(1)}, TypeError, "out must be a float32 array, got float64"),
        ([(0, 1)], {"out": READ_ONLY}, ValueError, "out must be writeable"),
        ([(0, 1)], {"device": "gpu"}, ValueError, "device must be"),
    ],
)
def test_distances_refuse(pairs, options, error, text):
    with pytest.raises(error, match=text):
        dtw.distances(SONGS, pairs, **{"device": "cpu"} | options)


def test_matrix_refuses():
    with pytest.raises(ValueError, match="same n_dims, got 2 and 5"):
        dtw.matrix(SONGS, Ragged.from_sequences([np.ones((3, 5))]), device="cpu")
    with pytest.raises(ValueError, match=r"out must have shape \(2, 2\), got \(2,\)"):
        dtw.matrix(SONGS, out=nan(2), device="cpu")


def test_a_total_beyond_float32_is_refused():
    songs = Ragged.from_sequences([[[0.0]], [[1e30]]])
    refusal = pytest.raises(ValueError, match=r"pair 0 \(0, 1\) must have a total below 3.4e38")
    with refusal, np.errstate(over="ignore"):  # uncompiled code (NUMBA_DISABLE_JIT) would warn
        dtw.distances(songs, [(0, 1)], local_cost="sqeuclidean", device="cpu")
