"""Chroma: how much each of the twelve pitch classes sounds, frame by frame; and CENS, its smoothed statistics."""

import math
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from audiosim.features.chroma_pitches import LOWEST, Powers, peak_of, pitch_powers
from audiosim.features.chroma_tuning import estimate_tuning

Frames = npt.NDArray[np.float32]

N_CLASSES = 12

# Power of a semitone, as a share of what a sine at the signal's peak would have, below which there is none: what a
# tone beyond the scale spills over, and rounding, both reach -120 dB at most.
_NOTHING = 1e-10

# Shares of a frame that begin a next level of energy.
_LEVELS = (0.05, 0.1, 0.2, 0.4)


@dataclass(frozen=True, slots=True)
class ChromaSpec:
    """Chroma of a track, from C2 (65 Hz) to B7 (3 951 Hz).

    Parameters
    ----------
    sample_rate : int, at least 1 000 (Hz)
    hop_length : int (samples)
        512 samples are 23 ms at 22 050 Hz: 43.07 frames a second.
    exponent : float, above 0 and at most 1
        What powers of semitones are raised to before octaves are summed up. The cube root is close to how loudness
        grows with power (Stevens: .3), so that a soft note counts beside a loud one, and the decay of a note little.
    top_db : float (dB)
        A frame further than this below the track's loudest is silent.
    """

    sample_rate: int = 22_050
    hop_length: int = 512
    exponent: float = 1.0 / 3.0
    top_db: float = 60.0

    name: ClassVar[str] = "chroma"
    # Raised whenever the same parameters begin to give other numbers.
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.sample_rate < 1_000:
            raise ValueError(f"sample_rate must be at least 1 000 Hz, to hear pitch, got {self.sample_rate}")
        if self.hop_length < 1:
            raise ValueError(f"hop_length must be at least 1, got {self.hop_length}")
        if not 0.0 < self.exponent <= 1.0:
            raise ValueError(f"exponent must be above 0 and at most 1, got {self.exponent}")
        if not (self.top_db > 0.0 and math.isfinite(self.top_db)):
            raise ValueError(f"top_db must be a positive number of decibels, got {self.top_db}")

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    def n_frames(self, n_samples: int) -> int:
        """Frames of a signal: one centred on every hop, the first on sample 0."""
        return 1 + n_samples // self.hop_length

    def parameters(self) -> dict[str, int | float | None]:
        """Return what the numbers depend on, ready for JSON."""
        return asdict(self)


def chroma(signal: npt.NDArray[np.floating], spec: ChromaSpec) -> Frames:
    """Chroma of one signal, tuned to the track itself.

    The tuning of the whole track is estimated first, to within half a semitone of A4 = 440 Hz: a track that lies a
    quarter tone between two keys may be taken for either. Gain changes nothing but the last bits.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples >= 1,)]
        Mono, at the spec's sample rate.
    spec : ChromaSpec

    Returns
    -------
    np.ndarray [shape=(1 + n_samples // hop_length, 12), float32]
        Frame i is centred on sample i * hop_length; C comes first. The largest value of a frame is 1; a silent frame is
        all 0.

    Raises
    ------
    ValueError
        If the signal is empty, not one-dimensional, not floating-point or not finite.

    Notes
    -----
    Windows last 46 ms at the top and 372 ms at the bottom (at 22 050 Hz), as long as a semitone needs. Memory beside
    the signal is about 650 bytes a frame, 100 MB an hour. Safe to call from many threads at once.

    References
    ----------
    Müller, M. (2015). Fundamentals of Music Processing, section 3.1. Springer.

    Stevens, S. S. (1957). On the psychophysical law. Psychological Review, 64(3), 153-181.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 440.0 * np.arange(22_050) / 22_050).astype(np.float32)
    >>> frames = chroma(tone, ChromaSpec())
    >>> frames.shape, int(frames.mean(axis=0).argmax())  # 9 is A
    ((44, 12), 9)
    """
    peak = peak_of(signal)
    if peak == 0.0:
        return np.zeros((spec.n_frames(signal.size), N_CLASSES), np.float32)
    tuning = estimate_tuning(signal, sample_rate=spec.sample_rate, peak=peak)
    powers = pitch_powers(signal, sample_rate=spec.sample_rate, hop_length=spec.hop_length, tuning=tuning, peak=peak)
    return _folded(powers, spec)


