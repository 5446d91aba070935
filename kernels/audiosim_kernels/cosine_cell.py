"""The last step of a cosine distance, written once in plain Python and compiled for the CPU and for CUDA."""

import math


def distance(dot: float, row_square: float, column_square: float) -> float:
    """1 - cos, from the dot product and the squared norms of a pair, in float64 and in [0, 2].

    The root of a rounded square is the number itself, so equal vectors have a cosine of exactly 1.
    """
    return min(max(1.0 - dot / math.sqrt(row_square * column_square), 0.0), 2.0)
