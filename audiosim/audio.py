"""Decode a file into one mono signal at one rate: mix down, resample, trim.

libsndfile decodes what it knows (wav, flac, ogg, opus, aiff, ...) and FFmpeg's libraries the rest (m4a, wma, ...).
MPEG audio goes to FFmpeg straight away: libsndfile ends an MP3 of variable bit rate that has no length header where a
constant rate would have ended it (half of the music can be missing, without an error), and its MP3 decoder writes to
standard error about files in good order.
"""

import stat
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile as sf
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import ArgumentError, FFmpegError

from audiosim.errors import AudioError

FloatArray = npt.NDArray[np.float32]

_BLOCK_SAMPLES = 2**17  # of all channels together: half a megabyte, 3 s of stereo at 22 050 Hz
_SAMPLE_RATES = (1_000, 1_536_000)  # Hz; outside, a damaged header would make the resampler ask for gigabytes
_SILENT = 2.0**-15  # one step of 16-bit audio
_LOUDEST = 2.0**32  # 32-bit integers stored as floats; beyond, squares of spectra leave float32
_TRIM_FRAME, _TRIM_HOP = 2048, 512  # samples: librosa.effects.trim's frames
# FFmpeg reads these containers and no others: playlists and scripts, which name further files and URLs, are not audio.
_CONTAINERS = "aac,ac3,aiff,ape,asf,au,caf,dsf,dts,eac3,flac,matroska,mov,mp3,mpc,mpc8,ogg,tak,tta,w64,wav,wv"
# Their headers state no duration, or none that FFmpeg tells from its guess by the bit rate.
_GUESSED = frozenset({"aac", "ac3", "eac3", "dts", "mp3"})
_UNKNOWN_LENGTH = 2**63 - 1  # frames: libsndfile's SF_COUNT_MAX, for a FLAC that was written to a pipe
_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "flt": 1.0, "dbl": 1.0}
_SAMPLE_TYPES = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}


@dataclass(frozen=True, slots=True)
class AudioSpec:
    """How a file becomes a signal, and which files are refused.

    Attributes
    ----------
    sample_rate : int, Hz
        Rate of the signal.
    trim_db : float > 0, dB, or None
        What lies this far below the loudest 93 ms is cut from both ends; interior silence stays. None cuts nothing.
    min_duration : float > 0, s
        What is shorter after trimming is refused: one analysis window.
    max_duration : float, s
        What is longer before trimming is refused, so that one file cannot take all memory.
    """

    sample_rate: int = 22_050
    trim_db: float | None = 40.0
    min_duration: float = 0.1
    max_duration: float = 7_200.0

    def __post_init__(self) -> None:
        low, high = _SAMPLE_RATES
        if not low <= self.sample_rate <= high:
            raise ValueError(f"sample_rate must be between {low} and {high} Hz, got {self.sample_rate}")
        if self.trim_db is not None and not self.trim_db > 0:
            raise ValueError(f"trim_db must be above 0 dB, or None for no trimming, got {self.trim_db}")
        if not 0 < self.min_duration < self.max_duration < float("inf"):
            raise ValueError(
                f"durations must satisfy 0 < min_duration < max_duration, both finite, "
                f"got {self.min_duration} and {self.max_duration} s"
            )

    def parameters(self) -> dict[str, float | int | None]:
        """Return what the samples of a signal depend on. The limits only decide which files have a signal."""
        return {"sample_rate": self.sample_rate, "trim_db": self.trim_db}


_DEFAULT_SPEC = AudioSpec()


class _UndecodableError(AudioError):
    """One decoder gives up; another may not."""


@dataclass(frozen=True, slots=True)
class _Stream:
    """What a decoder delivers: mono blocks, and the duration (s) that the header states or lets guess."""

    sample_rate: int
    duration: float | None
    blocks: Iterable[FloatArray]
    is_guess: bool = False


