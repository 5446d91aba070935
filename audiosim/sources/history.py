"""Listening histories: what was played when, from the exports of services, whatever their files are called.

Understood are Spotify's exports (the short one of the last year and the extended one), ListenBrainz' JSON lines, tables
of Last.fm, and any table that has a time, an artist and a title. What an export says beyond what `Play` has (addresses
of computers, names of people, devices, countries) is never kept.
"""

import gzip
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from audiosim.errors import SourceError
from audiosim.sources import history_json, history_table
from audiosim.sources.play import OtherContentError, Play, RejectedPlay

__all__ = ["UNREADABLE", "HistoryFile", "Play", "RejectedPlay", "read_history"]

UNREADABLE = "unreadable"
_SUFFIXES = (".json", ".jsonl", ".csv", ".tsv")
_MOST_BYTES = 512 * 2**20  # of one file: some ten years of anybody's listening
_MOST_ZIPPED = 4 * _MOST_BYTES


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """What a file, or a member of a zip archive, holds.

    `plays` are in its order. `others` counts what is no music, by what it is: "podcast", "audiobook", or "nameless",
    which videos are, and music that was withdrawn. `rejected` are entries that cannot be used. A member of an archive
    that cannot be read is of the kind `UNREADABLE` and has one rejected entry, number 0.
    """

    path: Path
    kind: str
    plays: tuple[Play, ...]
    others: Mapping[str, int]
    rejected: tuple[RejectedPlay, ...]


def read_history(path: Path) -> list[HistoryFile]:
    """Read the listening history in a file, or in all files of a zip archive.

    Parameters
    ----------
    path : Path
        JSON, JSON lines or a table, gzipped or not, or a zip archive of such, as a service gives it.

    Returns
    -------
    list of HistoryFile
        One for each file that holds plays, in the order of their names; of an archive, members that are something else
        (playlists, settings, pictures) are passed over, and members that are broken are told.

    Raises
    ------
    SourceError
        The file cannot be read, is too large, or is no history; in an archive, no member is one.
    """
    try:
        if path.exists() and not path.is_file():
            raise SourceError(f"the history {path} cannot be read: it is no regular file")
        if zipfile.is_zipfile(path):
            return list(_of_archive(path))
        with gzip.open(path) if _is_gzipped(path) else path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"the history {path} cannot be read: {reason}") from error
    if len(content) > _MOST_BYTES:
        raise SourceError(f"the history {path} must have at most {_MOST_BYTES // 2**20} MiB, it has more")
    try:
        return [_parsed(path, content)]
    except ValueError as error:
        raise SourceError(f"{path} is no listening history: {error}") from error


def _is_gzipped(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _of_archive(path: Path) -> Iterator[HistoryFile]:
    """The members that hold plays. Nothing is unpacked to disk, so no name of a member matters."""
    with zipfile.ZipFile(path) as archive:
        members = [
            member
            for member in sorted(archive.infolist(), key=lambda member: member.filename)
            if PurePosixPath(member.filename).suffix.lower() in _SUFFIXES
        ]
        if sum(member.file_size for member in members) > _MOST_ZIPPED:
            raise SourceError(f"the history {path} must unpack to at most {_MOST_ZIPPED // 2**20} MiB, it has more")
        is_history = False
        for member in members:
            if member.file_size > _MOST_BYTES:
                most = _MOST_BYTES // 2**20
                raise SourceError(f"{member.filename} in {path} must unpack to at most {most} MiB, it has more")
            with archive.open(member) as file:
                content = file.read(member.file_size + 1)
            try:
                yield _parsed(path / member.filename, content)
                is_history = True
            except OtherContentError:
                continue
            except ValueError as error:
                yield HistoryFile(path / member.filename, UNREADABLE, (), {}, (RejectedPlay(0, str(error)),))
        if not is_history:
            raise SourceError(f"{path} is no listening history: none of its {len(members)} JSON or CSV files is one")


def _parsed(path: Path, content: bytes) -> HistoryFile:
    """A file by what it holds.

    Raises
    ------
    ValueError
        It is no history; the text says why.
    """
    is_json = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{")
    kind, entries = (history_json if is_json else history_table).parse(content)
    plays: list[Play] = []
    rejected: list[RejectedPlay] = []
    others: Counter[str] = Counter()
    for entry in entries:
        if isinstance(entry, Play):
            plays.append(entry)
        elif isinstance(entry, RejectedPlay):
            rejected.append(entry)
        else:
            others[entry] += 1
    return HistoryFile(path, kind, tuple(plays), dict(sorted(others.items())), tuple(rejected))
