"""Ratings: what the owner thinks of tracks, and whether near recommendations please more than far ones."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy

from audiosim.catalog import Track
from audiosim.library import Library
from audiosim.listening import Listening

Values = npt.NDArray[np.float64]

_N_DRAWS = 10_000
_AT_ONCE = 1_000_000  # drawn ratings in memory
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class MeanRating:
    """A mean, or a difference of two, with its 95 % bootstrap interval; None where there is too little to tell.

    `n` is how many tracks it is of, of a difference in the smaller of the two means; an interval needs two.
    """

    n: int
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class RatedTrack:
    """A track and its last rating; `n_ratings` is how often it was rated, `recommended` how it was come by."""

    track: Track
    rating: float
    n_ratings: int
    recommended: Literal["near", "far"] | None


@dataclass(frozen=True, slots=True)
class RatingsReport:
    """All ratings, and their means: of all, of what was recommended as near and as far, and near minus far."""

    rated: tuple[RatedTrack, ...]
    overall: MeanRating
    near: MeanRating
    far: MeanRating
    difference: MeanRating


def rate(library: Library, name: str, rating: float) -> Track:
    """Rate a track from 1 to 10; half points and less are fine.

    Raises
    ------
    TrackNotFoundError
        The name means no track, or several.
    ValueError
        The rating is not between 1 and 10.
    """
    track = library.find(name)
    with library.writing():
        Listening(library.catalog).rate(track.track_id, rating, rated_at=int(time.time()))
    return track


def unrate(library: Library, name: str) -> tuple[Track, int]:
    """Drop all ratings of a track; the track, and how many there were."""
    track = library.find(name)
    with library.writing():
        return track, Listening(library.catalog).forget_ratings(track.track_id)


def ratings(library: Library, *, seed: int = 0) -> RatingsReport:
    """Sum up the ratings. A track that was recommended as near and as far counts as what it was last.

    Notes
    -----
    Intervals are percentiles of 10 000 bootstrap draws over tracks; of so few ratings as people give they are wide,
    and that is what they are for.
    """
    listening = Listening(library.catalog)
    recommended: dict[str, Literal["near", "far"]] = {item.track_id: item.kind for item in listening.recommendations()}
    counts: dict[str, int] = {}
    for rating in listening.all_ratings():
        counts[rating.track_id] = counts.get(rating.track_id, 0) + 1
    tracks = {track.track_id: track for track in library.tracks()}
    rated = tuple(
        RatedTrack(tracks[track_id], rating.rating, counts[track_id], recommended.get(track_id))
        for track_id, rating in listening.ratings().items()
        if track_id in tracks
    )
    near, far = ([item.rating for item in rated if item.recommended == kind] for kind in ("near", "far"))
    return RatingsReport(
        rated,
        overall=_estimate([item.rating for item in rated], seed=seed),
        near=_estimate(near, seed=seed),
        far=_estimate(far, seed=seed),
        difference=_estimate(near, far, seed=seed),
    )


def _estimate(*samples: Sequence[float], seed: int) -> MeanRating:
    """The mean of one sample, or the difference of the means of two."""
    n = min(map(len, samples))
    if n == 0:
        return MeanRating(0, None, None, None)
    values = [np.array(sample, dtype=np.float64) for sample in samples]
    mean = float(_statistic(*values))
    if n == 1:
        return MeanRating(1, mean, None, None)
    drawn = scipy.stats.bootstrap(
        values, _statistic, n_resamples=_N_DRAWS, batch=max(1, _AT_ONCE // max(map(len, samples))),
        confidence_level=_LEVEL, method="percentile", rng=np.random.default_rng(seed),
    )  # fmt: skip
    low, high = drawn.confidence_interval
    return MeanRating(n, mean, float(low), float(high))


def _statistic(*samples: Values, axis: int = -1) -> Values:
    means = [np.mean(sample, axis=axis) for sample in samples]
    return means[0] - means[1] if len(means) > 1 else means[0]
