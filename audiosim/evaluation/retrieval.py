"""How well a distance matrix finds tracks with the query's label, or one known other track.

A query's candidates are all other tracks but, under the artist filter, those of its artist. A candidate is
relevant if it has the query's label. A track with unknown label (None) is neither query nor candidate, since
nobody can say whether it would be right. Queries without any relevant candidate are left out and counted.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.auc import pair_auc
from audiosim.evaluation.query_scores import QueryScores, Scores, score_queries
from audiosim.evaluation.ranking import Distances, ordered, validate_distances, validate_k
from audiosim.evaluation.relevance import Artists, Labels, Relevance, relevance_of_labels


@dataclass(frozen=True, slots=True)
class PrecisionAtK:
    """Precision of the k nearest, beside what drawing at random would give."""

    k: int
    micro: float  # mean over queries
    macro: float  # mean over labels of the mean over the label's queries
    chance_micro: float  # mean over queries of n_relevant / n_candidates
    chance_macro: float
    n_queries: int
    n_left_out: int  # tracks without label, or without any relevant candidate
    n_short: int  # queries with fewer than k candidates, whose precision is over those that remain


@dataclass(frozen=True, slots=True)
class Retrieval:
    """All retrieval scores of one matrix; those besides precision and the votes are over full rankings."""

    precision: tuple[PrecisionAtK, ...]
    mean_average_precision: float
    mean_reciprocal_rank: float
    hit_at_1: float
    mean_first_rank: float  # of the nearest relevant candidate, from 1
    pair_auc: float  # probability that a pair that belongs together is nearer than one that does not
    knn_accuracy: float  # share of queries whose label most of the 5 nearest have; NaN with pairs
    n_queries: int
    n_left_out: int


def precisions_at_k(
    distances: Distances, labels: Labels, *, artists: Artists = None, k: int = 10, seed: int = 0
) -> Scores:
    """Share of each query's k nearest candidates that have its label.

    Parameters
    ----------
    distances : (n_tracks, n_tracks) floating
        See `validate_distances`.
    labels : sequence of n_tracks hashable or None
        None is unknown.
    artists : sequence of n_tracks str or None, or None
        The artist filter; None in the sequence is unknown, thus an artist of its own.
    k : int
        Where fewer candidates remain, the share is over those that remain: it stays comparable with chance,
        and 1 stays within reach.
    seed : int
        Of the order among ties.

    Returns
    -------
    (n_tracks,) float64
        0 to 1; NaN for tracks that are left out.

    Raises
    ------
    ValueError
        If the matrix, the labels, the artists or k are not as above.

    Notes
    -----
    O(n_tracks**2 log n_tracks) time, n_tracks**2 bytes.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> precisions_at_k(line, ["a", "a", "b"], k=2).tolist()
    [0.5, 0.5, nan]
    """
    return _scored(distances, labels, artists, ks=[k], seed=seed)[0].metric(f"P@{k}")


def precision_at_k(
    distances: Distances, labels: Labels, *, artists: Artists = None, k: int = 10, seed: int = 0
) -> PrecisionAtK:
    """Mean of `precisions_at_k`, with the chance level and the counts; parameters as there.

    Returns
    -------
    PrecisionAtK
        With NaN scores, and a warning, if no query has a relevant candidate.

    Raises
    ------
    ValueError
        If the matrix, the labels, the artists or k are not as in `precisions_at_k`.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> result = precision_at_k(line, ["a", "a", "b"], k=1)
    >>> result.micro, result.chance_micro, result.n_left_out
    (1.0, 0.5, 1)
    """
    scores, relevance = _scored(distances, labels, artists, ks=[k], seed=seed)
    warn_if_empty(scores)
    return _precision_at_k(scores, relevance.labels, k)


def average_precisions(distances: Distances, labels: Labels, *, artists: Artists = None, seed: int = 0) -> Scores:
    """Average precision of each query over its full ranking; parameters as in `precisions_at_k`.

    Returns
    -------
    (n_tracks,) float64
        Mean, over the relevant candidates, of the precision down to their rank; NaN for tracks left out.

    Raises
    ------
    ValueError
        If the matrix, the labels or the artists are not as in `precisions_at_k`.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> average_precisions(line, ["a", "b", "a"]).tolist()
    [0.5, nan, 0.5]
    """
    return _scored(distances, labels, artists, seed=seed)[0].metric("MAP")


def first_relevant_ranks(distances: Distances, labels: Labels, *, artists: Artists = None, seed: int = 0) -> Scores:
    """Rank of each query's nearest relevant candidate; parameters as in `precisions_at_k`.

    Returns
    -------
    (n_tracks,) float64
        From 1; NaN for tracks left out. The mean of the inverse is MRR, the share of ones Hit@1.

    Raises
    ------
    ValueError
        If the matrix, the labels or the artists are not as in `precisions_at_k`.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> first_relevant_ranks(line, ["a", "b", "a"]).tolist()
    [2.0, nan, 2.0]
    """
    return _scored(distances, labels, artists, seed=seed)[0].first_ranks


def reciprocal_ranks(
    distances: Distances,
    queries: Sequence[int] | npt.NDArray[np.integer],
    targets: Sequence[int] | npt.NDArray[np.integer],
    *,
    candidates: Sequence[int] | npt.NDArray[np.integer] | None = None,
    seed: int = 0,
) -> Scores:
    """Inverse rank of one known target a query, such as the other excerpt of the same recording.

    Parameters
    ----------
    distances : (n_tracks, n_tracks) floating
        See `validate_distances`.
    queries, targets : (n_queries,) int
        Rows of the matrix: target i is what query i should find.
    candidates : (n_candidates,) int, or None
        The tracks that are ranked, without repeats, all targets among them; None: all. A query is never its
        own candidate.
    seed : int
        Of the order among ties.

    Returns
    -------
    (n_queries,) float64
        Over 0 to 1; 1 where the target is the nearest. Its mean is MRR, the share of ones Hit@1.

    Raises
    ------
    ValueError
        If the indices are out of range, repeated among candidates, a target is missing among them, or is its
        own query.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> reciprocal_ranks(line, [0, 1], [2, 0]).tolist()
    [0.5, 1.0]
    """
    validate_distances(distances)
    n_tracks = len(distances)
    asked = _track_indices(queries, "queries", n_tracks)
    wanted = _track_indices(targets, "targets", n_tracks)
    ranked = np.arange(n_tracks) if candidates is None else _track_indices(candidates, "candidates", n_tracks)
    _validate_search(asked, wanted, ranked)
    rng = np.random.default_rng(seed)
    result = np.empty(asked.size, dtype=np.float64)
    for i, (query, target) in enumerate(zip(asked, wanted, strict=True)):
        others = ranked[ranked != query]
        ranking = others[ordered(distances[query, others], rng=rng)]
        result[i] = 1.0 / (1 + int(np.flatnonzero(ranking == target)[0]))
    return result


def evaluate(
    distances: Distances,
    labels: Labels,
    *,
    artists: Artists = None,
    ks: Sequence[int] = (1, 5, 10, 20),
    seed: int = 0,
) -> Retrieval:
    """All retrieval scores at once, from one ranking; parameters as in `precisions_at_k`.

    Returns
    -------
    Retrieval
        With NaN scores, and a warning, if no query has a relevant candidate.

    Raises
    ------
    ValueError
        If the matrix, the labels, the artists or one of `ks` are not as in `precisions_at_k`.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> evaluate(line, ["a", "b", "a"], ks=[1]).mean_reciprocal_rank
    0.5
    """
    scores, relevance = _scored(distances, labels, artists, ks=ks, seed=seed)
    warn_if_empty(scores)
    return summarize(scores, relevance, distances)


def summarize(scores: QueryScores, relevance: Relevance, distances: Distances) -> Retrieval:
    """Means of the scores of all queries, with what only the matrix itself can tell.

    Parameters
    ----------
    scores : QueryScores
        Of one measure.
    relevance : Relevance
        By which they were scored.
    distances : (n_tracks, n_tracks) floating
        The matrix that was scored.

    Returns
    -------
    Retrieval
        NaN if there is no query.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> relevance = relevance_of_labels(["a", "b", "a"], n_tracks=3)
    >>> summarize(score_queries(line, relevance, ks=[1]), relevance, line).mean_first_rank
    2.0
    """
    labels = relevance.labels if relevance.partners is None else None
    n_queries = int(np.count_nonzero(scores.is_query))
    return Retrieval(
        precision=tuple(_precision_at_k(scores, labels, k) for k in scores.ks),
        mean_average_precision=mean_score(scores.metric("MAP")),
        mean_reciprocal_rank=mean_score(scores.metric("MRR")),
        hit_at_1=mean_score(scores.metric("Hit@1")),
        mean_first_rank=mean_score(scores.first_ranks),
        pair_auc=pair_auc(distances, relevance),
        knn_accuracy=mean_score(scores.votes),
        n_queries=n_queries,
        n_left_out=len(scores.values) - n_queries,
    )


def warn_if_empty(scores: QueryScores) -> None:
    """Warn the caller's caller if no track is a query."""
    if not scores.is_query.any():
        warnings.warn(
            f"none of {len(scores.values)} tracks has a relevant candidate; retrieval scores are NaN", stacklevel=3
        )


