"""What an evaluation is about: the tracks that all measures have, their matrices, and what counts as alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track
from audiosim.errors import AudiosimError, SettingsError
from audiosim.evaluation import Task
from audiosim.library import Library
from audiosim.sources.labels import label_columns, read_labels, read_pairs
from audiosim.store import FeatureStore
from audiosim_pipelines.settings import Settings

TAG_LABELS = ("genre", "artist", "album")
PAIRS = "pairs"

_FEWEST_TRACKS = 3
# Labels that mean one artist: with the artist's tracks left out there would be nothing to find.
_OF_ONE_ARTIST = ("artist", "album")
# Features with a frame every `hop_length` samples, any of which tells how long a track is after trimming.
_TIMED_FEATURES = ("mfcc", "chroma", "onset")


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What is judged.

    Parameters
    ----------
    tracks : list of Track
        Those that all measures have, in catalog order; rows of all that follows.
    matrices : dict of str to np.ndarray [shape=(n_tracks, n_tracks), float32]
        A measure that is rescaled where tracks are ranked is followed by what it is then, "dtw + mp_gauss" say.
    variants : dict of str to str
        Names of the rescaled, and of what they were before.
    artists : list of str or None
        From the tags, else from the column `artist` of the labels file.
    lengths : np.ndarray [shape=(n_tracks,), float64] or None
        Seconds of the stored features; None where there are none with a clock.
    tasks : list of Task
        One for each label that two tracks share, then the pairs.
    unjudged : dict of str to str
        Labels that there is no task for, and why.
    """

    tracks: list[Track]
    matrices: dict[str, npt.NDArray[np.float32]]
    variants: dict[str, str]
    artists: list[str | None]
    lengths: npt.NDArray[np.float64] | None
    tasks: list[Task]
    unjudged: dict[str, str]


def read_subject(
    library: Library,
    settings: Settings,
    names: Sequence[str],
    *,
    labels_file: Path | None = None,
    pairs_file: Path | None = None,
) -> Subject:
    """Read what an evaluation is about.

    Parameters
    ----------
    library, settings
        Where, and what counts as alike.
    names
        Measures.
    labels_file, pairs_file
        See `audiosim.sources.labels`.

    Raises
    ------
    NotComputedError
        A measure is not compared yet.
    SettingsError
        A label is neither a tag nor a column of the file.
    SourceError
        A file cannot be read or finds no track.
    AudiosimError
        Fewer than 3 tracks have all measures.
    """
    rows = {name: {track.track_id: i for i, track in enumerate(library.distances(name)[1])} for name in names}
    tracks = [track for track in library.tracks() if all(track.track_id in row for row in rows.values())]
    if len(tracks) < _FEWEST_TRACKS:
        raise AudiosimError(
            f"an evaluation needs at least {_FEWEST_TRACKS} tracks that have all of {', '.join(names)}; "
            f"there are {len(tracks)}"
        )
    # Files before matrices: a slip in them should not take the time of reading these.
    labels = _labels(tracks, settings.evaluate.labels, labels_file)
    artists = _artists(tracks, labels_file)
    tasks, unjudged = _tasks(labels, artists if settings.evaluate.artist_filter else None)
    if pairs_file is not None:
        tasks.append(_pairs(tracks, pairs_file))
    matrices: dict[str, npt.NDArray[np.float32]] = {}
    variants: dict[str, str] = {}
    for name in names:
        chosen = np.array([rows[name][track.track_id] for track in tracks], dtype=np.intp)
        matrices[name] = _chosen(library.rescaled(name, rescaling="none").keys, chosen)
        if (rescaling := library.rescaling(name)) != "none":
            variant = f"{name} + {rescaling}"
            variants[variant] = name
            matrices[variant] = _chosen(library.rescaled(name).keys, chosen)
    return Subject(tracks, matrices, variants, artists, _lengths(library, settings, tracks), tasks, unjudged)


