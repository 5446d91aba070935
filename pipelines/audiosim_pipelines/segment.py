"""A passage as a question: what sounds like a stretch of a track, and where.

The stretch is taken from the file and described as `extract` would describe it if it were a file of its own. No stored
distance is about it, so it is compared with every track of the library.
"""

import math
import re
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audiosim.audio import sound_of, trim
from audiosim.catalog import Catalog, Track
from audiosim.distances import Block, Dtw, Measure, Version
from audiosim.distances.passage import Matches, find_passage
from audiosim.errors import AudioError, SettingsError
from audiosim.features.pooling import standardize
from audiosim.features.statistics import CorpusStatistics
from audiosim.library import Library
from audiosim.store import FeatureStore
from audiosim_kernels import device as devices
from audiosim_pipelines.ahead import Job, compute_ahead
from audiosim_pipelines.compared_rows import compared_rows, narrowed
from audiosim_pipelines.decode import attempt, decode_ahead
from audiosim_pipelines.extract import features_of
from audiosim_pipelines.pages.notation import clock
from audiosim_pipelines.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

Values = npt.NDArray[np.float32]

SHORTEST = 0.5  # seconds of sound: one frame of those that dtw and version compare by default

_ROUNDED = 1.0  # seconds by which a player may show more than there is
_TRACKS_AT_ONCE = 64  # 53 MB of MFCC frames of four minutes each, at 43 a second
_UNSEEKABLE = {
    "baseline": "compares rows of a feature table, which say nothing of a passage",
    "cosine_frames": "compares frames at the same place, and so would compare a passage with beginnings alone",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """What a passage is compared with: rows of the feature that the matrix of a measure is about."""

    measure: Measure
    tracks: Sequence[Track]
    features: FeatureStore
    statistics: CorpusStatistics | None
    settings: Settings  # of the library, but for the features that the measure does not read
    device: str


def seconds_of(text: str) -> float:
    """Read a time as players show it, or a number of seconds.

    Raises
    ------
    ValueError
        It is none.

    Examples
    --------
    >>> seconds_of("1:05"), seconds_of("65.5"), seconds_of("1:00:00")
    (65.0, 65.5, 3600.0)
    """
    if re.fullmatch(r"([0-9]{1,9}:){0,2}[0-9]{1,9}(\.[0-9]+)?", text):
        numbers = [float(part) for part in text.split(":")]
        if all(number < 60.0 for number in numbers[1:]):
            return math.fsum(number * 60.0**power for power, number in enumerate(reversed(numbers)))
    raise ValueError(f"a time must be seconds, m:ss or h:mm:ss, with decimals or without, got {text!r}")


def short_clock(seconds: float) -> str:
    """A time as players show it, with a tenth of a second where it is no whole one.

    Examples
    --------
    >>> short_clock(65.0), short_clock(65.25)
    ('1:05', '1:05.2')
    """
    return clock(seconds, n_decimals=0 if seconds == round(seconds) else 1)


def nearest_to_segment(
    library: Library,
    settings: Settings,
    track: str | Track,
    start: float = 0.0,
    stop: float | None = None,
    *,
    measure: str = "dtw",
    k: int = 10,
    rescaling: str | None = None,
    artist_cap: int | None = None,
    exclude: Sequence[str | Track] = (),
    exclude_artists: Sequence[str] = (),
) -> "pd.DataFrame":
    """The tracks nearest to a stretch of a track.

    dtw and version seek the stretch in every track, see `audiosim.distances.passage`. The other measures compare its
    sound with that of whole tracks; descriptors gives it the duration of its own.

    Parameters
    ----------
    library, settings
        Where, and what its features are made with.
    track
        Whence the stretch is, as `Library.find` understands it. Itself it is no result: the stretch lies in it.
    start, stop : float (s)
        Of the stretch, in the file as players show it; None: to the end of the file. A stretch that ends less than a
        second behind the file, as where a player rounds up, ends with it.
    measure, k, rescaling, artist_cap, exclude, exclude_artists
        As in `Library.nearest`.

    Returns
    -------
    pandas.DataFrame
        As `Library.nearest` with one seed, and columns start and stop: where in the file of each track the stretch was
        found, in seconds; NaN where the measure compares whole tracks, or the file is not there to tell how much
        silence was trimmed. The percentile is among distances of whole tracks: from a passage to where it is found it
        is less far than from one track to another.

    Raises
    ------
    SettingsError
        The times are none of the file, or the measure cannot compare a passage.
    AudioError
        The file is gone, was changed or cannot be decoded, or there is too little sound in the stretch.
    TrackNotFoundError, NotComputedError, ValueError
        As `Library.nearest` raises them.
    StoreMismatchError
        The library's features were made with other settings.

    Notes
    -----
    The track, and k more where there is silence to be trimmed, are decoded. Tracks are compared 64 at a time on
    `machine.threads` threads or the GPU; memory is that of the longest track's signal and of some 64 tracks' features.

    Examples
    --------
    >>> nearest_to_segment(library, settings, "Artist - Title", 65.0, 85.0, k=3)  # doctest: +SKIP
    """
    _check_times(start, stop)
    target = _target(library, settings, measure)
    cut_from = library.find(track) if isinstance(track, str) else track
    values = _features_of_stretch(library.catalog, target, cut_from, start, stop)
    matches = _compared(target, values)
    row_of = {member.track_id: row for row, member in enumerate(target.tracks)}
    if cut_from.track_id in row_of:
        matches.distances[row_of[cut_from.track_id]] = np.nan
    table = library.nearest_to_row(
        matches.distances,
        measure=measure,
        k=k,
        rescaling=rescaling,
        artist_cap=artist_cap,
        exclude=exclude,
        exclude_artists=exclude_artists,
    )
    rows = [row_of[track_id] for track_id in table["track_id"]]
    return table.assign(**_places(library.catalog, target, rows, matches))


def _check_times(start: float, stop: float | None) -> None:
    if not 0.0 <= start < math.inf:
        raise SettingsError(f"a stretch must start at 0 s or later, got {start:g}")
    if stop is None:
        return
    if not start < stop < math.inf:
        raise SettingsError(f"a stretch must end after it starts, got {short_clock(start)} to {short_clock(stop)}")
    if stop - start < SHORTEST:
        raise SettingsError(f"a stretch must last at least {SHORTEST:g} s, got {stop - start:g}")


def _target(library: Library, settings: Settings, name: str) -> _Target:
    """What the matrix of a measure was compared from."""
    if name in _UNSEEKABLE:
        raise SettingsError(f"{name} {_UNSEEKABLE[name]}; choose another measure")
    of_matrix = compared_rows(library, settings, name)
    device = devices.resolve(settings.machine.device)
    return _Target(
        of_matrix.measure,
        of_matrix.tracks,
        of_matrix.features,
        of_matrix.statistics,
        narrowed(settings, [name]),
        device,
    )


def _features_of_stretch(catalog: Catalog, target: _Target, track: Track, start: float, stop: float | None) -> Values:
    """What the measure compares, of a stretch: frames (n_frames, n_dims), or one vector (1, n_dims)."""
    ((_, signal),) = _untrimmed(catalog, target.settings, [track])
    if isinstance(signal, AudioError):
        raise AudioError(f"{track.label!r} cannot be listened to: {signal}") from signal
    spec = target.settings.audio
    duration = len(signal) / spec.sample_rate
    end = duration if stop is None else min(stop, duration)
    if (duration if stop is None else stop) >= duration + _ROUNDED or end - start < SHORTEST:
        asked = f"from {short_clock(start)} to {'the end' if stop is None else short_clock(stop)}"
        raise SettingsError(
            f"a stretch must lie within its track and last at least {SHORTEST:g} s; {track.label!r} lasts "
            f"{short_clock(duration)}, got {asked}"
        )
    first, last = round(start * spec.sample_rate), round(end * spec.sample_rate)
    where = f"{track.label!r} from {short_clock(start)} to {short_clock(end)}"
    try:
        sound = sound_of(signal[first:last].copy(), spec)
    except AudioError as error:
        raise AudioError(f"{where}: {error}") from error
    if len(sound) < round(SHORTEST * spec.sample_rate):
        raise AudioError(f"{where} holds {len(sound) / spec.sample_rate:.1f} s of sound; give a longer stretch")
    del signal
    # Descriptors name the duration: that of the track, or passages would be near to short tracks.
    values = attempt(partial(features_of, target.settings, sound, duration))
    if isinstance(values, AudioError):
        raise AudioError(f"{where}: {values}") from values
    found = values[target.measure.feature]
    return found if found.ndim == 2 else found[None]


def _compared(target: _Target, values: Values) -> Matches:
    """Distances to all tracks, and where in their frames the stretch was found; -1 where nothing was sought."""
    offsets = np.array([0, len(values)]) if target.features.layout.kind == "frames" else None
    query = Block(values if target.statistics is None else standardize(values, target.statistics), offsets)
    n_threads = 1 if target.device == "cuda" else target.settings.machine.n_threads
    n_tracks = len(target.tracks)

    def jobs() -> Generator[Job[int, Matches]]:
        for start in range(0, n_tracks, _TRACKS_AT_ONCE):
            block = Block.load(
                target.features, start, min(start + _TRACKS_AT_ONCE, n_tracks), statistics=target.statistics
            )
            yield Job(start, partial(_compare_block, target, query, block), 0.0)

    with ThreadPoolExecutor(n_threads, thread_name_prefix="segment") as pool:
        parts = [part for _, part in compute_ahead(pool, jobs(), n_ahead=n_threads)]
    return Matches(
        np.concatenate([part.distances for part in parts]),
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.stops for part in parts]),
    )


