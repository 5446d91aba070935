"""The command `journey`: from one track to another in small steps, in a list or over days."""

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, MeasureName

if TYPE_CHECKING:
    from audiosim_pipelines.journey.plan import JourneyReport

_DATES = ["%Y-%m-%d"]


class FileFormat(StrEnum):
    """What a journey is written as; a test holds it together with `audiosim_pipelines.journey.files.FORMATS`."""

    M3U8 = "m3u8"
    XSPF = "xspf"
    JSPF = "jspf"
    ICS = "ics"
    HTML = "html"
    PNG = "png"
    SVG = "svg"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(journey)


def journey(
    x: Annotated[str | None, typer.Argument(metavar="X", help="The track that it starts with.")] = None,
    y: Annotated[str | None, typer.Argument(metavar="Y", help="The track that it leads to.")] = None,
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    n: Annotated[int | None, typer.Option("-n", help="Tracks a day; 12 by default.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Playing time a day, in place of -n.")] = None,
    days: Annotated[int, typer.Option(help="Days that it takes: a list a day, nothing twice in a week.")] = 1,
    begin: Annotated[
        dt.datetime | None, typer.Option(formats=_DATES, help="Date of the first day; today by default.")
    ] = None,
    space: Annotated[
        Literal["mood", "timbre", "dtw", "descriptors"],
        typer.Option(help="What the way is straight in: energy and valence, or distances to both ends by a measure."),
    ] = "mood",
    method: Annotated[
        Literal["viterbi", "graph"],
        typer.Option(help="viterbi: straight, so many tracks; graph: the smoothest way, as long as it takes."),
    ] = "viterbi",
    measure: Annotated[
        MeasureName | None,
        typer.Option("--measure", "-m", help="How neighbours' sounds are compared; that of the space, else timbre."),
    ] = None,
    via: Annotated[list[str] | None, typer.Option(help="A track on the way; repeat for several.")] = None,
    table: Annotated[
        bool, typer.Option("--table", help="Energy and valence of the imported table, in place of own estimates.")
    ] = False,
    transitions: Annotated[
        bool, typer.Option("--transitions", help="Compare the end of a track with the beginning of the next.")
    ] = False,
    artist_cap: Annotated[int, typer.Option(help="At most so many by one artist a day; 0 for no limit.", min=0)] = 2,
    variance: Annotated[float, typer.Option(help="Variety: places are moved at random by so many steps.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of what is random; the same one gives the same lists.")] = 0,
    name: Annotated[str | None, typer.Option(help='What it is kept as; "X to Y" by default.')] = None,
    replan: Annotated[
        bool, typer.Option("--replan", help="Plan the days behind today of the journey --name again.")
    ] = False,
    skip: Annotated[
        list[str] | None, typer.Option(help="With --replan: a track that is not to come again; repeat for several.")
    ] = None,
    today: Annotated[
        dt.datetime | None, typer.Option(formats=_DATES, help="With --replan: a date in place of today's.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a journey of the same name.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the files; journeys/NAME in the library.")
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        list[FileFormat] | None,
        typer.Option(help="What is written; repeat for several. m3u8, html and, over days, ics by default."),
    ] = None,
    relative: Annotated[bool, typer.Option("--relative", help="Paths relative to the playlists.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan it, and write and keep nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """From one track to another in small steps, at once or over days.

    Every day is a dated playlist. The journey is kept in the library, so that the days behind today can be planned
    again without what was skipped: audiosim journey --replan --name NAME --skip TRACK

    Example: audiosim journey "Artist - Calm" "Artist - Wild" -n 12 --days 14 --name "two weeks"
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli.screen import print_json
    from audiosim_pipelines.journey import plan as pipeline
    from audiosim_pipelines.journey.files import write_journey
    from audiosim_pipelines.journey.request import JourneyRequest

    opened, now = Library.open(library), dt.datetime.now().astimezone().date()
    if replan:
        if x or y or name is None:
            raise typer.BadParameter("--replan takes --name and no tracks: what it leads to is kept in the library")
        report = pipeline.replan_journey(
            opened, name, skipped=skip or (), today=today.date() if today else now, keep=not dry_run
        )
    else:
        if not (x and y):
            raise typer.BadParameter("a journey leads from X to Y; give both, or --replan --name NAME")
        if skip or today:
            raise typer.BadParameter("--skip and --today go with --replan")
        request = JourneyRequest(
            start=opened.find(x).track_id,
            goal=opened.find(y).track_id,
            via=tuple(opened.find(each).track_id for each in via or ()),
            n=n,
            minutes=minutes,
            n_days=days,
            first_date=begin.date() if begin else now,
            space=space,
            method=method,
            measure=measure.value if measure else None,
            is_official=table,
            has_seams=transitions,
            artist_cap=artist_cap or None,
            variance=variance,
            seed=seed,
        )
        report = pipeline.plan_journey(opened, request, name=name, overwrite=overwrite, keep=not dry_run)
    files = (
        ()
        if dry_run
        else write_journey(
            opened, report, output=output, formats=[each.value for each in format or ()], relative=relative
        )
    )
    if json:
        print_json(_as_dict(report, files))
    else:
        _show(report, files)


def _show(report: "JourneyReport", files: tuple[Path, ...]) -> None:
    from audiosim_pipelines.cli.screen import Screen, print_table

    screen = Screen()
    for warning in report.warnings:
        screen.say(f"note: {warning}")
    for day in report.days:
        rows = [
            [str(i), track.label, f"{share:.0%}"]
            for i, (track, share) in enumerate(zip(day.tracks, day.progress, strict=True), start=1)
        ]
        which = f"day {day.number + 1}, {day.date.isoformat()}" if len(report.days) > 1 else report.kept.name
        print_table(which, ["", "track", "progress"], rows, left=("track",))
    figures = [
        [
            day.date.isoformat(),
            f"{day.figures.variation:.2f} ({day.others.variation:.2f})",
            f"{day.figures.largest_step:.3f} ({day.others.largest_step:.3f})",
            f"{day.figures.monotone:.0%} ({day.others.monotone:.0%})",
            f"{day.figures.mean_transition:.2f} ({day.others.mean_transition:.2f})",
            "-" if day.figures.mean_deviation is None else f"{day.figures.mean_deviation:.3f}",
        ]
        for day in report.days
        if day.figures and day.others
    ]
    columns = ["date", "variation", "largest step", "forward", "sound", "deviation"]
    print_table("smoothness (in brackets: the same tracks in random orders)", columns, figures, left=("date",))
    if files:
        screen.say(f"wrote {len(files)} files into {files[0].parent}")


def _as_dict(report: "JourneyReport", files: tuple[Path, ...]) -> dict[str, Any]:
    from dataclasses import asdict

    kept = report.kept
    return {
        "name": kept.name,
        "revision": kept.revision,
        "space": kept.request.space,
        "method": kept.request.method,
        "measure": kept.request.compared_by,
        "seed": kept.request.seed,
        "n_tracks": report.n_tracks,
        "axes": list(report.axes),
        "stops": [{"track_id": track.track_id, "label": track.label} for track in report.stops],
        "skipped": [{"track_id": track.track_id, "label": track.label} for track in report.skipped],
        "warnings": list(report.warnings),
        "files": [str(path) for path in files],
        "days": [
            {
                "date": day.date.isoformat(),
                "stretch": {"start": day.stretch[0], "stop": day.stretch[1]},
                "seconds": day.seconds,
                "tracks": [
                    {
                        "track_id": track.track_id,
                        "label": track.label,
                        "path": str(track.paths[0]) if track.paths else None,
                        "progress": share,
                    }
                    for track, share in zip(day.tracks, day.progress, strict=True)
                ],
                "figures": asdict(day.figures) if day.figures else None,
                "random": asdict(day.others) if day.others else None,
                "by_energy": asdict(day.by_energy) if day.by_energy else None,
            }
            for day in report.days
        ],
    }
