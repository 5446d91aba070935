"""Degraded copies of tracks: described as `extract` would describe them, and compared with every track of a library."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.audio import sound_of
from audiosim.catalog import Track
from audiosim.distances import Block, Measure
from audiosim.distances.hubness import RowStatistics, rescale
from audiosim.errors import AudioError
from audiosim.features.pooling import standardize
from audiosim.features.statistics import CorpusStatistics
from audiosim.library import Library
from audiosim.recommend.query import row_statistics
from audiosim.sources.degradation import DEGRADATIONS
from audiosim.store import FeatureStore, digest
from audiosim_kernels import device as devices
from audiosim_pipelines.ahead import Job, compute_ahead
from audiosim_pipelines.compared_rows import compared_rows, narrowed
from audiosim_pipelines.decode import attempt, decode_ahead
from audiosim_pipelines.extract import features_of
from audiosim_pipelines.settings import Settings

Values = npt.NDArray[np.float32]

_TRACKS_AT_ONCE = 64  # of the library: 53 MB of MFCC frames of four minutes each, at 43 a second


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """What the measures compare of one degraded copy, by feature; or why there is none.

    `degradation` is None where the track itself cannot be listened to.
    """

    track: Track
    degradation: str | None
    values: Mapping[str, Values] | AudioError


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What copies are compared with: the rows that the matrix of a measure is about, and how these are ranked.

    The fingerprint changes with whatever distances or ranks depend on.
    """

    measure: Measure
    tracks: Sequence[Track]
    features: FeatureStore
    statistics: CorpusStatistics | None
    rescaling: str
    k: int
    of_columns: RowStatistics | None
    fingerprint: str

    @classmethod
    def of(cls, library: Library, settings: Settings, name: str) -> "Target":
        """The target of a measure of audio.

        Raises
        ------
        NotComputedError
            The measure is not compared yet.
        StoreMismatchError
            The library's features were made with other settings.
        """
        of_matrix = compared_rows(library, settings, name)
        method = library.rescaling(name)
        complete = library.catalog.matrix(name)
        assert complete is not None  # its distances are there
        fingerprint, n_rows, details = complete
        table: Mapping[str, Any] = details["table"]  # pyright: ignore[reportAssignmentType] - JSON of our own making
        return cls(
            of_matrix.measure,
            of_matrix.tracks,
            of_matrix.features,
            of_matrix.statistics,
            rescaling=method,
            k=table["k"],
            of_columns=None if method == "none" else row_statistics(of_matrix.distances, len(of_matrix.tracks), method),
            fingerprint=digest([fingerprint, n_rows, method, table["k"], table["version"]]),
        )

    def ranked_by(self, distances: Values) -> Values:
        """What tracks are ranked by, of measured distances (n_copies, n_tracks): rescaled as any query is."""
        if self.of_columns is None:
            return distances
        rows = RowStatistics.of(distances, k=self.k)
        return rescale(distances, rows, self.of_columns, method=self.rescaling).keys  # pyright: ignore[reportArgumentType] - the library's


def copies_of(
    library: Library, settings: Settings, wanted: Mapping[Track, Sequence[str]], *, targets: Sequence[Target]
) -> Generator[Copy]:
    """Make the wanted degradations of tracks, in order; what fails has its place among them.

    Parameters
    ----------
    library, settings
        Whence the tracks are, and how their features are made.
    wanted
        Names of degradations by track.
    targets
        What the copies are to be compared with; features that none of these is about are not kept.

    Notes
    -----
    Memory is some four times that of the longest signal in each thread: 200 MB for ten minutes at 22 050 Hz.
    """
    narrow = narrowed(settings, [target.measure.name for target in targets])
    kept = {target.measure.feature for target in targets}
    n_threads = settings.machine.n_threads

    def jobs(pool: Executor) -> Generator[Job[tuple[Track, str | None], Mapping[str, Values] | AudioError]]:
        for track, signal in _untrimmed(library, settings, wanted, pool):
            if isinstance(signal, AudioError):
                yield Job((track, None), partial(_unheard, signal), 0.0)
                continue
            duration = len(signal) / settings.audio.sample_rate
            for name in wanted[track]:
                yield Job((track, name), partial(_described, narrow, signal, name, kept), duration)

    with ThreadPoolExecutor(n_threads, thread_name_prefix="perturb") as pool:
        for (track, name), values in compute_ahead(pool, jobs(pool), n_ahead=n_threads):
            yield Copy(track, name, values)


def compared(target: Target, copies: Sequence[Mapping[str, Values]], settings: Settings) -> Values:
    """Distances (n_copies, n_tracks) of some copies from the tracks of a target."""
    found = [copy[target.measure.feature] for copy in copies]
    is_frames = target.features.layout.kind == "frames"
    values = np.concatenate(found) if is_frames else np.stack([vector.reshape(-1) for vector in found])
    offsets = np.concatenate([[0], np.cumsum([len(frames) for frames in found])]) if is_frames else None
    query = Block(values if target.statistics is None else standardize(values, target.statistics), offsets)
    device = devices.resolve(settings.machine.device)
    n_threads, n_tracks = 1 if device == "cuda" else settings.machine.n_threads, len(target.tracks)

    def jobs() -> Generator[Job[int, Values]]:
        for start in range(0, n_tracks, _TRACKS_AT_ONCE):
            stop = min(start + _TRACKS_AT_ONCE, n_tracks)
            block = Block.load(target.features, start, stop, statistics=target.statistics)
            pairs = np.stack(np.meshgrid(np.arange(len(found)), np.arange(stop - start), indexing="ij"), axis=-1)
            yield Job(start, partial(target.measure.distances, query, block, pairs.reshape(-1, 2), device=device), 0.0)

    with ThreadPoolExecutor(n_threads, thread_name_prefix="perturb") as pool:
        parts = [part.reshape(len(found), -1) for _, part in compute_ahead(pool, jobs(), n_ahead=n_threads)]
    return np.concatenate(parts, axis=1)


def _untrimmed(
    library: Library, settings: Settings, tracks: Iterable[Track], pool: Executor
) -> Generator[tuple[Track, Values | AudioError]]:
    """The signals of all of a file, or why there is none, one decoded ahead."""
    spec = replace(settings.audio, trim_db=None)
    for track, found in decode_ahead(pool, tracks, library.catalog, spec, hear=_keep_only_the_signal, n_ahead=1):
        yield track, found if isinstance(found, AudioError) else found[0]


def _keep_only_the_signal(_signal: Values, _duration: float) -> None:
    """What is computed of a signal while it is decoded: nothing."""


def _unheard(error: AudioError) -> AudioError:
    """What is computed of a track without a signal: nothing but the reason."""
    return error


def _described(
    settings: Settings, signal: Values, degradation: str, kept: set[str]
) -> Mapping[str, Values] | AudioError:
    """What `extract` would store of a file with the degraded signal, or why it would not."""
    rate = settings.audio.sample_rate
    copy = attempt(partial(DEGRADATIONS[degradation], signal, rate))
    if isinstance(copy, AudioError):
        return copy
    try:
        sound = sound_of(copy, settings.audio)
    except AudioError as error:
        return error
    values = attempt(partial(features_of, settings, sound, len(copy) / rate))
    return values if isinstance(values, AudioError) else {name: values[name] for name in kept}
