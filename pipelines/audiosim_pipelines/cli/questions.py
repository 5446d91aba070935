"""Commands that ask: nearest, status, doctor."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from audiosim_pipelines.cli import exports
from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, MeasureName, MeasureOption


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (nearest, status, doctor):
        app.command()(command)
    exports.register(app)


def nearest(
    track: Annotated[str, typer.Argument(help='Track id or its beginning, path, or "artist - title".')],
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    k: Annotated[int, typer.Option("-k", help="How many tracks.", min=1)] = 10,
    measure: MeasureOption = MeasureName.DTW,
    rescale: Annotated[
        Literal["none", "mp_gauss", "mp_empirical", "local_scaling", "csls"] | None,
        typer.Option(help="How distances are rescaled against hubs; by default as the library was compared."),
    ] = None,
    seed: Annotated[list[str] | None, typer.Option(help="A further seed track; repeat for several.")] = None,
    artist_cap: Annotated[int | None, typer.Option(help="At most so many tracks by one artist.", min=1)] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="A track to leave out; repeat for several.")] = None,
    exclude_artist: Annotated[
        list[str] | None, typer.Option(help="An artist to leave out; repeat for several.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """The tracks nearest to a track.

    "nearer pairs" is the share of all pairs of tracks in the library that are nearer to each other than these two.
    "rescaled" is what the ranks are by: the distance, seen from how near each of the two tracks is to all others.

    Example: audiosim nearest "Artist - Title" -k 5 --measure cosine
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli import reports

    opened = Library.open(library)
    seeds = list(dict.fromkeys(opened.find(name) for name in (track, *(seed or []))))
    table = opened.nearest(
        seeds,
        k=k,
        measure=measure.value,
        rescaling=rescale,
        artist_cap=artist_cap,
        exclude=exclude or [],
        exclude_artists=exclude_artist or [],
    )
    rescaling = rescale or opened.rescaling(measure.value)
    reports.nearest_report(table, seeds, measure.value, rescaling=rescaling, as_json=json)


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
    """What this machine offers, and how to mend what is missing.

    Example: audiosim doctor
    """
    from audiosim_pipelines import doctor as stage
    from audiosim_pipelines.cli import reports

    reports.doctor_report(stage.doctor(library), as_json=json)
