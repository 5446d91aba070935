"""Degraded copies: each changes what it says and nothing else, whatever the signal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.sources import degradation
from audiosim.sources.degradation import (
    DEGRADATIONS,
    change_gain,
    change_tempo,
    crop,
    low_pass,
    pad_with_silence,
    recode_mp3,
    shift_pitch,
)

RATE = 22_050
MARGIN = RATE // 2  # samples at either end where filters and frames set in


def tone(frequency, *, seconds=4.0, sample_rate=RATE):
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def chord(seconds=4.0):
    return sum(tone(frequency, seconds=seconds) for frequency in (196.0, 247.0, 311.0, 880.0)) / np.float32(4)


def clicks(*seconds_of_clicks, seconds=8.0):
    """Bursts of noise of 5 ms over a quiet floor."""
    rng = np.random.default_rng(1)
    signal = 1e-3 * rng.standard_normal(round(seconds * RATE))
    for second in seconds_of_clicks:
        first = round(second * RATE)
        signal[first : first + 110] += rng.uniform(-0.9, 0.9, 110)
    return signal.astype(np.float32)


def onsets(signal):
    """Seconds at which bursts begin."""
    loud = np.flatnonzero(np.abs(signal) > 0.25)
    return loud[np.diff(loud, prepend=-RATE) > RATE // 10] / RATE


def pitch_of(signal):
    """Frequency of the strongest sine, to a fraction of a cent."""
    middle = signal[MARGIN:-MARGIN]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 2**21))
    return spectrum.argmax() * RATE / 2**21


def level_db(signal):
    return 10 * np.log10(np.mean(np.square(signal[MARGIN:-MARGIN], dtype=np.float64)))


# --- all of them


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_copy_is_a_finite_signal_the_same_every_time_and_the_original_is_left_alone(name, rng):
    signal = (0.3 * rng.standard_normal(3 * RATE)).astype(np.float32)
    kept = signal.copy()
    first, second = DEGRADATIONS[name](signal, RATE), DEGRADATIONS[name](signal, RATE)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(signal, kept)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.shape != signal.shape or not np.array_equal(first, signal)


@given(n_samples=st.integers(1, 3_000), name=st.sampled_from(list(DEGRADATIONS)))
def test_a_signal_of_any_length_has_copies(n_samples, name):
    signal = np.linspace(-1, 1, n_samples, dtype=np.float32)
    copy = DEGRADATIONS[name](signal, RATE)
    assert copy.ndim == 1
    assert copy.size >= 1
    assert np.isfinite(copy).all()


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize(
    "signal",
    [np.zeros((4, 2), np.float32), np.zeros(0, np.float32), np.zeros(4, np.float64)],
    ids=["stereo", "empty", "float64"],
)
def test_what_is_no_mono_signal_is_refused(name, signal):
    with pytest.raises(ValueError, match=r"signal must have shape \(n_samples >= 1,\) and be float32, got"):
        DEGRADATIONS[name](signal, RATE)


def test_a_rate_of_nothing_is_refused():
    with pytest.raises(ValueError, match="sample_rate must be above 0 Hz, got 0"):
        change_gain(tone(440.0), 0, gain_db=1.0)


def test_names_say_what_is_done():
    signal = tone(440.0)
    for ratio in (0.95, 1.05):
        assert len(DEGRADATIONS[f"tempo x {ratio}"](signal, RATE)) == round(len(signal) / ratio)
    for semitones in (-1, 1):
        copy = DEGRADATIONS[f"pitch {semitones:+} semitone"](signal, RATE)
        assert 12 * np.log2(pitch_of(copy) / 440.0) == pytest.approx(semitones, abs=0.02)
    assert len(DEGRADATIONS["first and last tenth cut"](signal, RATE)) == 0.8 * len(signal)
    np.testing.assert_array_equal(
        DEGRADATIONS["mp3 64 kbit/s"](signal, RATE), recode_mp3(signal, RATE, bit_rate=64_000)
    )
    np.testing.assert_array_equal(DEGRADATIONS["low-pass 4 kHz"](signal, RATE), low_pass(signal, RATE, cutoff=4_000.0))


# --- gain, silence, crop


def test_gain_is_exact_and_does_not_clip():
    signal = tone(440.0)
    louder = DEGRADATIONS["gain +12 dB"](signal, RATE)
    assert level_db(louder) - level_db(signal) == pytest.approx(12.0, abs=1e-4)
    assert np.abs(louder).max() > 1.9
    np.testing.assert_allclose(DEGRADATIONS["gain -12 dB"](louder, RATE), signal, rtol=1e-6)


def test_silence_stands_where_it_was_put():
    signal = tone(440.0)
    silence = np.zeros(20 * RATE, np.float32)
    np.testing.assert_array_equal(
        DEGRADATIONS["20 s of silence before"](signal, RATE), np.concatenate([silence, signal])
    )
    np.testing.assert_array_equal(
        DEGRADATIONS["20 s of silence after"](signal, RATE), np.concatenate([signal, silence])
    )


def test_silence_of_less_than_nothing_is_refused():
    with pytest.raises(ValueError, match=r"must last 0 s or longer, got -1\.0 s before"):
        pad_with_silence(tone(440.0), RATE, before=-1.0)


@given(n_samples=st.integers(1, 500), share=st.floats(0, 0.499))
def test_crop_leaves_the_middle(n_samples, share):
    kept = crop(np.arange(n_samples, dtype=np.float32), RATE, share=share)
    assert len(kept) >= 1
    first, last = kept[0], n_samples - 1 - kept[-1]
    assert first == last == int(share * n_samples)


def test_nothing_is_left_of_two_halves():
    with pytest.raises(ValueError, match=r"share must lie from 0 to below 0\.5, got 0\.5"):
        crop(tone(440.0), RATE, share=0.5)


# --- low-pass


def test_low_pass_keeps_what_lies_below_and_takes_what_lies_above():
    for frequency in (100.0, 1_000.0, 2_500.0):
        signal = tone(frequency)
        assert level_db(low_pass(signal, RATE, cutoff=4_000.0)) - level_db(signal) == pytest.approx(0.0, abs=0.1)
    assert level_db(low_pass(tone(4_000.0), RATE, cutoff=4_000.0)) - level_db(tone(4_000.0)) == pytest.approx(
        -3.0, abs=0.1
    )
    assert level_db(low_pass(tone(8_000.0), RATE, cutoff=4_000.0)) - level_db(tone(8_000.0)) < -48.0


def test_low_pass_leaves_a_signal_alone_that_holds_nothing_above():
    signal = tone(440.0, sample_rate=8_000)
    np.testing.assert_array_equal(low_pass(signal, 8_000, cutoff=4_000.0), signal)


@pytest.mark.parametrize("cutoff", [0.0, -1.0, np.nan])
def test_a_cutoff_of_nothing_is_refused(cutoff):
    with pytest.raises(ValueError, match="cutoff must be above 0 Hz"):
        low_pass(tone(440.0), RATE, cutoff=cutoff)


# --- mp3


@pytest.mark.parametrize("sample_rate", [8_000, 22_050, 22_051, 44_100, 96_000])
def test_mp3_has_no_delay_at_any_rate(sample_rate, rng):
    signal = (0.1 * rng.standard_normal(2 * sample_rate)).astype(np.float32)
    signal = low_pass(signal, sample_rate, cutoff=3_000.0)
    copy = recode_mp3(signal, sample_rate, bit_rate=64_000)
    assert copy.shape == signal.shape
    likeness = np.correlate(copy, signal[200:-200], mode="valid")
    assert likeness.argmax() == 200
    assert np.corrcoef(copy, signal)[0, 1] > 0.98


def test_mp3_loses_something_and_a_loud_signal_does_not_clip(rng):
    signal = 8 * chord() + (0.1 * rng.standard_normal(4 * RATE)).astype(np.float32)
    assert np.abs(signal).max() > 2.0
    copy = recode_mp3(signal, RATE, bit_rate=64_000)
    assert -0.6 < level_db(copy) - level_db(signal) < 0.1
    lost = signal - copy * np.dot(signal, copy) / np.dot(copy, copy)
    assert -40.0 < level_db(lost) - level_db(signal) < -20.0


# --- tempo and pitch


@given(seed=st.integers(0, 100), n_samples=st.integers(1, 20_000))
def test_the_same_tempo_is_the_same_signal(seed, n_samples):
    signal = np.random.default_rng(seed).standard_normal(n_samples).astype(np.float32)
    np.testing.assert_allclose(change_tempo(signal, RATE, ratio=1.0), signal, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ratio", [0.3, 0.95, 1.05, 4.0])
@pytest.mark.parametrize("frequency", [55.0, 440.0, 3_000.0])
def test_tempo_changes_the_length_and_no_pitch(ratio, frequency):
    signal = tone(frequency, seconds=8.0)
    copy = change_tempo(signal, RATE, ratio=ratio)
    assert len(copy) == round(len(signal) / ratio)
    assert 1_200 * abs(np.log2(pitch_of(copy) / frequency)) < 2.0
    assert level_db(copy) - level_db(signal) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("ratio", [0.95, 1.05])
def test_tempo_keeps_what_sounds_together_and_moves_what_follows(ratio):
    moments = np.array([0.5, 1.7, 3.1, 4.0, 6.6])
    copy = change_tempo(clicks(*moments), RATE, ratio=ratio)
    heard = onsets(copy)
    # A burst may sound twice, or the search may pass over one; none is far from where the tempo puts it.
    assert len(heard) >= 3
    for second in heard:
        assert np.abs(moments / ratio - second).min() < 0.026


@pytest.mark.parametrize("semitones", [-1.0, 1.0, 7.0])
@pytest.mark.parametrize("frequency", [110.0, 440.0, 3_000.0])
def test_pitch_moves_by_semitones_and_the_tempo_stays(semitones, frequency):
    signal = tone(frequency)
    copy = shift_pitch(signal, RATE, semitones=semitones)
    assert copy.shape == signal.shape
    assert 12 * np.log2(pitch_of(copy) / frequency) == pytest.approx(semitones, abs=0.02)
    assert level_db(copy) - level_db(signal) == pytest.approx(0.0, abs=0.1)


def test_a_chord_keeps_its_notes():
    def notes(signal):
        middle = signal[MARGIN:-MARGIN]
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 8 * RATE))[: 8 * 1_500]
        peaks = np.flatnonzero((spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:])) + 1
        return np.sort(peaks[np.argsort(spectrum[peaks])[-4:]]) / 8

    for name in ("tempo x 0.95", "tempo x 1.05"):
        np.testing.assert_allclose(notes(DEGRADATIONS[name](chord(), RATE)), [196.0, 247.0, 311.0, 880.0], rtol=0.005)


@pytest.mark.parametrize("ratio", [0.0, -1.0, np.inf, np.nan])
def test_a_tempo_of_nothing_is_refused(ratio):
    with pytest.raises(ValueError, match="ratio must be above 0 and finite"):
        change_tempo(tone(440.0), RATE, ratio=ratio)


def test_results_remember_which_copies_they_are_about():
    # Whoever changes what a degradation does raises the version, and this number with it.
    assert degradation.VERSION == 1
