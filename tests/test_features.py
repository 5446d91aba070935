"""Specs, moments, pooling and corpus statistics: numpy only."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.features import (
    CorpusStatistics,
    FrameSums,
    MfccSpec,
    corpus_statistics,
    mean_pool,
    moments,
    standardize,
)


def test_import_loads_neither_keras_nor_librosa():
    code = "import sys, audiosim.features; print([m for m in ('keras', 'tensorflow', 'librosa') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- spec


def test_spec_is_json_and_comes_back():
    spec = MfccSpec(n_mfcc=13, fmax=8_000.0)
    assert MfccSpec(**json.loads(json.dumps(spec.parameters()))) == spec
    assert (spec.name, spec.version) == ("mfcc", 1)


def test_default_spec_is_43_frames_a_second():
    assert MfccSpec().frame_rate == pytest.approx(43.066, abs=1e-3)
    assert [MfccSpec().n_frames(n) for n in (1, 511, 512, 22_050)] == [1, 1, 2, 44]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hop_length": 0}, "hop_length must be at least 1, got 0"),
        ({"n_fft": 2_047}, "n_fft must be even.*got 2047"),
        ({"n_mfcc": 129}, "n_mfcc must be at most n_mels = 128, got 129"),
        ({"fmax": 12_000.0}, "11025.0 Hz.*fmax=12000.0"),
        ({"fmin": 500.0, "fmax": 400.0}, "fmin=500.0, fmax=400.0"),
        ({"top_db": 0.0}, "top_db must be a positive.*got 0.0"),
        ({"top_db": float("nan")}, "top_db must be a positive.*got nan"),
    ],
)
def test_spec_refuses_impossible_values(wrong, message):
    with pytest.raises(ValueError, match=message):
        MfccSpec(**wrong)


# --- moments


def test_moments_are_means_then_deviations(rng):
    frames = (rng.standard_normal((1_000, 20)) * 30.0 - 400.0).astype(np.float32)
    got = moments(frames)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[:20], frames.astype(np.float64).mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(got[20:], frames.astype(np.float64).std(axis=0), rtol=1e-7)


def test_moments_of_one_frame_have_no_deviation():
    np.testing.assert_array_equal(moments(np.array([[-400.0, 3.0]], np.float32)), [-400.0, 3.0, 0.0, 0.0])


def test_sums_do_not_see_the_memory_layout(rng):
    frames = rng.standard_normal((997, 20)).astype(np.float32)
    transposed = np.asfortranarray(frames)
    np.testing.assert_array_equal(moments(transposed), moments(frames))
    np.testing.assert_array_equal(FrameSums.of(transposed).total, FrameSums.of(frames).total)
    np.testing.assert_array_equal(FrameSums.of(transposed).spread, FrameSums.of(frames).spread)


@pytest.mark.parametrize("shape", [(0, 20), (20,)])
@pytest.mark.parametrize("function", [moments, FrameSums.of])
def test_no_frames_are_refused(function, shape):
    with pytest.raises(ValueError, match=r"n_frames >= 1, n_dims\), got"):
        function(np.zeros(shape, np.float32))


# --- pooling


def pooled_by_definition(frames, frame_rate, target_rate):
    period = frame_rate / target_rate
    groups, i = [], 0
    while round(i * period) < len(frames):
        start, stop = round(i * period), round((i + 1) * period)
        group = frames[start:stop]
        if i == 0 or 2 * len(group) >= stop - start:
            groups.append(group.astype(np.float64).mean(axis=0))
        i += 1
    return np.array(groups)


@given(n_frames=st.integers(1, 400), target_rate=st.sampled_from([0.7, 1.0, 2.0, 3.3, 7.0, 21.6, 43.0]))
def test_mean_pool_equals_its_definition(n_frames, target_rate):
    frames = np.random.default_rng(n_frames).standard_normal((n_frames, 3)).astype(np.float32)
    rate = MfccSpec().frame_rate
    got = mean_pool(frames, frame_rate=rate, target_rate=target_rate)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, pooled_by_definition(frames, rate, target_rate), atol=1e-6)


def test_mean_pool_keeps_time():
    # Four minutes at 43.07 Hz: a group length rounded to 22 frames would end up 2.1 % late.
    frames = np.arange(10_337, dtype=np.float32)[:, None]
    pooled = mean_pool(frames, frame_rate=22_050 / 512, target_rate=2.0)
    assert len(pooled) == 480
    assert pooled[-1, 0] == pytest.approx(479.5 * 22_050 / 512 / 2.0, abs=1.0)


@pytest.mark.parametrize(("n_frames", "n_groups"), [(1, 1), (4, 1), (5, 1), (6, 2), (7, 2), (8, 2), (9, 2), (10, 3)])
def test_mean_pool_keeps_a_last_group_at_least_half_full(n_frames, n_groups):
    frames = np.ones((n_frames, 2), np.float32)
    pooled = mean_pool(frames, frame_rate=4.0, target_rate=1.0)
    np.testing.assert_array_equal(pooled, np.ones((n_groups, 2)))


def test_mean_pool_at_the_same_rate_changes_nothing(rng):
    frames = rng.standard_normal((5, 3)).astype(np.float32)
    np.testing.assert_array_equal(mean_pool(frames, frame_rate=43.0, target_rate=43.0), frames)


@pytest.mark.parametrize("target_rate", [0.0, -1.0, 43.1, float("nan")])
def test_mean_pool_refuses_impossible_rates(target_rate):
    with pytest.raises(ValueError, match=r"target_rate must be above 0 and at most frame_rate = 43\.0"):
        mean_pool(np.ones((3, 2), np.float32), frame_rate=43.0, target_rate=target_rate)


# --- statistics


def tracks_of(rng, n_tracks=50):
    lengths = rng.integers(1, 300, n_tracks)
    return [(rng.standard_normal((n, 4)) * [200.0, 30.0, 1.0, 1e-3] - 400.0).astype(np.float32) for n in lengths]


def test_corpus_statistics_equal_those_of_all_frames(rng):
    tracks = tracks_of(rng)
    everything = np.concatenate(tracks).astype(np.float64)
    got = corpus_statistics([FrameSums.of(frames) for frames in tracks])
    assert got.n_frames == len(everything)
    np.testing.assert_allclose(got.mean, everything.mean(axis=0), rtol=1e-13)
    # Sums of squares around 0 would keep 4 digits of the last column: its std is 1e-3 at a mean of -400.
    np.testing.assert_allclose(got.std, everything.std(axis=0), rtol=1e-10)


def test_corpus_statistics_are_bitwise_the_same_in_any_order(rng):
    sums = [FrameSums.of(frames) for frames in tracks_of(rng)]
    first = corpus_statistics(sums)
    for _ in range(20):
        other = corpus_statistics([sums[i] for i in rng.permutation(len(sums))])
        np.testing.assert_array_equal(other.mean, first.mean)
        np.testing.assert_array_equal(other.std, first.std)


def test_constant_coefficient_becomes_zero(rng):
    tracks = tracks_of(rng)
    for frames in tracks:
        frames[:, 1] = 0.1  # not representable: the mean of equal numbers must be the number all the same
    statistics = corpus_statistics(map(FrameSums.of, tracks))
    assert statistics.std[1] == 1.0
    np.testing.assert_array_equal(standardize(tracks[0], statistics)[:, 1], 0.0)


def test_standardized_corpus_has_mean_0_and_deviation_1(rng):
    tracks = tracks_of(rng)
    statistics = corpus_statistics(map(FrameSums.of, tracks))
    scaled = np.concatenate([standardize(frames, statistics) for frames in tracks])
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=0, dtype=np.float64), 0.0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0, dtype=np.float64), 1.0, rtol=1e-6)


def test_statistics_of_nothing_and_of_unlike_tracks_are_refused():
    with pytest.raises(ValueError, match="at least 1 track, got none"):
        corpus_statistics([])
    with pytest.raises(ValueError, match=r"same n_dims, got sums of shapes \[\(2,\), \(3,\)\]"):
        corpus_statistics([FrameSums.of(np.ones((1, n), np.float32)) for n in (2, 3)])


def test_standardize_refuses_other_coefficients():
    statistics = CorpusStatistics(mean=np.zeros(3), std=np.ones(3), n_frames=1)
    with pytest.raises(ValueError, match=r"\(n_frames, 3\) like the statistics, got \(5, 4\)"):
        standardize(np.ones((5, 4), np.float32), statistics)
