"""A journey: tracks that lead from one to another in small steps, of mood and of sound."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from audiosim.errors import AudiosimError
from audiosim.recommend.journey.course import Points

Indices = npt.NDArray[np.intp]
Costs = npt.NDArray[np.float64]

# From tracks (n_from,) to tracks (n_to,): dissimilarities (n_from, n_to) between 0 and 1.
Transition = Callable[[Indices, Indices], npt.NDArray[np.floating]]

_N_CANDIDATES = 30
_LENIENCE = 1.5  # times the step between two targets: what a step may be long at no cost


@dataclass(frozen=True, slots=True, eq=False)
class Terrain:
    """Where the tracks lie, and what else counts between two that follow one another.

    Parameters
    ----------
    coordinates : np.ndarray [shape=(n_tracks, n_dims), float64]
        Of every track, all dims on one scale: ranks of energy and valence, say.
    artists : sequence of str or None
        Of every track; None is unknown, and is nobody's.
    transition : callable
        From the tracks `rows` (n_from,) to the tracks `columns` (n_to,): (n_from, n_to), 0 for the same sound and 1 for
        the most unlike.
    songs : sequence of str or None, or None
        Of every track: tracks with the same one are never played together, as if they were one; None is like no other.
    """

    coordinates: Points
    artists: Sequence[str | None]
    transition: Transition
    songs: Sequence[str | None] | None = None

    def __post_init__(self) -> None:
        if self.coordinates.ndim != 2 or not np.isfinite(self.coordinates).all():
            raise ValueError(
                f"coordinates must be finite, of shape (n_tracks, n_dims), got shape {self.coordinates.shape} "
                f"with {np.count_nonzero(~np.isfinite(self.coordinates))} that are not"
            )
        if len(self.artists) != len(self.coordinates):
            raise ValueError(
                f"there must be one artist a track ({len(self.coordinates)}, None where unknown), "
                f"got {len(self.artists)}"
            )
        if self.songs is not None and len(self.songs) != len(self.coordinates):
            raise ValueError(f"there must be one song a track ({len(self.coordinates)}), got {len(self.songs)}")

    def same(self, tracks: Collection[int]) -> set[int]:
        """These tracks and all others of their songs."""
        if self.songs is None:
            return set(tracks)
        names = {self.songs[track] for track in tracks} - {None}
        return {*tracks, *(track for track, name in enumerate(self.songs) if name in names)} if names else set(tracks)

    def __len__(self) -> int:
        return len(self.coordinates)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a journey weighs.

    Attributes
    ----------
    mood_weight : float
        Of the squared deviations from the targets; those of sound have the rest.
    step_weight : float
        Of the squares of what steps are too long, as a share of `mood_weight`: see `walk`.
    n_candidates : int
        How many of the tracks nearest to a target are looked at.
    artist_cap : int or None
        At most so many tracks by one artist; None: no cap.
    artist_penalty : float
        For two tracks by one artist that follow one another, in the unit of the costs: 0.4 is what the most unlike
        sound costs.
    """

    mood_weight: float = 0.6
    step_weight: float = 0.5
    n_candidates: int = _N_CANDIDATES
    artist_cap: int | None = 2
    artist_penalty: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.mood_weight <= 1.0:
            raise ValueError(f"mood_weight must be above 0 and at most 1, got {self.mood_weight}")
        if not 0.0 <= self.step_weight <= 1.0:
            raise ValueError(f"step_weight must be between 0 and 1, got {self.step_weight}")
        if self.n_candidates < 1:
            raise ValueError(f"n_candidates must be at least 1, got {self.n_candidates}")
        if self.artist_cap is not None and self.artist_cap < 1:
            raise ValueError(f"artist_cap must be at least 1 or None, got {self.artist_cap}")


DEFAULTS = Preferences()


