"""The simulated GPU itself: what a warp would do, and what it complains of.

Of the simulator alone: a GPU needs no proof, and some of these kernels would keep it waiting for ever.
"""

import os

import numba.cuda
import numpy as np
import pytest

cuda = numba.cuda
ALL = 0xFFFFFFFF
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(os.environ.get("NUMBA_ENABLE_CUDASIM") != "1", reason="of numba's simulator, not of a GPU"),
]


@cuda.jit
def shuffles(found):
    lane = cuda.threadIdx.x
    found[0, lane] = cuda.shfl_sync(ALL, lane, 5)
    found[1, lane] = cuda.shfl_up_sync(ALL, lane, 3)
    found[2, lane] = cuda.shfl_xor_sync(ALL, lane, 16)
    found[3, lane] = cuda.any_sync(ALL, lane == 7)
    found[4, lane] = cuda.all_sync(ALL, lane != 7)


def test_lanes_get_what_the_others_hold():
    found = np.full((5, 32), -1)
    shuffles[1, 32](found)
    lanes = np.arange(32)
    np.testing.assert_array_equal(found[0], np.full(32, 5))
    np.testing.assert_array_equal(found[1], np.where(lanes < 3, lanes, lanes - 3))
    np.testing.assert_array_equal(found[2], lanes ^ 16)
    np.testing.assert_array_equal(found[3:], [np.ones(32), np.zeros(32)])


@cuda.jit
def passed_around(found, has_barrier):
    """Each thread writes its number and reads that of the next, three times over."""
    shared = cuda.shared.array(64, "int32")
    thread = cuda.threadIdx.x
    for turn in range(3):
        cuda.syncthreads()
        shared[thread] = 64 * turn + thread
        if has_barrier:
            cuda.syncthreads()
        found[turn, thread] = shared[(thread + 1) % 64]


def test_a_barrier_that_is_missing_shows():
    """Threads run one after the other, now from the first, now from the last: some of them read too soon."""
    expected = 64 * np.arange(3)[:, np.newaxis] + (np.arange(64) + 1) % 64
    found = np.zeros((3, 64), np.int32)
    passed_around[1, 64](found, True)
    np.testing.assert_array_equal(found, expected)
    passed_around[1, 64](found, False)
    wrong = (found != expected).any(axis=1)
    assert wrong.all()


def test_the_direction_of_reading_does_not_hide_it():
    """A thread that reads its predecessor is right in the order of starting, and wrong in the other."""

    @cuda.jit
    def from_before(found):
        shared = cuda.shared.array(32, "int32")
        thread = cuda.threadIdx.x
        for turn in range(2):
            cuda.syncthreads()
            shared[thread] = 32 * turn + thread
            found[turn, thread] = shared[max(thread - 1, 0)]

    found = np.zeros((2, 32), np.int32)
    from_before[1, 32](found)
    before = np.maximum(np.arange(32) - 1, 0)
    assert sum((found[turn] == 32 * turn + before).all() for turn in range(2)) == 1


@cuda.jit
def some_wait(found):
    if cuda.threadIdx.x < 31:
        cuda.syncthreads()
    found[cuda.threadIdx.x] = 1


def test_who_waits_for_ever_is_told():
    with pytest.raises(RuntimeError, match="a barrier that others never reach"):
        some_wait[1, 32](np.zeros(32))


@cuda.jit
def one_fails(found):
    if cuda.threadIdx.x == 3:
        found[99] = 1
    cuda.syncthreads()


def test_the_cause_of_a_failure_is_told_and_the_next_launch_works():
    with pytest.raises(IndexError, match=r"thread \[3, 0, 0\] of block \[0, 0, 0\]: index 99"):
        one_fails[2, 32](np.zeros(32))
    found = np.full((5, 32), -1)
    shuffles[1, 32](found)
    assert found.min() >= 0


def test_grids_of_three_dimensions():
    @cuda.jit
    def number(found):
        x, y, z = cuda.grid(3)
        found[x, y, z] = cuda.laneid

    found = np.full((4, 4, 2), -1)
    number[(2, 1, 2), (2, 4, 1)](found)
    np.testing.assert_array_equal(found[:2, :, 0], found[2:, :, 1])
    np.testing.assert_array_equal(found[:2, :, 0], np.arange(8).reshape(4, 2).T)
