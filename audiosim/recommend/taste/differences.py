"""How far two sets of tracks lie apart, feature by feature, with intervals over artists."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from audiosim.recommend.folds import Recall, anew
from audiosim.recommend.taste.scores import Gain, artist_draws

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_N_DRAWS, _N_DEALT = 1_000, 200
_INTERVAL = (2.5, 97.5)
_AT_ONCE = 2_000_000  # weights in memory


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Tracks of one side: `values` (n_tracks, n_features) and the artists (n_tracks,), numbered alike on both sides."""

    values: FloatArray
    artists: IntArray

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Difference:
    """How a feature lies on two sides, A and B.

    Parameters
    ----------
    name : str
    mean_a, mean_b : float
    distance : Gain
        Wasserstein's: how far values must be moved in the mean to make one side the other, in standard deviations.
    chance : float
        What the distance would be in the median if artists were dealt out to the sides at random.
    delta : Gain
        Cliff's: how much more often a value of A is above one of B than below, from -1 to 1.
    largest_gap : float
        Between the shares of both sides below any value (Kolmogorov and Smirnov), from 0 to 1.
    p_value, adjusted : float
        That the distance is no larger than chance gives, and the same corrected for the number of features (Holm); NaN
        with fewer than two artists on a side.
    """

    name: str
    mean_a: float
    mean_b: float
    distance: Gain
    chance: float
    delta: Gain
    largest_gap: float
    p_value: float
    adjusted: float


def compare_samples(
    a: Sample,
    b: Sample,
    names: Sequence[str],
    *,
    seed: int = 0,
    recall: Recall = anew,
    advance: Callable[[int], None] | None = None,
) -> tuple[Difference, ...]:
    """Compare two sets of tracks feature by feature.

    Artists are drawn with replacement, and all of their tracks on both sides with them: 1 000 times for intervals. The
    distance of two sides that are drawn anew is larger in the mean, so its interval is moved back to lie about it. What
    chance gives is seen where artists are dealt out to the sides at random.

    Parameters
    ----------
    a, b : Sample
    names : sequence of str
        Of the features.
    seed : int
    recall : Recall
        Every feature is a step.
    advance : callable, optional
        Called with 1 for every feature.

    Returns
    -------
    tuple of Difference
        The largest distance first; without features that vary on neither side.

    Notes
    -----
    O(n_tracks) time a draw and feature.

    References
    ----------
    .. [1] N. Cliff, "Dominance statistics", Psychological Bulletin 114(3), 1993.
    .. [2] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2),
       1979.

    Examples
    --------
    >>> low, high = np.arange(10.0)[:, None], np.arange(10.0)[:, None] + 20.0
    >>> (found,) = compare_samples(Sample(high, np.arange(10)), Sample(low, np.arange(10, 20)), ["tempo"])
    >>> round(found.delta.value, 3), round(found.distance.value, 1), round(found.largest_gap, 3)
    (1.0, 7.0, 1.0)
    """
    weights = _Weights(a, b, seed=seed)
    found: list[FloatArray] = []
    kept: list[str] = []
    for place, name in enumerate(names):
        one, other = a.values[:, place], b.values[:, place]
        spread = float(np.sqrt((one.var() + other.var()) / 2.0))
        if spread > 1e-12 * max(1.0, abs(float(one.mean()))):

            def compute(one: FloatArray = one, other: FloatArray = other, spread: float = spread) -> FloatArray:
                return _compare(one, other, spread, weights)

            found.append(recall(f"difference-{place}", compute))
            kept.append(name)
        if advance is not None:
            advance(1)
    p_values = np.array([row[9] for row in found])
    rows = [
        Difference(
            name,
            float(row[0]),
            float(row[1]),
            Gain(*row[2:5].tolist()),
            float(row[10]),
            Gain(*row[5:8].tolist()),
            float(row[8]),
            float(row[9]),
            float(adjusted),
        )
        for name, row, adjusted in zip(kept, found, holm(p_values), strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: -row.distance.value))


