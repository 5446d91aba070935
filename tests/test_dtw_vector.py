"""Vectors of pairs: what a lane holds has no influence on another, and every path through the traversal is the same."""

import os

import numpy as np
import pytest
import reference

from audiosim_kernels import Ragged, dtw, dtw_cpu, dtw_groups, dtw_vector
from audiosim_kernels.lanes import LANES

MEASURES = [
    {"local_cost": local_cost, "step_pattern": step_pattern}
    for local_cost in ("euclidean", "sqeuclidean")
    for step_pattern in ("symmetric1", "symmetric2")
]
compiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="millions of cells are for compiled code"
)
measures = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: "-".join(measure.values()))


def songs_of(rng, lengths, n_dims):
    return Ragged.from_sequences([rng.standard_normal((length, n_dims)) for length in lengths])


def judged(songs, pairs, measure, radius=None):
    """The definition in float64, by rows of arrays: fast enough for hundreds of frames."""
    weight = {"symmetric1": 1, "symmetric2": 2}[measure["step_pattern"]]
    totals = []
    for first, second in pairs:
        x, y = songs[first].astype(np.float64), songs[second].astype(np.float64)
        costs = ((x[:, None] - y[None]) ** 2).sum(axis=2)
        costs = costs if measure["local_cost"] == "sqeuclidean" else np.sqrt(costs)
        n, m = costs.shape
        if radius is not None:
            allowed = [[reference.in_band(i, j, n, m, radius) for j in range(m)] for i in range(n)]
            costs[~np.array(allowed)] = np.inf
        total = np.full((n + 1, m + 1), np.inf)
        total[1, 1] = costs[0, 0]
        for i in range(n):
            for j in range(m):
                if i or j:
                    c = costs[i, j]
                    total[i + 1, j + 1] = min(total[i, j + 1] + c, total[i, j] + weight * c, total[i + 1, j] + c)
        totals.append(total[-1, -1])
    return totals


# --- the traversal


@measures
@pytest.mark.parametrize("radius", [None, 1, 7])
@pytest.mark.parametrize("n_dims", [1, 7, 8, 20, 64])
def test_blocks_and_tiles_are_seamless(rng, measure, radius, n_dims):
    """Lengths around the tiles of 2 x 4 and the blocks of columns, steep and flat pairs, in one vector."""
    block = dtw_vector.block_columns(n_dims)
    lengths = [1, 2, 3, 4, 5, 9, block - 1, block, block + 1, 2 * block + 3][: None if block < 64 else 8]
    songs = songs_of(rng, [length for length in lengths if length], n_dims)
    pairs = [(i, j) for i in range(len(songs)) for j in range(i, len(songs))][::3]
    actual = dtw.distances(songs, pairs, **measure, band_radius=radius, normalize=False, device="cpu")
    np.testing.assert_allclose(actual, judged(songs, pairs, measure, radius), rtol=2e-6, atol=0)


@pytest.mark.parametrize("cache_bytes", [1, 2**14])
@pytest.mark.parametrize("radius", [1, 2, 5])
def test_steep_bands_cross_blocks(monkeypatch, rng, radius, cache_bytes):
    """Rows that begin and end anywhere in a block, and leave out whole blocks."""
    monkeypatch.setattr(dtw_vector, "CACHE_BYTES", cache_bytes)
    songs = songs_of(rng, [3, 4, 7, 12, 60, 111], 8)
    pairs = [(i, j) for i in range(6) for j in range(6)]
    for measure in MEASURES[::3]:
        expected = judged(songs, pairs, measure, radius)
        for chosen in (pairs, pairs[::-1]):
            order = [pairs.index(pair) for pair in chosen]
            actual = dtw.distances(
                songs, chosen, others=songs.take(range(6)), **measure, band_radius=radius, normalize=False, device="cpu"
            )
            np.testing.assert_allclose(actual, np.array(expected)[order], rtol=2e-6)


