"""Stage 2: tracks become frames and vectors.

Decoding runs ahead in threads; features are computed in batches that mix tracks; rows are committed in catalog order,
so that whatever a killed run had not committed is done again with the same result.
"""

import functools
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Catalog, Failure, Track
from audiosim.errors import AudioError, LibraryError
from audiosim.features.moments import moments
from audiosim.features.pooling import mean_pool
from audiosim.features.spec import MfccSpec
from audiosim.features.statistics import FrameSums, corpus_statistics
from audiosim.library import Library
from audiosim.store import FeatureLayout, FeatureStore, remove_distances, remove_feature, stored_distances
from audiosim_pipelines.decode import Signal, decode_ahead
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.settings import Settings

if TYPE_CHECKING:
    from audiosim.features.mfcc import MfccExtractor

STAGE = "extract"

_COMMIT_TRACKS = 32
_COMMIT_FRAMES = 400_000  # 32 MB of MFCC

Frames = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """Tracks extracted now, tracks that have features in all, tracks that failed, and notes for the reader."""

    n_extracted: int
    n_tracks: int
    n_failures: int
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Batch:
    """Results that are not committed yet."""

    tracks: list[Track] = field(default_factory=list)
    frames: list[Frames] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def is_full(self) -> bool:
        return len(self.tracks) >= _COMMIT_TRACKS or sum(map(len, self.frames)) >= _COMMIT_FRAMES


def layouts(settings: Settings) -> dict[str, FeatureLayout]:
    """What `extract` stores under these settings, by name."""
    spec = settings.mfcc()
    made_with = {"audio": settings.audio.parameters(), "mfcc": spec.parameters()}
    pooled = {**made_with, "pooled_rate": settings.features.pooled_rate}
    return {
        "mfcc": FeatureLayout("mfcc", "frames", spec.n_mfcc, spec.version, made_with),
        "mfcc_pooled": FeatureLayout("mfcc_pooled", "frames", spec.n_mfcc, spec.version, pooled),
        "mfcc_moments": FeatureLayout("mfcc_moments", "vectors", 2 * spec.n_mfcc, spec.version, made_with),
    }


def extract(
    library: Library,
    settings: Settings,
    *,
    retry_failed: bool = False,
    recompute: bool = False,
    refresh_statistics: bool = False,
    progress: Progress | None = None,
) -> ExtractReport:
    """Compute the features of all tracks that lack them.

    Parameters
    ----------
    library, settings
        Where, and with what. Values made with other settings are never mixed with these.
    retry_failed
        Try again what failed before; otherwise a failed track waits until `add` sees a new file of it.
    recompute
        Throw away all features and distances first.
    refresh_statistics
        Compute the corpus statistics anew from all tracks, and drop the distances that depend on them. Otherwise they
        stay as the first complete extraction left them, so that old distances keep their values when a library grows.

    Raises
    ------
    StoreMismatchError
        The library's features were made with other settings.
    """
    progress = progress or Silent()
    catalog = library.catalog
    notes: list[str] = []
    with library.writing():
        if recompute:
            notes.append(_forget_features(library, settings))
        if retry_failed or recompute:
            with catalog.transaction():
                catalog.forget_failures(STAGE)
        stores = {name: FeatureStore.open(library.folder, layout) for name, layout in layouts(settings).items()}
        n_before = len(catalog.rows("mfcc"))
        if any(store.n_rows < n_before for store in stores.values()):
            raise LibraryError(
                f"{library.folder} has lost features that its catalog counts, {n_before} tracks of them; "
                "run: audiosim extract --recompute"
            )
        if pending := _pending(catalog):
            _extract_pending(library, settings, stores, pending, progress)
        n_tracks = len(catalog.rows("mfcc"))
        if refresh_statistics:
            notes.append(_forget_statistics(library, settings))
        if n_tracks and catalog.statistics("mfcc") is None:
            _keep_statistics(catalog, stores, n_tracks)
    return ExtractReport(n_tracks - n_before, n_tracks, len(catalog.failures(STAGE)), tuple(notes))


def _pending(catalog: Catalog) -> list[Track]:
    done = set(catalog.rows("mfcc")) | {failure.track_id for failure in catalog.failures(STAGE)}
    return [track for track in catalog.tracks() if track.track_id not in done]


