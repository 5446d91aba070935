"""The smoothest way through a graph of neighbours: no straight line, and as long as it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from audiosim.errors import AudiosimError
from audiosim.recommend.journey.walk import Indices, Terrain
from audiosim.recommend.neighbors import top_k

Costs = npt.NDArray[np.float64]

# Weights of 0 are no edges to scipy.
_LEAST_WEIGHT = 1e-12
# A step of mood that costs as much as the weight says: that of ten tracks from one end of the ranks to the other.
_MOOD_UNIT = 0.1
_STRIP = 256  # rows in memory at a time


@dataclass(frozen=True, slots=True, eq=False)
class NeighborGraph:
    """Edges between tracks, in both directions.

    Parameters
    ----------
    n_tracks : int
    rows, columns : np.ndarray [shape=(n_edges,), intp]
        The ends of each edge, each edge once, rows < columns.
    lengths : np.ndarray [shape=(n_edges,), float64]
        How far both ends are from one another, at least 0.
    """

    n_tracks: int
    rows: Indices
    columns: Indices
    lengths: Costs


def neighbor_graph(
    neighbors: npt.NDArray[np.integer],
    distances: npt.NDArray[np.floating],
    *,
    barred: npt.NDArray[np.bool_] | None = None,
) -> NeighborGraph:
    """Join every track to its nearest ones.

    Distances ought to be mutual proximities where there are hubs: a hub is near to everything, and every way would lead
    through it.

    Parameters
    ----------
    neighbors : (n_tracks, k) integer
        The nearest tracks of each; -1 for none.
    distances : (n_tracks, k) floating
        How far they are, at least 0; read where there is a neighbour.
    barred : (n_tracks,) bool, or None
        Tracks that no way may pass.

    Returns
    -------
    NeighborGraph
        An edge for two tracks of which one is among the nearest of the other; of two lengths the smaller one.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a neighbour is no track.

    Examples
    --------
    >>> graph = neighbor_graph(np.array([[1], [0], [1]]), np.array([[0.2], [0.2], [0.5]]))
    >>> graph.rows.tolist(), graph.columns.tolist(), graph.lengths.tolist()
    ([0, 1], [1, 2], [0.2, 0.5])
    """
    n_tracks = len(neighbors)
    if neighbors.ndim != 2 or distances.shape != neighbors.shape:
        raise ValueError(f"distances must have shape {neighbors.shape} like the neighbors, got {distances.shape}")
    if neighbors.size and not -1 <= neighbors.min() <= neighbors.max() < n_tracks:
        raise ValueError(f"neighbors must lie in -1 .. {n_tracks - 1}, got {neighbors.min()} .. {neighbors.max()}")
    ours = np.repeat(np.arange(n_tracks), neighbors.shape[1])
    theirs, lengths = neighbors.ravel().astype(np.intp), distances.ravel().astype(np.float64)
    known = (theirs >= 0) & (theirs != ours)
    if barred is not None:
        known &= ~(barred[ours] | barred[theirs])
    rows, columns = np.minimum(ours, theirs)[known], np.maximum(ours, theirs)[known]
    order = np.lexsort((lengths[known], columns, rows))
    rows, columns, lengths = rows[order], columns[order], lengths[known][order]
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = (np.diff(rows) != 0) | (np.diff(columns) != 0)
    return NeighborGraph(n_tracks, rows[is_first], columns[is_first], lengths[is_first])


def nearest_neighbors(
    terrain: Terrain, *, k: int = 15, mood_weight: float = 0.6, artist_penalty: float = 1.0
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """The nearest of every track, by mood and sound together.

    Parameters
    ----------
    terrain : Terrain
        Whose transitions are mutual proximities where there are hubs.
    k : int
        At least 1.
    mood_weight : float
        From 0 (sound alone) to 1 (coordinates alone).
    artist_penalty : float
        Added to the squared distance of two tracks by one artist.

    Returns
    -------
    neighbors : (n_tracks, k) int32
        Nearest first; -1 where there are fewer.
    distances : (n_tracks, k) float32
        Root of the weighted squares; a step of 0.1 in mood counts like the most unlike sound.

    Raises
    ------
    ValueError
        If k is below 1, or the weight is out of its range.

    Notes
    -----
    O(n_tracks**2) time, memory of 256 rows beside the result.

    Examples
    --------
    >>> terrain = Terrain(np.array([[0.0], [0.1], [0.3]]), [None] * 3, lambda a, b: np.zeros((len(a), len(b))))
    >>> nearest_neighbors(terrain, k=1)[0].tolist()
    [[1], [0], [1]]
    """
    if not 0.0 <= mood_weight <= 1.0:
        raise ValueError(f"mood_weight must lie in 0 .. 1, got {mood_weight}")
    numbers: dict[str, int] = {}
    artists = np.array([numbers.setdefault(name, len(numbers)) if name else -1 for name in terrain.artists])
    everyone = np.arange(len(terrain))
    found: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]] = []
    for start in range(0, len(terrain), _STRIP):
        rows = everyone[start : start + _STRIP]
        costs = (1.0 - mood_weight) * np.square(np.asarray(terrain.transition(rows, everyone), dtype=np.float64))
        for column in terrain.coordinates.T:
            costs += mood_weight * np.square(np.subtract.outer(column[rows], column) / _MOOD_UNIT)
        same = np.equal.outer(artists[rows], artists) & (artists[rows] >= 0)[:, None]
        found.append(top_k(np.sqrt(costs + artist_penalty * same), row_start=start, k=k))
    return np.concatenate([indices for indices, _ in found]), np.concatenate([values for _, values in found])


def smoothest_path(graph: NeighborGraph, start: int, goal: int, *, p: float = 4.0) -> Indices:
    """Find the way whose steps have the smallest p-norm.

    With p = 1 that is the shortest way, which may leap; the larger p, the more a long step counts, and the more tracks
    there are. With p infinite the largest step is as small as can be, and of all such ways it is the one that is
    smoothest with p = 4.

    Parameters
    ----------
    graph : NeighborGraph
    start, goal : int
        Two tracks.
    p : float
        At least 1.

    Returns
    -------
    (n,) intp
        Tracks from start to goal, none of them twice.

    Raises
    ------
    ValueError
        If a track does not exist, both are the same, or p is below 1.
    AudiosimError
        If no way leads from one to the other.

    Notes
    -----
    O((n_tracks + n_edges) log n_tracks) time.

    References
    ----------
    Dijkstra (1959), "A note on two problems in connexion with graphs", Numerische Mathematik 1, 269-271.

    Examples
    --------
    >>> chain = neighbor_graph(np.array([[1, 2], [0, 2], [1, 0]]), np.array([[0.5, 0.9], [0.5, 0.5], [0.5, 0.9]]))
    >>> smoothest_path(chain, 0, 2).tolist(), smoothest_path(chain, 0, 2, p=1.0).tolist()
    ([0, 1, 2], [0, 2])
    """
    if start == goal or not 0 <= min(start, goal) <= max(start, goal) < graph.n_tracks:
        raise ValueError(f"start and goal must be two tracks in 0 .. {graph.n_tracks - 1}, got {start} and {goal}")
    if not p >= 1.0:
        raise ValueError(f"p must be at least 1, got {p}")
    if np.isinf(p):
        graph = _no_longer_than(graph, _bottleneck(graph, start, goal))
        p = 4.0
    longest = max(float(graph.lengths.max(initial=0.0)), _LEAST_WEIGHT)
    return _cheapest(graph, np.maximum((graph.lengths / longest) ** p, _LEAST_WEIGHT), start, goal)


def _cheapest(graph: NeighborGraph, weights: Costs, start: int, goal: int) -> Indices:
    from scipy.sparse import coo_array  # noqa: PLC0415 - takes its time to import
    from scipy.sparse.csgraph import dijkstra  # noqa: PLC0415

    matrix = coo_array((weights, (graph.rows, graph.columns)), shape=(graph.n_tracks, graph.n_tracks)).tocsr()
    _, before = dijkstra(matrix, directed=False, indices=start, return_predecessors=True)
    if before[goal] < 0:
        raise AudiosimError(
            "no way leads through the neighbours from one track to the other; use --method viterbi, or add music"
        )
    path = [goal]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return np.array(path[::-1], dtype=np.intp)


def smoothest_course(graph: NeighborGraph, stops: Sequence[int], *, p: float = 4.0) -> Indices:
    """The smoothest way through several tracks, in their order; see `smoothest_path`.

    Each part does without the tracks of the parts before it, and without the stops of the parts behind.

    Parameters
    ----------
    graph : NeighborGraph
    stops : sequence of int
        At least two tracks, none of them twice.
    p : float
        As of `smoothest_path`.

    Returns
    -------
    (n,) intp
        Tracks, none of them twice.

    Raises
    ------
    ValueError
        As `smoothest_path`, or if a stop comes twice.
    AudiosimError
        If there is no such way.

    Examples
    --------
    >>> ring = neighbor_graph(np.array([[1, 3], [0, 2], [1, 3], [2, 0]]), np.full((4, 2), 0.5))
    >>> smoothest_course(ring, [0, 2, 3]).tolist()
    [0, 1, 2, 3]
    """
    if len(stops) < 2 or len(set(stops)) < len(stops):
        raise ValueError(f"stops must be at least 2 tracks, none of them twice, got {list(stops)}")
    path = [int(stops[0])]
    for start, goal in pairwise(stops):
        out = np.zeros(graph.n_tracks, dtype=np.bool_)
        out[[*path, *stops]] = True
        out[[start, goal]] = False
        kept = ~(out[graph.rows] | out[graph.columns])
        part = NeighborGraph(graph.n_tracks, graph.rows[kept], graph.columns[kept], graph.lengths[kept])
        path += smoothest_path(part, start, goal, p=p)[1:].tolist()
    return np.array(path, dtype=np.intp)


def _bottleneck(graph: NeighborGraph, start: int, goal: int) -> float:
    """The smallest length of which both tracks hang together; that of the last edge that joins them (Kruskal)."""
    parents = np.arange(graph.n_tracks)

    def root(track: int) -> int:
        while parents[track] != track:
            parents[track] = parents[parents[track]]
            track = int(parents[track])
        return track

    for edge in np.argsort(graph.lengths, kind="stable").tolist():
        parents[root(int(graph.rows[edge]))] = root(int(graph.columns[edge]))
        if root(start) == root(goal):
            return float(graph.lengths[edge])
    return np.inf


def _no_longer_than(graph: NeighborGraph, length: float) -> NeighborGraph:
    kept = graph.lengths <= length
    return NeighborGraph(graph.n_tracks, graph.rows[kept], graph.columns[kept], graph.lengths[kept])
