"""Spectral features by their definitions, in float64 and without a fast transform; imports nothing of ours."""

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def hann(n_samples: int) -> Array:
    """Periodic: sample n_samples would be the next zero."""
    return np.array([math.sin(math.pi * n / n_samples) ** 2 for n in range(n_samples)])


def stft(
    signal: Array, *, n_fft: int, hop_length: int, window: Array, centred: bool = True
) -> npt.NDArray[np.complex128]:
    """Return (n_frames, n_fft // 2 + 1): every frame multiplied with every complex exponential."""
    if centred:
        signal = np.pad(signal, n_fft // 2)
    n_frames = 1 + (len(signal) - n_fft) // hop_length
    frames = np.array([signal[i * hop_length : i * hop_length + n_fft] for i in range(n_frames)])
    turns = np.outer(np.arange(n_fft), np.arange(n_fft // 2 + 1)) % n_fft / n_fft
    return (frames * window) @ np.exp(-2j * np.pi * turns)


def mel_of_hertz(frequency: float) -> float:
    """Slaney: 3 mel per 200 Hz up to 1 kHz, then 27 mel per factor 6.4."""
    if frequency < 1000.0:
        return 3.0 * frequency / 200.0
    return 15.0 + 27.0 * math.log(frequency / 1000.0) / math.log(6.4)


def hertz_of_mel(mel: float) -> float:
    if mel < 15.0:
        return 200.0 * mel / 3.0
    return 1000.0 * 6.4 ** ((mel - 15.0) / 27.0)


def mel_filterbank(*, sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> Array:
    """Return (n_fft // 2 + 1, n_mels): triangles of unit area between equidistant points of the mel scale."""
    lowest, highest = mel_of_hertz(fmin), mel_of_hertz(fmax)
    corners = [hertz_of_mel(lowest + (highest - lowest) * i / (n_mels + 1)) for i in range(n_mels + 2)]
    bank = np.zeros((n_fft // 2 + 1, n_mels))
    for band in range(n_mels):
        left, centre, right = corners[band : band + 3]
        for k in range(n_fft // 2 + 1):
            frequency = k * sample_rate / n_fft
            slope = min((frequency - left) / (centre - left), (right - frequency) / (right - centre))
            bank[k, band] = max(0.0, slope) * 2.0 / (right - left)
    return bank


def dct_basis(*, n_mels: int, n_mfcc: int) -> Array:
    """Return (n_mels, n_mfcc): the orthonormal DCT-II."""
    return np.array(
        [
            [
                math.sqrt((1.0 if k == 0 else 2.0) / n_mels) * math.cos(math.pi * k * (2 * m + 1) / (2 * n_mels))
                for k in range(n_mfcc)
            ]
            for m in range(n_mels)
        ]
    )


def mfcc(
    signal: npt.NDArray[np.float32],
    *,
    sample_rate: int,
    n_fft: int,
    hop_length: int,
    n_mels: int,
    n_mfcc: int,
    fmin: float,
    fmax: float,
    top_db: float,
) -> Array:
    """Return (n_frames, n_mfcc), the floor `top_db` below the largest mel power of the signal."""
    spectrum = stft(np.asarray(signal, np.float64), n_fft=n_fft, hop_length=hop_length, window=hann(n_fft))
    bank = mel_filterbank(sample_rate=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    mel = np.abs(spectrum) ** 2 @ bank
    decibels = 10.0 * np.log10(np.maximum(mel, mel.max() * 10.0 ** (-top_db / 10.0)))
    return decibels @ dct_basis(n_mels=n_mels, n_mfcc=n_mfcc)
