"""Work that threads do ahead of whoever takes its results, in order and in bounded memory."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")

_AHEAD_SECONDS = 3_600.0  # of audio in memory: signals of 318 MB at 22 050 Hz


@dataclass(frozen=True, slots=True, eq=False)
class Job(Generic[Key, Result]):
    """Something to compute about `duration` seconds of audio."""

    key: Key
    call: Callable[[], Result]
    duration: float


def compute_ahead(pool: Executor, jobs: Iterable[Job[Key, Result]], *, n_ahead: int) -> Generator[tuple[Key, Result]]:
    """Yield the key and the result of every job, in the order of `jobs`.

    Jobs are taken one by one: no more than `n_ahead` wait for a result to be taken, nor more than about an hour of
    audio, so memory does not grow with the number of jobs. A single longer one is done alone.
    """
    ahead: deque[tuple[Key, Future[Result], float]] = deque()
    seconds = 0.0
    for job in jobs:
        while ahead and (len(ahead) > n_ahead or seconds + job.duration > _AHEAD_SECONDS):
            seconds -= ahead[0][2]
            yield _done(ahead)
        ahead.append((job.key, pool.submit(job.call), job.duration))
        seconds += job.duration
        del job  # and with it what it is about, before the next one is waited for
    while ahead:
        yield _done(ahead)


def _done(ahead: deque[tuple[Key, Future[Result], float]]) -> tuple[Key, Result]:
    """The first result, which nobody here holds on to."""
    key, future, _ = ahead.popleft()
    return key, future.result()
