"""The command `weekly`: a list for every week, from the listening history."""

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, GapOption, JsonOption, LibraryOption

if TYPE_CHECKING:
    from audiosim_pipelines.next_track.weekly import WeekReport


class WeekFormat(StrEnum):
    """What a list is written as; a test holds it together with `next_track.weekly_files.FORMATS`."""

    M3U8 = "m3u8"
    XSPF = "xspf"
    JSPF = "jspf"
    HTML = "html"


def weekly(
    *,
    n: Annotated[int, typer.Option("-n", help="How many titles.", min=1)] = 30,
    week: Annotated[str | None, typer.Option(help="Week of ISO 8601, as 2026-W48; this week by default.")] = None,
    familiar: Annotated[
        float, typer.Option(help="At most so large a share of what was played in the last four weeks.", min=0, max=1)
    ] = 0.0,
    only_library: Annotated[bool, typer.Option("--only-library", help="List only what the library has.")] = False,
    temperature: Annotated[
        float, typer.Option(help="0: the likeliest; above: drawn, the higher the more mixed.", min=0.0)
    ] = 0.3,
    gap: GapOption = 60.0,
    random_seed: Annotated[int, typer.Option(help="Of what is drawn, together with the week.", min=0)] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Plan anew what is kept of this week.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the files; weekly in the library by default.")
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        list[WeekFormat] | None, typer.Option(help="What is written; repeat for several. m3u8 and html by default.")
    ] = None,
    relative: Annotated[bool, typer.Option("--relative", help="Paths relative to the playlists.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan it, and write and keep nothing.")] = False,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """A list for this week: what follows your latest sessions.

    By the model that foretells your history best. What was listed or played within four weeks is left out, and at most
    two titles are by one artist. The list is kept: asked again, it is the same, whatever was played since.

    Example: audiosim weekly -n 30 --familiar 0.2 --format m3u8
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli.screen import Screen, print_json
    from audiosim_pipelines.next_track.week import Week, WeekRequest
    from audiosim_pipelines.next_track.weekly import weekly_list
    from audiosim_pipelines.next_track.weekly_files import write_week

    opened, screen = Library.open(library), Screen()
    report = weekly_list(
        opened,
        WeekRequest(n, familiar, temperature, only_library, 60 * gap, random_seed),
        week=Week.read(week) if week else Week.of(dt.datetime.now(dt.UTC).date()),
        overwrite=overwrite,
        keep=not dry_run,
        progress=screen,
    )
    formats = [each.value for each in format or ()]
    files = () if dry_run else write_week(opened, report, output=output, formats=formats, relative=relative)
    if json:
        print_json(_as_dict(report, files))
        return
    _show(report, files)


def _show(report: "WeekReport", files: tuple[Path, ...]) -> None:
    from audiosim_pipelines.cli.screen import Screen, print_table

    screen, kept = Screen(), report.kept
    screen.say(f"{'' if report.is_new else 'kept: '}{kept.reason}")
    for note in report.notes:
        screen.say(f"note: {note}")
    has_file = [track is not None and bool(track.paths) for track in report.tracks]
    rows = [
        [str(i), title.label, "yes" if has else "", "yes" if title.is_familiar else ""]
        for i, (title, has) in enumerate(zip(kept.titles, has_file, strict=True), start=1)
    ]
    columns = ["", "title", "has a file", "played lately"]
    print_table(f"week {kept.week}", columns, rows, left=columns[1:])
    if not any(has_file):
        screen.say("none of these has a file in the library, so that there is no playlist of files")
    elif not all(has_file):
        screen.say(f"{has_file.count(False)} of these have no file in the library: playlists of files leave them out")
    if files:
        screen.say(f"wrote {', '.join(path.name for path in files)} into {files[0].parent}")


def _as_dict(report: "WeekReport", files: tuple[Path, ...]) -> dict[str, Any]:
    kept = report.kept
    return {
        "week": kept.week,
        "is_new": report.is_new,
        "model": kept.model,
        "reason": kept.reason,
        "notes": list(report.notes),
        "files": [str(path) for path in files],
        "titles": [
            {
                "rank": rank,
                "label": title.label,
                "track_id": title.track_id,
                "path": str(track.paths[0]) if track is not None and track.paths else None,
                "is_familiar": title.is_familiar,
            }
            for rank, (title, track) in enumerate(zip(kept.titles, report.tracks, strict=True), start=1)
        ],
    }
