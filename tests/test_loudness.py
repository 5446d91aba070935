"""Loudness against the recommendation's signals and pyloudnorm; gates, gain, blocks, memory and threads."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyloudnorm
import pytest

from audiosim.features import loudness
from audiosim.features.loudness import SILENCE, integrated_loudness, momentary_loudness

RATE = 22_050


def sine(seconds, *, level_db=0.0, frequency=997.0, sample_rate=RATE):
    """A sine whose peak is that far from full scale, float32."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (10.0 ** (level_db / 20.0) * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def sines(*parts):
    """Sines of 1 kHz one after the other, each (seconds, level_db)."""
    return np.concatenate([sine(seconds, level_db=level, frequency=1_000.0) for seconds, level in parts])


# --- the recommendation


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_full_scale_at_997_hz_is_3_lu_below_zero(sample_rate):
    tone = sine(5.0, sample_rate=sample_rate)
    assert abs(integrated_loudness(tone, sample_rate) + 3.01) < 0.1
    np.testing.assert_allclose(momentary_loudness(tone, sample_rate), -3.01, atol=0.1)


# Signals 1 to 5 of EBU Tech 3341, shortened, with one channel of two: 3.01 LU less.
@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(6, -23)], -23.0),
        ([(6, -33)], -33.0),
        ([(10, -36), (60, -23), (10, -36)], -23.0),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23.0),
        ([(20, -26), (20.1, -20), (20, -26)], -23.0),
    ],
)
def test_gates_treat_test_signals_as_the_recommendation_does(parts, expected):
    assert abs(integrated_loudness(sines(*parts), RATE) - (expected - 3.01)) < 0.1


@pytest.mark.parametrize(("sample_rate", "tolerance"), [(22_050, 1e-6), (48_000, 1e-6), (11_025, 1e-3), (44_100, 1e-6)])
def test_integrated_loudness_equals_pyloudnorm(rng, sample_rate, tolerance):
    # 3.4 s, which blocks fill without a rest: pyloudnorm counts a last block that is more than half full.
    swelling = rng.standard_normal(round(3.4 * sample_rate)) * np.linspace(0.001, 0.5, round(3.4 * sample_rate)) ** 2
    meter = pyloudnorm.Meter(sample_rate, filter_class="DeMan")
    assert abs(integrated_loudness(swelling, sample_rate) - meter.integrated_loudness(swelling)) < tolerance


# --- gates, gain, silence


def test_silence_and_what_is_shorter_than_a_block_have_the_floor():
    for n_samples in (1, 100, 8_819, 5 * RATE):
        signal = np.zeros(n_samples, np.float32) if n_samples > RATE else sine(1.0)[:n_samples]
        assert integrated_loudness(signal, RATE) == SILENCE == -70.0
        np.testing.assert_array_equal(momentary_loudness(signal, RATE), -70.0)
    assert integrated_loudness(sine(0.4)[:8_820], RATE) > -4.0
    assert integrated_loudness(sine(2.0, level_db=-80.0), RATE) == SILENCE


def test_silence_around_music_moves_nothing(rng):
    music = (0.1 * rng.standard_normal(10 * RATE)).astype(np.float32)
    silence = np.zeros(5 * RATE, np.float32)
    surrounded = np.concatenate([silence, music, silence])
    # Blocks that overlap an edge still count.
    assert abs(integrated_loudness(surrounded, RATE) - integrated_loudness(music, RATE)) < 0.15


@pytest.mark.parametrize("gain_db", [-12.0, 12.0])
def test_gain_is_added_exactly(rng, gain_db):
    signal = (0.05 * rng.standard_normal(7 * RATE) * np.linspace(0.2, 1.0, 7 * RATE)).astype(np.float32)
    louder = (signal * 10.0 ** (gain_db / 20.0)).astype(np.float32)
    assert abs(integrated_loudness(louder, RATE) - integrated_loudness(signal, RATE) - gain_db) < 1e-6
    np.testing.assert_allclose(momentary_loudness(louder, RATE) - gain_db, momentary_loudness(signal, RATE), atol=1e-4)


# --- blocks


