"""DTW on CUDA, kernel by kernel: strips, rounds, groups and bands against the definition, on tiny blocks."""

import numpy as np
import pytest
import reference

from audiosim_kernels import Ragged, cuda_intrinsics, dtw_cuda, dtw_tensor, dtw_tensor_pack, dtw_tensor_run, dtw_warp
from audiosim_kernels.dtw_traits import Traits
from audiosim_kernels.ragged_cuda import DeviceRagged

MEASURES = [(squared, weight) for squared in (True, False) for weight in (1, 2)]
measures = pytest.mark.parametrize(("squared", "weight"), MEASURES)


@pytest.fixture
def small_blocks(monkeypatch):
    """Two warps with strips of two rows: a round is four rows, so that a dozen frames make three of them."""
    monkeypatch.setattr(dtw_tensor, "N_WARPS", 2)
    for n_steps in dtw_tensor.N_ROWS:
        monkeypatch.setitem(dtw_tensor.N_ROWS, n_steps, 2)


def songs_of(rng, lengths, n_dims, scale=1.0):
    return Ragged.from_sequences([scale * rng.standard_normal((n, n_dims)) for n in lengths])


def radii_of(songs, others, pairs, radius):
    longer = np.maximum(songs.lengths[pairs[:, 0]], others.lengths[pairs[:, 1]])
    return longer if radius is None else np.minimum(radius, longer)


def expected_totals(songs, others, pairs, radius, *, squared, weight):
    options = {"local_cost": "sqeuclidean" if squared else "euclidean", "step_pattern": f"symmetric{weight}"}
    return [reference.dtw(songs[i], others[j], **options, band_radius=radius, normalize=False) for i, j in pairs]


def warp_totals(songs, pairs, radius=None, *, squared=True, weight=1, double=False):
    radii = radii_of(songs, songs, pairs, radius)
    x = DeviceRagged.of(songs)
    return dtw_warp.totals(x, x, pairs, radii, squared=squared, diagonal_weight=weight, double=double)


def tensor_totals(songs, pairs, radius=None, *, others=None, weight=1, precision="split"):
    others = songs if others is None else others
    radii = radii_of(songs, others, pairs, radius)
    x = DeviceRagged.of(songs)
    y = x if others is songs else DeviceRagged.of(others)
    return dtw_tensor_run.totals(x, y, pairs, radii, diagonal_weight=weight, precision=precision)


def all_pairs(n_rows, n_columns=None):
    return np.indices((n_rows, n_columns or n_rows)).reshape(2, -1).T.astype(np.int64)


