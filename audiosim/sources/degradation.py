"""Copies of a recording as the world makes them: louder, cut, coded, played faster or in another key.

Each is a pure function of a mono signal and its rate, so that a measure can be asked whether it still knows the track.
Nothing clips at +-1, and the same signal gives the same copy bit for bit on one machine.

References
----------
Mauch, Ewert (2013), "The Audio Degradation Toolbox and its application to robustness evaluation", ISMIR.
Verhelst, Roelands (1993), "An overlap-add technique based on waveform similarity (WSOLA) for high quality time-scale
modification of speech", ICASSP 2, 554-557.
Driedger, Müller (2016), "A review of time-scale modification of music signals", Applied Sciences 6, 57.
"""

import io
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Protocol

import av
import numpy as np
import numpy.typing as npt
import soxr

__all__ = [
    "DEGRADATIONS",
    "VERSION",
    "Degradation",
    "change_gain",
    "change_tempo",
    "crop",
    "low_pass",
    "pad_with_silence",
    "recode_mp3",
    "shift_pitch",
]

Signal = npt.NDArray[np.float32]

# Raise when a change alters what comes out: results about older copies are computed anew.
VERSION = 1

_FRAME_SECONDS = 0.046  # of overlap-add: two periods of the lowest note of a bass
_FILTER_ORDER = 8  # 48 dB an octave
_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # Hz


class Degradation(Protocol):
    """A function of a mono signal (n_samples >= 1,) float32 and its rate (Hz) that returns the copy, float32."""

    def __call__(self, signal: Signal, sample_rate: int, /) -> Signal:
        """Make the copy."""
        ...


def change_gain(signal: Signal, sample_rate: int, *, gain_db: float) -> Signal:
    """Make a signal louder or softer; beyond +-1 it is not clipped.

    Parameters
    ----------
    signal : ndarray, shape (n_samples >= 1,), float32
    sample_rate : int, Hz
        Does not matter here.
    gain_db : float, dB

    Returns
    -------
    ndarray, shape (n_samples,), float32

    Raises
    ------
    ValueError
        If the signal is no mono signal of floats or the rate not above 0.

    Examples
    --------
    >>> change_gain(np.ones(1, np.float32), 22_050, gain_db=20.0)
    array([10.], dtype=float32)
    """
    return _checked(signal, sample_rate) * np.float32(10.0 ** (gain_db / 20.0))


def pad_with_silence(signal: Signal, sample_rate: int, *, before: float = 0.0, after: float = 0.0) -> Signal:
    """Put digital silence before and after a signal.

    Parameters
    ----------
    signal : ndarray, shape (n_samples >= 1,), float32
    sample_rate : int, Hz
    before, after : float >= 0, s

    Returns
    -------
    ndarray, float32
        Longer by round(before * sample_rate) + round(after * sample_rate) samples.

    Raises
    ------
    ValueError
        If the signal is no mono signal of floats, the rate not above 0, or a duration negative.

    Examples
    --------
    >>> pad_with_silence(np.ones(1, np.float32), 2, before=1.0, after=0.5)
    array([0., 0., 1., 0.], dtype=float32)
    """
    if before < 0.0 or after < 0.0:
        raise ValueError(f"silence must last 0 s or longer, got {before} s before and {after} s after")
    return np.pad(_checked(signal, sample_rate), (round(before * sample_rate), round(after * sample_rate)))


def crop(signal: Signal, sample_rate: int, *, share: float = 0.1) -> Signal:
    """Drop the same share of a signal from either end.

    Parameters
    ----------
    signal : ndarray, shape (n_samples >= 1,), float32
    sample_rate : int, Hz
        Does not matter here.
    share : float, from 0 to below 0.5
        Of the samples, from each end.

    Returns
    -------
    ndarray, shape (n_kept >= 1,), float32
        A view.

    Raises
    ------
    ValueError
        If the signal is no mono signal of floats, the rate not above 0, or the share out of its bounds.

    Examples
    --------
    >>> crop(np.arange(5, dtype=np.float32), 22_050, share=0.2)
    array([1., 2., 3.], dtype=float32)
    """
    if not 0.0 <= share < 0.5:
        raise ValueError(f"share must lie from 0 to below 0.5, got {share}")
    n_dropped = int(share * len(_checked(signal, sample_rate)))
    return signal[n_dropped : len(signal) - n_dropped]


