"""Commands that ask: nearest, status, doctor, export."""

from pathlib import Path
from typing import Annotated

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, MeasureOption


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (nearest, status, doctor):
        app.command()(command)
    app.add_typer(exports, name="export")


def nearest(
    track: Annotated[str, typer.Argument(help='Track id or its beginning, path, or "artist - title".')],
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    k: Annotated[int, typer.Option("-k", help="How many tracks.", min=1)] = 10,
    measure: MeasureOption = "dtw",
    seed: Annotated[list[str] | None, typer.Option(help="A further seed track; repeat for several.")] = None,
    artist_cap: Annotated[int | None, typer.Option(help="At most so many tracks by one artist.", min=1)] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="A track to leave out; repeat for several.")] = None,
    exclude_artist: Annotated[
        list[str] | None, typer.Option(help="An artist to leave out; repeat for several.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """The tracks nearest to a track. The percentile is the share of all pairs in the library that are nearer.

    Example: audiosim nearest "Artist - Title" -k 5 --measure cosine --artist-cap 1
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli import reports

    opened = Library.open(library)
    seeds = [opened.find(name) for name in (track, *(seed or []))]
    table = opened.nearest(
        seeds, k=k, measure=measure, artist_cap=artist_cap, exclude=exclude or [], exclude_artists=exclude_artist or []
    )
    reports.nearest_report(table, seeds, measure, as_json=json)


def status(
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    tracks: Annotated[bool, typer.Option("--tracks", help="List all tracks.")] = False,
    failures: Annotated[bool, typer.Option("--failures", help="List what failed, with reasons.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write the failures to a CSV file.")] = None,
    json: JsonOption = False,
) -> None:
    """What the library holds, what is missing and what failed.

    Example: audiosim status --failures
    """
    from audiosim.library import Library
    from audiosim_pipelines import settings
    from audiosim_pipelines import status as stage
    from audiosim_pipelines.cli import reports

    opened = Library.open(library)
    found = stage.status(opened, settings.load(library))
    if csv is not None:
        stage.write_failures(found, csv)
    reports.status_report(opened, found, list_tracks=tracks, list_failures=failures, as_json=json)


def doctor(*, library: LibraryOption = DEFAULT_LIBRARY, json: JsonOption = False) -> None:
    """What this machine offers, what is missing, and the command that mends it.

    Example: audiosim doctor
    """
    from audiosim_pipelines import doctor as stage
    from audiosim_pipelines.cli import reports

    reports.doctor_report(stage.doctor(library), as_json=json)


exports = typer.Typer(help="Write results in the formats of other programs.", no_args_is_help=True)
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]


@exports.command("matrix")
def export_matrix(
    output: OutputOption,
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    measure: MeasureOption = "dtw",
    format: Annotated[str, typer.Option(help="parquet, npy or mirex.")] = "parquet",  # noqa: A002 - the option's name
) -> None:
    """The distance matrix.

    Example: audiosim export matrix --format npy -o dtw.npy
    """
    from audiosim.library import Library
    from audiosim_pipelines import export

    export.export_matrix(Library.open(library), measure, kind=format, output=output)


@exports.command("neighbors")
def export_neighbors(
    output: OutputOption,
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    measure: MeasureOption = "dtw",
    format: Annotated[str, typer.Option(help="parquet or csv.")] = "csv",  # noqa: A002 - the option's name
) -> None:
    """The table of nearest tracks of every track.

    Example: audiosim export neighbors --format csv -o neighbors.csv
    """
    from audiosim.library import Library
    from audiosim_pipelines import export

    export.export_neighbors(Library.open(library), measure, kind=format, output=output)


@exports.command("playlist")
def export_playlist(
    output: OutputOption,
    seed: Annotated[list[str], typer.Option(help="Seed track; repeat for several.")],
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    k: Annotated[int, typer.Option("-k", help="How many tracks after the seeds.", min=1)] = 20,
    measure: MeasureOption = "dtw",
    relative: Annotated[bool, typer.Option("--relative", help="Paths relative to the playlist.")] = False,
) -> None:
    """The seeds and the tracks nearest to them as an M3U8 playlist.

    Example: audiosim export playlist --seed "Artist - Title" -k 20 -o evening.m3u8
    """
    from audiosim.library import Library
    from audiosim_pipelines import export

    export.export_playlist(Library.open(library), seed, k=k, measure=measure, output=output, relative=relative)
