"""A program that is run to its end, or ended: by a time-out, by Ctrl-C, or because it would wait for too long."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

_LOG_FILE = "log.txt"
_POLL = 0.1  # s
_GRACE = 2.0  # s, between asking the program to end and ending it
_TAIL = 262_144  # bytes of the log that are looked at
_MOST_LOG = 64 * 2**20  # bytes; a program that says more is out of its mind
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# What spotipy, the library of spotdl that asks Spotify, says before it sleeps.
_PATIENCE = re.compile(r"retry will occur after:?\s*(\d{1,9})", re.IGNORECASE)
# Lines that are not folded, in UTF-8, without colours.
_ENVIRONMENT = {"COLUMNS": "400", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1", "TERM": "dumb"}


class StoppedError(Exception):
    """The program was ended because everything is."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended: its exit status, None where it was ended, and the end of what it said.

    `pause` are the seconds that it was going to wait when it was ended for that; `is_late` is a time-out.
    """

    code: int | None
    log: str
    pause: float | None = None
    is_late: bool = False


def run_child(arguments: Sequence[str], *, folder: Path, timeout: float, patience: float, stop: Event) -> Ran:
    """Run a program in a folder, with all of its children in a process group of its own.

    Parameters
    ----------
    arguments : sequence of str
        The program and its arguments.
    folder : Path
        Where it runs, and where its log is kept.
    timeout : float (s)
        When it is ended.
    patience : float (s)
        The longest that it may announce to wait for a service; beyond, it is ended at once.
    stop : Event
        Ends it when set.

    Raises
    ------
    StoppedError
        `stop` was set.
    OSError
        It cannot be started, or there is no room for its log.
    """
    log = folder / _LOG_FILE
    deadline = time.monotonic() + timeout
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - what the user set or has on PATH
            list(arguments),
            cwd=folder,
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return Ran(process.wait(_POLL), _tail(log))
            if stop.is_set():
                raise StoppedError
            said = _tail(log)
            pauses = [float(found) for found in _PATIENCE.findall(said)]
            if pauses and pauses[-1] > patience:
                return Ran(None, said, pause=pauses[-1])
            if time.monotonic() > deadline or log.stat().st_size > _MOST_LOG:
                return Ran(None, said, is_late=True)
    finally:
        _end(process)


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        return _ESCAPES.sub("", file.read(_TAIL).decode(errors="replace"))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program that still runs, with all of its children."""
    if process.poll() is not None:
        return
    _signal(process, "SIGTERM")
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    # Its children may outlive it, an encoder say.
    _signal(process, "SIGKILL")
    process.wait()


def _signal(process: "subprocess.Popen[bytes]", name: str) -> None:
    if sys.platform == "win32":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, getattr(signal, name))
