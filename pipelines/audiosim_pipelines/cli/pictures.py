"""The command `report`: a track in pictures."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption

if TYPE_CHECKING:
    from audiosim_pipelines.pages.track import TrackReport


class FormatName(StrEnum):
    """What is written; the page always is."""

    HTML = "html"
    PNG = "png"
    SVG = "svg"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(report)


def report(
    track: Annotated[str, typer.Argument(help='Track id or its beginning, path, or "artist - title".')],
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write to; reports/tracks in the library by default."),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        list[FormatName] | None,
        typer.Option(help="png and svg write every picture as a file beside the page; repeat for several."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """A track in pictures, as one HTML page that needs no network.

    Waveform, mel spectrogram, MFCC, chroma, tempo and loudness over time, its descriptors beside the library's, and the
    tracks nearest to it by every measure.

    Example: audiosim report "Artist - Title" --format png
    """
    from audiosim.library import Library
    from audiosim_pipelines import settings
    from audiosim_pipelines.pages.track import track_report

    opened = Library.open(library)
    formats = [name.value for name in format or ()]
    written = track_report(opened, settings.load(library), track, output=output, formats=formats)
    _say(written, as_json=json)


def _say(written: "TrackReport", *, as_json: bool) -> None:
    """Where the page is, and what is not in it."""
    from audiosim.catalog import printable
    from audiosim_pipelines.cli.screen import Screen, print_json, print_line

    names = [printable(str(path)) for path in written.files]
    if as_json:
        missing = [{"picture": picture, "reason": reason} for picture, reason in written.missing.items()]
        track = {"track_id": written.track.track_id, "label": written.track.label}
        print_json({**track, "files": names, "missing": missing})
        return
    screen = Screen()
    for reason in dict.fromkeys(written.missing.values()):
        pictures = ", ".join(picture for picture, why in written.missing.items() if why == reason)
        screen.say(f"not drawn: {pictures}: {reason}")
    print_line(names[0])
    if len(names) > 1:
        screen.say(f"and {len(names) - 1} pictures in {Path(names[1]).parent}")
