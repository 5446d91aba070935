"""A track in pictures: one HTML page without network, and the pictures as files."""

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from audiosim.catalog import Track
from audiosim.library import Library
from audiosim_pipelines.formats import require_formats
from audiosim_pipelines.pages.quiet import quiet
from audiosim_pipelines.settings import Settings

FOLDER = Path("reports") / "tracks"
FORMATS = ("html", "png", "svg")

_LONGEST_NAME = 180  # bytes, so that a suffix and a draft's fit into the 255 of most file systems
_NOT_IN_NAMES = str.maketrans(dict.fromkeys('<>:"/\\|?*', "_"))


@dataclass(frozen=True, slots=True)
class TrackReport:
    """What was written, and what could not be shown.

    `files` begins with the page; `missing` has a reason for every picture that is not there, by its name.
    """

    track: Track
    files: tuple[Path, ...]
    missing: Mapping[str, str]


def track_report(
    library: Library,
    settings: Settings,
    name: str,
    *,
    output: Path | None = None,
    formats: Collection[str] = (),
    k: int = 5,
) -> TrackReport:
    """Write the report of a track.

    The page shows the track over time (waveform, mel spectrogram, MFCC, chroma, tempo, loudness), its descriptors
    beside those of the library, and the tracks nearest to it by every measure that is compared. It needs no network.
    The same library and files give the same bytes. What the file alone can tell is left out where the file is gone;
    the page says so.

    Parameters
    ----------
    library, settings
        Where, and what its features are made with.
    name
        The track, as `Library.find` understands it.
    output
        Folder of the files, made if need be; `reports/tracks` in the library by default.
    formats
        Any of `FORMATS`. "png" and "svg" write every picture as a file too, in a folder beside the page that is named
        like it; "html" is the page, which is always written.
    k
        How many of the nearest tracks are listed.

    Raises
    ------
    TrackNotFoundError
        The name means no track, or several.
    NotComputedError
        There is neither a file nor a feature of the track.
    StoreMismatchError
        The features were made with other settings.
    SettingsError
        There is no such format.
    AudiosimError
        A file cannot be written.
    """
    require_formats(formats, FORMATS, what="a report")
    folder = library.folder / FOLDER if output is None else output
    with quiet():
        # Matplotlib has things to say when it is loaded, too.
        from audiosim_pipelines.pages.html import write_files  # noqa: PLC0415 - loads jinja2
        from audiosim_pipelines.pages.pictures import picture_files  # noqa: PLC0415
        from audiosim_pipelines.pages.track.contents import read_contents  # noqa: PLC0415
        from audiosim_pipelines.pages.track.page import Place, render  # noqa: PLC0415
        from audiosim_pipelines.pages.track.pictures import pictures  # noqa: PLC0415

        contents = read_contents(library, settings, library.find(name), k=k)
        tracks = library.tracks()
        names = report_names(tracks)
        place = Place(folder, names, {track.track_id: track.label for track in tracks})
        shown = pictures(contents)
        page = folder / f"{names[contents.track.track_id]}.html"
        files = {page: render(contents, shown, library.catalog, place).encode("utf-8")}
        for suffix in ("png", "svg"):
            if suffix in formats:
                files |= {
                    page.with_suffix("") / f"{file}.{suffix}": data for file, data in picture_files(shown, suffix)
                }
    write_files(files)
    return TrackReport(
        contents.track, tuple(files), {picture.name: picture.missing for picture in shown if picture.missing}
    )


def report_names(tracks: Iterable[Track]) -> dict[str, str]:
    """Names of the reports, without suffix, by track id: "artist - title", or the id where there is no title.

    A track whose name an earlier one has is told apart by its id, so that names stay when tracks are added.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for track in tracks:
        name = _file_name(track)
        # Some file systems take capitals and small letters for the same.
        if name.casefold() in taken:
            name = f"{name} {track.track_id[:12]}"
        taken.add(name.casefold())
        names[track.track_id] = name
    return names


def _file_name(track: Track) -> str:
    """What can be a name on every system."""
    label = track.label if track.title else ""
    name = unicodedata.normalize("NFC", label).translate(_NOT_IN_NAMES)
    short = name.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return short.strip(" .") or track.track_id[:12]
