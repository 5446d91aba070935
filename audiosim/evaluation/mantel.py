"""The correlation of two distance matrices over all pairs, tested by permuting tracks."""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import numpy.typing as npt
import scipy

from audiosim.evaluation.ranking import Distances, validate_pair

# Entries of a block of permuted rows: half a megabyte of float32 stays in the processor's cache.
_BLOCK_ENTRIES = 1 << 17
# Matrices whose float32 entries are fetched together, half a line of the cache.
_FETCHED = 8
# Permuted correlations are summed in float32; two that are equal on paper may differ by this much.
_EQUAL_CORRELATION = 1e-6


@dataclass(frozen=True, slots=True)
class Mantel:
    """Spearman correlation over pairs of tracks, and how often relabelled tracks reach it."""

    correlation: float
    p_value: float  # two-sided; NaN without permutations
    n_permutations: int
    n_pairs: int


def mantel_test(
    first: Distances, second: Distances, *, n_permutations: int = 999, seed: int = 0, threads: int = 0
) -> Mantel:
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
    threads : int
        0: as many as there are usable cores. The result does not depend on it.

    Returns
    -------
    Mantel
        Spearman's correlation of the upper triangles, and p = (1 + number of permutations with |correlation|
        at least as large) / (1 + n_permutations). NaN, with a warning, if the pairs of one matrix are all
        equal or fewer than two.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape, or n_permutations or threads is negative.

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
    result = correlate_pairs([first, second], n_permutations=n_permutations, seed=seed, threads=threads)[0, 1]
    warn_if_constant(result)
    return result


def warn_if_constant(result: Mantel) -> None:
    """Say so where there is nothing to correlate."""
    if np.isnan(result.correlation):
        warnings.warn(
            f"each matrix must have two different distances, got {result.n_pairs} pairs; the result is NaN",
            stacklevel=3,
        )


def correlate_pairs(
    matrices: Sequence[Distances], *, n_permutations: int = 999, seed: int = 0, threads: int = 0
) -> dict[tuple[int, int], Mantel]:
    """Do the `mantel_test` of every two matrices, each of which is ranked once and permuted once a permutation.

    Parameters
    ----------
    matrices : sequence of (n_tracks, n_tracks) floating
        Already validated.
    n_permutations, seed, threads : int
        See `mantel_test`.

    Returns
    -------
    dict of (int, int) to Mantel
        By the places of the two, the smaller first.

    Raises
    ------
    ValueError
        If n_permutations or threads is negative.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> sorted(correlate_pairs([line, line, line], n_permutations=0))
    [(0, 1), (0, 2), (1, 2)]
    """
    for name, value in (("n_permutations", n_permutations), ("threads", threads)):
        if value < 0:
            raise ValueError(f"{name} must not be negative, got {value}")
    n_tracks = len(matrices[0])
    n_pairs = n_tracks * (n_tracks - 1) // 2
    ranks, differs = _interleaved_ranks(matrices)
    observed = _products(ranks, None, dtype=np.float64)
    reached = _n_reaching(np.abs(observed), ranks, n_permutations=n_permutations, seed=seed, threads=threads)
    result: dict[tuple[int, int], Mantel] = {}
    for first, second in combinations(range(len(matrices)), 2):
        correlation, p_value = float("nan"), float("nan")
        if differs[first] and differs[second]:
            correlation = float(np.clip(observed[first, second], -1.0, 1.0))
            if n_permutations:
                p_value = (1 + int(reached[first, second])) / (1 + n_permutations)
        result[first, second] = Mantel(correlation, p_value, n_permutations, n_pairs)
    return result


def standard_ranks(values: npt.NDArray[np.integer | np.floating]) -> npt.NDArray[np.float64]:
    """Rank, with mean 0 and norm 1, so that a dot product of two is Spearman's correlation.

    Parameters
    ----------
    values : (n,) integer or floating
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


def _interleaved_ranks(matrices: Sequence[Distances]) -> tuple[npt.NDArray[np.float32], list[bool]]:
    """Standard ranks of all matrices, and which matrices have two different distances; the others are 0.

    What all matrices hold of a pair of tracks lies side by side, so that a permutation fetches it at once: 32 bytes
    of eight matrices cost little more than the 4 of one.
    """
    n_tracks, n_matrices = len(matrices[0]), len(matrices)
    width = 1 << (n_matrices - 1).bit_length() if n_matrices <= _FETCHED else -(-n_matrices // _FETCHED) * _FETCHED
    result = np.zeros((n_tracks, n_tracks, width), dtype=np.float32)
    above = np.triu(np.ones((n_tracks, n_tracks), dtype=np.bool_), 1)
    differs: list[bool] = []
    for place, distances in enumerate(matrices):
        ranks = standard_ranks(distances[above])
        differs.append(ranks.size > 0 and not np.isnan(ranks[0]))
        if differs[-1]:
            result[above, place] = ranks
            result[:, :, place] += result[:, :, place].T
    return result, differs


def _products(
    ranks: npt.NDArray[np.float32], order: npt.NDArray[np.integer] | None, *, dtype: npt.DTypeLike = np.float32
) -> npt.NDArray[np.float64]:
    """Dot products over pairs of every matrix with every matrix whose tracks are in `order`."""
    n_tracks, _, width = ranks.shape
    total = np.zeros((width, width))
    n_rows = max(1, _BLOCK_ENTRIES // max(n_tracks * width, 1))
    for start in range(0, n_tracks, n_rows):
        stop = min(start + n_rows, n_tracks)
        fixed = ranks[start:stop, start:]
        permuted = fixed if order is None else ranks[order[start:stop]].take(order[start:], axis=1)
        products = fixed.astype(dtype, copy=False).transpose(0, 2, 1) @ permuted.astype(dtype, copy=False)
        total += products.sum(axis=0, dtype=np.float64)
        # The block's square on the diagonal holds each of its pairs twice.
        square = fixed[:, : stop - start].transpose(2, 0, 1).reshape(width, -1).astype(dtype, copy=False)
        twice = permuted[:, : stop - start].reshape(-1, width).astype(dtype, copy=False)
        total -= 0.5 * (square @ twice)
    return total


def _n_reaching(
    correlations: npt.NDArray[np.float64],
    ranks: npt.NDArray[np.float32],
    *,
    n_permutations: int,
    seed: int,
    threads: int,
) -> npt.NDArray[np.int64]:
    """Count the permutations whose absolute products reach `correlations`, for every two matrices."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(ranks)) for _ in range(n_permutations)]
    reached = np.zeros(correlations.shape, dtype=np.int64)
    with ThreadPoolExecutor(threads or _n_usable_cores()) as pool:
        for products in pool.map(partial(_products, ranks), orders):
            reached += np.abs(products) >= correlations - _EQUAL_CORRELATION
    return reached


def _n_usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
