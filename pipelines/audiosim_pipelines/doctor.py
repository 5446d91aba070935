"""What this machine offers, what is missing, and the command that mends it."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audiosim_pipelines.settings import n_usable_cores

_PACKAGES = ("numpy", "numba", "keras", "tensorflow", "librosa", "soundfile", "av", "soxr", "zarr", "dask")
_RUNTIMES = ("deno", "node", "bun", "qjs")  # that yt-dlp, which spotdl fetches by, can run scripts of web pages in
_WITHIN = 30.0  # s, for a program that is asked for its version
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
        _spotdl(library),
        _ffmpeg(),
        _javascript(),
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


def _spotdl(library: Path) -> Finding:
    """Say which program `audiosim fetch` would start; one that uvx would have to get first is not started."""
    from audiosim.errors import AudiosimError, SettingsError  # noqa: PLC0415
    from audiosim_pipelines import settings  # noqa: PLC0415
    from audiosim_pipelines.fetch import program  # noqa: PLC0415

    try:
        command = settings.load(library).fetch.command
    except SettingsError:
        command = ""  # the line about the library says what is wrong
    try:
        arguments = program.locate(command)
        if Path(arguments[0]).stem == "uvx":
            return Finding("spotdl", "ok", f"{program.REQUIREMENT}, by {arguments[0]} when it is first needed")
        found = program.find_program(command, within=_WITHIN)
    except AudiosimError as error:
        return Finding("spotdl", "note", "only audiosim fetch needs it", str(error))
    return Finding("spotdl", "ok", f"{found.version}, {arguments[0]}")


def _ffmpeg() -> Finding:
    path = shutil.which("ffmpeg")
    if path is None:
        advice = "install ffmpeg, or: spotdl --download-ffmpeg"
        return Finding("ffmpeg", "note", "not on PATH; only spotdl needs it", advice)
    return Finding("ffmpeg", "ok", f"{_version(path, '-version')}, {path}")


def _javascript() -> Finding:
    path = next(filter(None, map(shutil.which, _RUNTIMES)), None)
    if path is None:
        advice = "install deno, or: spotdl --download-deno"
        return Finding("JavaScript", "note", "no runtime on PATH; only spotdl needs one", advice)
    return Finding("JavaScript", "ok", f"{Path(path).name} {_version(path, '--version')}, {path}")


def _version(*arguments: str) -> str:
    """The first version that a program prints when it is asked for it."""
    try:
        told = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, timeout=_WITHIN, check=False)  # noqa: S603 - what is on PATH
    except (OSError, subprocess.TimeoutExpired):
        return "of unknown version"
    found = re.search(rb"\d+(?:\.\d+)+", told.stdout + told.stderr)
    return found[0].decode() if found else "of unknown version"


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
