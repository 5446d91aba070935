"""Stage 1: files become tracks of the catalog."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from audiosim.catalog import Catalog, Failure
from audiosim.errors import AudioError
from audiosim.library import Library
from audiosim.sources import FoundFile, Problem, collect
from audiosim.sources.identity import file_digest
from audiosim.sources.tags import Tags, read_tags
from audiosim_pipelines.progress import Progress, Silent

STAGE = "add"
_COMMIT_EVERY = 100
_TAGS = ("artist", "title", "album", "genre", "isrc")


@dataclass(frozen=True, slots=True)
class AddReport:
    """What `add` found: tracks that are new, files that were looked at, and what cannot be used.

    A changed file was known and holds other bytes now, so it is another track.
    """

    n_tracks_added: int
    n_files_seen: int
    n_failures: int
    n_files_changed: int = 0


def add(library: Library, sources: Sequence[Path], *, progress: Progress | None = None) -> AddReport:
    """Add the files of folders, playlists, tables of paths and single files to the catalog.

    A file whose size and time of change are known is not read again. What cannot be used is recorded with its reason.

    Raises
    ------
    SourceError
        A source is none of the kinds above, or cannot be read at all.
    """
    progress = progress or Silent()
    catalog = library.catalog
    roots = [source.absolute() for source in sources]
    n_added = n_changed = 0
    with library.writing():
        found = [entry for source in sources for entry in collect(source)]
        _forget_old_failures(catalog, roots)
        with progress.bar("add", len(found), "files") as advance:
            for batch in _batches(found, _COMMIT_EVERY):
                with catalog.transaction():
                    for entry in batch:
                        is_new, is_changed = _add_one(catalog, entry)
                        n_added += is_new
                        n_changed += is_changed
                        advance(1)
        _forget_gone(catalog, roots)
    return AddReport(n_added, len(found), len(catalog.failures(STAGE)), n_changed)


def _add_one(catalog: Catalog, entry: FoundFile | Problem) -> tuple[bool, bool]:
    """Add one file; whether it is a new track, and whether it was another one before."""
    path = entry.path.absolute()
    if isinstance(entry, Problem):
        catalog.put_failure(Failure(STAGE, path, None, entry.reason))
        return False, False
    before, track_id = catalog.track_of(path), _known(catalog, path)
    is_new = is_changed = False
    if track_id is None:
        examined = _examine(path)
        if isinstance(examined, str):
            catalog.put_failure(Failure(STAGE, path, None, examined))
            return False, False
        track_id, status, tags = examined
        fields = {name: getattr(tags, name) for name in (*_TAGS, "duration")}
        is_new = catalog.put_track(track_id, {"external_id": None, **fields})
        is_changed = before not in (None, track_id)
        catalog.put_file(path, track_id, size=status.st_size, mtime_ns=status.st_mtime_ns)
    said = {"external_id": entry.track_id, **{name: getattr(entry.tags, name) for name in _TAGS}}
    if any(said.values()):  # what a table says of a track outweighs the file's tags
        catalog.update_track(track_id, said)
    return is_new, is_changed


def _known(catalog: Catalog, path: Path) -> str | None:
    """The track of a file that was not touched since it was added."""
    try:
        status = path.stat()
    except OSError:
        return None
    is_known = catalog.known_file(path, size=status.st_size, mtime_ns=status.st_mtime_ns)
    return catalog.track_of(path) if is_known else None


def _examine(path: Path) -> tuple[str, os.stat_result, Tags] | str:
    """Which track a file is and what it says of itself, or the reason why that cannot be told."""
    try:
        status = path.stat()
        return file_digest(path), status, read_tags(path)
    except AudioError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except Exception as error:  # noqa: BLE001 - a fault that one odd file brings to light must not end the run
        return f"cannot be examined: {type(error).__name__}: {error}"


def _forget_old_failures(catalog: Catalog, roots: Sequence[Path]) -> None:
    """Drop failures of what is looked at again now, and of files that are gone."""
    old = [failure.path for failure in catalog.failures(STAGE)]
    looked_at = [path for path in old if _is_below(path, roots)]
    gone = [path for path in old if not os.path.lexists(path)]
    with catalog.transaction():
        catalog.forget_failures(STAGE, [*looked_at, *gone])


def _forget_gone(catalog: Catalog, roots: Sequence[Path]) -> None:
    """Forget files that are gone, where another file holds the track or, below the roots, where nothing came of it."""
    with_features = catalog.tracks_with_features()
    with catalog.transaction():
        for track in catalog.tracks():
            gone = [path for path in track.paths if not os.path.lexists(path)]
            if len(gone) == len(track.paths):
                # The name that a result has stays; so does a file on a drive that is not connected now.
                is_kept = track.track_id in with_features
                gone = [] if is_kept else [path for path in gone if _is_below(path, roots)]
            for path in gone:
                catalog.forget_file(path)
        catalog.forget_fileless()


def _is_below(path: Path, roots: Sequence[Path]) -> bool:
    return any(path == root or root in path.parents for root in roots)


def _batches(items: Sequence[FoundFile | Problem], size: int) -> Iterable[Sequence[FoundFile | Problem]]:
    return (items[start : start + size] for start in range(0, len(items), size))
