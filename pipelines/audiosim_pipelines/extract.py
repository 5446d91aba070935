"""Stage 2: tracks become frames and vectors.

Every file is decoded once, for all features that its track lacks. Threads decode ahead and compute what a signal tells;
spectra are computed in batches that mix tracks; threads make rows of them. Rows are committed in catalog order, so that
whatever a killed run had not committed is done again with the same result.
"""

import functools
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from audiosim.catalog import Catalog, Failure, Track
from audiosim.errors import AudioError, LibraryError
from audiosim.features.frames import TrackFrames
from audiosim.features.spec import MfccSpec
from audiosim.features.statistics import CorpusStatistics, FrameSums, corpus_statistics
from audiosim.library import Library
from audiosim.store import FeatureStore, remove_distances, remove_feature, stored_distances
from audiosim_pipelines.ahead import Job, compute_ahead
from audiosim_pipelines.analysis import Analysis, Heard, Values
from audiosim_pipelines.decode import attempt, decode_ahead
from audiosim_pipelines.layouts import layouts
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.settings import AUDIO_FEATURES, N_COEFFICIENTS, Settings

if TYPE_CHECKING:
    from audiosim.features.mfcc import MfccExtractor

Key = TypeVar("Key")

STAGE = "extract"

_COMMIT_TRACKS = 32
_COMMIT_FRAMES = 400_000  # 32 MB of MFCC, 20 MB of chroma and onset strength


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """Tracks extracted now, tracks that have all features in all, tracks that failed, and notes for the reader."""

    n_extracted: int
    n_tracks: int
    n_failures: int
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Batch:
    """Results that are not committed yet: tracks with their rows by feature, and failures."""

    tracks: list[Track] = field(default_factory=list)
    rows: list[dict[str, Values]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def put(self, track: Track, values: dict[str, Values] | AudioError) -> None:
        """Take a track with its rows, or with the reason why it has none."""
        if isinstance(values, AudioError):
            self.fail(track, values)
        else:
            self.tracks.append(track)
            self.rows.append(values)

    def fail(self, track: Track, error: AudioError) -> None:
        """Take a track that has no rows."""
        path = track.paths[0] if track.paths else Path(track.label)
        self.failures.append(Failure(STAGE, path, track.track_id, str(error)))

    def is_full(self) -> bool:
        """Whether it is time to commit."""
        n_frames = sum(max(map(len, rows.values())) for rows in self.rows)
        return len(self.tracks) >= _COMMIT_TRACKS or n_frames >= _COMMIT_FRAMES


class _Rows:
    """The stores of the wanted features, and the tracks whose rows in them count.

    Features differ in their tracks, and in the order of these, where a family was wanted later than another.
    """

    def __init__(self, library: Library, settings: Settings) -> None:
        self._catalog = library.catalog
        self._stores = {name: FeatureStore.open(library.folder, layout) for name, layout in layouts(settings).items()}
        # Dictionaries, since they keep the order of rows.
        self._tracks = {name: dict.fromkeys(self._catalog.rows(name)) for name in self._stores}
        lost = {name: len(self._tracks[name]) for name, s in self._stores.items() if s.n_rows < len(self._tracks[name])}
        if lost:
            raise LibraryError(
                f"{library.folder} has lost features that its catalog counts, {max(lost.values())} tracks of them "
                f"({', '.join(lost)}); run: audiosim extract --recompute"
            )

    def complete(self) -> set[str]:
        """Ids of the tracks that have all of the features."""
        return set.intersection(*(set(tracks) for tracks in self._tracks.values()))

    def commit(self, batch: _Batch) -> None:
        """Write the values that are lacking, then make them count; empties the batch."""
        new: dict[str, list[str]] = {}
        for name, store in self._stores.items():
            lacking = [i for i, track in enumerate(batch.tracks) if track.track_id not in self._tracks[name]]
            if lacking:
                store.write(len(self._tracks[name]), [batch.rows[i][name] for i in lacking])
                new[name] = [batch.tracks[i].track_id for i in lacking]
        with self._catalog.transaction():
            for name, track_ids in new.items():
                self._catalog.commit_rows(name, len(self._tracks[name]), track_ids)
            for failure in batch.failures:
                self._catalog.put_failure(failure)
        for name, track_ids in new.items():
            self._tracks[name] |= dict.fromkeys(track_ids)
        batch.tracks.clear()
        batch.rows.clear()
        batch.failures.clear()


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
            notes.append(_forget_features(library))
        if retry_failed or recompute:
            with catalog.transaction():
                catalog.forget_failures(STAGE)
        rows = _Rows(library, settings)
        before = rows.complete()
        if pending := _pending(catalog, before):
            _extract_pending(library, settings, rows, pending, progress)
        after = rows.complete()
        if refresh_statistics:
            notes.append(_forget_statistics(library))
        _keep_statistics(library)
    return ExtractReport(len(after) - len(before), len(after), len(catalog.failures(STAGE)), tuple(notes))


def features_of(settings: Settings, signal: Values, duration: float) -> dict[str, Values]:
    """What `extract` would store of a signal (n_samples,) from a file of so many seconds, by feature.

    Raises
    ------
    ValueError
        If the signal or a value is not finite.
    """
    analysis = Analysis(settings)
    heard = analysis.hear(signal, duration)
    ((_, frames),) = _with_frames(settings, analysis, [("signal", signal)])
    return analysis.rows(heard, frames)


def _pending(catalog: Catalog, complete: set[str]) -> list[Track]:
    done = complete | {failure.track_id for failure in catalog.failures(STAGE)}
    return [track for track in catalog.tracks() if track.track_id not in done]


def _extract_pending(
    library: Library, settings: Settings, rows: _Rows, pending: Sequence[Track], progress: Progress
) -> None:
    analysis, batch, threads = Analysis(settings), _Batch(), settings.machine.n_threads
    pool = ThreadPoolExecutor(threads, thread_name_prefix="extract")

    def signals() -> Generator[tuple[tuple[Track, Heard], Values]]:
        decoded = decode_ahead(pool, pending, library.catalog, settings.audio, hear=analysis.hear, n_ahead=2 * threads)
        for track, found in decoded:
            if isinstance(found, AudioError):
                batch.fail(track, found)
                advance(1)
            else:
                yield (track, found[1]), found[0]

    def jobs() -> Generator[Job[Track, dict[str, Values] | AudioError]]:
        for (track, heard), frames in _with_frames(settings, analysis, signals()):
            yield Job(track, partial(attempt, partial(analysis.rows, heard, frames)), heard.duration)

    try:
        with progress.bar("extract", len(pending), "tracks") as advance:
            for track, values in compute_ahead(pool, jobs(), n_ahead=2 * threads):
                batch.put(track, values)
                advance(1)
                if batch.is_full():
                    rows.commit(batch)
            rows.commit(batch)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _with_frames(
    settings: Settings, analysis: Analysis, items: Iterable[tuple[Key, Values]]
) -> Iterator[tuple[Key, TrackFrames | None]]:
    """The frames of every signal with the signal's key, or no frames where nothing is made of them."""
    if not analysis.needs_frames:
        return ((key, None) for key, _ in items)
    spec = settings.mfcc()
    n_coefficients = max(spec.n_mfcc, N_COEFFICIENTS)
    return _extractor(spec, n_coefficients=n_coefficients, keep_mel=analysis.needs_mel).extract_keyed(items)


@functools.cache
def _extractor(spec: MfccSpec, *, n_coefficients: int, keep_mel: bool) -> "MfccExtractor":
    """The extractor of a spec; what it compiled serves every later call in the process."""
    from audiosim.features.backend import configure  # noqa: PLC0415 - loads Keras
    from audiosim.features.mfcc import MfccExtractor  # noqa: PLC0415

    # The other threads decode.
    configure(n_threads=1)
    return MfccExtractor(spec, n_coefficients=n_coefficients, keep_mel=keep_mel)


def _keep_statistics(library: Library) -> None:
    """Mean and spread of every coefficient over all frames, and of every vector component over all tracks.

    Only of features that have none yet: they stay as the first complete extraction left them.
    """
    catalog = library.catalog
    kept: dict[str, CorpusStatistics] = {}
    if _lacks_statistics(catalog, "mfcc"):
        frames = _frames_by_track(FeatureStore.read(library.folder, "mfcc"), len(catalog.rows("mfcc")))
        # Pooled frames keep the scale of the frames that they are means of.
        kept["mfcc"] = kept["mfcc_pooled"] = corpus_statistics(map(FrameSums.of, frames))
    for name in ("mfcc_moments", "descriptor_vectors"):
        if _lacks_statistics(catalog, name):
            vectors = FeatureStore.read(library.folder, name).vectors(0, len(catalog.rows(name)))
            kept[name] = corpus_statistics(FrameSums.of(vector[None]) for vector in vectors)
    if kept:
        with catalog.transaction():
            for name, statistics in kept.items():
                catalog.put_statistics(name, mean=statistics.mean, std=statistics.std, n_frames=statistics.n_frames)


def _lacks_statistics(catalog: Catalog, name: str) -> bool:
    return bool(catalog.rows(name)) and catalog.statistics(name) is None


def _frames_by_track(store: FeatureStore, n_tracks: int) -> Generator[Values]:
    for start in range(0, n_tracks, _COMMIT_TRACKS):
        frames, offsets = store.frames(start, min(start + _COMMIT_TRACKS, n_tracks))
        yield from np.split(frames, offsets[1:-1])


def _forget_statistics(library: Library) -> str:
    """Drop the statistics of the audio features and the distances that depend on them."""
    catalog = library.catalog
    dropped = [
        measure
        for measure, made_of in stored_distances(library.folder).items()
        if made_of["feature"] in AUDIO_FEATURES and made_of["statistics_digest"] is not None
    ]
    with catalog.transaction():
        for name in AUDIO_FEATURES:
            catalog.drop_statistics(name)
    _forget_distances(library, dropped)
    return f"corpus statistics are refreshed; compare computes anew: {', '.join(dropped) or 'nothing'}"


def _forget_features(library: Library) -> str:
    """Drop all features, the baseline's vectors among them, and what was computed from them."""
    catalog = library.catalog
    features = {*AUDIO_FEATURES, *catalog.features()}
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
