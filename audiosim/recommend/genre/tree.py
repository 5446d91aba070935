"""A tree small enough to be read: what tells genres apart in the main, and how far that goes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.recommend.genre.evaluation import GenreTask
from audiosim.recommend.genre.metrics import GenreScores, score_probabilities

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_LEAVES = 8
_DEEPEST = 4
_SMALLEST_LEAF = 0.01  # of the tracks, and no fewer than
_FEWEST = 5
# A kind of which one is more than the other; of those with more kinds a threshold would mean nothing.
_TWO_KINDS = frozenset({"mode", "mode_est"})


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A question, or an answer where `feature` is None.

    Parameters
    ----------
    feature : str or None
    threshold : float or None
        Tracks with at most so much go to `low`, the others to `high`.
    low, high : int or None
        Places of nodes in the tree; a node lies before both.
    n_tracks : int
    shares : tuple of float
        Of genres among the tracks that came here.
    """

    feature: str | None
    threshold: float | None
    low: int | None
    high: int | None
    n_tracks: int
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ReadableTree:
    """A tree of all tracks, and how well such trees do on artists left out.

    Parameters
    ----------
    nodes : tuple of TreeNode
        The first is asked first.
    genres : tuple of str
    scores : GenreScores
        Of trees of the same size that learned in each fold from the other artists, not calibrated.
    probabilities : (n_tracks, n_genres) float64
        Of these.
    """

    nodes: tuple[TreeNode, ...]
    genres: tuple[str, ...]
    scores: GenreScores
    probabilities: FloatArray

    def genre(self, node: TreeNode) -> str:
        """The most frequent genre of a node; of equals the first."""
        return self.genres[int(np.argmax(node.shares))]

    def lines(self) -> list[str]:
        """The tree in words, a node a line."""
        return self._lines(0, "")

    def _lines(self, place: int, indent: str) -> list[str]:
        node = self.nodes[place]
        if node.feature is None or node.low is None or node.high is None or node.threshold is None:
            return [f"{indent}{self.genre(node)} ({100.0 * max(node.shares):.0f} % of {node.n_tracks} tracks)"]
        return [
            f"{indent}{node.feature} up to {_amount(node.threshold)}:",
            *self._lines(node.low, f"{indent}  "),
            f"{indent}{node.feature} above {_amount(node.threshold)}:",
            *self._lines(node.high, f"{indent}  "),
        ]


def readable_tree(task: GenreTask, *, seed: int = 0) -> ReadableTree:
    """Grow a tree of at most 8 leaves, and judge such trees on the artists that each fold leaves out.

    Parameters
    ----------
    task : GenreTask
    seed : int
        Decides between splits that are equally good.

    Returns
    -------
    ReadableTree
        Of a single node where no feature varies.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and regression trees", 1984.
    """
    columns = [i for i, name in enumerate(task.inputs.names) if i not in task.inputs.kinds or name in _TWO_KINDS]
    names = [task.inputs.names[column] for column in columns]
    shown = task.inputs.values[:, columns] if columns else np.zeros((len(task.labels), 1))
    probabilities = np.zeros((len(task.labels), len(task.genres)))
    for learned, left_out in task.folds:
        grown = _grown(shown[learned], task.labels[learned], seed=seed)
        probabilities[np.ix_(left_out, grown.classes_)] = grown.predict_proba(shown[left_out])
    whole = _grown(shown, task.labels, seed=seed)
    scores = score_probabilities(probabilities, task.labels)
    return ReadableTree(_nodes(whole.tree_, names), task.genres, scores, probabilities)


def _amount(threshold: float) -> str:
    """Three digits, or all before the point."""
    return f"{threshold:.0f}" if abs(threshold) >= 1_000.0 else f"{threshold:.3g}"


def _grown(shown: FloatArray, labels: IntArray, *, seed: int) -> Any:  # noqa: ANN401 - scikit-learn's
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415 - takes a second to load

    tree = DecisionTreeClassifier(
        max_depth=_DEEPEST,
        max_leaf_nodes=MOST_LEAVES,
        min_samples_leaf=max(_FEWEST, round(_SMALLEST_LEAF * len(labels))),
        random_state=seed,
    )
    return tree.fit(shown, labels)


def _nodes(tree: Any, names: list[str]) -> tuple[TreeNode, ...]:  # noqa: ANN401 - as above
    return tuple(
        TreeNode(
            feature=None if low < 0 else names[column],
            threshold=None if low < 0 else float(threshold),
            low=None if low < 0 else int(low),
            high=None if low < 0 else int(high),
            n_tracks=int(n_tracks),
            shares=tuple(float(share) for share in shares),
        )
        for low, high, column, threshold, n_tracks, shares in zip(
            tree.children_left,
            tree.children_right,
            tree.feature,
            tree.threshold,
            tree.n_node_samples,
            tree.value[:, 0],
            strict=True,
        )
    )