def walk(
    terrain: Terrain,
    targets: Points,
    *,
    pinned: Mapping[int, int] | None = None,
    barred: Collection[int] = (),
    preferences: Preferences = DEFAULTS,
) -> Indices:
    """Find a track for each target, so that the tracks lie near their targets and sound alike from one to the next.

    Minimises 0.6 of the squared deviations from the targets plus 0.4 of the squared dissimilarities of neighbours,
    exactly (Viterbi), among the tracks nearest to each target. What a step is longer than one and a half of the one
    between its targets counts half as much as a deviation: where tracks lie further from the line than targets lie from
    one another, nothing else would put them in order. While a track comes twice, or an artist too often, the place that
    it suits best keeps it, and the others look again without it.

    Lengths count in units of half a step between targets, or of what the library can do at best where it is coarser
    than that: in a unit of its own, sound would bend the line of a long journey and say nothing in a short one.

    Parameters
    ----------
    terrain : Terrain
    targets : (n >= 2, n_dims) float64
        Where the tracks ought to lie.
    pinned : mapping of int to int, or None
        Tracks that must stand at a position, the first and the last as a rule.
    barred : collection of int
        Tracks that must not appear, unless they are pinned.
    preferences : Preferences

    Returns
    -------
    (n,) intp
        Tracks, none of them twice, nor two of one song.

    Raises
    ------
    ValueError
        If there are fewer than two targets, a pinned track stands at two positions or does not exist.
    AudiosimError
        If there are too few tracks, or by too few artists.

    Notes
    -----
    O(n * n_tracks + n * n_candidates**2) time for each round; a round for each track that has to be given up.

    References
    ----------
    Viterbi (1967), "Error bounds for convolutional codes and an asymptotically optimum decoding algorithm", IEEE
    Transactions on Information Theory 13, 260-269.

    Examples
    --------
    >>> line = np.linspace(0.0, 1.0, 11)[:, None]
    >>> terrain = Terrain(line, [None] * 11, lambda rows, columns: np.zeros((len(rows), len(columns))))
    >>> walk(terrain, np.array([[0.0], [0.48], [1.0]]), pinned={0: 0, 2: 10}).tolist()
    [0, 5, 10]
    """
    fixed = dict(pinned or {})
    _validate(terrain, targets, fixed)
    squares = _squared_deviations(terrain.coordinates, targets)
    allowed = np.ones(squares.shape, dtype=np.bool_)
    # What is pinned somewhere is nowhere else, so that the way never doubles back on its own ends.
    allowed[:, list({*barred, *terrain.same(fixed.values())})] = False
    for position, track in fixed.items():
        allowed[position] = False
        allowed[position, track] = True
    _require_tracks(allowed, fixed)
    strides = np.linalg.norm(np.diff(targets, axis=0), axis=1)
    unit = _unit(squares, strides, allowed)
    emission = preferences.mood_weight * squares / unit**2

    known: dict[tuple[int, bytes, bytes], Costs] = {}

    def steps(position: int, rows: Indices, columns: Indices) -> Costs:
        # Who looks again changes a layer or two; between all others the costs stay.
        key = position, rows.tobytes(), columns.tobytes()
        if key not in known:
            strain = _strain(terrain.coordinates, rows, columns, strides[position - 1]) / unit**2
            strain *= preferences.step_weight * preferences.mood_weight
            known[key] = _steps(terrain, rows, columns, preferences) + strain
        return known[key]

    while True:
        path = _viterbi(emission, _layers(emission, allowed, preferences.n_candidates), steps)
        cost = emission[np.arange(len(path)), path]
        surplus = _surplus(terrain, path, cost, fixed, preferences.artist_cap)
        if not surplus:
            return path
        for position, tracks in surplus:
            allowed[position, tracks] = False
        _require_tracks(allowed, fixed)


def _squared_deviations(coordinates: Points, targets: Points) -> Costs:
    """From each target to each track [shape=(n, n_tracks)], one dim at a time to spare memory."""
    squares = np.zeros((len(targets), len(coordinates)))
    for ours, wanted in zip(coordinates.T, targets.T, strict=True):
        squares += np.square(np.subtract.outer(wanted, ours))
    return squares


def _unit(squares: Costs, strides: Costs, allowed: npt.NDArray[np.bool_]) -> float:
    """Deviation that costs as much as a weight says: see `walk`."""
    at_best = np.sqrt(np.where(allowed, squares, np.inf).min(axis=1))
    return max(float(strides.mean()) / 2.0, float(np.median(at_best)), 1e-9)


def _layers(emission: Costs, allowed: npt.NDArray[np.bool_], n_candidates: int) -> list[Indices]:
    """Candidates of each target, ascending so that ties go to the smaller index."""
    layers: list[Indices] = []
    for costs, may in zip(emission, allowed, strict=True):
        tracks = np.flatnonzero(may)
        if len(tracks) > n_candidates:
            limit = np.partition(costs[tracks], n_candidates - 1)[n_candidates - 1]
            nearest = tracks[costs[tracks] <= limit]
            tracks = np.sort(nearest[np.argsort(costs[nearest], kind="stable")][:n_candidates])
        layers.append(tracks)
    return layers


