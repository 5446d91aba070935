"""How far two distance matrices order the tracks alike, seen from each track."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import scipy

from audiosim.evaluation.ranking import Distances, validate_k, validate_pair

# Kendall's correlation costs several times Spearman's, and a thousand rows give its mean within .01.
N_KENDALL_ROWS = 1000
# Entries ranked at once, so that a block of rows stays in the processor's cache.
_BLOCK_ENTRIES = 1 << 15

_Ranks = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RowCorrelation:
    """Correlation of each track's distances to all others, over tracks."""

    mean: float
    lower_quartile: float
    median: float
    upper_quartile: float
    n_left_out: int  # tracks whose distances are all equal in one of the matrices
    n_rows: int  # tracks that were looked at, those left out among them


def row_correlations(first: Distances, second: Distances) -> npt.NDArray[np.float64]:
    """Spearman correlation of each track's distances to all others.

    Parameters
    ----------
    first, second : (n_tracks, n_tracks) floating
        The same tracks in the same order; see `validate_distances`.

    Returns
    -------
    (n_tracks,) float64
        -1 to 1, ties ranked by their mean; NaN where all distances of a row are equal.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape.

    Notes
    -----
    O(n_tracks**2 log n_tracks) time, O(n_tracks) memory.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> row_correlations(line, line).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    validate_pair(first, second)
    return correlate_rows([first, second], n_kendall_rows=0)[0][:, 0, 1]


def row_taus(
    first: Distances, second: Distances, *, n_rows: int = N_KENDALL_ROWS, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Kendall's tau-b of each track's distances to all others.

    Parameters
    ----------
    first, second : (n_tracks, n_tracks) floating
        The same tracks in the same order; see `validate_distances`.
    n_rows : int
        Tracks that are looked at, drawn without replacement; all where there are no more.
    seed : int
        Of the draw.

    Returns
    -------
    (min(n_rows, n_tracks),) float64
        -1 to 1; NaN where all distances of a row are equal.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape, or n_rows is below 1.

    Notes
    -----
    O(n_rows n_tracks log(n_tracks)**2) time, O(n_tracks) memory.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> row_taus(line, line).tolist()
    [1.0, 1.0, 1.0]
    """
    validate_pair(first, second)
    validate_k(n_rows, name="n_rows")
    return correlate_rows([first, second], n_kendall_rows=n_rows, seed=seed)[1][:, 0, 1]


def row_correlation(first: Distances, second: Distances) -> RowCorrelation:
    """Mean and quartiles of `row_correlations`; parameters as there.

    Returns
    -------
    RowCorrelation
        NaN, with a warning, if no row has two different distances in both matrices.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> round(row_correlation(line, line).median, 6)
    1.0
    """
    correlations = row_correlations(first, second)
    warn_if_undefined(correlations)
    return summary(correlations)


def summary(correlations: npt.NDArray[np.float64]) -> RowCorrelation:
    """Mean and quartiles over the rows that are not NaN; NaN if all are."""
    counted = correlations[~np.isnan(correlations)]
    n_left_out = correlations.size - counted.size
    if counted.size == 0:
        return RowCorrelation(*[float("nan")] * 4, n_left_out=n_left_out, n_rows=correlations.size)
    lower, median, upper = (float(value) for value in np.quantile(counted, (0.25, 0.5, 0.75)))
    return RowCorrelation(float(counted.mean()), lower, median, upper, n_left_out, correlations.size)


def warn_if_undefined(correlations: npt.NDArray[np.float64]) -> None:
    """Say so where no row has a correlation."""
    if np.isnan(correlations).all():
        warnings.warn(
            f"none of {correlations.size} rows has different distances in both matrices; the result is NaN",
            stacklevel=3,
        )


