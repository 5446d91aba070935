"""Decoding ahead: signals in catalog order, while other threads decode the next ones."""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audiosim.audio import AudioSpec, load
from audiosim.catalog import Catalog, Track
from audiosim.errors import AudioError

Signal = npt.NDArray[np.float32]

_AHEAD_SECONDS = 3_600.0  # of audio in memory: 318 MB at 22 050 Hz
_UNKNOWN_DURATION = 600.0  # seconds, for files whose tags do not say


def decode_ahead(
    tracks: Iterable[Track], catalog: Catalog, spec: AudioSpec, *, threads: int
) -> Generator[tuple[Track, Signal | AudioError]]:
    """Yield every track with its signal, or with the reason why it has none, in the order of `tracks`.

    Not more is decoded ahead than keeps the threads busy, nor than about an hour of audio, so memory does not grow with
    the number of tracks; a single longer track is decoded alone.
    """
    ahead: deque[tuple[Track, Future[Signal | AudioError], float]] = deque()
    seconds = 0.0
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for track in tracks:
            duration = track.duration or _UNKNOWN_DURATION
            while ahead and (len(ahead) > 2 * threads or seconds + duration > _AHEAD_SECONDS):
                first, future, its_duration = ahead.popleft()
                yield first, future.result()
                del future  # and with it the signal, before the next one is waited for
                seconds -= its_duration
            ahead.append((track, pool.submit(_decode, *_unchanged_paths(track, catalog), spec), duration))
            seconds += duration
        while ahead:
            first, future, _ = ahead.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _unchanged_paths(track: Track, catalog: Catalog) -> tuple[list[Path], AudioError | None]:
    """The files that still hold what was hashed, and why the others do not."""
    paths: list[Path] = []
    problem: AudioError | None = None
    for path in track.paths:
        try:
            status = path.stat()
        except OSError as error:
            problem = AudioError(f"cannot be read: {error.strerror or error}")
            continue
        if catalog.known_file(path, size=status.st_size, mtime_ns=status.st_mtime_ns):
            paths.append(path)
        else:
            problem = AudioError("changed since it was added; run: audiosim add")
    return paths, problem


def _decode(paths: list[Path], problem: AudioError | None, spec: AudioSpec) -> Signal | AudioError:
    """The signal of the first file that gives one; all hold the same bytes, so one failure is worth telling."""
    for path in paths:
        try:
            return load(path, spec=spec)
        except AudioError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - a fault that one odd file brings to light must not end the run
            problem = AudioError(f"cannot be decoded: {type(error).__name__}: {error}")
    return problem or AudioError("no file holds this track any more; run: audiosim add")
