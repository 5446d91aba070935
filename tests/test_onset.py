"""Onset strength is librosa's, and does not see how loud a track is."""

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_rhythm import FRAME_RATE, laid_out, mel_of, note

from audiosim.features import onset
from audiosim.features.onset import onset_strength


def judged(mel_power):
    """As librosa defines it, told where silence is for this track."""
    decibels = librosa.power_to_db(mel_power.T, ref=np.max, amin=1e-30, top_db=80.0)
    return librosa.onset.onset_strength(S=decibels)[:, None]


@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 5, 200])
def test_it_is_librosas(rng, n_frames):
    mel_power = 10.0 ** rng.uniform(-11.0, 1.0, size=(n_frames, 128)).astype(np.float32)
    strength = onset_strength(mel_power)
    assert strength.shape == (n_frames, 1)
    assert strength.dtype == np.float32
    if n_frames > 3:  # librosa shifts what is shorter out of sight
        np.testing.assert_allclose(strength, judged(mel_power), rtol=1e-5, atol=1e-4)
        assert strength.max() > 1.0
    else:
        np.testing.assert_array_equal(strength, 0.0)


def test_chunks_do_not_show(rng, monkeypatch):
    mel_power = rng.random((50, 128), dtype=np.float32)
    whole = onset_strength(mel_power)
    monkeypatch.setattr(onset, "_CHUNK", 7)
    np.testing.assert_array_equal(onset_strength(mel_power), whole)


@given(st.floats(-60.0, 60.0))
def test_a_gain_changes_nothing(gain_db):
    mel_power = 10.0 ** np.random.default_rng(5).uniform(-9.0, 0.0, size=(40, 128)).astype(np.float32)
    louder = mel_power * np.float32(10.0 ** (gain_db / 10.0))
    np.testing.assert_allclose(onset_strength(louder), onset_strength(mel_power), atol=2e-4)


def test_silence_is_zero():
    np.testing.assert_array_equal(onset_strength(np.zeros((30, 128), np.float32)), 0.0)


def test_a_note_is_heard_where_it_begins():
    begins = 1.7
    strength = onset_strength(mel_of(laid_out(4.0, [(0.0, note(330.0, 4.0), 0.5), (begins, note(440.0), 0.5)])))
    settled = round(0.3 * FRAME_RATE)
    assert abs((settled + strength[settled:].argmax()) / FRAME_RATE - begins) < 0.05


@pytest.mark.parametrize("shape", [(0, 128), (5, 0), (128,)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"mel_power must have shape \(n_frames >= 1, n_mels >= 1\), got"):
        onset_strength(np.ones(shape, np.float32))
