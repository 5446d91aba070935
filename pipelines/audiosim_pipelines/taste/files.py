"""Pages about taste, and their pictures, as files."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Literal

from audiosim.errors import SettingsError
from audiosim_pipelines.pages.html import write_files
from audiosim_pipelines.pages.taste import comparison_page, comparison_pictures, taste_page, taste_pictures
from audiosim_pipelines.taste.analysis import Analysis
from audiosim_pipelines.taste.comparison import Comparison

FORMATS = ("html", "png", "svg")
_Suffix = Literal["png", "svg"]


def write_report(found: Analysis, output: Path) -> tuple[Path, ...]:
    """Write the page of a taste as FILE.html, or its pictures as FILE picture.png or .svg.

    Raises
    ------
    SettingsError
        The file is called otherwise.
    AudiosimError
        A file cannot be written.
    """
    return _write(output, lambda: taste_page(found), lambda suffix: taste_pictures(found, suffix))


def write_comparison(found: Comparison, output: Path) -> tuple[Path, ...]:
    """Write the page of a comparison, or its pictures; see `write_report`."""
    return _write(output, lambda: comparison_page(found), lambda suffix: comparison_pictures(found, suffix))


def require_format(output: Path) -> str:
    """The format of a page or of pictures, by how the file is called.

    Raises
    ------
    SettingsError
        It is called otherwise.
    """
    suffix = output.suffix.casefold().removeprefix(".")
    if suffix not in FORMATS:
        raise SettingsError(f"a page is written as {', '.join(FORMATS)}, and {output.name!r} ends in none of them")
    return suffix


def _write(
    output: Path, page: Callable[[], bytes], pictures: Callable[[_Suffix], Generator[tuple[str, bytes]]]
) -> tuple[Path, ...]:
    suffix = require_format(output)
    if suffix == "html":
        contents = {output: page()}
    else:
        drawn = pictures("png" if suffix == "png" else "svg")
        contents = {output.with_name(f"{output.stem} {name}.{suffix}"): content for name, content in drawn}
    write_files(contents)
    return tuple(contents)
