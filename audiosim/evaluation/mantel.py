"""The correlation of two distance matrices over all pairs, tested by permuting tracks."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

from audiosim.evaluation.ranking import Distances, validate_pair

# A block of permuted rows stays in the processor's cache: 64 rows of 5000 float32 are 1.3 MB.
_PERMUTED_ROWS = 64
# Permuted correlations are summed in float32; two that are equal on paper may differ by this much.
_EQUAL_CORRELATION = 1e-6


@dataclass(frozen=True, slots=True)
class Mantel:
    """Spearman correlation over pairs of tracks, and how often relabelled tracks reach it."""

    correlation: float
    p_value: float  # two-sided; NaN without permutations
    n_permutations: int
    n_pairs: int


def mantel_test(first: Distances, second: Distances, *, n_permutations: int = 999, seed: int = 0) -> Mantel:
    """Correlate the distances of all pairs, and test it by permuting the tracks of one matrix.

    Pairs that share a track are not independent, so an ordinary test over n(n - 1) / 2 pairs finds everything
    significant; permuting rows and columns together keeps that dependence.

    Parameters
    ----------
    first, second : (n_tracks, n_tracks) floating
        The same tracks in the same order; see `validate_distances`.
    n_permutations : int
        999 resolves p down to .001; 0 leaves p out.
    seed : int
        Of the permutations.

    Returns
    -------
    Mantel
        Spearman's correlation of the upper triangles, and p = (1 + number of permutations with |correlation|
        at least as large) / (1 + n_permutations). NaN, with a warning, if the pairs of one matrix are all
        equal or fewer than two.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape, or n_permutations is negative.

    Notes
    -----
    Distances are ranked once and the ranks permuted: O(n_tracks**2 (log n_tracks + n_permutations)) time,
    memory of several matrices whatever n_permutations.

    References
    ----------
    Mantel (1967), "The detection of disease clustering and a generalized regression approach", Cancer
    Research 27, 209-220.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> round(mantel_test(line, line, n_permutations=0).correlation, 6)
    1.0
    """
    validate_pair(first, second)
    if n_permutations < 0:
        raise ValueError(f"n_permutations must not be negative, got {n_permutations}")
    above = np.triu(np.ones(first.shape, dtype=np.bool_), 1)
    ranks = [standard_ranks(distances[above]) for distances in (first, second)]
    n_pairs = ranks[0].size
    correlation = float(ranks[0] @ ranks[1]) if n_pairs else float("nan")
    if np.isnan(correlation):
        warnings.warn(
            f"each matrix must have two different distances, got {n_pairs} pairs; the result is NaN", stacklevel=2
        )
        return Mantel(correlation, float("nan"), n_permutations, n_pairs)
    if n_permutations == 0:
        return Mantel(correlation, float("nan"), 0, n_pairs)
    fixed, permuted = (np.zeros(first.shape, dtype=np.float32) for _ in ranks)
    fixed[above], permuted[above] = ranks
    permuted += permuted.T
    n_reached = _n_reaching(abs(correlation), fixed, permuted, n_permutations=n_permutations, seed=seed)
    return Mantel(correlation, (1 + n_reached) / (1 + n_permutations), n_permutations, n_pairs)


def standard_ranks(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Rank, with mean 0 and norm 1, so that a dot product of two is Spearman's correlation.

    Parameters
    ----------
    values : (n,) floating
        No NaN.

    Returns
    -------
    (n,) float64
        Ties have their mean rank; NaN if all values are equal.

    Examples
    --------
    >>> standard_ranks(np.array([1.0, 5.0, 2.0])).round(3).tolist()
    [-0.707, 0.707, 0.0]
    """
    ranks = scipy.stats.rankdata(values)
    ranks -= (values.size + 1) / 2
    norm = float(np.linalg.norm(ranks))
    return ranks / norm if norm > 0 else np.full(values.size, np.nan)


def _n_reaching(
    correlation: float,
    fixed: npt.NDArray[np.float32],
    permuted: npt.NDArray[np.float32],
    *,
    n_permutations: int,
    seed: int,
) -> int:
    """Count the permutations whose absolute correlation reaches `correlation`.

    `fixed` is zero on and below the diagonal, so left of a block of rows nothing needs to be fetched.
    """
    rng = np.random.default_rng(seed)
    n_tracks, n_reached = len(fixed), 0
    for _ in range(n_permutations):
        order = rng.permutation(n_tracks)
        total = 0.0
        for start in range(0, n_tracks, _PERMUTED_ROWS):
            rows = permuted[order[start : start + _PERMUTED_ROWS]].take(order[start:], axis=1)
            total += float(np.vdot(fixed[start : start + _PERMUTED_ROWS, start:], rows))
        n_reached += abs(total) >= correlation - _EQUAL_CORRELATION
    return n_reached
