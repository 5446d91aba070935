"""Shared arrays of numba's CUDA simulator, made once a block.

The simulator looks for the array and, if there is none, makes it, without a lock: on a busy machine two threads of a
block then get one each. Nothing is changed where there is a GPU.
"""

import sys
import threading

import numba.cuda
import numpy as np
import pytest


def install(patch: pytest.MonkeyPatch) -> None:
    """Put a lock around the two."""
    if not numba.cuda.config.ENABLE_CUDASIM:
        return
    from numba.cuda.simulator import kernelapi

    lock = threading.Lock()

    def array(self, shape, dtype):
        caller = sys._getframe(1)  # the place of the call is the array's name, as in the original
        if isinstance(dtype, kernelapi.types.Type):
            dtype = kernelapi.numpy_support.as_dtype(dtype)
        with lock:
            return self._allocations.setdefault((caller.f_code, caller.f_lineno), np.empty(shape, dtype))

    patch.setattr(kernelapi.FakeCUDAShared, "array", array)
