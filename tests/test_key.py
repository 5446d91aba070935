"""Keys of scales and cadences through the real chroma, and of profiles by themselves."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from audiosim.features.chroma import ChromaSpec, chroma
from audiosim.features.key import Key, estimate_key

RATE = 22_050
TIMBRES = {"sine": (1.0,), "saw": tuple(1 / k for k in range(1, 9)), "hollow": (1.0, 0.0, 1 / 3, 0.0, 1 / 5)}

# Steps above the tonic, and whether the key is major.
SCALES = {
    "major": ((0, 2, 4, 5, 7, 9, 11, 12), True),
    "natural minor": ((0, 2, 3, 5, 7, 8, 10, 12), False),
    "harmonic minor": ((0, 2, 3, 5, 7, 8, 11, 12), False),
}
CADENCES = {
    "I IV V I": (((0, 4, 7), (0, 5, 9), (-1, 2, 7), (0, 4, 7)), True),
    "i iv V i": (((0, 3, 7), (0, 5, 8), (-1, 2, 7), (0, 3, 7)), False),
}


def chord(pitches, overtones, seconds=0.25):
    time = np.arange(round(seconds * RATE)) / RATE
    hertz = 440.0 * 2.0 ** ((np.array(pitches) - 69) / 12)
    wave = sum(level * np.sin(2 * np.pi * f * k * time) for f in hertz for k, level in enumerate(overtones, 1))
    return wave * np.minimum(1.0, time / 0.01) * np.minimum(1.0, (seconds - time) / 0.02)


def heard(chords, overtones):
    """Key of a sequence of chords of MIDI numbers."""
    signal = np.concatenate([chord(pitches, overtones) for pitches in chords]).astype(np.float32)
    return estimate_key(chroma(signal, ChromaSpec()).mean(axis=0))


@pytest.mark.parametrize("timbre", TIMBRES)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("lowest", [48, 60.35])  # C3; C4 a third of a semitone sharp
def test_scales_in_all_keys_are_right(timbre, scale, lowest):
    steps, major = SCALES[scale]
    for tonic in range(12):
        key = heard([(lowest + tonic + step,) for step in steps], TIMBRES[timbre])
        assert (key.tonic, key.major) == (tonic, major)
        assert key.strength > 0.6


@pytest.mark.parametrize("timbre", TIMBRES)
@pytest.mark.parametrize("cadence", CADENCES)
def test_cadences_in_all_keys_are_right(timbre, cadence):
    chords, major = CADENCES[cadence]
    for tonic in range(12):
        key = heard([tuple(60 + tonic + step for step in steps) for steps in chords], TIMBRES[timbre])
        assert (key.tonic, key.major) == (tonic, major)


@pytest.mark.parametrize(
    "values", [np.zeros(12), np.ones(12), np.full(12, 1 / 3, np.float32), 1 + 1e-8 * np.arange(12), np.full(12, -2.0)]
)
def test_a_flat_chroma_has_no_key(values):
    assert estimate_key(values) == Key(tonic=-1, major=True, strength=0.0)


def test_silence_has_no_key():
    assert estimate_key(chroma(np.zeros(RATE, np.float32), ChromaSpec()).mean(axis=0)).tonic == -1


def test_one_pitch_class_is_its_own_tonic():
    for tonic in range(12):
        assert estimate_key(np.eye(12)[tonic]).tonic == tonic


@given(
    arrays.arrays(np.float64, 12, elements=st.floats(0, 1, width=16)),
    st.integers(0, 11),
    st.sampled_from([1e-3, 0.5, 8.0]),
    st.sampled_from([0.0, 0.25, 4.0]),
)
def test_keys_turn_with_the_chroma_and_know_neither_scale_nor_offset(values, semitones, scale, offset):
    assume(np.ptp(values) > 1e-3)
    key = estimate_key(values)
    moved = estimate_key(scale * np.roll(values, semitones) + offset)
    assert -1.0 <= key.strength <= 1.0 + 1e-12
    assert abs(key.strength - moved.strength) < 1e-9
    # Equal correlations may be told apart by rounding alone.
    spread = estimate_key(values + 1e-9 * np.arange(12))
    if (spread.tonic, spread.major) == (key.tonic, key.major) and len(set(values)) == 12:
        assert (moved.tonic, moved.major) == ((key.tonic + semitones) % 12, key.major)


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.ones(11), r"12 finite values.*\(11,\)"), (np.ones((1, 12)), r"\(1, 12\)"), (np.full(12, np.nan), "nan")],
)
def test_what_is_no_chroma_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        estimate_key(values)
