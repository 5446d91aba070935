"""MFCC against librosa and against the definition; batches, order, laziness, memory and backends."""

import gc
import importlib.util
import os
import subprocess
import sys
import tracemalloc
import weakref
from pathlib import Path

import librosa
import numpy as np
import pytest
import reference_spectrum as reference
import soundfile

from audiosim.features import mfcc
from audiosim.features.mfcc import MfccExtractor, check_signal
from audiosim.features.spec import MfccSpec
from audiosim.features.spectrum import mel_spectrogram

# Chosen to differ: game music, a song from an MP3, a quiet piano, a guitar.
CLIPS = [
    "music/dev/cdogs_alexandr_zhelanov_battle_2.ogg",
    "music/dev/opensurge_johan_brodd_jobromedia_winning_plus.ogg",
    "music/dev/ultrastar_jonathan_coulton_chiron_beta_prime.ogg",
    "music/codec_pairs/spd_kristjan_thomas_haaristo_caves_1__frommp3.ogg",
    "vienna4x22/audio/Chopin_op10_no3_p01_piano.ogg",
    "vienna4x22/audio/Chopin_op10_no3_p03_guitar.ogg",
]
BLOCK = 96 * 512  # samples that one more block of frames needs

# Small enough for the definition, with hops that do not divide the window.
SMALL = MfccSpec(sample_rate=8_000, n_fft=256, hop_length=100, n_mels=20, n_mfcc=8, fmax=3_500.0, top_db=30.0)


@pytest.fixture(scope="module")
def extractor():
    return MfccExtractor(MfccSpec())


def signal_of(rng, n_samples):
    """Noise that swells and fades, so that the floor cuts some of it off."""
    envelope = 10.0 ** (-3.0 + 3.0 * np.sin(np.linspace(0.0, 9.0, n_samples)))
    return (rng.standard_normal(n_samples) * envelope).astype(np.float32)


def expected_of(signal, spec):
    return reference.mfcc(signal, **{**spec.parameters(), "fmax": spec.upper_frequency})


# --- numbers


@pytest.mark.parametrize("clip", CLIPS)
def test_mfcc_equals_librosa(shared_data, extractor, clip):
    signal, sample_rate = soundfile.read(shared_data / clip, dtype="float32")
    (frames,) = extractor.extract([signal])
    assert frames.dtype == np.float32
    assert frames.flags.c_contiguous
    np.testing.assert_allclose(frames, librosa.feature.mfcc(y=signal, sr=sample_rate).T, rtol=0.0, atol=1e-3)


