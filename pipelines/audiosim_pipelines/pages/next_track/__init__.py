"""Who foretells the next track, and the list of a week, each as one HTML page without network."""

from pathlib import Path
from typing import TYPE_CHECKING

from audiosim.catalog import Catalog
from audiosim_pipelines.pages.quiet import quiet

if TYPE_CHECKING:
    from audiosim_pipelines.next_track.verdict import NextEvaluation
    from audiosim_pipelines.next_track.weekly import WeekReport


def evaluation_page(evaluation: "NextEvaluation", *, library: str) -> bytes:
    """The page of an evaluation as the bytes of its file.

    Parameters
    ----------
    evaluation : NextEvaluation
    library : str
        Name of the library.

    Returns
    -------
    bytes
        The same evaluation gives the same bytes.
    """
    with quiet():
        from audiosim_pipelines.pages.next_track.page import render  # noqa: PLC0415 - loads matplotlib and jinja2

        return render(evaluation, library).encode("utf-8")


def week_page(report: "WeekReport", catalog: Catalog, *, folder: Path) -> bytes:
    """The page of the list of a week as the bytes of its file.

    Parameters
    ----------
    report : WeekReport
    catalog : Catalog
        Knows the files of tracks.
    folder : Path
        Where the page is to lie; players find their files from there.
    """
    from audiosim_pipelines.pages.next_track.week import render  # noqa: PLC0415 - loads jinja2

    return render(report, catalog, folder).encode("utf-8")
