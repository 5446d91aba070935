"""Which pairs are compared side by side, in the lanes of one vector.

Any pairs can be, but it is cheap only where they are of like lengths (the shorter ones wait for the longest) and where
their frames are packed already: the targets from the last vector, or one query for all lanes. So the targets are
sorted by length and cut into groups of LANES; a query that meets enough of a group meets it in one vector, group by
group. The pairs that are left are packed for themselves: sorted by the queries' lengths, cut into slabs, and sorted by
the targets' lengths within each, so that 16 neighbours are alike on both sides.

Sort-tile-recursive packing: Leutenegger, S. T., Lopez, M. A., & Edgington, J. (1997). STR: a simple and efficient
algorithm for R-tree packing. Proceedings of ICDE, 497-506.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim_kernels.ragged import Integers

# Packing a frame of each of two sides takes as long as this many cells of a vector: measured on AVX-512 at 20
# dimensions, and much the same at any number, since both grow with it.
_PACKING_CELLS = 32


@dataclass(frozen=True, slots=True)
class Groups:
    """Pairs in lanes.

    Attributes
    ----------
    order : (n_vectors, n_lanes) int64
        Which pair each lane holds; lanes that would be empty repeat another.
    queries, targets : (n_pairs,) int64
        The sequences of each pair, the sides exchanged where that groups better.
    exchanged : bool
        Whether the queries are those of the second side, all of them; false where both sides are one collection.
    """

    order: Integers
    queries: Integers
    targets: Integers
    exchanged: bool


def group(
    first_lengths: Integers, second_lengths: Integers | None, pairs: Integers, radii: Integers, n_lanes: int
) -> Groups:
    """Put pairs, at least one, in lanes; without `second_lengths` both indices point to one collection."""
    queries, targets = pairs[:, 0], pairs[:, 1]
    exchanged = False
    if second_lengths is None:
        # The later one by length is the target: all pairs of a collection then fill whole groups.
        rank = np.empty(len(first_lengths), dtype=np.int64)
        rank[np.argsort(first_lengths, kind="stable")] = np.arange(len(first_lengths))
        turned = rank[queries] > rank[targets]
        queries, targets = np.where(turned, targets, queries), np.where(turned, queries, targets)
        second_lengths = first_lengths
    elif _n_distinct(queries, len(first_lengths)) > _n_distinct(targets, len(second_lengths)):
        exchanged = True
        queries, targets = targets, queries
        first_lengths, second_lengths = second_lengths, first_lengths
    n, m = first_lengths[queries], second_lengths[targets]
    order = _order(queries, targets, n, m, np.minimum(n, 2 * radii + 1), n_lanes)
    return Groups(order, np.ascontiguousarray(queries), np.ascontiguousarray(targets), exchanged)


def padding(groups: Groups, first_lengths: Integers, second_lengths: Integers) -> float:
    """Share of the computed cells, without a band, that no pair needs: 0 where all lengths are equal and lanes full."""
    if groups.exchanged:
        first_lengths, second_lengths = second_lengths, first_lengths
    n, m = first_lengths[groups.queries], second_lengths[groups.targets]
    computed = groups.order.shape[1] * np.sum(n[groups.order].max(axis=1) * m[groups.order].max(axis=1))
    return float(1 - np.sum(n * m) / computed)


def _order(  # noqa: PLR0917
    queries: Integers, targets: Integers, n: Integers, m: Integers, rows_in_band: Integers, n_lanes: int
) -> Integers:
    """Pairs in lanes, (n_vectors, n_lanes): first those that meet a whole group, then the others."""
    by_group = _by_group(queries, targets, m, n_lanes)
    starts, fills = _runs(by_group.key, n_lanes)
    rows = rows_in_band[by_group.order[starts]]
    worth = fills * (rows + _PACKING_CELLS) >= n_lanes * rows
    lanes = np.minimum(np.arange(n_lanes), fills[worth, None] - 1)
    shared = by_group.order[starts[worth, None] + lanes]
    rest = by_group.order[np.repeat(~worth, fills)]
    if not rest.size:
        return shared
    rest = rest[_by_both_lengths(n[rest], m[rest], n_lanes)]
    rest = np.append(rest, np.full(-len(rest) % n_lanes, rest[-1]))
    return np.concatenate([shared, rest.reshape(-1, n_lanes)])


@dataclass(frozen=True, slots=True)
class _ByGroup:
    """Pairs sorted by the group of their target, then by their query; both in one key."""

    order: npt.NDArray[np.intp]
    key: Integers


def _by_group(queries: Integers, targets: Integers, m: Integers, n_lanes: int) -> _ByGroup:
    length = np.zeros(int(targets.max()) + 1, dtype=np.int64)
    length[targets] = m
    present = np.flatnonzero(length)
    group_of = np.empty(len(length), dtype=np.int64)
    group_of[present[np.argsort(length[present], kind="stable")]] = np.arange(len(present)) // n_lanes
    key = group_of[targets] * (int(queries.max()) + 1) + queries
    order = np.argsort(key, kind="stable")
    return _ByGroup(order, key[order])


def _runs(key: Integers, n_lanes: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Starts and lengths of runs of equal keys; longer ones (pairs may repeat) are cut every `n_lanes`."""
    changes = np.flatnonzero(np.diff(key)) + 1
    begins = np.concatenate([[0], changes])
    position = np.arange(len(key)) - np.repeat(begins, np.diff(np.append(begins, len(key))))
    starts = np.flatnonzero(position % n_lanes == 0)
    return starts, np.diff(np.append(starts, len(key)))


def _by_both_lengths(n: Integers, m: Integers, n_lanes: int) -> npt.NDArray[np.intp]:
    """Sort-tile-recursive order: neighbours are alike in both lengths."""
    by_n = np.argsort(n, kind="stable")
    n_slabs = max(1, round((len(n) / n_lanes) ** 0.5))
    slab = np.arange(len(n)) * n_slabs // len(n)
    return by_n[np.lexsort((m[by_n], slab))]


def _n_distinct(indices: Integers, size: int) -> int:
    present = np.zeros(size, dtype=np.bool_)
    present[indices] = True
    return int(np.count_nonzero(present))
