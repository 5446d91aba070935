"""Descriptors: finite for any sound, blind to gain, in an order that ears would give, and encoded for comparison."""

import dataclasses
import re
from itertools import pairwise

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_rhythm import (
    FRAME_RATE,
    SAMPLE_RATE,
    clicks,
    dense_band,
    four_on_the_floor,
    laid_out,
    mel_of,
    note,
    rubato_piano,
    syllables,
    waltz,
)

from audiosim.audio import load
from audiosim.features import descriptor_cues, proxies
from audiosim.features.chroma import ChromaSpec, chroma
from audiosim.features.descriptor_cues import measure_cues
from audiosim.features.descriptors import (
    DESCRIPTORS,
    ENCODED,
    SPOTIFY_NAMES,
    Material,
    describe,
    encode_descriptors,
    estimate_name,
)
from audiosim.features.loudness import integrated_loudness
from audiosim.features.onset import onset_strength
from audiosim.features.tempo import track_beats
from audiosim.sources.feature_table import FEATURES


def material_of(signal):
    signal = np.asarray(signal, dtype=np.float32)
    mel_power = mel_of(signal)
    onset = onset_strength(mel_power)
    decibels = librosa.power_to_db(mel_power.T, ref=1.0, amin=1e-30, top_db=80.0)
    return Material(
        duration_seconds=signal.size / SAMPLE_RATE,
        mfcc=np.ascontiguousarray(librosa.feature.mfcc(S=decibels, n_mfcc=20).T, dtype=np.float32),
        mel_power=mel_power,
        chroma=chroma(signal, ChromaSpec()),
        onset=onset,
        beats=track_beats(onset, frame_rate=FRAME_RATE),
        loudness=integrated_loudness(signal, SAMPLE_RATE),
        frame_rate=FRAME_RATE,
    )


def described(signal):
    return dict(zip(DESCRIPTORS, describe(material_of(signal)).tolist(), strict=True))


def cues_of(signal):
    material = material_of(signal)
    return measure_cues(
        material.mel_power, material.mfcc, material.onset, material.beats, frame_rate=material.frame_rate
    )


def sine(frequency, seconds=4.0):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


@pytest.fixture(scope="module")
def sounds():
    """Descriptors of sounds whose character is known."""
    rng = np.random.default_rng(4)
    return {
        name: described(signal)
        for name, signal in {
            "band": dense_band(126.0, 15.0, rng),
            "floor": four_on_the_floor(124.0, 15.0, rng),
            "piano": rubato_piano(20.0, rng),
            "speech": syllables(20.0, rng),
            "waltz": waltz(120.0, 15.0),
            "noise": rng.standard_normal(8 * SAMPLE_RATE),
            "clicks": clicks(120.0, 15.0),
            "sine": sine(440.0),
        }.items()
    }


# --- what is exact


def test_the_names_are_spotifys_then_pitches_then_timbres():
    assert SPOTIFY_NAMES == FEATURES
    assert len(DESCRIPTORS) == len(set(DESCRIPTORS)) == 37
    assert [name for name in DESCRIPTORS if not name.endswith("_est")] == ["duration_ms"]
    assert DESCRIPTORS[13] == "pitch_00_est"
    assert DESCRIPTORS[-1] == "timbre_11_est"
    assert {estimate_name(name) for name in proxies.PROXIES} <= set(DESCRIPTORS)


def test_what_is_known_exactly_is_passed_on():
    material = dataclasses.replace(material_of(waltz(108.0, 16.0)), loudness=-17.25)
    values = dict(zip(DESCRIPTORS, describe(material), strict=True))
    assert values["duration_ms"] == 16_000.0
    assert values["loudness_est"] == -17.25
    assert values["tempo_est"] == material.beats.tempo == pytest.approx(108.0, rel=0.01)
    assert values["time_signature_est"] == 3.0
    pitches = [values[f"pitch_{number:02}_est"] for number in range(12)]
    assert max(pitches) == 1.0
    mean_chroma = material.chroma.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(pitches, mean_chroma / mean_chroma.max())
    timbres = [values[f"timbre_{number:02}_est"] for number in range(12)]
    np.testing.assert_allclose(timbres, material.mfcc[:, 1:13].mean(axis=0, dtype=np.float64))


def test_key_and_mode_follow_the_music():
    steps = {"C major": [0, 2, 4, 5, 7, 9, 11, 12, 0, 4, 7], "A minor": [-3, -1, 0, 2, 4, 5, 8, 9, -3, 0, 4]}
    for name, expected in (("C major", (0.0, 1.0)), ("A minor", (9.0, 0.0))):
        events = [
            (0.4 * place, note(261.63 * 2.0 ** (step / 12.0), 0.4), 0.4) for place, step in enumerate(steps[name])
        ]
        values = described(laid_out(4.6, events))
        assert (values["key_est"], values["mode_est"]) == expected


# --- any sound


