"""Asking spotdl for songs and files, again where that makes sense, each time in an empty folder of its own."""

import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TypeVar

from audiosim.errors import SourceError
from audiosim.sources.spotdl_file import Song, read_songs, song_list_text
from audiosim_pipelines.fetch.audit import Heard, audit
from audiosim_pipelines.fetch.child import Ran, StoppedError, run_child
from audiosim_pipelines.fetch.fault import Fault, fault_of
from audiosim_pipelines.fetch.program import ARCHIVE_FILE, ERRORS_FILE, FOUND_FILE, SONG_FILE, Program, arrival
from audiosim_pipelines.fetch.request import matched
from audiosim_pipelines.settings_online import FetchSettings

_FIRST_PAUSE = 5.0  # s, before the second attempt; it doubles
_LEAST_ROOM = 64 * 2**20  # bytes that must be free before something is fetched: a song as WAV
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that is finished, in a folder that holds nothing else of value, and what was heard in it."""

    path: Path
    heard: Heard


@dataclass(frozen=True, slots=True)
class Caller:
    """How spotdl is called.

    `staging` is where it works; `patience` is the longest that a service may ask to wait, in seconds.
    """

    program: Program
    settings: FetchSettings
    staging: Path
    patience: float

    def find(self, query: str, stop: Event) -> tuple[tuple[Song, ...] | Fault, int]:
        """The songs that a query means, at least one, or why there are none; and the number of attempts.

        Raises
        ------
        StoppedError
            `stop` was set.
        """
        return self._insistently(lambda folder: self._find(query, folder, stop), stop)

    def fetch(self, song: Song, stop: Event) -> tuple[Arrived | Fault, int]:
        """A file that is said to be the song, or why there is none; and the number of attempts.

        Raises
        ------
        StoppedError
            `stop` was set.
        """
        return self._insistently(lambda folder: self._fetch(song, folder, stop), stop)

    def _insistently(self, attempt: Callable[[Path], _Result | Fault], stop: Event) -> tuple[_Result | Fault, int]:
        """Attempts until one succeeds or it makes no sense to go on."""
        jitter = random.Random()  # noqa: S311 - no secret
        n_attempts = self.settings.n_attempts
        for number in range(1, n_attempts + 1):
            if stop.is_set():
                raise StoppedError
            result = self._attempt(attempt)
            makes_sense = isinstance(result, Fault) and result.kind in {"passing", "busy"} and result.pause is None
            if not makes_sense or number == n_attempts:
                return result, number
            # All who were turned away together should not come back together.
            if stop.wait(_FIRST_PAUSE * 2.0 ** (number - 1) * jitter.uniform(0.75, 1.25)):
                raise StoppedError
        raise AssertionError("the last attempt returns")

    def _attempt(self, attempt: Callable[[Path], _Result | Fault]) -> _Result | Fault:
        """One attempt, in a folder that is gone afterwards unless something arrived in it."""
        free = shutil.disk_usage(self.staging).free
        if free < _LEAST_ROOM:
            return Fault("full", f"{free // 2**20} MiB are free, {_LEAST_ROOM // 2**20} are needed")
        folder = Path(tempfile.mkdtemp(dir=self.staging))
        is_kept = False
        try:
            result = attempt(folder)
            is_kept = isinstance(result, Arrived)
        except OSError as error:
            return fault_of(Ran(None, f"{type(error).__name__}: {error}"), "", timeout=self.settings.timeout)
        finally:
            if not is_kept:
                shutil.rmtree(folder, ignore_errors=True)
        return result

    def _find(self, query: str, folder: Path, stop: Event) -> tuple[Song, ...] | Fault:
        ran = self._run(self.program.saving(query), folder, stop)
        if ran.code != 0 or not (folder / FOUND_FILE).exists():
            return self._fault(ran, folder)
        try:
            songs = matched(query, read_songs(folder / FOUND_FILE).songs)
        except SourceError as error:
            return Fault("passing", f"spotdl wrote no list of songs: {error.__cause__ or error}")
        return songs or Fault("final", "spotdl finds nothing of that name")

    def _fetch(self, song: Song, folder: Path, stop: Event) -> Arrived | Fault:
        (folder / SONG_FILE).write_text(song_list_text([song]), encoding="utf-8", errors="replace")
        ran = self._run(self.program.downloading(self.settings.format), folder, stop)
        path, archive = folder / arrival(self.settings.format), folder / ARCHIVE_FILE
        # spotdl ends with 0 whatever failed, and enters into its archive what it has finished: a file alone is a part.
        is_finished = ran.code == 0 and archive.exists() and archive.stat().st_size > 0
        if not is_finished or not path.is_file() or path.is_symlink():
            return self._fault(ran, folder)
        return Arrived(path, audit(path, song, tolerance=self.settings.tolerance))

    def _run(self, arguments: list[str], folder: Path, stop: Event) -> Ran:
        return run_child(arguments, folder=folder, timeout=self.settings.timeout, patience=self.patience, stop=stop)

    def _fault(self, ran: Ran, folder: Path) -> Fault:
        errors = folder / ERRORS_FILE
        said = errors.read_text(encoding="utf-8", errors="replace") if errors.exists() else ""
        return fault_of(ran, said, timeout=self.settings.timeout)