def _scored(
    distances: Distances, labels: Labels, artists: Artists, *, ks: Sequence[int] = (), seed: int
) -> tuple[QueryScores, Relevance]:
    for k in ks:
        validate_k(k)
    validate_distances(distances)
    relevance = relevance_of_labels(labels, artists=artists, n_tracks=len(distances))
    return score_queries(distances, relevance, ks=ks, seed=seed), relevance


def _precision_at_k(scores: QueryScores, labels: npt.NDArray[np.int64] | None, k: int) -> PrecisionAtK:
    precisions = scores.metric(f"P@{k}")
    chances = np.where(scores.is_query, scores.n_relevant / np.maximum(scores.n_candidates, 1), np.nan)
    n_queries = int(np.count_nonzero(scores.is_query))
    return PrecisionAtK(
        k=k,
        micro=mean_score(precisions),
        macro=_mean_over_labels(precisions, labels),
        chance_micro=mean_score(chances),
        chance_macro=_mean_over_labels(chances, labels),
        n_queries=n_queries,
        n_left_out=len(precisions) - n_queries,
        n_short=int(np.count_nonzero(scores.is_query & (scores.n_candidates < k))),
    )


def mean_score(scores: Scores) -> float:
    """Mean over the queries that count; NaN if none does."""
    counted = scores[~np.isnan(scores)]
    return float(counted.mean()) if counted.size else float("nan")


