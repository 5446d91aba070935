"""Cosine distances on each device: against the definition, and the same bytes whatever the tiling."""

import numpy as np
import pytest
import reference

from audiosim_kernels import Ragged, cosine


def nan(*shape):
    """An array that shows which of its elements were never written."""
    return np.full(shape, np.nan, dtype=np.float32)


def assert_same_bytes(actual, expected):
    np.testing.assert_array_equal(
        np.ascontiguousarray(actual).view(np.uint32), np.ascontiguousarray(expected).view(np.uint32)
    )


def songs_of(rng, *lengths, n_dims=3):
    return Ragged.from_sequences([rng.standard_normal((n, n_dims)) for n in lengths])


# --- the definition


@pytest.mark.parametrize("case", range(12))
def test_matrix_equals_the_reference(backend, rng, case):
    """Ordinary numbers, and a few of which many are 0, 1 or -1 and the same."""
    n_dims = 1 + case % 7
    rows, columns = (rng.uniform(-1e4, 1e4, (n, n_dims)).astype(np.float32) for n in rng.integers(1, 5, size=2))
    if case % 2:
        rows, columns = (np.sign(vectors) * (np.abs(vectors) > 3e3) for vectors in (rows, columns))
        rows[:, 0] = columns[:, -1] = 1  # no vector is zero throughout
    expected = [[reference.cosine(x, y) for y in columns] for x in rows]
    actual = cosine.matrix(rows, columns, device=backend, out=nan(len(rows), len(columns)))
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-12)
    assert actual.min() >= 0
    assert actual.max() <= 2


@pytest.mark.parametrize("case", range(6))
def test_matrix_truncated_equals_the_reference(backend, rng, case):
    n_dims = 1 + case % 3
    rows, columns = (
        [rng.uniform(0.125, 100, (length, n_dims)) for length in rng.integers(1, 10, size=n)] for n in (3, 2)
    )
    songs, others = Ragged.from_sequences(rows), Ragged.from_sequences(columns)
    expected = [[reference.cosine_truncated(x, y) for y in others] for x in songs]
    actual = cosine.matrix_truncated(songs, others, device=backend, out=nan(3, 2))
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-12)


def test_stretches_of_values_are_added_up(rng):
    """More values than the CPU takes at once, in sequences that end inside, at and beyond a stretch."""
    songs = songs_of(rng, 511, 512, 513, 1100, 5, n_dims=2)
    expected = [[reference.cosine_truncated(x, y) for y in songs] for x in songs]
    actual = cosine.matrix_truncated(songs, device="cpu", out=nan(5, 5))
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-12)


def test_near_duplicates_keep_their_small_distance(backend):
    x = np.array([[1.0, 0.0]], dtype=np.float32)
    y = np.array([[1.0, 2.0**-12]], dtype=np.float32)
    np.testing.assert_allclose(cosine.matrix(x, y, device=backend), 2.0**-25, rtol=1e-6)


# --- properties


@pytest.mark.parametrize("n_dims", [1, 2, 40, 513])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e4, 1e30])
def test_equal_vectors_are_at_exactly_zero(backend, rng, n_dims, scale):
    row = scale * rng.standard_normal(n_dims)
    np.testing.assert_array_equal(cosine.matrix([row, row], device=backend, out=nan(2, 2)), 0)


def test_sequences_that_begin_alike_are_at_exactly_zero(backend, rng):
    long = rng.standard_normal((9, 5))
    songs = Ragged.from_sequences([long, long[:4], long[:1]])
    np.testing.assert_array_equal(cosine.matrix_truncated(songs, device=backend, out=nan(3, 3)), 0)


def test_opposite_and_orthogonal_vectors(backend):
    actual = cosine.matrix([[1, 2], [-2, -4], [-2, 1]], device=backend, out=nan(3, 3))
    np.testing.assert_allclose(actual, [[0, 2, 1], [2, 0, 1], [1, 1, 0]], atol=1e-7)


def test_symmetric_to_the_last_bit(backend, rng):
    for matrix in (
        cosine.matrix(rng.standard_normal((7, 40)), device=backend, out=nan(7, 7)),
        cosine.matrix_truncated(songs_of(rng, 3, 8, 1, 5), device=backend, out=nan(4, 4)),
    ):
        assert_same_bytes(matrix, matrix.T)
        assert_same_bytes(np.diagonal(matrix), np.zeros(len(matrix), np.float32))


