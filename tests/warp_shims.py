"""Warps for numba's CUDA simulator, which has none: shuffles, votes, the tensor core and wide loads in plain Python.

The simulator runs each CUDA thread as a Python thread. Here the threads of a warp meet at every warp operation, and
those of a block at every `syncthreads`; whoever comes last wakes the others. `install()` puts all of it in place.
"""

import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.cuda.simulator import kernel, kernelapi

from audiosim_kernels import cuda_intrinsics

LANES = 32
PATIENCE = 60  # s; after that threads are taken to wait for one that never comes


class Meeting:
    """Where a group of threads exchange one value each, again and again."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        self.values: dict[int, Any] = {}
        self.complete = threading.Event()

    def exchange(self, member: int, value: Any) -> dict[int, Any]:
        """Values of all members, once all have come."""
        with self.lock:
            values, complete = self.values, self.complete
            assert member not in values, "a thread came twice: the threads of a warp must take the same way"
            values[member] = value
            if len(values) == self.size:
                self.begin()
                complete.set()
        if not complete.wait(PATIENCE) or len(values) < self.size:
            raise RuntimeError("a thread waits at a warp operation or a barrier that others never reach")
        return values

    def leave(self) -> None:
        """Wake all who wait: somebody has failed."""
        self.complete.set()


class Block(kernel.BlockManager):
    """A block whose threads sleep while they wait, where the simulator's own asks each of them in turn."""

    def run(self, grid_point: tuple[int, ...], *args: Any) -> None:
        points = list(np.ndindex(*self._block_dim))
        self.barrier = Meeting(len(points))
        self.warps = [Meeting(min(LANES, len(points) - first)) for first in range(0, len(points), LANES)]
        threads = [
            kernel.BlockThread(lambda: self._f(*args), self, grid_point, point, debug=self._debug) for point in points
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(0.05)
                if thread.exception:
                    for meeting in (self.barrier, *self.warps):
                        meeting.leave()
        failures = [thread.exception for thread in threads if thread.exception]
        # Who was left waiting has failed too; the cause is what somebody else says.
        for error, traceback in sorted(failures, key=lambda failure: "never reach" in str(failure[0])):
            raise error.with_traceback(traceback)


def _thread() -> Any:
    return threading.current_thread()


def _syncthreads(thread: Any) -> None:
    thread._manager.barrier.exchange(thread.thread_id, None)


def _exchange(value: Any) -> tuple[dict[Any, Any], int]:
    """Values of the lanes of this thread's warp, and its own lane."""
    thread = _thread()
    warp, lane = divmod(thread.thread_id, LANES)
    return thread._manager.warps[warp].exchange(lane, value), lane


def _shuffle(source: Callable[[int, int], int]) -> Callable[[Any, int, Any, int], Any]:
    def shuffle(_module: Any, mask: int, value: Any, operand: int) -> Any:
        assert mask == 0xFFFFFFFF
        values, lane = _exchange(value)
        other = source(lane, operand)
        return values[other] if 0 <= other < LANES else value

    return shuffle


def _vote(decide: Callable[[Any], bool]) -> Callable[[Any, int, Any], bool]:
    def vote(_module: Any, mask: int, predicate: Any) -> bool:
        assert mask == 0xFFFFFFFF
        return decide(_exchange(bool(predicate))[0].values())

    return vote


def _multiply_add(a: tuple[Any, ...], b: tuple[Any, ...], c: tuple[Any, ...]) -> tuple[np.float32, ...]:
    """The product sums of `cuda_intrinsics.multiply_add`; exact, and rounded to float32 once."""
    values, lane = _exchange((a, b))
    if "products" not in values:  # whichever lanes come first compute it for all
        values["products"] = _products([values[index] for index in range(LANES)])
    group, member = divmod(lane, 4)
    cells = [(group, 2 * member), (group, 2 * member + 1), (group + 8, 2 * member), (group + 8, 2 * member + 1)]
    return tuple(np.float32(values["products"][cell] + value) for cell, value in zip(cells, c, strict=True))


def _products(operands: list[tuple[tuple[Any, ...], tuple[Any, ...]]]) -> np.ndarray:
    """Product of the 16 x 16 and 16 x 8 float16 matrices that the lanes of a warp hold, in float64."""
    left, right = np.zeros((16, 16)), np.zeros((16, 8))
    for lane, (a, b) in enumerate(operands):
        group, member = divmod(lane, 4)
        for register, pair in enumerate(_halves(a)):
            column = 2 * member + 8 * (register // 2)
            left[group + 8 * (register % 2), column : column + 2] = pair
        for register, pair in enumerate(_halves(b)):
            row = 2 * member + 8 * register
            right[row : row + 2, group] = pair
    # Sorted, so that the sum does not depend on which operand is which.
    return np.sort(left[:, :, np.newaxis] * right, axis=1).sum(axis=1)


def _halves(words: tuple[Any, ...]) -> np.ndarray:
    return np.array(words, dtype=np.uint32).view(np.float16).reshape(-1, 2)


def _load(array: Any, index: int) -> tuple[Any, ...]:
    assert index % 4 == 0, "a 128-bit load must be aligned"
    return tuple(_flat(array)[index : index + 4])


def _store(array: Any, index: int, values: tuple[Any, ...]) -> None:
    assert index % 4 == 0, "a 128-bit store must be aligned"
    _flat(array)[index : index + 4] = values


def _flat(array: Any) -> np.ndarray:
    flat = np.asarray(getattr(array, "_ary", array)).view()
    flat.shape = (flat.size,)  # fails rather than copy
    return flat


def install() -> None:
    """Give the simulator warps, for the rest of this process."""
    sys.setswitchinterval(1e-4)
    module = kernelapi.FakeCUDAModule
    module.shfl_sync = _shuffle(lambda _lane, operand: operand)
    module.shfl_up_sync = _shuffle(lambda lane, operand: lane - operand)
    module.shfl_xor_sync = _shuffle(lambda lane, operand: lane ^ operand)
    module.any_sync = _vote(any)
    module.all_sync = _vote(all)
    module.syncwarp = lambda _module, _mask=0xFFFFFFFF: _exchange(None)
    kernel.BlockManager = Block
    kernel.BlockThread.syncthreads = _syncthreads
    cuda_intrinsics.minimum = min
    cuda_intrinsics.multiply_add = _multiply_add
    cuda_intrinsics.load_shared = cuda_intrinsics.load_global = cuda_intrinsics.load_constant = _load
    cuda_intrinsics.store_shared = cuda_intrinsics.store_global = _store