def load(path: Path, *, spec: AudioSpec = _DEFAULT_SPEC) -> FloatArray:
    """Decode a file to mono, resample it and trim the silence at both ends.

    The same file and the same spec give the same samples bit for bit, in any number of threads. Decoding and resampling
    release the interpreter lock.

    Parameters
    ----------
    path : Path
        A regular file that libsndfile or FFmpeg can decode. Its suffix does not matter.
    spec : AudioSpec
        Rate, trimming and limits.

    Returns
    -------
    ndarray, shape (n_samples,), float32
        The mean of the channels. Nothing is clipped: lossy formats and float files do leave [-1, 1].

    Raises
    ------
    AudioError
        The file cannot become a signal. The text is the reason; it does not repeat the path.

    Notes
    -----
    The file is decoded in blocks of half a megabyte. Memory is bounded by the signal, 4 bytes * sample_rate *
    max_duration (635 MB at the defaults, 2.6 MB for 30 s), and by 2.5 times that where no header states the duration.

    What damaged files still hold is used: decoding ends where a truncated file ends, and damaged packets are skipped.
    A file most of whose packets are damaged is refused.

    Examples
    --------
    >>> signal = load(Path("song.flac"), spec=AudioSpec(trim_db=None))  # doctest: +SKIP
    """
    return load_with_duration(path, spec=spec)[0]


