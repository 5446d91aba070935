"""How smooth a journey is, in figures, and how smooth it would be in another order."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from audiosim.recommend.journey.course import Course, Points
from audiosim.recommend.journey.walk import Indices, Terrain

N_SHUFFLES = 100


@dataclass(frozen=True, slots=True)
class Smoothness:
    """Figures of a journey, lengths in the unit of the coordinates.

    Attributes
    ----------
    variation : float
        Length of the way through all tracks over that of the stretch of the course that it covers; 1 is straight.
    largest_step, mean_step : float
        Between tracks that follow one another.
    monotone : float
        Share of the steps that lead forward along the course, 0 to 1.
    mean_deviation, largest_deviation : float or None
        Between tracks and their targets; None where there were no targets.
    mean_transition, largest_transition : float
        Dissimilarity in sound of tracks that follow one another, 0 to 1.
    n_artist_repeats : int
        Steps between two tracks by one artist.
    """

    variation: float
    largest_step: float
    mean_step: float
    monotone: float
    mean_deviation: float | None
    largest_deviation: float | None
    mean_transition: float
    largest_transition: float
    n_artist_repeats: int


@dataclass(frozen=True, slots=True)
class OtherOrders:
    """What the same tracks give in other orders, each a mean over the shuffles: what there is to be better than.

    The first and the last track keep their places.
    """

    variation: float
    largest_step: float
    monotone: float
    mean_transition: float


def smoothness(
    terrain: Terrain,
    path: Indices,
    course: Course,
    *,
    targets: Points | None = None,
    stretch: tuple[float, float] = (0.0, 1.0),
) -> Smoothness:
    """Judge a journey.

    Parameters
    ----------
    terrain : Terrain
    path : (n >= 2,) intp
        Tracks in the order in which they are played.
    course : Course
        Along which it ought to lead.
    targets : (n, n_dims) float64, or None
        Where the tracks ought to lie.
    stretch : tuple of float
        The shares of the course between which it ought to lead.

    Raises
    ------
    ValueError
        If there are fewer than two tracks, or not one target a track.

    Examples
    --------
    >>> terrain = Terrain(np.array([[0.0], [0.5], [1.0]]), [None] * 3, lambda a, b: np.zeros((len(a), len(b))))
    >>> found = smoothness(terrain, np.array([0, 1, 2]), Course.through([[0.0], [1.0]]))
    >>> found.variation, found.largest_step, found.monotone
    (1.0, 0.5, 1.0)
    """
    if len(path) < 2:
        raise ValueError(f"a journey must have at least 2 tracks, got {len(path)}")
    if targets is not None and len(targets) != len(path):
        raise ValueError(f"there must be one target a track ({len(path)}), got {len(targets)}")
    points = terrain.coordinates[path]
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    deviations = None if targets is None else np.linalg.norm(points - targets, axis=1)
    transitions = _transitions(terrain, path)
    artists = [terrain.artists[i] for i in path]
    return Smoothness(
        variation=float(steps.sum() / (course.length * (stretch[1] - stretch[0]))),
        largest_step=float(steps.max()),
        mean_step=float(steps.mean()),
        monotone=float((np.diff(course.progress(points)) > 0.0).mean()),
        mean_deviation=None if deviations is None else float(deviations.mean()),
        largest_deviation=None if deviations is None else float(deviations.max()),
        mean_transition=float(transitions.mean()),
        largest_transition=float(transitions.max()),
        n_artist_repeats=sum(a is not None and a == b for a, b in pairwise(artists)),
    )


def shuffled(
    terrain: Terrain,
    path: Indices,
    course: Course,
    *,
    stretch: tuple[float, float] = (0.0, 1.0),
    seed: int = 0,
    n_shuffles: int = N_SHUFFLES,
) -> OtherOrders:
    """Judge the same tracks in random orders.

    Parameters
    ----------
    terrain, path, course, stretch
        As of `smoothness`.
    seed : int
        Of the orders.
    n_shuffles : int
        How many of them, at least 1.

    Examples
    --------
    >>> terrain = Terrain(np.linspace(0.0, 1.0, 5)[:, None], [None] * 5, lambda a, b: np.zeros((len(a), len(b))))
    >>> shuffled(terrain, np.arange(5), Course.through([[0.0], [1.0]])).variation > 1.0
    True
    """
    if n_shuffles < 1:
        raise ValueError(f"n_shuffles must be at least 1, got {n_shuffles}")
    rng = np.random.default_rng(seed)
    found = [
        smoothness(terrain, np.concatenate([path[:1], rng.permutation(path[1:-1]), path[-1:]]), course, stretch=stretch)
        for _ in range(n_shuffles)
    ]
    means = {
        name: float(np.mean([getattr(one, name) for one in found]))
        for name in ("variation", "largest_step", "monotone", "mean_transition")
    }
    return OtherOrders(**means)


def _transitions(terrain: Terrain, path: Indices) -> npt.NDArray[np.float64]:
    """Dissimilarity of each track to the next [shape=(n - 1,)]."""
    return np.array([terrain.transition(path[i : i + 1], path[i + 1 : i + 2])[0, 0] for i in range(len(path) - 1)])