def _extract_pending(
    library: Library,
    settings: Settings,
    stores: dict[str, FeatureStore],
    pending: Sequence[Track],
    progress: Progress,
) -> None:
    batch = _Batch()

    def signals() -> Generator[tuple[Track, Signal]]:
        for track, decoded in decode_ahead(
            pending, library.catalog, settings.audio, threads=settings.machine.n_threads
        ):
            if isinstance(decoded, AudioError):
                path = track.paths[0] if track.paths else Path(track.label)
                batch.failures.append(Failure(STAGE, path, track.track_id, str(decoded)))
                advance(1)
            else:
                yield track, decoded

    with progress.bar("extract", len(pending), "tracks") as advance:
        for track, frames in _extractor(settings.mfcc()).extract_keyed(signals()):
            batch.tracks.append(track)
            batch.frames.append(frames)
            advance(1)
            if batch.is_full():
                _commit(library.catalog, settings, stores, batch)
        _commit(library.catalog, settings, stores, batch)


@functools.cache
def _extractor(spec: MfccSpec) -> "MfccExtractor":
    """The extractor of a spec; what it compiled serves every later call in the process."""
    from audiosim.features.backend import configure  # noqa: PLC0415 - loads Keras
    from audiosim.features.mfcc import MfccExtractor  # noqa: PLC0415

    # The other threads decode.
    configure(n_threads=1)
    return MfccExtractor(spec)


def _commit(catalog: Catalog, settings: Settings, stores: dict[str, FeatureStore], batch: _Batch) -> None:
    """Write the values, then make them count; empties the batch."""
    first_row = len(catalog.rows("mfcc"))
    if batch.tracks:
        rates = {"frame_rate": settings.mfcc().frame_rate, "target_rate": settings.features.pooled_rate}
        stores["mfcc"].write(first_row, batch.frames)
        stores["mfcc_pooled"].write(first_row, [mean_pool(frames, **rates) for frames in batch.frames])
        stores["mfcc_moments"].write(first_row, [moments(frames) for frames in batch.frames])
    with catalog.transaction():
        for name in stores:
            catalog.commit_rows(name, first_row, [track.track_id for track in batch.tracks])
        for failure in batch.failures:
            catalog.put_failure(failure)
    batch.tracks.clear()
    batch.frames.clear()
    batch.failures.clear()


def _keep_statistics(catalog: Catalog, stores: dict[str, FeatureStore], n_tracks: int) -> None:
    """Mean and spread of every coefficient over all frames, and of every vector component over all tracks."""
    frames = corpus_statistics(map(FrameSums.of, _frames_by_track(stores["mfcc"], n_tracks)))
    vectors = corpus_statistics(FrameSums.of(vector[None]) for vector in stores["mfcc_moments"].vectors(0, n_tracks))
    with catalog.transaction():
        # Pooled frames keep the scale of the frames that they are means of.
        for name, statistics in (("mfcc", frames), ("mfcc_pooled", frames), ("mfcc_moments", vectors)):
            catalog.put_statistics(name, mean=statistics.mean, std=statistics.std, n_frames=statistics.n_frames)


def _frames_by_track(store: FeatureStore, n_tracks: int) -> Generator[Frames]:
    for start in range(0, n_tracks, _COMMIT_TRACKS):
        frames, offsets = store.frames(start, min(start + _COMMIT_TRACKS, n_tracks))
        yield from np.split(frames, offsets[1:-1])


def _forget_statistics(library: Library, settings: Settings) -> str:
    """Drop the statistics of the audio features and the distances that depend on them."""
    catalog = library.catalog
    features = layouts(settings)
    dropped = [
        measure
        for measure, made_of in stored_distances(library.folder).items()
        if made_of["feature"] in features and made_of["statistics_digest"] is not None
    ]
    with catalog.transaction():
        for name in features:
            catalog.drop_statistics(name)
    _forget_distances(library, dropped)
    return f"corpus statistics are refreshed; compare computes anew: {', '.join(dropped) or 'nothing'}"


def _forget_features(library: Library, settings: Settings) -> str:
    """Drop all features, the baseline's vectors among them, and what was computed from them."""
    catalog = library.catalog
    features = {*layouts(settings), *catalog.features()}
    # Distances go first: while they are there, the rows that they are about keep their order.
    stored = stored_distances(library.folder)
    _forget_distances(library, [measure for measure, made_of in stored.items() if made_of["feature"] in features])
    with catalog.transaction():
        for name in features:
            catalog.drop_statistics(name)
            catalog.drop_rows(name)
    for name in features:
        remove_feature(library.folder, name)
    return "all features and distances were thrown away and are computed again"


def _forget_distances(library: Library, measures: Sequence[str]) -> None:
    with library.catalog.transaction():
        for measure in measures:
            library.catalog.drop_matrix(measure)
    for measure in measures:
        remove_distances(library.folder, measure)