def load_with_duration(path: Path, *, spec: AudioSpec = _DEFAULT_SPEC) -> tuple[FloatArray, float]:
    """As `load`, and how long the file plays, in seconds: what is trimmed counts."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise AudioError("is no regular file (a folder, a pipe or a device)")
        if status.st_size == 0:
            raise AudioError("empty file (0 bytes)")
        with path.open("rb", buffering=0) as file:
            signal = _decode(file, spec)
    except OSError as error:
        raise AudioError(f"cannot be read: {error.strerror or error}") from error
    return sound_of(signal, spec), len(signal) / spec.sample_rate


def trim(signal: FloatArray, *, trim_db: float = 40.0) -> FloatArray:
    """Cut leading and trailing silence; return a view.

    Frames of 2048 samples, one every 512, count as sound when their mean square lies less than `trim_db` below that of
    the loudest frame. The signal is cut at the first hop of sound and behind the last, where `librosa.effects.trim`
    cuts it. Unlike there, gain changes nothing: librosa raises all levels to -100 dB of full scale, and so trims
    nothing from a signal that stays below -60 dB.

    Parameters
    ----------
    signal : ndarray, shape (n_samples >= 1,), float32
    trim_db : float > 0, dB

    Returns
    -------
    ndarray, shape (n_kept >= 1,), float32
        A view; the whole signal where it is digital silence.

    Examples
    --------
    >>> signal = np.concatenate([np.zeros(22_050, np.float32), np.ones(22_050, np.float32)])
    >>> 44_100 - len(trim(signal))  # the first frame that reaches the sound is centred on hop 42
    21504
    """
    n_hops = len(signal) // _TRIM_HOP
    whole = signal[: n_hops * _TRIM_HOP].reshape(n_hops, _TRIM_HOP)
    rest = signal[n_hops * _TRIM_HOP :]
    # Frame i is centred on sample 512 i: hops i - 2 to i + 1, with silence before the first and after the last.
    hops = np.zeros(n_hops + _TRIM_FRAME // _TRIM_HOP, np.float32)
    np.einsum("ij,ij->i", whole, whole, out=hops[2 : n_hops + 2])
    hops[n_hops + 2] = np.dot(rest, rest)
    energy = hops[:-3] + hops[1:-2] + hops[2:-1] + hops[3:]
    sound = np.flatnonzero(energy > energy.max() * 10.0 ** (-trim_db / 10.0))
    if len(sound) == 0:
        return signal
    return signal[sound[0] * _TRIM_HOP : (sound[-1] + 1) * _TRIM_HOP]


def sound_of(signal: FloatArray, spec: AudioSpec) -> FloatArray:
    """Trim a signal (n_samples >= 1,), or say by an `AudioError` why there is nothing in it."""
    peak = max(float(signal.max()), -float(signal.min()))
    if peak <= _SILENT:
        raise AudioError("silent: the mono mix never exceeds one step of 16-bit audio (-90 dB of full scale)")
    if not peak < _LOUDEST:
        raise AudioError(f"no audio level: samples must stay below {_LOUDEST:.0f} times full scale, got {peak:g}")
    sound = signal if spec.trim_db is None else trim(signal, trim_db=spec.trim_db)
    duration = len(sound) / spec.sample_rate
    if duration < spec.min_duration:
        trimmed = "" if spec.trim_db is None else " after trimming"
        raise AudioError(f"too short: {duration:.3f} s{trimmed}; audio.min_duration is {spec.min_duration:g} s")
    return sound


def _decode(file: FileIO, spec: AudioSpec) -> FloatArray:
    """Try the decoders in turn; the reasons of all of them make the error."""
    head = file.read(4)
    is_mpeg = head.startswith(b"ID3") or (
        head[:1] == b"\xff" and head[1:2] >= b"\xe0"
    )  # a tag, or the 11 bits of a frame's sync
    error: _UndecodableError | None = None
    reasons: list[str] = []
    for stream_of in (_ffmpeg,) if is_mpeg else (_libsndfile, _ffmpeg):
        file.seek(0)
        try:
            with stream_of(file) as stream:
                return _signal_of(stream, spec)
        except _UndecodableError as given_up:
            error = given_up
            reasons.append(str(given_up))
    raise AudioError(f"cannot be decoded ({'; '.join(reasons)})") from error


def _signal_of(stream: _Stream, spec: AudioSpec) -> FloatArray:
    """Resample the blocks into one signal, as long as they are finite and no more than allowed."""
    low, high = _SAMPLE_RATES
    rate = stream.sample_rate
    if not low <= rate <= high:
        raise AudioError(f"sample rate must be between {low} and {high} Hz, the header states {rate}")
    if stream.duration is not None and stream.duration > spec.max_duration and not stream.is_guess:
        raise AudioError(
            f"too long: {stream.duration:.0f} s; raise audio.max_duration ({spec.max_duration:g} s) to accept it"
        )
    resampler = (
        None
        if rate == spec.sample_rate
        else soxr.ResampleStream(rate, spec.sample_rate, 1, dtype="float32", quality="HQ")
    )
    expected = min(max(stream.duration or 0.0, 0.0), spec.max_duration)
    signal = _GrowingSignal(int(expected * spec.sample_rate))
    n_decoded = 0
    for block in stream.blocks:
        finite = np.isfinite(block)
        if not finite.all():
            second = (n_decoded + int(np.argmin(finite))) / rate
            raise AudioError(f"non-finite sample (NaN or infinity) at {second:.3f} s")
        n_decoded += len(block)
        if n_decoded > spec.max_duration * rate:
            raise AudioError(f"too long; raise audio.max_duration ({spec.max_duration:g} s) to accept it")
        signal.append(block if resampler is None else resampler.resample_chunk(block))
    if resampler is not None:
        signal.append(resampler.resample_chunk(np.empty(0, np.float32), last=True))
    if len(signal.samples) == 0:
        raise _UndecodableError("no audio in it")
    return signal.samples


class _GrowingSignal:
    """Samples appended block by block, in place where the header told the length."""

    def __init__(self, n_expected: int) -> None:
        self._buffer = np.empty(
            n_expected + _BLOCK_SAMPLES, np.float32
        )  # pages that nothing is written to cost nothing
        self._n_samples = 0

    def append(self, block: FloatArray) -> None:
        end = self._n_samples + len(block)
        if end > len(self._buffer):
            grown = np.empty(end + end // 2, np.float32)
            grown[: self._n_samples] = self.samples
            self._buffer = grown
        self._buffer[self._n_samples : end] = block
        self._n_samples = end

    @property
    def samples(self) -> FloatArray:
        return self._buffer[: self._n_samples]


def _mix_down(channels: Sequence[npt.NDArray[Any]], *, full_scale: float = 1.0) -> FloatArray:
    """Return the mean of the channels; one pass a channel is eight times as fast as `mean` over an axis this short."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is reported with its time
        mono = channels[0].astype(np.float32)
        for channel in channels[1:]:
            mono += channel
        mono *= np.float32(1.0 / (len(channels) * full_scale))
    return mono


@contextmanager
def _libsndfile(file: FileIO) -> Generator[_Stream]:
    try:
        sound = sf.SoundFile(file.fileno(), closefd=False)
    except sf.LibsndfileError as error:
        raise _UndecodableError(f"libsndfile: {error.error_string.rstrip('.')}") from error
    with sound:
        duration = None if sound.frames == _UNKNOWN_LENGTH else sound.frames / max(sound.samplerate, 1)
        yield _Stream(sound.samplerate, duration, _libsndfile_blocks(sound))


