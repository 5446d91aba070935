# pyright: basic
"""Log-determinants of merged covariances on the CPU: each lane of a vector register holds one pair.

Pairs are put in the order of their second Gaussians, LANES of these at a time. So where all pairs of two groups are
asked for, one set of second Gaussians serves all the first ones, and each of these goes to all lanes.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from audiosim_kernels import gaussian_cell
from audiosim_kernels.compiled import cached
from audiosim_kernels.gaussian import n_dims_of
from audiosim_kernels.lanes import LANES, address, aligned, load, splat, store
from audiosim_kernels.ragged import Frames, Integers

Numbers = npt.NDArray[np.float64]

HALF = np.float64(0.5)
_SHARES_PER_THREAD = 8  # small shares even the threads' work out

_triangle = njit(nogil=True, inline="always")(gaussian_cell.triangle)
_merged = njit(nogil=True, forceinline=True)(gaussian_cell.merged)
_eliminated = njit(nogil=True, forceinline=True)(gaussian_cell.eliminated)
_inverse = njit(nogil=True, error_model="numpy")(gaussian_cell.inverse)
_log_determinant = njit(nogil=True, error_model="numpy")(gaussian_cell.log_determinant)


class _Scratch(NamedTuple):
    """Working memory of one thread; of each vector of pairs LANES numbers lie side by side."""

    rows: Numbers  # (n_values, LANES): halves of the first Gaussians
    columns: Numbers  # (n_values, LANES): of the second ones
    deviations: Numbers  # (n_dims, LANES): half the differences of the means
    entries: Numbers  # (n_values - n_dims, LANES): the merged covariance, then what is left of it
    inverses: Numbers  # (n_dims, LANES): of the pivots


def log_determinants(rows: Frames, columns: Frames, pairs: Integers, *, n_threads: int = 1) -> Numbers:
    """Log-determinants (n_pairs,) of the merged covariances of pairs, at least one; NaN if not positive definite.

    Arguments as `gaussian.js_distances` has checked them. A Gaussian merged with itself is itself.
    """
    order = np.lexsort((pairs[:, 0], pairs[:, 1] // LANES))
    places = np.concatenate([order, np.repeat(order[-1:], -len(order) % LANES)]).reshape(-1, LANES)
    result = np.empty(len(pairs))

    def compare(share: Integers) -> None:
        found = np.empty(share.shape)
        chosen = pairs[share]
        first, second = np.ascontiguousarray(chosen[..., 0]), np.ascontiguousarray(chosen[..., 1])
        _compare(rows, columns, first, second, _scratch(rows.shape[1]), found)
        result[share] = found

    if n_threads == 1:
        compare(places)
        return result
    shares = np.array_split(places, min(len(places), n_threads * _SHARES_PER_THREAD))
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(compare, shares))
    return result


def _scratch(n_values: int) -> _Scratch:
    n_dims = n_dims_of(n_values)
    sizes = n_values, n_values, n_dims, n_values - n_dims, n_dims
    return _Scratch(*(aligned(size, np.float64) for size in sizes))


@cached
@njit(nogil=True, error_model="numpy")
def _compare(  # noqa: PLR0917 - kernels are called by position
    rows: Frames, columns: Frames, first: Integers, second: Integers, scratch: _Scratch, result: Numbers
) -> None:
    """Log-determinants of all pairs of all vectors, into `result` (n_vectors, LANES)."""
    n_dims = len(scratch.deviations)
    for vector in range(len(result)):
        if vector == 0 or not _equal(first[vector], first[vector - 1]):
            _pack(rows, first[vector], scratch.rows)
        if vector == 0 or not _equal(second[vector], second[vector - 1]):
            _pack(columns, second[vector], scratch.columns)
        _merge(scratch)
        _eliminate(scratch)
        for lane in range(LANES):
            result[vector, lane] = _log_determinant(scratch.entries[:, lane], n_dims)


@njit(nogil=True)
def _equal(first: Integers, second: Integers) -> bool:
    """Whether the lanes hold the same Gaussians."""
    same = True
    for lane in range(LANES):
        same &= first[lane] == second[lane]
    return same


@njit(nogil=True)
def _pack(gaussians: Frames, chosen: Integers, packed: Numbers) -> None:
    """Lay halves of the chosen Gaussians side by side."""
    shared = True
    for lane in range(LANES):
        shared &= chosen[lane] == chosen[0]
    if shared:
        values, lanes = gaussians[chosen[0]], address(packed)
        for value in range(len(packed)):
            store(lanes, value, splat(HALF * values[value]))
    else:
        for lane in range(LANES):
            values = gaussians[chosen[lane]]
            for value in range(len(packed)):
                packed[value, lane] = HALF * values[value]


@njit(nogil=True)
def _merge(scratch: _Scratch) -> None:
    """Fill in the covariances of the even mixtures of all lanes."""
    n_dims = len(scratch.deviations)
    rows, columns = address(scratch.rows), address(scratch.columns)
    deviations, entries = address(scratch.deviations), address(scratch.entries)
    for dim in range(n_dims):
        store(deviations, dim, load(rows, dim) - load(columns, dim))
    for i in range(n_dims):
        begin = _triangle(i)
        deviation = load(deviations, i)
        for j in range(i + 1):
            entry, value = begin + j, n_dims + begin + j
            store(entries, entry, _merged(load(rows, value), load(columns, value), deviation, load(deviations, j)))


@njit(nogil=True, error_model="numpy")
def _eliminate(scratch: _Scratch) -> None:
    """Turn the covariances of all lanes into L D L', row by row, with the pivots D on the diagonal and L below it."""
    entries, inverses = address(scratch.entries), address(scratch.inverses)
    for i in range(len(scratch.deviations)):
        row = _triangle(i)
        for j in range(i):
            column = _triangle(j)
            entry = load(entries, row + j)
            for k in range(j):
                entry = _eliminated(entry, load(entries, row + k), load(entries, column + k))
            store(entries, row + j, entry)
        # Until now the row holds L D. Its columns are scaled as its pivot is computed, from L D and L.
        pivot = load(entries, row + i)
        for k in range(i):
            entry = load(entries, row + k)
            scaled = entry * load(inverses, k)
            pivot = _eliminated(pivot, entry, scaled)
            store(entries, row + k, scaled)
        store(entries, row + i, pivot)
        for lane in range(LANES):
            scratch.inverses[i, lane] = _inverse(scratch.entries[row + i, lane])
