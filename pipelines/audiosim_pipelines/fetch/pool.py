"""Several programs at once, each watched by a thread."""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event
from typing import TypeVar

from audiosim_pipelines.fetch.child import StoppedError

_Item = TypeVar("_Item", bound=Hashable)
_Result = TypeVar("_Result")


def run_all(
    work: Callable[[_Item, Event], _Result],
    items: Sequence[_Item],
    *,
    ends_all: Callable[[_Result], bool],
    take: Callable[[_Item, _Result], None],
    n_threads: int,
) -> None:
    """Do some work for every item.

    Parameters
    ----------
    work : callable
        Called in a thread; raises `StoppedError` soon after its event was set.
    items : sequence
    ends_all : callable
        Whether a result makes it useless to go on.
    take : callable
        Called in this thread with every result, as they come in.
    n_threads : int
    """
    stop = Event()

    def attempt(item: _Item) -> _Result:
        result = work(item, stop)
        if ends_all(result):  # here: this thread would begin the next item before another could prevent it
            stop.set()
        return result

    executor = ThreadPoolExecutor(n_threads)
    try:
        futures = {executor.submit(attempt, item): item for item in items}
        for future in as_completed(futures):
            try:
                result = future.result()
            except StoppedError:
                continue
            take(futures[future], result)
    finally:
        # Whatever ended the loop, Ctrl-C or a full disk, also ends the programs.
        stop.set()
        executor.shutdown(cancel_futures=True)