def holm(p_values: FloatArray) -> FloatArray:
    """P-values corrected for their number; NaN, of tests that could not be made, do not count.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


class _Weights:
    """How often artists count: in draws of them, and where they are dealt out to the sides anew."""

    def __init__(self, a: Sample, b: Sample, *, seed: int) -> None:
        artists, numbers = np.unique(np.r_[a.artists, b.artists], return_inverse=True)
        self.of_a, self.of_b = numbers[: len(a)], numbers[len(a) :]
        self.n_artists = min(len(np.unique(a.artists)), len(np.unique(b.artists)))
        self.drawn = artist_draws(len(artists), n_draws=_N_DRAWS, seed=seed)
        # The tracks of an artist on a side are a block.
        is_a = np.r_[np.ones(len(a), np.bool_), np.zeros(len(b), np.bool_)]
        found, blocks = np.unique(np.c_[numbers, is_a], axis=0, return_inverse=True)
        self.blocks, sides = blocks.ravel(), found[:, 1] == 1
        rng = np.random.default_rng(seed)
        self.dealt = np.stack([rng.permutation(sides) for _ in range(_N_DEALT)])

    def parts(self, n_draws: int) -> Generator[slice]:
        """Draws, so many at once as memory allows."""
        n_at_once = max(1, _AT_ONCE // len(self.blocks))
        for start in range(0, n_draws, n_at_once):
            yield slice(start, start + n_at_once)


def _compare(one: FloatArray, other: FloatArray, spread: float, weights: _Weights) -> FloatArray:
    """The figures of one feature: means, distance and delta with their intervals, largest gap, p-value, chance."""
    a, b, both = _Sorted(one), _Sorted(other), _Sorted(np.r_[one, other])
    distance, delta, gap = _apart(a.below(both, np.ones((1, len(one)))), b.below(both, np.ones((1, len(other)))), both)[
        0
    ]
    drawn = [
        _apart(
            a.below(both, weights.drawn[part][:, weights.of_a]),
            b.below(both, weights.drawn[part][:, weights.of_b]),
            both,
        )
        for part in weights.parts(len(weights.drawn))
    ]
    sides = [weights.dealt[part][:, weights.blocks] for part in weights.parts(len(weights.dealt))]
    dealt = [_apart(both.below(both, side), both.below(both, ~side), both) for side in sides]
    draws, chances = np.concatenate(drawn), np.concatenate(dealt)[:, 0]
    if weights.n_artists < 2:
        about, around, p_value = (np.nan, np.nan), (np.nan, np.nan), np.nan
    else:
        moved = draws[:, 0] - np.nanmean(draws[:, 0]) + distance
        about = np.maximum(np.nanpercentile(moved, _INTERVAL), 0.0) / spread
        around = np.nanpercentile(draws[:, 1], _INTERVAL)
        p_value = _beyond_chance(float(distance), draws[:, 0], chances, n_artists=weights.n_artists)
    figures = (distance / spread, *about, delta, *around, gap, p_value, np.nanmedian(chances) / spread)
    return np.array([one.mean(), other.mean(), *figures])


def _beyond_chance(distance: float, draws: FloatArray, chances: FloatArray, *, n_artists: int) -> float:
    """How likely a distance is so far above that of chance, in units of its own error."""
    error = max(float(np.nanstd(draws)), 1e-12)
    return float(scipy.stats.t.sf((distance - float(np.nanmean(chances))) / error, n_artists - 1))


class _Sorted:
    """Values in order, and the different ones among them."""

    def __init__(self, values: FloatArray) -> None:
        self._order = np.argsort(values, kind="stable")
        self._values = values[self._order]
        self.levels = np.unique(self._values)

    def below(self, other: "_Sorted", weights: npt.NDArray[Any]) -> FloatArray:
        """Shares of the weights (n_draws, n_values) that are of values up to each level of another.

        NaN where nothing has a weight.
        """
        sums = np.cumsum(weights[:, self._order], axis=1, dtype=np.float64)
        sums = np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)
        totals = np.where(sums[:, -1:] > 0.0, sums[:, -1:], np.nan)
        return sums[:, np.searchsorted(self._values, other.levels, side="right")] / totals


def _apart(below_a: FloatArray, below_b: FloatArray, both: _Sorted) -> FloatArray:
    """Distance, delta and largest gap (n_draws, 3) of shares up to each level; NaN where a side is empty."""
    gaps = np.abs(below_a - below_b)
    distance = gaps[:, :-1] @ np.diff(both.levels)
    shares_a, shares_b = (np.diff(below, axis=1, prepend=0.0) for below in (below_a, below_b))
    delta = (shares_a * (2.0 * below_b - shares_b)).sum(axis=1) - 1.0
    return np.column_stack([distance, delta, gaps.max(axis=1)])
