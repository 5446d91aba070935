"""The list of a week as files: playlists and a page."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from audiosim.library import Library
from audiosim.sources.playlist import PlaylistEntry, write_playlist
from audiosim_pipelines.export import playlist_entry
from audiosim_pipelines.formats import require_formats
from audiosim_pipelines.next_track.week import FOLDER
from audiosim_pipelines.pages.html import write_files
from audiosim_pipelines.pages.next_track import week_page
from audiosim_pipelines.whole_file import make_folder

if TYPE_CHECKING:
    from audiosim_pipelines.next_track.weekly import WeekReport

_NEED_FILES = ("m3u8",)
PLAYLISTS = (*_NEED_FILES, "xspf", "jspf")
FORMATS = (*PLAYLISTS, "html")
_DEFAULTS = ("m3u8", "html")


def write_week(
    library: Library,
    report: "WeekReport",
    *,
    output: Path | None = None,
    formats: Collection[str] = (),
    relative: bool = False,
) -> tuple[Path, ...]:
    """Write the list of a week.

    Parameters
    ----------
    library : Library
    report : WeekReport
    output : Path, optional
        Folder of the files, made if need be; `weekly` in the library by default.
    formats : collection of str
        Any of `FORMATS`; M3U8 and the page by default.
    relative : bool
        Whether playlists name files relative to their folder.

    Returns
    -------
    tuple of Path
        What was written. M3U8 has those titles alone that have a file, and is not written where none has; XSPF and JSPF
        name the others too.

    Raises
    ------
    SettingsError
        There is no such format.
    AudiosimError
        A file cannot be written.
    """
    require_formats(formats, FORMATS, what="the list of a week")
    wanted = set(formats) or set(_DEFAULTS)
    folder = make_folder(library.folder / FOLDER if output is None else output)
    written: list[Path] = []
    for suffix in [each for each in PLAYLISTS if each in wanted]:
        entries = _entries(report, only_files=suffix in _NEED_FILES)
        if entries:
            written.append(folder / f"{report.kept.week}.{suffix}")
            write_playlist(written[-1], entries, relative=relative, title=f"week {report.kept.week}")
    if "html" in wanted:
        written.append(folder / f"{report.kept.week}.html")
        write_files({written[-1]: week_page(report, library.catalog, folder=folder)})
    return tuple(written)


def _entries(report: "WeekReport", *, only_files: bool) -> list[PlaylistEntry]:
    entries: list[PlaylistEntry] = []
    for title, track in zip(report.kept.titles, report.tracks, strict=True):
        if track is not None and track.paths:
            entries.append(playlist_entry(track))
        elif not only_files:
            entries.append(PlaylistEntry(artist=title.artist or None, title=title.title or title.label))
    return entries
