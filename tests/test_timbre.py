"""Timbre: Gaussians that are positive definite whatever was heard, and the measure that compares them."""

import subprocess
import sys

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from audiosim.distances.blocks import Block
from audiosim.distances.timbre import Timbre
from audiosim.features import timbre
from audiosim_kernels import gaussian

LEAST_EIGENVALUE_OF_MUSIC = 0.24  # of covariances of 25 MFCC over 178 clips


def music_like(rng, n_frames=400, n_dims=25):
    """Frames as MFCC have them: c0 large and far from 0, later coefficients ever smaller, all correlated."""
    scales = 100.0 / (1 + np.arange(n_dims))
    mixing = np.eye(n_dims) + 0.2 * rng.standard_normal((n_dims, n_dims))
    frames = rng.standard_normal((n_frames, n_dims)) @ mixing * scales
    frames[:, 0] -= 300
    return frames.astype(np.float32)


def matrix_of(vectors):
    pairs = np.indices((len(vectors), len(vectors))).reshape(2, -1).T
    block = Block(vectors, None)
    return Timbre().distances(block, block, pairs, device="cpu").reshape(len(vectors), -1)


# --- the feature


@pytest.mark.parametrize(("n_frames", "n_dims"), [(1, 1), (1, 4), (2, 3), (50, 1), (40, 7)])
def test_equals_the_reference_but_for_the_ridge(rng, n_frames, n_dims):
    frames = (50 * rng.standard_normal((n_frames, n_dims)) - 300).astype(np.float32)
    vector = timbre.gaussian(frames)
    assert vector.dtype == np.float32
    means, covariances = timbre.unpack(vector[None])
    mean, covariance = reference.gaussian(frames)
    np.testing.assert_allclose(means[0], mean, rtol=1e-6)
    ridge = timbre.RIDGE + n_dims * 2.0**-23 * np.diagonal(covariance)
    np.testing.assert_allclose(covariances[0], covariance + np.diag(ridge), rtol=1e-6, atol=1e-3 * timbre.RIDGE)


def test_the_triangle_is_packed_row_by_row(rng):
    frames = rng.standard_normal((30, 3)).astype(np.float32)
    covariance = np.cov(frames.T.astype(float), bias=True)
    vector = timbre.gaussian(frames)
    below = [covariance[i, j] for i, j in [(1, 0), (2, 0), (2, 1)]]
    np.testing.assert_allclose(vector[[4, 6, 7]], below, rtol=1e-5)


def test_25_coefficients_are_350_numbers(rng):
    vector = timbre.gaussian(music_like(rng))
    assert vector.shape == (350,)
    means, covariances = timbre.unpack(np.stack([vector, vector]))
    assert means.shape == (2, 25)
    assert covariances.shape == (2, 25, 25)
    np.testing.assert_array_equal(covariances, covariances.transpose(0, 2, 1))


@given(
    seed=st.integers(0, 2**32 - 1),
    n_frames=st.sampled_from([1, 2, 5, 24, 26, 300]),
    kind=st.sampled_from(["noise", "constant", "copies", "sums", "clicks", "sizes"]),
)
def test_rounded_to_float32_it_is_positive_definite(seed, n_frames, kind):
    """Fewer frames than dimensions, coefficients that stand still, follow one another or differ a millionfold."""
    rng = np.random.default_rng(seed)
    frames = music_like(rng, n_frames)
    if kind == "constant":
        frames[:, rng.random(25) < 0.5] = -20.0
    elif kind == "copies":
        frames[:, 1:] = frames[:, :1] * rng.choice([-1, 0.5, 3], 24)
    elif kind == "sums":
        frames[:, 3:] = frames[:, :3] @ rng.standard_normal((3, 22))
    elif kind == "clicks":
        frames[:] = -900
        frames[rng.integers(0, n_frames), :] = rng.uniform(-900, 900, 25)
    elif kind == "sizes":
        frames *= 10.0 ** rng.integers(-3, 4, 25)
    vector = timbre.gaussian(frames)
    covariance = timbre.unpack(vector[None])[1][0]
    deviations = np.sqrt(np.diagonal(covariance))
    correlation = covariance / np.outer(deviations, deviations)
    assert np.linalg.eigvalsh(correlation)[0] > 25 * 2.0**-25  # half of what the ridge is to leave, at the least
    others = np.stack([vector, timbre.gaussian(music_like(rng)), timbre.gaussian(np.zeros((1, 25), np.float32))])
    distances = gaussian.js_distances(others, [(0, 0), (0, 1), (0, 2)], device="cpu")
    assert np.isfinite(distances).all()
    assert distances[0] == 0