@pytest.mark.parametrize("tile", [1, 3, 64])
def test_a_matrix_that_grew_by_tiles_equals_one_computed_at_once(rng, tile):
    """Also for near-duplicates, where float32 shows the last bits of float64."""
    vectors = rng.standard_normal((70, 40)).astype(np.float32)
    vectors[35:] = vectors[:35] * (1 + 1e-6 * rng.standard_normal((35, 40)).astype(np.float32))
    whole = cosine.matrix(vectors, device="cpu")
    grown = nan(70, 70)
    for i in range(0, 70, tile):
        for j in range(0, 70, tile):
            grown[i : i + tile, j : j + tile] = cosine.matrix(
                vectors[i : i + tile], vectors[j : j + tile], device="cpu"
            )
    assert_same_bytes(grown, whole)


def test_truncated_pairs_do_not_depend_on_the_rest_of_the_call(backend, rng):
    songs = songs_of(rng, 3, 11, 1, 7)
    whole = cosine.matrix_truncated(songs, device=backend)
    alone = [
        [cosine.matrix_truncated(songs.take([i]), songs.take([j]), device=backend)[0, 0] for j in range(4)]
        for i in range(4)
    ]
    assert_same_bytes(whole, np.array(alone))


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda")
def test_both_devices_give_the_same_bytes(rng):
    songs = songs_of(rng, 3, 11, 1, 7, n_dims=5)
    assert_same_bytes(*(cosine.matrix_truncated(songs, device=name) for name in ("cpu", "cuda")))


def test_a_strided_out_and_other_dtypes(backend):
    canvas = nan(4, 4)
    out = canvas[::2, ::2]
    assert cosine.matrix(np.eye(2, dtype=np.int32), device=backend, out=out) is out
    np.testing.assert_array_equal(canvas[::2, ::2], [[0, 1], [1, 0]])
    assert np.isnan(canvas).sum() == 12


def test_no_rows_and_no_columns(backend):
    assert cosine.matrix(np.empty((0, 3)), device=backend).shape == (0, 0)
    assert cosine.matrix(np.ones((2, 3)), np.empty((0, 3)), device=backend).shape == (2, 0)


@pytest.mark.parametrize("n_dims", [1, 40, 300])
def test_blocks_tiles_and_threads_change_no_byte(rng, n_dims):
    """More rows and columns than a block of the CPU holds, and neither a whole number of tiles."""
    rows, columns = rng.standard_normal((250, n_dims)), rng.standard_normal((491, n_dims))
    whole = cosine.matrix(rows, columns, device="cpu", out=nan(250, 491))
    assert_same_bytes(cosine.matrix(rows, columns, device="cpu", n_threads=3), whole)
    assert_same_bytes(cosine.matrix(columns, rows, device="cpu").T, whole)
    grown = np.hstack([cosine.matrix(rows, columns[j : j + 100], device="cpu") for j in range(0, 491, 100)])
    assert_same_bytes(grown, whole)
    mirrored = cosine.matrix(columns, device="cpu", out=nan(491, 491))
    assert_same_bytes(mirrored, cosine.matrix(columns, columns.copy(), device="cpu"))


def test_the_sum_of_each_pair_is_added_in_order(rng):
    """The promise itself: value after value in float64, whatever lanes and tiles are used."""
    x, y = (rng.standard_normal((1, 600)).astype(np.float32) for _ in range(2))
    dot, x_square, y_square = (np.cumsum(a.astype(np.float64) * b)[-1] for a, b in [(x, y), (x, x), (y, y)])
    expected = np.float32(1 - dot / np.sqrt(x_square * y_square))
    assert cosine.matrix(x, y, device="cpu")[0, 0] == expected


def test_launches_of_a_few_rows_make_the_same_matrix(backend, rng, monkeypatch):
    if backend == "cuda":
        from audiosim_kernels import cosine_cuda

        monkeypatch.setattr(cosine_cuda, "RESULT_BYTES", 4 * 5 * 3)  # three rows of five columns
    rows, columns = rng.standard_normal((7, 20)), rng.standard_normal((5, 20))
    actual = cosine.matrix(rows, columns, device=backend, out=nan(7, 5))
    assert_same_bytes(actual, cosine.matrix(rows, columns, device="cpu"))


# --- the nearest


