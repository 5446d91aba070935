"""What two tracks have in common: one HTML page without network that plays it, and its picture as files."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from audiosim.library import Library
from audiosim_pipelines.formats import require_formats
from audiosim_pipelines.pages.quiet import quiet
from audiosim_pipelines.pages.track import report_names

if TYPE_CHECKING:
    from audiosim_pipelines.explain import Explanation

FOLDER = Path("reports") / "matches"
FORMATS = ("png", "svg")

_LONGEST_PART = 100  # bytes of a name, so that two of them and a suffix fit into the 255 of most file systems


def match_page(
    library: Library, explanation: "Explanation", *, output: Path | None = None, formats: Collection[str] = ()
) -> tuple[Path, ...]:
    """Write the page of a match.

    The page shows the cost matrix of both tracks between their waveforms, with the passages that match; a click on a
    passage, or anywhere into the picture, plays both tracks from there. It needs no network. The same explanation and
    files give the same bytes.

    Parameters
    ----------
    library
        Whose tracks they are.
    explanation
        What is shown.
    output
        The file of the page; its folder is made if need be. By default "A ~ B.html" in `reports/matches` of the
        library, where A and B are "artist - title".
    formats
        Any of `FORMATS`: the picture as files too, beside the page and named like it.

    Returns
    -------
    tuple[Path, ...]
        What was written, the page first.

    Raises
    ------
    SettingsError
        There is no such format.
    AudiosimError
        A file cannot be written.

    Examples
    --------
    >>> match_page(library, explain(library, settings, "first", "second"))  # doctest: +SKIP
    (PosixPath('library/reports/matches/Artist - First ~ Artist - Second.html'),)
    """
    require_formats(formats, FORMATS, what="the picture of a match")
    page = library.folder / FOLDER / f"{_file_name(library, explanation)}.html" if output is None else output
    with quiet():
        # Matplotlib has things to say when it is loaded, too.
        from audiosim_pipelines.pages.html import write_files  # noqa: PLC0415 - loads jinja2
        from audiosim_pipelines.pages.match.page import render  # noqa: PLC0415
        from audiosim_pipelines.pages.match.picture import picture_file  # noqa: PLC0415

        files = {page: render(explanation, library.catalog, page.parent).encode("utf-8")}
        for suffix in FORMATS:
            if suffix in formats:
                files[page.with_name(f"{page.stem}.{suffix}")] = picture_file(explanation, suffix)
    write_files(files)
    return tuple(files)


def _file_name(library: Library, explanation: "Explanation") -> str:
    """Names of both tracks, or of the one that is compared with itself."""
    names = report_names(library.tracks())
    tracks = dict.fromkeys((explanation.a.track_id, explanation.b.track_id))
    parts = [_short(names[track_id], track_id) for track_id in tracks]
    return " ~ ".join(parts) if len(parts) > 1 else f"{parts[0]} ~ itself"


def _short(name: str, track_id: str) -> str:
    """A name that leaves room for another; what is cut off is made up for by the id."""
    if len(name.encode()) <= _LONGEST_PART:
        return name
    ending = f" {track_id[:12]}"
    return name.encode()[: _LONGEST_PART - len(ending)].decode(errors="ignore").strip(" .") + ending