def correlate_rows(
    matrices: Sequence[Distances], *, n_kendall_rows: int = N_KENDALL_ROWS, seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Correlate the rows of every two matrices, each of which is ranked once.

    Parameters
    ----------
    matrices : sequence of n_matrices (n_tracks, n_tracks) floating
        Already validated.
    n_kendall_rows : int
        Rows of which Kendall's tau-b is computed, drawn without replacement; 0 leaves it out.
    seed : int
        Of the draw.

    Returns
    -------
    spearman : (n_tracks, n_matrices, n_matrices) float64
    kendall : (min(n_kendall_rows, n_tracks), n_matrices, n_matrices) float64
        Above the diagonal; the rest is NaN.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> spearman, kendall = correlate_rows([line, line])
    >>> kendall[:, 0, 1].tolist()
    [1.0, 1.0, 1.0]
    """
    n_tracks, n_matrices = len(matrices[0]), len(matrices)
    if n_tracks <= n_kendall_rows:
        drawn = np.arange(n_tracks)
    else:
        drawn = np.sort(np.random.default_rng(seed).choice(n_tracks, n_kendall_rows, replace=False))
    spearman = np.full((n_tracks, n_matrices, n_matrices), np.nan)
    kendall = np.full((drawn.size, n_matrices, n_matrices), np.nan)
    if n_tracks < 2:
        return spearman, kendall
    n_rows = max(1, _BLOCK_ENTRIES // n_tracks)
    for start in range(0, n_tracks, n_rows):
        rows = np.arange(start, min(start + n_rows, n_tracks))
        ranks = np.stack([_doubled_ranks(distances, rows) for distances in matrices])
        spearman[rows] = _spearman(ranks)
        block = slice(*np.searchsorted(drawn, (rows[0], rows[-1] + 1)))
        taken = ranks[:, drawn[block] - start]
        if taken.shape[1]:
            kendall[block] = _kendall(taken)
    return spearman, kendall


def _doubled_ranks(distances: Distances, rows: npt.NDArray[np.integer]) -> _Ranks:
    """Twice the mean ranks, from 0, of the distances to others: whole numbers, ties included."""
    others = np.arange(len(distances))[None] != rows[:, None]
    values = distances[rows][others].reshape(rows.size, -1)
    return (2.0 * scipy.stats.rankdata(values, axis=1)).astype(np.int64) - 2


def _spearman(ranks: _Ranks) -> npt.NDArray[np.float64]:
    """Correlate the rows (axis 1) of every two matrices (axis 0)."""
    centred = (ranks - (ranks.shape[2] - 1)).astype(np.float64).transpose(1, 0, 2)
    products = centred @ centred.transpose(0, 2, 1)
    norms = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    scale = norms[:, :, None] * norms[:, None, :]
    result = np.divide(products, scale, out=np.full(products.shape, np.nan), where=scale > 0)
    return np.where(np.triu(np.ones(result.shape[1:], dtype=np.bool_), 1), np.clip(result, -1.0, 1.0), np.nan)


def _kendall(ranks: _Ranks) -> npt.NDArray[np.float64]:
    """Tau-b of the rows (axis 1) of every two matrices (axis 0).

    That is concordant less discordant pairs, over the geometric mean of the pairs that each side does not tie.
    """
    n_matrices, n_rows, n_items = ranks.shape
    n_pairs = n_items * (n_items - 1) // 2
    untied = n_pairs - _n_tied(np.sort(ranks, axis=2))
    result = np.full((n_rows, n_matrices, n_matrices), np.nan)
    for first, second in combinations(range(n_matrices), 2):
        # By the first side, then by the second, so that what the first ties is in order and thus not discordant.
        both = np.sort(ranks[first] * (2 * n_items) + ranks[second], axis=1)
        n_discordant = _n_inversions(both % (2 * n_items))
        difference = untied[first] + untied[second] - (n_pairs - _n_tied(both)) - 2 * n_discordant
        scale = np.sqrt(untied[first].astype(np.float64) * untied[second])
        np.divide(difference, scale, out=result[:, first, second], where=scale > 0)
    return result


def _n_tied(ascending: _Ranks) -> npt.NDArray[np.int64]:
    """Count the pairs of equal values along the last axis, ascending: every value against those before in its run."""
    is_equal = ascending[..., 1:] == ascending[..., :-1]
    if not is_equal.any():
        return np.zeros(ascending.shape[:-1], dtype=np.int64)
    places = np.arange(1, ascending.shape[-1])
    starts = np.maximum.accumulate(np.where(is_equal, 0, places), axis=-1)
    return (places - starts).sum(axis=-1)


def _n_inversions(values: _Ranks) -> npt.NDArray[np.int64]:
    """Count the pairs of each row of which the earlier value is larger, by merging ever longer sorted runs."""
    n_rows, n_values = values.shape
    length = 1 << max(0, n_values - 1).bit_length()
    runs = np.full((n_rows, length), 2 * n_values, dtype=np.int32)  # what fills the row up is larger than all
    runs[:, :n_values] = values
    total = np.zeros(n_rows, dtype=np.int64)
    half = 1
    while half < length:
        # The last bit says from which half a value comes; among equal ones the left half's come first.
        marked = (runs << 1).reshape(n_rows, -1, 2, half)
        marked[:, :, 1] |= 1
        marked = np.sort(marked.reshape(n_rows, -1, 2 * half), axis=2)
        # A right value at place p of the merged run, the r-th of its half, has p - r left ones before it.
        places = (marked & 1).astype(np.float64) @ np.arange(2.0 * half)
        n_before = places.sum(axis=1).astype(np.int64) - marked.shape[1] * (half * (half - 1) // 2)
        total += marked.shape[1] * half * half - n_before
        runs = (marked >> 1).reshape(n_rows, length)
        half *= 2
    return total
