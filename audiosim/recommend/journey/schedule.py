"""A journey over days: each day a stretch of the course, with a little of the day before, and nothing twice a week."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audiosim.recommend.journey.course import Course, Points, equidistant
from audiosim.recommend.journey.walk import DEFAULTS, Indices, Preferences, Terrain, walk

WEEK = 7  # days
OVERLAP = 0.25

# How many tracks a list ought to have, told by a list of some length.
Enough = Callable[[Indices], int]


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """What is played on a day.

    Attributes
    ----------
    stretch : tuple of float
        The shares of the course between which it leads.
    path : (n,) intp
        Tracks.
    targets : (n, n_dims) float64
        Where they ought to lie.
    """

    stretch: tuple[float, float]
    path: Indices
    targets: Points


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted of every day.

    Attributes
    ----------
    stops : tuple of (float, int)
        Tracks that must come, and at which share of the course: the first at 0, those on the way, the last at 1.
    n : int
        Tracks a day, at least 2.
    variance : float
        Targets are moved at random by so many steps (standard deviation); 0 not at all.
    seed : int
        Of that.
    enough : callable or None
        How many tracks a day's list ought to have, told by the list: for days of a given duration. None: n.
    """

    stops: tuple[tuple[float, int], ...]
    n: int
    variance: float = 0.0
    seed: int = 0
    enough: Enough | None = None

    def __post_init__(self) -> None:
        if self.n < 2:
            raise ValueError(f"a day must have at least 2 tracks, got n={self.n}")
        if not self.variance >= 0.0:
            raise ValueError(f"variance must be at least 0, got {self.variance}")
        shares = [share for share, _ in self.stops]
        if len(shares) < 2 or (shares[0], shares[-1]) != (0.0, 1.0):
            raise ValueError(f"stops must begin at 0 and end at 1, got {shares}")
        if len({track for _, track in self.stops}) < len(self.stops):
            raise ValueError("stops must be different tracks, got one of them twice; a journey has to lead somewhere")


def day_stretches(n_days: int, *, start: float = 0.0, overlap: float = OVERLAP) -> list[tuple[float, float]]:
    """Cut a course into stretches, one a day.

    Parameters
    ----------
    n_days : int
        At least 1.
    start : float
        Share of the course at which the first day begins; the last ends at 1.
    overlap : float
        Share of a stretch that the next one covers too, from 0 to below 1.

    Returns
    -------
    list of (float, float)
        Where each day begins and ends.

    Raises
    ------
    ValueError
        If one of the numbers is out of its range.

    Examples
    --------
    >>> day_stretches(3, overlap=0.5)
    [(0.0, 0.5), (0.25, 0.75), (0.5, 1.0)]
    """
    if n_days < 1:
        raise ValueError(f"n_days must be at least 1, got {n_days}")
    if not 0.0 <= start < 1.0 or not 0.0 <= overlap < 1.0:
        raise ValueError(f"start and overlap must lie in 0 .. 1 and be below 1, got {start} and {overlap}")
    length = (1.0 - start) / (1.0 + (1.0 - overlap) * (n_days - 1))
    begins = [start + (1.0 - overlap) * length * day for day in range(n_days)]
    return [(begin, 1.0 if day == n_days - 1 else begin + length) for day, begin in enumerate(begins)]


def schedule(
    terrain: Terrain,
    course: Course,
    plan: Plan,
    stretches: Mapping[int, tuple[float, float]],
    *,
    played: Mapping[int, Collection[int]] | None = None,
    barred: Collection[int] = (),
    preferences: Preferences = DEFAULTS,
) -> dict[int, Day]:
    """Plan days of a journey.

    Each stop comes on the first day whose stretch has its share, and on no other day. No track comes twice within seven
    days, nor does its song.

    Parameters
    ----------
    terrain : Terrain
    course : Course
    plan : Plan
    stretches : mapping of int to (float, float)
        By the number of the day: between which shares of the course it leads, see `day_stretches`.
    played : mapping of int to collection of int, or None
        What was played on other days, which stay as they are.
    barred : collection of int
        Tracks that must not appear; a stop among them is left out.
    preferences : Preferences

    Returns
    -------
    dict of int to Day

    Raises
    ------
    AudiosimError
        If the library has too few tracks, or by too few artists.

    Notes
    -----
    A day is the same whether the days before it are planned with it or are given in `played`.

    Examples
    --------
    >>> line = np.linspace(0.0, 1.0, 21)[:, None]
    >>> terrain = Terrain(line, [None] * 21, lambda rows, columns: np.zeros((len(rows), len(columns))))
    >>> plan = Plan(stops=((0.0, 0), (1.0, 20)), n=3)
    >>> days = schedule(terrain, Course.through(line[[0, 20]]), plan, dict(enumerate(day_stretches(2))))
    >>> [day.path.tolist() for day in days.values()]
    [[0, 6, 11], [9, 14, 20]]
    """
    lists = {number: frozenset(tracks) for number, tracks in (played or {}).items()}
    out = frozenset(barred)
    waiting = [(share, track) for share, track in plan.stops if track not in out.union(*lists.values())]
    days: dict[int, Day] = {}
    for number in sorted(stretches):
        start, stop = stretches[number]
        due = [(share, track) for share, track in waiting if start <= share <= stop]
        waiting = [pair for pair in waiting if pair not in due]
        week = frozenset[int]().union(*(tracks for day, tracks in lists.items() if abs(number - day) < WEEK))
        others = out | terrain.same(week | {track for _, track in plan.stops})
        days[number] = _day(terrain, course, plan, (number, (start, stop), due), barred=others, preferences=preferences)
        lists[number] = frozenset(days[number].path.tolist())
    return days


def _day(
    terrain: Terrain,
    course: Course,
    plan: Plan,
    wanted: tuple[int, tuple[float, float], Sequence[tuple[float, int]]],
    *,
    barred: Collection[int],
    preferences: Preferences,
) -> Day:
    """One day: its number, its stretch, and the stops that are due."""
    number, (start, stop), due = wanted
    n, tried = max(plan.n, len(due) + 2), set[int]()
    while True:
        tried.add(n)
        shares, positions = equidistant(n, start=start, stop=stop, stops=[share for share, _ in due])
        targets = course.at(shares)
        pinned = {position: track for position, (_, track) in zip(positions, due, strict=True)}
        rng = np.random.default_rng([plan.seed, number])
        step = course.length * (stop - start) / (n - 1)
        moved = targets + plan.variance * step * rng.standard_normal(targets.shape)
        path = walk(terrain, moved, pinned=pinned, barred=barred, preferences=preferences)
        wished = n if plan.enough is None else max(plan.enough(path), len(due) + 2)
        if wished in tried:
            return Day((start, stop), path, targets)
        n = wished
