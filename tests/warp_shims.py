"""Warps for numba's CUDA simulator, which has none: shuffles, votes, the tensor core and wide loads in plain Python.

The simulator runs each CUDA thread as a thread of the system. Here they are greenlets that hand over to one another
where they meet: those of a warp at every warp operation, those of a block at every `syncthreads`. That takes a sixth of
the time, and always happens in the same order, which turns about from one meeting to the next: what one thread writes
and another reads with no meeting in between comes too late in one of the two orders. `install()` puts all of it in
place.
"""

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

import numba.cuda
import numpy as np
from greenlet import getcurrent, greenlet
from numba.cuda.simulator import kernel, kernelapi

from audiosim_kernels import cuda_intrinsics

LANES = 32


class Meeting:
    """Where a group of threads exchange one value each, again and again."""

    def __init__(self, size: int, block: "Block") -> None:
        self.size = size
        self.block = block
        self.values: dict[int, Any] = {}
        self.waiting: list[Thread] = []

    def exchange(self, thread: "Thread", member: int, value: Any) -> dict[int, Any]:
        """Values of all members, once all have come."""
        values = self.values
        assert member not in values, "a thread came twice: the threads of a warp must take the same way"
        values[member] = value
        self.waiting.append(thread)
        if len(values) == self.size:
            self.block.ready.extend(reversed(self.waiting))
            self.values, self.waiting = {}, []
        thread.parent.switch()
        return values


class Thread(greenlet):
    """A CUDA thread, with what the simulator asks of its own."""

    def __init__(self, block: "Block", grid_point: tuple[int, ...], point: tuple[int, ...]) -> None:
        super().__init__()
        self.block = block
        self.blockIdx, self.threadIdx = kernelapi.Dim3(*grid_point), kernelapi.Dim3(*point)
        x, y, _ = block._block_dim
        self.thread_id = point[0] + x * (point[1] + y * point[2])
        self.warp, self.lane = divmod(self.thread_id, LANES)

    def run(self, *arguments: Any) -> None:
        try:
            self.block._f(*arguments)
        except Exception as error:
            place = f"thread {list(self.threadIdx)} of block {list(self.blockIdx)}"
            raise type(error)(f"{place}: {error}") from error

    def syncthreads(self) -> None:
        self.block.barrier.exchange(self, self.thread_id, None)


class Block(kernel.BlockManager):
    """A block of threads of which one runs at a time, until it waits."""

    def run(self, grid_point: tuple[int, ...], *arguments: Any) -> None:
        threads = [Thread(self, grid_point, point) for point in np.ndindex(*self._block_dim)]
        self.barrier = Meeting(len(threads), self)
        self.warps = [Meeting(min(LANES, len(threads) - first), self) for first in range(0, len(threads), LANES)]
        self.ready = deque(threads)
        try:
            while self.ready:
                thread = self.ready.popleft()
                thread.switch(*(() if thread else arguments))
            if not all(thread.dead for thread in threads):
                raise RuntimeError("a thread waits at a warp operation or a barrier that others never reach")
        finally:
            for thread in threads:
                thread.throw()  # ends those that still wait


def _exchange(value: Any) -> tuple[dict[Any, Any], int]:
    """Values of the lanes of this thread's warp, and its own lane."""
    thread = getcurrent()
    return thread.block.warps[thread.warp].exchange(thread, thread.lane, value), thread.lane


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


def _shared_array(self: Any, shape: Any, dtype: Any) -> np.ndarray:
    """As the simulator's own, which walks the whole stack to find the line that asks for it."""
    caller = sys._getframe(1)
    key = caller.f_code, caller.f_lineno
    if key not in self._allocations:
        is_numba = isinstance(dtype, kernelapi.types.Type)
        self._allocations[key] = np.empty(shape, kernelapi.numpy_support.as_dtype(dtype) if is_numba else dtype)
    return self._allocations[key]


_swapped: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}  # globals of modules, and what was in them
_NOTHING = contextlib.nullcontext()


def _swapped_cuda_module(function: Any, fake: Any) -> contextlib.AbstractContextManager[None]:
    """As the simulator's own, which puts itself into a module and takes itself out again at every call of a function.

    Here that is done once a launch; the first call is the launch itself.
    """
    is_launch, module = not _swapped, function.__globals__
    if id(module) not in _swapped:
        there = {name: value for name, value in module.items() if value is numba.cuda}
        _swapped[id(module)] = module, there
        module.update(dict.fromkeys(there, fake))
    return _launch() if is_launch else _NOTHING


@contextlib.contextmanager
def _launch() -> Generator[None]:
    try:
        yield
    finally:
        for module, there in _swapped.values():
            module.update(there)
        _swapped.clear()


def install() -> None:
    """Give the simulator warps, for the rest of this process."""
    module = kernelapi.FakeCUDAModule
    module.shfl_sync = _shuffle(lambda _lane, operand: operand)
    module.shfl_up_sync = _shuffle(lambda lane, operand: lane - operand)
    module.shfl_xor_sync = _shuffle(lambda lane, operand: lane ^ operand)
    module.any_sync = _vote(any)
    module.all_sync = _vote(all)
    module.syncwarp = lambda _module, _mask=0xFFFFFFFF: _exchange(None)
    kernel.BlockManager = Block
    kernel.swapped_cuda_module = _swapped_cuda_module
    kernelapi.threading = SimpleNamespace(current_thread=getcurrent)
    kernelapi.FakeCUDAShared.array = _shared_array
    cuda_intrinsics.minimum = min
    cuda_intrinsics.multiply_add = _multiply_add
    cuda_intrinsics.load_shared = cuda_intrinsics.load_global = cuda_intrinsics.load_constant = _load
    cuda_intrinsics.store_shared = cuda_intrinsics.store_global = _store