# --- a warp a pair


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda")
class TestWarp:
    @measures
    @pytest.mark.parametrize("radius", [None, 3])
    def test_strips_equal_the_reference(self, monkeypatch, rng, squared, weight, radius):
        """A strip is 32 columns wide here, so that 70 columns take three."""
        monkeypatch.setattr(dtw_warp, "_REGISTERS", 4)
        songs = songs_of(rng, (9, 40, 70), 3)
        pairs = np.array([(0, 2), (2, 0), (1, 2)])
        expected = expected_totals(songs, songs, pairs, radius, squared=squared, weight=weight)
        actual = warp_totals(songs, pairs, radius, squared=squared, weight=weight)
        np.testing.assert_allclose(actual, expected, rtol=2e-6)

    @measures
    def test_sums_in_float64_are_those_of_the_float32_costs(self, monkeypatch, rng, squared, weight):
        """Across strips; the local costs alone are rounded, which one constant pair shows: its total is n costs."""
        monkeypatch.setattr(dtw_warp, "_REGISTERS", 4)
        still, other = rng.standard_normal((2, 1, 3)).astype(np.float32)
        songs = Ragged.from_sequences([np.repeat(still, 40, axis=0), np.repeat(other, 40, axis=0), still, other])
        pairs = np.array([(0, 1), (1, 0), (0, 0), (2, 3)])
        there, back, itself, cost = warp_totals(songs, pairs, squared=squared, weight=weight, double=True)
        np.testing.assert_allclose(there, (1 + 39 * weight) * np.float64(cost), rtol=1.2e-7)
        assert there == back
        assert itself == 0
        moving = songs_of(rng, (12, 70), 3)
        pairs = np.array([(0, 1), (1, 0)])
        expected = expected_totals(moving, moving, pairs, 3, squared=squared, weight=weight)
        np.testing.assert_allclose(
            warp_totals(moving, pairs, 3, squared=squared, weight=weight, double=True), expected, rtol=2e-7
        )

    @pytest.mark.parametrize("radius", [None, 2, 33])
    def test_the_width_of_a_strip_changes_nothing(self, monkeypatch, rng, radius):
        songs = songs_of(rng, (35, 66), 2)
        pairs = np.array([(0, 1), (1, 0), (1, 1)])
        wide = warp_totals(songs, pairs, radius)
        monkeypatch.setattr(dtw_warp, "_REGISTERS", 4)
        np.testing.assert_array_equal(warp_totals(songs, pairs, radius), wide)
        assert wide[0] == wide[1]
        assert wide[2] == 0

    @pytest.mark.parametrize("n_pairs_at_once", [1, 2])
    def test_batches_bounded_by_memory_give_the_same(self, monkeypatch, rng, n_pairs_at_once):
        songs = songs_of(rng, (12, 3, 35), 2)
        pairs = np.array([(0, 1), (2, 0), (1, 2), (2, 2)])
        expected = warp_totals(songs, pairs, 3)
        monkeypatch.setattr(dtw_warp, "BUFFER_BYTES", n_pairs_at_once * 4 * 35 + 1)
        np.testing.assert_array_equal(warp_totals(songs, pairs, 3), expected)

    @pytest.mark.parametrize("n_dims", [1, 5, 64])
    def test_dimensions_are_padded_with_nothing(self, rng, n_dims):
        songs = songs_of(rng, (6, 9), n_dims)
        pairs = np.array([(0, 1)])
        expected = expected_totals(songs, songs, pairs, None, squared=True, weight=2)
        np.testing.assert_allclose(warp_totals(songs, pairs, weight=2), expected, rtol=2e-6)

    def test_a_band_is_visited_and_not_much_else(self, monkeypatch, rng):
        monkeypatch.setattr(dtw_warp, "_REGISTERS", 4)
        loads = []
        load = cuda_intrinsics.load_global
        monkeypatch.setattr(
            cuda_intrinsics, "load_global", lambda array, index: loads.append(index) or load(array, index)
        )
        songs = songs_of(rng, (128, 128), 1)
        pairs = np.array([(0, 1)])
        counts = []
        for radius in (None, 4):
            loads.clear()
            warp_totals(songs, pairs, radius)
            counts.append(len(loads))
        assert counts[1] < 0.4 * counts[0]


# --- tensor cores


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda", "small_blocks")
class TestTensor:
    @pytest.mark.parametrize("weight", [1, 2])
    @pytest.mark.parametrize("radius", [None, 2])
    def test_equals_the_reference(self, rng, weight, radius):
        songs = songs_of(rng, (5, 9, 7, 12, 1), 3)
        pairs = all_pairs(5)[[1, 2, 5, 8, 9, 13, 19, 23]]
        expected = expected_totals(songs, songs, pairs, radius, squared=True, weight=weight)
        np.testing.assert_allclose(tensor_totals(songs, pairs, radius, weight=weight), expected, rtol=2e-6)

    @pytest.mark.parametrize(("radius", "shift"), [(0, 0), (2, 7), (3, 7), (5, 9)])
    def test_paths_along_the_edge_of_a_band(self, rng, radius, shift):
        """Across chunks that others skip, and where a step over the edge would pay, as it can with weight 2."""
        walk = np.cumsum(rng.uniform(1, 3, 18 + shift))[:, np.newaxis]
        songs = Ragged.from_sequences([walk[:18], walk[shift:]])
        pairs = np.array([(0, 1), (1, 0)])
        if shift == 0:
            songs = songs_of(rng, (18, 18), 2)
        copies = Ragged(songs.frames.copy(), songs.offsets.copy())  # others, so that no pair is turned around
        expected = expected_totals(songs, songs, pairs, radius, squared=True, weight=2)
        np.testing.assert_allclose(tensor_totals(songs, pairs, radius, others=copies, weight=2), expected, rtol=2e-6)

    def test_groups_that_are_full_and_not(self, rng):
        """17 rows are two groups, 9 columns as well."""
        rows, columns = songs_of(rng, rng.integers(1, 7, 17), 1), songs_of(rng, rng.integers(1, 7, 9), 1)
        pairs = all_pairs(17, 9)
        expected = expected_totals(rows, columns, pairs, 1, squared=True, weight=1)
        actual = tensor_totals(rows, pairs, 1, others=columns)
        np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=2e-6)

    @pytest.mark.parametrize(
        ("precision", "n_dims", "rtol"), [("split", 20, 1e-6), ("float16", 20, 1e-3), ("float16", 60, 1e-3)]
    )
    def test_operands(self, rng, precision, n_dims, rtol):
        songs = songs_of(rng, (6, 5), n_dims)
        pairs = np.array([(0, 1)])
        expected = expected_totals(songs, songs, pairs, None, squared=True, weight=1)
        np.testing.assert_allclose(tensor_totals(songs, pairs, precision=precision), expected, rtol=rtol)

    def test_a_pair_does_not_depend_on_its_order_nor_on_the_list(self, monkeypatch, rng):
        songs = songs_of(rng, (4, 6, 9), 3)
        copies = Ragged(songs.frames.copy(), songs.offsets.copy())  # others, so that no pair is turned around
        together = tensor_totals(songs, all_pairs(3), 2, others=copies).reshape(3, 3)
        np.testing.assert_array_equal(together, together.T)
        assert tensor_totals(songs, np.array([(2, 0)]), 2)[0] == together[0, 2]
        monkeypatch.setattr(dtw_tensor_run, "BUFFER_BYTES", 1)  # one block at a time
        many = songs.take([0, 1, 2] * 6)
        apart = tensor_totals(many, np.array([(0, 17), (16, 3)]), 2)
        np.testing.assert_array_equal(apart, [together[0, 2], together[0, 1]])

    def test_a_band_is_visited_and_not_much_else(self, monkeypatch, rng):
        products = []
        multiply = cuda_intrinsics.multiply_add
        monkeypatch.setattr(cuda_intrinsics, "multiply_add", lambda *args: products.append(1) or multiply(*args))
        songs = songs_of(rng, (24, 24), 1)
        pairs = np.array([(0, 1)])
        counts = []
        for radius in (None, 1):
            products.clear()
            tensor_totals(songs, pairs, radius)
            counts.append(len(products))
        assert counts[1] < 0.5 * counts[0]


