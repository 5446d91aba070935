"""How features hang together, and whether valence follows mode, the question that this began with."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from audiosim.recommend.labelled_table import TrackInputs
from audiosim.recommend.taste.differences import Sample, compare_samples
from audiosim.recommend.taste.scores import Gain, gain_intervals

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_LEAST_OF_MODE = 5


@dataclass(frozen=True, slots=True)
class ModeAndValence:
    """Valence of tracks in major beside those in minor.

    `difference` is that of the means in the unit of valence, `delta` is Cliff's: how much more often a track in major
    has more valence than one in minor than less. Both have their 95 % intervals over artists. `is_circular` says that
    both are our own estimates: that of valence is made of the mode, among other things.
    """

    n_major: int
    n_minor: int
    difference: Gain
    delta: Gain
    is_circular: bool

    @property
    def answer(self) -> str:
        """Whether it does, in words."""
        if not (self.delta.low > 0.0 or self.delta.high < 0.0):
            return "not that these tracks could tell"
        size = abs(self.delta.value)
        how = "hardly" if size < 0.147 else "a little" if size < 0.33 else "clearly" if size < 0.474 else "strongly"
        return how if self.delta.value > 0.0 else f"{how}, and the other way round"


def valence_by_mode(inputs: TrackInputs, artists: IntArray, *, seed: int = 0) -> ModeAndValence | None:
    """Compare the valence of tracks in major with that of tracks in minor.

    Parameters
    ----------
    inputs : TrackInputs
    artists : (n_tracks,) int64
    seed : int

    Returns
    -------
    ModeAndValence or None
        None where valence or mode is not among the features, or there are fewer than five tracks of either mode.
    """
    found = mode_and_valence(inputs)
    if found is None:
        return None
    is_major, valence, is_estimate = found
    if min(is_major.sum(), (~is_major).sum()) < _LEAST_OF_MODE:
        return None
    major, minor = (Sample(valence[rows, None], artists[rows]) for rows in (is_major, ~is_major))
    compared = compare_samples(major, minor, ["valence"], seed=seed)
    if not compared:
        return None
    low, high = _mean_difference(valence, is_major, artists, seed=seed)
    difference = Gain(float(valence[is_major].mean() - valence[~is_major].mean()), low, high)
    return ModeAndValence(len(major), len(minor), difference, compared[0].delta, is_estimate)


def mode_and_valence(inputs: TrackInputs) -> tuple[npt.NDArray[np.bool_], FloatArray, bool] | None:
    """Which tracks are in major, their valence, and whether both are estimates of our own; None without either."""
    for suffix in ("", "_est"):
        names = f"mode{suffix}", f"valence{suffix}"
        if set(names) <= set(inputs.names):
            mode, valence = (inputs.values[:, inputs.names.index(name)] for name in names)
            return mode > 0.5, valence, bool(suffix)
    return None


def _mean_difference(
    values: FloatArray, is_high: npt.NDArray[np.bool_], artists: IntArray, *, seed: int
) -> tuple[float, float]:
    """Interval of the difference of two means: of influences, whose mean it is."""
    high, low = values[is_high], values[~is_high]
    share = is_high.mean()
    influence = np.where(is_high, (values - high.mean()) / share, -(values - low.mean()) / (1.0 - share))
    interval = gain_intervals({"": influence + high.mean() - low.mean()}, artists, seed=seed)[""]
    return interval.low, interval.high


def strongest_pairs(names: Sequence[str], correlations: FloatArray, *, n: int) -> list[tuple[str, str, float]]:
    """The pairs of features that hang together most.

    Examples
    --------
    >>> strongest_pairs(["a", "b", "c"], np.array([[1, 0.2, -0.9], [0.2, 1, 0.1], [-0.9, 0.1, 1]]), n=1)
    [('a', 'c', -0.9)]
    """
    found = [(a, b, float(correlations[names.index(a), names.index(b)])) for a, b in combinations(names, 2)]
    return sorted((pair for pair in found if np.isfinite(pair[2])), key=lambda pair: -abs(pair[2]))[:n]
