import contextlib
import os
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import librosa
import make_audio
import numpy as np
import pytest
import soundfile as sf
import soxr
from hypothesis import given
from hypothesis import strategies as st

from audiosim import audio
from audiosim.audio import AudioSpec, load, trim
from audiosim.errors import AudioError

DEFAULT = AudioSpec()
WHOLE = AudioSpec(trim_db=None)


def assert_refused(path, reason, *, spec=DEFAULT):
    with pytest.raises(AudioError, match=reason) as caught:
        load(path, spec=spec)
    assert os.fsdecode(path) not in str(caught.value), "the reason must not repeat the path"
    return caught.value


def assert_tone(signal, frequency, *, sample_rate=22_050):
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal))))
    np.testing.assert_allclose(np.argmax(spectrum) * sample_rate / len(signal), frequency, rtol=0.02)


# What a sound file becomes


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff", "w64", "m4a", "wma", "mka"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_every_format_becomes_its_tone(tmp_path, suffix, n_channels):
    path = tmp_path / f"tone.{suffix}"
    if suffix in {"m4a", "wma", "mka"}:
        make_audio.write_encoded(path, make_audio.tone(2.0, sample_rate=44_100, n_channels=n_channels))
    else:
        make_audio.write_tone(path, 2.0, sample_rate=44_100, n_channels=n_channels)
    signal = load(path)
    assert signal.dtype == np.float32
    assert signal.ndim == 1
    assert signal.flags.c_contiguous
    np.testing.assert_allclose(len(signal) / 22_050, 2.0, atol=0.05)
    assert_tone(signal, 440.0)
    expected = make_audio.tone(2.0, n_channels=n_channels).mean(axis=1)
    np.testing.assert_allclose(signal.std(), expected.std(), rtol=0.05)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_both_decoders_agree_on_every_sample_type(tmp_path, subtype, monkeypatch):
    path = make_audio.write_tone(tmp_path / "tone.wav", 0.5, n_channels=3, subtype=subtype)
    native = load(path, spec=WHOLE)
    np.testing.assert_allclose(native, make_audio.tone(0.5, n_channels=3).mean(axis=1), atol=8e-3)  # a step of 8 bits
    monkeypatch.setattr(audio, "_libsndfile", audio._ffmpeg)
    np.testing.assert_allclose(load(path, spec=WHOLE), native, atol=1e-6)


def test_a_mono_file_at_the_rate_asked_for_keeps_its_samples(tmp_path, rng):
    samples = rng.standard_normal(200_001).astype(np.float32)
    path = make_audio.write_signal(tmp_path / "noise.wav", samples, subtype="FLOAT")
    np.testing.assert_array_equal(load(path, spec=WHOLE), samples)
    assert np.abs(samples).max() > 3.0, "nothing clips"


