"""Judging distance matrices: pure functions that validate, measure, and evaluate.

Matrices are (n_tracks, n_tracks), float32 or float64. Invalid input raises ValueError, input that leaves
nothing to measure warns and gives NaN, and a perfect score is 1.
"""

from audiosim.evaluation.ranking import random_distances, validate_distances
from audiosim.evaluation.report import BASELINE, CONTROL, Evaluation, evaluate
from audiosim.evaluation.task import Task

__all__ = ["BASELINE", "CONTROL", "Evaluation", "Task", "evaluate", "random_distances", "validate_distances"]
