"""How often a detour over a third track is shorter than the direct distance, which no metric allows.

A measure that breaks the triangle inequality is no worse for ranking. It only means that indexes and embeddings which
rely on the inequality are not exact for it.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.ranking import Distances, validate_distances

# Three points on a line meet the inequality with equality, which float32 cannot hold to the last bits.
_TOLERANCE = 1e-6
# Triples looked up at once: a few megabytes.
_BLOCK = 1 << 16

_Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TriangleViolations:
    """How many triples of tracks break the triangle inequality, and by how much."""

    share: float  # of the triples; NaN without any
    mean_excess: float  # over those that break it, share of the direct distance that the detour saves; 0 if none does
    n_triples: int


def triangle_violations(distances: Distances, *, n_triples: int = 1_000_000, seed: int = 0) -> TriangleViolations:
    """Count the triples of different tracks with d_ij > (d_ik + d_kj)(1 + 1e-6).

    Parameters
    ----------
    distances : (n_tracks, n_tracks) floating
        See `validate_distances`.
    n_triples : int
        Drawn with replacement from the n(n - 1)(n - 2) / 2 pairs {i, j} with a track k between them; all of these are
        taken, once each, where there are no more (up to 126 tracks by default). A million gives the share within
        .001.
    seed : int
        Of the draw.

    Returns
    -------
    TriangleViolations
        The mean excess is (d_ij - d_ik - d_kj) / d_ij, from 0 to 1. Where a distance is negative, the larger absolute
        value of d_ij and of the detour divides. NaN, with a warning, for fewer than 3 tracks.

    Raises
    ------
    ValueError
        If the matrix is not valid or n_triples is below 1.

    Notes
    -----
    O(n_tracks**2 + n_triples) time, a few megabytes.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> triangle_violations(line)
    TriangleViolations(share=0.0, mean_excess=0.0, n_triples=3)
    >>> round(triangle_violations(line**2).mean_excess, 3)
    0.444
    """
    validate_distances(distances)
    return count_violations(distances, n_triples=n_triples, seed=seed)


def count_violations(distances: Distances, *, n_triples: int = 1_000_000, seed: int = 0) -> TriangleViolations:
    """Do as `triangle_violations` does, for a matrix that is already validated."""
    if n_triples < 1:
        raise ValueError(f"n_triples must be at least 1, got {n_triples}")
    n_tracks = len(distances)
    n_all = n_tracks * (n_tracks - 1) * (n_tracks - 2) // 2
    if n_all == 0:
        warnings.warn(f"a triangle takes 3 tracks, got {n_tracks}; the result is NaN", stacklevel=3)
        return TriangleViolations(float("nan"), float("nan"), 0)
    if n_all <= n_triples:
        blocks, n_triples = _all_triples(distances), n_all
    else:
        blocks = _drawn_triples(distances, n_triples=n_triples, seed=seed)
    n_violations, total = 0, 0.0
    for direct, detour in blocks:
        excesses = _excesses(direct, detour)
        n_violations += excesses.size
        total += float(excesses.sum())
    return TriangleViolations(n_violations / n_triples, total / n_violations if n_violations else 0.0, n_triples)


def _excesses(direct: _Values, detour: _Values) -> _Values:
    """Relative excess of the triples that break the inequality."""
    gaps = direct - detour
    broken = gaps > _TOLERANCE * np.abs(detour)
    return gaps[broken] / np.maximum(np.abs(direct[broken]), np.abs(detour[broken]))


def _all_triples(distances: Distances) -> Iterator[tuple[_Values, _Values]]:
    """Direct distances and detours of every pair, over one track after another."""
    rows, columns = np.triu_indices(len(distances), 1)
    direct = distances[rows, columns].astype(np.float64)
    for between, row in enumerate(distances.astype(np.float64)):
        apart = (rows != between) & (columns != between)
        yield direct[apart], row[rows[apart]] + row[columns[apart]]


def _drawn_triples(distances: Distances, *, n_triples: int, seed: int) -> Iterator[tuple[_Values, _Values]]:
    """Direct distances and detours of triples of different tracks, each as likely as any other."""
    rng = np.random.default_rng(seed)
    n_tracks = len(distances)
    for start in range(0, n_triples, _BLOCK):
        size = min(_BLOCK, n_triples - start)
        row, column, between = (rng.integers(n_tracks - taken, size=size) for taken in range(3))
        column += column >= row
        # Skipping the smaller of the two first leaves every other track exactly one number.
        between += between >= np.minimum(row, column)
        between += between >= np.maximum(row, column)
        direct = distances[row, column].astype(np.float64)
        yield direct, distances[row, between].astype(np.float64) + distances[between, column]
