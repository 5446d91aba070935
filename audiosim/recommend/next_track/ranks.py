"""How well a model foretells the next track: every play but the first of a session is asked for, one after the other.

The whole catalogue is ranked, for ranks among a sample of it order models otherwise than ranks among all [1]_.

References
----------
.. [1] Krichene, Rendle (2020), "On sampled metrics for item recommendation", KDD 2020, 1748-1757.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.recommend.next_track.models import Scorer, Scores, Training
from audiosim.recommend.next_track.sessions import Items

METRICS: tuple[str, ...] = ("hr@1", "hr@5", "hr@10", "hr@20", "mrr@20", "ndcg@10")
LIST_LENGTH = 10  # of the lists whose figures are told


@dataclass(frozen=True, slots=True, eq=False)
class TargetRanks:
    """Where a model ranked what was played.

    Parameters
    ----------
    session : (n_targets,) int64
        Which session each target is of.
    rank : (n_targets,) float64
        From 1; inf for what is not in the catalogue.
    rank_new : (n_targets,) float64
        The rank when what the session had before is left out of the list; NaN for targets that it had.
    is_cold : (n_targets,) bool
        Whether the target was never played in the sessions that the model learnt from.
    listed : (n_items,) int64
        How often each item of the catalogue was among the first ten of a list of the model; where nothing of a session
        is in the catalogue, no model is asked, and what was played most comes first.
    """

    session: Items
    rank: Scores
    rank_new: Scores
    is_cold: npt.NDArray[np.bool_]
    listed: Items


def target_ranks(scorer: Scorer, training: Training, sessions: Sequence[Items]) -> TargetRanks:
    """Rank the catalogue before every play but the first of each session.

    Equal scores are ordered by how often items were played in the training, and then by chance, so that no order in
    which items happen to be numbered tells anything.

    Parameters
    ----------
    scorer : Scorer
        Learnt from `training`.
    training : Training
        Its catalogue is ranked.
    sessions : sequence of (n,) int64
        Later ones. Numbers from `n_items` on are items outside of the catalogue: nobody can name them, and as part of
        a session they are passed over.

    Raises
    ------
    ValueError
        If no session has two plays.

    Examples
    --------
    >>> from audiosim.recommend.next_track.models import markov
    >>> training = Training([np.array([0, 1, 2]), np.array([0, 1])], n_items=4)
    >>> target_ranks(markov(training), training, [np.array([0, 1, 9, 2])]).rank.tolist()
    [1.0, inf, 1.0]
    """
    if all(len(session) < 2 for session in sessions):
        raise ValueError(f"there must be a session of at least two plays, got {len(sessions)} of fewer")
    ranker = _Ranker(training)
    rows: list[tuple[int, float, float, bool]] = []
    for number, session in enumerate(sessions):
        for place in range(1, len(session)):
            rank, rank_new = ranker.ranks(scorer, session[:place], int(session[place]))
            rows.append((number, rank, rank_new, ranker.is_cold(int(session[place]))))
    session_of, rank, rank_new, is_cold = zip(*rows, strict=True)
    return TargetRanks(
        np.array(session_of, dtype=np.int64),
        np.array(rank, dtype=np.float64),
        np.array(rank_new, dtype=np.float64),
        np.array(is_cold, dtype=np.bool_),
        ranker.listed,
    )


def scores_of_ranks(ranks: Scores) -> Scores:
    """What each rank is worth by each of `METRICS`.

    Parameters
    ----------
    ranks : (n_targets,) float64
        From 1; inf where it was not found, NaN where nothing was asked.

    Returns
    -------
    (n_targets, 6) float64
        Hit among the first 1, 5, 10 and 20; 1 / rank among the first 20; 1 / log2(1 + rank) among the first 10, which
        is NDCG where one item is right. NaN where nothing was asked.

    Examples
    --------
    >>> scores_of_ranks(np.array([3.0, np.inf])).tolist()
    [[0.0, 1.0, 1.0, 1.0, 0.3333333333333333, 0.5], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    hits = [(ranks <= k).astype(np.float64) for k in (1, 5, 10, 20)]
    reciprocal = np.where(ranks <= 20, 1.0 / ranks, 0.0)
    gain = np.where(ranks <= 10, 1.0 / np.log2(1.0 + ranks), 0.0)
    scores = np.column_stack([*hits, reciprocal, gain])
    scores[np.isnan(ranks)] = np.nan
    return scores


def best_first(scores: Scores, training: Training) -> Items:
    """Order all items.

    Parameters
    ----------
    scores : (n_items,) float64
        Of a model that learnt from `training`.
    training : Training
        How often items were played in it orders equal scores; what is equal even then is ordered by chance, under its
        seed.

    Returns
    -------
    (n_items,) int64
        The best first.

    Examples
    --------
    >>> best_first(np.array([0.0, 0.0, 5.0]), Training([np.array([1, 2])], n_items=3)).tolist()
    [2, 1, 0]
    """
    return np.lexsort((_places(training), -scores))


def _places(training: Training) -> Items:
    """Where each item comes among those of equal score, from 0."""
    chance = np.random.default_rng(training.seed).permutation(training.n_items)
    places = np.empty(training.n_items, dtype=np.int64)
    places[np.lexsort((chance, -training.counts()))] = np.arange(training.n_items)
    return places


class _Ranker:
    """Ranks in the catalogue, and how often its items were listed."""

    def __init__(self, training: Training) -> None:
        self._n_items = training.n_items
        self._counts = training.counts()
        self._places = _places(training)
        self.listed = np.zeros(training.n_items, dtype=np.int64)

    def is_cold(self, target: int) -> bool:
        return target >= self._n_items or self._counts[target] == 0

    def ranks(self, scorer: Scorer, before: Items, target: int) -> tuple[float, float]:
        """Ranks of the target, with all that was played before among the candidates, and without it."""
        known = np.unique(before[before < self._n_items])
        scores = scorer(before[before < self._n_items]) if len(known) else self._counts
        if len(known):
            self.listed[self._first(scores)] += 1
        is_repeat = bool((before == target).any())
        if target >= self._n_items:
            return np.inf, np.nan if is_repeat else np.inf
        # Counting who is ahead takes a tenth of the time that sorting all would.
        is_ahead = scores > scores[target]
        is_ahead |= (scores == scores[target]) & (self._places < self._places[target])
        n_ahead = int(is_ahead.sum())
        return 1.0 + n_ahead, np.nan if is_repeat else 1.0 + n_ahead - int(is_ahead[known].sum())

    def _first(self, scores: Scores) -> Items:
        """The items that open the list, in any order."""
        if self._n_items <= LIST_LENGTH:
            return np.arange(self._n_items)
        least = -np.partition(-scores, LIST_LENGTH - 1)[LIST_LENGTH - 1]
        sure, equal = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
        return np.concatenate([sure, equal[np.argsort(self._places[equal])][: LIST_LENGTH - len(sure)]])
