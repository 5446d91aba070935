"""Where reports about genres lie."""

from pathlib import Path
from typing import Literal

from audiosim.errors import SettingsError
from audiosim.library import Library
from audiosim_pipelines.genre.report import GenreReport
from audiosim_pipelines.pages.genre import genre_page, genre_pictures
from audiosim_pipelines.pages.html import write_files

REPORTS, PAGE = "reports", "genre.html"
_SUFFIXES: dict[str, Literal["png", "svg"] | None] = {".html": None, ".png": "png", ".svg": "svg"}


def check_output(output: Path | None) -> None:
    """Refuse a name whose ending says nothing, before anything is computed.

    Raises
    ------
    SettingsError
        It ends in something else than .html, .png or .svg.
    """
    if output is not None and output.suffix.lower() not in _SUFFIXES:
        raise SettingsError(f"the output must end in {', '.join(_SUFFIXES)}, got {output.name}")


def write_report(report: GenreReport, output: Path | None, *, library: Library | None = None) -> tuple[Path, ...]:
    """Write the page, or every picture as a file of its own.

    Parameters
    ----------
    report : GenreReport
    output : Path or None
        FILE.html is the page; of FILE.png or FILE.svg every picture is FILE-NAME with that ending. None: the page in
        `reports` of the library, or nothing without one.
    library : Library, optional

    Returns
    -------
    tuple of Path
        Files that were written.

    Raises
    ------
    AudiosimError
        A file cannot be written.
    """
    check_output(output)
    if output is None:
        if library is None:
            return ()
        output = library.folder / REPORTS / PAGE
    kind = _SUFFIXES[output.suffix.lower()]
    if kind is None:
        files = {output: genre_page(report)}
    else:
        files = {
            output.with_name(f"{output.stem}-{name}{output.suffix}"): content
            for name, content in genre_pictures(report, kind)
        }
    write_files(files)
    return tuple(files)