def low_pass(signal: Signal, sample_rate: int, *, cutoff: float) -> Signal:
    """Take away what lies above a frequency, by a Butterworth filter of 48 dB an octave.

    Parameters
    ----------
    signal : ndarray, shape (n_samples >= 1,), float32
    sample_rate : int, Hz
    cutoff : float > 0, Hz
        Where the filter is 3 dB down. A signal that has nothing above it stays as it is.

    Returns
    -------
    ndarray, shape (n_samples,), float32

    Raises
    ------
    ValueError
        If the signal is no mono signal of floats, or the rate or the cutoff not above 0.

    Examples
    --------
    >>> hiss = np.tile(np.array([1.0, -1.0], np.float32), 11_025)
    >>> float(np.abs(low_pass(hiss, 22_050, cutoff=4_000.0)[11_025:]).max()) < 1e-6
    True
    """
    from scipy.signal import butter, sosfilt  # noqa: PLC0415 - takes its time to import

    if not cutoff > 0.0:
        raise ValueError(f"cutoff must be above 0 Hz, got {cutoff}")
    if 2.0 * cutoff >= sample_rate:
        return _checked(signal, sample_rate).copy()
    sections = butter(_FILTER_ORDER, cutoff, fs=sample_rate, output="sos")
    return np.asarray(sosfilt(sections, _checked(signal, sample_rate)), dtype=np.float32)


def recode_mp3(signal: Signal, sample_rate: int, *, bit_rate: int) -> Signal:
    """Code a signal as MP3 and decode it again, in memory, with the encoder that FFmpeg's libraries bring.

    Parameters
    ----------
    signal : ndarray, shape (n_samples >= 1,), float32
        A peak above 1 is brought down to 1 for the encoder, and up again behind the decoder.
    sample_rate : int, Hz
        Where MP3 has no such rate, the signal is resampled to the next one that it has, and back.
    bit_rate : int, bit/s
        Of the one channel, the same all the time.

    Returns
    -------
    ndarray, shape (n_samples,), float32
        Without the delay of the codec: sample i is about sample i. The encoder makes all of it softer by half a
        decibel, to have room for what it adds.

    Raises
    ------
    ValueError
        If the signal is no mono signal of floats or the rate not above 0.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050).astype(np.float32)
    >>> bool(np.abs(recode_mp3(tone, 22_050, bit_rate=64_000) - tone).max() < 0.1)
    True
    """
    level = np.float32(max(1.0, float(np.abs(_checked(signal, sample_rate)).max())))
    coded_rate = next((rate for rate in _MP3_RATES if rate >= sample_rate), _MP3_RATES[-1])
    coded = _resampled(signal / level, sample_rate, coded_rate)
    decoded = _resampled(_decoded_mp3(_encoded_mp3(coded, coded_rate, bit_rate)), coded_rate, sample_rate)
    return _with_length(decoded, len(signal)) * level


def change_tempo(signal: Signal, sample_rate: int, *, ratio: float) -> Signal:
    """Play a signal faster or slower at the same pitch, by overlap-add of similar waveforms (WSOLA).

    Parameters
    ----------
    signal : ndarray, shape (n_samples >= 1,), float32
    sample_rate : int, Hz
    ratio : float > 0
        Of the new tempo to the old one: above 1 is faster.

    Returns
    -------
    ndarray, shape (max(1, round(n_samples / ratio)),), float32
        What sounds at second t of it, sounds about 25 ms from second ratio * t of the signal at most.

    Raises
    ------
    ValueError
        If the signal is no mono signal of floats, or the rate or the ratio not above 0.

    Notes
    -----
    Frames of 46 ms, half overlapped under a Hann window, are laid at equal steps. Each is taken, within 23 ms of where
    the tempo says, from where the signal is most like the continuation of the frame before. A click may be heard twice,
    or be lost.

    Examples
    --------
    >>> len(change_tempo(np.ones(22_050, np.float32), 22_050, ratio=1.05))
    21000
    """
    if not 0.0 < ratio < float("inf"):
        raise ValueError(f"ratio must be above 0 and finite, got {ratio}")
    hop = max(1, round(_FRAME_SECONDS * sample_rate / 2))
    n_samples = max(1, round(len(_checked(signal, sample_rate)) / ratio))
    n_frames = n_samples // hop + 2
    window = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)).astype(np.float32)
    # The first frame is centred on the first sample; each may be taken from up to a hop earlier or later.
    end = round(n_frames * hop * ratio) + 4 * hop
    padded = np.pad(signal, (2 * hop, max(0, end - len(signal))))
    stretched = np.zeros((n_frames + 1) * hop, dtype=np.float32)
    place = 0
    for frame in range(n_frames):
        expected = round(frame * hop * ratio) + hop
        place = expected if frame == 0 else _most_alike(padded, place + hop, expected, hop)
        stretched[frame * hop : (frame + 2) * hop] += window * padded[place : place + 2 * hop]
    return stretched[hop : hop + n_samples]


