"""What a library holds, what is missing and what failed."""

import csv
from dataclasses import asdict, dataclass
from pathlib import Path

from audiosim.catalog import Failure, printable
from audiosim.library import Library
from audiosim_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class MatrixStatus:
    """Rows of a measure's matrix that are complete, out of those that its feature has."""

    measure: str
    n_complete: int
    n_rows: int


@dataclass(frozen=True, slots=True)
class Status:
    """A library at a glance."""

    folder: str
    n_tracks: int
    n_files: int
    hours: float
    features: dict[str, int]
    matrices: list[MatrixStatus]
    failures: list[Failure]

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {**asdict(self), "failures": [failure_as_dict(failure) for failure in self.failures]}


def status(library: Library, settings: Settings) -> Status:
    """Look at a library; nothing is computed."""
    from audiosim.distances import measure_named  # noqa: PLC0415 - numba takes its time to import

    tracks = library.tracks()
    catalog = library.catalog
    features = catalog.features()
    wanted = [*settings.compare.measures, *(["baseline"] if "baseline" in features else []), *catalog.matrices()]
    measures: list[str] = list(dict.fromkeys(wanted))
    matrices: list[MatrixStatus] = []
    for name in measures:
        measure = measure_named(name, **settings.measure_options(name))
        complete = catalog.matrix(name)
        matrices.append(MatrixStatus(name, complete[1] if complete else 0, features.get(measure.feature, 0)))
    return Status(
        folder=str(library.folder),
        n_tracks=len(tracks),
        n_files=sum(len(track.paths) for track in tracks),
        hours=sum(track.duration or 0.0 for track in tracks) / 3_600,
        features=features,
        matrices=matrices,
        failures=catalog.failures(),
    )


def write_failures(status: Status, output: Path) -> None:
    """Write the failures as CSV with the columns stage, path, track_id, reason."""
    with output.open("w", encoding="utf-8", newline="") as file:
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
