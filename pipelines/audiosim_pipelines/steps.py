"""Steps of long computations, kept until the whole is done: whoever was interrupted goes on where it was.

They lie in the user's cache folder, since what is computed may be of a table and of no library, or of a library that
may only be read. A step that cannot be kept or read is computed anew; none of this is worth an error.
"""

import contextlib
import shutil
import time
import zipfile
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audiosim import __version__
from audiosim.recommend.folds import Recall
from audiosim.store import digest
from audiosim_kernels import compiled_folder
from audiosim_pipelines import origin

FloatArray = npt.NDArray[np.float64]

# What the same inputs may give other results with.
_PACKAGES = ("numpy", "scipy", "scikit-learn", "keras", "tensorflow")
_ABANDONED = 30 * 86_400  # seconds after which nobody is going to go on


@contextlib.contextmanager
def kept_steps(*depends_on: object) -> Generator[Recall]:
    """Keep the steps of a computation until it ends well.

    Parameters
    ----------
    *depends_on : JSON-ready values, or bytes
        All that the steps depend on, beside the versions of packages. What depends on anything else computes anew.

    Yields
    ------
    Recall
        Asked for a step by its name; computes it, or reads what was kept of an earlier attempt.
    """
    folder = _folder()
    if folder is None:
        yield lambda _, compute: compute()
        return
    versions = [__version__, *(origin.version(name) for name in _PACKAGES)]
    place = folder / digest(versions, *depends_on)

    def recall(name: str, compute: Callable[[], FloatArray]) -> FloatArray:
        path = place / f"{name}.npy"
        found = _read(path)
        if found is None:
            found = compute()
            _write(path, found)
        return found

    yield recall
    shutil.rmtree(place, ignore_errors=True)
    _sweep(folder)


def _folder() -> Path | None:
    kernels = compiled_folder.folder()
    return None if kernels is None else kernels.parent / "steps"


def _read(path: Path) -> FloatArray | None:
    try:
        with path.open("rb") as file:
            return np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _write(path: Path, values: FloatArray) -> None:
    draft = path.with_suffix(".draft")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        draft.replace(path)


def _sweep(folder: Path) -> None:
    """Drop what was left behind long ago."""
    with contextlib.suppress(OSError):
        for place in folder.iterdir():
            if time.time() - place.stat().st_mtime > _ABANDONED:
                shutil.rmtree(place, ignore_errors=True)