def _libsndfile_blocks(sound: sf.SoundFile) -> Iterator[FloatArray]:
    block = np.empty((max(1, _BLOCK_SAMPLES // sound.channels), sound.channels), np.float32)
    while True:
        try:
            n_frames = len(sound.read(out=block))
        except sf.LibsndfileError as error:
            raise _UndecodableError(f"libsndfile: {error.error_string.rstrip('.')}") from error
        yield _mix_down([block[:n_frames, channel] for channel in range(sound.channels)])
        if n_frames < len(block):
            return


@contextmanager
def _ffmpeg(file: FileIO) -> Generator[_Stream]:
    # By descriptor: any name works, and the file cannot be exchanged between the checks and here.
    options = {"fd": str(file.fileno()), "protocol_whitelist": "fd", "format_whitelist": _CONTAINERS}
    try:
        container = av.open("fd:", options=options, metadata_errors="replace")
    except ArgumentError as error:
        raise _UndecodableError("FFmpeg: the container is none of those that hold audio") from error
    except FFmpegError as error:
        raise _UndecodableError(f"FFmpeg: {error.strerror}") from error
    with container:
        if not container.streams.audio:
            raise _UndecodableError("FFmpeg: no audio stream")
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1  # tracks are decoded in parallel, not their parts
        batches = _batches(_ffmpeg_frames(container, stream))
        first = next(batches, None)
        if first is None:
            raise _UndecodableError("FFmpeg: no packet of it can be decoded")
        duration = None if container.duration is None else container.duration / av.time_base
        blocks = (_mix_frames(batch) for batch in chain([first], batches))
        yield _Stream(first[0].sample_rate, duration, blocks, is_guess=container.format.name in _GUESSED)


def _ffmpeg_frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Yield what can be decoded; raise where most cannot."""
    n_packets = n_damaged = 0
    try:
        for packet in container.demux(stream):
            n_packets += 1
            try:
                frames = packet.decode()
            except FFmpegError:
                n_damaged += 1
                continue
            yield from frames
    except FFmpegError as error:
        if n_packets == 0:
            raise _UndecodableError(f"FFmpeg: {error.strerror}") from error
    if 2 * n_damaged > n_packets:
        raise _UndecodableError(f"FFmpeg: {n_damaged} of {n_packets} packets are damaged")


def _batches(frames: Iterator[AudioFrame]) -> Iterator[list[AudioFrame]]:
    """Gather frames to blocks of one format: numpy called on every thousand samples costs a quarter of the decoding."""
    batch: list[AudioFrame] = []
    n_samples = 0
    for frame in frames:
        if batch and (n_samples >= _BLOCK_SAMPLES or not _alike(frame, batch[0])):
            yield batch
            batch = []
            n_samples = 0
        batch.append(frame)
        n_samples += frame.samples * frame.layout.nb_channels
    if batch:
        yield batch


def _alike(frame: AudioFrame, first: AudioFrame) -> bool:
    """Return whether two frames can stand in one array; a stream may change its channels, not its rate."""
    if frame.sample_rate != first.sample_rate:
        raise AudioError(f"the sample rate changes from {first.sample_rate} to {frame.sample_rate} Hz")
    return frame.format.name == first.format.name and frame.layout.nb_channels == first.layout.nb_channels


def _mix_frames(frames: list[AudioFrame]) -> FloatArray:
    """Mix down frames of one format. Their planes are padded, and joined before numpy sees them."""
    sample_format, n_channels = frames[0].format, frames[0].layout.nb_channels
    kind = sample_format.name.removesuffix("p")
    if kind not in _SAMPLE_TYPES:
        raise _UndecodableError(f"FFmpeg: samples of type {sample_format.name}")
    width = sample_format.bytes * (1 if sample_format.is_planar else n_channels)
    planes = [(frame.planes, frame.samples * width) for frame in frames]
    joined = [
        np.frombuffer(b"".join([memoryview(plane[i])[:size] for plane, size in planes]), _SAMPLE_TYPES[kind])
        for i in range(len(frames[0].planes))
    ]
    channels = joined if sample_format.is_planar else list(joined[0].reshape(-1, n_channels).T)
    mono = _mix_down(channels, full_scale=_FULL_SCALE[kind])
    return mono - np.float32(1.0) if kind == "u8" else mono  # silence is 128
