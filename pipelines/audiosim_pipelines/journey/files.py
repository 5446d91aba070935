"""A journey as files: a dated playlist a day, a calendar, a page with its picture."""

from collections.abc import Collection, Generator
from pathlib import Path

from audiosim.library import Library
from audiosim.sources.playlist import write_playlist
from audiosim_pipelines.export import playlist_entry
from audiosim_pipelines.formats import require_formats
from audiosim_pipelines.journey.calendar_file import Event, calendar_text
from audiosim_pipelines.journey.plan import JourneyDay, JourneyReport
from audiosim_pipelines.journey.request import FOLDER
from audiosim_pipelines.pages.journey import journey_page, journey_pictures
from audiosim_pipelines.pages.notation import clock
from audiosim_pipelines.whole_file import make_folder, replacing

PLAYLISTS = ("m3u8", "xspf", "jspf")
FORMATS = (*PLAYLISTS, "ics", "html", "png", "svg")
_DEFAULTS = ("m3u8", "html")


def write_journey(
    library: Library,
    report: JourneyReport,
    *,
    output: Path | None = None,
    formats: Collection[str] = (),
    relative: bool = False,
) -> tuple[Path, ...]:
    """Write a journey.

    Parameters
    ----------
    library : Library
    report : JourneyReport
    output : Path, optional
        Folder of the files, made if need be; `journeys/NAME` in the library by default.
    formats : collection of str
        Any of `FORMATS`: "m3u8", "xspf" and "jspf" are a playlist a day, "ics" is a calendar, "html" a page, "png" and
        "svg" its pictures. None: playlists as M3U8, the page and, of a journey over several days, the calendar.
    relative : bool
        Whether playlists name files relative to their folder.

    Returns
    -------
    tuple of Path
        What was written: playlists by date, then the rest. Tracks whose files are gone are not in playlists.

    Raises
    ------
    SettingsError
        There is no such format.
    AudiosimError
        A file cannot be written.
    """
    require_formats(formats, FORMATS, what="a journey")
    wanted = set(formats) or {*_DEFAULTS, *(["ics"] if len(report.days) > 1 else [])}
    folder = make_folder(library.folder / FOLDER / report.kept.name if output is None else output)
    written: list[Path] = []
    for suffix in [each for each in PLAYLISTS if each in wanted]:
        written += [_playlist(report, day, folder, suffix, relative=relative) for day in report.days]
    for name, content in _others(library, report, folder, wanted):
        with replacing(folder / name) as draft:
            draft.write_bytes(content)
        written.append(folder / name)
    return tuple(written)


def _playlist(report: JourneyReport, day: JourneyDay, folder: Path, suffix: str, *, relative: bool) -> Path:
    path = folder / f"{day.date.isoformat()} {report.kept.name}.{suffix}"
    entries = [playlist_entry(track) for track in day.tracks if track.paths]
    write_playlist(path, entries, relative=relative, title=_title(report, day))
    return path


def _others(
    library: Library, report: JourneyReport, folder: Path, wanted: Collection[str]
) -> Generator[tuple[str, bytes]]:
    name = report.kept.name
    if "ics" in wanted:
        events = [Event(day.date, _title(report, day), _list(day)) for day in report.days]
        text = calendar_text(name, events, made=report.kept.request.first_date, revision=report.kept.revision)
        yield f"{name}.ics", text.encode("utf-8")
    if "html" in wanted:
        yield f"{name}.html", journey_page(report, library.catalog, folder=folder)
    for suffix in ("png", "svg"):
        if suffix in wanted:
            for picture, content in journey_pictures(report, suffix):
                yield f"{name} {picture}.{suffix}", content


def _title(report: JourneyReport, day: JourneyDay) -> str:
    which = f", day {day.number + 1} of {len(report.days)}" if len(report.days) > 1 else ""
    return f"{report.kept.name}{which}"


def _list(day: JourneyDay) -> str:
    lines = [f"{i}. {track.label}" for i, track in enumerate(day.tracks, start=1)]
    return "\n".join([*lines, *([f"{clock(day.seconds)} in all"] if day.seconds is not None else [])])