def _chosen(matrix: npt.NDArray[np.float32], rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """Rows and columns of a matrix; the matrix itself where that is all of it, for it may be large."""
    return matrix if np.array_equal(rows, np.arange(len(matrix))) else matrix[np.ix_(rows, rows)]


def _tasks(
    labels: Mapping[str, Sequence[str | None]], artists: Sequence[str | None] | None
) -> tuple[list[Task], dict[str, str]]:
    """What counts as alike, and the labels by which nothing can be judged; without artists, there is no filter."""
    tasks: list[Task] = []
    unjudged: dict[str, str] = {}
    for name, of_tracks in labels.items():
        rows = _rows_by_label(of_tracks)
        if not rows:
            unjudged[name] = f"no track has a {name}"
        elif all(len(group) < 2 for group in rows):
            unjudged[name] = f"no two tracks have the same {name}"
        else:
            # Versions and albums are mostly by one artist, without whom there would be nothing to find.
            is_filtered = (
                artists is not None
                and name.casefold() not in _OF_ONE_ARTIST
                and any(_has_two_artists(group, artists) for group in rows)
            )
            tasks.append(Task(name, labels=of_tracks, artist_filter=is_filtered))
    return tasks, unjudged


def _rows_by_label(labels: Sequence[str | None]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label is not None:
            groups.setdefault(label, []).append(row)
    return list(groups.values())


def _has_two_artists(rows: Sequence[int], artists: Sequence[str | None]) -> bool:
    """Whether tracks are by more than one artist; an unknown one is one of its own."""
    return len({artists[row] or row for row in rows}) > 1


def _pairs(tracks: Sequence[Track], pairs_file: Path) -> Task:
    row_of = {track.track_id: row for row, track in enumerate(tracks)}
    pairs = [(row_of[a], row_of[b]) for a, b in read_pairs(pairs_file, tracks)]
    # Two takes of a song are most often by one artist.
    return Task(PAIRS, pairs=np.array(pairs, dtype=np.int64), artist_filter=False)


def _labels(tracks: Sequence[Track], names: Sequence[str], labels_file: Path | None) -> Mapping[str, list[str | None]]:
    """One label a track by each name: from the file, or from the tags where the file has no such column."""
    columns = () if labels_file is None else label_columns(labels_file)
    in_file = {name for name in names if name.casefold() in columns}
    labels: dict[str, list[str | None]] = {}
    for name in names:
        # A file none of whose columns is asked for was given by mistake, and reading it says which columns it has.
        if labels_file is not None and (name in in_file or not in_file or name not in TAG_LABELS):
            known = read_labels(labels_file, name, tracks)
            labels[name] = [known.get(track.track_id) for track in tracks]
        elif name in TAG_LABELS:
            labels[name] = [getattr(track, name) for track in tracks]
        else:
            raise SettingsError(
                f"label {name!r} is no tag ({', '.join(TAG_LABELS)}); give the file that has it with --labels"
            )
    return labels


def _artists(tracks: Sequence[Track], labels_file: Path | None) -> list[str | None]:
    """Artists from the tags, else from the file: where tags are missing, the filter by artist would filter nothing."""
    known: Mapping[str, str] = {}
    if labels_file is not None and "artist" in label_columns(labels_file):
        known = read_labels(labels_file, "artist", tracks, required=False)
    return [track.artist or known.get(track.track_id) for track in tracks]


def _lengths(library: Library, settings: Settings, tracks: Sequence[Track]) -> npt.NDArray[np.float64] | None:
    """Seconds of each track, by the first feature that all of them have and that has a clock."""
    for feature in _TIMED_FEATURES:
        row_of = {track_id: row for row, track_id in enumerate(library.catalog.rows(feature))}
        if all(track.track_id in row_of for track in tracks):
            n_frames = FeatureStore.read(library.folder, feature).lengths(0, len(row_of))
            rows = [row_of[track.track_id] for track in tracks]
            seconds = settings.features.hop_length / settings.audio.sample_rate
            return n_frames[rows].astype(np.float64) * seconds
    return None
