"""Cosine distances on each device: against the definition, and the same bytes whatever the tiling."""

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

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


@given(data=st.data())
def test_matrix_equals_the_reference(backend, data):
    n_dims = data.draw(st.integers(1, 7))
    values = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-1e4, 1e4, width=32, allow_subnormal=False))
    vectors = arrays(np.float32, (data.draw(st.integers(1, 4)), n_dims), elements=values)
    rows, columns = (data.draw(vectors.filter(lambda array: array.any(axis=1).all())) for _ in range(2))
    expected = [[reference.cosine(x, y) for y in columns] for x in rows]
    actual = cosine.matrix(rows, columns, device=backend, out=nan(len(rows), len(columns)))
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-12)
    assert actual.min() >= 0
    assert actual.max() <= 2


@given(data=st.data())
def test_matrix_truncated_equals_the_reference(backend, data):
    n_dims = data.draw(st.integers(1, 3))
    values = st.floats(0.125, 100, width=32)
    rows, columns = (
        [data.draw(arrays(np.float32, (data.draw(st.integers(1, 9)), n_dims), elements=values)) for _ in range(n)]
        for n in (3, 2)
    )
    expected = [[reference.cosine_truncated(x, y) for y in columns] for x in rows]
    actual = cosine.matrix_truncated(
        Ragged.from_sequences(rows), Ragged.from_sequences(columns), device=backend, out=nan(3, 2)
    )
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


def test_a_wrong_out_is_refused():
    with pytest.raises(ValueError, match=r"out must have shape \(2, 2\), got \(2, 1\)"):
        cosine.matrix(np.eye(2), device="cpu", out=nan(2, 1))