@pytest.mark.parametrize(
    "signal",
    [
        np.zeros(SAMPLE_RATE),
        np.eye(1, 3 * SAMPLE_RATE, SAMPLE_RATE)[0],
        sine(30.0),
        sine(997.0),
        np.random.default_rng(2).standard_normal(SAMPLE_RATE),
        np.random.default_rng(2).standard_normal(2_205),
        1e-6 * np.random.default_rng(2).standard_normal(SAMPLE_RATE),
        np.ones(SAMPLE_RATE),
    ],
    ids=["silence", "one click", "30 Hz", "997 Hz", "noise", ".1 s", "very quiet", "constant"],
)
def test_every_sound_has_finite_descriptors(signal):
    values = described(signal)
    assert np.isfinite(list(values.values())).all()
    for name in proxies.PROXIES:
        assert 0.0 <= values[estimate_name(name)] <= 1.0


def test_silence_has_no_character():
    values = described(np.zeros(2 * SAMPLE_RATE))
    assert (values["key_est"], values["tempo_est"], values["time_signature_est"]) == (-1.0, 0.0, 4.0)
    assert {values[estimate_name(name)] for name in proxies.PROXIES} == {0.0}
    assert {values[f"pitch_{number:02}_est"] for number in range(12)} == {0.0}


@pytest.mark.parametrize("gain_db", [-12.0, 6.3, 12.0])
def test_a_gain_moves_the_loudness_only(gain_db):
    rng = np.random.default_rng(11)
    for signal in (dense_band(117.0, 6.0, rng), rubato_piano(6.0, rng), syllables(6.0, rng)):
        before = described(0.1 * signal)
        after = described(0.1 * signal * 10.0 ** (gain_db / 20.0))
        assert after.pop("loudness_est") - before.pop("loudness_est") == pytest.approx(gain_db, abs=1e-3)
        np.testing.assert_allclose(list(after.values()), list(before.values()), rtol=1e-4, atol=1e-4)


def test_chunks_hardly_show(monkeypatch):
    signal = dense_band(117.0, 20.0, np.random.default_rng(3))
    whole = described(signal)
    monkeypatch.setattr(descriptor_cues, "_CHUNK", 300)
    np.testing.assert_allclose(list(described(signal).values()), list(whole.values()), atol=5e-3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mel_power": np.ones((0, 128))}, "at least 1 frame"),
        ({"mel_power": np.ones((9, 64))}, r"mel_power must have shape \(9, 128\) like the other frames, got \(9, 64\)"),
        ({"chroma": np.ones((8, 12))}, r"chroma must have shape \(9, 12\) like the other frames, got \(8, 12\)"),
        ({"mfcc": np.ones((9, 12))}, r"mfcc must have shape \(n_frames, at least 13\), got \(9, 12\)"),
        ({"duration_seconds": 0.0}, "duration_seconds must be a positive number, got 0.0"),
        ({"loudness": np.nan}, "descriptors must be finite, got NaN or infinity in loudness_est"),
    ],
)
def test_impossible_material_is_refused(changed, message):
    material = material_of(np.zeros(8 * 512))
    with pytest.raises(ValueError, match=message):
        describe(dataclasses.replace(material, **changed))


# --- cues


def test_flatness_tells_noise_from_a_tone(rng):
    assert cues_of(rng.standard_normal(2 * SAMPLE_RATE)).flatness > -1.5
    assert cues_of(sine(440.0)).flatness < -40.0


def test_percussiveness_tells_strokes_from_tones(rng):
    tones = sum(sine(frequency) for frequency in (220.0, 277.2, 329.6))
    hits = laid_out(4.0, [(time, rng.standard_normal(400), 1.0) for time in np.arange(0.2, 4.0, 0.5)])
    assert cues_of(tones).percussiveness < 0.05
    assert cues_of(hits).percussiveness > 0.8


@pytest.mark.parametrize("depth", [0.2, 0.7])
def test_syllables_measure_a_modulation_of_four_hertz(depth):
    tone = sine(800.0, 8.0)
    time = np.arange(tone.size) / SAMPLE_RATE
    slow, four, fast = (
        cues_of(tone * (1.0 + depth * np.sin(2 * np.pi * rate * time))).syllables for rate in (0.5, 4.0, 12.0)
    )
    assert four == pytest.approx(depth / np.sqrt(2.0), rel=0.1)  # a window of 93 ms blurs it
    assert max(slow, fast) < 0.1 * four


def test_other_cues_measure_what_they_say():
    cues = cues_of(clicks(120.0, 10.0))
    assert cues.onset_rate == pytest.approx(2.0, abs=0.11)
    assert cues.clarity > 0.8
    assert cues.tempo_height == pytest.approx(np.log2(120.0 / 115.0), abs=0.01)
    assert cues.gaps == 60.0
    assert cues_of(sine(60.0)).bass > -1.0
    assert cues_of(sine(2_000.0)).bass < -30.0
    assert cues_of(sine(6_000.0)).brightness > cues_of(sine(600.0)).brightness + 0.3
    half = sine(440.0) * np.where(np.arange(4 * SAMPLE_RATE) < 3 * SAMPLE_RATE, 1.0, 0.1)
    assert cues_of(half).pauses == pytest.approx(0.25, abs=0.02)
    assert cues_of(half).dynamics == pytest.approx(5.0, abs=0.3)  # 20 dB below for a fourth of the time