@pytest.mark.parametrize("cache_bytes", [1, 2**12, 2**16])
def test_the_size_of_a_block_changes_only_the_rounding(monkeypatch, rng, cache_bytes):
    songs = songs_of(rng, [70, 61, 33, 90, 7], 19)
    for options in ({}, {"band_radius": 3}):
        expected = dtw.matrix(songs, **options, device="cpu")
        with monkeypatch.context() as patch:
            patch.setattr(dtw_vector, "CACHE_BYTES", cache_bytes)
            np.testing.assert_allclose(dtw.matrix(songs, **options, device="cpu"), expected, rtol=4e-7)


@pytest.mark.parametrize("radius", [None, 2, 40])
def test_sequences_too_long_for_32_bits_have_the_same_band(rng, radius):
    """2 ** 15 frames need 64 bits; that changes nothing for the short pairs in their vectors."""
    short = [rng.standard_normal((length, 1)) for length in (50, 60, 70)]
    long = Ragged.from_sequences([*short, np.zeros((2**15, 1))])
    pairs = [(0, 1), (1, 2), (0, 2)]
    expected = dtw.distances(long, pairs, band_radius=radius, device="cpu")
    actual = dtw.distances(long, [*pairs, (0, 3)], band_radius=radius, device="cpu")
    np.testing.assert_array_equal(actual[:3], expected)


# --- the arithmetic


@measures
@pytest.mark.parametrize(
    "change",
    [
        lambda x, rng: x + 1e-3 * rng.standard_normal(x.shape),
        lambda x, _: x * (1 + 1e-3),
        lambda x, rng: np.where(rng.random((len(x), 1)) < 0.5, x, x + rng.standard_normal(x.shape)),
    ],
    ids=["noise", "gain", "half of the frames equal"],
)
@pytest.mark.parametrize("offset", [0, -400], ids=["standardised", "raw"])
def test_near_duplicates_are_accurate(rng, measure, change, offset):
    x = rng.standard_normal((90, 20))
    x[:, 0] += offset
    songs = Ragged.from_sequences([x, change(x, rng)])
    actual = dtw.distances(songs, [(0, 1)], **measure, normalize=False, device="cpu")
    np.testing.assert_allclose(actual, judged(songs, [(0, 1)], measure), rtol=2e-6)


@pytest.mark.parametrize("radius", [None, 1])
@pytest.mark.parametrize(("n", "m"), [(1, 900), (37, 40), (700, 1292), (20_000, 9)])
@pytest.mark.parametrize("n_dims", [1, 20])
@compiled
def test_constant_sequences_are_accurate(n, m, n_dims, radius):
    """The same cost over and over, whose roundings all go one way; all paths of symmetric2 weigh the same."""
    values = np.array(
        [0, 0.1, 1 / 3, 0.77, 1, 1.6, 2], dtype=np.float32
    )  # of 1 and 1.6, the cost is a tenth of the norms
    first, second = (Ragged.from_sequences([np.full((length, n_dims), x) for x in values]) for length in (n, m))
    costs = n_dims * np.subtract.outer(values.astype(np.float64), values) ** 2
    for measure in MEASURES:
        weight = {"symmetric1": max(n, m), "symmetric2": n + m - 1}[measure["step_pattern"]]
        expected = weight * (costs if measure["local_cost"] == "sqeuclidean" else np.sqrt(costs))
        actual = dtw.matrix(first, second, **measure, band_radius=radius, normalize=False, device="cpu")
        np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=0)


