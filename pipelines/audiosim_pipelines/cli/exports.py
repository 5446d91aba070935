"""The command `export` and what it writes: matrix, neighbors, playlist, features."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, MeasureName, MeasureOption

OutputOption = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]


def register(app: typer.Typer) -> None:
    """Add the command with its parts."""
    group = typer.Typer(help="Write results in the formats of other programs.", no_args_is_help=True)
    for command in (matrix, neighbors, playlist, features):
        group.command()(command)
    app.add_typer(group, name="export")


def matrix(
    output: OutputOption,
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    measure: MeasureOption = MeasureName.DTW,
    format: Annotated[  # noqa: A002 - the option's name
        Literal["parquet", "npy", "mirex"], typer.Option(help="npy has a table of the track ids written beside it.")
    ] = "parquet",
    json: JsonOption = False,
) -> None:
    """The distance matrix.

    Example: audiosim export matrix --format npy -o dtw.npy
    """
    from audiosim.library import Library
    from audiosim_pipelines import export
    from audiosim_pipelines.cli import reports

    exported = export.export_matrix(Library.open(library), measure.value, kind=format, output=output)
    reports.export_report(exported, as_json=json)


def neighbors(
    output: OutputOption,
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    measure: MeasureOption = MeasureName.DTW,
    format: Annotated[  # noqa: A002 - the option's name
        Literal["parquet", "csv"], typer.Option(help="csv has the names of the tracks too.")
    ] = "csv",
    json: JsonOption = False,
) -> None:
    """The table of nearest tracks of every track.

    Example: audiosim export neighbors --format csv -o neighbors.csv
    """
    from audiosim.library import Library
    from audiosim_pipelines import export
    from audiosim_pipelines.cli import reports

    exported = export.export_neighbors(Library.open(library), measure.value, kind=format, output=output)
    reports.export_report(exported, as_json=json)


def playlist(
    output: OutputOption,
    seed: Annotated[list[str], typer.Option(help="Seed track; repeat for several.")],
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    k: Annotated[int, typer.Option("-k", help="How many tracks after the seeds.", min=1)] = 20,
    measure: MeasureOption = MeasureName.DTW,
    relative: Annotated[bool, typer.Option("--relative", help="Paths relative to the playlist.")] = False,
    json: JsonOption = False,
) -> None:
    """The seeds and the tracks nearest to them: .m3u8, .m3u, .xspf, .jspf or .csv, as the name of the file ends.

    Example: audiosim export playlist --seed "Artist - Title" -o evening.m3u8
    """
    from audiosim.library import Library
    from audiosim_pipelines import export
    from audiosim_pipelines.cli import reports

    exported = export.export_playlist(
        Library.open(library), seed, k=k, measure=measure.value, output=output, relative=relative
    )
    reports.export_report(exported, as_json=json)


def features(
    output: OutputOption,
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    format: Annotated[  # noqa: A002 - the option's name
        Literal["csv", "parquet"], typer.Option(help="One row a track, one column a descriptor.")
    ] = "csv",
    json: JsonOption = False,
) -> None:
    """The descriptors of all tracks.

    The column "fitted" names those that a fitted model gives; all others are as the audio gives them.

    Example: audiosim export features --format parquet -o features.parquet
    """
    from audiosim.library import Library
    from audiosim_pipelines import export
    from audiosim_pipelines.cli import reports

    exported = export.export_features(Library.open(library), kind=format, output=output)
    reports.export_report(exported, as_json=json)