def _viterbi(emission: Costs, layers: Sequence[Indices], steps: Callable[[int, Indices, Indices], Costs]) -> Indices:
    """The cheapest way through the layers."""
    total = emission[0, layers[0]]
    came_from: list[Indices] = []
    for position, (rows, columns) in enumerate(pairwise(layers), start=1):
        through = total[:, None] + steps(position, rows, columns)
        best = through.argmin(axis=0)
        came_from.append(best)
        total = through[best, np.arange(len(columns))] + emission[position, columns]
    at = int(total.argmin())
    path = [int(layers[-1][at])]
    for best, layer in zip(reversed(came_from), reversed(layers[:-1]), strict=True):
        at = int(best[at])
        path.append(int(layer[at]))
    return np.array(path[::-1], dtype=np.intp)


def _strain(coordinates: Points, rows: Indices, columns: Indices, stride: float) -> Costs:
    """Squares of what steps from each track to each other are too long, where their targets are a stride apart."""
    lengths = np.sqrt(((coordinates[rows][:, None] - coordinates[columns]) ** 2).sum(axis=2))
    return np.square(np.maximum(lengths - _LENIENCE * stride, 0.0))


def _steps(terrain: Terrain, rows: Indices, columns: Indices, preferences: Preferences) -> Costs:
    """What it costs to go from each track to each other."""
    costs = (1.0 - preferences.mood_weight) * np.square(np.asarray(terrain.transition(rows, columns), dtype=np.float64))
    known = {name: i for i, name in enumerate(dict.fromkeys(terrain.artists[i] for i in [*rows, *columns])) if name}
    of_rows = np.array([known.get(terrain.artists[i] or "", -1) for i in rows])
    of_columns = np.array([known.get(terrain.artists[i] or "", -2) for i in columns])
    costs += preferences.artist_penalty * np.equal.outer(of_rows, of_columns)
    # Not infinite: where nothing else is left, the path must still be one, for `_surplus` to mend it.
    return costs + 1e6 * np.equal.outer(rows, columns)


def _surplus(
    terrain: Terrain, path: Indices, cost: Costs, fixed: Mapping[int, int], artist_cap: int | None
) -> list[tuple[int, Indices]]:
    """Positions that must look again, and the tracks that they have to do without."""
    # Whoever is pinned comes first, then whom the track suits best.
    order = sorted(range(len(path)), key=lambda i: (i not in fixed, cost[i], i))
    surplus: list[tuple[int, Indices]] = []
    owner: dict[int | str, int] = {}
    n_taken: Counter[str] = Counter()
    for position in order:
        track = int(path[position])
        song = (terrain.songs[track] if terrain.songs is not None else None) or track
        if owner.setdefault(song, position) != position and position not in fixed:
            surplus.append((position, np.array(sorted(terrain.same([track])), dtype=np.intp)))
            continue
        artist = terrain.artists[track]
        if artist and artist_cap is not None:
            n_taken[artist] += 1
            if n_taken[artist] > artist_cap and position not in fixed:
                theirs = [i for i, name in enumerate(terrain.artists) if name == artist]
                surplus.append((position, np.array(theirs, dtype=np.intp)))
    return surplus


def _validate(terrain: Terrain, targets: Points, fixed: Mapping[int, int]) -> None:
    n_dims = terrain.coordinates.shape[1]
    if targets.ndim != 2 or len(targets) < 2 or targets.shape[1] != n_dims:
        raise ValueError(f"targets must have shape (n >= 2, {n_dims}), got {targets.shape}")
    if any(not 0 <= position < len(targets) for position in fixed):
        raise ValueError(f"pinned positions must lie in 0 .. {len(targets) - 1}, got {sorted(fixed)}")
    if any(not 0 <= track < len(terrain) for track in fixed.values()):
        raise ValueError(f"pinned tracks must lie in 0 .. {len(terrain) - 1}, got {sorted(fixed.values())}")
    if len(set(fixed.values())) < len(fixed):
        raise ValueError(f"a track must be pinned to one position, got {sorted(fixed.values())}")


def _require_tracks(allowed: npt.NDArray[np.bool_], fixed: Mapping[int, int]) -> None:
    n_free = len(allowed) - len(fixed)
    n_tracks = int(allowed[[i for i in range(len(allowed)) if i not in fixed]].any(axis=0).sum()) if n_free else 0
    if n_tracks < n_free or not allowed.any(axis=1).all():
        raise AudiosimError(
            f"the library is too thin: {n_free} places must be filled with different tracks that are allowed, "
            f"and {n_tracks} can be; ask for fewer tracks or days, or add music"
        )
