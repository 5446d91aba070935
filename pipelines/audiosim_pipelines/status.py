"""What a library holds, what is missing and what failed."""

import csv
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path

from audiosim.catalog import Failure, printable
from audiosim.library import Library
from audiosim.sources import FoundFile, collect
from audiosim_pipelines.settings import FAMILY_OF_MEASURE, Settings
from audiosim_pipelines.whole_file import replacing


@dataclass(frozen=True, slots=True)
class MatrixStatus:
    """Rows of a measure's matrix that are complete, out of those that its feature has."""

    measure: str
    n_complete: int
    n_rows: int


@dataclass(frozen=True, slots=True)
class Foresight:
    """How much a stage would do, None where it is not asked to.

    Two files with the same bytes are one track, which only reading them can tell: with new files, tracks and pairs are
    the most that there can be.
    """

    n_files_seen: int | None = None
    n_files_new: int | None = None
    n_tracks_to_extract: int | None = None
    n_pairs_to_compare: dict[str, int] | None = None  # by measure


@dataclass(frozen=True, slots=True)
class Status:
    """A library at a glance."""

    folder: str
    n_tracks: int
    n_files: int
    hours: float
    n_unextracted: int  # tracks that lack a wanted feature and did not fail
    features: dict[str, int]
    matrices: list[MatrixStatus]
    failures: list[Failure]

    @property
    def is_unfinished(self) -> bool:
        """Whether a run would compute something."""
        return self.n_unextracted > 0 or any(matrix.n_complete < matrix.n_rows for matrix in self.matrices)

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        failures = [failure_as_dict(failure) for failure in self.failures]
        return {**asdict(self), "folder": printable(self.folder), "failures": failures}


def status(library: Library, settings: Settings) -> Status:
    """Look at a library; nothing is computed."""
    tracks = library.tracks()
    catalog = library.catalog
    complete = {name: matrix[1] for name in catalog.matrices() if (matrix := catalog.matrix(name))}
    rows = {name: len(_rows(library, settings, name)) for name in _measures(library, settings)}
    return Status(
        folder=str(library.folder),
        n_tracks=len(tracks),
        n_files=sum(len(track.paths) for track in tracks),
        hours=sum(track.duration or 0.0 for track in tracks) / 3_600,
        n_unextracted=len(unextracted(library, settings)),
        features=catalog.features(),
        matrices=[MatrixStatus(name, complete.get(name, 0), n_rows) for name, n_rows in rows.items()],
        failures=catalog.failures(),
    )


def foresee(library: Library | None, settings: Settings, *, n_seen: int, n_new: int) -> Foresight:
    """What a run would do that sees so many files of which so many are new; without a library, all is to be done."""
    waiting: set[str] = set() if library is None else unextracted(library, settings)
    pairs = missing_pairs(library, settings, n_new=n_new, waiting=waiting)
    return Foresight(n_seen, n_new, n_new + len(waiting), pairs)


def new_files(library: Library | None, sources: Sequence[Path]) -> tuple[int, int]:
    """How many files sources name, and how many of them were never read, or were changed since.

    Raises
    ------
    SourceError
        A source cannot be read at all.
    """
    found = [entry.path.absolute() for source in sources for entry in collect(source) if isinstance(entry, FoundFile)]
    return len(found), len(found) if library is None else sum(not _is_known(library, path) for path in found)


def unextracted(library: Library, settings: Settings, *, failed: bool = False, done: bool = False) -> set[str]:
    """Ids of the tracks that lack a wanted feature yet; also those that failed, or those that are done, if asked."""
    catalog = library.catalog
    left = {track.track_id for track in library.tracks()}
    if not done:
        left -= set.intersection(*(set(catalog.rows(name)) for name in settings.wanted_features()))
    if not failed and not done:  # who throws all away tries all again
        left -= {failure.track_id for failure in catalog.failures("extract") if failure.track_id}
    return left


def missing_pairs(
    library: Library | None,
    settings: Settings,
    *,
    measures: Sequence[str] | None = None,
    n_new: int = 0,
    waiting: AbstractSet[str] = frozenset(),
    done: bool = False,
) -> dict[str, int]:
    """Pairs to compare by measure, at most: what an interrupted comparison has done is not looked for.

    Parameters
    ----------
    library, settings
        Where, and with what; without a library only `n_new` tracks count.
    measures
        As in `compare`.
    n_new, waiting
        Tracks that will have the features of the audio by then: new ones, and the ids of `unextracted` ones.
    done
        Count what is done, too.
    """
    pairs: dict[str, int] = {}
    for name in measures or _measures(library, settings):
        has_audio = FAMILY_OF_MEASURE.get(name) in settings.features.families
        n_rows = n_new if has_audio else 0
        if library is not None:
            n_rows += len({*_rows(library, settings, name), *(waiting if has_audio else ())})
        complete = None if library is None or done else library.catalog.matrix(name)
        n_known = 0 if complete is None else complete[1]
        pairs[name] = (n_rows * (n_rows - 1) - n_known * (n_known - 1)) // 2
    return pairs


def write_failures(status: Status, output: Path) -> None:
    """Write the failures as CSV with the columns stage, path, track_id, reason.

    Raises
    ------
    AudiosimError
        The file cannot be written.
    """
    with replacing(output) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["stage", "path", "track_id", "reason"])
        writer.writeheader()
        writer.writerows(failure_as_dict(failure) for failure in status.failures)


def failure_as_dict(failure: Failure) -> dict[str, str | None]:
    """JSON-ready; bytes of a path that are no text become escapes."""
    return {
        "stage": failure.stage,
        "path": printable(str(failure.path)),
        "track_id": failure.track_id,
        "reason": failure.reason,
    }


def _measures(library: Library | None, settings: Settings) -> list[str]:
    """What `compare` compares, and what else was compared."""
    names = list(settings.measures)
    if library is not None:
        names += ["baseline"] if library.catalog.rows("baseline") else []
        names += library.catalog.matrices()
    return list(dict.fromkeys(names))


def _rows(library: Library, settings: Settings, name: str) -> list[str]:
    """Ids of the tracks that have the feature of a measure."""
    from audiosim.distances import measure_named  # noqa: PLC0415 - numba takes its time to import

    return library.catalog.rows(measure_named(name, **settings.measure_options(name)).feature)


def _is_known(library: Library, path: Path) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return library.catalog.known_file(path, size=status.st_size, mtime_ns=status.st_mtime_ns)