def _compare_block(target: _Target, query: Block, block: Block) -> Matches:
    if isinstance(target.measure, Dtw | Version):
        return find_passage(target.measure, query, block, device=target.device)
    n_tracks = len(block.values)
    pairs = np.stack([np.zeros(n_tracks, dtype=np.int64), np.arange(n_tracks)], axis=1)
    nowhere = np.full(n_tracks, -1, dtype=np.int64)
    return Matches(target.measure.distances(query, block, pairs, device=target.device), nowhere, nowhere)


def _places(catalog: Catalog, target: _Target, rows: Sequence[int], matches: Matches) -> dict[str, list[float]]:
    """Where the stretch was found in the files of some of the tracks, in seconds."""
    if not isinstance(target.measure, Dtw | Version):
        return {"start": [math.nan] * len(rows), "stop": [math.nan] * len(rows)}
    features = target.settings.features
    rate = target.settings.mfcc().frame_rate if target.measure.feature == "mfcc" else features.pooled_rate
    sounds = _sounds(catalog, target.settings, [target.tracks[row] for row in rows])
    starts = [first + matches.starts[row] / rate for row, (first, _) in zip(rows, sounds, strict=True)]
    # The last frame may stand for more time than there is.
    stops = [
        last if math.isnan(last) else min(first + matches.stops[row] / rate, last)
        for row, (first, last) in zip(rows, sounds, strict=True)
    ]
    return {"start": [float(start) for start in starts], "stop": [float(stop) for stop in stops]}


