"""The nearest by DTW on each device: against the definition, to the bits of the matrix, in tiles of any size."""

import os

import numpy as np
import pytest
import reference

from audiosim_kernels import Ragged, dtw, dtw_cuda, dtw_matrix_cuda, dtw_tensor, dtw_topk, dtw_warp, nearest_cuda
from audiosim_kernels.dtw_options import numbers_of_pairs
from audiosim_kernels.nearest_cpu import keep_nearest

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
SQUARED = {"local_cost": "sqeuclidean", "step_pattern": "symmetric1"}


@pytest.fixture(params=[2, 1_000])
def tile(request, monkeypatch):
    """Tiles of a few rows and columns on both devices, and one that holds everything."""
    monkeypatch.setattr(dtw_topk, "TILE", request.param)
    monkeypatch.setattr(dtw_matrix_cuda, "BLOCK_SEQUENCES", request.param)
    return request.param


@pytest.fixture(params=["CUDA cores", "tensor cores"])
def kernel(request, monkeypatch):
    """Each of the kernels for squared costs; the second as on a GPU of a data centre, in blocks that tests can pay."""
    if request.param == "tensor cores" and not SIMULATED and dtw_cuda.compute_capability() < (8, 0):
        pytest.skip("this GPU's tensor cores cannot do it")
    monkeypatch.setattr(
        dtw_cuda, "compute_capability", lambda: {"CUDA cores": (8, 6), "tensor cores": (9, 0)}[request.param]
    )
    monkeypatch.setattr(dtw_tensor, "N_WARPS", 2)
    return request.param


def songs_of(rng, *lengths, n_dims=2):
    return Ragged.from_sequences([rng.standard_normal((n, n_dims)) for n in lengths])


def nearest_by_sorting(matrix, k, *, without_diagonal):
    """Indices and distances (n_rows, k) of the nearest columns."""
    distances = np.array(matrix, dtype=np.float32)
    if without_diagonal:
        np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


def assert_same(actual, expected):
    np.testing.assert_array_equal(actual[0], expected[0])
    np.testing.assert_array_equal(actual[1], expected[1])
    assert (actual[0].dtype, actual[1].dtype) == (np.int64, np.float32)


# --- the definition


@pytest.mark.parametrize("local_cost", ["euclidean", "sqeuclidean"])
def test_equals_the_reference(backend, rng, local_cost):
    """Distances far enough apart that rounding changes no order."""
    songs = songs_of(rng, 5, 3, 8, 1, 6)
    indices, distances = dtw.top_k(songs, k=4, local_cost=local_cost, device=backend)
    for row, song in enumerate(songs):
        others = {
            column: reference.dtw(song, other, local_cost=local_cost, step_pattern="symmetric2", normalize=True)
            for column, other in enumerate(songs)
            if column != row
        }
        expected = sorted(others, key=others.__getitem__)
        np.testing.assert_array_equal(indices[row], expected)
        np.testing.assert_allclose(distances[row], [others[column] for column in expected], rtol=2e-6)


# --- the bits of the matrix


@pytest.mark.parametrize("k", [1, 3, 6])
def test_rows_and_columns_equal_the_sorted_matrix_also_where_distances_tie(backend, rng, tile, k):  # noqa: ARG001
    rows, columns = songs_of(rng, 4, 2, 5), songs_of(rng, 3, 5, 1, 4, 2, 6)
    columns = columns.take([0, 1, 2, 1, 0, 3])
    options = {"band_fraction": 0.3, "device": backend}
    expected = nearest_by_sorting(dtw.matrix(rows, columns, **options), k, without_diagonal=False)
    assert_same(dtw.top_k(rows, columns, k=k, **options), expected)


def test_rows_among_themselves_equal_the_sorted_matrix_without_its_diagonal(backend, rng, tile):  # noqa: ARG001
    songs = songs_of(rng, 4, 2, 5).take([0, 1, 2, 1, 0])
    for options in ({}, {**SQUARED, "normalize": False, "band_radius": 1}):
        expected = nearest_by_sorting(dtw.matrix(songs, **options, device=backend), 3, without_diagonal=True)
        assert_same(dtw.top_k(songs, k=3, **options, device=backend), expected)
    assert dtw.top_k(songs, k=1, device=backend)[1][1] == 0  # a copy is no stranger


def test_threads_change_nothing(rng):
    songs = songs_of(rng, *range(1, 20))
    assert_same(dtw.top_k(songs, k=4, device="cpu", n_threads=3), dtw.top_k(songs, k=4, device="cpu"))


# --- shapes


def test_where_there_are_fewer_than_k(backend, rng, tile):  # noqa: ARG001
    songs = songs_of(rng, 4, 2, 5)
    indices, distances = dtw.top_k(songs, k=4, device=backend)
    expected = nearest_by_sorting(dtw.matrix(songs, device=backend), 2, without_diagonal=True)
    assert_same((indices[:, :2], distances[:, :2]), expected)
    np.testing.assert_array_equal(indices[:, 2:], -1)
    assert np.isnan(distances[:, 2:]).all()
    against_others = dtw.top_k(songs, songs, k=4, device=backend)
    assert (against_others[0][:, :3] >= 0).all()
    np.testing.assert_array_equal(against_others[1][:, 0], 0)


