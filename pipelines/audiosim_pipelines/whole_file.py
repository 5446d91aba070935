"""Files that are written whole or not at all, and their folders."""

import contextlib
from collections.abc import Generator
from pathlib import Path

from audiosim.errors import AudiosimError


@contextlib.contextmanager
def replacing(output: Path) -> Generator[Path]:
    """A draft beside `output` that takes its place in the end, so that nobody ever reads half a file.

    Raises
    ------
    AudiosimError
        The file cannot be written.
    """
    draft = output.with_name(output.name + ".draft")
    try:
        draft.touch()  # what forbids it is said by the system, before anything is computed
        try:
            yield draft
            draft.replace(output)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise AudiosimError(f"{output} cannot be written: {error.strerror or error}") from error


def make_folder(folder: Path) -> Path:
    """Make a folder and those above it, where they are not there; the folder.

    Raises
    ------
    AudiosimError
        It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudiosimError(f"folder {folder} cannot be made: {error.strerror or error}") from error
    return folder
