"""Ragged: sequences end to end, and what it refuses."""

import pickle

import numpy as np
import pytest

from audiosim_kernels import Ragged


def test_keeps_the_sequences_in_order(rng):
    sequences = [rng.standard_normal((n, 3)) for n in (4, 1, 7)]
    ragged = Ragged.from_sequences(sequences)
    assert len(ragged) == 3
    assert ragged.n_dims == 3
    assert ragged.frames.dtype == np.float32
    assert ragged.offsets.dtype == np.int64
    np.testing.assert_array_equal(ragged.offsets, [0, 4, 5, 12])
    np.testing.assert_array_equal(ragged.lengths, [4, 1, 7])
    for index, sequence in enumerate(sequences):
        np.testing.assert_array_equal(ragged[index], sequence.astype(np.float32))
    np.testing.assert_array_equal(ragged[-1], ragged[2])
    assert [len(frames) for frames in ragged] == [4, 1, 7]


def test_take_copies_in_the_order_asked_for(rng):
    ragged = Ragged.from_sequences([rng.standard_normal((n, 2)) for n in (4, 1, 7)])
    taken = ragged.take([2, 0, 2])
    np.testing.assert_array_equal(taken.lengths, [7, 4, 7])
    np.testing.assert_array_equal(taken[1], ragged[0])
    np.testing.assert_array_equal(taken[2], ragged[2])
    assert not np.shares_memory(taken.frames, ragged.frames)


def test_take_of_nothing_keeps_the_dimensions():
    empty = Ragged.from_sequences([np.zeros((2, 5))]).take([])
    assert len(empty) == 0
    assert empty.n_dims == 5


def test_frames_are_not_copied_and_read_only():
    frames = np.zeros((3, 2), dtype=np.float32)
    ragged = Ragged(frames, np.array([0, 3]))
    assert np.shares_memory(ragged.frames, frames)
    with pytest.raises(ValueError, match="read-only"):
        ragged.frames[0, 0] = 1
    assert frames.flags.writeable


def test_survives_a_pickle(rng):
    ragged = Ragged.from_sequences([rng.standard_normal((n, 2)) for n in (4, 1)])
    copy = pickle.loads(pickle.dumps(ragged))
    np.testing.assert_array_equal(copy.frames, ragged.frames)
    np.testing.assert_array_equal(copy.offsets, ragged.offsets)
    assert not copy.frames.flags.writeable


@pytest.mark.parametrize(
    ("sequences", "error", "text"),
    [
        ([], ValueError, "at least one sequence, got none"),
        (
            [np.ones((2, 12)), np.ones((0, 12))],
            ValueError,
            r"sequence 1 must have shape \(n_frames >= 1, 12\), got \(0, 12\)",
        ),
        (
            [np.ones((2, 3)), np.ones((2, 4))],
            ValueError,
            r"sequence 1 must have shape \(n_frames >= 1, 3\), got \(2, 4\)",
        ),
        ([np.ones(3)], ValueError, r"sequence 0 must have shape \(n_frames >= 1, n_dims\), got \(3,\)"),
        ([np.ones((2, 0))], ValueError, "n_dims >= 1"),
        ([np.ones((2, 3), dtype=complex)], TypeError, "sequence 0 must hold real numbers, got dtype complex128"),
        (
            [np.ones((2, 2)), [[0, 0], [0, np.nan]]],
            ValueError,
            r"sequence 1 must be finite, got \[ 0. nan\] in frame 1",
        ),
        ([[[1e39]]], ValueError, "sequence 0 must be finite"),
        ([[[-np.inf]]], ValueError, "sequence 0 must be finite"),
    ],
)
def test_from_sequences_refuses(sequences, error, text):
    with pytest.raises(error, match=text):
        Ragged.from_sequences(sequences)


@pytest.mark.parametrize(
    ("frames", "offsets", "error", "text"),
    [
        (np.ones((2, 1)), np.array([0, 2]), TypeError, "frames must be float32"),
        (np.ones((2, 1), np.float32), np.array([0, 2], np.int32), TypeError, "offsets int64"),
        (np.ones(2, np.float32), np.array([0, 2]), ValueError, "n_frames_total"),
        (np.ones((2, 3), np.float32).T, np.array([0, 3]), ValueError, "C-contiguous"),
        (np.ones((2, 1), np.float32), np.array([[0, 2]]), ValueError, r"\(n_sequences \+ 1,\)"),
        (np.ones((2, 1), np.float32), np.array([0, 1]), ValueError, "end with n_frames_total = 2, got 0 and 1"),
        (np.ones((2, 1), np.float32), np.array([1, 2]), ValueError, "begin with 0"),
        (np.ones((3, 1), np.float32), np.array([0, 2, 1, 3]), ValueError, r"sequence 1 .* got \(-1, 1\)"),
    ],
)
def test_construction_refuses(frames, offsets, error, text):
    with pytest.raises(error, match=text):
        Ragged(frames, offsets)


@pytest.mark.parametrize(
    ("indices", "error", "text"),
    [
        ([0, 2], IndexError, r"indices must lie in 0 \.\.\. 1, got 0 \.\.\. 2"),
        ([-1], IndexError, "got -1"),
        ([0.0], TypeError, "must be integers"),
        ([True, False], TypeError, "must be integers"),
    ],
)
def test_take_refuses(indices, error, text):
    with pytest.raises(error, match=text):
        Ragged.from_sequences([np.ones((2, 1)), np.ones((3, 1))]).take(indices)


def test_an_index_out_of_range_is_refused():
    with pytest.raises(IndexError, match=r"-1 \.\.\. 0, got 1"):
        Ragged.from_sequences([np.ones((2, 1))])[1]
