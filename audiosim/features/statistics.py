"""Mean and standard deviation of every coefficient over a whole library, the same bits in whatever order tracks came.

Each track leaves its sums behind when it is extracted. A library that grew track by track therefore gets exactly the
statistics of one that was built at once.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class FrameSums:
    """Sums over one track's frames, around the track's own mean.

    The spread is kept around the mean rather than as a sum of squares: c0 lies near -400, where subtracting
    two large sums would cost digits.

    Parameters
    ----------
    n_frames : int
    total : np.ndarray [shape=(n_dims,), float64]
        Sum of the frames.
    spread : np.ndarray [shape=(n_dims,), float64]
        Sum of squared deviations from the track's mean.
    """

    n_frames: int
    total: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]

    @classmethod
    def of(cls, frames: npt.NDArray[np.float32]) -> "FrameSums":
        """Sum up the frames of one track, shape (n_frames >= 1, n_dims)."""
        if frames.ndim != 2 or not len(frames):
            raise ValueError(f"frames must have shape (n_frames >= 1, n_dims), got {frames.shape}")
        wide = frames.astype(np.float64, order="C")
        total = wide.sum(axis=0)
        return cls(n_frames=len(frames), total=total, spread=np.square(wide - total / len(frames)).sum(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class CorpusStatistics:
    """Scale of every coefficient over all frames of all tracks.

    Parameters
    ----------
    mean, std : np.ndarray [shape=(n_dims,), float64]
        `std` is never 0.
    n_frames : int
        Frames that they were computed from.
    """

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]
    n_frames: int


def corpus_statistics(sums: Iterable[FrameSums]) -> CorpusStatistics:
    """Combine the sums of all tracks; every frame counts the same.

    Sums over tracks are exact (`math.fsum`), hence independent of their order, bit for bit.

    Parameters
    ----------
    sums : Iterable[FrameSums]
        One a track, in any order.

    Returns
    -------
    CorpusStatistics

    Raises
    ------
    ValueError
        If there is no track, or the tracks differ in n_dims.

    Examples
    --------
    >>> import numpy as np
    >>> loud, quiet = np.full((3, 1), 4, np.float32), np.full((1, 1), 0, np.float32)
    >>> corpus_statistics([FrameSums.of(loud), FrameSums.of(quiet)]).mean
    array([3.])
    """
    tracks = list(sums)
    if not tracks:
        raise ValueError("corpus statistics need at least 1 track, got none; extract features first")
    shapes = {track.total.shape for track in tracks}
    if len(shapes) > 1:
        raise ValueError(f"all tracks must have the same n_dims, got sums of shapes {sorted(shapes)}")
    counts = np.array([track.n_frames for track in tracks], dtype=np.float64)
    totals = np.stack([track.total for track in tracks])
    n_frames = sum(track.n_frames for track in tracks)
    mean = _sum_over_tracks(totals) / n_frames
    # Spread of the corpus = spread inside the tracks + spread of the tracks' means: every term is positive.
    between = counts[:, None] * np.square(totals / counts[:, None] - mean)
    inside = np.stack([track.spread for track in tracks])
    std = np.sqrt(_sum_over_tracks(np.concatenate([inside, between])) / n_frames)
    # A coefficient that never moves tells no tracks apart: its z-score is to be 0, not 0 / 0. Its std is exactly 0
    # here, for sums of up to 2**29 equal float32 numbers fit into a float64 without rounding.
    return CorpusStatistics(mean=mean, std=np.where(std > 0.0, std, 1.0), n_frames=n_frames)


def _sum_over_tracks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum columns exactly, so that the order of rows cannot show."""
    return np.array([math.fsum(column) for column in values.T.tolist()])
