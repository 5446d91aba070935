"""All queries of several tasks answered by several measures, in one pass over their rankings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.bootstrap import CandidateInfluence
from audiosim.evaluation.influence import candidate_influences
from audiosim.evaluation.query_scores import Hits, QueryScores, empty_scores, enter_scores, metric_names
from audiosim.evaluation.ranking import Distances, Indices, rankings
from audiosim.evaluation.relevance import Relevance


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What a task asks of every track."""

    relevance: Relevance
    drawn: npt.NDArray[np.int64]  # (n_tracks,) what is drawn together, see `drawn_together`


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Scores of all measures, and what their candidates contribute."""

    scores: tuple[QueryScores, ...]  # one a measure
    by_artist: npt.NDArray[np.float64]  # (n_measures, n_metrics, n_drawn) influences of candidates, summed over queries
    products: npt.NDArray[
        np.float64
    ]  # (n_metrics, n_measures, n_measures) of influences, summed over queries and drawn

    def influence(self, pairs: Sequence[tuple[int, int]] = ()) -> CandidateInfluence:
        """Give influences on the scores of every measure, then on the difference of every pair of measures."""
        squares = np.diagonal(self.products, axis1=1, axis2=2).T
        by_artist, repeated = [*self.by_artist], [*squares]
        for first, second in pairs:
            by_artist.append(self.by_artist[first] - self.by_artist[second])
            repeated.append(squares[first] + squares[second] - 2 * self.products[:, first, second])
        return CandidateInfluence(np.concatenate(by_artist).T, np.concatenate(repeated))


def answer(
    matrices: Sequence[Distances], questions: Sequence[Question], *, ks: Sequence[int], seed: int = 0
) -> list[Answers]:
    """Answer all queries of all tasks by all measures.

    The products of measures' influences on one query need all rankings of the query at once, and a ranking serves all
    tasks; no more than one row of every matrix is ranked at a time.

    Parameters
    ----------
    matrices : sequence of (n_tracks, n_tracks) floating
        Already validated, over the same tracks.
    questions : sequence of Question
        One for each task.
    ks : sequence of int
        List lengths, at least 1.
    seed : int
        Of the order among ties, the same in all matrices: equal matrices answer equally.

    Returns
    -------
    list of Answers
        One for each of `questions`, measures in the order of `matrices`.

    Notes
    -----
    O(n_measures * n_tracks**2 (log n_tracks + n_questions * n_metrics * n_measures)) time,
    O(n_questions * n_measures * n_metrics * n_tracks) memory.

    Examples
    --------
    >>> from audiosim.evaluation.relevance import relevance_of_labels
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> question = Question(relevance_of_labels(["a", "a", "b"], n_tracks=3), np.arange(3))
    >>> [found] = answer([line], [question], ks=[1])
    >>> found.scores[0].metric("Hit@1").tolist()
    [1.0, 1.0, nan]
    """
    tallies = [_Tally.empty(question, len(matrices), ks) for question in questions]
    for query, orders in enumerate(zip(*(rankings(distances, seed=seed) for distances in matrices), strict=True)):
        for tally in tallies:
            tally.enter(query, orders)
    return [Answers(tally.scores, tally.by_artist, tally.products) for tally in tallies]


@dataclass(frozen=True, slots=True, eq=False)
class _Tally:
    """What is summed up query by query for one task."""

    relevance: Relevance
    drawn: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]  # (n_tracks,) where each track stands when those drawn together stand side by side
    starts: npt.NDArray[np.int64]  # (n_drawn,) where the first of each stands
    scores: tuple[QueryScores, ...]
    by_place: npt.NDArray[np.float64]  # (n_measures, n_metrics, n_tracks) influences on the query at hand
    by_artist: npt.NDArray[np.float64]
    products: npt.NDArray[np.float64]

    @classmethod
    def empty(cls, question: Question, n_measures: int, ks: Sequence[int]) -> "_Tally":
        n_tracks, n_metrics = len(question.drawn), len(metric_names(ks))
        order = np.argsort(question.drawn, kind="stable")
        places = np.empty(n_tracks, dtype=np.int64)
        places[order] = np.arange(n_tracks)
        starts = np.flatnonzero(np.diff(question.drawn[order], prepend=-1))
        return cls(
            relevance=question.relevance,
            drawn=question.drawn,
            places=places,
            starts=starts,
            scores=tuple(empty_scores(n_tracks, ks) for _ in range(n_measures)),
            by_place=np.zeros((n_measures, n_metrics, n_tracks)),
            by_artist=np.zeros((n_measures, n_metrics, starts.size)),
            products=np.zeros((n_metrics, n_measures, n_measures)),
        )

    def enter(self, query: int, orders: Sequence[Indices]) -> None:
        """Add one query, ranked by every measure."""
        is_candidate, is_relevant = self.relevance.masks(query)
        asks = bool(is_relevant.any())
        for row, order in enumerate(orders):
            candidates = order[is_candidate[order]]
            hits = enter_scores(self.scores[row], query, candidates, is_relevant, self.relevance)
            if asks:
                self._enter_influences(row, candidates, hits)
        if asks:
            sums = np.add.reduceat(self.by_place, self.starts, axis=2)
            # What is drawn together with the query gains weight as the query does: their ratio stays.
            sums[:, :, self.drawn[query]] = 0.0
            self.by_artist[...] += sums
            by_metric = sums.swapaxes(0, 1)
            self.products[...] += by_metric @ by_metric.swapaxes(1, 2)

    def _enter_influences(self, row: int, candidates: Indices, hits: Hits) -> None:
        # Every query has its own candidates, so those of the last one are wiped out.
        self.by_place[row] = 0.0
        self.by_place[row][:, self.places[candidates]] = candidate_influences(hits, self.scores[row].ks)
