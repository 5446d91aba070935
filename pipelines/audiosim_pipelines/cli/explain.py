"""The command `explain`: which passages of two tracks match."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audiosim_pipelines.explain import Explanation


class PictureFormat(StrEnum):
    """What the picture is written as."""

    PNG = "png"
    SVG = "svg"


TrackName = Annotated[str, typer.Argument(help='Track id or its beginning, path, or "artist - title".')]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(explain)


def explain(
    a: TrackName,
    b: TrackName,
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    html: Annotated[
        Path | None, typer.Option("--html", help="The page to write; one in reports/matches of the library by default.")
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        list[PictureFormat] | None,
        typer.Option(help="png and svg write the picture as a file beside the page; repeat for several."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Which passages of two tracks match, and how near they are.

    Passages are stretches with the same course of harmony, at whatever tempo and in whatever key. A track and itself
    give its repeated sections. Times are those of the files, as players show them.

    "tempo ratio" is seconds of A for a second of B, "transposed +2" says that B lies two semitones above A. "nearer
    pairs" is the share of all pairs of tracks in the library that are nearer to each other than these two; the columns
    beside it are the same among pairs by one artist and among those by two.

    One HTML page that needs no network shows both signals, the cost matrix and the path, and plays the passages.

    Example: audiosim explain "Artist - Title" "Other - Title (live)"
    """
    from audiosim.library import Library
    from audiosim_pipelines import settings
    from audiosim_pipelines.explain import explain as find
    from audiosim_pipelines.pages.match import match_page

    opened = Library.open(library)
    found = find(opened, settings.load(library), a, b)
    formats = [name.value for name in format or ()]
    files = match_page(opened, found, output=html, formats=formats)
    _say(found, files, as_json=json)


def _say(found: "Explanation", files: "Sequence[Path]", *, as_json: bool) -> None:
    from audiosim.catalog import printable
    from audiosim_pipelines.cli.screen import Screen, print_json, print_line

    names = [printable(str(path)) for path in files]
    if as_json:
        print_json({**found.as_dict(), "files": names})
        return
    screen = Screen()
    for note in found.notes:
        screen.say(note)
    print_line(f"A  {found.a.label}")
    if found.b.track_id != found.a.track_id:
        print_line(f"B  {found.b.label}")
    for sentence in found.sentences:
        print_line(sentence)
    if found.measures:
        _print_standings(found)
    for name in names:
        print_line(name)


def _print_standings(found: "Explanation") -> None:
    """How near the two are by every measure, and how many pairs are nearer."""
    from audiosim_pipelines.cli.screen import print_table

    def percent(share: float | None) -> str:
        return "" if share is None else f"{share:.1f} %"

    columns: dict[str, list[str]] = {
        "measure": [standing.measure for standing in found.measures],
        "distance": ["" if s.distance is None else f"{s.distance:.4f}" for s in found.measures],
        "rescaled": ["" if s.rescaled is None else f"{s.rescaled:.4f}" for s in found.measures],
        "nearer pairs": [percent(s.percentile) for s in found.measures],
        "by one artist": [percent(s.percentile_same_artist) for s in found.measures],
        "by two artists": [percent(s.percentile_other) for s in found.measures],
    }
    # Without artists, say, there is nothing to show of them.
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    print_table("how near A and B are", list(shown), list(zip(*shown.values(), strict=True)), left=("measure",))
