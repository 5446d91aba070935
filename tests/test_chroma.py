"""Chroma against its definition; pitch, tuning, gain and transposition; CENS; memory, threads and real performances."""

import csv
import gzip
import json
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from audiosim.features import chroma as chroma_module
from audiosim.features.chroma import ChromaSpec, cens, chroma
from audiosim.features.chroma_pitches import HIGHEST, LOWEST, pitch_powers
from audiosim.features.chroma_tuning import estimate_tuning
from audiosim_kernels.paths import warping_path

RATE = 22_050
SPEC = ChromaSpec()
TUNE = (60, 64, 67, 72, 71, 69, 67, 65)  # MIDI numbers
TIMBRES = {
    "sine": (1.0,),
    "soft": (1.0, 0.5, 0.25, 0.12),
    "bright": (1.0, 0.9, 0.8, 0.7, 0.6),
    "odd": (1.0, 0, 0.33, 0, 0.2),
}


def hertz(pitch):
    return 440.0 * 2.0 ** ((pitch - 69) / 12)


def note(pitch, seconds, *, overtones=(1.0,)):
    time = np.arange(round(seconds * RATE)) / RATE
    wave = sum(level * np.sin(2 * np.pi * hertz(pitch) * k * time) for k, level in enumerate(overtones, 1))
    return wave * np.minimum(1.0, time / 0.01) * np.exp(-2.0 * time) * np.minimum(1.0, (seconds - time) / 0.02)


def melody(pitches=TUNE, *, seconds=0.4, overtones=TIMBRES["soft"]):
    return np.concatenate([note(pitch, seconds, overtones=overtones) for pitch in pitches]).astype(np.float32)


def noise(rng, n_samples):
    return rng.standard_normal(n_samples).astype(np.float32)


# --- numbers


