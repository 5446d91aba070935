"""Which machine a kernel runs on. `numba` is imported when the question is asked, not before."""

import os
import platform
from importlib import import_module
from pathlib import Path
from typing import Literal

Device = Literal["auto", "cpu", "cuda"]


def resolve(device: Device) -> Literal["cpu", "cuda"]:
    """Turn a wish into a device.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        "auto" is the GPU where there is one; "cuda" insists on it.

    Returns
    -------
    {"cpu", "cuda"}
        The device that kernels will run on. numba's CUDA simulator counts as one.

    Raises
    ------
    RuntimeError
        If "cuda" is asked for where there is no GPU.
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> resolve("cpu")
    'cpu'
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f'device must be "auto", "cpu" or "cuda", got {device!r}')
    if device == "cpu":
        return "cpu"
    if _has_cuda():
        return "cuda"
    if device == "cuda":
        raise RuntimeError('device="cuda" but no CUDA GPU was found; use device="cpu"')
    return "cpu"


def describe() -> str:
    """Name the device that "auto" chooses, for logs, reports and benchmarks; never raises.

    Returns
    -------
    str
        GPU, compute capability and the CUDA version of its driver; or the CPU and its usable cores;
        or "CUDA simulator".
    """
    if not _has_cuda():
        return _describe_cpu()
    if _is_simulated():
        return "CUDA simulator"
    return _describe_gpu()


def _has_cuda() -> bool:
    try:
        return bool(import_module("numba.cuda").is_available())
    except (ImportError, OSError):  # no CUDA in this numba, or a driver that cannot be loaded
        return False


def _is_simulated() -> bool:
    return bool(import_module("numba.cuda").config.ENABLE_CUDASIM)


def _describe_gpu() -> str:
    cuda = import_module("numba.cuda")
    driver_error = import_module("numba.cuda.cudadrv.error").CudaDriverError
    try:
        gpu = cuda.get_current_device()
        name = gpu.name.decode() if isinstance(gpu.name, bytes) else str(gpu.name)
        major, minor = gpu.compute_capability
        version = ".".join(str(part) for part in cuda.cudadrv.driver.driver.get_version())
    except (driver_error, ImportError, AttributeError, OSError) as error:
        return f"CUDA GPU (no description: {error})"
    return f"{name} (compute capability {major}.{minor}, driver for CUDA {version})"


def _describe_cpu() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    name = platform.processor() or platform.machine() or "CPU"
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # no Linux: the platform's own name stands
    return f"{name} ({usable} cores)"
