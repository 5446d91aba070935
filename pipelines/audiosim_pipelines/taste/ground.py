"""What a taste is learned from: the rated tracks of a table or of a library, of one kind of rating."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track
from audiosim.errors import FeatureTableError, NotComputedError
from audiosim.library import Library
from audiosim.listening import Listening
from audiosim.recommend.labelled_table import TrackInputs, artist_groups, read_labelled_table, without_duplicates
from audiosim.recommend.taste.steadiness import Steadiness, steadiness
from audiosim.recommend.taste.trials import RatedTracks
from audiosim.sources.fold import fold_name
from audiosim.sources.rating_kind import RatingKind, kind_of, rating_of
from audiosim.sources.table_presets import TableOptions
from audiosim_pipelines.features import descriptor_table

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Kind = Literal["auto", "like", "rating", "plays"]

# A genre says something of its mean from so many tracks on, and there must be two of them.
_LEAST_OF_GENRE, _LEAST_GENRES = 5, 2
_ALL_KINDS: tuple[RatingKind, ...] = ("rating", "like", "plays")


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Rated tracks, and where they come from.

    Parameters
    ----------
    source : str
        The table or the library.
    kind : {"like", "rating", "plays"}
        Of plays, ratings are the logarithm of 1 + plays.
    rated : RatedTracks
    labels : tuple of str
        What people call the rated tracks; "" where the table does not say.
    everything : TrackInputs
        Of all tracks that have features, rated or not.
    artists : (n_tracks,) int64
        Of `everything`.
    knows_artists : bool
        Whether any artist is named.
    n_rows, n_rejected, n_duplicates : int
        Of a table: rows in all, and those that are of no use.
    left_aside : mapping of str to int
        Opinions of other kinds that the library has, which are never mixed with these.
    steadiness : Steadiness or None
        Of a library whose ratings were given on several days.
    """

    source: str
    kind: RatingKind
    rated: RatedTracks
    labels: tuple[str, ...]
    everything: TrackInputs
    artists: IntArray
    knows_artists: bool
    n_rows: int
    n_rejected: int = 0
    n_duplicates: int = 0
    left_aside: tuple[tuple[RatingKind, int], ...] = ()
    steadiness: Steadiness | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class LibraryGround:
    """The same of a library: all of its tracks that have descriptors, and which of them are rated."""

    ground: Ground
    tracks: Sequence[Track]
    rows: tuple[int, ...]
    genres: IntArray | None

    @property
    def others(self) -> IntArray:
        """Rows that are not rated."""
        return np.setdiff1d(np.arange(len(self.tracks)), self.rows)


def table_ground(
    path: Path,
    column: str,
    *,
    kind: Kind = "auto",
    options: TableOptions | None = None,
    extra: Sequence[str] = (),
) -> Ground:
    """The rated tracks of a table; see `read_labelled_table` for `extra`.

    Raises
    ------
    FeatureTableError
        The table cannot be read, or a rating is none.
    """
    rows = read_labelled_table(path, column, options=options, extra=extra)
    table = without_duplicates(rows)
    found = kind_of(column, table.labels) if kind == "auto" else kind
    ratings = _numbers(table.labels, column, found)
    artists = artist_groups(table.artists)
    rated = RatedTracks(table.inputs, ratings, artists, found == "like", genre_numbers(table.genres))
    return Ground(
        source=str(path),
        kind=found,
        rated=rated,
        labels=table.titles,
        everything=table.inputs,
        artists=artists,
        knows_artists=any(table.artists),
        n_rows=len(rows) + len(rows.rejected),
        n_rejected=len(rows.rejected),
        n_duplicates=table.n_duplicates,
        notes=table.notes,
    )


def library_ground(library: Library, *, kind: Kind = "auto") -> LibraryGround:
    """The rated tracks of a library that have descriptors.

    "auto" takes the kind that most of these tracks have, and of equals ratings before likes before plays.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    """
    table = descriptor_table(library)
    if not table.tracks:
        raise NotComputedError("no track has descriptors; run: audiosim extract")
    listening, there = Listening(library.catalog), {track.track_id for track in table.tracks}
    known: dict[RatingKind, dict[str, float]] = {each: listening.opinions(each) for each in _ALL_KINDS}
    counts: dict[RatingKind, int] = {each: len(there & said.keys()) for each, said in known.items()}
    found: RatingKind = max(_ALL_KINDS, key=counts.__getitem__) if kind == "auto" else kind
    given = known[found]
    rows = [row for row, track in enumerate(table.tracks) if track.track_id in given]
    ratings = np.array([given[table.tracks[row].track_id] for row in rows], dtype=np.float64)
    artists = artist_groups([fold_name(track.artist or "") for track in table.tracks])
    genres = genre_numbers([fold_name(track.genre or "") for track in table.tracks])
    everything = TrackInputs.of_descriptors(table.values)
    rated = RatedTracks(
        everything.take(rows),
        np.log1p(ratings) if found == "plays" else ratings,
        artists[rows],
        found == "like",
        None if genres is None else genres[rows],
    )
    ground = Ground(
        source=str(library.folder),
        kind=found,
        rated=rated,
        labels=tuple(table.tracks[row].label for row in rows),
        everything=everything,
        artists=artists,
        knows_artists=any(track.artist for track in table.tracks),
        n_rows=len(rows),
        left_aside=tuple((each, n) for each, n in counts.items() if n and each != found),
        steadiness=_steadiness(listening) if found == "rating" else None,
    )
    return LibraryGround(ground, table.tracks, tuple(rows), genres)


def _steadiness(listening: Listening) -> Steadiness | None:
    twice = [(first.rating, again.rating) for first, again in listening.rated_again()]
    first, again = np.array(twice, dtype=np.float64).reshape(-1, 2).T
    return steadiness(first, again)


def genre_numbers(names: Sequence[str]) -> IntArray | None:
    """Number the genres, the rare ones and those that are not known -1; None where fewer than two are not rare.

    Examples
    --------
    >>> genre_numbers(["rock"] * 5 + ["pop"] * 5 + ["polka", ""]).tolist()
    [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, -1, -1]
    """
    counts = Counter(filter(None, names))
    numbered = {name: number for number, name in enumerate(n for n, c in counts.items() if c >= _LEAST_OF_GENRE)}
    if len(numbered) < _LEAST_GENRES:
        return None
    return np.array([numbered.get(name, -1) for name in names], dtype=np.int64)


def _numbers(cells: Sequence[str], column: str, kind: RatingKind) -> FloatArray:
    """Ratings as numbers."""
    try:
        ratings = np.array([rating_of(cell, kind) for cell in cells], dtype=np.float64)
    except ValueError as error:
        raise FeatureTableError(f"every {column} must {error}; choose another column or leave such rows out") from error
    return np.log1p(ratings) if kind == "plays" else ratings