# --- which kernel


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda", "small_blocks")
class TestDispatch:
    def totals(self, songs, pairs, *, precision="split"):
        radii = radii_of(songs, songs, pairs, None)
        return dtw_cuda.totals(songs, songs, pairs, radii, squared=True, diagonal_weight=1.0, precision=precision)

    @pytest.fixture
    def reached(self, monkeypatch):
        """The pairs that reach CUDA cores, and whether they are added up in float64."""
        found = []
        warp = dtw_warp.totals

        def spy(x, y, pairs, radii, *, double, **options):
            found.extend((*map(int, pair), double) for pair in pairs)
            return warp(x, y, pairs, radii, double=double, **options)

        monkeypatch.setattr(dtw_warp, "totals", spy)
        return found

    def test_split_is_accurate_to_2e_6_whatever_the_frames(self, rng):
        """Random, near-duplicate, equal, raw, tiny and constant ones; exactly 0 from themselves."""
        noise = rng.standard_normal((9, 3))
        raw = 1e3 * rng.standard_normal((7, 3)) + (-4e3, 0, 0)
        songs = Ragged.from_sequences(
            [noise, noise + 1e-3 * rng.standard_normal((9, 3)), raw, 1e-3 * noise, np.ones((5, 3))]
        )
        pairs = all_pairs(5)
        actual = self.totals(songs, pairs)
        expected = expected_totals(songs, songs, pairs, None, squared=True, weight=1)
        np.testing.assert_allclose(actual, expected, rtol=2e-6)
        np.testing.assert_array_equal(np.diagonal(actual.reshape(5, 5)), 0)
        np.testing.assert_array_equal(actual.reshape(5, 5), actual.reshape(5, 5).T)

    def test_tensor_cores_take_what_suits_them(self, reached, rng):
        """The pairs that reach the other kernel are those of a raw song, and those of a song with itself."""
        songs = Ragged.from_sequences([*rng.standard_normal((2, 6, 3)), 1e4 * rng.standard_normal((6, 3))])
        self.totals(songs, all_pairs(3))
        assert reached == [(*pair, False) for pair in [(0, 0), (0, 2), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]]

    @pytest.mark.parametrize("precision", ["float32", "split", "float16"])
    def test_what_stands_still_or_is_long_is_added_up_in_float64(self, monkeypatch, reached, rng, precision):
        """Whatever else is in the list; a long one not with float16, which has given up that accuracy."""
        monkeypatch.setattr(dtw_cuda, "MOST_REPEATS", 3)
        monkeypatch.setattr(dtw_cuda, "LONGEST", 8)
        moving, other, long = (rng.standard_normal((n, 3)) for n in (6, 7, 9))
        still = np.concatenate([moving[:2], np.repeat(moving[2:3], 5, axis=0)])  # a run of five is four repeats
        songs = Ragged.from_sequences([moving, other, long, still])
        pairs = np.array([(0, 1), (0, 2), (1, 3), (3, 2)])
        actual = self.totals(songs, pairs, precision=precision)
        in_float64 = [(*pair, True) for pair in [(0, 2), (1, 3), (3, 2)] if 3 in pair or precision != "float16"]
        assert [pair for pair in reached if pair[2]] == in_float64
        assert ((0, 1, False) in reached) == (precision == "float32")
        expected = expected_totals(songs, songs, pairs, None, squared=True, weight=1)
        np.testing.assert_allclose(actual, expected, rtol=2e-3 if precision == "float16" else 2e-6)
        alone = [self.totals(songs, pairs[[index]], precision=precision)[0] for index in range(4)]
        np.testing.assert_array_equal(actual, alone)

    def test_no_pairs(self, rng):
        assert self.totals(songs_of(rng, (3,), 2), np.empty((0, 2), dtype=np.int64)).shape == (0,)


