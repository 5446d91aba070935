"""The command `releases`: what came out lately."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption

OfflineOption = Annotated[bool, typer.Option("--offline", help="Ask nobody; take what was kept from before.")]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(releases)


def releases(
    *,
    days: Annotated[int, typer.Option(help="Of the last so many days.", min=1, max=90)] = 14,
    genre: Annotated[list[str] | None, typer.Option(help="Only releases with this tag; repeat for several.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many.", min=1)] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write a list: .txt for audiosim fetch, .csv or .json with all that is known."
        ),
    ] = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """New releases, as ListenBrainz lists them. This asks a service on the network; nothing is sent but the dates.

    Most releases that are days old have no tags yet, so that --genre finds few of them.

    Example: audiosim releases --days 7 -o new.txt
    """
    from audiosim_pipelines import releases as pipeline
    from audiosim_pipelines import settings
    from audiosim_pipelines.cli.screen import Screen, print_json, print_line, print_table

    online = settings.load(library, options=offline_override(offline=offline)).online
    report = pipeline.releases(online, library=library, days=days, genres=genre or (), limit=limit)
    if output is not None:
        pipeline.write_releases(report, output)
    if json:
        rows = [{**asdict(release), "query": release.query} for release in report.releases]
        counts = {"n_all": report.n_all, "n_tagged": report.n_tagged}
        print_json({"until": report.until.isoformat(), "releases": rows, **counts})
        return
    until = report.until.isoformat()
    Screen().say(f"{report.n_all} releases in {days} days up to {until}, {report.n_tagged} of them with tags")
    if output is not None:
        print_line(str(output))
        return
    columns = ["date", "artist", "title", "kind", "tags"]
    rows = [[r.date, r.artist, r.title, r.kind or "", ", ".join(r.tags)] for r in report.releases]
    print_table("releases", columns, rows, left=columns)


def offline_override(*, offline: bool) -> dict[str, Any]:
    """What --offline says, as options of the settings; without it, the settings themselves count."""
    return {"online": {"offline": True}} if offline else {}
