"""Lists of the nearest, written once in plain Python and compiled for the CPU and for CUDA."""

from typing import Any


def insert(distance: Any, index: Any, nearest: Any, indices: Any, row: Any) -> None:  # noqa: ANN401
    """Put a candidate where it belongs in the sorted list of one row, if it belongs there at all.

    Candidates come by rising index, and an equal distance does not displace another: among equals the lowest index is
    first. NaN displaces nothing.
    """
    place = nearest.shape[1]
    while place > 0 and distance < nearest[row, place - 1]:
        place -= 1
    for later in range(nearest.shape[1] - 1, place, -1):
        nearest[row, later], indices[row, later] = nearest[row, later - 1], indices[row, later - 1]
    if place < nearest.shape[1]:
        nearest[row, place], indices[row, place] = distance, index
