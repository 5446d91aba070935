"""Loudness of a mono signal in LUFS after ITU-R BS.1770-4.

It is the loudness of the mono mix, played by one speaker. A stereo original is louder by 3 dB where its channels are
equal, and by more where they differ: a meter adds up the powers of channels, the mix holds the mean of their samples.
"""

import math

import numpy as np
import numpy.typing as npt

# Raised whenever the same signal begins to give other numbers.
VERSION = 1

# LUFS: the absolute gate of the recommendation, and so the loudness of what has no block above it.
SILENCE = -70.0

# Blocks of 400 ms begin every 100 ms.
_HOPS_PER_SECOND, _HOPS_PER_BLOCK = 10, 4

# Hops weighted at once, 10 s: the whole of an hour in float64, and its weighted copy, would take 1.3 GB.
_HOPS_AT_ONCE = 100

# K-weighting raises a sine of 997 Hz by as much; one at full scale is to have the -3.01 dB of its power.
_OFFSET = -0.691


def integrated_loudness(signal: npt.NDArray[np.floating], sample_rate: int) -> float:
    """Gated loudness of a whole signal.

    The mean power of all blocks of 400 ms that are louder than -70 LUFS and no more than 10 LU below the mean of
    those. A block that the signal does not fill is left out, as the recommendation says.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples >= 1,)]
        Mono; full scale is 1.
    sample_rate : int (Hz)

    Returns
    -------
    float (LUFS)
        -70 for silence, and for what is shorter than 400 ms. A gain of g dB adds g LU.

    Raises
    ------
    ValueError
        If the signal is empty, not one-dimensional, not floating-point or not finite, or `sample_rate` is below 1 000.

    Notes
    -----
    The filters are those of `pyloudnorm`, in De Man's design for any sample rate, which at 48 kHz is that of the
    recommendation. At 22 050 Hz a sine of 997 Hz at full scale gets -2.98 LUFS instead of -3.01. The signal is weighted
    10 s at a time, so memory does not grow with it but for its blocks. Safe to call from many threads at once.

    References
    ----------
    ITU-R (2015). Recommendation BS.1770-4: Algorithms to measure audio programme loudness and true-peak audio level.

    Steinmetz, C. J., & Reiss, J. D. (2021). pyloudnorm: A simple yet flexible loudness meter in Python. 150th
    Convention of the Audio Engineering Society.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 997.0 * np.arange(48_000) / 48_000)
    >>> round(integrated_loudness(tone, 48_000), 2)
    -3.01
    """
    powers = _block_powers(signal, sample_rate)
    powers = powers[_lufs(powers) > SILENCE]
    if not powers.size:
        return SILENCE
    # 10 LU are a factor of 10 in power.
    return float(_lufs(powers[powers > 0.1 * powers.mean()].mean()))


def momentary_loudness(signal: npt.NDArray[np.floating], sample_rate: int) -> npt.NDArray[np.float32]:
    """Loudness over 400 ms, ten times a second: the blocks that `integrated_loudness` averages.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples >= 1,)]
        Mono; full scale is 1.
    sample_rate : int (Hz)

    Returns
    -------
    np.ndarray [shape=(n_blocks >= 1, 1), float32] (LUFS)
        Row i covers the time from i / 10 s to i / 10 + 0.4 s; at least -70. A signal shorter than 400 ms has one row of
        -70.

    Raises
    ------
    ValueError
        As `integrated_loudness` does.

    References
    ----------
    EBU (2016). Tech 3341: Loudness metering: 'EBU mode' metering to supplement EBU R 128 loudness normalisation.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 997.0 * np.arange(48_000) / 48_000)
    >>> momentary_loudness(tone, 48_000).shape
    (7, 1)
    """
    return _lufs(_block_powers(signal, sample_rate)).astype(np.float32)[:, None]


def _lufs(powers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Loudness of mean squares of a weighted signal; silence where they vanish."""
    faintest = 10.0 ** ((SILENCE - _OFFSET) / 10.0)
    return np.maximum(_OFFSET + 10.0 * np.log10(np.maximum(powers, faintest)), SILENCE)


def _block_powers(signal: npt.NDArray[np.floating], sample_rate: int) -> npt.NDArray[np.float64]:
    """Mean square of the weighted signal in every full block (n_blocks >= 1,); 0 where there is none."""
    if signal.ndim != 1 or not signal.size or not np.issubdtype(signal.dtype, np.floating):
        raise ValueError(
            "signal must be floating-point of shape (n_samples >= 1,), "
            f"got {signal.dtype} of shape {signal.shape}; mix down and convert it first"
        )
    if sample_rate < 1_000:
        raise ValueError(f"sample_rate must be at least 1 000 Hz, for K-weighting, got {sample_rate}")
    # NaN passes through min and max.
    if not (math.isfinite(signal.max()) and math.isfinite(signal.min())):
        raise ValueError("samples must be finite, got NaN or infinity; the decoder or the file is broken")
    n_blocks = signal.size * _HOPS_PER_SECOND // sample_rate + 1 - _HOPS_PER_BLOCK
    if n_blocks < 1:
        return np.zeros(1)
    # Where a tenth of a second is no whole number of samples, hops differ by one.
    edges = np.arange(n_blocks + _HOPS_PER_BLOCK) * sample_rate // _HOPS_PER_SECOND
    energies = _hop_energies(signal, edges, _k_weighting(sample_rate))
    sums = np.lib.stride_tricks.sliding_window_view(energies, _HOPS_PER_BLOCK).sum(axis=1)
    return sums / (edges[_HOPS_PER_BLOCK:] - edges[:-_HOPS_PER_BLOCK])


def _hop_energies(
    signal: npt.NDArray[np.floating], edges: npt.NDArray[np.int64], sections: list[list[float]]
) -> npt.NDArray[np.float64]:
    """Sum of squares of the weighted signal from each edge to the next; the filter's state goes from part to part."""
    from scipy.signal import sosfilt  # noqa: PLC0415 - a third of a second to load

    energies = np.empty(len(edges) - 1)
    state = np.zeros((len(sections), 2))
    for first in range(0, len(energies), _HOPS_AT_ONCE):
        bounds = edges[first : first + _HOPS_AT_ONCE + 1]
        weighted, state = sosfilt(sections, signal[bounds[0] : bounds[-1]].astype(np.float64), zi=state)
        np.square(weighted, out=weighted)
        energies[first : first + len(bounds) - 1] = np.add.reduceat(weighted, bounds[:-1] - bounds[0])
    return energies


def _k_weighting(sample_rate: int) -> list[list[float]]:
    """Second-order sections of K-weighting: the high shelf of a head, and a high-pass."""
    from pyloudnorm.iirfilter import IIRfilter  # noqa: PLC0415 - loads scipy

    shelf, high_pass = 1_681.9744509555319, 38.13547087613982
    filters = [IIRfilter(0.0, 0.5003270373253953, high_pass, sample_rate, "high_pass_DeMan")]
    # At low rates all sound lies below the shelf, where it changes next to nothing, and its design would not be stable.
    if 2.0 * shelf < sample_rate:
        filters.insert(0, IIRfilter(3.99984385397, 0.7071752369554193, shelf, sample_rate, "high_shelf_DeMan"))
    return [[*section.b, *section.a] for section in filters]
