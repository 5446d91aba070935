"""Where genres come from: a column of a table, the tags of a library, or a table of labels of its tracks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audiosim.errors import SettingsError
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.library import Library
from audiosim.recommend.labelled_table import LabelledTable, TrackInputs
from audiosim.sources.fold import fold, fold_name
from audiosim.sources.labels import label_columns, read_labels
from audiosim_pipelines.features import DescriptorTable, descriptor_table

TAG = "genre"


@dataclass(frozen=True, slots=True, eq=False)
class LibraryGenres:
    """Tracks of a library that have descriptors, and the genres of those of which somebody says one.

    Parameters
    ----------
    library : Library
    descriptors : DescriptorTable
    genres : tuple of str
        A genre a track, "" where nobody says one.
    artists : tuple of str
        An artist a track, "" where nobody is known.
    """

    library: Library
    descriptors: DescriptorTable
    genres: tuple[str, ...]
    artists: tuple[str, ...]

    def labelled(self) -> LabelledTable:
        """The tracks that have a genre."""
        return self.table([row for row, genre in enumerate(self.genres) if genre])

    def table(self, rows: Sequence[int]) -> LabelledTable:
        """Some of the tracks; one without a title is like no other."""
        members = [self.descriptors.tracks[row] for row in rows]
        values = self.descriptors.values[list(rows)]
        return LabelledTable(
            self.library.folder,
            TrackInputs.of_descriptors(values) if rows else TrackInputs(DESCRIPTORS, values, values),
            tuple(self.genres[row] for row in rows),
            tuple(fold_name(self.artists[row]) for row in rows),
            tuple(
                fold(self.artists[row], track.title or "") if track.title else track.track_id
                for row, track in zip(rows, members, strict=True)
            ),
            tuple(track.label for track in members),
        )


def library_genres(library: Library, label: str = TAG, labels_file: Path | None = None) -> LibraryGenres:
    """The tracks of a library with their genres.

    Parameters
    ----------
    library : Library
    label : str
        "genre" for the tags, or a column of `labels_file`.
    labels_file : Path, optional
        See `audiosim.sources.labels.read_labels`; also says who tracks are by whose tags do not.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    SourceError
        The file cannot be read, lacks the column, or finds no track.
    SettingsError
        The label is no tag, and there is no file.
    """
    if labels_file is None and label.casefold() != TAG:
        raise SettingsError(f"a library's tags have no {label!r}; give the table that has it with --labels")
    descriptors = descriptor_table(library)
    tracks = descriptors.tracks
    artists = [track.artist or "" for track in tracks]
    if labels_file is None:
        return LibraryGenres(
            library, descriptors, tuple((track.genre or "").strip() for track in tracks), tuple(artists)
        )
    said = read_labels(labels_file, label, tracks)
    if "artist" in label_columns(labels_file):
        known = read_labels(labels_file, "artist", tracks, required=False)
        artists = [artist or known.get(track.track_id, "") for artist, track in zip(artists, tracks, strict=True)]
    return LibraryGenres(library, descriptors, tuple(said.get(track.track_id, "") for track in tracks), tuple(artists))
