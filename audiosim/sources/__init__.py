"""Where tracks come from: folders, playlists, tables of paths, and the synthesised demo library."""

from collections.abc import Iterator
from pathlib import Path

from audiosim.errors import SourceError
from audiosim.sources.folder import AUDIO_SUFFIXES, FoundFile, Problem, find_audio
from audiosim.sources.path_table import TABLE_SUFFIXES, read_path_table
from audiosim.sources.playlist import PLAYLIST_SUFFIXES, read_playlist

__all__ = ["FoundFile", "Problem", "collect"]


def collect(source: Path) -> Iterator[FoundFile | Problem]:
    """Return the files that a source names.

    Parameters
    ----------
    source : Path
        A folder, a playlist (M3U, M3U8, XSPF, JSPF, or what spotdl saves), a CSV of paths, or one audio file.

    Returns
    -------
    iterator of FoundFile or Problem
        In the order of the paths (folder), of the lines (playlist) or of the rows (table). What cannot become a track
        is a `Problem` among the files.

    Raises
    ------
    SourceError
        The source does not exist, cannot be read, or is of no kind that is accepted.
    """
    suffix = source.suffix.lower()
    if source.is_dir():
        return find_audio(source)
    if not source.exists():
        raise SourceError(f"{source} does not exist")
    if suffix in PLAYLIST_SUFFIXES:
        return iter(read_playlist(source))
    if suffix in TABLE_SUFFIXES:
        return iter(read_path_table(source))
    if suffix in AUDIO_SUFFIXES and source.is_file():
        return iter([FoundFile(source)])
    raise SourceError(
        f"{source} is no source of tracks: give a folder, a playlist ({', '.join(sorted(PLAYLIST_SUFFIXES))}), "
        f"a table of paths ({', '.join(sorted(TABLE_SUFFIXES))}) or an audio file"
    )