# --- proxies: the order that ears would give, on sounds whose character is known


@pytest.mark.parametrize(
    ("feature", "order"),
    [
        ("energy", ["piano", "band"]),
        ("energy", ["waltz", "floor"]),
        ("danceability", ["piano", "waltz", "floor"]),
        ("danceability", ["noise", "band"]),
        ("acousticness", ["noise", "floor", "piano"]),
        ("acousticness", ["band", "waltz"]),
        ("speechiness", ["band", "piano", "speech"]),
        ("speechiness", ["waltz", "speech"]),
        ("speechiness", ["floor", "speech"]),
        ("instrumentalness", ["speech", "piano"]),
        ("liveness", ["piano", "noise"]),
    ],
)
def test_proxies_put_sounds_in_order(sounds, feature, order):
    for lower, higher in pairwise(order):
        assert sounds[lower][f"{feature}_est"] + 0.1 < sounds[higher][f"{feature}_est"], (lower, higher)


def test_a_major_key_is_brighter_in_mood_than_its_minor():
    thirds = {"major": 554.4, "minor": 523.3}
    valence = {
        mode: described(
            laid_out(
                8.0, [(t, note(f, 0.5), 0.3) for t in np.arange(0.1, 7.9, 0.5) for f in (220.0, 440.0, third, 659.3)]
            )
        )["valence_est"]
        for mode, third in thirds.items()
    }
    assert valence["major"] > valence["minor"] + 0.2


def test_every_weight_is_of_a_cue_and_every_proxy_is_in_the_table():
    cues = {field.name for field in dataclasses.fields(descriptor_cues.Cues)} | {"majorness"}
    assert set(proxies._TYPICAL) == cues
    documented = re.findall(r"^\| (\w+) \|", proxies.__doc__, re.MULTILINE)
    assert documented == ["proxy", *proxies.PROXIES]
    for _, weights in proxies._WEIGHTS.values():
        assert set(weights) <= cues


# --- real music


@pytest.fixture(scope="module")
def real(shared_data):
    """Descriptors of a few recordings."""
    digits = [load(shared_data / "fsdd" / f"{digit}_george_{take}.wav") for take in range(3) for digit in range(10)]
    pause = np.zeros(2_200, np.float32)
    music = shared_data / "music" / "dev"
    signals = {
        "speech": np.concatenate([part for digit in digits for part in (digit, pause)]),
        "piano": load(shared_data / "vienna4x22" / "audio" / "Chopin_op10_no3_p01_piano.ogg"),
        "rock": load(music / "ultrastar_jonathan_coulton_code_monkey.ogg"),
        "electronic": load(music / "cdogs_alexandr_zhelanov_epic_fall.ogg"),
        "pop": load(music / "opensurge_johan_brodd_jobromedia_boss.ogg"),
    }
    return {name: described(signal) for name, signal in signals.items()}


def test_proxies_put_recordings_in_order(real):
    for loud in ("rock", "electronic", "pop"):
        assert real["piano"]["energy_est"] + 0.3 < real[loud]["energy_est"]
        assert real[loud]["acousticness_est"] + 0.3 < real["piano"]["acousticness_est"]
        assert real["piano"]["danceability_est"] < real[loud]["danceability_est"]
    for name in ("piano", "rock", "electronic", "pop"):
        assert real[name]["speechiness_est"] + 0.3 < real["speech"]["speechiness_est"]


# --- encoded


@given(st.integers(-1, 11), st.floats(100.0, 1e7))
def test_encoding_keeps_all_but_key_and_duration(key, duration):
    raw = np.random.default_rng(3).normal(size=(3, 37))
    raw[:, DESCRIPTORS.index("key_est")] = key
    raw[:, DESCRIPTORS.index("duration_ms")] = duration
    encoded = encode_descriptors(raw)
    assert encoded.shape == (3, len(ENCODED)) == (3, 38)
    assert encoded.dtype == np.float32
    for name in set(DESCRIPTORS) & set(ENCODED):
        np.testing.assert_array_equal(encoded[:, ENCODED.index(name)], raw[:, DESCRIPTORS.index(name)].astype("f4"))
    np.testing.assert_allclose(encoded[:, ENCODED.index("log_duration")], np.log(duration), rtol=1e-6)
    angle = 2 * np.pi * (7 * key % 12) / 12
    circle = encoded[:, [ENCODED.index("key_cosine_est"), ENCODED.index("key_sine_est")]]
    np.testing.assert_allclose(circle, [[0, 0] if key < 0 else [np.cos(angle), np.sin(angle)]] * 3, atol=1e-6)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.ones((0, 37)), r"raw must have shape \(n_tracks >= 1, 37\), got \(0, 37\)"),
        (np.ones((2, 13)), r"raw must have shape \(n_tracks >= 1, 37\), got \(2, 13\)"),
        (np.full((1, 37), np.nan), "raw must be finite with positive durations"),
        (np.zeros((1, 37)), "raw must be finite with positive durations"),
    ],
)
def test_what_cannot_be_encoded_is_refused(raw, message):
    with pytest.raises(ValueError, match=message):
        encode_descriptors(raw)