def powers_by_definition(signal, *, hop_length, tuning):
    """Every frame by itself, in float64."""
    padded = np.pad(signal.astype(np.float64) / np.abs(signal).max(), 8_192)
    powers = np.zeros((1 + len(signal) // hop_length, HIGHEST + 1 - LOWEST))
    for column, pitch in enumerate(range(LOWEST, HIGHEST + 1)):
        lengths = [n for n in (1_024, 2_048, 4_096, 8_192) if 2 * RATE / n <= hertz(pitch + 1) - hertz(pitch)]
        n_fft = min(lengths, default=8_192)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
        frequencies = np.maximum(np.fft.rfftfreq(n_fft, 1 / RATE), 1e-9)
        away = np.abs(69 + 12 * np.log2(frequencies / 440) - tuning - pitch)
        weights = np.where(away < 1, np.cos(np.pi / 2 * away) ** 2, 0) * 440 / hertz(pitch)
        for row in range(len(powers)):
            start = 8_192 + row * hop_length - n_fft // 2
            spectrum = np.abs(np.fft.rfft(padded[start : start + n_fft] * window)) ** 2
            powers[row, column] = spectrum @ weights / (n_fft * np.sum(window**2))
    beside = np.pad(powers, ((0, 0), (1, 1)))
    return np.maximum(powers - 0.12 * np.maximum(beside[:, :-2], beside[:, 2:]), 0)


@pytest.mark.parametrize("n_samples", [1, 700, 32_767, 32_768, 45_000])  # 64 frames make a block
@pytest.mark.parametrize("tuning", [0.0, -0.4])
def test_powers_of_semitones_equal_their_definition(rng, n_samples, tuning):
    signal = noise(rng, n_samples)
    powers = pitch_powers(signal, sample_rate=RATE, hop_length=512, tuning=tuning, peak=float(np.abs(signal).max()))
    expected = powers_by_definition(signal, hop_length=512, tuning=tuning)
    np.testing.assert_allclose(powers, expected, rtol=1e-3, atol=1e-6 * expected.max())


@pytest.mark.parametrize("n_samples", [1, 100, 511, 512, 22_050, 40_001])
def test_frames_are_as_many_as_those_of_the_mfcc(rng, n_samples):
    frames = chroma(noise(rng, n_samples), SPEC)
    assert frames.shape == (1 + n_samples // 512, 12) == (SPEC.n_frames(n_samples), 12)
    assert frames.dtype == np.float32
    assert frames.flags.c_contiguous
    assert frames.min() >= 0.0
    np.testing.assert_array_equal(frames.max(axis=1), 1.0)


@pytest.mark.parametrize("pitch", range(40, 107, 5))
def test_a_tone_sounds_in_its_pitch_class_alone(pitch):
    # A second of tone amid silence, so that no window sees its edges.
    frames = chroma(note(pitch, 1.0).astype(np.float32), SPEC)[10:-10]
    own = pitch % 12
    np.testing.assert_array_equal(frames.argmax(axis=1), own)
    # The lowest semitones lie closer together than the longest window parts.
    assert np.delete(frames, own, axis=1).max() < (0.7 if pitch < 45 else 0.3)


def test_frames_are_centred_on_their_hop():
    # C5 until sample 40 * 512, then F#5: both sound nearly alike in frame 40.
    steady = np.concatenate([np.sin(2 * np.pi * hertz(p) * np.arange(40 * 512) / RATE) for p in (72, 78)])
    frames = chroma(steady.astype(np.float32), SPEC)
    assert len(frames) == 81
    np.testing.assert_array_equal(frames[5:40].argmax(axis=1), 0)
    np.testing.assert_array_equal(frames[41:76].argmax(axis=1), 6)
    np.testing.assert_allclose(frames[40, [0, 6]], 1.0, atol=0.15)


def test_double_precision_gives_the_same():
    signal = melody()
    np.testing.assert_allclose(chroma(signal.astype(np.float64), SPEC), chroma(signal, SPEC), atol=1e-5)


# --- silence


def test_silence_is_all_zero():
    np.testing.assert_array_equal(chroma(np.zeros(5_000, np.float32), SPEC), np.zeros((10, 12)))


def test_a_pause_is_all_zero_and_noise_far_below_the_music_is_a_pause(rng):
    quiet = 1e-5 * noise(rng, 2 * RATE)
    for pause in (np.zeros(2 * RATE, np.float32), quiet):
        frames = chroma(np.concatenate([melody(), pause, melody()]), SPEC)
        first = round(3.2 * RATE / 512)
        np.testing.assert_array_equal(frames[first + 9 : first + 70], 0.0)
        assert frames[: first - 3].any(axis=1).all()


def test_what_lies_beyond_the_scale_is_silent():
    # A tone of 9 kHz that swells and fades, for an edge would be a click of all frequencies.
    swell = np.hanning(4 * RATE) ** 2
    tone = np.sin(2 * np.pi * 9_000 * np.arange(4 * RATE) / RATE)
    np.testing.assert_array_equal(chroma((tone * swell).astype(np.float32), SPEC), 0.0)


@pytest.mark.parametrize("period", [80, 3_000, RATE // 2])
@pytest.mark.parametrize("gain", [0.2, 1.0, 1e-30, 1e12])
def test_clicks_and_a_constant_are_finite_at_any_gain(period, gain):
    clicks = np.zeros(3 * RATE, np.float32)
    clicks[::period] = 1.0
    for signal in (clicks, np.ones(RATE, np.float32)):
        frames = chroma(signal * np.float32(gain), SPEC)
        np.testing.assert_allclose(frames, chroma(signal, SPEC), rtol=0.0, atol=1e-4)


# --- gain, tuning, transposition


@pytest.mark.parametrize("gain_db", [-120.0, -12.0, 12.0, 120.0])
def test_gain_moves_nothing(rng, gain_db):
    signal = melody() + 0.01 * noise(rng, melody().size)
    louder = (signal * 10.0 ** (gain_db / 20.0)).astype(np.float32)
    np.testing.assert_allclose(chroma(louder, SPEC), chroma(signal, SPEC), rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("timbre", TIMBRES)
@pytest.mark.parametrize("cents", [-45, -20, 0, 30, 45])
def test_tuning_is_found_within_two_cents(timbre, cents):
    signal = melody(np.array(TUNE) + cents / 100, overtones=TIMBRES[timbre])
    tuning = estimate_tuning(signal, sample_rate=RATE, peak=float(np.abs(signal).max()))
    assert abs(tuning - cents / 100) < 0.02


@pytest.mark.parametrize("frequency", [431.0, 439.1, 441.3, 447.7])
def test_tuning_of_one_tone_is_found_between_bins(frequency):
    tone = np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE)
    # Bins lie 11 cents apart here.
    assert abs(estimate_tuning(tone, sample_rate=RATE, peak=1.0) - 12 * np.log2(frequency / 440)) < 0.003


@pytest.mark.parametrize("cents", [-45, -25, 25, 45])
def test_a_detuned_melody_has_the_chroma_of_the_melody(cents):
    frames = chroma(melody(np.array(TUNE) + cents / 100), SPEC)
    assert np.abs(frames - chroma(melody(), SPEC)).mean() < 0.04


def test_noise_has_a_tuning_of_some_kind_and_clicks_and_silence_have_none(rng):
    assert abs(estimate_tuning(noise(rng, 50_000), sample_rate=RATE, peak=5.0)) <= 0.5
    clicks = np.zeros(3 * RATE, np.float32)
    assert estimate_tuning(clicks, sample_rate=RATE, peak=1.0) == 0.0
    clicks[:: RATE // 2] = 1.0
    assert estimate_tuning(clicks, sample_rate=RATE, peak=1.0) == 0.0


@pytest.mark.parametrize("timbre", TIMBRES)
def test_chroma_of_a_transposed_melody_is_rolled(timbre):
    original = chroma(melody(overtones=TIMBRES[timbre]), SPEC)
    for semitones in range(-11, 12):
        transposed = chroma(melody(np.array(TUNE) + semitones, overtones=TIMBRES[timbre]), SPEC)
        distances = [np.abs(np.roll(original, shift, axis=1) - transposed).mean() for shift in range(12)]
        assert int(np.argmin(distances)) == semitones % 12
        assert distances[semitones % 12] < 0.07
        assert sorted(distances)[1] > 2 * distances[semitones % 12]


# --- other rates; memory and threads; what is imported


@pytest.mark.parametrize("sample_rate", [1_000, 8_000, 44_100, 96_000])
@pytest.mark.parametrize("hop_length", [100, 512, 20_000])
def test_other_rates_and_hops_are_finite(rng, sample_rate, hop_length):
    spec = ChromaSpec(sample_rate=sample_rate, hop_length=hop_length)
    tone = np.sin(2 * np.pi * 220.0 * np.arange(30_000) / sample_rate) + 1e-3 * noise(rng, 30_000)
    frames = chroma(tone.astype(np.float32), spec)
    assert frames.shape == (1 + 30_000 // hop_length, 12)
    assert np.isfinite(frames).all()
    assert frames.mean(axis=0).argmax() == 9


def test_memory_is_bounded_by_the_frames(rng):
    signal = noise(rng, 3 * 60 * RATE)
    chroma(signal[:1_000], SPEC)
    tracemalloc.start()
    frames = chroma(signal, SPEC)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000 * len(frames) + 8e6  # an hour: 155 MB


def test_many_threads_get_what_one_gets(rng):
    signals = [noise(rng, n) for n in (30_000, 50_000, 70_000, 90_000)] * 2
    alone = [chroma(signal, SPEC) for signal in signals]
    with ThreadPoolExecutor(4) as pool:
        for got, expected in zip(pool.map(lambda signal: chroma(signal, SPEC), signals), alone, strict=True):
            np.testing.assert_array_equal(got, expected)


def test_importing_the_features_of_pitch_and_loudness_loads_numpy_alone():
    modules = "audiosim.features.chroma, audiosim.features.key, audiosim.features.loudness"
    heavy = "{'scipy', 'librosa', 'keras', 'tensorflow', 'pyloudnorm', 'numba'}"
    report = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True).stdout == "[]\n"


# --- what is refused


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros(0, np.float32), r"n_samples >= 1.*got float32 of shape \(0,\)"),
        (np.zeros((5, 2), np.float32), r"got float32 of shape \(5, 2\); mix down"),
        (np.zeros(5, np.int16), "floating-point.*got int16"),
        (np.array([0, np.nan], np.float32), "finite"),
        (np.array([0, -np.inf], np.float32), "finite"),
    ],
)
def test_what_is_no_signal_is_refused(signal, message):
    with pytest.raises(ValueError, match=message):
        chroma(signal, SPEC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sample_rate", 999),
        ("hop_length", 0),
        ("exponent", 0.0),
        ("exponent", 1.5),
        ("exponent", np.nan),
        ("top_db", np.inf),
    ],
)
def test_impossible_specs_are_refused(field, value):
    with pytest.raises(ValueError, match=rf"{field} must be .*got {value}"):
        ChromaSpec(**{field: value})


def test_a_spec_says_what_its_numbers_depend_on():
    assert json.loads(json.dumps(SPEC.parameters())) == {
        "sample_rate": 22_050, "hop_length": 512, "exponent": 1 / 3, "top_db": 60.0,
    }  # fmt: skip
    assert SPEC.frame_rate == 22_050 / 512
    assert (SPEC.name, SPEC.version) == ("chroma", 1)


# --- CENS


def cens_by_definition(frames, frame_rate, target_rate):
    period = frame_rate / target_rate
    rows = []
    for row in range(max(1, round(len(frames) / period))):
        total = np.zeros(12)
        for number, frame in enumerate(frames):
            away = (number + 0.5) / period - (row + 0.5)  # in rows
            if abs(away) < 1 and frame.sum() > 0:
                shares = frame.astype(float) ** 2 / (frame.astype(float) ** 2).sum()
                levels = sum((shares > least).astype(float) for least in (0.05, 0.1, 0.2, 0.4))
                total += np.cos(np.pi / 2 * away) ** 2 * levels
        rows.append(total / np.linalg.norm(total) if total.any() else np.full(12, 12**-0.5))
    return np.array(rows)


@pytest.mark.parametrize(
    ("n_frames", "target_rate"), [(1, 2.0), (7, 10.0), (100, 2.0), (431, 2.0), (50, 20.0), (30, 43.0)]
)
def test_cens_equals_its_definition(rng, n_frames, target_rate):
    frames = (rng.random((n_frames, 12)) ** 3).astype(np.float32)
    frames[n_frames // 2 :][:3] = 0.0
    rows = cens(frames, frame_rate=43.0, target_rate=target_rate)
    np.testing.assert_allclose(rows, cens_by_definition(frames, 43.0, target_rate), atol=1e-6)


def test_cens_of_silence_is_flat():
    rows = cens(np.zeros((431, 12), np.float32), frame_rate=43.07, target_rate=2.0)
    np.testing.assert_allclose(rows, np.full((20, 12), 12**-0.5), rtol=1e-6)


def test_silent_frames_do_not_blur_their_neighbours():
    frames = np.zeros((43, 12), np.float32)
    frames[:5, 3] = 1.0
    np.testing.assert_array_equal(cens(frames, frame_rate=43.0, target_rate=1.0), np.eye(12)[[3]])


def test_all_frames_have_the_same_weight_but_at_the_ends():
    impulses = np.zeros((200, 12))
    weights = []
    for number in range(22, 178):
        impulses[:] = 0.0
        impulses[number] = 1.0
        weights.append(chroma_module._smoothed(impulses, 21.53).sum())
    np.testing.assert_allclose(weights, 12.0, rtol=1e-12)


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 60), st.just(12)), elements=st.floats(0, 1, width=16)),
    st.integers(0, 11),
    st.floats(0.5, 43.0),
)
def test_cens_rolls_with_its_frames_and_is_of_unit_norm(frames, semitones, target_rate):
    rows = cens(frames, frame_rate=43.0, target_rate=target_rate)
    assert len(rows) == max(1, round(len(frames) * target_rate / 43.0))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-6)
    # Sums of twelve numbers in another order may differ in their last bit, and a share on a threshold fall beside it.
    quarters = np.rint(4 * frames)
    rows = cens(quarters, frame_rate=43.0, target_rate=target_rate)
    rolled = cens(np.roll(quarters, semitones, axis=1), frame_rate=43.0, target_rate=target_rate)
    np.testing.assert_allclose(rolled, np.roll(rows, semitones, axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "target_rate", "message"),
    [
        ((0, 12), 2.0, r"n_frames >= 1, 12\), got \(0, 12\)"),
        ((5, 11), 2.0, r"got \(5, 11\)"),
        ((12,), 2.0, r"got \(12,\)"),
        ((5, 12), 0.0, "above 0 and at most frame_rate = 43.0 Hz, got 0.0"),
        ((5, 12), 44.0, "got 44.0"),
        ((5, 12), np.nan, "got nan"),
    ],
)
def test_impossible_cens_are_refused(shape, target_rate, message):
    with pytest.raises(ValueError, match=message):
        cens(np.ones(shape, np.float32), frame_rate=43.0, target_rate=target_rate)