def _sounds(catalog: Catalog, settings: Settings, tracks: Iterable[Track]) -> list[tuple[float, float]]:
    """Where in its file the sound of each track begins and ends, in seconds; NaN where the file cannot tell."""
    spec = settings.audio
    if spec.trim_db is None:
        return [(0.0, math.inf) for _ in tracks]
    bounds: list[tuple[float, float]] = []
    for _, signal in _untrimmed(catalog, settings, tracks):
        if isinstance(signal, AudioError):
            bounds.append((math.nan, math.nan))
            continue
        kept = trim(signal, trim_db=spec.trim_db)
        # `trim` gives a view, so that where it begins is where its first sample lies.
        first = (kept.ctypes.data - signal.ctypes.data) // signal.itemsize
        bounds.append((first / spec.sample_rate, (first + len(kept)) / spec.sample_rate))
    return bounds


def _untrimmed(
    catalog: Catalog, settings: Settings, tracks: Iterable[Track]
) -> Generator[tuple[Track, Values | AudioError]]:
    """The signals of all of a file, or why there is none."""
    spec, n_threads = replace(settings.audio, trim_db=None), settings.machine.n_threads
    with ThreadPoolExecutor(n_threads, thread_name_prefix="segment") as pool:
        decoded = decode_ahead(pool, tracks, catalog, spec, hear=_keep_only_the_signal, n_ahead=n_threads)
        for track, found in decoded:
            yield track, found if isinstance(found, AudioError) else found[0]


def _keep_only_the_signal(_signal: Values, _duration: float) -> None:
    """What is computed of a signal while it is decoded: nothing."""
