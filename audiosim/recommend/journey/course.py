"""The plane that a journey crosses, and the line that it follows there."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Shares = npt.NDArray[np.float64]

# Ranks of two tracks differ by 1 / n_tracks at least, unless they are the same.
_SAME_PLACE = 1e-9


def rank_transform(values: npt.NDArray[np.floating]) -> Points:
    """Ranks of every column on the scale from 0 to 1.

    Energy and valence crowd at one end of their scales: steps of equal size would pass hundreds of tracks here and none
    there. Among ranks, equal steps pass equally many tracks.

    Parameters
    ----------
    values : (n_tracks >= 1, n_dims) floating
        Finite.

    Returns
    -------
    (n_tracks, n_dims) float64
        (rank - 1/2) / n_tracks with ranks from 1; equal values share their mean rank.

    Raises
    ------
    ValueError
        If the shape is another, there is no track, or a value is not finite.

    Notes
    -----
    O(n_dims * n_tracks log n_tracks) time.

    Examples
    --------
    >>> rank_transform(np.array([[0.90], [0.91], [0.10], [0.91]])).ravel().tolist()
    [0.375, 0.75, 0.125, 0.75]
    """
    if values.ndim != 2 or not len(values):
        raise ValueError(f"values must have shape (n_tracks >= 1, n_dims), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite, got some that are not; leave out tracks of which a value is unknown")
    ranks = np.empty(values.shape, dtype=np.float64)
    for d, column in enumerate(values.T):
        _, which, n_equal = np.unique(column, return_inverse=True, return_counts=True)
        last = np.cumsum(n_equal)
        ranks[:, d] = (last - n_equal / 2.0)[which]
    return ranks / len(values)


def places_between(distances: npt.NDArray[np.floating]) -> Points:
    """Coordinates of tracks for which only distances are known: ranks of the distances to a few of them.

    A track at the place of a target is as near to either end as the target: of all tracks that are half-way, the ones
    in the middle of the line are those that are no detour.

    Parameters
    ----------
    distances : (n_anchors >= 2, n_tracks) floating
        From each track that the course leads through to all.

    Returns
    -------
    (n_tracks, n_anchors) float64
        See `rank_transform`.

    Raises
    ------
    ValueError
        If the shape is another, or a distance is not finite.

    Examples
    --------
    >>> line = np.array([0.0, 1.0, 2.0])
    >>> places_between(np.stack([line, line[::-1]])).round(2).tolist()
    [[0.17, 0.83], [0.5, 0.5], [0.83, 0.17]]
    """
    if distances.ndim != 2 or len(distances) < 2:
        raise ValueError(f"distances must have shape (n_anchors >= 2, n_tracks), got {distances.shape}")
    return rank_transform(distances.T)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A line through places that a journey must pass.

    Parameters
    ----------
    places : np.ndarray [shape=(n_places >= 2, n_dims), float64]
        From the first to the last, no two that follow one another the same; see `through`.
    """

    places: Points

    @classmethod
    def through(cls, places: npt.NDArray[np.floating] | Sequence[Sequence[float]]) -> Self:
        """Lay a course.

        Raises
        ------
        ValueError
            If there are fewer than two places, or one is the same as the one before.

        Examples
        --------
        >>> Course.through([[0.0, 0.0], [0.6, 0.8]]).length
        1.0
        """
        points = np.asarray(places, dtype=np.float64)
        if points.ndim != 2 or len(points) < 2:
            raise ValueError(f"a course must lead through at least 2 places, got shape {points.shape}")
        lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
        if not (lengths > _SAME_PLACE).all():
            i = int(np.argmin(lengths))
            raise ValueError(
                f"places of a course must differ, got places {i} and {i + 1} the same; leave one of them out"
            )
        return cls(points)

    @property
    def length(self) -> float:
        """From the first place to the last, along the line."""
        return float(self._until()[-1])

    @property
    def shares(self) -> Shares:
        """Where each place lies on the line, from 0 to 1."""
        until = self._until()
        return until / until[-1]

    def at(self, shares: npt.NDArray[np.floating] | Sequence[float]) -> Points:
        """Points of the line.

        Parameters
        ----------
        shares : (n_points,) floating
            Of the length, from 0 to 1.

        Returns
        -------
        (n_points, n_dims) float64

        Examples
        --------
        >>> Course.through([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]).at([0.25, 0.75]).tolist()
        [[0.5, 0.0], [1.0, 0.5]]
        """
        wanted = np.asarray(shares, dtype=np.float64)
        return np.stack([np.interp(wanted, self.shares, column) for column in self.places.T], axis=1)

    def progress(self, points: npt.NDArray[np.floating]) -> Shares:
        """How far along the line points are.

        Parameters
        ----------
        points : (n_points, n_dims) floating

        Returns
        -------
        (n_points,) float64
            Share of the length at the point of the line that is nearest; below 0 before the first place and above 1
            behind the last, so that turning back there is seen too.

        Examples
        --------
        >>> Course.through([[0.0, 0.0], [1.0, 0.0]]).progress(np.array([[0.25, 0.5], [1.5, 0.0]])).tolist()
        [0.25, 1.5]
        """
        starts, legs = self.places[:-1], np.diff(self.places, axis=0)
        squares = np.square(legs).sum(axis=1)
        along = ((points[:, None] - starts) * legs).sum(axis=2) / squares
        clipped = np.clip(along, 0.0, 1.0)
        off = np.square(starts + clipped[..., None] * legs - points[:, None]).sum(axis=2)
        nearest = off.argmin(axis=1)
        share = clipped[np.arange(len(points)), nearest]
        beyond = along[np.arange(len(points)), nearest]
        share = np.where((nearest == 0) & (beyond < 0.0), beyond, share)
        share = np.where((nearest == len(legs) - 1) & (beyond > 1.0), beyond, share)
        until = self._until()
        return (until[nearest] + share * np.sqrt(squares)[nearest]) / until[-1]

    def _until(self) -> Shares:
        """Length up to each place."""
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.places, axis=0), axis=1))])


