"""How far apart a measure puts tracks by how long the two are together: level, if it does not tell lengths."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_N_SAMPLED = 200_000  # pairs: the median of a tenth of them is known to a quarter of a percentile
_N_BINS = 10
_LEAST_STEP = 0.02  # between the edges of bins, as a share of the median length: below, pairs count as equally long


@dataclass(frozen=True, slots=True)
class LengthCurve:
    """Percentiles of a measure's distances, in bins of pairs from the shortest to the longest.

    Bins hold equally many pairs, where these are not equally long.

    Parameters
    ----------
    seconds : tuple of float
        Median over the pairs of a bin of the two lengths together.
    lower, median, upper : tuple of float
        Quartiles of the distances of a bin, as shares in percent of all sampled pairs that are nearer.
    """

    seconds: tuple[float, ...]
    lower: tuple[float, ...]
    median: tuple[float, ...]
    upper: tuple[float, ...]


def length_curves(
    matrices: Mapping[str, npt.NDArray[np.floating]], lengths: npt.NDArray[np.float64], *, seed: int = 0
) -> dict[str, LengthCurve]:
    """Percentiles of distances by length, of every measure over the same pairs.

    Parameters
    ----------
    matrices : mapping of str to (n_tracks, n_tracks) floating
    lengths : (n_tracks,) float64
        Seconds.
    seed : int
        Of the pairs that are sampled, where there are more than 200 000.

    Returns
    -------
    dict of str to LengthCurve
        Empty where all lengths are equal, or there are no two tracks.

    Notes
    -----
    O(n_tracks**2) time at most for each measure; a few megabytes.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> length_curves({"line": line}, np.array([10.0, 20.0, 40.0]))["line"].median
    (0.0, 100.0, 50.0)
    """
    n_tracks = len(lengths)
    if n_tracks < 2 or np.ptp(lengths) == 0.0:
        return {}
    rows, columns = _pairs(n_tracks, seed)
    sums = lengths[rows] + lengths[columns]
    bins = _bins(sums)
    seconds = tuple(float(np.median(sums[bin_])) for bin_ in bins)
    return {name: _curve(matrix[rows, columns], bins, seconds) for name, matrix in matrices.items()}


def _pairs(n_tracks: int, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns of pairs of different tracks: all, or as many as are sampled."""
    if n_tracks * (n_tracks - 1) // 2 <= _N_SAMPLED:
        rows, columns = np.triu_indices(n_tracks, 1)
        return rows.astype(np.int64), columns.astype(np.int64)
    rng = np.random.default_rng(seed)
    rows, columns = (rng.integers(n_tracks - taken, size=_N_SAMPLED) for taken in range(2))
    return rows, columns + (columns >= rows)


def _bins(sums: npt.NDArray[np.float64]) -> list[npt.NDArray[np.intp]]:
    """Pairs by length; those of equal length are in one bin, for their order would mean nothing."""
    edges = [float(sums.min())]
    for edge in np.quantile(sums, np.arange(1, _N_BINS) / _N_BINS).tolist():
        if edge > edges[-1] + _LEAST_STEP * float(np.median(sums)):
            edges.append(edge)
    places = np.searchsorted(edges, sums, side="right") - 1
    return [np.flatnonzero(places == place) for place in range(len(edges)) if (places == place).any()]


def _curve(
    values: npt.NDArray[np.floating], bins: list[npt.NDArray[np.intp]], seconds: tuple[float, ...]
) -> LengthCurve:
    ascending = np.sort(values)
    below = np.searchsorted(ascending, values, side="left")
    percentiles = below * (100.0 / max(len(values) - 1, 1))
    quartiles = np.array([np.percentile(percentiles[bin_], (25.0, 50.0, 75.0)) for bin_ in bins])
    lower, median, upper = (tuple(float(value) for value in column) for column in quartiles.T)
    return LengthCurve(seconds, lower, median, upper)
