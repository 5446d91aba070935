"""Intervals of mean scores: artists are drawn with replacement, and all their tracks with them.

Tracks of one artist sound alike, so tracks drawn one by one would give intervals that are too narrow. They are still
too narrow if the tracks drawn count as queries only: a library drawn anew also has other candidates. So each artist's
weight as candidates is drawn together with its weight as queries, by their `CandidateInfluence`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

Scores = npt.NDArray[np.float64]

# Weights of so many draws at once: 256 draws of 5000 artists are 10 MB.
_DRAWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its interval; NaN where it is undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class CandidateInfluence:
    """How far mean scores rest on single artists as candidates. Columns as those of the scores."""

    by_artist: Scores  # (n_artists, n_metrics) sums over queries of `candidate_influences`, as `drawn_together` numbers
    repeated: Scores  # (n_metrics,) sums over queries and artists of their squares


def drawn_together(artists: Sequence[Hashable | None] | None, *, n_tracks: int) -> npt.NDArray[np.int64]:
    """Number what is drawn as one.

    Parameters
    ----------
    artists : sequence of n_tracks hashable or None, or None
        Tracks of one artist are drawn together, those of unknown artist (None) one by one; None in place of it: all
        are.
    n_tracks : int
        How many artists there must be.

    Returns
    -------
    (n_tracks,) int64
        From 0, without gaps, in order of first appearance.

    Raises
    ------
    ValueError
        If there is not one artist a track.

    Examples
    --------
    >>> drawn_together(["Ann", None, "Bob", None, "Ann"], n_tracks=5).tolist()
    [0, 1, 2, 3, 0]
    """
    if artists is None:
        return np.arange(n_tracks, dtype=np.int64)
    if len(artists) != n_tracks:
        raise ValueError(f"there must be one artist a track ({n_tracks}, None where unknown), got {len(artists)}")
    codes: dict[tuple[bool, Hashable], int] = {}
    keys = [(artist is None, i if artist is None else artist) for i, artist in enumerate(artists)]
    return np.array([codes.setdefault(key, len(codes)) for key in keys], dtype=np.int64)


def bootstrap_means(
    scores: Scores,
    artists: Sequence[Hashable | None] | None = None,
    *,
    influence: CandidateInfluence | None = None,
    n_draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """Means over queries, with the interval in which those of other libraries of the same kind would lie.

    Parameters
    ----------
    scores : (n_tracks, n_metrics) float64
        Of every query; NaN where the track is none.
    artists : sequence of n_tracks hashable or None, or None
        What is drawn together, see `drawn_together`.
    influence : CandidateInfluence or None
        Of the same scores. None: the candidates are taken as given, and the interval says what other queries among
        the same candidates would score.
    n_draws : int
        0 leaves the intervals out.
    seed : int
        Of the draws, which are the same for all metrics.
    level : float
        Share of intervals that should contain the mean of the population, over 0 and under 1.

    Returns
    -------
    tuple of Estimate
        One for each metric. NaN without queries; no interval, but the mean, with fewer than two artists.

    Raises
    ------
    ValueError
        If shapes do not fit, n_draws is negative or level not between 0 and 1.

    Notes
    -----
    Percentiles of the ratio of weighted scores to weighted queries. Two corrections, both measured in simulation:
    the quantiles are those at which a Student interval of as many artists would end [1]_, and the spread is freed of
    what an influence of one track on another repeats, once in the query's score and once as the candidate's
    (compare [2]_). Scores that are all equal have an interval of width 0, which proves nothing: ten hits of ten are no
    perfection. O(n_draws * n_artists * n_metrics) time, O(n_draws * n_metrics) memory.

    References
    ----------
    .. [1] Hesterberg (2015), "What teachers should know about the bootstrap", The American Statistician 69, 371-386.
    .. [2] Aronow, Samii, Assenova (2015), "Cluster-robust variance estimation for dyadic data", Political Analysis
       23, 564-577.

    Examples
    --------
    >>> scores = np.array([[1.0], [0.0], [np.nan], [1.0]])
    >>> [estimate] = bootstrap_means(scores, ["Ann", "Bob", "Bob", "Cid"])
    >>> round(estimate.value, 3), estimate.low, estimate.high
    (0.667, 0.0, 1.0)
    """
    _validate(scores, n_draws, level)
    codes = drawn_together(artists, n_tracks=len(scores))
    n_artists = int(codes.max()) + 1 if codes.size else 0
    is_query = ~np.isnan(scores)
    sums, counts = (_summed(codes, values, n_artists) for values in (np.where(is_query, scores, 0.0), is_query))
    n_queries = counts.sum(axis=0)
    means = np.divide(sums.sum(axis=0), n_queries, out=np.full(scores.shape[1], np.nan), where=n_queries > 0)
    candidates, repeated = _scaled(influence, n_queries, shape=sums.shape)
    if n_draws == 0 or n_artists < 2:
        return tuple(Estimate(float(mean), float("nan"), float("nan")) for mean in means)
    draws = _draws(sums, counts, candidates, n_draws=n_draws, seed=seed)
    own = (sums - means * counts) / np.maximum(n_queries, 1)
    draws = means + (draws - means) * _spread_correction(own, candidates, repeated)
    if influence is not None:
        draws = np.clip(draws, *_bounds(scores))
    return tuple(_estimate(float(mean), draws[:, i], counts[:, i], level=level) for i, mean in enumerate(means))


def bootstrap_differences(
    first: Scores,
    second: Scores,
    artists: Sequence[Hashable | None] | None = None,
    *,
    influence: CandidateInfluence | None = None,
    n_draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """Mean differences of two measures over the queries that both answer, paired query by query.

    Parameters
    ----------
    first, second : (n_tracks, n_metrics) float64
        Scores of the same tracks; NaN where the track is no query.
    artists, n_draws, seed, level
        As in `bootstrap_means`.
    influence : CandidateInfluence or None
        Of the differences.

    Returns
    -------
    tuple of Estimate
        first - second, one for each metric; all 0 where both are equal.

    Raises
    ------
    ValueError
        If shapes do not fit, n_draws is negative or level not between 0 and 1.

    Examples
    --------
    >>> scores = np.array([[1.0], [0.0], [1.0]])
    >>> bootstrap_differences(scores, scores)
    (Estimate(value=0.0, low=0.0, high=0.0),)
    """
    if first.shape != second.shape:
        raise ValueError(f"scores must be of the same tracks and metrics, got {first.shape} and {second.shape}")
    return bootstrap_means(first - second, artists, influence=influence, n_draws=n_draws, seed=seed, level=level)


def _validate(scores: Scores, n_draws: int, level: float) -> None:
    if scores.ndim != 2:
        raise ValueError(f"scores must have shape (n_tracks, n_metrics), got {scores.shape}")
    if n_draws < 0:
        raise ValueError(f"n_draws must not be negative, got {n_draws}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")


def _bounds(scores: Scores) -> tuple[Scores, Scores]:
    """Where means can lie: scores are over 0 to 1, differences over -1 to 1. Draws of queries alone stay there."""
    lowest = np.where(np.nanmin(scores, axis=0, initial=0.0) < 0, -1.0, 0.0)
    return lowest, np.ones_like(lowest)


def _summed(codes: npt.NDArray[np.int64], values: npt.NDArray[np.generic], n_artists: int) -> Scores:
    result = np.zeros((n_artists, values.shape[1]), dtype=np.float64)
    np.add.at(result, codes, values)
    return result


def _scaled(
    influence: CandidateInfluence | None, n_queries: npt.NDArray[np.floating], *, shape: tuple[int, ...]
) -> tuple[Scores, Scores]:
    """Influences on the mean instead of on the sum over queries, about their own mean."""
    if influence is None:
        return np.zeros(shape), np.zeros(shape[1])
    if influence.by_artist.shape != shape or influence.repeated.shape != shape[1:]:
        raise ValueError(
            f"influence must be by {shape[0]} artists and {shape[1]} metrics, got {influence.by_artist.shape} "
            f"and {influence.repeated.shape}"
        )
    n = np.maximum(n_queries, 1)
    return (influence.by_artist - influence.by_artist.mean(axis=0)) / n, influence.repeated / n**2


def _draws(sums: Scores, counts: Scores, candidates: Scores, *, n_draws: int, seed: int) -> Scores:
    """Means of all draws; NaN where no query is drawn."""
    n_artists = len(sums)
    rng = np.random.default_rng(seed)
    result = np.empty((n_draws, sums.shape[1]), dtype=np.float64)
    different_counts, column_of = np.unique(counts, axis=1, return_inverse=True)
    for start in range(0, n_draws, _DRAWS_AT_ONCE):
        rows = result[start : start + _DRAWS_AT_ONCE]
        drawn = rng.integers(n_artists, size=(len(rows), n_artists)) + n_artists * np.arange(len(rows))[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows.shape[0] * n_artists).reshape(len(rows), n_artists)
        weights = weights.astype(np.float64)
        n_queries = (weights @ different_counts)[:, column_of]
        np.divide(weights @ sums, n_queries, out=rows, where=n_queries > 0)
        rows[n_queries == 0] = np.nan
        rows += (weights - 1.0) @ candidates
    return result


def _spread_correction(own: Scores, candidates: Scores, repeated: Scores) -> Scores:
    """By what the spread of draws exceeds that of means, for each metric; never below that of the queries alone."""
    drawn = ((own + candidates) ** 2).sum(axis=0)
    wanted = np.maximum(drawn - repeated, np.minimum(drawn, (own**2).sum(axis=0)))
    return np.sqrt(np.divide(wanted, drawn, out=np.ones_like(drawn), where=drawn > 0))


def _estimate(mean: float, draws: Scores, counts: Scores, *, level: float) -> Estimate:
    draws = draws[~np.isnan(draws)]
    # Artists of unequal size tell as little as so many of equal size.
    n_effective = float(counts.sum() ** 2 / max((counts**2).sum(), 1.0))
    if n_effective <= 1 or draws.size == 0:
        return Estimate(mean, float("nan"), float("nan"))
    tail = scipy.stats.t.ppf((1 - level) / 2, n_effective - 1) * np.sqrt(n_effective / (n_effective - 1))
    quantiles = scipy.stats.norm.cdf([tail, -tail])
    low, high = np.quantile(draws, quantiles)
    return Estimate(mean, float(low), float(high))
