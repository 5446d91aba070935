"""The verdict on the measures of a library: one HTML page without network."""

from pathlib import Path
from typing import TYPE_CHECKING

from audiosim.catalog import Catalog
from audiosim_pipelines.pages.quiet import quiet

if TYPE_CHECKING:
    from audiosim_pipelines.pages.verdict.contents import Contents


def verdict_page(contents: "Contents", catalog: Catalog, *, folder: Path) -> bytes:
    """The page of a verdict as the bytes of its file.

    Parameters
    ----------
    contents : Contents
        An evaluation and what it is about.
    catalog : Catalog
        Knows the files of tracks.
    folder : Path
        Where the page is to lie; players find their files from there.

    Returns
    -------
    bytes
        The same contents at the same place give the same bytes.
    """
    with quiet():
        from audiosim_pipelines.pages.verdict.page import render  # noqa: PLC0415 - loads matplotlib and jinja2

        return render(contents, catalog, folder).encode("utf-8")
