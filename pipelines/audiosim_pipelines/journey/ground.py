"""What the library knows for a journey: where tracks lie, how they sound against one another, how long they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track
from audiosim.distances.hubness import Rescaling, rescale
from audiosim.errors import AudiosimError, NotComputedError
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.library import Library
from audiosim.recommend.journey.course import places_between, rank_transform
from audiosim.recommend.journey.seams import SECONDS, SeamScale, moments
from audiosim.recommend.journey.walk import Indices, Terrain, Transition
from audiosim.recommend.neighbors import percentile
from audiosim.recommend.query import row_statistics
from audiosim.sources.fold import fold, fold_name
from audiosim.store import FeatureStore
from audiosim_pipelines.baseline import official_features
from audiosim_pipelines.features import descriptor_table
from audiosim_pipelines.journey.request import JourneyRequest

SEAM_FEATURE = "mfcc_pooled"
_MOODS = ("energy", "valence")
_BOUNDED: tuple[Rescaling, ...] = ("mp_gauss", "mp_empirical", "local_scaling")
_N_SAMPLE = 200

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a journey stands on.

    Attributes
    ----------
    tracks : list of Track
        Those that can be part of it.
    terrain : Terrain
        Of these tracks.
    axes : tuple of str
        What the coordinates are.
    seconds : np.ndarray [shape=(n_tracks,), float64]
        Playing times, NaN where unknown.
    energy : np.ndarray [shape=(n_tracks,), float64] or None
        To sort by, for comparison; None where the space is not mood.
    """

    tracks: list[Track]
    terrain: Terrain
    axes: tuple[str, ...]
    seconds: Values
    energy: Values | None


def survey(library: Library, request: JourneyRequest) -> Ground:
    """Read what a journey needs.

    Raises
    ------
    NotComputedError
        Something is not computed yet, or a stop lacks it.
    AudiosimError
        No table of official features was imported.
    """
    measured = library.distances(request.compared_by)[1]
    row_of = {track.track_id: row for row, track in enumerate(measured)}
    moods: Values | None = None
    tracks = measured
    if request.space == "mood":
        known, values = _official(library) if request.is_official else _estimated(library)
        kept = [i for i, track in enumerate(known) if track.track_id in row_of]
        tracks, moods = [known[i] for i in kept], values[kept]
    if not tracks:
        raise NotComputedError("no track has what a journey needs; run: audiosim run")
    columns = np.array([row_of[track.track_id] for track in tracks], dtype=np.intp)
    transition = _matrix_transition(library, request.compared_by, columns)
    seconds = np.array([track.duration or np.nan for track in tracks], dtype=np.float64)
    artists = [fold_name(track.artist) or None if track.artist else None for track in tracks]
    songs = [fold(track.artist, track.title) or None if track.artist and track.title else None for track in tracks]
    if moods is None:
        places, axes = _between(library, request, tracks, columns)
    else:
        origin = "official" if request.is_official else "estimated"
        places, axes = rank_transform(moods), tuple(f"{name}, {origin}" for name in _MOODS)
    if request.has_seams:
        transition = _seam_transition(library, tracks, seed=request.seed)
    energy = None if moods is None else moods[:, 0]
    return Ground(tracks, Terrain(places, artists, transition, songs), axes, seconds, energy)


def _estimated(library: Library) -> tuple[list[Track], Values]:
    """Own energy and valence."""
    table = descriptor_table(library)
    columns = [DESCRIPTORS.index(f"{name}_est") for name in _MOODS]
    return table.tracks, table.values[:, columns]


def _official(library: Library) -> tuple[list[Track], Values]:
    """Energy and valence of the imported table."""
    coverage = official_features(library)
    if coverage is None:
        raise AudiosimError("no feature table was imported; run: audiosim baseline import TABLE")
    if missing := [name for name in _MOODS if name not in coverage.names]:
        raise AudiosimError(f"the imported table must have energy and valence, it lacks {' and '.join(missing)}")
    tracks = library.tracks()
    columns = [coverage.names.index(name) for name in _MOODS]
    return [tracks[i] for i in coverage.matched], coverage.values[:, columns]


