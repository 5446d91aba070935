"""Fewer frames a second for DTW, on the scale of the whole library."""

import numpy as np
import numpy.typing as npt

from audiosim.features.statistics import CorpusStatistics


def mean_pool(frames: npt.NDArray[np.float32], *, frame_rate: float, target_rate: float) -> npt.NDArray[np.float32]:
    """Average frames over equal stretches of time.

    Group i holds the frames from `round(i * frame_rate / target_rate)` up to the next boundary, so groups differ by
    one frame at most and never drift from the clock. The last, partial group stays if it is at least half full;
    a track of a single group keeps it however short it is.

    Parameters
    ----------
    frames : np.ndarray [shape=(n_frames >= 1, n_dims)]
    frame_rate : float (frames / s)
        Rate of `frames`.
    target_rate : float (frames / s), at most `frame_rate`
        Rate of the result. Equal rates return `frames` unchanged.

    Returns
    -------
    np.ndarray [shape=(n_groups >= 1, n_dims), float32]
        Means, summed in float64.

    Raises
    ------
    ValueError
        If there are no frames, or `target_rate` is not in (0, frame_rate].

    Examples
    --------
    >>> import numpy as np
    >>> mean_pool(np.arange(6, dtype=np.float32)[:, None], frame_rate=4.0, target_rate=1.0).ravel()
    array([1.5, 4.5], dtype=float32)
    """
    if frames.ndim != 2 or not len(frames):
        raise ValueError(f"frames must have shape (n_frames >= 1, n_dims), got {frames.shape}")
    if not 0.0 < target_rate <= frame_rate:
        raise ValueError(f"target_rate must be above 0 and at most frame_rate = {frame_rate} Hz, got {target_rate}")
    if target_rate == frame_rate:
        return np.ascontiguousarray(frames, dtype=np.float32)
    starts, stop = _groups(len(frames), frame_rate / target_rate)
    sums = np.add.reduceat(frames[:stop].astype(np.float64), starts, axis=0)
    sizes = np.diff(starts, append=stop)
    return (sums / sizes[:, None]).astype(np.float32)


def standardize(frames: npt.NDArray[np.float32], statistics: CorpusStatistics) -> npt.NDArray[np.float32]:
    """Z-score every coefficient with the statistics of the corpus.

    Not with the track's own: that would delete its mean timbre, which is most of what tells tracks apart.

    Parameters
    ----------
    frames : np.ndarray [shape=(n_frames, n_dims)]
    statistics : CorpusStatistics
        Of the same n_dims coefficients.

    Returns
    -------
    np.ndarray [shape=(n_frames, n_dims), float32]

    Raises
    ------
    ValueError
        If the numbers of coefficients differ.
    """
    if frames.ndim != 2 or frames.shape[1] != statistics.mean.size:
        raise ValueError(
            f"frames must have shape (n_frames, {statistics.mean.size}) like the statistics, got {frames.shape}"
        )
    return ((frames - statistics.mean) / statistics.std).astype(np.float32)


def _groups(n_frames: int, period: float) -> tuple[npt.NDArray[np.int64], int]:
    """Starts of the groups kept, and the end of the last one."""
    n_boundaries = int(n_frames / period) + 2
    boundaries = np.array([round(i * period) for i in range(n_boundaries + 1)], dtype=np.int64)
    n_groups = int(np.searchsorted(boundaries, n_frames, side="left"))
    filled = n_frames - boundaries[n_groups - 1]
    size = boundaries[n_groups] - boundaries[n_groups - 1]
    if n_groups > 1 and 2 * filled < size:
        n_groups -= 1
    return boundaries[:n_groups], min(n_frames, int(boundaries[n_groups]))
