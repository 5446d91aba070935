"""The way back through the recurrence of `dtw_cell`, written once for both devices.

Accumulated costs are float64 here, though the local costs are the float32 of `dtw_cell`: a path is a chain of decisions
between sums that nearly tie, and in float32 a sum of 20 000 costs is rounded by more than two paths often differ.
"""

from typing import Any

import numpy as np

# Typed, or uncompiled code (the CUDA simulator) would add float32 costs to them in float32.
ZERO = np.float64(0)
INFINITY = np.float64(np.inf)

# How a path arrives at a cell.
DIAGONAL, LEFT, UP = 0, 1, 2


def arrival(total: Any, cost: Any, left: Any, diagonal: Any, diagonal_weight: Any) -> Any:  # noqa: ANN401
    """The step by which `dtw_cell.extend` reached `total`: among equals the diagonal, then left, then up.

    It is exact: the sums are those that `extend` compared. It is written without a branch, which no processor could
    predict.
    """
    not_diagonal = total != diagonal + diagonal_weight * cost
    not_left = total != left + cost
    return DIAGONAL + LEFT * not_diagonal + (UP - LEFT) * (not_diagonal & not_left)


def origin(step: Any, left: Any, up: Any, diagonal: Any) -> Any:  # noqa: ANN401
    """Where the path began that arrived by `step`, given where the paths to its predecessors did; again no branch."""
    return up + (step == LEFT) * (left - up) + (step == DIAGONAL) * (diagonal - up)
