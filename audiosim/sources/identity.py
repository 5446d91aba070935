"""Which track a file is: the digest of its bytes, whatever it is called and wherever it lies."""

import hashlib
from pathlib import Path

from audiosim.errors import AudioError


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in pieces.

    Parameters
    ----------
    path : Path
        A regular file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    AudioError
        The file cannot be read. The text is the reason; it does not repeat the path.
    """
    if path.exists() and not path.is_file():  # opening a pipe would wait for its writer for ever
        raise AudioError("is no regular file (a folder, a pipe or a device)")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AudioError(f"cannot be read: {error.strerror or error}") from error