def nearest_by_sorting(matrix, k):
    order = np.argsort(matrix, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(matrix, order, axis=1)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_top_k_equals_sorting_the_matrix(rng, monkeypatch, k):
    """Blocks smaller than the matrix, and ties: every column twice."""
    monkeypatch.setattr(cosine, "_TOP_K_ROWS", 4)
    monkeypatch.setattr(cosine, "_TOP_K_COLUMNS", 5)
    rows, columns = rng.standard_normal((9, 6)), np.repeat(rng.standard_normal((6, 6)), 2, axis=0)
    indices, distances = cosine.top_k(rows, columns, k=k, device="cpu")
    expected_indices, expected = nearest_by_sorting(cosine.matrix(rows, columns, device="cpu"), k)
    np.testing.assert_array_equal(indices, expected_indices)
    assert_same_bytes(distances, expected)


def test_top_k_among_themselves_leaves_each_row_out(backend, rng, monkeypatch):
    monkeypatch.setattr(cosine, "_TOP_K_ROWS", 4)
    monkeypatch.setattr(cosine, "_TOP_K_COLUMNS", 3)
    vectors = np.repeat(rng.standard_normal((5, 6)), 2, axis=0)  # each has a twin at distance 0
    matrix = cosine.matrix(vectors, device=backend)
    np.fill_diagonal(matrix, np.inf)
    indices, distances = cosine.top_k(vectors, k=9, device=backend)
    expected_indices, expected = nearest_by_sorting(matrix, 9)
    np.testing.assert_array_equal(indices, expected_indices)
    assert_same_bytes(distances, expected)
    np.testing.assert_array_equal(distances[:, 0], 0)


@pytest.mark.parametrize(("k", "n_candidates"), [(0, 2), (3, 2), (-1, 2)])
def test_top_k_refuses_what_is_not_there(k, n_candidates):
    with pytest.raises(ValueError, match=rf"k must lie in 1 \.\.\. {n_candidates}, .* got {k}"):
        cosine.top_k(np.eye(3), k=k, device="cpu")


def test_top_k_names_a_zero_vector_by_its_index_in_the_whole(monkeypatch):
    monkeypatch.setattr(cosine, "_TOP_K_ROWS", 2)
    with pytest.raises(ValueError, match="row 4 must not be zero"):
        cosine.top_k([[1], [1], [1], [1], [0]], k=1, device="cpu")


# --- refusals


@pytest.mark.parametrize(
    ("rows", "columns", "error", "text"),
    [
        ([[1, 0], [0, 0]], None, ValueError, "row 1 must not be zero throughout its first 1 frame"),
        ([[1, 0]], [[0, 0]], ValueError, "column 0 must not be zero"),
        ([[1, 0]], [[1, 0], [np.nan, 1]], ValueError, "column 1 must be finite"),
        ([[1e39]], None, ValueError, "row 0 must be finite"),
        ([1, 0], None, ValueError, r"rows must have shape \(n_rows, n_dims >= 1\), got \(2,\)"),
        ([[1, 0]], [[1, 0, 0]], ValueError, "same n_dims, got 2 and 3"),
        ([[1j]], None, TypeError, "rows must hold real numbers, got dtype complex128"),
    ],
)
def test_matrix_refuses(rows, columns, error, text):
    with pytest.raises(error, match=text):
        cosine.matrix(rows, columns, device="cpu")


def test_a_cut_without_direction_is_refused():
    """The second song begins with silence; only its cut to the first one's length is zero."""
    songs = Ragged.from_sequences([[[1.0], [1.0]], [[0.0], [0.0], [1.0]], [[1.0], [2.0], [3.0]]])
    with pytest.raises(ValueError, match="row 1 must not be zero throughout its first 2 frame"):
        cosine.matrix_truncated(songs, device="cpu")
    assert cosine.matrix_truncated(songs.take([1, 2]), device="cpu").shape == (2, 2)


def test_too_few_threads_are_refused():
    with pytest.raises(ValueError, match="n_threads must be >= 1, got 0"):
        cosine.matrix(np.eye(2), device="cpu", n_threads=0)


def test_a_wrong_out_is_refused():
    with pytest.raises(ValueError, match=r"out must have shape \(2, 2\), got \(2, 1\)"):
        cosine.matrix(np.eye(2), device="cpu", out=nan(2, 1))
