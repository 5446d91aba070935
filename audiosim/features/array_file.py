"""Files of named arrays: numbers and texts alone, written whole or not at all, and nothing in them is ever run."""

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

# What opening a file that is none of these, or was damaged, may raise.
BROKEN = (ValueError, TypeError, KeyError, EOFError, BadZipFile, zlib.error, NotImplementedError)


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays to one .npz file, which is replaced at once or left as it was."""
    unfinished = path.with_name(f"{path.name}.part")
    with unfinished.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read what `write_arrays` wrote; one of `BROKEN` where the file is another one."""
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
