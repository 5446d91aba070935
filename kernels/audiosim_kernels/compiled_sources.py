"""The sources of this package, as they were when it was imported.

Machine code may be kept for other processes only under a name that says what it was made of. The files on the disk say
that as long as nobody has written to them since; so they are looked at when the package is imported, before any kernel.
"""

import functools
import hashlib
import os
from pathlib import Path

_FOLDER = Path(__file__).parent

# Name, bytes, times of the last change of contents and of anything (ns), and number of each file.
_Stamps = tuple[tuple[str, int, int, int, int], ...]


def _stamps() -> _Stamps:
    """What tells that a file was written, without reading it; nothing where there are no files."""
    found: list[tuple[str, int, int, int, int]] = []
    try:
        with os.scandir(_FOLDER) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    found.append((entry.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))
    except OSError:  # imported from an archive
        return ()
    return tuple(sorted(found))


_AT_IMPORT = _stamps()


def digest() -> str | None:
    """SHA-256 of all sources together; None if they are not what was imported, or cannot be read.

    Returns
    -------
    str or None
        64 hexadecimal digits.

    Examples
    --------
    >>> len(digest())
    64
    """
    try:
        found = _digest()
    except OSError:
        return None
    return found if _AT_IMPORT and _stamps() == _AT_IMPORT else None


@functools.cache
def _digest() -> str:
    total = hashlib.sha256()
    for name, *_ in _AT_IMPORT:
        total.update(f"{name}\0{hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()}\0".encode())
    return total.hexdigest()
