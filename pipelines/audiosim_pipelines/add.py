"""Stage 1: files become tracks of the catalog."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from audiosim.catalog import Failure
from audiosim.library import Library
from audiosim.sources import FoundFile, Problem, collect
from audiosim.sources.identity import file_digest
from audiosim.sources.tags import read_tags
from audiosim_pipelines.progress import Progress, Silent

STAGE = "add"
_COMMIT_EVERY = 100
_TAGS = ("artist", "title", "album", "genre", "isrc")


@dataclass(frozen=True, slots=True)
class AddReport:
    """What `add` found: tracks that are new, files that were looked at, and what cannot be used."""

    n_tracks_added: int
    n_files_seen: int
    n_failures: int


def add(library: Library, sources: Sequence[Path], *, progress: Progress | None = None) -> AddReport:
    """Add the files of folders, playlists, tables of paths and single files to the catalog.

    A file whose size and time of change are known is not read again. What cannot be used is recorded with its reason.

    Raises
    ------
    SourceError
        A source is none of the kinds above, or cannot be read at all.
    """
    progress = progress or Silent()
    found = [entry for source in sources for entry in collect(source)]
    n_added = 0
    catalog = library.catalog
    with library.writing(), progress.bar("add", len(found), "files") as advance:
        _forget_old_failures(library, sources)
        for batch in _batches(found, _COMMIT_EVERY):
            with catalog.transaction():
                for entry in batch:
                    n_added += _add_one(library, entry)
                    advance(1)
    return AddReport(n_added, len(found), len(catalog.failures(STAGE)))


def _add_one(library: Library, entry: FoundFile | Problem) -> bool:
    catalog, path = library.catalog, entry.path.absolute()
    if isinstance(entry, Problem):
        catalog.put_failure(Failure(STAGE, path, None, entry.reason))
        return False
    try:
        status = path.stat()
        is_known = catalog.known_file(path, size=status.st_size, mtime_ns=status.st_mtime_ns)
        track_id = catalog.track_of(path) if is_known else file_digest(path)
    except OSError as error:
        catalog.put_failure(Failure(STAGE, path, None, f"cannot be read: {error.strerror or error}"))
        return False
    assert track_id is not None
    said = {"external_id": entry.track_id, **{name: getattr(entry.tags, name) for name in _TAGS}}
    is_new = False
    if not is_known:
        tags = read_tags(path)
        fields = {name: getattr(tags, name) for name in (*_TAGS, "duration")}
        is_new = catalog.put_track(track_id, {"external_id": None, **fields})
        catalog.put_file(path, track_id, size=status.st_size, mtime_ns=status.st_mtime_ns)
    if any(said.values()):  # what a table says of a track outweighs the file's tags
        catalog.update_track(track_id, said)
    return is_new


def _forget_old_failures(library: Library, sources: Sequence[Path]) -> None:
    """Drop failures of what is looked at again now, and of files that are gone."""
    roots = [source.absolute() for source in sources]
    old = [failure.path for failure in library.catalog.failures(STAGE)]
    looked_at = [path for path in old if any(path == root or root in path.parents for root in roots)]
    gone = [path for path in old if not os.path.lexists(path)]
    with library.catalog.transaction():
        library.catalog.forget_failures(STAGE, [*looked_at, *gone])


def _batches(items: Sequence[FoundFile | Problem], size: int) -> Iterable[Sequence[FoundFile | Problem]]:
    return (items[start : start + size] for start in range(0, len(items), size))