# --- real performances


def onsets_of(folder, piece, performer):
    """Onset in seconds of every note of the score."""
    with gzip.open(folder / "alignment.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["piece"], row["performer"]) == (piece, performer)]
    return {row["score_note_id"]: float(row["onset_s"]) for row in rows}


@pytest.mark.parametrize("step_pattern", ["symmetric1", "symmetric2"])
def test_warping_paths_of_performances_find_the_notes(shared_data, step_pattern):
    folder = shared_data / "vienna4x22"
    errors = []
    for piece, *performers in (("Chopin_op10_no3", "p01", "p07", "p16"), ("Mozart_K331_1st-mov", "p02", "p09", "p20")):
        frames, onsets = {}, {}
        for performer in performers:
            signal, _ = soundfile.read(folder / "audio" / f"{piece}_{performer}_piano.ogg", dtype="float32")
            frames[performer] = chroma(signal, SPEC)
            onsets[performer] = onsets_of(folder, piece, performer)
        for a, b in pairwise(performers):
            path = warping_path(frames[a], frames[b], step_pattern=step_pattern, device="cpu").path
            # A frame that the path stays on corresponds to the middle of where it stays.
            starts = np.flatnonzero(np.diff(path[:, 0], prepend=-1))
            means = np.add.reduceat(path[:, 1], starts) / np.diff(starts, append=len(path))
            shared = sorted(onsets[a].keys() & onsets[b].keys())
            found = np.interp(
                [onsets[a][n] for n in shared], path[starts, 0] / SPEC.frame_rate, means / SPEC.frame_rate
            )
            errors.append(np.abs(found - [onsets[b][n] for n in shared]))
    milliseconds = 1e3 * np.concatenate(errors)
    assert np.median(milliseconds) <= 15.0
    assert np.percentile(milliseconds, 95) <= 60.0