@pytest.mark.parametrize("n_frames", [1, 5, 64])
def test_no_cell_is_far_off_where_errors_do_not_average_out(rng, n_frames):
    """Frames nearly alike enough for their differences to be taken, few of them or the same over and over."""
    x = rng.standard_normal((60, 20)).astype(np.float32)
    y = (x + 0.42 * rng.standard_normal(x.shape)).astype(np.float32)
    first, second = (Ragged.from_sequences(list(np.repeat(side[:, None], n_frames, axis=1))) for side in (x, y))
    expected = n_frames * ((x.astype(np.float64) - y) ** 2).sum(axis=1)
    options = {"local_cost": "sqeuclidean", "step_pattern": "symmetric1", "normalize": False, "device": "cpu"}
    actual = dtw.distances(first, [(i, i) for i in range(60)], others=second, **options)
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def judged_by_diagonals(x, y, radius=None):
    """The definition in float64 for each of MEASURES, an anti-diagonal at a time: fast enough for long sequences."""
    n, m = len(x), len(y)
    weights = np.array([[1], [2], [1], [2]])
    before, last = np.full((4, n + 1), np.inf), np.full((4, n + 1), np.inf)
    for diagonal in range(n + m - 1):
        i = np.arange(max(0, diagonal - m + 1), min(n, diagonal + 1))
        j = diagonal - i
        squared = ((x[i].astype(np.float64) - y[j]) ** 2).sum(axis=1)
        if radius is not None:
            squared[abs(i * (m - 1) - j * (n - 1)) > radius * (max(n, m) - 1)] = np.inf
        costs = np.stack([np.sqrt(squared)] * 2 + [squared] * 2)
        total = np.full((4, n + 1), np.inf)
        total[:, i + 1] = np.minimum(
            np.minimum(last[:, i], last[:, i + 1]) + costs, before[:, i] + weights * costs
        )  # fmt: skip
        if diagonal == 0:
            total[:, 1] = costs[:, 0]
        before, last = last, total
    return last[:, n]


def walk(rng, n_frames):
    return np.cumsum(rng.standard_normal((n_frames, 20)), axis=0)


def stretched(rng, x, n_frames):
    """Some frames of x several times, in their order."""
    return x[np.sort(np.append(np.arange(len(x)), rng.integers(0, len(x), n_frames - len(x))))]


@compiled
@pytest.mark.parametrize(
    ("make", "radius"),
    [
        (lambda rng: (rng.standard_normal((1292, 20)), rng.standard_normal((1250, 20))), None),
        (lambda rng: (walk(rng, 900), walk(rng, 1292)), None),
        (lambda rng: (walk(rng, 1292), walk(rng, 700)), 6),
        (lambda rng: (walk(rng, 20_000), walk(rng, 12)), None),
        (lambda rng: (walk(rng, 3000), walk(rng, 2990)), 3),
        (lambda rng: (x := walk(rng, 500), stretched(rng, x, 900) + 1e-3 * rng.standard_normal((900, 20))), None),
        (lambda rng: (20 * rng.standard_normal((1292, 20)) - 100, 20 * rng.standard_normal((900, 20)) - 100), None),
    ],
    ids=["noise", "walk", "slanted band", "long and short", "narrow band", "warped near-duplicate", "raw scale"],
)
def test_long_sequences_are_accurate(rng, make, radius):
    """The error of a total does not grow with its length."""
    songs = Ragged.from_sequences(make(rng))
    expected = judged_by_diagonals(songs[0], songs[1], radius)
    actual = [
        dtw.distances(songs, [(0, 1)], **measure, band_radius=radius, normalize=False, device="cpu")[0]
        for measure in MEASURES
    ]
    np.testing.assert_allclose(actual, expected, rtol=5e-7)


@compiled
@measures
def test_a_path_that_costs_nothing_costs_exactly_nothing(rng, measure):
    """Away from the diagonal of the squares too."""
    x = rng.standard_normal((200, 20))
    songs = Ragged.from_sequences([x, stretched(rng, x, 433), stretched(rng, x, 611)])
    np.testing.assert_array_equal(dtw.distances(songs, [(0, 1), (2, 0), (2, 2)], **measure, device="cpu"), 0)


def test_norms_that_overflow_do_not_spoil_finite_costs():
    x = np.full((3, 20), 1e19)
    songs = Ragged.from_sequences([x, x, x * (1 + 1e-6)])
    actual = dtw.distances(songs, [(0, 1), (0, 2)], device="cpu")
    assert actual[0] == 0
    assert 0 < actual[1] < 1e16


# --- neighbours


def alike_songs(rng, lengths, n_dims):
    """Alike enough that costs are computed in both ways; every fifth is a frame that lasts."""
    lasting = rng.standard_normal((max(lengths), n_dims))
    songs = [lasting[:length] + 0.4 * rng.standard_normal((length, n_dims)) for length in lengths]
    return Ragged.from_sequences([np.repeat(x[:1], len(x), axis=0) if i % 5 == 0 else x for i, x in enumerate(songs)])