def _mean_over_labels(scores: Scores, labels: npt.NDArray[np.int64] | None) -> float:
    """Mean over labels of the mean over their queries; labels none of whose tracks counts are left out."""
    if labels is None:
        return float("nan")
    means = [mean_score(scores[labels == label]) for label in np.unique(labels[labels >= 0])]
    return mean_score(np.array(means, dtype=np.float64))


def _track_indices(values: Sequence[int] | npt.NDArray[np.integer], name: str, n_tracks: int) -> npt.NDArray[np.intp]:
    indices = np.asarray(values, dtype=np.intp)
    if indices.ndim != 1:
        raise ValueError(f"{name} must have shape (n,), got {indices.shape}")
    if indices.size and not (indices.min() >= 0 and indices.max() < n_tracks):
        raise ValueError(f"{name} must lie in 0 .. {n_tracks - 1}, got {indices.min()} .. {indices.max()}")
    return indices


def _validate_search(
    queries: npt.NDArray[np.intp], targets: npt.NDArray[np.intp], candidates: npt.NDArray[np.intp]
) -> None:
    if queries.size != targets.size:
        raise ValueError(f"there must be one target a query, got {targets.size} for {queries.size}")
    n_repeated = candidates.size - np.unique(candidates).size
    if n_repeated:
        raise ValueError(f"candidates must not repeat, got {n_repeated} repeats")
    n_missing = int(np.count_nonzero(~np.isin(targets, candidates)))
    if n_missing:
        raise ValueError(f"every target must be among the candidates, {n_missing} are not")
    n_same = int(np.count_nonzero(queries == targets))
    if n_same:
        raise ValueError(f"a target must differ from its query, {n_same} do not")
    if queries.size == 0:
        warnings.warn("there are no queries; the result is empty", stacklevel=3)
