"""Write audio files, sound and broken, for the tests of decoding and of whole runs over bad input."""

import os

import av
import numpy as np
import soundfile as sf

CODECS = {".m4a": "aac", ".aac": "aac", ".wma": "wmav2", ".mka": "aac", ".mp3": "libmp3lame", ".flac": "flac"}


def tone(seconds=1.0, *, sample_rate=22_050, n_channels=1, frequency=440.0, amplitude=0.3):
    """A sine with two overtones, shape (n_samples, n_channels); channels differ in level."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = sum(np.sin(2 * np.pi * frequency * k * time) / k for k in (1, 2, 3))
    levels = np.linspace(1.0, 0.5, n_channels)
    return (amplitude / 1.84 * wave[:, None] * levels).astype(np.float32)


def write_tone(path, seconds=1.0, *, sample_rate=22_050, n_channels=1, subtype=None, frequency=440.0):
    """By libsndfile: wav, flac, ogg, mp3, aiff, w64, ..."""
    signal = tone(seconds, sample_rate=sample_rate, n_channels=n_channels, frequency=frequency)
    return write_signal(path, signal, sample_rate=sample_rate, subtype=subtype)


def write_signal(path, signal, *, sample_rate=22_050, subtype=None, tags=None):
    with sf.SoundFile(
        os.fsencode(path),
        "w",
        samplerate=sample_rate,
        channels=1 if signal.ndim == 1 else signal.shape[1],
        format={".oga": "OGG", ".opus": "OGG"}.get(path.suffix.lower(), path.suffix[1:].upper()),
        subtype=subtype,
    ) as file:
        for name, value in (tags or {}).items():
            setattr(file, name, value)
        file.write(signal)
    return path


def write_encoded(path, signal, *, sample_rate=44_100, tags=None, codec_options=None, container_options=None):
    """By FFmpeg: m4a, wma, mka, and mp3 with options of its own. `signal` is (n_samples, n_channels)."""
    n_channels = signal.shape[1]
    with av.open(path, "w", container_options=container_options or {}) as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(CODECS[path.suffix], rate=sample_rate, options=codec_options or {})
        stream.layout = "mono" if n_channels == 1 else "stereo"
        if not codec_options:
            stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(signal.T), format="fltp", layout=stream.layout.name)
        frame.sample_rate = sample_rate
        resampler = av.AudioResampler(format=stream.format.name)
        for converted in resampler.resample(frame):
            container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    return path


def write_vbr_mp3_without_header(path, seconds=12.0):
    """A third noise, two thirds near silence, at a variable bit rate that no header announces."""
    n_samples = round(seconds * 44_100)
    noise = np.random.default_rng(7).standard_normal((n_samples, 1))
    level = np.where(np.arange(n_samples) < n_samples // 3 * 2, 0.0005, 0.3)
    return write_encoded(
        path,
        (noise * level[:, None]).astype(np.float32),
        codec_options={"flags": "+qscale", "global_quality": str(118 * 5)},
        container_options={"write_xing": "0", "id3v2_version": "0"},
    )


def write_nan(path, *, second=0.5, value=np.nan):
    signal = tone(1.0)
    signal[round(second * 22_050)] = value
    return write_signal(path, signal, subtype="FLOAT")


def write_silence(path, seconds=1.0):
    return write_signal(path, np.zeros(round(seconds * 22_050), np.float32))


def noise(seconds=1.0, *, sample_rate=22_050, amplitude=0.1):
    return (amplitude * np.random.default_rng(3).standard_normal(round(seconds * sample_rate))).astype(np.float32)


def write_truncated(path, *, kept=0.5, seconds=4.0):
    """The first part of a file whose suffix says its format. Noise, which no codec puts into one page."""
    whole = write_signal(path, noise(seconds)).read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    return path


def write_damaged(path, *, seconds=6.0):
    """Other bytes over a twentieth of the file, in its middle."""
    content = bytearray(write_signal(path, noise(seconds)).read_bytes())
    start, length = len(content) // 2, len(content) // 20
    content[start : start + length] = np.random.default_rng(3).bytes(length)
    path.write_bytes(content)
    return path


def write_flac_without_length(path, seconds=2.0):
    """As an encoder leaves it that writes to a pipe: the header states 0 samples."""
    content = bytearray(write_tone(path, seconds).read_bytes())
    content[21] &= 0xF0  # 36 bits of STREAMINFO, which begins at byte 8
    content[22:26] = bytes(4)
    path.write_bytes(content)
    return path


def write_long_wav(path, *, seconds=10_800):
    """A sparse file: hours of silence that take no room."""
    write_signal(path, np.zeros(8, np.float32), sample_rate=8_000, subtype="PCM_U8")
    header = bytearray(path.read_bytes()[:44])
    n_bytes = seconds * 8_000
    header[4:8] = (n_bytes + 36).to_bytes(4, "little")
    header[40:44] = n_bytes.to_bytes(4, "little")
    path.write_bytes(header)
    os.truncate(path, n_bytes + 44)
    return path


def with_sample_rate(path, sample_rate):
    """Put another rate into the header of a wav."""
    content = bytearray(path.read_bytes())
    content[24:28] = sample_rate.to_bytes(4, "little")
    path.write_bytes(content)
    return path


def write_empty(path):
    path.write_bytes(b"")
    return path


def write_text(path):
    path.write_text("This is a letter, not music.\n" * 200)
    return path


def write_noise_bytes(path):
    path.write_bytes(np.random.default_rng(5).bytes(50_000))
    return path


def make_dangling_link(path):
    path.symlink_to(path.parent / "nowhere.wav")
    return path


def make_link_circle(path):
    """A link to itself."""
    path.symlink_to(path.name)
    return path


def make_pipe(path):
    os.mkfifo(path)
    return path


WEIRD_NAMES = [
    "plain.wav",
    " spaces at both ends .wav",
    "two\nlines.wav",
    "emoji 🎹 and ünïcödé.wav",
    "#1 hit.wav",
    "percent %41 ?query=1.wav",
    "quote's \" and, comma.wav",
    "back\\slash.wav",
    "-dash.wav",
    "UPPER.WAV",
    "http:.wav",
    os.fsdecode(b"latin \xe9\xff.wav"),
]


def write_weird_names(folder):
    """One short tone each; all have other bytes."""
    return [write_tone(folder / name, 0.3, frequency=300.0 + 20 * number) for number, name in enumerate(WEIRD_NAMES)]


def write_bad_collection(folder):
    """A folder of everything that goes wrong: {file name: a word of the reason, or None where the track is sound}."""
    write_tone(folder / "sound.wav", 2.0)
    write_tone(folder / "sound.flac", 2.0, n_channels=2, sample_rate=44_100)
    write_tone(folder / "sound.ogg", 2.0)
    write_tone(folder / "sound.mp3", 2.0, sample_rate=44_100)
    write_encoded(folder / "sound.m4a", tone(2.0, sample_rate=44_100, n_channels=2))
    write_encoded(folder / "sound.wma", tone(2.0, sample_rate=44_100, n_channels=2))
    write_tone(folder / "eight channels.wav", 1.0, n_channels=8)
    write_tone(folder / "192k.wav", 1.0, sample_rate=192_000)
    write_tone(folder / "8k.wav", 1.0, sample_rate=8_000)
    write_tone(folder / "short.wav", 0.2)
    write_truncated(folder / "truncated.ogg")
    write_truncated(folder / "truncated.mp3")
    write_nan(folder / "nan.wav")
    write_silence(folder / "silent.wav")
    write_tone(folder / "too short.wav", 0.02)
    write_truncated(folder / "stump.ogg", kept=0.02)
    write_empty(folder / "empty.mp3")
    write_text(folder / "text.mp3")
    write_noise_bytes(folder / "bytes.flac")
    make_dangling_link(folder / "dangling.wav")
    make_link_circle(folder / "circle.wav")
    make_pipe(folder / "pipe.wav")
    (folder / "album.mp3").mkdir()
    write_tone(folder / "album.mp3" / "inside.wav", 1.0, frequency=500.0)
    (folder / "album.mp3" / "up").symlink_to(folder)
    sound = "sound.wav sound.flac sound.ogg sound.mp3 sound.m4a sound.wma 192k.wav 8k.wav short.wav"
    more = ["eight channels.wav", "inside.wav", "truncated.ogg", "truncated.mp3"]
    return dict.fromkeys([*sound.split(), *more]) | {
        "nan.wav": "non-finite",
        "silent.wav": "silent",
        "too short.wav": "too short",
        "stump.ogg": "cannot be decoded",
        "empty.mp3": "empty",
        "text.mp3": "cannot be decoded",
        "bytes.flac": "cannot be decoded",
        "dangling.wav": "does not exist",
        "circle.wav": "symbolic links",
        "pipe.wav": "regular file",
        "up": "contains it",
    }