@pytest.mark.parametrize(("n_dims", "longest"), [(1, 90), (19, 130), (64, 40)])
@pytest.mark.parametrize("radius", [None, 3])
@pytest.mark.parametrize("songs_of", [songs_of, alike_songs])
def test_no_pair_feels_its_neighbours(rng, songs_of, radius, n_dims, longest):
    """Alone, in a matrix, in tiles of it, in a random list and with the sides exchanged: the same bits."""
    songs = songs_of(rng, rng.integers(1, longest, 53), n_dims)  # groups of 16, 8 or 4, and some left over
    together = dtw.matrix(songs, songs, band_radius=radius, device="cpu")
    np.testing.assert_array_equal(together, together.T)
    np.testing.assert_array_equal(dtw.matrix(songs, band_radius=radius, device="cpu"), together)
    rows, columns = np.arange(7, 20), np.arange(30, 41)
    tile = dtw.matrix(songs.take(rows), songs.take(columns), band_radius=radius, device="cpu")
    np.testing.assert_array_equal(tile, together[np.ix_(rows, columns)])
    pairs = rng.integers(0, len(songs), (200, 2))
    for others in (None, songs.take(np.arange(len(songs)))):
        listed = dtw.distances(songs, pairs, others=others, band_radius=radius, device="cpu", n_threads=2)
        np.testing.assert_array_equal(listed, together[tuple(pairs.T)])
    for first, second in pairs[:30]:
        alone = dtw.distances(songs, [(first, second)], band_radius=radius, device="cpu")
        assert alone == together[first, second]


# --- groups


def check_groups(groups, n_pairs):
    assert set(groups.order.ravel()) == set(range(n_pairs))


def test_a_matrix_fills_every_lane():
    lengths = np.full(64, 500)
    pairs = np.indices((64, 64)).reshape(2, -1).T
    groups = dtw_groups.group(lengths, lengths, pairs, np.full(len(pairs), 500), 16)
    check_groups(groups, len(pairs))
    assert len(groups.order) == 64 * 4
    assert (groups.queries[groups.order] == groups.queries[groups.order[:, :1]]).all()
    targets = groups.targets[groups.order]
    assert (np.diff(targets, axis=0) != 0).any(axis=1).sum() == 3  # each group of targets is packed once


def test_half_a_matrix_fills_nearly_every_lane(rng):
    for lengths in (np.full(64, 1292), rng.permutation(np.arange(1000, 1064))):
        pairs = np.stack(np.triu_indices(64, k=1), axis=1)
        groups = dtw_groups.group(lengths, None, pairs, np.full(len(pairs), 2000), 16)
        check_groups(groups, len(pairs))
        assert len(groups.order) == -(-len(pairs) // 16)
        assert dtw_groups.padding(groups, lengths, lengths) < 0.04


def test_a_random_list_of_unequal_lengths_wastes_little(rng):
    lengths = rng.integers(300, 1300, 2000)
    pairs = rng.integers(0, 2000, (10_000, 2))
    groups = dtw_groups.group(lengths, lengths.copy(), pairs, np.full(len(pairs), 2000), 16)
    check_groups(groups, len(pairs))
    assert dtw_groups.padding(groups, lengths, lengths) < 0.12


def test_one_target_for_all_queries_exchanges_the_sides():
    lengths = np.arange(10, 42)
    pairs = np.stack([np.arange(32), np.full(32, 5)], axis=1)
    groups = dtw_groups.group(lengths, lengths.copy(), pairs, np.full(32, 50), 16)
    assert groups.exchanged
    assert set(groups.queries) == {5}
    assert len(groups.order) == 2


def test_repeated_pairs_have_lanes_of_their_own():
    pairs = np.repeat([[0, 1], [1, 0], [1, 1]], [50, 3, 1], axis=0)
    groups = dtw_groups.group(np.array([5, 6]), None, pairs, np.full(54, 6), 16)
    check_groups(groups, 54)


def test_padding_is_that_of_the_computed_cells():
    songs = Ragged.from_sequences([np.zeros((length, 1)) for length in (1000, 2000)])
    pairs = np.repeat([[0, 1], [1, 1]], LANES // 2, axis=0)
    assert dtw_cpu.padding(songs, songs, pairs) == pytest.approx(1 - (2 + 4) / (2 * 4))
