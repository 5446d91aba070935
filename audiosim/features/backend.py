# pyright: basic
"""The one place that imports and prepares keras: which backend, how many threads, how a function is compiled.

`KERAS_BACKEND` chooses tensorflow (the default), jax or torch; all give the same numbers to within 1e-3 dB.
"""

import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

# Read when the libraries are imported, so they must be set above the imports. What the user has set stays.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Take GPU memory as it is needed: the DTW kernels live on the same card.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

_BANNER = re.compile(rb"WARNING: All log messages before|[IW]\d{4} |To enable the following instructions")


@contextlib.contextmanager
def _without_banner() -> Iterator[None]:
    """Drop what TensorFlow's C++ says of itself when imported, for no variable stops it; pass on all else."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said:
                if not _BANNER.match(line):
                    os.write(2, line)


with _without_banner():
    import keras

__all__ = ["Tensor", "compiled", "configure", "keras", "n_tensorflow_gpus", "ops"]

# Backends have no type in common, and keras annotates its functions for all of them at once.
Tensor = Any
ops: Any = keras.ops

_NAME: str = keras.backend.backend()


def configure(*, n_threads: int) -> bool:
    """Bound the CPU threads of the backend; call it before the first computation of the process.

    Threads change the time, not the numbers (on a CPU with 1 and 2 of them: the same bits). Decoding runs in threads
    of its own, so one thread here is the frugal choice: a second one adds a fifth to the CPU time of a track.

    Parameters
    ----------
    n_threads : int, at least 1

    Returns
    -------
    bool
        Whether the bound holds. False if TensorFlow has already computed something with another number of threads,
        which it then keeps to the end of the process.

    Raises
    ------
    ValueError
        If `n_threads` is below 1.
    """
    if n_threads < 1:
        raise ValueError(f"n_threads must be at least 1, got {n_threads}")
    if _NAME == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - only the chosen backend is imported

        try:
            tf.config.threading.set_intra_op_parallelism_threads(n_threads)
            tf.config.threading.set_inter_op_parallelism_threads(n_threads)
        except RuntimeError:
            return False
    elif _NAME == "jax":
        # XLA's CPU client sizes its pool by this variable when it first computes.
        os.environ["NPROC"] = str(n_threads)
    elif _NAME == "torch":
        # By name, for this one of the three is seldom installed where types are checked.
        importlib.import_module("torch").set_num_threads(n_threads)
    return True


def n_tensorflow_gpus() -> int:
    """GPUs that TensorFlow can use."""
    import tensorflow as tf  # noqa: PLC0415 - only the chosen backend is imported

    return len(tf.config.list_physical_devices("GPU"))


def compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compile a function of tensors for the backend; traced once for every shape that it meets."""
    if _NAME == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - only the chosen backend is imported

        # TF32 keeps 10 bits of a mel power, an error of .004 dB: four times the tolerance of a coefficient.
        tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
        # XLA saves a fourth of the time on a CPU. On a GPU it needs files of the CUDA toolkit that are often missing.
        on_cpu = n_tensorflow_gpus() == 0
        return tf.function(function, autograph=False, jit_compile=on_cpu)
    if _NAME == "jax":
        import jax  # noqa: PLC0415 - only the chosen backend is imported

        def exact(*tensors: Tensor) -> Tensor:
            with jax.default_matmul_precision("highest"):
                return function(*tensors)

        return jax.jit(exact)
    return function
