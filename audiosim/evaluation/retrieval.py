"""How well a distance matrix finds tracks with the query's label, or one known other track.

A query's candidates are all other tracks but, under the artist filter, those of its artist. A candidate is
relevant if it has the query's label. A track with unknown label (None) is neither query nor candidate, since
nobody can say whether it would be right. Queries without any relevant candidate are left out and counted.
"""

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.ranking import (
    Distances,
    label_codes,
    ordered,
    rankings,
    validate_distances,
    validate_k,
)

Labels = Sequence[Hashable | None]
Artists = Sequence[str | None] | None
Scores = npt.NDArray[np.float64]


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
    """All retrieval scores of one matrix; the scores besides precision are over full rankings."""

    precision: tuple[PrecisionAtK, ...]
    mean_average_precision: float
    mean_reciprocal_rank: float
    hit_at_1: float
    mean_first_rank: float  # of the nearest relevant candidate, from 1
    n_queries: int
    n_left_out: int


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rankings as hits and misses. Row q of `relevant` counts up to `n_candidates[q]` and is False beyond."""

    relevant: npt.NDArray[np.bool_]  # (n_tracks, n_tracks)
    n_candidates: npt.NDArray[np.int64]  # (n_tracks,)
    labels: npt.NDArray[np.int64]  # (n_tracks,)

    @property
    def n_relevant(self) -> npt.NDArray[np.int64]:
        return self.relevant.sum(axis=1)

    def scores(self, values: Scores) -> Scores:
        """Put NaN for the tracks that are left out as queries."""
        return np.where(self.n_relevant > 0, values, np.nan)


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
    validate_k(k)
    return _precisions(_judge(distances, labels, artists, seed), k)


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
    validate_k(k)
    judged = _judge(distances, labels, artists, seed)
    _warn_if_empty(judged)
    return _precision_at_k(judged, k)


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
    return _average_precisions(_judge(distances, labels, artists, seed))


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
    return _first_ranks(_judge(distances, labels, artists, seed))


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
    for k in ks:
        validate_k(k)
    judged = _judge(distances, labels, artists, seed)
    _warn_if_empty(judged)
    ranks = _first_ranks(judged)
    n_queries = int(np.count_nonzero(judged.n_relevant))
    return Retrieval(
        precision=tuple(_precision_at_k(judged, k) for k in ks),
        mean_average_precision=_mean(_average_precisions(judged)),
        mean_reciprocal_rank=_mean(1.0 / ranks),
        hit_at_1=_mean(np.where(np.isnan(ranks), np.nan, ranks == 1)),
        mean_first_rank=_mean(ranks),
        n_queries=n_queries,
        n_left_out=len(ranks) - n_queries,
    )


def _judge(distances: Distances, labels: Labels, artists: Artists, seed: int) -> _Judged:
    """Rank the labelled candidates of every track once, and mark the relevant ones."""
    validate_distances(distances)
    n_tracks = len(distances)
    codes = label_codes(labels, n_tracks=n_tracks)
    relevant = np.zeros((n_tracks, n_tracks), dtype=np.bool_)
    n_candidates = np.zeros(n_tracks, dtype=np.int64)
    for query, ranking in enumerate(rankings(distances, artists=artists, seed=seed)):
        if codes[query] < 0:
            continue
        found = codes[ranking]
        found = found[found >= 0]
        n_candidates[query] = found.size
        relevant[query, : found.size] = found == codes[query]
    return _Judged(relevant, n_candidates, codes)


def _precisions(judged: _Judged, k: int) -> Scores:
    hits = judged.relevant[:, :k].sum(axis=1)
    return judged.scores(hits / np.maximum(np.minimum(judged.n_candidates, k), 1))


def _precision_at_k(judged: _Judged, k: int) -> PrecisionAtK:
    precisions = _precisions(judged, k)
    chances = judged.scores(judged.n_relevant / np.maximum(judged.n_candidates, 1))
    is_query = judged.n_relevant > 0
    n_queries = int(np.count_nonzero(is_query))
    return PrecisionAtK(
        k=k,
        micro=_mean(precisions),
        macro=_mean_over_labels(precisions, judged.labels),
        chance_micro=_mean(chances),
        chance_macro=_mean_over_labels(chances, judged.labels),
        n_queries=n_queries,
        n_left_out=len(is_query) - n_queries,
        n_short=int(np.count_nonzero(is_query & (judged.n_candidates < k))),
    )


def _average_precisions(judged: _Judged) -> Scores:
    result = np.full(len(judged.labels), np.nan)
    for query in np.flatnonzero(judged.n_relevant):
        ranks = 1 + np.flatnonzero(judged.relevant[query])
        result[query] = np.mean(np.arange(1, ranks.size + 1) / ranks)
    return result


def _first_ranks(judged: _Judged) -> Scores:
    if len(judged.labels) == 0:
        return np.empty(0, dtype=np.float64)
    return judged.scores(1.0 + judged.relevant.argmax(axis=1))


def _mean(scores: Scores) -> float:
    """Mean over the queries that count; NaN if none does."""
    counted = scores[~np.isnan(scores)]
    return float(counted.mean()) if counted.size else float("nan")


def _mean_over_labels(scores: Scores, labels: npt.NDArray[np.int64]) -> float:
    """Mean over labels of the mean over their queries; labels none of whose tracks counts are left out."""
    means = [_mean(scores[labels == label]) for label in np.unique(labels[labels >= 0])]
    return _mean(np.array(means, dtype=np.float64))


def _warn_if_empty(judged: _Judged) -> None:
    if not judged.relevant.any():
        warnings.warn(
            f"none of {len(judged.labels)} tracks has a candidate with its label; retrieval scores are NaN",
            stacklevel=3,
        )


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
