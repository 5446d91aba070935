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
    take: Callable[[_Item, _Result], bool],
    n_threads: int,
) -> None:
    """Do some work for every item.

    Parameters
    ----------
    work : callable
        Called in a thread; raises `StoppedError` soon after its event was set.
    items : sequence
    take : callable
        Called in this thread with every result, as they come in; whether to stop the rest.
    n_threads : int
    """
    stop = Event()
    executor = ThreadPoolExecutor(n_threads)
    try:
        futures = {executor.submit(work, item, stop): item for item in items}
        for future in as_completed(futures):
            try:
                result = future.result()
            except StoppedError:
                continue
            if take(futures[future], result):
                stop.set()
    finally:
        # Whatever ended the loop, Ctrl-C or a full disk, also ends the programs.
        stop.set()
        executor.shutdown(cancel_futures=True)
