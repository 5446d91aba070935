"""Models of what is played next: each learns from sessions and scores the whole catalogue after a beginning.

Neighbours of sessions often predict as well as recurrent networks do [1]_, at no cost; so they are what every other
model must stand beside.

References
----------
.. [1] Ludewig, Jannach (2018), "Evaluation of session-based recommendation algorithms", User Modeling and User-Adapted
   Interaction 28, 331-390.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.recommend.next_track.sessions import Items

Scores = npt.NDArray[np.float64]
# From the items of a session so far, at least one, to a score for each item of the catalogue; higher is likelier.
Scorer = Callable[[Items], Scores]

_N_RECENT = 1_000  # sessions that are looked through
_N_NEIGHBORS = 500  # sessions that count
_RIDGE = 1.0  # in units of the standardized features


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What models learn from.

    Parameters
    ----------
    sessions : sequence of (n,) int64
        In the order of time; items are numbered from 0.
    n_items : int
        Size of the catalogue, which may have more than was ever played.
    vectors : (n_items, n_dims) float64 or None
        What is known of the sound of each item, standardized; NaN where nothing is.
    seed : int
        Of what is random.
    """

    sessions: Sequence[Items]
    n_items: int
    vectors: Scores | None = None
    seed: int = 0

    def counts(self) -> Scores:
        """How often each item was played (n_items,)."""
        played = np.concatenate([np.empty(0, dtype=np.int64), *self.sessions])
        return np.bincount(played, minlength=self.n_items).astype(np.float64)

    def transitions(self) -> Items:
        """Each item and the one after it (n_transitions, 2)."""
        pairs = [np.stack([session[:-1], session[1:]], axis=1) for session in self.sessions]
        return np.concatenate([np.empty((0, 2), dtype=np.int64), *pairs])


def random(training: Training) -> Scorer:
    """Score by nothing: the control."""
    rng = np.random.default_rng(training.seed)
    return lambda _: rng.random(training.n_items)


def popularity(training: Training) -> Scorer:
    """Score by how often an item was played, whatever came before."""
    counts = training.counts()
    return lambda _: counts


def repeat_last(training: Training) -> Scorer:
    """Expect the last item once more."""

    def score(items: Items) -> Scores:
        scores = np.zeros(training.n_items)
        scores[items[-1]] = 1.0
        return scores

    return score


def markov(training: Training) -> Scorer:
    """Score by how often an item came right after the last one.

    Examples
    --------
    >>> markov(Training([np.array([0, 1, 2, 1])], n_items=3))(np.array([0, 1])).tolist()
    [0.0, 0.0, 1.0]
    """
    transitions = training.transitions()
    transitions = transitions[np.argsort(transitions[:, 0], kind="stable")]
    first = np.searchsorted(transitions[:, 0], np.arange(training.n_items + 1))

    def score(items: Items) -> Scores:
        last = int(items[-1])
        after = transitions[first[last] : first[last + 1], 1]
        return np.bincount(after, minlength=training.n_items).astype(np.float64) / max(len(after), 1)

    return score


def item_knn(training: Training) -> Scorer:
    """Score by the cosine of the sessions that an item and the last one are in.

    Examples
    --------
    >>> sessions = [np.array([0, 1]), np.array([1, 2]), np.array([0, 1, 2])]
    >>> item_knn(Training(sessions, n_items=3))(np.array([2])).round(3).tolist()
    [0.5, 0.816, 0.0]
    """
    members = _Members(training)
    norms = np.sqrt(np.maximum(members.n_sessions_of, 1))

    def score(items: Items) -> Scores:
        last = int(items[-1])
        together = members.counted(members.sessions_of(last), None)
        together[last] = 0.0
        return together / (norms * norms[last])

    return score


def v_sknn(training: Training) -> Scorer:
    """Score by the sessions most like the present one, in which late items count more, and rare ones.

    Of the 1000 latest sessions that share an item with the present one, the 500 most similar vote for their items. A
    shared item counts by its place in the present session, from 1/n for the first of n to 1 for the last, and by the
    logarithm of how few sessions have it.

    Examples
    --------
    >>> sessions = [np.array([0, 1]), np.array([2, 3])]
    >>> v_sknn(Training(sessions, n_items=4))(np.array([0, 2])).argmax().item()
    3
    """
    members = _Members(training)
    idf = np.log1p(len(training.sessions) / np.maximum(members.n_sessions_of, 1))

    def score(items: Items) -> Scores:
        weights = np.zeros(training.n_items)
        np.maximum.at(weights, items, np.arange(1, len(items) + 1) / len(items))
        weights *= idf
        present = np.flatnonzero(weights)
        similar = np.zeros(len(training.sessions))
        for item in present.tolist():
            similar[members.sessions_of(item)] += weights[item]
        recent = np.flatnonzero(similar)[-_N_RECENT:]
        likeness = similar[recent] / np.sqrt(len(present) * members.lengths[recent])
        # Of equally similar sessions the later count.
        nearest = np.lexsort((-recent, -likeness))[:_N_NEIGHBORS]
        votes = members.counted(recent[nearest], likeness[nearest]) * idf
        votes[items[-1]] = 0.0
        return votes

    return score


