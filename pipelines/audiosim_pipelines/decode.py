"""Decoding ahead: signals in catalog order, while other threads decode the next ones."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from audiosim.audio import AudioSpec, load_with_duration
from audiosim.catalog import Catalog, Track
from audiosim.errors import AudioError
from audiosim_pipelines.ahead import Job, compute_ahead

Signal = npt.NDArray[np.float32]
Heard = TypeVar("Heard")
Result = TypeVar("Result")

_UNKNOWN_DURATION = 600.0  # seconds, for files whose tags do not say


def decode_ahead(
    pool: Executor,
    tracks: Iterable[Track],
    catalog: Catalog,
    spec: AudioSpec,
    *,
    hear: Callable[[Signal, float], Heard],
    n_ahead: int,
) -> Generator[tuple[Track, tuple[Signal, Heard] | AudioError]]:
    """Yield every track with its signal, or with the reason why it has none, in the order of `tracks`.

    Parameters
    ----------
    pool
        Threads that decode.
    tracks, catalog, spec
        What is decoded, and how.
    hear
        What is computed of each signal and of the duration of its file (s), in the thread that decoded it.
    n_ahead
        How many tracks may wait; see `compute_ahead`.
    """

    def jobs() -> Generator[Job[Track, tuple[Signal, Heard] | AudioError]]:
        for track in tracks:
            paths, problem = _unchanged_paths(track, catalog)
            yield Job(track, partial(_decode, paths, problem, spec, hear), track.duration or _UNKNOWN_DURATION)

    return compute_ahead(pool, jobs(), n_ahead=n_ahead)


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


def _decode(
    paths: list[Path], problem: AudioError | None, spec: AudioSpec, hear: Callable[[Signal, float], Heard]
) -> tuple[Signal, Heard] | AudioError:
    """The signal of the first file that gives one; all hold the same bytes, so one failure is worth telling."""
    for path in paths:
        try:
            signal, duration = load_with_duration(path, spec=spec)
        except AudioError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - a fault that one odd file brings to light must not end the run
            problem = AudioError(f"cannot be decoded: {type(error).__name__}: {error}")
        else:
            heard = attempt(lambda: hear(signal, duration))  # noqa: B023 - called at once
            return heard if isinstance(heard, AudioError) else (signal, heard)
    return problem or AudioError("no file holds this track any more; run: audiosim add")


def attempt(compute: Callable[[], Result]) -> Result | AudioError:
    """What is computed of a track, or why it cannot be; so that one odd track costs itself and not the run."""
    try:
        return compute()
    except Exception as error:  # noqa: BLE001 - whatever it is, the track is listed with it
        return AudioError(f"features cannot be computed: {type(error).__name__}: {error}")
