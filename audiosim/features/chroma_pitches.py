"""Power of every semitone in every frame, by Fourier transforms as long as each pitch needs.

A constant-Q transform would take another window for every semitone, and of half a second and more for the bass. Here
an octave shares one: long enough to tell a semitone from the next, and no longer, for onsets are to stay sharp.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Powers = npt.NDArray[np.float32]

# MIDI numbers, C2 (65 Hz) up to B7 (3 951 Hz): six whole octaves, so that no pitch class has more semitones than
# another. Below, semitones lie too close together for the longest window; above, there are hardly any notes.
LOWEST, HIGHEST = 36, 107
_A4 = 69

# Frames transformed at once: their spectra stay in the second-level cache.
_BLOCK_FRAMES = 64

# Share of a tone's power that the next semitone hears at most, where a window is just long enough (measured: .116).
_LEAKAGE = 0.12


def frequency(pitch: float) -> float:
    """Frequency in Hz of a MIDI number, at A4 = 440 Hz."""
    return 440.0 * 2.0 ** ((pitch - _A4) / 12.0)


def peak_of(signal: npt.NDArray[np.floating]) -> float:
    """Return the largest magnitude in a signal; refuse what is none.

    Raises
    ------
    ValueError
        If the signal is empty, not one-dimensional, not real, or not finite.
    """
    if signal.ndim != 1 or not signal.size or not np.issubdtype(signal.dtype, np.floating):
        raise ValueError(
            "signal must be floating-point of shape (n_samples >= 1,), "
            f"got {signal.dtype} of shape {signal.shape}; mix down and convert it first"
        )
    # NaN passes through min and max.
    peak = max(float(signal.max()), -float(signal.min()))
    if not math.isfinite(peak):
        raise ValueError("samples must be finite, got NaN or infinity; the decoder or the file is broken")
    return peak


def longest_window(sample_rate: int) -> int:
    """Samples of the longest window, a power of 2: 8 192, or 372 ms, at 22 050 Hz."""
    return 2 ** max(1, round(math.log2(0.37 * sample_rate)))


def power_spectra(
    signal: npt.NDArray[np.floating], *, n_fft: int, hop_length: int, n_bins: int, peak: float
) -> Iterator[Powers]:
    """Yield the power spectra of all frames, some of them at a time.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples >= 1,)]
        Frame i is centred on sample i * hop_length; around the signal there is silence.
    n_fft, hop_length : int (samples)
        Length of the Hann window, even, and distance of the frames.
    n_bins : int
        The lowest so many bins are kept.
    peak : float, above 0
        What counts as full scale. Powers then do not depend on gain, and neither overflow nor vanish.

    Yields
    ------
    np.ndarray [shape=(n_frames, n_bins), float32]
        1 + n_samples // hop_length frames in all. A sine has the same power, summed over its bins, at any `n_fft`.
    """
    from scipy import fft  # noqa: PLC0415 - loaded when there is something to transform

    n_frames = 1 + signal.size // hop_length
    # Reused for every block; `windows` is a view of it.
    block = np.zeros((min(n_frames, _BLOCK_FRAMES) - 1) * hop_length + n_fft, np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(block, n_fft)[::hop_length]
    for first in range(0, n_frames, _BLOCK_FRAMES):
        start = first * hop_length - n_fft // 2
        before = max(0, -start)
        samples = signal[start + before : max(0, start + block.size)]
        block[:before] = 0.0
        np.divide(samples, peak, out=block[before : before + samples.size], casting="same_kind")
        block[before + samples.size :] = 0.0
        windowed = windows[: n_frames - first] * _hann(n_fft)
        spectra: npt.NDArray[np.complex64] = np.asarray(fft.rfft(windowed, overwrite_x=True))[:, :n_bins]
        yield np.square(spectra.real) + np.square(spectra.imag)


def pitch_powers(
    signal: npt.NDArray[np.floating], *, sample_rate: int, hop_length: int, tuning: float, peak: float
) -> Powers:
    """Power of every semitone in every frame.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples >= 1,)]
    sample_rate : int (Hz)
    hop_length : int (samples)
    tuning : float (semitones)
        How far A4 lies above 440 Hz.
    peak : float, above 0
        What counts as full scale.

    Returns
    -------
    np.ndarray [shape=(1 + n_samples // hop_length, HIGHEST + 1 - LOWEST), float32]
        At least 0. What a tone leaks into the semitones beside it is taken off. Power is divided by frequency (3 dB
        an octave): overtones, most of which belong to other pitch classes than their note, weigh less.
    """
    powers = np.zeros((1 + signal.size // hop_length, HIGHEST + 1 - LOWEST), np.float32)
    for n_fft, pitches in _registers(sample_rate, hop_length).items():
        bank = _filterbank(pitches, n_fft=n_fft, sample_rate=sample_rate, tuning=tuning)
        columns = slice(pitches.start - LOWEST, pitches.stop - LOWEST)
        first = 0
        for spectra in power_spectra(signal, n_fft=n_fft, hop_length=hop_length, n_bins=len(bank), peak=peak):
            powers[first : first + len(spectra), columns] = spectra @ bank
            first += len(spectra)
    beside = np.zeros_like(powers)
    beside[:, 1:] = powers[:, :-1]
    np.maximum(beside[:, :-1], powers[:, 1:], out=beside[:, :-1])
    beside *= np.float32(-_LEAKAGE)
    beside += powers
    return np.maximum(beside, 0.0, out=beside)


@lru_cache(maxsize=8)
def _hann(n_samples: int) -> npt.NDArray[np.float32]:
    """Periodic Hann window whose spectrum of a sine sums up to the same power at any length."""
    wave = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_samples) / n_samples)
    window = (wave / math.sqrt(n_samples * np.square(wave).sum())).astype(np.float32)
    window.setflags(write=False)
    return window


@lru_cache(maxsize=8)
def _registers(sample_rate: int, hop_length: int) -> dict[int, range]:
    """Pitches by the window that serves them, in samples: the shortest that tells a semitone from the next."""
    longest = longest_window(sample_rate)
    # Two hops at least, so that every sample is heard.
    shortest = min(longest, 2 ** math.ceil(math.log2(2 * hop_length)))
    registers: dict[int, range] = {}
    for pitch in range(LOWEST, HIGHEST + 1):
        # The first null of a Hann window's spectrum lies two bins off.
        needed = 2.0 * sample_rate / (frequency(pitch + 1) - frequency(pitch))
        n_fft = min(longest, max(shortest, 2 ** math.ceil(math.log2(needed))))
        registers[n_fft] = range(registers.get(n_fft, range(pitch, pitch)).start, pitch + 1)
    return registers


def _filterbank(pitches: range, *, n_fft: int, sample_rate: int, tuning: float) -> npt.NDArray[np.float32]:
    """Weights of bins in semitones (n_bins, n_pitches): humps two semitones wide that sum up to 1 over the scale."""
    n_bins = min(n_fft // 2, math.ceil(frequency(pitches.stop + tuning) * n_fft / sample_rate)) + 1
    # Bin 0 has no pitch; any pitch below the others will do.
    frequencies = np.maximum(np.arange(n_bins), 0.5) * sample_rate / n_fft
    of_bins = _A4 + 12.0 * np.log2(frequencies / 440.0) - tuning
    distance = np.minimum(np.abs(of_bins[:, None] - np.array(pitches)), 1.0)
    humps = np.square(np.cos(0.5 * np.pi * distance)) * 440.0 / np.array([frequency(pitch) for pitch in pitches])
    return np.where(distance < 1.0, humps, 0.0).astype(np.float32)