def test_the_ridge_is_small_beside_music(rng):
    """With the least eigenvalue that was seen in music, it moves distances of such tracks by less than 1 %."""
    clips = [music_like(rng) for _ in range(6)]
    covariances = [np.cov(clip.T.astype(float), bias=True) for clip in clips]
    scale = np.sqrt(LEAST_EIGENVALUE_OF_MUSIC / np.linalg.eigvalsh(covariances)[:, 0].min())
    clips = [(scale * clip).astype(np.float32) for clip in clips]
    vectors = np.stack([timbre.gaussian(clip) for clip in clips])
    bare = vectors.astype(np.float64)
    diagonal = np.array([i * (i + 3) // 2 for i in range(25)]) + 25
    bare[:, diagonal] = (bare[:, diagonal] - timbre.RIDGE) / (1 + 25 * 2.0**-23)
    actual, expected = (matrix_of(values.astype(np.float32)) for values in (vectors, bare))
    np.testing.assert_allclose(actual, expected, rtol=0.01, atol=1e-6)


def test_a_still_track_is_compared_by_its_sound_and_not_by_rounding(rng):
    """Two computations of a steady tone, 1e-3 apart, are near beside two tones; two silences are the same."""
    tone = np.tile(music_like(rng, 1), (100, 1))
    noisy = (tone + 1e-3 * rng.standard_normal(tone.shape)).astype(np.float32)
    other = tone.copy()
    other[:, 3] += 1.0
    vectors = np.stack([timbre.gaussian(frames) for frames in (tone, noisy, other)])
    matrix = matrix_of(vectors)
    assert matrix[0, 1] < 0.1
    assert matrix[0, 2] > 1.0
    silence = timbre.gaussian(np.full((7, 25), -300, np.float32))
    assert matrix_of(np.stack([silence, timbre.gaussian(np.full((9, 25), -300, np.float32))]))[0, 1] == 0


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        (np.empty((0, 25)), r"frames must have shape \(n_frames >= 1, n_dims >= 1\), got \(0, 25\)"),
        (np.empty((3, 0)), r"got \(3, 0\)"),
        (np.zeros(25), r"got \(25,\)"),
        (np.array([[0.0, 1.0], [np.nan, 1.0]]), "frames must be finite, got frame 1"),
        (np.array([[0.0], [3e38]]), r"variances below 3.4e38, got 2.3e\+76"),
    ],
)
def test_gaussian_refuses(frames, text):
    with pytest.raises(ValueError, match=text):
        timbre.gaussian(frames.astype(np.float32))


def test_unpack_refuses():
    with pytest.raises(ValueError, match=r"vectors must have shape \(n_tracks, n_values\), got \(350,\)"):
        timbre.unpack(np.zeros(350, np.float32))
    with pytest.raises(ValueError, match="got 351"):
        timbre.unpack(np.zeros((1, 351), np.float32))


# --- the measure


def test_it_loads_no_compiler():
    code = (
        "import sys, audiosim.distances.timbre, audiosim.features.timbre\n"
        "print([m for m in ('numba', 'keras', 'librosa', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_distances_are_those_of_the_reference_without_the_level(rng):
    """Two unlike blocks; the mean of c0 plays no part, its variance does."""
    rows, columns = (np.stack([timbre.gaussian(music_like(rng, 60, 4)) for _ in range(n)]) for n in (2, 3))
    pairs = np.array([(0, 2), (1, 0), (1, 1)])
    actual = Timbre().distances(Block(rows, None), Block(columns, None), pairs, device="cpu")
    first, second = timbre.unpack(rows), timbre.unpack(columns)
    first[0][:, 0] = second[0][:, 0] = 0
    first, second = list(zip(*first, strict=True)), list(zip(*second, strict=True))
    expected = [reference.js_distance(*first[i], *second[j]) for i, j in pairs]
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    columns[0, 4] *= 2  # the variance of c0
    assert Timbre().distances(Block(rows, None), Block(columns, None), pairs, device="cpu")[1] != actual[1]


def test_gain_changes_nothing(rng):
    """12 dB add 12 * sqrt(128) to c0 of every frame, exactly so for sums that float32 holds."""
    frames = np.round(music_like(rng) * 64) / 64
    louder = frames.copy()
    louder[:, 0] += 135.75
    vectors = np.stack([timbre.gaussian(clip) for clip in (frames, louder, music_like(rng))])
    matrix = matrix_of(vectors)
    assert matrix[0, 1] < 1e-6
    np.testing.assert_allclose(matrix[0, 2], matrix[1, 2], rtol=1e-6)


def test_the_order_of_frames_and_their_repetition_change_nothing(rng):
    frames = music_like(rng)
    clips = frames, rng.permutation(frames), np.tile(frames, (3, 1)), music_like(rng)
    matrix = matrix_of(np.stack([timbre.gaussian(clip) for clip in clips]))
    assert matrix[:3, :3].max() < 1e-3
    assert matrix[3, :3].min() > 0.5


def test_a_broken_row_is_named(rng):
    vectors = np.stack([timbre.gaussian(music_like(rng)) for _ in range(2)])
    vectors[1, 5] = np.nan
    with pytest.raises(ValueError, match="gaussian 1 must be finite"):
        matrix_of(vectors)
    vectors[1] = 0
    with pytest.raises(ValueError, match="gaussian 1 must have a positive definite covariance"):
        matrix_of(vectors)


def test_registry_card():
    measure = Timbre()
    assert (measure.name, measure.version, measure.feature, measure.standardized) == ("timbre", 1, "timbre", False)
    assert timbre.VERSION == 1
