"""Tempo, beats and metre: exact on clicks, without octave errors, and nothing where nothing repeats."""

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from make_rhythm import FRAME_RATE, SAMPLE_RATE, clicks, four_on_the_floor, mel_of, waltz

from audiosim.features.onset import onset_strength
from audiosim.features.tempo import Beats, time_signature, track_beats


def onset_of(signal):
    return onset_strength(mel_of(signal))


def beats_of(signal):
    return track_beats(onset_of(signal), frame_rate=FRAME_RATE)


# --- tempo


@pytest.mark.parametrize("seconds", [10.0, 21.0])
def test_clicks_have_their_tempo(seconds, rng):
    tempi = np.arange(60.0, 181.0, 5.0)
    found = np.array([beats_of(clicks(tempo, seconds, phase=rng.random())).tempo for tempo in tempi])
    np.testing.assert_allclose(found, tempi, rtol=0.001)


@pytest.mark.parametrize(("accent_every", "noise"), [(3, 0.0), (4, 0.0), (0, 0.02)])
def test_neither_accents_nor_noise_move_the_tempo(accent_every, noise, rng):
    tempi = np.arange(60.0, 181.0, 15.0)
    found = [
        beats_of(clicks(tempo, 12.0, phase=rng.random(), accent_every=accent_every, noise=noise, rng=rng)).tempo
        for tempo in tempi
    ]
    np.testing.assert_allclose(found, tempi, rtol=0.005)


@given(tempo=st.floats(60.0, 180.0), phase=st.floats(0.0, 1.0), frame_rate=st.floats(40.0, 100.0))
def test_any_even_pulse_has_its_tempo(tempo, phase, frame_rate):
    # Each onset shared by the two frames that it falls between.
    places = np.arange(phase * 60.0 / tempo, 11.0, 60.0 / tempo) * frame_rate
    strength = np.zeros((round(12.0 * frame_rate), 1), np.float32)
    np.add.at(strength, (np.floor(places).astype(int), 0), 20.0 * (1.0 - places % 1.0))
    np.add.at(strength, (np.floor(places).astype(int) + 1, 0), 20.0 * (places % 1.0))
    assert track_beats(strength, frame_rate=frame_rate).tempo == pytest.approx(tempo, rel=0.01)


def test_quiet_hats_between_beats_do_not_double_the_tempo(rng):
    for tempo in (100.0, 124.0, 140.0):
        assert beats_of(four_on_the_floor(tempo, 15.0, rng)).tempo == pytest.approx(tempo, rel=0.01)


def test_a_tempo_may_drift():
    times = np.cumsum(60.0 / np.linspace(110.0, 118.0, 50))
    strength = np.zeros((round(28.0 * FRAME_RATE), 1), np.float32)
    strength[np.rint(times * FRAME_RATE).astype(int)] = 20.0
    beats = track_beats(strength, frame_rate=FRAME_RATE)
    assert 109.0 < beats.tempo < 119.0
    assert np.abs(times[:, None] - beats.times).min(axis=1).max() < 0.06


def test_an_hour_of_clicks():
    strength = np.zeros((155_040, 1), np.float32)
    places = np.rint(np.arange(10.0, 155_000.0, FRAME_RATE * 60.0 / 97.0)).astype(int)
    strength[places] = 20.0
    beats = track_beats(strength, frame_rate=FRAME_RATE)
    assert beats.tempo == pytest.approx(97.0, rel=0.005)
    assert abs(len(beats.times) - len(places)) <= 2


# --- beats


@pytest.mark.parametrize("tempo", [60.0, 97.0, 133.0, 180.0])
def test_there_is_a_beat_at_every_click(tempo):
    times = np.arange(0.5 * 60.0 / tempo, 15.0, 60.0 / tempo)
    beats = beats_of(clicks(tempo, 15.0))
    np.testing.assert_allclose(beats.times, times, atol=0.03)


def test_silence_around_the_music_has_no_beats():
    pause = np.zeros(5 * SAMPLE_RATE)
    beats = beats_of(np.concatenate([pause, clicks(120.0, 10.0), pause]))
    assert 5.2 < beats.times[0] < 5.3
    assert 14.7 < beats.times[-1] < 14.8
    assert len(beats.times) == 20


