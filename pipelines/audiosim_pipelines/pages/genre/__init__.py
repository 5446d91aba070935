"""How well genres are told, as one HTML page without network, and its pictures as files."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Literal

from audiosim_pipelines.pages.quiet import quiet

if TYPE_CHECKING:
    from audiosim_pipelines.genre.report import GenreReport


def genre_page(report: "GenreReport") -> bytes:
    """The page of a report as the bytes of its file; the same report gives the same bytes."""
    with quiet():
        from audiosim_pipelines.pages.genre.page import render  # noqa: PLC0415 - loads matplotlib and jinja2

        return render(report).encode("utf-8")


def genre_pictures(report: "GenreReport", suffix: Literal["png", "svg"]) -> Generator[tuple[str, bytes]]:
    """The pictures of a report as files, "png" or "svg": names without suffix, and bytes."""
    with quiet():
        from audiosim_pipelines.pages.genre.pictures import pictures  # noqa: PLC0415 - loads matplotlib
        from audiosim_pipelines.pages.pictures import picture_files  # noqa: PLC0415

        yield from picture_files([picture for part in pictures(report).values() for picture in part], suffix)
