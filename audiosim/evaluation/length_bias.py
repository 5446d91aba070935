"""Whether a measure tells how long tracks are in place of how they sound.

The sum of a path's costs grows with the path, so DTW that is not divided by it ranks by length: the Spearman
correlation with the sum of the lengths was measured at .93, and short tracks become hubs.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.hubness import occurrences_in
from audiosim.evaluation.mantel import standard_ranks
from audiosim.evaluation.ranking import Distances, nearest_lists, validate_distances


@dataclass(frozen=True, slots=True)
class LengthBias:
    """Spearman correlations of a measure with the tracks' lengths; 0 is as it should be."""

    pairs: float  # of d_ij with n_i + n_j; above 0, long tracks are far from all
    hubs: float  # of N_k with n_i; below 0, short tracks are hubs; NaN where all N_k are equal
    n_pairs: int  # that were correlated


def length_bias(
    distances: Distances,
    lengths: npt.ArrayLike,
    *,
    k: int = 10,
    n_pairs: int = 2_000_000,
    seed: int = 0,
) -> LengthBias:
    """Correlate distances, and the places of tracks in others' lists, with the lengths of tracks.

    Parameters
    ----------
    distances : (n_tracks, n_tracks) floating
        See `validate_distances`.
    lengths : (n_tracks,) real
        Frames or seconds; any unit, since only their order counts.
    k : int
        Length of the lists in which N_k is counted, below n_tracks.
    n_pairs : int
        Drawn with replacement from the n(n - 1) / 2 pairs; all are taken, once each, where there are no more (up to
        2000 tracks by default). Two million give the correlation within .002.
    seed : int
        Of the draw, and of the order among ties.

    Returns
    -------
    LengthBias
        NaN, with a warning, if all lengths are equal, or all distances.

    Raises
    ------
    ValueError
        If the matrix is not valid, there is not one finite length a track, k is not in 1 .. n_tracks - 1, or n_pairs
        is below 2.

    Notes
    -----
    O(n_tracks**2 log n_tracks) time; 100 bytes a pair.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> result = length_bias(line, [30, 10, 20], k=1)
    >>> round(result.pairs, 6), round(result.hubs, 6)
    (0.5, -0.5)
    """
    validate_distances(distances)
    counts = occurrences_in(nearest_lists(distances, k=k, seed=seed))
    return correlate_lengths(distances, lengths, occurrences=counts, n_pairs=n_pairs, seed=seed)


def correlate_lengths(
    distances: Distances,
    lengths: npt.ArrayLike,
    *,
    occurrences: npt.NDArray[np.integer],
    n_pairs: int = 2_000_000,
    seed: int = 0,
) -> LengthBias:
    """Do as `length_bias` does, for a matrix that is already validated and N_k that are already counted."""
    sizes = validate_lengths(lengths, n_tracks=len(distances))
    if n_pairs < 2:
        raise ValueError(f"n_pairs must be at least 2, got {n_pairs}")
    row, column = _pairs(len(distances), n_pairs=n_pairs, seed=seed)
    pairs = _correlation(distances[row, column], sizes[row] + sizes[column])
    if np.isnan(pairs):
        warnings.warn(
            f"distances and lengths must differ among tracks, got {row.size} pairs; the result is NaN", stacklevel=3
        )
    return LengthBias(pairs, _correlation(occurrences, sizes), row.size)


def validate_lengths(lengths: npt.ArrayLike, *, n_tracks: int) -> npt.NDArray[np.float64]:
    """Refuse what is not one finite length a track; return them as float64."""
    sizes = np.asarray(lengths, dtype=np.float64)
    if sizes.shape != (n_tracks,):
        raise ValueError(f"lengths must have shape ({n_tracks},), one a track, got {sizes.shape}")
    n_bad = int(np.count_nonzero(~np.isfinite(sizes)))
    if n_bad:
        raise ValueError(f"lengths must be finite, {n_bad} of {n_tracks} are not; leave those tracks out")
    return sizes


def _pairs(n_tracks: int, *, n_pairs: int, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns of all pairs of different tracks, or of `n_pairs` drawn ones if there are more."""
    if n_tracks * (n_tracks - 1) // 2 <= n_pairs:
        row, column = np.triu_indices(n_tracks, 1)
        return row.astype(np.int64), column.astype(np.int64)
    rng = np.random.default_rng(seed)
    row, column = (rng.integers(n_tracks - taken, size=n_pairs) for taken in range(2))
    return row, column + (column >= row)


def _correlation(first: npt.NDArray[np.integer | np.floating], second: npt.NDArray[np.float64]) -> float:
    """Spearman's correlation; NaN for fewer than two values or if one side is constant."""
    if first.size < 2:
        return float("nan")
    return float(np.clip(standard_ranks(first) @ standard_ranks(second), -1.0, 1.0))
