"""Libraries in processes of their own, so that neither their threads nor their pins meet ours."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from audiosim_pipelines.bench.peer_worker import Job

WORKER = Path(__file__).with_name("peer_worker.py")
_OWN_PATH = os.pathsep.join(path for path in sys.path if path)


class PeerMissingError(Exception):
    """A library that cannot be loaded; the text says why."""


class PeerProcess:
    """A library that has been loaded and waits for jobs; a context manager.

    Parameters
    ----------
    name
        Key in `peer_worker.PEERS`.
    tracks
        File that `numpy.save` wrote.
    python
        Interpreter that has the library.
    n_threads
        What libraries with OpenMP may use at most.

    Raises
    ------
    PeerMissingError
        If the library cannot be imported there.
    """

    def __init__(self, name: str, tracks: Path, *, python: str = sys.executable, n_threads: int) -> None:
        self.name = name
        # A pool that spins while it waits would take the next library's core.
        environment = {**os.environ, "OMP_NUM_THREADS": str(n_threads), "OMP_WAIT_POLICY": "passive"}
        if python == sys.executable:
            environment["PYTHONPATH"] = _OWN_PATH
        else:
            environment.pop("PYTHONPATH", None)
        self._process = subprocess.Popen(  # noqa: S603
            [python, "-W", "ignore", str(WORKER), name, str(tracks)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        loaded = self._read()
        if "version" not in loaded:
            self.close()
            raise PeerMissingError(loaded.get("missing") or loaded.get("error") or "it could not be started")
        self.version = str(loaded["version"])

    def run(self, job: Job) -> tuple[float, list[float]]:
        """Seconds that a job took inside the library, and its distances; RuntimeError with the library's reason."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job._asdict()) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return float(answer["seconds"]), list(answer["distances"])

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._process.stdin.close()  # pyright: ignore[reportOptionalMemberAccess]
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()  # pyright: ignore[reportOptionalMemberAccess]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"error": f"its process ended with code {self._process.wait()}"}


def start(name: str, tracks: Path, *, pythons: Sequence[str], n_threads: int) -> PeerProcess:
    """The library in the first of the interpreters that has it; PeerMissingError with the first one's reason."""
    reasons: list[str] = []
    for python in pythons:
        try:
            return PeerProcess(name, tracks, python=python, n_threads=n_threads)
        except (PeerMissingError, OSError) as error:
            reasons.append(str(error))
    raise PeerMissingError(reasons[0])
