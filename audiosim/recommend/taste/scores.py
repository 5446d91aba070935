"""How good predicted ratings are, beside those of a model that says the mean of every track."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Name = TypeVar("Name", str, tuple[str, ...])

_N_DRAWS = 2_000
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class TasteScores:
    """Scores of predictions; NaN where a score is undefined.

    `r2` is 1 - squared error / squared error of the mean of what was learned from, `mae` the mean absolute error in
    points, `spearman` the correlation of ranks, `pairwise` how often the better rated of two tracks is predicted to be
    (of likes: the area under the ROC curve). `accuracy` is of likes at a probability of 1/2, and None
    of ratings.
    """

    r2: float
    mae: float
    spearman: float
    pairwise: float
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Gain:
    """How much smaller an error is than that of the mean, in the unit of the error, with its 95 % interval."""

    value: float
    low: float
    high: float


def score_ratings(predicted: FloatArray, ratings: FloatArray, *, means: FloatArray, is_binary: bool) -> TasteScores:
    """Score predictions of tracks that were left out.

    Parameters
    ----------
    predicted, ratings : (n_tracks,) float64
    means : (n_tracks,) float64
        Mean rating of what was learned from when the track was left out.
    is_binary : bool
        Whether ratings are likes.

    Returns
    -------
    TasteScores

    Notes
    -----
    O(n log n) time a level of ratings. Equal predictions of differently rated tracks count half.

    Examples
    --------
    >>> score_ratings(np.array([2.0, 3.0, 5.0]), np.array([1.0, 4.0, 4.0]), means=np.full(3, 3.0), is_binary=False)
    TasteScores(r2=0.5, mae=1.0, spearman=0.8660254037844387, pairwise=1.0, accuracy=None)
    """
    error, of_mean = ((predicted - ratings) ** 2).sum(), ((means - ratings) ** 2).sum()
    # Means differ between folds, and their order says which fold it was, nothing of the tracks.
    says_nothing = bool(np.array_equal(predicted, means))
    return TasteScores(
        r2=float(1.0 - error / of_mean) if of_mean > 0.0 else float("nan"),
        mae=float(np.abs(predicted - ratings).mean()),
        spearman=0.0 if says_nothing else _correlation(_ranks(predicted), _ranks(ratings)),
        pairwise=0.5 if says_nothing else _concordance(predicted, ratings),
        accuracy=float(((predicted >= 0.5) == (ratings > 0.5)).mean()) if is_binary else None,
    )


def mean_scores(scores: Sequence[TasteScores]) -> TasteScores:
    """Scores, averaged over several ways to deal the folds."""
    columns = zip(*(astuple(score) for score in scores), strict=True)
    return TasteScores(*(None if None in column else float(np.mean(column)) for column in columns))  # pyright: ignore[reportArgumentType] - only the last can be None


def gain_intervals(gains: Mapping[Name, FloatArray], groups: IntArray, *, seed: int) -> dict[Name, Gain]:
    """Means of gains and their 95 % intervals over draws of artists with replacement, the same for all.

    Examples
    --------
    >>> gain_intervals({"ridge": np.full(6, 0.5)}, np.arange(6), seed=0)
    {'ridge': Gain(value=0.5, low=0.5, high=0.5)}
    """
    numbers = np.unique(groups, return_inverse=True)[1]
    times = artist_draws(int(numbers.max()) + 1, n_draws=_N_DRAWS, seed=seed)
    weights = times @ np.bincount(numbers)
    found: dict[Name, Gain] = {}
    for name, values in gains.items():
        low, high = np.percentile((times @ np.bincount(numbers, values)) / weights, _INTERVAL)
        found[name] = Gain(float(values.mean()), float(low), float(high))
    return found


def share_interval(errors: FloatArray, of_mean: FloatArray, groups: IntArray, *, seed: int) -> Gain:
    """R2, 1 - sum of errors / sum of those of the mean, and its 95 % interval over draws of artists with replacement.

    Examples
    --------
    >>> share_interval(np.full(6, 1.0), np.full(6, 4.0), np.arange(6), seed=0)
    Gain(value=0.75, low=0.75, high=0.75)
    """
    numbers = np.unique(groups, return_inverse=True)[1]
    times = artist_draws(int(numbers.max()) + 1, n_draws=_N_DRAWS, seed=seed)
    below = times @ np.bincount(numbers, of_mean)
    ratios = 1.0 - (times @ np.bincount(numbers, errors)) / np.where(below > 0.0, below, np.nan)
    low, high = np.nanpercentile(ratios, _INTERVAL)
    return Gain(float(1.0 - errors.sum() / of_mean.sum()), float(low), float(high))


def artist_draws(n_artists: int, *, n_draws: int, seed: int) -> IntArray:
    """How often each artist is drawn, with replacement, in so many draws of as many artists: (n_draws, n_artists)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_artists, np.full(n_artists, 1.0 / n_artists), size=n_draws)


def rank_correlation(a: FloatArray, b: FloatArray) -> float:
    """Spearman's correlation; NaN where either does not vary."""
    return _correlation(_ranks(a), _ranks(b))


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks from 0; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2.0)[inverse]


def _correlation(a: FloatArray, b: FloatArray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0.0 else float("nan")


def _concordance(predicted: FloatArray, ratings: FloatArray) -> float:
    """Of pairs with different ratings, the share that is predicted in their order; ties count half."""
    levels = np.unique(ratings)
    right = n_pairs = 0.0
    for level in levels[:-1]:
        lower, higher = np.sort(predicted[ratings == level]), predicted[ratings > level]
        below = np.searchsorted(lower, higher, side="left") + np.searchsorted(lower, higher, side="right")
        right += float(below.sum()) / 2.0
        n_pairs += float(len(lower) * len(higher))
    return right / n_pairs if n_pairs else float("nan")
