"""What each candidate contributes to the scores of the queries that rank it.

Tracks are queries and candidates at once. A library drawn anew has other candidates too, so the mean score varies by
more than the scores of its queries say: intervals from queries alone covered the truth in 68 to 93 % of simulated
libraries where they claim 95 % (`benchmarks/bench_coverage.py`). Here the score of a query is seen as a function of
weights of its candidates, all 1, and differentiated.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.query_scores import Hits, Scores

# The least number of places behind a list that say what would move up; one place alone is a coin.
_BOUNDARY_PLACES = 5


def candidate_influences(hits: Hits, ks: Sequence[int]) -> Scores:
    """Differentiate the scores of one query by the weight of each candidate.

    Parameters
    ----------
    hits : (n_candidates,) bool
        Whether each candidate is relevant, nearest first; at least one is.
    ks : sequence of int
        List lengths.

    Returns
    -------
    (n_metrics, n_candidates) float64
        In the order of `metric_names` and of the ranking: by how much the score rises, to first order, if a candidate
        were there once more. A candidate that joins a list pushes out what stands at its end, whose relevance is
        the share of hits in the places behind the list.

    Notes
    -----
    O(n_candidates) time for each metric.

    References
    ----------
    Efron (1982), "The jackknife, the bootstrap and other resampling plans", SIAM, chapter 6.

    Examples
    --------
    >>> candidate_influences(np.array([True, False, False]), [1])[:, 0].round(3).tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    ranks = 1 + np.flatnonzero(hits)
    n_hits = np.r_[0, np.cumsum(hits)]
    result = np.zeros((len(ks) + 3, hits.size), dtype=np.float64)
    # Hit@1, the last row, is the precision of the nearest alone.
    for row, k in ((len(ks) + 2, 1), *enumerate(ks)):
        result[row, :k] = (hits[:k] - _moving_up(n_hits, k)) / min(k, hits.size)
    result[-3] = _of_average_precision(ranks, n_hits)
    result[-2, : ranks[0]] = _of_reciprocal_rank(ranks)
    return result


def _moving_up(n_hits: npt.NDArray[np.int64], k: int) -> float:
    """Share of hits in the places behind a list of k; `n_hits` is counted down to each place, from 0 on."""
    n_candidates = n_hits.size - 1
    if k >= n_candidates:
        # With nothing behind it, a list grows or shrinks about its own mean.
        return float(n_hits[-1]) / n_candidates
    end = min(k + max(k // 2, _BOUNDARY_PLACES), n_candidates)
    return float(n_hits[end] - n_hits[k]) / (end - k)


def _of_average_precision(ranks: npt.NDArray[np.intp], n_hits: npt.NDArray[np.int64]) -> Scores:
    """Each candidate counts where it stands, if it is relevant, and in the precision down to every hit below."""
    precisions = np.arange(1, ranks.size + 1) / ranks
    # Of the hits from each place on: sums of 1 / rank, and of precision / rank.
    inverse, shares = (np.r_[np.cumsum(terms[::-1])[::-1], 0.0] for terms in (1.0 / ranks, precisions / ranks))
    result = -shares[n_hits[:-1]]
    result[ranks - 1] += inverse[:-1] + precisions - precisions.mean()
    return result / ranks.size


def _of_reciprocal_rank(ranks: npt.NDArray[np.intp]) -> Scores:
    """Whatever stands before the first hit puts it off by one place; without it the second would be the first."""
    result = np.full(ranks[0], -1.0 / ranks[0] ** 2)
    # Without a second hit the query would be left out, and says nothing.
    result[-1] = 1.0 / ranks[0] - 1.0 / (ranks[1] - 1) if ranks.size > 1 else 0.0
    return result
