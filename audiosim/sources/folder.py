"""Audio files below a folder."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audiosim.catalog import CATALOG_NAME
from audiosim.errors import SourceError
from audiosim.sources.tags import Tags

AUDIO_SUFFIXES = frozenset(
    {".aac", ".ac3", ".aif", ".aifc", ".aiff", ".ape", ".au", ".caf", ".dsf", ".dts", ".eac3", ".flac"}
    | {".m4a", ".m4b", ".mka", ".mp2", ".mp3", ".mpc", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".spx"}
    | {".tak", ".tta", ".w64", ".wav", ".wave", ".weba", ".webm", ".wma", ".wv"}
)

# What operating systems and network drives put among music. Other names with a dot in front are music:
# "...And Justice for All", ".38 Special".
_JUNK_FOLDERS = frozenset(
    {"__macosx", ".appledouble", ".git", "@eadir", "#recycle", "$recycle.bin"}
    | {"lost+found", "system volume information"}
)
_JUNK_PREFIX = ".trash"  # .Trash, .Trashes, .Trash-1000
_APPLE_DOUBLE = "._"  # ._song.mp3 holds macOS attributes of song.mp3, no audio


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that may be a track, and what its source says of it.

    `tags` override those in the file. `track_id` is the track's key in outside tables, such as a Spotify id.
    """

    path: Path
    tags: Tags = field(default_factory=Tags)
    track_id: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a source names that cannot become a track, and why."""

    path: Path
    reason: str


def find_audio(folder: Path) -> Iterator[FoundFile | Problem]:
    """Walk a folder and all folders in it.

    Files count as audio by their suffix (`AUDIO_SUFFIXES`, upper or lower case); others are passed over. Symbolic
    links are followed, every folder is read once. Passed over as well: libraries (folders below this one that hold
    `catalog.sqlite`), macOS `._` files, and the trash, index and recovery folders of operating systems and network
    drives.

    Parameters
    ----------
    folder : Path
        Where to start.

    Returns
    -------
    iterator of FoundFile or Problem
        In the order of their paths' bytes. A problem is an unreadable folder, a link that leads nowhere or in a
        circle, or a pipe or device with an audio suffix.

    Raises
    ------
    SourceError
        The folder itself cannot be read.
    """
    try:
        return _walk(_children(folder), visited={_identity(folder.stat())})
    except OSError as error:
        raise SourceError(f"the folder {folder} cannot be read: {error.strerror or error}") from error


def _walk(waiting: list[Path], *, visited: set[tuple[int, int]]) -> Iterator[FoundFile | Problem]:
    """Look at what waits, last first; `visited` are the folders whose content was added to it."""
    while waiting:
        path = waiting.pop()
        is_audio = path.suffix.lower() in AUDIO_SUFFIXES
        try:
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                if _identity(status) not in visited:
                    visited.add(_identity(status))
                    waiting += [] if (path / CATALOG_NAME).exists() else _children(path)
                elif _leads_back(path):
                    yield Problem(path, "symbolic link to a folder that contains it")
            elif is_audio and stat.S_ISREG(status.st_mode):
                yield FoundFile(path)
            elif is_audio:
                yield Problem(path, "no regular file (a pipe or a device)")
        except FileNotFoundError:
            if is_audio:
                yield Problem(path, "symbolic link to a file that does not exist")
        except OSError as error:
            yield Problem(path, f"cannot be read: {error.strerror or error}")


def _children(folder: Path) -> list[Path]:
    """Return what is in a folder, last first. A folder sorts as its name and a slash, as it does within a path."""
    names: list[tuple[bytes, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            is_folder = Path(entry).is_dir()  # of a link in a circle, DirEntry.is_dir raises
            if not _is_junk(entry.name, is_folder=is_folder):
                names.append((os.fsencode(entry.name) + (b"/" if is_folder else b""), entry.name))
    return [folder / name for _, name in sorted(names, reverse=True)]


def _is_junk(name: str, *, is_folder: bool) -> bool:
    if is_folder:
        return name.lower() in _JUNK_FOLDERS or name.lower().startswith(_JUNK_PREFIX)
    return name.startswith(_APPLE_DOUBLE)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _leads_back(path: Path) -> bool:
    """Return whether a folder, reached a second time, is above itself; otherwise it only has two names."""
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())
