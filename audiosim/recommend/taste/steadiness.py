"""How steady a listener is: what is said of a track on another day bounds what any model can tell of a rating."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.recommend.taste.scores import Gain

FloatArray = npt.NDArray[np.float64]

LEAST = 5  # tracks rated again, without which a correlation says nothing


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Ratings of the same tracks on two days.

    Parameters
    ----------
    n_tracks : int
    correlation : Gain
        Pearson's, with its 95 % interval. It is also the R2 that a model which knew the taste itself would reach on
        single ratings, all else in them being chance.
    mean_change : float
        Mean absolute difference, in points.
    """

    n_tracks: int
    correlation: Gain
    mean_change: float

    @property
    def sentence(self) -> str:
        """What it says, for people."""
        found, best = self.correlation, max(self.correlation.value, 0.0)
        return (
            f"{self.n_tracks} tracks were rated again on another day: the two ratings differ by {self.mean_change:.1f} "
            f"points in the mean and correlate by {found.value:.2f} (95 % interval {found.low:.2f} to "
            f"{found.high:.2f}), so that not even who knew this taste would tell single ratings with an R² above "
            f"{best:.2f}."
        )


def steadiness(first: FloatArray, again: FloatArray) -> Steadiness | None:
    """Compare ratings of the same tracks on two days.

    Parameters
    ----------
    first, again : (n_tracks,) float64

    Returns
    -------
    Steadiness or None
        None of fewer than `LEAST` tracks, or where all of one day are the same.

    Notes
    -----
    If a rating is the taste and a chance that is independent of it and of the other day's, the correlation of two days
    is the share of the taste in the variance of ratings, which is the R2 of who knows the taste. [1]_ How unsteady
    listeners are was measured for films. [2]_

    References
    ----------
    .. [1] F. M. Lord, M. R. Novick, "Statistical theories of mental test scores", 1968, chapter 3.
    .. [2] X. Amatriain, J. M. Pujol, N. Oliver, "I like it... I like it not: evaluating user ratings noise in
       recommender systems", UMAP 2009.

    Examples
    --------
    >>> steadiness(np.array([2.0, 4.0, 6.0, 8.0, 9.0]), np.array([3.0, 3.0, 7.0, 8.0, 9.0])).mean_change
    0.6
    """
    if len(first) < LEAST or np.ptp(first) == 0.0 or np.ptp(again) == 0.0:
        return None
    from scipy.stats import pearsonr  # noqa: PLC0415 - takes its time to load

    found: Any = pearsonr(first, again)
    low, high = found.confidence_interval()
    return Steadiness(
        n_tracks=len(first),
        correlation=Gain(float(found.statistic), float(low), float(high)),
        mean_change=float(np.abs(again - first).mean()),
    )
