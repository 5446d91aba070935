"""A journey as one HTML page without network, and its pictures as files."""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from audiosim.catalog import Catalog
from audiosim_pipelines.pages.quiet import quiet

if TYPE_CHECKING:
    from audiosim_pipelines.journey.plan import JourneyReport


def journey_page(report: "JourneyReport", catalog: Catalog, *, folder: Path) -> bytes:
    """The page of a journey as the bytes of its file.

    Parameters
    ----------
    report : JourneyReport
    catalog : Catalog
        Knows the files of tracks.
    folder : Path
        Where the page is to lie; players find their files from there.

    Returns
    -------
    bytes
        The same journey at the same place gives the same bytes.
    """
    with quiet():
        from audiosim_pipelines.pages.journey.page import render  # noqa: PLC0415 - loads matplotlib and jinja2

        return render(report, catalog, folder).encode("utf-8")


def journey_pictures(report: "JourneyReport", suffix: Literal["png", "svg"]) -> Generator[tuple[str, bytes]]:
    """The pictures of a journey as files, "png" or "svg": names without suffix, and bytes."""
    with quiet():
        from audiosim_pipelines.pages.journey.picture import pictures  # noqa: PLC0415 - loads matplotlib
        from audiosim_pipelines.pages.pictures import picture_files  # noqa: PLC0415

        yield from picture_files(pictures(report), suffix)
