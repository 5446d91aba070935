"""A taste, and two sets of tracks side by side, as HTML pages without network, and their pictures as files."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Literal

from audiosim_pipelines.pages.quiet import quiet

if TYPE_CHECKING:
    from audiosim_pipelines.taste.analysis import Analysis
    from audiosim_pipelines.taste.comparison import Comparison


def taste_page(found: "Analysis") -> bytes:
    """The page of a taste as the bytes of its file; the same taste gives the same bytes."""
    with quiet():
        from audiosim_pipelines.pages.taste.page import render  # noqa: PLC0415 - loads matplotlib and jinja2

        return render(found).encode("utf-8")


def taste_pictures(found: "Analysis", suffix: Literal["png", "svg"]) -> Generator[tuple[str, bytes]]:
    """The pictures of a taste as files, "png" or "svg": names without suffix, and bytes."""
    with quiet():
        from audiosim_pipelines.pages.pictures import picture_files  # noqa: PLC0415 - loads matplotlib
        from audiosim_pipelines.pages.taste.contents import pictures  # noqa: PLC0415

        yield from picture_files(pictures(found).values(), suffix)


def comparison_page(found: "Comparison") -> bytes:
    """The page of a comparison as the bytes of its file; the same comparison gives the same bytes."""
    with quiet():
        from audiosim_pipelines.pages.taste.sides import render  # noqa: PLC0415 - loads matplotlib and jinja2

        return render(found).encode("utf-8")


def comparison_pictures(found: "Comparison", suffix: Literal["png", "svg"]) -> Generator[tuple[str, bytes]]:
    """The pictures of a comparison as files, "png" or "svg": names without suffix, and bytes."""
    with quiet():
        from audiosim_pipelines.pages.pictures import picture_files  # noqa: PLC0415 - loads matplotlib
        from audiosim_pipelines.pages.taste.sides import pictures  # noqa: PLC0415

        yield from picture_files(pictures(found), suffix)