def test_beats_are_librosas_at_the_same_tempo(rng):
    onset = onset_of(four_on_the_floor(118.0, 20.0, rng))
    beats = track_beats(onset, frame_rate=FRAME_RATE)
    _, times = librosa.beat.beat_track(onset_envelope=onset[:, 0], bpm=beats.tempo, units="time", trim=False)
    assert len(times) > 30
    # Ours make up for the frame by which onset strength is late, and lie on the kicks.
    kicks = 0.1 + np.arange(39) * 60.0 / 118.0
    assert np.abs(kicks[:, None] - beats.times).min(axis=1).max() < 0.03
    distances = np.abs(times[:, None] - 1.0 / FRAME_RATE - beats.times)
    assert np.mean(distances.min(axis=1) < 0.05) > 0.9
    assert np.mean(distances.min(axis=0) < 0.05) > 0.9


# --- no pulse


def test_what_does_not_repeat_has_no_pulse():
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    one_click = np.zeros(time.size)
    one_click[time.size // 2] = 1.0
    for signal in (np.zeros(time.size), np.sin(2 * np.pi * 440.0 * time), np.sin(2 * np.pi * 50.0 * time), one_click):
        beats = beats_of(signal)
        assert (beats.tempo, beats.times.shape, beats.clarity) == (0.0, (0,), 0.0)


def test_noise_has_an_unclear_pulse_and_clicks_a_clear_one(rng):
    noise = beats_of(rng.standard_normal(20 * SAMPLE_RATE))
    assert noise.clarity < 0.2
    assert 0.8 < beats_of(clicks(120.0, 20.0)).clarity <= 1.0


@pytest.mark.parametrize("n_frames", [1, 2, 20])
def test_what_is_too_short_for_two_beats_has_none(n_frames):
    beats = track_beats(np.full((n_frames, 1), 3.0, np.float32), frame_rate=FRAME_RATE)
    assert (beats.tempo, len(beats.times)) == (0.0, 0)


@given(arrays(np.float32, st.tuples(st.integers(1, 300), st.just(1)), elements=st.floats(0.0, 75.0, width=32)))
def test_whatever_the_onsets_the_answer_is_sane(onset):
    beats = track_beats(onset, frame_rate=FRAME_RATE)
    assert beats.tempo == 0.0 or 40.0 <= round(beats.tempo, 9) <= 200.0
    assert 0.0 <= beats.clarity <= 1.0
    assert (beats.tempo > 0.0) == (len(beats.times) > 0)
    assert (np.diff(beats.times) > 0.0).all()
    assert (beats.times >= 0.0).all()
    assert (beats.times <= len(onset) / FRAME_RATE).all()
    assert time_signature(onset, beats, frame_rate=FRAME_RATE) in (3, 4)


@pytest.mark.parametrize(
    ("onset", "frame_rate", "message"),
    [
        (np.zeros((0, 1)), 43.0, r"onset must have shape \(n_frames >= 1, 1\), got \(0, 1\)"),
        (np.zeros(9), 43.0, r"onset must have shape \(n_frames >= 1, 1\), got \(9,\)"),
        (np.full((9, 1), np.nan), 43.0, "onset must be finite"),
        (np.zeros((9, 1)), 0.0, "frame_rate must be a positive number of frames a second, got 0.0"),
    ],
)
def test_impossible_onsets_are_refused(onset, frame_rate, message):
    with pytest.raises(ValueError, match=message):
        track_beats(onset, frame_rate=frame_rate)


# --- metre


def metre_of(signal):
    onset = onset_of(signal)
    return time_signature(onset, track_beats(onset, frame_rate=FRAME_RATE), frame_rate=FRAME_RATE)


@pytest.mark.parametrize("tempo", [90.0, 112.0, 150.0])
def test_a_waltz_is_in_three_and_a_march_in_four(tempo):
    assert metre_of(waltz(tempo, 20.0)) == 3
    assert metre_of(clicks(tempo, 20.0, accent_every=3)) == 3
    assert metre_of(clicks(tempo, 20.0, accent_every=4)) == 4
    assert metre_of(clicks(tempo, 20.0, accent_every=2)) == 4


def test_beats_without_accents_are_in_four():
    # Where a click falls between frames makes a pattern of its own, which is no metre.
    assert {metre_of(clicks(tempo, 20.0)) for tempo in range(60, 181, 12)} == {4}


def test_too_few_beats_are_in_four():
    onset = np.ones((100, 1), np.float32)
    assert time_signature(onset, Beats(120.0, np.arange(4) / 2.0, 0.5), frame_rate=FRAME_RATE) == 4
