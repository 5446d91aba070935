"""The judge of warping paths and subsequence DTW: full matrices of plain Python floats. Imports nothing of ours."""

import math
from collections.abc import Sequence
from itertools import pairwise

import reference
from reference import Costs, Frame

Path = list[tuple[int, int]]


def warping_path(costs: Costs, step_pattern: str, band_radius: int | None = None) -> Path:
    """Cheapest path from the first cell to the last."""
    total = reference.accumulated_costs(costs, step_pattern, band_radius)
    return _way_back(total, costs, step_pattern, (len(costs) - 1, len(costs[0]) - 1), stop_row=-1)


def path_cost(costs: Costs, path: Path, step_pattern: str) -> float:
    """Sum of the local costs along a path; a diagonal step weighs 2 in symmetric2."""
    diagonal_weight = {"symmetric1": 1, "symmetric2": 2}[step_pattern]
    weights = [1] + [
        diagonal_weight if (i - before_i, j - before_j) == (1, 1) else 1
        for (before_i, before_j), (i, j) in pairwise(path)
    ]
    return math.fsum(weight * costs[i][j] for weight, (i, j) in zip(weights, path, strict=True))


def subsequence_distance(
    query: Sequence[Frame], sequence: Sequence[Frame], local_cost: str, step_pattern: str
) -> float:
    """Least DTW distance of the query from any stretch of the sequence: the definition."""
    return min(
        reference.dtw(query, sequence[start:stop], local_cost=local_cost, step_pattern=step_pattern, normalize=False)
        for start in range(len(sequence))
        for stop in range(start + 1, len(sequence) + 1)
    )


def subsequence_path(costs: Costs, step_pattern: str) -> Path:
    """Cheapest path from any cell of the first row to any cell of the last; the earliest last cell among equals."""
    diagonal_weight = {"symmetric1": 1, "symmetric2": 2}[step_pattern]
    n, m = len(costs), len(costs[0])
    total = [list(costs[0])] + [[math.inf] * m for _ in range(n - 1)]
    for i in range(1, n):
        for j in range(m):
            arrivals = [total[i - 1][j] + costs[i][j]]
            if j > 0:
                arrivals.append(total[i][j - 1] + costs[i][j])
                arrivals.append(total[i - 1][j - 1] + diagonal_weight * costs[i][j])
            total[i][j] = min(arrivals)
    return _way_back(total, costs, step_pattern, (n - 1, total[-1].index(min(total[-1]))), stop_row=0)


def _way_back(total: Costs, costs: Costs, step_pattern: str, end: tuple[int, int], stop_row: int) -> Path:
    """Cells from `end` back to `stop_row` or the first cell: among equals diagonally, then left, then up."""
    diagonal_weight = {"symmetric1": 1, "symmetric2": 2}[step_pattern]
    path = [end]
    while path[-1][0] != stop_row and path[-1] != (0, 0):
        i, j = path[-1]
        options = []
        if i > 0 and j > 0:
            options.append((total[i - 1][j - 1] + diagonal_weight * costs[i][j], (i - 1, j - 1)))
        if j > 0:
            options.append((total[i][j - 1] + costs[i][j], (i, j - 1)))
        if i > 0:
            options.append((total[i - 1][j] + costs[i][j], (i - 1, j)))
        path.append(min(options, key=lambda option: option[0])[1])  # the first among equals
    return path[::-1]
