"""Commands that ask: nearest, status, doctor."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audiosim_pipelines.cli import exports
from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, MeasureName, MeasureOption

if TYPE_CHECKING:
    from audiosim.catalog import Track
    from audiosim.library import Library


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (nearest, status, doctor):
        app.command()(command)
    exports.register(app)


def _seconds(text: str) -> float:
    from audiosim_pipelines.segment import seconds_of

    try:
        return seconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


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
    start: Annotated[
        float | None,
        typer.Option(
            "--from", parser=_seconds, metavar="TIME", help="Ask for a stretch of the track that begins here, m:ss."
        ),
    ] = None,
    stop: Annotated[
        float | None, typer.Option("--to", parser=_seconds, metavar="TIME", help="Where the stretch ends, m:ss.")
    ] = None,
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

    With --from or --to: the tracks nearest to a stretch of the track, but for the track itself. dtw and version seek it
    in every track, and "found at" is where. Times are those of the file, as players show them.

    Example: audiosim nearest "Artist - Title" --from 1:05 --to 1:25 -k 5 --measure dtw
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli import reports

    is_stretch = start is not None or stop is not None
    if is_stretch and seed:
        raise typer.BadParameter("a stretch is of one track; leave out --seed, or --from and --to")
    opened = Library.open(library)
    seeds = list(dict.fromkeys(opened.find(name) for name in (track, *(seed or []))))
    options: dict[str, Any] = {
        "k": k,
        "measure": measure.value,
        "rescaling": rescale,
        "artist_cap": artist_cap,
        "exclude": exclude or [],
        "exclude_artists": exclude_artist or [],
    }
    rescaling = rescale or opened.rescaling(measure.value)
    if is_stretch:
        _nearest_to_stretch(opened, seeds[0], start or 0.0, stop, options, rescaling=rescaling, as_json=json)
        return
    table = opened.nearest(seeds, **options)
    reports.nearest_report(table, seeds, measure.value, rescaling=rescaling, as_json=json)


def _nearest_to_stretch(
    library: "Library",
    track: "Track",
    start: float,
    stop: float | None,
    options: dict[str, Any],
    *,
    rescaling: str,
    as_json: bool,
) -> None:
    from audiosim_pipelines import settings
    from audiosim_pipelines.cli import reports
    from audiosim_pipelines.segment import nearest_to_segment

    table = nearest_to_segment(library, settings.load(library.folder), track, start, stop, **options)
    reports.nearest_report(
        table, [track], options["measure"], rescaling=rescaling, as_json=as_json, stretch=(start, stop)
    )


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
