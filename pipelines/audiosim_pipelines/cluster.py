# pyright: basic
"""Where tiles are computed: Dask threads, Dask processes, or a running Dask scheduler. The only importer of dask."""

import contextlib
import logging
import socket
import warnings
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from dask import config
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed
from distributed.comm.addressing import get_address_host_port
from distributed.comm.core import CommClosedError

from audiosim.errors import AudiosimError

_CONNECT_SECONDS = 10
_LOOPBACK = "127.0.0.1:0"

Key = TypeVar("Key")
Result = TypeVar("Result")


def _is_of_concern(record: logging.LogRecord) -> bool:
    """Whether what asyncio reports is more than a deadline that nobody waits for any more.

    Dask's senders of messages wait with one. If they are ended meanwhile, it passes all the same, and asyncio says so
    whenever it clears up, after the workers are gone.
    """
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    is_left_over = isinstance(error, TimeoutError) and str(error) == "Timeout"
    return not (is_left_over and record.getMessage().startswith("Future exception was never retrieved"))


logging.getLogger("asyncio").addFilter(_is_of_concern)


class Cluster:
    """A connected Dask client, and how many tasks keep it busy."""

    def __init__(self, client: Client, n_slots: int) -> None:
        self._client = client
        self._n_slots = n_slots

    def run(
        self, function: Callable[..., Result], tasks: Iterable[tuple[Key, tuple[Any, ...]]]
    ) -> Generator[tuple[Key, Result]]:
        """Run `function(*arguments)` for every (key, arguments), and yield (key, result) as they end.

        Tasks are drawn from the iterable only as fast as they are run, so what they carry stays bounded.
        """
        keys: dict[str, Key] = {}
        running = as_completed()
        waiting = iter(tasks)
        for key, arguments in islice(waiting, 2 * self._n_slots):
            running.add(self._submit(function, key, arguments, keys))
        for future in running:
            yield keys.pop(str(future.key)), _result(future)
            future.release()
            for key, arguments in islice(waiting, 1):
                running.add(self._submit(function, key, arguments, keys))

    def share(self, value: object) -> object:
        """Send a value to the workers once; what is returned stands for it among the arguments of tasks."""
        return self._client.scatter(value, hash=False)

    def _submit(
        self, function: Callable[..., Result], key: Key, arguments: tuple[Any, ...], keys: dict[str, Key]
    ) -> "Future[Result]":
        # A lost worker costs a second try; a wrong argument fails at the first.
        future = self._client.submit(function, *arguments, pure=False, retries=1)
        keys[str(future.key)] = key
        return future


def _result(future: "Future[Result]") -> Result:
    try:
        return future.result()
    except (KilledWorker, CancelledError, CommClosedError) as error:
        raise AudiosimError(
            f"the Dask workers were lost ({type(error).__name__}: {error}); what was written is safe: run again, with "
            "fewer workers if the memory was too small for them"
        ) from error


@dataclass(frozen=True, slots=True)
class Scheduling:
    """Where tasks run: `threads` of this process, or `workers` processes, or the Dask scheduler at an address."""

    threads: int = 1
    workers: int = 0
    scheduler: str | None = None


@contextlib.contextmanager
def connect(scheduling: Scheduling) -> Generator[Cluster]:
    """Start, or reach, the workers.

    Raises
    ------
    AudiosimError
        No scheduler answers at the address, or the workers cannot be started.
    """
    # The pipeline resumes by itself, so a worker is not to be restarted for the memory that it borrows.
    quiet = {"distributed.worker.memory.terminate": False, "distributed.admin.log-level": "error"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(config.set(quiet))
        if scheduling.scheduler is not None:
            yield _reached(stack, scheduling.scheduler)
            return
        in_threads = scheduling.workers == 0
        options: dict[str, Any] = {
            "n_workers": scheduling.workers or 1,
            "threads_per_worker": scheduling.threads if in_threads else 1,
            "processes": not in_threads,
            # None would open Dask's web pages to the network.
            "dashboard_address": _LOOPBACK,
            "worker_dashboard_address": _LOOPBACK,
            "memory_limit": 0,
            # What fails in a task comes back as its exception. The rest is between workers and their scheduler: on a
            # busy machine, that a heartbeat did not arrive because both were just being ended.
            "silence_logs": "CRITICAL",
        }
        client = stack.enter_context(Client(_started(stack, options)))
        yield Cluster(client, scheduling.threads if in_threads else scheduling.workers)


def _started(stack: contextlib.ExitStack, options: dict[str, Any]) -> LocalCluster:
    """Workers on this machine."""
    with warnings.catch_warnings():
        # Nothing leaves this machine, so it may well be offline.
        warnings.filterwarnings("ignore", "Couldn't detect a suitable IP address", RuntimeWarning)
        try:
            cluster = LocalCluster(**options)
        except RuntimeError as error:
            raise AudiosimError(f"Dask cannot start workers on this machine: {error}") from error
    stack.enter_context(cluster)
    return cluster


def _reached(stack: contextlib.ExitStack, address: str) -> Cluster:
    """A connection to a running scheduler."""
    try:
        # A refusal is known at once; the client would try again until the time is over, and be slow to give up.
        socket.create_connection(get_address_host_port(address), timeout=_CONNECT_SECONDS).close()
        client = stack.enter_context(Client(address, timeout=_CONNECT_SECONDS))
    except (OSError, ValueError) as error:
        raise AudiosimError(
            f"no Dask scheduler answers at {address} ({error}); give the address that `dask scheduler` prints, "
            "tcp://host:port"
        ) from error
    n_threads: dict[str, int] = client.nthreads()  # pyright: ignore[reportAssignmentType] - not a coroutine here
    if not n_threads:
        raise AudiosimError(f"the Dask scheduler at {address} has no workers; start one with: dask worker {address}")
    return Cluster(client, sum(n_threads.values()))
