"""The folder in which machine code waits for the next process: one file a function and signature.

What is read from here is executed. So the folder must belong to the user, with no rights for anybody else, and a file
counts only if it is whole. Where anything is not as it must be, nothing is found and nothing is kept, and kernels
compile as if there were no folder: none of this is worth an error.

Files are written beside their place and moved there, so that a reader sees all of a file or none, however many
processes write and whenever one is killed.
"""

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "AUDIOSIM_CACHE"
NONE = "none"  # the variable's value for: no folder at all
MOST_BYTES = 64 * 1024 * 1024  # of all files together; those of one version of the kernels take a few MB
_SUFFIX, _UNFINISHED = ".machine", ".unfinished"
_ABANDONED = 3_600  # seconds after which whoever began to write a file is not going to finish it
_CHECKSUM_BYTES = hashlib.sha256().digest_size


def folder() -> Path | None:
    """Where machine code is kept: `kernels` in AUDIOSIM_CACHE, or in the platform's folder for caches of this user.

    Returns
    -------
    Path or None
        Whether or not it is there yet; None if there is to be none, or no home to put it in.

    Examples
    --------
    >>> place = folder()
    >>> place is None or place.name == "kernels"
    True
    """
    chosen = os.environ.get(VARIABLE)
    if chosen == NONE:
        return None
    if chosen:
        return Path(chosen).absolute() / "kernels"
    base = _user_cache()
    return None if base is None else base / "audiosim" / "kernels"


def read(name: str) -> bytes | None:
    """Contents of a file that was kept.

    Parameters
    ----------
    name : str
        What it was kept as.

    Returns
    -------
    bytes or None
        None if it is not there, not whole, or not to be trusted.
    """
    place = folder()
    if place is None or not _is_private(place):
        return None
    path = place / (name + _SUFFIX)
    try:
        with path.open("rb") as file:
            if not _is_own(os.fstat(file.fileno())):
                return None
            checksum, contents = file.read(_CHECKSUM_BYTES), file.read()
    except OSError:
        return None
    if checksum != _checksum(name, contents):
        return None
    with contextlib.suppress(OSError):  # a folder that is only read keeps no order
        os.utime(path)
    return contents


def write(name: str, contents: bytes) -> None:
    """Keep `contents` as `name`, in place of what was there; what was used least recently makes room.

    Parameters
    ----------
    name : str
        Must say all that the contents depend on, and be fit for a file's name.
    contents : bytes
        What to keep.
    """
    place = folder()
    if place is None:
        return
    with contextlib.suppress(OSError):
        _make(place)
        if _is_private(place):
            _write(place / (name + _SUFFIX), _checksum(name, contents) + contents)
            _prune(place)


def _user_cache() -> Path | None:
    """The platform's folder for what a program can make again."""
    chosen = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", "")
    if Path(chosen).is_absolute():
        return Path(chosen)
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if not home.is_dir():  # the accounts of services have homes that nobody made
        return None
    return home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"


def _make(place: Path) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700)


def _is_private(place: Path) -> bool:
    """Whether this is a folder, not a link to one, that nobody else can look into or write to."""
    try:
        status = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and _is_own(status)


def _is_own(status: os.stat_result) -> bool:
    if sys.platform == "win32":  # rights are not in the mode, and the user's own folder is closed to others
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _checksum(name: str, contents: bytes) -> bytes:
    """Of the name too: a file under another's name is as bad as a broken one."""
    return hashlib.sha256(name.encode() + b"\0" + contents).digest()


def _write(path: Path, contents: bytes) -> None:
    number, unfinished = tempfile.mkstemp(dir=path.parent, suffix=_UNFINISHED)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(contents)
        os.replace(unfinished, path)  # noqa: PTH105 - what counts the moves of a library, Path.replace, leaves this out
    except BaseException:
        with contextlib.suppress(OSError):
            Path(unfinished).unlink()
        raise


def _prune(place: Path) -> None:
    """Remove files that were never finished, and beyond `MOST_BYTES` those that have not been read for longest."""
    total, now = 0, time.time()
    for used, size, path in sorted(_files(place), reverse=True):
        total += size
        if total > MOST_BYTES or (path.suffix == _UNFINISHED and used < now - _ABANDONED):
            total -= size
            path.unlink(missing_ok=True)


def _files(place: Path) -> Iterator[tuple[float, int, Path]]:
    """Time of last use, bytes and path of every file of ours."""
    for path in place.iterdir():
        if path.suffix in (_SUFFIX, _UNFINISHED):
            with contextlib.suppress(FileNotFoundError):  # another process removes files too
                status = path.stat()
                yield status.st_mtime, status.st_size, path