def equidistant(
    n: int, *, start: float = 0.0, stop: float = 1.0, stops: Sequence[float] = ()
) -> tuple[Shares, tuple[int, ...]]:
    """Spread n targets over a stretch of a course, one of them at each stop.

    Parameters
    ----------
    n : int
        At least 2, and one for each stop besides.
    start, stop : float
        The stretch, as shares of the course's length.
    stops : sequence of float
        Shares that must be met, ascending, from start to stop.

    Returns
    -------
    shares : (n,) float64
        Ascending from start to stop, equally far apart; with stops inside, equally far from one stop to the next.
    positions : tuple of int
        Which of the n is at which stop.

    Raises
    ------
    ValueError
        If the stretch is none, n is too small, or the stops are out of order.

    Examples
    --------
    >>> shares, positions = equidistant(4, stops=(0.5, 1.0))
    >>> shares.tolist(), positions
    ([0.0, 0.25, 0.5, 1.0], (2, 3))
    """
    if not 0.0 <= start < stop <= 1.0:
        raise ValueError(f"a stretch must lie in 0 .. 1 and have a length, got {start} .. {stop}")
    if any(a >= b for a, b in pairwise(stops)) or (stops and not start <= stops[0] <= stops[-1] <= stop):
        raise ValueError(f"stops must ascend and lie in {start} .. {stop}, got {list(stops)}")
    inside = [share for share in stops if start < share < stop]
    if n < len(inside) + 2:
        raise ValueError(f"n must be at least {len(inside) + 2} with {len(inside)} stops on the way, got {n}")
    knots = np.array([start, *inside, stop])
    at = _apart(np.rint((knots - start) / (stop - start) * (n - 1)).astype(np.int64), n)
    position_of = dict(zip(knots.tolist(), at.tolist(), strict=True))
    return np.interp(np.arange(n), at, knots), tuple(position_of[share] for share in stops)


def _apart(positions: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Positions moved as little as needed for no two to be the same; the last is n - 1."""
    steps = np.arange(len(positions))
    positions = np.maximum.accumulate(positions - steps) + steps
    late = np.minimum(positions[::-1] + steps, n - 1)
    return np.minimum.accumulate(late)[::-1] - steps[::-1]