def test_none_at_all(backend, rng):
    songs = songs_of(rng, 4, 2)
    alone, nothing = (
        dtw.top_k(songs.take([0]), k=2, device=backend),
        dtw.top_k(songs, songs.take([]), k=1, device=backend),
    )
    for indices, distances in (alone, nothing):
        assert (indices == -1).all()
        assert np.isnan(distances).all()
    assert nothing[0].shape == (2, 1)
    assert dtw.top_k(songs.take([]), k=3, device=backend)[0].shape == (0, 3)


# --- tiles


def test_every_pair_is_compared_once_and_few_at_a_time(monkeypatch, rng):
    monkeypatch.setattr(dtw_topk, "TILE", 4)
    asked = []
    compare = dtw._Comparison.of

    def spy(self, rows, columns, pairs, numbers):
        asked.append(pairs)
        return compare(self, rows, columns, pairs, numbers)

    monkeypatch.setattr(dtw._Comparison, "of", spy)
    dtw.top_k(songs_of(rng, *range(1, 12)), k=2, device="cpu")
    assert max(map(len, asked)) <= 16
    pairs = np.concatenate(asked)
    assert sorted(map(tuple, pairs.tolist())) == [(i, j) for i in range(11) for j in range(i + 1, 11)]


def test_pairs_are_numbered_as_the_matrix_is_read():
    for mirrored, pairs in ((False, np.argwhere(np.ones((5, 5)))), (True, np.argwhere(np.triu(np.ones((5, 5)), k=1)))):
        np.testing.assert_array_equal(numbers_of_pairs(pairs, 5, mirrored=mirrored), np.arange(len(pairs)))


def test_blocks_hold_so_many_sequences_and_frames_or_one(monkeypatch):
    monkeypatch.setattr(dtw_matrix_cuda, "BLOCK_SEQUENCES", 3)
    monkeypatch.setattr(dtw_matrix_cuda, "BLOCK_FRAMES", 10)
    offsets = np.cumsum([0, 1, 1, 1, 1, 5, 5, 11, 4, 6, 1])
    bounds = [(part.start, part.stop) for part in dtw_matrix_cuda.parts(offsets)]
    assert bounds == [(0, 3), (3, 5), (5, 6), (6, 7), (7, 9), (9, 10)]
    assert dtw_matrix_cuda.parts(np.zeros(1, dtype=np.int64)) == []


# --- on the device


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda")
class TestDevice:
    @pytest.mark.parametrize("radius", [None, 2])
    def test_each_kernel_gives_the_bits_of_the_pairs_alone(self, kernel, rng, monkeypatch, radius):  # noqa: ARG002
        """Tiles, their mirror images and lists, with near-duplicates, a raw song and one that stands still."""
        monkeypatch.setattr(dtw_matrix_cuda, "BLOCK_SEQUENCES", 3)
        monkeypatch.setattr(dtw_cuda, "MOST_REPEATS", 3)
        noise = rng.standard_normal((6, 3))
        songs = Ragged.from_sequences(
            [noise, rng.standard_normal((5, 3)), noise + 1e-3, 1e4 * noise[:4], noise[[0] * 5]]
        )
        options = {**SQUARED, "band_radius": radius, "device": "cuda"}
        matrix = dtw.matrix(songs, **options)
        pairs = np.array([(0, 1), (2, 0), (3, 1), (1, 4), (4, 4)])
        np.testing.assert_array_equal(matrix[*pairs.T], dtw.distances(songs, pairs, **options))
        np.testing.assert_allclose(matrix, dtw.matrix(songs, **{**options, "device": "cpu"}), rtol=4e-6)
        assert_same(dtw.top_k(songs, k=3, **options), nearest_by_sorting(matrix, 3, without_diagonal=True))
        np.testing.assert_array_equal(dtw.matrix(songs.take([1, 4]), songs, **options), matrix[[1, 4]])

    def test_one_that_stands_still_is_enough_for_float64(self, rng, monkeypatch):
        monkeypatch.setattr(dtw_cuda, "MOST_REPEATS", 3)
        asked = []
        batches = dtw_warp.batches

        def spy(x, y, pairs, radii, *, double, **options):
            asked.extend((*map(int, pair), double) for pair in pairs)
            return batches(x, y, pairs, radii, double=double, **options)

        monkeypatch.setattr(dtw_warp, "batches", spy)
        songs = Ragged.from_sequences([*songs_of(rng, 5, 4), np.ones((5, 2))])
        dtw.matrix(songs, device="cuda")
        assert asked == [(0, 1, False), (0, 2, True), (1, 2, True)]

    def test_blocks_that_had_to_make_room_come_again(self, rng, monkeypatch):
        monkeypatch.setattr(dtw_matrix_cuda, "BLOCK_SEQUENCES", 2)
        songs = songs_of(rng, 4, 2, 5, 3, 1)
        expected = dtw.top_k(songs, k=3, device="cuda")
        monkeypatch.setattr(dtw_matrix_cuda, "_has_room", lambda *_: False)
        held = []
        block = dtw_matrix_cuda._Side.block
        monkeypatch.setattr(
            dtw_matrix_cuda._Side, "block", lambda side, number: (block(side, number), held.append(len(side.held)))[0]
        )
        assert_same(dtw.top_k(songs, k=3, device="cuda"), expected)
        assert max(held) == 2

    @pytest.mark.skipif(not SIMULATED, reason="counts what leaves the simulator's device")
    def test_only_the_lists_leave_it(self, kernel, rng, monkeypatch):  # noqa: ARG002
        """And single numbers that say how many near-duplicates there are, and whether all totals are finite."""
        from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

        monkeypatch.setattr(dtw_matrix_cuda, "BLOCK_SEQUENCES", 4)
        left = []
        copy = FakeCUDAArray.copy_to_host

        def spy(array, *arguments, **options):
            left.append(array.size)
            return copy(array, *arguments, **options)

        monkeypatch.setattr(FakeCUDAArray, "copy_to_host", spy)
        dtw.top_k(songs_of(rng, 4, 2, 5, 3, 1, 6), k=2, **SQUARED, device="cuda")
        assert sorted(left, reverse=True)[:2] == [12, 12]
        assert set(left) <= {1, 12}

    @pytest.mark.parametrize("by_column", [False, True])
    def test_merging_equals_sorting(self, rng, by_column):
        """More candidates than a warp looks at in one go, ties, more lists than a block has warps, in two tiles."""
        n_lists, k = 2 * nearest_cuda.WARPS_PER_BLOCK + 1, 5
        distances = rng.integers(0, 30, (n_lists, 75)).astype(np.float32)
        indices = nearest_cuda.cuda.to_device(np.full((n_lists, k), -1, dtype=np.int64))
        nearest = nearest_cuda.cuda.to_device(np.full((n_lists, k), np.inf, dtype=np.float32))
        for part, own in ((slice(0, 35), -35), (slice(35, 75), 0)):
            tile = np.ascontiguousarray(distances[:, part].T if by_column else distances[:, part])
            nearest_cuda.merge(
                nearest_cuda.cuda.to_device(tile), part.start, own, indices, nearest, by_column=by_column
            )
        distances[np.arange(n_lists), 35 + np.arange(n_lists)] = np.inf  # each itself
        expected = nearest_by_sorting(distances, k, without_diagonal=False)
        assert_same((indices.copy_to_host(), nearest.copy_to_host()), expected)


