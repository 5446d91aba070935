"""How well each query is answered: one row of scores a query, from its ranking as hits and misses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.ranking import Distances, Indices, rankings
from audiosim.evaluation.relevance import Relevance

Scores = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]

# How many of the nearest vote on a label.
N_VOTES = 5


@dataclass(frozen=True, slots=True, eq=False)
class QueryScores:
    """Scores of every query by one measure; NaN for the tracks that are left out as queries."""

    ks: tuple[int, ...]
    values: Scores  # (n_tracks, n_metrics), columns as `metric_names(ks)`
    first_ranks: Scores  # (n_tracks,) of the nearest relevant candidate, from 1
    votes: Scores  # (n_tracks,) 1 where the label of most of the nearest is the query's, 0 where not; NaN with pairs
    n_relevant: npt.NDArray[np.int64]  # (n_tracks,)
    n_candidates: npt.NDArray[np.int64]  # (n_tracks,)

    @property
    def is_query(self) -> Hits:
        """Whether each track is a query."""
        return self.n_relevant > 0

    def metric(self, name: str) -> Scores:
        """One column of `values`."""
        return self.values[:, metric_names(self.ks).index(name)]


def metric_names(ks: Sequence[int]) -> tuple[str, ...]:
    """Name the scores of a query, in the order of their columns.

    Examples
    --------
    >>> metric_names([1, 5])
    ('P@1', 'P@5', 'MAP', 'MRR', 'Hit@1')
    """
    return (*(f"P@{k}" for k in ks), "MAP", "MRR", "Hit@1")


def score_hits(hits: Hits, ks: Sequence[int]) -> Scores:
    """Score one query.

    Parameters
    ----------
    hits : (n_candidates,) bool
        Whether each candidate is relevant, nearest first; at least one is.
    ks : sequence of int
        List lengths. Where fewer candidates remain, precision is over those that remain.

    Returns
    -------
    (n_metrics,) float64
        In the order of `metric_names`: precisions, average precision, inverse rank of the first hit, and whether
        the first is one.

    Examples
    --------
    >>> score_hits(np.array([False, True, True]), [1, 2]).round(3).tolist()
    [0.0, 0.5, 0.583, 0.5, 0.0]
    """
    ranks = 1 + np.flatnonzero(hits)
    return np.array(
        [
            *(np.searchsorted(ranks, k, side="right") / min(k, hits.size) for k in ks),
            np.mean(np.arange(1, ranks.size + 1) / ranks),
            1.0 / ranks[0],
            ranks[0] == 1,
        ],
        dtype=np.float64,
    )


def score_queries(distances: Distances, relevance: Relevance, *, ks: Sequence[int], seed: int = 0) -> QueryScores:
    """Score every track as a query.

    Parameters
    ----------
    distances : (n_tracks, n_tracks) floating
        Already validated.
    relevance : Relevance
        Of the same tracks.
    ks : sequence of int
        List lengths, at least 1.
    seed : int
        Of the order among ties.

    Returns
    -------
    QueryScores

    Notes
    -----
    O(n_tracks**2 log n_tracks) time, O(n_tracks) memory.

    Examples
    --------
    >>> from audiosim.evaluation.relevance import relevance_of_labels
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> score_queries(line, relevance_of_labels(["a", "b", "a"], n_tracks=3), ks=[1]).first_ranks.tolist()
    [2.0, nan, 2.0]
    """
    result = empty_scores(len(distances), ks)
    for query, ranking in enumerate(rankings(distances, seed=seed)):
        is_candidate, is_relevant = relevance.masks(query)
        enter_scores(result, query, ranking[is_candidate[ranking]], is_relevant, relevance)
    return result


def empty_scores(n_tracks: int, ks: Sequence[int]) -> QueryScores:
    """Scores in which no track is a query, to be filled by `enter_scores`."""
    return QueryScores(
        ks=tuple(ks),
        values=np.full((n_tracks, len(metric_names(ks))), np.nan),
        first_ranks=np.full(n_tracks, np.nan),
        votes=np.full(n_tracks, np.nan),
        n_relevant=np.zeros(n_tracks, dtype=np.int64),
        n_candidates=np.zeros(n_tracks, dtype=np.int64),
    )


def enter_scores(scores: QueryScores, query: int, candidates: Indices, is_relevant: Hits, relevance: Relevance) -> Hits:
    """Fill the row of one query whose candidates are ranked, and give its hits and misses."""
    hits = is_relevant[candidates]
    scores.n_candidates[query] = hits.size
    scores.n_relevant[query] = np.count_nonzero(hits)
    if scores.n_relevant[query]:
        scores.values[query] = score_hits(hits, scores.ks)
        scores.first_ranks[query] = 1 + int(hits.argmax())
        if relevance.partners is None:
            nearest = relevance.labels[candidates[:N_VOTES]]
            scores.votes[query] = _elected(nearest) == relevance.labels[query]
    return hits


def _elected(labels: npt.NDArray[np.int64]) -> int:
    """The most frequent label; of equally frequent ones that which comes first."""
    n_votes = (labels[:, None] == labels).sum(axis=1)
    return int(labels[n_votes.argmax()])
