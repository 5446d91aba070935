"""Where tiles are computed: Dask threads, Dask processes, or a running Dask scheduler. The only importer of dask."""

import contextlib
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import dask
from distributed import FIRST_COMPLETED, Client, Future, LocalCluster, wait

from audiosim.errors import AudiosimError

Key = TypeVar("Key")
Result = TypeVar("Result")


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
        running: dict[Future, Key] = {}
        for key, arguments in tasks:
            running[self._client.submit(function, *arguments, pure=False, retries=2)] = key
            if len(running) >= 2 * self._n_slots:
                yield from self._ended(running)
        while running:
            yield from self._ended(running)

    def _ended(self, running: dict[Future, Key]) -> Generator[tuple[Key, Any]]:
        for future in wait(list(running), return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


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
        No scheduler answers at the address.
    """
    with contextlib.ExitStack() as stack:
        # The pipeline resumes by itself; workers are not to be restarted for the memory that they borrow.
        stack.enter_context(
            dask.config.set({"distributed.worker.memory.terminate": False, "distributed.admin.log-level": "error"})
        )
        if scheduling.scheduler is not None:
            try:
                client = stack.enter_context(Client(scheduling.scheduler, timeout="10s"))
            except OSError as error:
                raise AudiosimError(f"no Dask scheduler answers at {scheduling.scheduler}: {error}") from error
            n_slots = sum(client.nthreads().values())
            if not n_slots:
                raise AudiosimError(
                    f"the Dask scheduler at {scheduling.scheduler} has no workers; start one with: dask worker"
                )
        else:
            in_threads = scheduling.workers == 0
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=scheduling.workers or 1,
                    threads_per_worker=scheduling.threads if in_threads else 1,
                    processes=not in_threads,
                    dashboard_address=None,
                    memory_limit=0,
                    silence_logs="ERROR",
                )
            )
            client = stack.enter_context(Client(cluster))
            n_slots = scheduling.threads if in_threads else scheduling.workers
        yield Cluster(client, n_slots)