def test_channels_are_averaged(tmp_path, rng):
    samples = rng.uniform(-2, 2, (150_000, 8)).astype(np.float32)
    path = make_audio.write_signal(tmp_path / "eight.wav", samples, subtype="FLOAT")
    np.testing.assert_allclose(load(path, spec=WHOLE), samples.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("sample_rate", [8_000, 11_025, 44_100, 48_000, 192_000])
def test_blocks_are_resampled_as_one_signal(tmp_path, rng, sample_rate):
    samples = rng.uniform(-1, 1, 3 * audio._BLOCK_SAMPLES + 17).astype(np.float32)
    path = make_audio.write_signal(tmp_path / "noise.wav", samples, sample_rate=sample_rate, subtype="FLOAT")
    np.testing.assert_allclose(load(path, spec=WHOLE), soxr.resample(samples, sample_rate, 22_050), atol=1e-6)


@pytest.mark.parametrize("suffix", ["wav", "m4a"])
def test_the_size_of_blocks_changes_nothing(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"tone.{suffix}"
    stereo = make_audio.tone(1.0, sample_rate=44_100, n_channels=2)
    write = make_audio.write_signal if suffix == "wav" else make_audio.write_encoded
    write(path, stereo, sample_rate=44_100)
    expected = load(path)
    monkeypatch.setattr(audio, "_BLOCK_SAMPLES", 999)
    np.testing.assert_array_equal(load(path), expected)


def test_threads_change_nothing(tmp_path):
    paths = [
        make_audio.write_tone(tmp_path / f"{i}.{suffix}", 1.0, sample_rate=44_100, frequency=200.0 + 50 * i)
        for i, suffix in enumerate(["wav", "ogg", "mp3", "flac"] * 3)
    ]
    expected = [load(path) for path in paths]
    with ThreadPoolExecutor(8) as pool:
        for signal, alone in zip(pool.map(load, paths), expected, strict=True):
            np.testing.assert_array_equal(signal, alone)


def test_names_of_any_bytes(tmp_path):
    for path in make_audio.write_weird_names(tmp_path):
        assert len(load(path)) == 6_615, path
        moved = path.rename(tmp_path / "now.m4a")  # the suffix says nothing; FFmpeg and libsndfile read by descriptor
        assert len(load(moved)) == 6_615
        moved.unlink()


def test_variable_rate_mp3_without_length_is_read_to_its_end(tmp_path):
    path = make_audio.write_vbr_mp3_without_header(tmp_path / "vbr.mp3", 12.0)
    assert sf.info(path).duration < 6.0, "libsndfile has learnt it: mp3 may go there again"
    np.testing.assert_allclose(len(load(path, spec=WHOLE)) / 22_050, 12.0, atol=0.1)


def test_flac_from_a_pipe_is_read_to_its_end(tmp_path):
    path = make_audio.write_flac_without_length(tmp_path / "pipe.flac", 20.0)
    np.testing.assert_allclose(load(path, spec=WHOLE), make_audio.tone(20.0)[:, 0], atol=1e-4)
    assert_refused(path, r"too long; raise audio\.max_duration \(1 s\)", spec=AudioSpec(max_duration=1.0))


@pytest.mark.parametrize(
    ("suffix", "seconds", "sample_rate", "n_channels"),
    [("wav", 6.0, 192_000, 8), ("mp3", 40.0, 44_100, 2)],  # 37 and 14 MB as float32
)
def test_memory_holds_the_signal_and_not_the_file(tmp_path, suffix, seconds, sample_rate, n_channels):
    path = tmp_path / f"long.{suffix}"
    make_audio.write_tone(path, seconds, sample_rate=sample_rate, n_channels=n_channels)
    tracemalloc.start()
    try:
        load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 22_050 * seconds + 3_500_000


# Damage


@pytest.mark.parametrize("suffix", ["wav", "ogg", "mp3", "flac"])
def test_truncated_files_give_what_they_hold(tmp_path, suffix):
    signal = load(make_audio.write_truncated(tmp_path / f"half.{suffix}", kept=0.5, seconds=4.0))
    assert 1.2 < len(signal) / 22_050 < 2.8


@pytest.mark.parametrize("suffix", ["ogg", "mp3", "flac"])
def test_damaged_files_give_what_they_hold(tmp_path, suffix):
    signal = load(make_audio.write_damaged(tmp_path / f"damaged.{suffix}", seconds=6.0))
    assert 4.0 < len(signal) / 22_050 <= 6.1


def test_what_decoders_cannot_open_says_so(tmp_path):
    for path in (
        make_audio.write_text(tmp_path / "text.mp3"),
        make_audio.write_noise_bytes(tmp_path / "noise.flac"),
        make_audio.write_truncated(tmp_path / "stump.ogg", kept=0.02),
        make_audio.write_truncated(tmp_path / "stump.flac", kept=0.01),
        make_audio.write_truncated(tmp_path / "stump.mp3", kept=0.002),
    ):
        error = assert_refused(path, r"^cannot be decoded \(.*FFmpeg: \w+")
        assert error.__cause__ is not None
    assert_refused(make_audio.write_empty(tmp_path / "empty.mp3"), "empty file")


@pytest.mark.parametrize(("damaged_from", "is_refused"), [(0.2, True), (0.8, False)])
def test_mostly_damaged_packets_are_no_audio(tmp_path, damaged_from, is_refused):
    path = make_audio.write_encoded(tmp_path / "tone.m4a", make_audio.tone(4.0, sample_rate=44_100, n_channels=2))
    content = bytearray(path.read_bytes())
    packets, index = content.index(b"mdat") + 4, content.index(b"moov") - 4
    start = packets + int((index - packets) * damaged_from)
    content[start:index] = np.random.default_rng(11).bytes(index - start)
    path.write_bytes(content)
    if is_refused:
        assert_refused(path, r"FFmpeg: \d+ of \d+ packets are damaged")
    else:
        assert 3.0 < len(load(path)) / 22_050 < 4.1


def test_playlists_and_scripts_are_not_followed(tmp_path):
    make_audio.write_tone(tmp_path / "real.wav", 1.0)
    for name, content in {
        "hls.mp3": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nreal.wav\n#EXT-X-ENDLIST\n",
        "concat.m4a": "ffconcat version 1.0\nfile real.wav\n",
    }.items():
        (tmp_path / name).write_text(content)
        assert_refused(tmp_path / name, "cannot be decoded")
    (tmp_path / "subtitles.m4a").write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n\n")
    assert_refused(tmp_path / "subtitles.m4a", "FFmpeg: the container is none of those that hold audio")


def test_decoders_write_nothing_to_the_terminal(tmp_path, capfd):
    make_audio.write_bad_collection(tmp_path)
    make_audio.write_damaged(tmp_path / "damaged.mp3")
    for path in sorted(tmp_path.iterdir()):
        with contextlib.suppress(AudioError):
            load(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_samples_are_refused_with_their_time(tmp_path, value):
    path = make_audio.write_nan(tmp_path / "nan.wav", second=0.5, value=value)
    assert_refused(path, r"^non-finite sample \(NaN or infinity\) at 0\.500 s$")


def test_non_finite_samples_in_a_late_block_and_in_opposite_channels(tmp_path):
    samples = make_audio.tone(10.0, sample_rate=44_100, n_channels=2)
    samples[44_100 * 9] = np.inf, -np.inf
    path = make_audio.write_signal(tmp_path / "inf.wav", samples, sample_rate=44_100, subtype="FLOAT")
    assert_refused(path, r"at 9\.000 s")


def test_absurd_levels_and_rates_are_refused(tmp_path):
    loud = make_audio.write_signal(tmp_path / "loud.wav", np.full(22_050, 1e30, np.float32), subtype="FLOAT")
    assert_refused(loud, "no audio level: samples must stay below 4294967296 times full scale, got 1e[+]30")
    for rate in (1, 4_000_000_000):
        path = make_audio.with_sample_rate(make_audio.write_tone(tmp_path / "tone.wav", 1.0), rate)
        assert_refused(path, r"sample rate|cannot be decoded")


def test_what_is_no_file_is_refused(tmp_path):
    assert_refused(tmp_path / "absent.wav", "cannot be read: No such file")
    assert_refused(make_audio.make_link_circle(tmp_path / "circle.wav"), "cannot be read: Too many levels")
    assert_refused(tmp_path, "no regular file")
    pipe = make_audio.make_pipe(tmp_path / "pipe.wav")
    thread = threading.Thread(target=assert_refused, args=(pipe, "no regular file"), daemon=True)
    thread.start()
    thread.join(timeout=5)
    assert not thread.is_alive(), "load waits for somebody to write into the pipe"


# Limits


def test_hours_are_refused_by_the_header(tmp_path, monkeypatch):
    path = make_audio.write_long_wav(tmp_path / "three hours.wav", seconds=10_800)

    def never(_sound):
        yield pytest.fail("decodes what is too long")

    monkeypatch.setattr(audio, "_libsndfile_blocks", never)
    assert_refused(path, r"^too long: 10800 s; raise audio\.max_duration \(7200 s\) to accept it$")


def test_an_mp3_is_refused_while_it_is_decoded(tmp_path):
    path = make_audio.write_tone(tmp_path / "tone.mp3", 3.0, sample_rate=44_100)
    assert_refused(path, r"too long; raise audio\.max_duration \(2 s\)", spec=AudioSpec(max_duration=2.0))
    assert len(load(path, spec=AudioSpec(max_duration=3.1))) > 3 * 22_050 - 2_048


def test_short_files_are_refused_after_trimming(tmp_path):
    assert len(load(make_audio.write_tone(tmp_path / "short.wav", 0.2))) == 4_410
    assert_refused(make_audio.write_tone(tmp_path / "shorter.wav", 0.05), r"^too short: 0\.050 s after trimming")
    click = np.zeros(44_100, np.float32)
    click[20_000] = 1.0
    path = make_audio.write_signal(tmp_path / "click.wav", click)
    assert_refused(path, r"too short: 0\.093 s after trimming; audio\.min_duration is 0\.1 s")
    assert len(load(path, spec=WHOLE)) == 44_100


def test_silence_is_refused(tmp_path):
    assert_refused(make_audio.write_silence(tmp_path / "silence.wav"), "^silent: ")
    assert_refused(make_audio.write_silence(tmp_path / "silence.ogg"), "^silent: ")
    opposite = make_audio.tone(1.0) * np.array([1.0, -1.0], np.float32)
    assert_refused(make_audio.write_signal(tmp_path / "opposite.ogg", opposite), "^silent: the mono mix")
    quiet = make_audio.write_signal(tmp_path / "quiet.wav", make_audio.tone(1.0, amplitude=1e-4), subtype="FLOAT")
    assert len(load(quiet)) == 22_050


def test_no_samples_at_all(tmp_path):
    assert_refused(make_audio.write_tone(tmp_path / "none.wav", 0.0), "cannot be decoded .*no audio in it")


# Trimming


def assert_trimmed_like_librosa(signal, trim_db):
    # librosa knows no level below -100 dB; a gain by a power of two changes nothing else.
    _, (start, end) = librosa.effects.trim(signal * np.float32(2**20), top_db=trim_db)
    np.testing.assert_array_equal(trim(signal, trim_db=trim_db), signal[start:end])


@given(
    seed=st.integers(0, 2**32 - 1),
    n_samples=st.integers(1, 12_000),
    lead=st.integers(0, 5_000),
    tail=st.integers(0, 5_000),
    trim_db=st.sampled_from([20.0, 40.0, 60.0]),
)
def test_trim_cuts_where_librosa_cuts(seed, n_samples, lead, tail, trim_db):
    rng = np.random.default_rng(seed)
    envelope = 10.0 ** rng.uniform(-4, 0, n_samples // 700 + 1).repeat(700)[:n_samples]
    sound = envelope * rng.standard_normal(n_samples)
    assert_trimmed_like_librosa(np.pad(sound, (lead, tail)).astype(np.float32), trim_db)


@pytest.mark.parametrize("n_samples", [1, 511, 512, 513, 1_024, 2_047, 2_048, 2_049, 10_240])
def test_trim_at_the_edges_of_hops(rng, n_samples):
    assert_trimmed_like_librosa(rng.standard_normal(n_samples).astype(np.float32), 40.0)
    assert_trimmed_like_librosa(np.r_[np.zeros(n_samples), rng.standard_normal(3)].astype(np.float32), 40.0)
    assert_trimmed_like_librosa(np.r_[rng.standard_normal(3), np.zeros(n_samples)].astype(np.float32), 40.0)


def test_trim_keeps_interior_silence_and_ignores_gain(rng):
    sound = rng.standard_normal(8_000)
    signal = np.concatenate([np.zeros(9_000), sound, np.zeros(30_000), sound, np.zeros(9_000)]).astype(np.float32)
    kept = trim(signal)
    assert 46_000 < len(kept) < 50_000
    for gain in (1e-6, 1e-3, 1e3):
        np.testing.assert_array_equal(trim(signal * np.float32(gain)), kept * np.float32(gain))


def test_real_music_equals_librosa(shared_data):
    paths = sorted((shared_data / "music" / "dev").iterdir())[::12]
    paths += sorted((shared_data / "fsdd").rglob("*.wav"))[:6]
    for path in paths:
        native, sample_rate = sf.read(path, dtype="float32")
        signal = librosa.resample(native, orig_sr=sample_rate, target_sr=22_050, res_type="soxr_hq")
        expected, _ = librosa.effects.trim(signal, top_db=40.0)
        np.testing.assert_allclose(load(path), expected[: len(load(path))], atol=1e-6)
        assert abs(len(load(path)) - len(expected)) <= 1, "librosa rounds the length up, soxr to the nearest"


# Settings


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"sample_rate": 0}, "sample_rate must be between 1000 and 1536000 Hz, got 0"),
        ({"trim_db": 0.0}, "trim_db must be above 0 dB, or None"),
        ({"trim_db": float("nan")}, "trim_db must be above 0 dB, or None"),
        ({"min_duration": 0.0}, "0 < min_duration < max_duration"),
        ({"max_duration": float("inf")}, "both finite, got 0.1 and inf s"),
        ({"min_duration": 5.0, "max_duration": 4.0}, "got 5.0 and 4.0 s"),
    ],
)
def test_impossible_settings_are_refused(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        AudioSpec(**arguments)


def test_limits_do_not_change_a_signal():
    assert AudioSpec(max_duration=9_000.0, min_duration=1.0).parameters() == AudioSpec().parameters()
    assert AudioSpec().parameters() == {"sample_rate": 22_050, "trim_db": 40.0}
    assert AudioSpec(trim_db=None).parameters() != AudioSpec().parameters()