def cens(chroma_frames: npt.NDArray[np.floating], *, frame_rate: float, target_rate: float) -> Frames:
    """Chroma energy normalised statistics: which pitch classes sound, smoothed over a second or so.

    Each frame is squared, divided by its sum and quantised: a share of up to .05 counts 0, up to .1 counts 1, up to .2
    counts 2, up to .4 counts 3, and more counts 4. The square takes back some of the compression of `chroma`, since the
    levels are those of energies. Levels are averaged under Hann windows that are two rows long, so that all
    frames have the same weight in the whole. Silent frames count nothing.

    Parameters
    ----------
    chroma_frames : np.ndarray [shape=(n_frames >= 1, 12)]
        At least 0, as `chroma` gives them.
    frame_rate : float (frames / s)
        Rate of `chroma_frames`.
    target_rate : float (frames / s), at most `frame_rate`
        Rate of the result.

    Returns
    -------
    np.ndarray [shape=(n_rows >= 1, 12), float32]
        Row i is centred on the time (i + 1/2) / target_rate. Its Euclidean norm is 1; where all is silent, all twelve
        values are equal.

    Raises
    ------
    ValueError
        If the shape is another, or `target_rate` is not in (0, frame_rate].

    References
    ----------
    Müller, M., Kurth, F., & Clausen, M. (2005). Audio matching via chroma-based statistical features. Proceedings of
    ISMIR, 288-295.

    Examples
    --------
    >>> c_then_g = np.repeat(np.eye(12)[[0, 7]], 20, axis=0)
    >>> cens(c_then_g, frame_rate=40.0, target_rate=2.0)[:, [0, 7]].round(2)
    array([[0.99, 0.11],
           [0.11, 0.99]], dtype=float32)
    """
    if chroma_frames.ndim != 2 or not len(chroma_frames) or chroma_frames.shape[1] != N_CLASSES:
        raise ValueError(f"chroma_frames must have shape (n_frames >= 1, {N_CLASSES}), got {chroma_frames.shape}")
    if not 0.0 < target_rate <= frame_rate:
        raise ValueError(f"target_rate must be above 0 and at most frame_rate = {frame_rate} Hz, got {target_rate}")
    rows = _smoothed(_quantised(chroma_frames), frame_rate / target_rate)
    rows[~rows.any(axis=1)] = 1.0
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _folded(powers: Powers, spec: ChromaSpec) -> Frames:
    """Compress powers (in place), sum up octaves, scale frames to maximum 1."""
    loudest = powers.max(axis=1)
    silent = loudest <= max(float(loudest.max()) * 10.0 ** (-spec.top_db / 10.0), _NOTHING)
    np.power(powers, np.float32(spec.exponent), out=powers)
    octaves = powers.reshape(len(powers), -1, N_CLASSES).sum(axis=1)
    frames = np.roll(octaves, LOWEST % N_CLASSES, axis=1)
    frames[silent] = 0.0
    return np.divide(frames, frames.max(axis=1, keepdims=True), out=frames, where=~silent[:, None])


def _quantised(frames: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Levels 0 to 4 of energy (n_frames, 12)."""
    energies = np.square(frames, dtype=np.float64)
    totals = energies.sum(axis=1, keepdims=True)
    shares = np.divide(energies, totals, out=np.zeros(frames.shape), where=totals > 0.0)
    return np.searchsorted(_LEVELS, shares).astype(np.float64)


def _smoothed(levels: npt.NDArray[np.float64], period: float) -> npt.NDArray[np.float64]:
    """Weighted sums under Hann windows two periods long, one centred in every period."""
    rows = np.empty((max(1, round(len(levels) / period)), N_CLASSES))
    for row in range(len(rows)):
        # Frame i stands for the stretch of time from i to i + 1, in frames.
        centre = (row + 0.5) * period - 0.5
        start, stop = max(0, math.ceil(centre - period)), min(len(levels), math.floor(centre + period) + 1)
        weights = 0.5 + 0.5 * np.cos(np.pi * (np.arange(start, stop) - centre) / period)
        rows[row] = weights @ levels[start:stop]
    return rows