@pytest.mark.parametrize("n_samples", [1, 99, 100, 255, 256, 700, 1_600, 1_601, 5_000])
def test_mfcc_equals_its_definition(rng, n_samples):
    signal = signal_of(rng, n_samples)
    # 7 frames a block: tracks here end within, at and just after a block's end.
    (frames,) = MfccExtractor(SMALL, batch_blocks=3, block_frames=7).extract([signal])
    assert frames.shape == (1 + n_samples // 100, 8)
    np.testing.assert_allclose(frames, expected_of(signal, SMALL), rtol=0.0, atol=1e-3)


def test_frames_beyond_the_end_do_not_raise_the_floor(rng):
    # The window of frame 16, which the track does not have, is the only one with the click near its centre.
    signal = (1e-4 * rng.standard_normal(1_599)).astype(np.float32)
    signal[-1] = 1.0
    (frames,) = MfccExtractor(SMALL, batch_blocks=1, block_frames=20).extract([signal])
    np.testing.assert_allclose(frames, expected_of(signal, SMALL), rtol=0.0, atol=1e-3)


@pytest.mark.parametrize("n_samples", [1, 100, 511, 512, 2_047, 2_048])
def test_very_short_signals_equal_librosa(rng, extractor, n_samples):
    signal = rng.standard_normal(n_samples).astype(np.float32)
    (frames,) = extractor.extract([signal])
    expected = librosa.feature.mfcc(S=librosa.power_to_db(librosa_mel(signal))).T
    np.testing.assert_allclose(frames, expected, rtol=0.0, atol=1e-3)


def librosa_mel(signal):
    """librosa.feature.melspectrogram, which warns of signals shorter than a window, on frames cut here."""
    padded = np.pad(signal, 1_024)
    windowed = librosa.util.frame(padded, frame_length=2_048, hop_length=512).T * reference.hann(2_048)
    return librosa.filters.mel(sr=22_050, n_fft=2_048) @ np.abs(np.fft.rfft(windowed).T) ** 2


@pytest.mark.parametrize("gain_db", [-120.0, -12.0, 12.0])
def test_gain_moves_c0_alone(rng, extractor, gain_db):
    signal = signal_of(rng, 50_000)
    louder = (signal * 10.0 ** (gain_db / 20.0)).astype(np.float32)
    frames, moved = extractor.extract([signal, louder])
    np.testing.assert_allclose(moved[:, 1:], frames[:, 1:], rtol=0.0, atol=1e-3)
    np.testing.assert_allclose(moved[:, 0] - frames[:, 0], gain_db * np.sqrt(128), rtol=0.0, atol=1e-2)


def test_silence_is_finite(extractor):
    (frames,) = extractor.extract([np.zeros(5_000, np.float32)])
    np.testing.assert_allclose(frames[:, 0], -300.0 * np.sqrt(128), rtol=1e-6)
    np.testing.assert_array_equal(frames[:, 1:], 0.0)


# --- what is given besides


def test_further_coefficients_leave_the_first_ones_as_they_are(rng, extractor):
    signals = {n: signal_of(rng, n) for n in (100, 30_000, 2 * BLOCK + 77)}
    wider = MfccExtractor(MfccSpec(), n_coefficients=25, keep_mel=True)
    for n, frames in wider.extract_keyed(signals.items()):
        (narrow,) = extractor.extract([signals[n]])
        np.testing.assert_array_equal(frames.mfcc[:, :20], narrow)
        expected = reference.mfcc(signals[n], **{**MfccSpec(n_mfcc=25).parameters(), "fmax": 11_025.0})
        np.testing.assert_allclose(frames.mfcc[:, 20:], expected[:, 20:], rtol=0.0, atol=1e-3)


def test_mel_powers_are_those_that_the_coefficients_are_made_of(rng):
    signals = {n: signal_of(rng, n) for n in (1, 99, 700, 1_601)}
    extractor = MfccExtractor(SMALL, keep_mel=True, batch_blocks=3, block_frames=7)
    for n, frames in extractor.extract_keyed(signals.items()):
        expected = np.asarray(mel_spectrogram(signals[n], spec=SMALL))
        assert len(frames) == len(frames.mfcc) == 1 + n // 100
        np.testing.assert_allclose(frames.mel_power, expected, rtol=1e-4, atol=1e-6 * expected.max())


def test_mel_powers_are_given_only_if_asked_for(rng, extractor):
    ((_, frames),) = extractor.extract_keyed([("x", signal_of(rng, 1_000))])
    assert frames.mel_power is None


@pytest.mark.parametrize("n_coefficients", [7, 21])
def test_fewer_coefficients_than_are_stored_and_more_than_bands_are_refused(n_coefficients):
    with pytest.raises(ValueError, match=f"between n_mfcc = 8 and n_mels = 20, got {n_coefficients}"):
        MfccExtractor(SMALL, n_coefficients=n_coefficients)


# --- batches


def test_frames_are_bitwise_independent_of_batch_mates(rng, extractor):
    signal = signal_of(rng, 3 * BLOCK + 1_234)
    (alone,) = extractor.extract([signal])
    for n_blocks in range(1, extractor.batch_blocks + 1):
        mate = 1e3 * signal_of(rng, n_blocks * BLOCK - 1)
        first, *_ = extractor.extract([signal, mate])
        _, between, _ = extractor.extract([mate, signal, mate])
        *_, last = extractor.extract([mate, signal])
        np.testing.assert_array_equal(first, alone)
        np.testing.assert_array_equal(between, alone)
        np.testing.assert_array_equal(last, alone)


@pytest.mark.parametrize(("batch_blocks", "block_frames"), [(1, 96), (5, 96), (8, 50), (2, 500)])
def test_frames_hardly_depend_on_the_shape_of_batches(rng, extractor, batch_blocks, block_frames):
    signals = [signal_of(rng, n) for n in (100, 30_000, 111_111)]
    other = MfccExtractor(MfccSpec(), batch_blocks=batch_blocks, block_frames=block_frames)
    for got, expected in zip(other.extract(signals), extractor.extract(signals), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0.0, atol=2e-4)


def test_nothing_is_traced_twice(rng, monkeypatch):
    traced = []
    for name in ("mel_of_blocks", "mfcc_of_blocks"):
        original = getattr(mfcc, name)
        monkeypatch.setattr(mfcc, name, lambda *a, f=original, n=name: (traced.append(n), f(*a))[1])
    extractor = MfccExtractor(SMALL, batch_blocks=3, block_frames=7)
    for n_samples in (1, 50, 699, 700, 701, 2_100, 12_345):
        list(extractor.extract([signal_of(rng, n_samples), signal_of(rng, 77)]))
    assert sorted(traced) == ["mel_of_blocks", "mfcc_of_blocks"]


# --- the stream


def test_results_keep_order_and_keys(rng):
    lengths = {name: int(n) for name, n in zip("abcdefghij", rng.integers(1, 9_000, 10), strict=True)}
    signals = {name: signal_of(rng, n) for name, n in lengths.items()}
    extractor = MfccExtractor(SMALL, batch_blocks=4, block_frames=7)
    results = list(extractor.extract_keyed(signals.items()))
    assert [name for name, _ in results] == list(signals)
    for name, frames in results:
        np.testing.assert_allclose(frames.mfcc, expected_of(signals[name], SMALL), rtol=0.0, atol=1e-3)


def test_signals_are_taken_one_batch_ahead_at_most(rng):
    taken = []

    def signals():
        for number in range(20):
            taken.append(number)
            yield signal_of(rng, 1_300)  # 14 frames, two blocks

    results = MfccExtractor(SMALL, batch_blocks=4, block_frames=7).extract(signals())
    assert taken == []
    for number, _ in enumerate(results):
        assert len(taken) <= number + 2
    assert len(taken) == 20


def test_signals_are_let_go_once_cut(rng):
    taken = []

    def items():
        for number in range(3):
            signal = signal_of(rng, 1_300)
            taken.append(weakref.ref(signal))
            only = [(number, signal)]
            del signal
            yield only.pop()
            gc.collect()
            assert taken[-1]() is None

    assert len(list(MfccExtractor(SMALL, batch_blocks=64, block_frames=7).extract_keyed(items()))) == 3


def test_long_signal_is_not_copied(rng):
    signal = signal_of(rng, 20 * 60 * 22_050)  # 20 minutes, 106 MB
    extractor = MfccExtractor(MfccSpec())
    list(extractor.extract([signal[:1_000]]))
    tracemalloc.start()
    (frames,) = extractor.extract([signal])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert frames.shape == (51_680, 20)
    # Frames 4 MB, blocks of a batch 2 MB; mel powers, 26 MB, wait for the loudest frame, where Python may not count.
    assert peak < 40e6


def test_no_signals_give_no_frames(extractor):
    assert list(extractor.extract([])) == []


# --- what is refused


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros(0, np.float32), r"n_samples >= 1.*float32 of shape \(0,\)"),
        (np.zeros((5, 2), np.float32), r"got float32 of shape \(5, 2\); mix down"),
        (np.zeros(5), "got float64"),
        (np.array([0, np.nan, 0], np.float32), "finite.*nan"),
        (np.array([0, np.inf, 0], np.float32), "finite.*inf"),
        (np.array([0, -np.inf, 0], np.float32), "finite.*-inf"),
        (np.array([1e20], np.float32), "at most 1e\\+12"),
    ],
)
def test_what_is_no_signal_is_refused_by_name(extractor, signal, message):
    with pytest.raises(ValueError, match=message):
        check_signal(signal)
    with pytest.raises(ValueError, match=f"track 'song.ogg': .*{message}"):
        list(extractor.extract_keyed([("song.ogg", signal)]))


