"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer


class MeasureName(StrEnum):
    """The measures of `audiosim.distances.MEASURES`, which takes its time to import; a test holds the two together."""

    DTW = "dtw"
    COSINE = "cosine"
    COSINE_FRAMES = "cosine_frames"
    TIMBRE = "timbre"
    VERSION = "version"
    DESCRIPTORS = "descriptors"
    BASELINE = "baseline"


LibraryOption = Annotated[
    Path,
    typer.Option("--library", "-l", envvar="AUDIOSIM_LIBRARY", help="Library folder.", show_default=True),
]
MeasureOption = Annotated[MeasureName, typer.Option("--measure", "-m", help="How tracks are compared.")]
MeasuresOption = Annotated[
    list[MeasureName] | None,
    typer.Option("--measure", "-m", help="Measure; repeat for several. All of the settings by default."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, see docs/json.md.")]
GapOption = Annotated[float, typer.Option(help="Minutes of silence that end a session.", min=1.0)]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say how much there is to do, and do nothing.")]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda"] | None, typer.Option(help="auto takes a GPU where there is one.")
]
ThreadsOption = Annotated[int | None, typer.Option(help="Threads; one a core by default.", min=1)]
WorkersOption = Annotated[int, typer.Option(help="Compare in so many Dask processes instead of threads.", min=0)]
SchedulerOption = Annotated[
    str | None, typer.Option(help="Compare on a running Dask scheduler, tcp://host:port; its workers need audiosim.")
]
ProfileOption = Annotated[
    Literal["default", "yasr"] | None, typer.Option(help="Settings of a new library; yasr is the recipe of 2020.")
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option(help="Judge by this tag (genre, artist, album) or column of --labels; repeat for several."),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--labels", help="CSV with a path, track_id or artist and title column, and label columns."),
]
PairsOption = Annotated[
    Path | None,
    typer.Option(
        "--pairs", help='CSV with the columns a and b: ids, paths or "artist - title" of tracks that belong together.'
    ),
]

DEFAULT_LIBRARY = Path("library")
