"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

LibraryOption = Annotated[
    Path,
    typer.Option("--library", "-l", envvar="AUDIOSIM_LIBRARY", help="Library folder.", show_default=True),
]
MeasureOption = Annotated[str, typer.Option("--measure", "-m", help="Measure: dtw, cosine, cosine_frames or baseline.")]
MeasuresOption = Annotated[
    list[str] | None,
    typer.Option("--measure", "-m", help="Measure; repeat for several. All of the settings by default."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, see docs/json.md.")]
DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu or cuda. auto takes a GPU where there is one.")]
ThreadsOption = Annotated[int | None, typer.Option(help="Threads; one a core by default.", min=1)]
WorkersOption = Annotated[int, typer.Option(help="Compare in so many Dask processes instead of threads.", min=0)]
SchedulerOption = Annotated[
    str | None, typer.Option(help="Compare on a running Dask scheduler, tcp://host:port; its workers need audiosim.")
]
ProfileOption = Annotated[
    str | None, typer.Option(help="Settings of a new library: default, or yasr (recipe of 2020).")
]
LabelOption = Annotated[
    str | None, typer.Option(help="Judge against this tag (genre, artist, album) or column of --labels.")
]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--labels", help="CSV with a path, track_id or artist and title column, and label columns."),
]

DEFAULT_LIBRARY = Path("library")