def shift_pitch(signal: Signal, sample_rate: int, *, semitones: float) -> Signal:
    """Play a signal higher or lower at the same tempo: `change_tempo`, then another rate.

    Parameters
    ----------
    signal : ndarray, shape (n_samples >= 1,), float32
    sample_rate : int, Hz
    semitones : float
        Above 0 is higher.

    Returns
    -------
    ndarray, shape (n_samples,), float32

    Raises
    ------
    ValueError
        If the signal is no mono signal of floats or the rate not above 0.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050).astype(np.float32)
    >>> int(np.abs(np.fft.rfft(shift_pitch(tone, 22_050, semitones=12.0))).argmax())
    880
    """
    ratio = 2.0 ** (semitones / 12.0)
    stretched = change_tempo(signal, sample_rate, ratio=1.0 / ratio)
    return _with_length(_resampled(stretched, ratio * sample_rate, sample_rate), len(signal))


DEGRADATIONS: Mapping[str, Degradation] = MappingProxyType(
    {
        "gain +12 dB": partial(change_gain, gain_db=12.0),
        "gain -12 dB": partial(change_gain, gain_db=-12.0),
        "20 s of silence before": partial(pad_with_silence, before=20.0),
        "20 s of silence after": partial(pad_with_silence, after=20.0),
        "first and last tenth cut": partial(crop, share=0.1),
        "low-pass 4 kHz": partial(low_pass, cutoff=4_000.0),
        "mp3 64 kbit/s": partial(recode_mp3, bit_rate=64_000),
        "tempo x 0.95": partial(change_tempo, ratio=0.95),
        "tempo x 1.05": partial(change_tempo, ratio=1.05),
        "pitch +1 semitone": partial(shift_pitch, semitones=1.0),
        "pitch -1 semitone": partial(shift_pitch, semitones=-1.0),
    }
)


def _checked(signal: Signal, sample_rate: int) -> Signal:
    """The signal, if it is one."""
    if signal.ndim != 1 or signal.size == 0 or signal.dtype != np.float32:
        raise ValueError(f"signal must have shape (n_samples >= 1,) and be float32, got {signal.shape} {signal.dtype}")
    if sample_rate <= 0:
        raise ValueError(f"sample_rate must be above 0 Hz, got {sample_rate}")
    return signal


def _with_length(signal: Signal, n_samples: int) -> Signal:
    """The first samples, with silence after the last where there are fewer."""
    return np.pad(signal[:n_samples], (0, max(0, n_samples - len(signal))))


def _resampled(signal: Signal, rate: float, wanted: float) -> Signal:
    return signal if rate == wanted else soxr.resample(signal, rate, wanted, quality="HQ")


def _most_alike(signal: Signal, target: int, expected: int, hop: int) -> int:
    """Where, within a hop of `expected`, the signal correlates most with the frame of two hops at `target`."""
    n_fft = 4 * hop
    region = np.fft.rfft(signal[expected - hop : expected + 3 * hop], n_fft)
    template = np.fft.rfft(signal[target : target + 2 * hop], n_fft)
    # Lags up to 2 * hop do not wrap: region and template then end together.
    likeness = np.fft.irfft(region * template.conj(), n_fft)[: 2 * hop + 1]
    return expected - hop + int(likeness.argmax())


def _encoded_mp3(signal: Signal, sample_rate: int, bit_rate: int) -> bytes:
    coded = io.BytesIO()
    # Only a header of its own tells the decoder how many samples are the codec's delay.
    with av.open(coded, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=sample_rate)
        stream.layout = "mono"
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(signal[None], format="fltp", layout="mono")
        frame.sample_rate = sample_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return coded.getvalue()


def _decoded_mp3(coded: bytes) -> Signal:
    with av.open(io.BytesIO(coded), "r", format="mp3") as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
