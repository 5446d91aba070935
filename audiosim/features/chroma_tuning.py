"""How far a track is tuned off A4 = 440 Hz."""

import math

import numpy as np
import numpy.typing as npt

from audiosim.features.chroma_pitches import Powers, longest_window, power_spectra

# Hz. Below, the window hardly parts semitones; above, partials stray from the scale and fewer are fundamentals.
_LOWEST, _HIGHEST = 100.0, 2_000.0

# A maximum counts if it lies less than 40 dB below the strongest power of its frame: others are side lobes and noise.
_FAINTEST = 1e-4

# Nor does it count 120 dB under full scale, where float32 keeps nothing but its own rounding.
_SILENCE = 1e-12


def estimate_tuning(signal: npt.NDArray[np.floating], *, sample_rate: int, peak: float) -> float:
    """Deviation of a track from A4 = 440 Hz, by the maxima of its spectrum.

    Each maximum has a place between two semitones, which is an angle on a circle of 100 cents. The tuning is the angle
    of the mean of all maxima, weighted by amplitude; a mean on the circle has no edge where neighbouring angles part.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples >= 1,)]
    sample_rate : int (Hz)
    peak : float, above 0
        Largest magnitude in the signal.

    Returns
    -------
    float (semitones)
        In [-0.5, 0.5]; 0 where nothing has a pitch. Half a semitone up and half a semitone down are the same tuning.

    References
    ----------
    Dressler, K., & Streich, S. (2007). Tuning frequency estimation using circular statistics. Proceedings of ISMIR,
    357-360.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 445.0 * np.arange(22_050) / 22_050)
    >>> round(estimate_tuning(tone, sample_rate=22_050, peak=1.0), 2)  # 12 * log2(445 / 440)
    0.2
    """
    n_fft = longest_window(sample_rate)
    bin_width = sample_rate / n_fft
    low, high = math.ceil(_LOWEST / bin_width), min(n_fft // 2 - 2, int(_HIGHEST / bin_width))
    mean = 0.0j
    for spectra in power_spectra(signal, n_fft=n_fft, hop_length=n_fft // 2, n_bins=high + 3, peak=peak):
        bins, weights = _maxima(spectra[:, low - 2 :])
        semitones = 12.0 * np.log2((low + bins) * bin_width / 440.0)
        mean += complex(weights @ np.exp(2j * np.pi * semitones))
    return math.atan2(mean.imag, mean.real) / (2.0 * math.pi)


def _maxima(powers: Powers) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Places of the maxima of all frames, counted from the third bin, and their amplitudes."""
    here = powers[:, 2:-2]
    # Two bins from a tone its spectrum has dropped by 10 dB and more. That of a click is flat, with the ripple of
    # rounding, and must not tune anything.
    around = np.maximum(powers[:, :-4], powers[:, 4:])
    least = np.maximum(_FAINTEST * here.max(axis=1, keepdims=True), _SILENCE)
    is_maximum = (here > powers[:, 1:-3]) & (here >= powers[:, 3:-1]) & (here > 2.0 * around) & (here > least)
    below, top, above = (
        # A power beside a maximum may be 0, which has no logarithm.
        np.log(np.maximum(part[is_maximum], 1e-30, dtype=np.float64))
        for part in (powers[:, 1:-3], here, powers[:, 3:-1])
    )
    # Vertex of the parabola through three logarithms, the second of which is above the first: never 0 / 0.
    shift = 0.5 * (below - above) / (below - 2.0 * top + above)
    return np.nonzero(is_maximum)[1] + shift, np.exp(0.5 * top)