def test_what_float16_holds():
    songs = Ragged.from_sequences([[[1.0]], [[0.2]], [[2001.0]], [[1999.0]], [[0.0], [1.0]]])
    expected = [True, False, False, True, True]
    np.testing.assert_array_equal(dtw_tensor_pack.representable(Traits.of(songs), 1), expected)
    for precision, n_dims, suits in (("split", 20, True), ("split", 21, False), ("float16", 60, True)):
        traits = Traits.of(Ragged.from_sequences([np.ones((3, n_dims))]))
        assert dtw_tensor_run.suits(traits, n_dims, precision).all() == suits
    assert not dtw_tensor_run.suits(Traits.of(songs), 1, "float32").any()


def test_what_a_sequence_is_like(rng):
    """Sums of squares, and the frames that all but equal the one before: here 2, 1, 0 and, in silence, 3."""
    frame = np.array([3.0, 4.0])
    songs = Ragged.from_sequences(
        [
            [frame, frame, frame * 1.0001],
            [frame, frame * 1.01, frame * 1.01],
            rng.standard_normal((9, 2)),
            np.zeros((4, 2)),
        ]
    )
    traits = Traits.of(songs)
    np.testing.assert_array_equal(traits.n_repeats, [2, 1, 0, 3])
    np.testing.assert_allclose(traits.energies, [(np.float64(song) ** 2).sum() for song in songs])
    np.testing.assert_allclose(traits.largest, [(np.float64(song) ** 2).sum(axis=1).max() for song in songs])
    suited = dtw_cuda.Suited.of(songs, "split")
    assert not suited.double.any()
    np.testing.assert_array_equal(suited.tensor, [True, True, True, False])


def test_long_or_standing_still_is_a_property_of_the_sequence(rng):
    still = np.repeat(rng.standard_normal((1, 2)), dtw_cuda.MOST_REPEATS + 2, axis=0)
    songs = Ragged.from_sequences(
        [still[:-1], still, rng.standard_normal((dtw_cuda.LONGEST, 2)), rng.standard_normal((dtw_cuda.LONGEST + 1, 2))]
    )
    for precision, double in (("split", [0, 1, 0, 1]), ("float32", [0, 1, 0, 1]), ("float16", [0, 1, 0, 0])):
        suited = dtw_cuda.Suited.of(songs, precision)
        np.testing.assert_array_equal(suited.double, double)
        np.testing.assert_array_equal(suited.tensor, np.logical_not(double) & (precision != "float32"))


@pytest.mark.parametrize(
    ("capability", "squared", "asked", "expected"),
    [
        ((9, 0), True, None, "split"),
        ((8, 0), True, None, "split"),
        ((10, 0), True, None, "split"),
        ((9, 0), False, None, "float32"),
        ((8, 6), True, None, "float32"),
        ((8, 9), True, None, "float32"),
        ((12, 0), True, None, "float32"),
        ((7, 5), True, None, "float32"),
        ((8, 9), True, "float16", "float16"),
        ((9, 0), True, "float32", "float32"),
    ],
)
def test_the_kernel_is_chosen_by_compute_capability(capability, squared, asked, expected):
    assert dtw_cuda.choose_precision(capability, squared=squared, precision=asked) == expected


def test_tensor_cores_are_refused_where_they_cannot():
    with pytest.raises(ValueError, match=r"compute capability 8.0 or more, got 7.5; use precision=\"float32\""):
        dtw_cuda.choose_precision((7, 5), squared=True, precision="float16")
    with pytest.raises(ValueError, match='needs local_cost="sqeuclidean"'):
        dtw_cuda.choose_precision((9, 0), squared=False, precision="split")
