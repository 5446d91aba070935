"""What a figure was measured on: without it, a figure says nothing."""

import contextlib
import datetime as dt
import os
import platform
from pathlib import Path
from typing import Any

from audiosim_kernels import device
from audiosim_pipelines.origin import commit, output, version

_PACKAGES = ("audiosim", "numpy", "numba", "numba-cuda", "llvmlite")


def describe() -> dict[str, Any]:
    """Processor, GPU, versions, commit and date, ready for JSON."""
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cpu": f"{_cpu()} ({n_cores()} cores)",
        "device": device.describe(),
        "gpu_driver": output("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "commit": commit(Path(__file__)),
        "load_average": os.getloadavg()[0],
    }


def n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu() -> str:
    """Name of the processor; on Linux the one that the kernel read from it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