def test_largest_samples_stay_finite(extractor):
    (frames,) = extractor.extract([np.full(5_000, 1e12, np.float32)])
    assert np.isfinite(frames).all()


def test_empty_batches_are_refused():
    with pytest.raises(ValueError, match="at least 1, got 0 and 96"):
        MfccExtractor(MfccSpec(), batch_blocks=0)


# --- backends, each in a process of its own

EXTRACT = """
import sys
import numpy as np
from audiosim.features.backend import configure, keras
from audiosim.features.mfcc import MfccExtractor
from audiosim.features.spec import MfccSpec
configure(n_threads=1)
folder = sys.argv[1]
signals = np.load(f"{folder}/signals.npz")
extractor = MfccExtractor(MfccSpec())
frames = extractor.extract(signals[name] for name in signals.files)
np.savez(f"{folder}/frames.npz", **dict(zip(signals.files, frames, strict=True)))
print(keras.backend.backend())
"""


def run_python(code, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
        cwd=Path(__file__).parents[1],
    )


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same_numbers(shared_data, extractor, tmp_path, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    signals = {str(i): soundfile.read(shared_data / clip, dtype="float32")[0] for i, clip in enumerate(CLIPS)}
    np.savez(tmp_path / "signals.npz", **signals)
    done = run_python(EXTRACT, tmp_path, KERAS_BACKEND=backend)
    assert (done.returncode, done.stdout.strip()) == (0, backend), done.stderr
    frames = np.load(tmp_path / "frames.npz")
    for name, expected in zip(signals, extractor.extract(signals.values()), strict=True):
        np.testing.assert_allclose(frames[name], expected, rtol=0.0, atol=1e-3)


def test_tensorflow_is_quiet_and_bounded():
    done = run_python(
        """
import os
from audiosim.features.backend import configure, ops, _without_banner
print(configure(n_threads=1))
float(ops.sum(ops.ones(3)))
print(configure(n_threads=1), configure(n_threads=2))
with _without_banner():
    os.write(2, b"I0000 00:00:1.2 3 port.cc:153] oneDNN\\nheard\\n")
""",
        KERAS_BACKEND="tensorflow",
    )
    assert done.stderr == "heard\n"
    assert done.stdout.split() == ["True", "True", "False"]


def test_threads_below_one_are_refused():
    from audiosim.features.backend import configure

    with pytest.raises(ValueError, match="n_threads must be at least 1, got 0"):
        configure(n_threads=0)
