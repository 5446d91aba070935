"""One writer at a time: the lock of a library folder."""

import contextlib
import os
import socket
from collections.abc import Generator
from pathlib import Path

import filelock

from audiosim.errors import LibraryError, LibraryLockedError

LOCK_NAME = ".lock"
HOLDER_NAME = ".lock-holder"


@contextlib.contextmanager
def writing(folder: Path) -> Generator[None]:
    """Hold the library for writing, or refuse at once.

    The operating system owns the lock and frees it when its process ends, however it ends, so a lock is never
    stale; the name of the holder beside it only serves the message.

    Raises
    ------
    LibraryLockedError
        Another process is writing.
    LibraryError
        The folder cannot be written.
    """
    lock = filelock.FileLock(folder / LOCK_NAME)
    holder = folder / HOLDER_NAME
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise LibraryLockedError(
            f"library {folder} is being written by {_read_holder(holder)}; wait until it ends, or end it, and run again"
        ) from error
    except OSError as error:
        raise LibraryError(f"library {folder} cannot be written: {error.strerror or error}") from error
    try:
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read_holder(holder: Path) -> str:
    try:
        return holder.read_text()
    except OSError:
        return "another process"
