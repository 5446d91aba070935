"""The judge: definitions in plain Python floats, as one reads them in a paper. Imports nothing of ours."""

import math
from collections.abc import Sequence

Frame = Sequence[float]
Costs = list[list[float]]


def local_costs(x: Sequence[Frame], y: Sequence[Frame], local_cost: str) -> Costs:
    """Distance of every frame of x from every frame of y."""
    root = {"euclidean": math.sqrt, "sqeuclidean": float}[local_cost]
    return [
        [root(math.fsum((float(a) - float(b)) ** 2 for a, b in zip(left, right, strict=True))) for right in y]
        for left in x
    ]


def in_band(i: int, j: int, n: int, m: int, radius: int | None) -> bool:
    """Whether a Sakoe-Chiba band that follows the slope of an n x m matrix allows cell (i, j)."""
    return radius is None or abs(i * (m - 1) - j * (n - 1)) <= radius * (max(n, m) - 1)


def accumulated_costs(costs: Costs, step_pattern: str, band_radius: int | None = None) -> Costs:
    """Cheapest cost of a path from the first cell to each cell; infinite where there is none."""
    diagonal_weight = {"symmetric1": 1, "symmetric2": 2}[step_pattern]
    n, m = len(costs), len(costs[0])
    total = [[math.inf] * m for _ in range(n)]
    for i in range(n):
        for j in range(m):
            if not in_band(i, j, n, m, band_radius):
                continue
            cost = costs[i][j]
            arrivals = [cost] if i == j == 0 else []
            if j > 0:
                arrivals.append(total[i][j - 1] + cost)
            if i > 0:
                arrivals.append(total[i - 1][j] + cost)
            if i > 0 and j > 0:
                arrivals.append(total[i - 1][j - 1] + diagonal_weight * cost)
            total[i][j] = min(arrivals)
    return total


def dtw(
    x: Sequence[Frame],
    y: Sequence[Frame],
    *,
    local_cost: str,
    step_pattern: str,
    band_radius: int | None = None,
    normalize: bool,
) -> float:
    """DTW distance of two sequences."""
    total = accumulated_costs(local_costs(x, y, local_cost), step_pattern, band_radius)[-1][-1]
    return total / (len(x) + len(y)) if normalize else total


def cosine(x: Sequence[float], y: Sequence[float]) -> float:
    """One minus the cosine of the angle between two vectors."""
    dot = math.fsum(float(a) * float(b) for a, b in zip(x, y, strict=True))
    return 1 - dot / math.hypot(*map(float, x)) / math.hypot(*map(float, y))


def cosine_truncated(x: Sequence[Frame], y: Sequence[Frame]) -> float:
    """Cosine distance of two flattened sequences, cut to the shorter one."""
    cut = min(len(x), len(y))
    return cosine([a for frame in x[:cut] for a in frame], [b for frame in y[:cut] for b in frame])


def gaussian(frames: Sequence[Frame]) -> tuple[list[float], list[list[float]]]:
    """Mean and covariance of frames as a population."""
    columns = [[float(value) for value in column] for column in zip(*frames, strict=True)]
    mean = [math.fsum(column) / len(column) for column in columns]
    deviations = [[value - center for value in column] for column, center in zip(columns, mean, strict=True)]
    covariance = [
        [math.fsum(a * b for a, b in zip(left, right, strict=True)) / len(left) for right in deviations]
        for left in deviations
    ]
    return mean, covariance


def log_determinant(matrix: Sequence[Sequence[float]]) -> float:
    """Logarithm of a positive determinant: the product of the pivots of Gaussian elimination."""
    rows = [[float(value) for value in row] for row in matrix]
    total = 0.0
    while rows:
        first, *others = rows
        total += math.log(first[0])
        rows = [[a - other[0] * b / first[0] for a, b in zip(other[1:], first[1:], strict=True)] for other in others]
    return total


def js_distance(x_mean: Frame, x_covariance: Sequence[Frame], y_mean: Frame, y_covariance: Sequence[Frame]) -> float:
    """Root of the Jensen-Shannon divergence of two Gaussians, their mixture taken for the Gaussian of its moments."""
    n_dims = len(x_mean)
    middle = [(float(x) + float(y)) / 2 for x, y in zip(x_mean, y_mean, strict=True)]
    mixture = [
        [
            sum(
                (float(covariance[i][j]) + (float(mean[i]) - middle[i]) * (float(mean[j]) - middle[j])) / 2
                for mean, covariance in ((x_mean, x_covariance), (y_mean, y_covariance))
            )
            for j in range(n_dims)
        ]
        for i in range(n_dims)
    ]
    entropies = [log_determinant(covariance) / 2 for covariance in (mixture, x_covariance, y_covariance)]
    return math.sqrt(max(0.0, entropies[0] - (entropies[1] + entropies[2]) / 2))