def _between(
    library: Library, request: JourneyRequest, tracks: Sequence[Track], columns: Indices
) -> tuple[Values, tuple[str, ...]]:
    """Ranks of distances to the stops, in the space's own measure."""
    number = {track.track_id: i for i, track in enumerate(tracks)}
    if absent := [track_id for track_id in request.stops if track_id not in number]:
        raise NotComputedError(
            f"track {absent[0][:12]} has no {request.space!r} distances, or has left the library; what failed: "
            f"audiosim status --failures --library {library.folder}"
        )
    rows = np.array([number[track_id] for track_id in request.stops], dtype=np.intp)
    if request.compared_by != request.space:
        measured = library.distances(request.space)[1]
        row_of = {track.track_id: row for row, track in enumerate(measured)}
        if any(track.track_id not in row_of for track in tracks):
            raise NotComputedError(
                f"{request.space!r} and {request.compared_by!r} must be compared for the same tracks; "
                f"run: audiosim compare --library {library.folder}"
            )
        columns = np.array([row_of[track.track_id] for track in tracks], dtype=np.intp)
    distances = _matrix_transition(library, request.space, columns)(rows, np.arange(len(tracks)))
    distances[np.arange(len(rows)), rows] = -1.0  # before what sounds the same, too
    return places_between(distances), tuple(f"distance to {tracks[row].label}" for row in rows)


def _matrix_transition(library: Library, measure: str, columns: Indices) -> Transition:
    """Dissimilarities of a matrix between 0 and 1, in rows that are read when they are first asked for."""
    store, tracks = library.distances(measure)
    method, n_rows = library.rescaling(measure), len(tracks)
    complete = library.catalog.matrix(measure)
    assert complete is not None
    quantiles = np.asarray(complete[2]["quantiles"], dtype=np.float64)
    statistics = row_statistics(store, n_rows, method) if method in _BOUNDED else None

    def read(row: int) -> npt.NDArray[np.float32]:
        at = int(columns[row])
        block = store.read_block(slice(at, at + 1), slice(0, n_rows))
        if statistics is None:  # without a rescaling that has bounds: the share of all pairs that are nearer
            shares = percentile(block[0], quantiles) / 100.0
            return shares[columns].astype(np.float32)
        return rescale(block, statistics.take([at]), statistics, method=method).distances[0, columns]

    return _remembering(read)


def _remembering(read: Callable[[int], npt.NDArray[np.float32]]) -> Transition:
    known: dict[int, npt.NDArray[np.float32]] = {}

    def transition(rows: Indices, columns: Indices) -> npt.NDArray[np.float64]:
        for row in rows.tolist():
            if row not in known:
                known[row] = read(row)
        return np.stack([known[row][columns] for row in rows.tolist()]).astype(np.float64)

    return transition


def _seam_transition(library: Library, tracks: Sequence[Track], *, seed: int) -> Transition:
    """Tails against heads, each read when it is first asked for."""
    row_of = {track_id: row for row, track_id in enumerate(library.catalog.rows(SEAM_FEATURE))}
    if absent := next((track.label for track in tracks if track.track_id not in row_of), None):
        raise NotComputedError(
            f"{absent!r} has no {SEAM_FEATURE!r} frames, which tell how tracks begin and end; "
            f"run: audiosim extract --library {library.folder}"
        )
    store = FeatureStore.read(library.folder, SEAM_FEATURE)
    n_frames = max(1, round(SECONDS * float(str(store.layout.parameters["pooled_rate"]))))
    known: dict[int, tuple[Values, Values]] = {}

    def ends(rows: Indices, side: int) -> Values:
        for row in rows.tolist():
            if row not in known:
                at = row_of[tracks[row].track_id]
                known[row] = moments(store.frames(at, at + 1)[0], n_frames=n_frames)
        return np.stack([known[row][side] for row in rows.tolist()])

    rng = np.random.default_rng(seed)
    sample = np.sort(rng.choice(len(tracks), size=min(_N_SAMPLE, len(tracks)), replace=False))
    if len(sample) < 2:
        return lambda rows, columns: np.zeros((len(rows), len(columns)))
    scale = SeamScale.of(ends(sample, 0), ends(sample, 1))
    return lambda rows, columns: scale.dissimilarity(ends(rows, 1), ends(columns, 0))
