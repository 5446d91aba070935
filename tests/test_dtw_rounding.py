"""What float32 sums lose, and where CUDA therefore adds up in float64: its recurrence, run on the CPU at real lengths.

The simulator is too slow for a thousand frames. Here `dtw_cell` walks row by row, with local costs in float32 and sums
in float32 or float64, as the kernel for any pair does cell by cell.
"""

import os
from itertools import product

import numpy as np
import pytest
from numba import njit

from audiosim_kernels import Ragged, dtw_cell, dtw_cuda

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="millions of cells")

N_FRAMES = 1_292  # 30 s
ASKED = 2e-6  # relative error against float64
MEASURES = list(product((True, False), (1, 2)))

_local_cost, _extend = njit(dtw_cell.local_cost), njit(dtw_cell.extend)


@njit
def accumulated(x, y, squared, weight, zero):
    """Total with local costs of the frames' type, and sums of the type of `zero`."""
    infinity = zero + np.float32(np.inf)
    above = np.full(len(y) + 1, infinity)
    for row in range(len(x)):
        left, diagonal = zero if row == 0 else infinity, above[0]
        for column in range(len(y)):
            up = above[column + 1]
            left = _extend(_local_cost(x, row, y, column, squared), left, up, diagonal, weight)
            above[column + 1], diagonal = left, up
    return above[len(y)]


@njit
def exact(x, y, squared, weight):
    above = np.full(len(y) + 1, np.inf)
    for row in range(len(x)):
        left, diagonal = 0.0 if row == 0 else np.inf, above[0]
        for column in range(len(y)):
            cost = 0.0
            for dim in range(x.shape[1]):
                cost += (np.float64(x[row, dim]) - np.float64(y[column, dim])) ** 2
            if not squared:
                cost = np.sqrt(cost)
            up = above[column + 1]
            left = min(left + cost, up + cost, diagonal + weight * cost)
            above[column + 1], diagonal = left, up
    return above[len(y)]


def errors(x, y, number):
    """Relative error of the total with sums in float32 or float64, for every measure."""
    found = []
    for squared, weight in MEASURES:
        total = np.float64(accumulated(x, y, squared, np.float32(weight), number(0)))
        found.append(total / exact(x, y, squared, weight) - 1)
    return np.abs(found)


def walk(rng, n_frames):
    """Frames that wander as MFCC do, of unit variance."""
    frames = rng.standard_normal((n_frames, 20))
    for frame in range(1, n_frames):
        frames[frame] = 0.9 * frames[frame - 1] + 0.19**0.5 * frames[frame]
    return (frames + rng.standard_normal(20) / 2).astype(np.float32)


def still(rng, n_frames):
    return np.repeat(rng.standard_normal((1, 20)), n_frames, axis=0).astype(np.float32)


def is_double(*sequences):
    return dtw_cuda.Suited.of(Ragged.from_sequences(sequences), "split").double


@pytest.mark.parametrize("other", ["still", "moving", "short and moving"])
def test_with_one_that_stands_still_float32_is_not_enough_and_float64_is(rng, other):
    """One is enough: where the other is shorter, or diagonal steps pay nothing, its cheapest frame comes again too."""
    x = still(rng, N_FRAMES)
    y = {"still": still(rng, N_FRAMES), "moving": walk(rng, N_FRAMES), "short and moving": walk(rng, 300)}[other]
    assert is_double(x)[0]
    assert errors(x, y, np.float32).max() > 2 * ASKED
    assert errors(x, y, np.float64).max() < ASKED / 4


def test_a_run_of_equal_frames_that_float32_bears(rng):
    """As long as is allowed, at the end, where the sums are largest; eight times as long, it does not."""
    spread = {}
    for length in (dtw_cuda.MOST_REPEATS + 1, 8 * dtw_cuda.MOST_REPEATS):
        runs = [np.concatenate([walk(rng, N_FRAMES - length), still(rng, length)]) for _ in range(6)]
        assert (is_double(*runs) == (length > dtw_cuda.MOST_REPEATS + 1)).all()
        found = [errors(x, y, np.float32) for x, y in zip(runs[::2], runs[1::2], strict=True)]
        spread[length] = np.sqrt(np.mean(np.square(found)))
    few, many = spread.values()
    assert few < 0.6 * ASKED
    assert many > ASKED


def test_the_error_of_float32_sums_grows_like_the_root_of_the_length(rng):
    """To the longest that is added up in float32, two standard deviations and more are as good as was asked for."""
    spread = {}
    for n_frames, n_pairs in ((400, 24), (dtw_cuda.LONGEST, 6), (3 * dtw_cuda.LONGEST, 1)):
        pairs = [(walk(rng, n_frames), walk(rng, n_frames)) for _ in range(n_pairs)]
        spread[n_frames] = np.sqrt(np.mean([errors(x, y, np.float32) ** 2 for x, y in pairs]))
        assert errors(*pairs[0], np.float64).max() < ASKED / 20
        assert is_double(pairs[0][0])[0] == (n_frames > dtw_cuda.LONGEST)
    short, longest, too_long = spread.values()
    assert short < longest < ASKED / 2 < 1.5 * too_long
    np.testing.assert_allclose(longest / short, (dtw_cuda.LONGEST / 400) ** 0.5, rtol=0.4)