def test_merging_on_the_cpu_passes_over_what_is_not_a_number():
    indices, nearest = np.full((1, 2), -1), np.full((1, 2), np.inf, dtype=np.float32)
    keep_nearest(np.array([[np.nan, 2, np.inf, 1, 2]], dtype=np.float32), 10, 99, indices, nearest)
    np.testing.assert_array_equal(indices, [[13, 11]])
    np.testing.assert_array_equal(nearest, [[1, 2]])


# --- refusals


@pytest.mark.parametrize(("k", "error"), [(0, ValueError), (-3, ValueError), (1.5, TypeError)])
def test_refuses_a_k_that_is_none(k, error):
    with pytest.raises(error, match=r"k must be >= 1|integer"):
        dtw.top_k(Ragged.from_sequences([np.ones((3, 2))]), k=k, device="cpu")


def test_refuses_other_dims_and_bands_without_a_path(backend, rng):
    songs = songs_of(rng, 4, 4, 5)
    with pytest.raises(ValueError, match="same n_dims, got 2 and 3"):
        dtw.top_k(songs, songs_of(rng, 4, n_dims=3), k=1, device=backend)
    text = r"\(0, 2\) with 4 and 5 frames has no path through a band of radius 0"
    for function, options in ((dtw.top_k, {"k": 1}), (dtw.matrix, {})):
        with pytest.raises(ValueError, match="pair 1 " + text):
            function(songs, band_radius=0, device=backend, **options)
        with pytest.raises(ValueError, match="pair 2 " + text):
            function(songs, songs, band_fraction=0.0, device=backend, **options)
        function(songs.take([0, 1]), band_radius=0, device=backend, **options)


@pytest.mark.filterwarnings("ignore:.*overflow:RuntimeWarning")  # of code that is not compiled
def test_a_total_beyond_float32_is_named_as_in_the_matrix(backend, rng, tile):  # noqa: ARG001
    songs = Ragged.from_sequences([*songs_of(rng, 2, 3, n_dims=1), [[1e30]], [[2e30]]])
    out = np.full((4, 4), np.nan, dtype=np.float32)
    for function, options in ((dtw.top_k, {"k": 1}), (dtw.matrix, {"out": out})):
        with pytest.raises(ValueError, match=r"pair 1 \(0, 2\) must have a total below 3.4e38"):
            function(songs, **SQUARED, device=backend, **options)
        with pytest.raises(ValueError, match=r"pair 2 \(0, 2\) must have a total below 3.4e38"):
            function(songs, songs, **SQUARED, device=backend, **options)
    assert np.isnan(out).all()
