"""Decision trees as plain arrays, and the walk from their roots to their leaves."""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Trees that lie one behind the other.

    A track goes left where its input is at most the threshold. Children lie behind their parents, so that every walk
    ends.

    Parameters
    ----------
    roots : np.ndarray [shape=(n_trees,), int64]
        Node at which each tree begins.
    inputs : np.ndarray [shape=(n_nodes,), int64]
        Which input is asked for; -1 at a leaf.
    thresholds : np.ndarray [shape=(n_nodes,), float64]
    left, right : np.ndarray [shape=(n_nodes,), int64]
        Children; -1 at a leaf.
    """

    roots: IntArray
    inputs: IntArray
    thresholds: FloatArray
    left: IntArray
    right: IntArray

    def __post_init__(self) -> None:
        nodes = np.arange(len(self.inputs))
        if any(array.shape != nodes.shape for array in (self.thresholds, self.left, self.right)):
            raise ValueError("the arrays of trees must have one element a node, got different lengths")
        inside = [(child > nodes) & (child < len(nodes)) for child in (self.left, self.right)]
        roots_inside = (self.roots >= 0) & (self.roots < len(nodes))
        if not ((self.inputs < 0) | (inside[0] & inside[1])).all() or not roots_inside.all():
            raise ValueError("the children of a node must lie behind it, got other trees; fit the model again")
        if np.isnan(self.thresholds).any():
            raise ValueError("thresholds must be numbers, got NaN")

    def leaves(self, shown: FloatArray) -> Generator[IntArray]:
        """For tree after tree the leaf that each track falls into, (n_tracks,), of inputs (n_tracks, n_inputs)."""
        for root in self.roots:
            node = np.full(len(shown), root)
            # Only tracks that have not arrived walk on: most trees are deeper in some places than in others.
            walking = np.flatnonzero(self.inputs[node] >= 0)
            while walking.size:
                at = node[walking]
                arrived = np.where(self._goes_left(shown, walking, at), self.left[at], self.right[at])
                node[walking] = arrived
                walking = walking[self.inputs[arrived] >= 0]
            yield node

    def _goes_left(self, shown: FloatArray, tracks: IntArray, nodes: IntArray) -> npt.NDArray[np.bool_]:
        """Whether tracks go left at nodes that are no leaves."""
        return shown[tracks, self.inputs[nodes]] <= self.thresholds[nodes]
