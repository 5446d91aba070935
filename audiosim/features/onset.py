"""Onset strength: how much louder the spectrum has become since the frame before."""

import numpy as np
import numpy.typing as npt

# Raised whenever the same mel powers begin to give other numbers.
VERSION = 1

_TOP_DB = 80.0  # dB under the loudest band: what lies below is not heard, and silence would be minus infinity
# A window of four hops hears a sound two hops before its middle does. librosa moves the flux by as much.
_ADVANCE = 2
_CHUNK = 8_192  # frames: 4 MB of decibels at a time, whatever the length of the track


def onset_strength(mel_power: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Spectral flux of a mel spectrogram in decibels: the mean rise of its bands from frame to frame.

    Decibels are counted from the loudest band of the track, so that a gain changes nothing.

    Parameters
    ----------
    mel_power : np.ndarray [shape=(n_frames >= 1, n_mels >= 1)]
        Power mel spectrogram of centred windows that are four hops long, as in `MfccSpec`.

    Returns
    -------
    np.ndarray [shape=(n_frames, 1), float32]
        Mean rise in dB, at least 0: that of `librosa.onset.onset_strength`. Silence gives zeros.

    Raises
    ------
    ValueError
        If there are no frames or no bands.

    References
    ----------
    Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007.

    Examples
    --------
    >>> import numpy as np
    >>> mel_power = np.full((8, 128), 1e-3, dtype=np.float32)
    >>> mel_power[3:] = 1e-2
    >>> onset_strength(mel_power).ravel().round(3)
    array([ 0.,  0.,  0.,  0.,  0., 10.,  0.,  0.], dtype=float32)
    """
    if mel_power.ndim != 2 or not mel_power.size:
        raise ValueError(f"mel_power must have shape (n_frames >= 1, n_mels >= 1), got {mel_power.shape}")
    n_frames = len(mel_power)
    strength = np.zeros((n_frames, 1), dtype=np.float32)
    peak = mel_power.max()
    if not peak > 0.0:
        return strength
    # Chunks overlap by the frame that the next one rises from.
    for start in range(0, n_frames - 1 - _ADVANCE, _CHUNK):
        stop = min(start + _CHUNK, n_frames - 1 - _ADVANCE)
        relative = np.maximum(mel_power[start : stop + 1] / peak, np.float32(10.0 ** (-_TOP_DB / 10.0)))
        rise = np.maximum(np.diff(10.0 * np.log10(relative), axis=0), 0.0)
        strength[start + 1 + _ADVANCE : stop + 1 + _ADVANCE, 0] = rise.mean(axis=1)
    return strength
