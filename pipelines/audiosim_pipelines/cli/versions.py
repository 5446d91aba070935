"""The command `versions`: which tracks are the same recording, an edit or a version of another."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, MeasureName, ThreadsOption

if TYPE_CHECKING:
    from audiosim_pipelines.versions import VersionsReport

_N_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(versions)


def versions(
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="CSV or JSON file; reports/versions.csv and .json in the library by default."
        ),
    ] = None,
    measure: Annotated[
        list[MeasureName] | None,
        typer.Option(
            "--measure", "-m", help="Measure that finds candidates; repeat for several. By default those named above."
        ),
    ] = None,
    k: Annotated[
        int, typer.Option("-k", help="How many of the nearest of every track are candidates, by each measure.", min=1)
    ] = 10,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Which tracks are the same recording, an edit or a version.

    Candidates are those that measures find near (version, timbre, cosine and dtw, as far as they are compared); each is
    verified by laying the two over one another and by aligning their harmony. The review file names all of them with
    the evidence. Nothing is merged or deleted: the column "decision" is for people, and stays when the file is
    written again.

    Example: audiosim versions -o versions.csv
    """
    from audiosim.library import Library
    from audiosim_pipelines import settings
    from audiosim_pipelines.cli.screen import Screen
    from audiosim_pipelines.versions import versions as find

    options = {} if threads is None else {"machine": {"threads": threads}}
    report = find(
        Library.open(library),
        settings.load(library, options=options),
        measures=None if measure is None else [name.value for name in measure],
        k=k,
        output=output,
        progress=Screen(),
    )
    _say(report, as_json=json)


def _say(report: "VersionsReport", *, as_json: bool) -> None:
    """How many pairs of each class there are, the surest of them, and where the files are."""
    from audiosim.catalog import printable
    from audiosim_pipelines.cli.screen import Screen, print_json, print_line

    names = [printable(str(path)) for path in report.files]
    if report.n_decisions_lost:
        Screen().say(f"{report.n_decisions_lost} decisions are about tracks that are not in the library, and are gone")
    if as_json:
        print_json({**report.as_dict(), "files": names})
        return
    _print_kin(report)
    counts = ", ".join(f"{n_pairs} {kinship}" for kinship, n_pairs in report.counts.items())
    print_line(f"{len(report.pairs)} pairs of {report.n_tracks} tracks verified: {counts}")
    for name in names:
        print_line(name)


def _print_kin(report: "VersionsReport") -> None:
    from audiosim.alignment.kinship import KINSHIPS
    from audiosim_pipelines.cli.screen import Screen, print_table

    kin = [pair for pair in report.pairs if pair.kinship != KINSHIPS[-1]]
    rows: list[list[str]] = []
    for pair in kin[:_N_SHOWN]:
        laid, course = pair.evidence.overlay, pair.evidence.course
        rows.append(
            [
                pair.kinship,
                pair.a.label,
                pair.b.label,
                f"{100 * laid.total_a:.0f} / {100 * laid.total_b:.0f} %",
                "" if course is None else f"{100 * course.coverage_a:.0f} / {100 * course.coverage_b:.0f} %",
                "" if course is None or course.tempo_ratio is None else f"{course.tempo_ratio:.2f}",
                "" if course is None or course.transposition is None else f"{course.transposition:+d}",
            ]
        )
    if rows:
        columns = ["class", "A", "B", "same sound", "same harmony", "tempo ratio", "transposed"]
        print_table("kin, the closest first", columns, rows, left=("class", "A", "B"))
    if len(kin) > _N_SHOWN:
        Screen().say(f"and {len(kin) - _N_SHOWN} more in the file")
