"""How far two sets of tracks lie apart, feature by feature, with intervals over artists."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

from audiosim.recommend.folds import Recall, anew
from audiosim.recommend.taste.scores import Gain, artist_draws

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Weighted = npt.NDArray[np.float64] | npt.NDArray[np.bool_]

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
        That delta is 0, and the same corrected for the number of features (Holm); NaN with fewer than two artists.
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
    distance of two sides that are drawn anew is larger in the mean, so its interval is moved back to lie about it.

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
    """How often every track counts: in draws of artists, and where artists are dealt out to the sides anew."""

    def __init__(self, a: Sample, b: Sample, *, seed: int) -> None:
        artists, numbers = np.unique(np.r_[a.artists, b.artists], return_inverse=True)
        self._of_track = numbers
        self.is_a = np.r_[np.ones(len(a), np.bool_), np.zeros(len(b), np.bool_)]
        self.n_artists = min(len(np.unique(a.artists)), len(np.unique(b.artists)))
        self.drawn = artist_draws(len(artists), n_draws=_N_DRAWS, seed=seed)
        # An artist of one side is a block; so is one of both on either.
        blocks = np.unique(np.c_[numbers, self.is_a], axis=0, return_inverse=True)[1].ravel()
        of_a = np.zeros(blocks.max() + 1, np.bool_)
        of_a[blocks[self.is_a]] = True
        rng = np.random.default_rng(seed)
        self.dealt = np.stack([rng.permutation(of_a) for _ in range(_N_DEALT)])[:, blocks]

    def of(self, rows: slice) -> tuple[FloatArray, FloatArray]:
        """Weights (n_draws, n_tracks) of some of the draws on either side."""
        times = self.drawn[rows][:, self._of_track].astype(np.float64)
        return times * self.is_a, times * ~self.is_a


def _compare(one: FloatArray, other: FloatArray, spread: float, weights: _Weights) -> FloatArray:
    """The figures of one feature: means, distance and delta with their intervals, largest gap, p-value, chance."""
    levels = _Levels(np.r_[one, other])
    itself = levels.compare(weights.is_a[None], ~weights.is_a[None])
    n_at_once = max(1, _AT_ONCE // len(weights.is_a))
    drawn = np.concatenate(
        [
            levels.compare(*weights.of(slice(start, start + n_at_once)))
            for start in range(0, len(weights.drawn), n_at_once)
        ]
    )
    dealt = levels.compare(weights.dealt, ~weights.dealt)[:, 0]
    distance, delta, gap = itself[0]
    if weights.n_artists < 2:
        about, around, p_value = (np.nan, np.nan), (np.nan, np.nan), np.nan
    else:
        moved = drawn[:, 0] - np.nanmean(drawn[:, 0]) + distance
        about = np.maximum(np.nanpercentile(moved, _INTERVAL), 0.0) / spread
        around = np.nanpercentile(drawn[:, 1], _INTERVAL)
        error = max(float(np.nanstd(drawn[:, 1])), 1e-12)
        p_value = 2.0 * float(scipy.stats.t.sf(abs(delta) / error, weights.n_artists - 1))
    return np.array(
        [
            one.mean(),
            other.mean(),
            distance / spread,
            *about,
            delta,
            *around,
            gap,
            p_value,
            np.nanmedian(dealt) / spread,
        ]
    )


class _Levels:
    """Different values of a feature in order, and which tracks have them."""

    def __init__(self, values: FloatArray) -> None:
        self._order = np.argsort(values, kind="stable")
        self._values, self._starts = np.unique(values[self._order], return_index=True)

    def compare(self, of_a: Weighted, of_b: Weighted) -> FloatArray:
        """Distance, delta and largest gap (n_draws, 3) of weights (n_draws, n_tracks); NaN where a side is empty."""
        shares_a, shares_b = (self._shares(side.astype(np.float64)) for side in (of_a, of_b))
        below_a, below_b = shares_a.cumsum(axis=1), shares_b.cumsum(axis=1)
        gaps = np.abs(below_a - below_b)
        distance = gaps[:, :-1] @ np.diff(self._values)
        delta = (shares_a * (2.0 * below_b - shares_b)).sum(axis=1) - 1.0
        return np.column_stack([distance, delta, gaps.max(axis=1)])

    def _shares(self, weights: FloatArray) -> FloatArray:
        counts = np.add.reduceat(weights[:, self._order], self._starts, axis=1)
        totals = counts.sum(axis=1, keepdims=True)
        return counts / np.where(totals > 0.0, totals, np.nan)