@pytest.mark.parametrize(("seconds", "n_blocks"), [(0.05, 1), (0.4, 1), (0.49, 1), (0.5, 2), (1.0, 7), (30.0, 297)])
def test_blocks_of_400_ms_begin_every_100_ms(seconds, n_blocks):
    values = momentary_loudness(sine(seconds), RATE)
    assert values.shape == (n_blocks, 1)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous


def test_row_i_covers_the_time_from_a_tenth_of_i():
    signal = np.zeros(3 * RATE, np.float32)
    signal[round(1.55 * RATE)] = 1.0
    loud = np.flatnonzero(momentary_loudness(signal, RATE)[:, 0] > -60.0)
    np.testing.assert_array_equal(loud, [12, 13, 14, 15])


def test_integrated_loudness_follows_from_the_momentary(rng):
    signal = (rng.standard_normal(20 * RATE) * 10.0 ** rng.uniform(-4, -1, 20).repeat(RATE)).astype(np.float32)
    powers = 10.0 ** (momentary_loudness(signal, RATE)[:, 0].astype(np.float64) / 10.0)
    heard = powers[powers > 1e-7]
    gated = heard[heard > heard.mean() / 10.0]
    assert len(gated) < len(heard) < len(powers)
    assert abs(10.0 * np.log10(gated.mean()) - integrated_loudness(signal, RATE)) < 1e-4


@pytest.mark.parametrize("sample_rate", [22_050, 11_025])
@pytest.mark.parametrize("n_hops", [1, 3, 1_000])
def test_the_filter_goes_on_from_part_to_part(rng, monkeypatch, sample_rate, n_hops):
    signal = rng.standard_normal(round(12.34 * sample_rate)).astype(np.float32)
    expected = integrated_loudness(signal, sample_rate), momentary_loudness(signal, sample_rate)
    monkeypatch.setattr(loudness, "_HOPS_AT_ONCE", n_hops)
    assert abs(integrated_loudness(signal, sample_rate) - expected[0]) < 1e-9
    np.testing.assert_allclose(momentary_loudness(signal, sample_rate), expected[1], rtol=1e-6)


# --- rates, memory, threads


@pytest.mark.parametrize("sample_rate", [1_000, 3_363, 3_364, 4_000, 192_000])
def test_all_rates_are_finite(rng, sample_rate):
    signal = (0.1 * rng.standard_normal(2 * sample_rate)).astype(np.float32)
    assert -30.0 < integrated_loudness(signal, sample_rate) < -10.0


def test_clicks_are_finite():
    clicks = np.zeros(3 * RATE, np.float32)
    clicks[:: RATE // 2] = 1.0
    assert -50.0 < integrated_loudness(clicks, RATE) < -20.0
    assert np.isfinite(momentary_loudness(clicks * np.float32(1e-30), RATE)).all()


def test_a_long_signal_is_not_copied(rng):
    signal = rng.standard_normal(10 * 60 * RATE).astype(np.float32)  # 53 MB
    integrated_loudness(signal[:RATE], RATE)
    tracemalloc.start()
    integrated_loudness(signal, RATE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6


def test_many_threads_get_what_one_gets(rng):
    signals = [rng.standard_normal(n).astype(np.float32) for n in (30_000, 150_000, 300_000)] * 3
    alone = [integrated_loudness(signal, RATE) for signal in signals]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda signal: integrated_loudness(signal, RATE), signals)) == alone


# --- what is refused


@pytest.mark.parametrize("measure", [integrated_loudness, momentary_loudness])
@pytest.mark.parametrize(
    ("signal", "sample_rate", "message"),
    [
        (np.zeros(0, np.float32), RATE, r"n_samples >= 1.*got float32 of shape \(0,\)"),
        (np.zeros((5, 2), np.float32), RATE, "mix down"),
        (np.zeros(5, np.int16), RATE, "floating-point.*got int16"),
        (np.array([0, np.nan], np.float32), RATE, "finite"),
        (np.array([np.inf, 0], np.float32), RATE, "finite"),
        (np.zeros(5, np.float32), 999, "sample_rate must be at least 1 000 Hz, for K-weighting, got 999"),
    ],
)
def test_what_is_no_signal_is_refused(measure, signal, sample_rate, message):
    with pytest.raises(ValueError, match=message):
        measure(signal, sample_rate)