def content_knn(training: Training) -> Scorer:
    """Score by how much an item sounds like the session so far, in which late items count more.

    What nothing is known of comes last. This is the only one that can name what was never played.

    Raises
    ------
    ValueError
        If the training has no vectors.
    """
    directions, known = _directions(training)

    def score(items: Items) -> Scores:
        weights = np.arange(1.0, len(items) + 1)
        return np.where(known, directions @ (weights @ directions[items]), -np.inf)

    return score


def feature_regression(training: Training) -> Scorer:
    """Predict the next item's features from the last one's by ridge regression, and score by nearness to them.

    Recommenders on feature tables were built so, which is why it stands here. The prediction of least squared error is
    the mean of all that may follow, and what lies nearest to that is what is average, whatever was played.

    Raises
    ------
    ValueError
        If the training has no vectors.
    """
    _, known = _directions(training)
    vectors = np.where(known[:, None], np.nan_to_num(_vectors(training)), 0.0)
    squares = np.sum(vectors**2, axis=1)
    pairs = training.transitions()
    pairs = pairs[known[pairs].all(axis=1)]
    inputs, outputs = (np.column_stack([vectors[pairs[:, 0]], np.ones(len(pairs))]), vectors[pairs[:, 1]])
    weights = np.linalg.solve(inputs.T @ inputs + _RIDGE * np.eye(inputs.shape[1]), inputs.T @ outputs)

    def score(items: Items) -> Scores:
        predicted = np.append(vectors[items[-1]], 1.0) @ weights
        # The square of the distance, less that of the prediction, which is the same for all.
        return np.where(known, 2.0 * (vectors @ predicted) - squares, -np.inf)

    return score


# By name, the simpler first.
PLAIN_MODELS: dict[str, Callable[[Training], Scorer]] = {
    "random": random,
    "popularity": popularity,
    "repeat_last": repeat_last,
    "markov": markov,
    "item_knn": item_knn,
    "v_sknn": v_sknn,
}
CONTENT_MODELS: dict[str, Callable[[Training], Scorer]] = {
    "content_knn": content_knn,
    "feature_regression": feature_regression,
}


class _Members:
    """Which items are in which sessions, both ways; an item counts once in a session."""

    def __init__(self, training: Training) -> None:
        self._n_items = training.n_items
        self._sets = [np.unique(session) for session in training.sessions]
        self.lengths = np.array([len(items) for items in self._sets], dtype=np.int64)
        items = np.concatenate([np.empty(0, dtype=np.int64), *self._sets])
        sessions = np.repeat(np.arange(len(self._sets)), self.lengths)
        order = np.argsort(items, kind="stable")
        self._sessions = sessions[order]
        self._first = np.searchsorted(items[order], np.arange(training.n_items + 1))
        self.n_sessions_of = np.diff(self._first)

    def sessions_of(self, item: int) -> Items:
        """Sessions that have the item, ascending."""
        return self._sessions[self._first[item] : self._first[item + 1]]

    def counted(self, sessions: Items, weights: Scores | None) -> Scores:
        """How many of the sessions have each item (n_items,), by their weights."""
        sets = [self._sets[session] for session in sessions.tolist()]
        each = None if weights is None else np.repeat(weights, self.lengths[sessions])
        items = np.concatenate([np.empty(0, dtype=np.int64), *sets])
        return np.bincount(items, weights=each, minlength=self._n_items).astype(np.float64)


def _vectors(training: Training) -> Scores:
    if training.vectors is None or training.vectors.shape[0] != training.n_items:
        got = None if training.vectors is None else training.vectors.shape
        raise ValueError(f"vectors must have shape (n_items = {training.n_items}, n_dims), got {got}")
    return training.vectors


def _directions(training: Training) -> tuple[Scores, npt.NDArray[np.bool_]]:
    """Vectors of length 1, or 0 where nothing is known, and whether something is."""
    vectors = _vectors(training)
    known: npt.NDArray[np.bool_] = np.asarray(np.isfinite(vectors).all(axis=1))
    filled = np.where(known[:, None], vectors, 0.0)
    lengths = np.linalg.norm(filled, axis=1, keepdims=True)
    return np.divide(filled, lengths, out=np.zeros_like(filled), where=lengths > 0), known
