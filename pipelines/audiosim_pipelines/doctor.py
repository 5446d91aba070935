"""What this machine offers, what is missing, and the command that mends it."""

import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audiosim_pipelines.settings import n_usable_cores

_PACKAGES = ("numpy", "numba", "keras", "tensorflow", "librosa", "soundfile", "av", "soxr", "zarr", "dask")
_REINSTALL = "install audiosim again: make .venv"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `advice` says what to do unless all is well."""

    topic: str
    state: Literal["ok", "note", "missing"]
    found: str
    advice: str = ""


def doctor(library: Path) -> list[Finding]:
    """Look at Python, packages, decoders, devices and the library folder."""
    return [
        Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        *(_package(name) for name in _PACKAGES),
        _gpu_for_kernels(),
        _dtw_kernel(),
        _gpu_for_features(),
        Finding("cores", "ok", f"{n_usable_cores()} usable"),
        _library(library),
    ]


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "missing", "not installed", _REINSTALL)


def _gpu_for_kernels() -> Finding:
    try:
        from audiosim_kernels import device  # noqa: PLC0415 - asks the driver
    except ImportError as error:
        return Finding("GPU, distances", "missing", f"the kernels cannot be loaded: {error}", _REINSTALL)

    if device.resolve("auto") == "cuda":
        return Finding("GPU, distances", "ok", device.describe())
    if shutil.which("nvidia-smi") is None:
        return Finding("GPU, distances", "note", "none found; distances are computed on the CPU")
    advice = f"{sys.executable} -m pip install --require-hashes -r requirements/gpu.txt"
    return Finding("GPU, distances", "missing", "a GPU driver is there, but numba cannot use it", advice)


def _dtw_kernel() -> Finding:
    """Say how DTW is computed where `device` is "auto"."""
    try:
        from audiosim_kernels import device, lanes  # noqa: PLC0415 - numba only when needed

        if device.resolve("auto") == "cpu":
            found = f"DTW on the CPU in float32, {lanes.LANES} pairs in a vector"
        else:
            from audiosim_kernels import dtw_cuda  # noqa: PLC0415

            found = dtw_cuda.describe_kernel(dtw_cuda.compute_capability())
    except ImportError as error:
        return Finding("DTW kernel", "missing", f"the kernels cannot be loaded: {error}", _REINSTALL)
    return Finding("DTW kernel", "ok", found)


def _gpu_for_features() -> Finding:
    try:
        from audiosim.features import backend  # noqa: PLC0415 - loads Keras
    except ImportError as error:
        return Finding("GPU, features", "missing", f"Keras cannot be loaded: {error}", _REINSTALL)

    name = backend.keras.backend.backend()
    if name != "tensorflow":
        return Finding("GPU, features", "note", f"Keras runs on {name}, which chooses its own device")
    if n_gpus := backend.n_tensorflow_gpus():
        return Finding("GPU, features", "ok", f"TensorFlow sees {n_gpus} GPU(s)")
    return Finding("GPU, features", "note", "TensorFlow sees none; features are computed on the CPU")


def _library(folder: Path) -> Finding:
    from audiosim.errors import AudiosimError  # noqa: PLC0415
    from audiosim.library import Library  # noqa: PLC0415
    from audiosim_pipelines import settings  # noqa: PLC0415

    if not folder.exists():
        return Finding("library", "note", f"{folder} does not exist yet", f"audiosim run MUSIC --library {folder}")
    try:
        n_tracks = len(Library.open(folder).tracks())
        settings.load(folder)
    except AudiosimError as error:
        return Finding("library", "missing", str(error))
    found = f"{folder}: {n_tracks} tracks, {shutil.disk_usage(folder).free / 1e9:.1f} GB free"
    if os.access(folder, os.W_OK):
        return Finding("library", "ok", found)
    return Finding("library", "note", f"{found}; read-only: questions work, nothing can be added")
