"""What somebody thinks of the library's tracks, from tables and from what was played."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from audiosim.library import Library
from audiosim.listening import ImportedRatings, Listening, match_plays
from audiosim.sources.feature_table import RejectedRow
from audiosim.sources.rating_kind import RatingKind
from audiosim.sources.rating_table import read_rating_table
from audiosim_pipelines.history import SHORT_PLAY
from audiosim_pipelines.taste.ground import Kind

_HISTORY = "history"


@dataclass(frozen=True, slots=True)
class RatingsImport:
    """What an import of ratings came to.

    Parameters
    ----------
    source : str
        Name of the table, or "history".
    column : str or None
        That was read; None of the history.
    kind : {"like", "rating", "plays"}
    n_rows, n_repeated : int
        Rows, or plays, in all, and rows that say the same again.
    n_tracks : int
        Tracks of which something is known now.
    ratings : ImportedRatings
        How many are new, changed or known.
    n_outweighed : int
        Tracks that were also rated by hand, which counts in place of the import.
    rejected : tuple of RejectedRow
        Rows that are of no use, and why.
    notes : tuple of str
    dry_run : bool
        Whether nothing was kept.
    """

    source: str
    column: str | None
    kind: RatingKind
    n_rows: int
    n_repeated: int
    n_tracks: int
    ratings: ImportedRatings
    n_outweighed: int
    rejected: tuple[RejectedRow, ...]
    notes: tuple[str, ...]
    dry_run: bool

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why rows were rejected: how many, and the first of each kind."""
        kinds = [row.reason.partition(", got ")[0].partition(" is ")[0] for row in self.rejected]
        first = dict(zip(reversed(kinds), reversed(self.rejected), strict=True))
        return tuple(
            f"{count:,} x, first in row {first[kind].row}: {first[kind].reason}"
            for kind, count in Counter(kinds).most_common()
        )


def import_ratings(
    library: Library, table: Path, *, column: str | None = None, kind: Kind = "auto", dry_run: bool = False
) -> RatingsImport:
    """Keep what a table says of the library's tracks; the same table again changes nothing.

    Parameters
    ----------
    table, column
        See `audiosim.sources.rating_table.read_rating_table`.
    kind : {"auto", "like", "rating", "plays"}
        What the column holds; "auto" looks. Kinds lie apart, and no model ever learns from two of them at once.
    dry_run : bool
        Say what it would come to, and keep nothing.

    Raises
    ------
    FeatureTableError
        The table cannot be read, lacks a column, or no row can be used.
    """
    found = read_rating_table(table, library.tracks(), column=column, kind=None if kind == "auto" else kind)
    ratings, n_outweighed = _kept(library, dict(found.values), found.kind, table.name, dry_run=dry_run)
    return RatingsImport(
        source=table.name,
        column=found.column,
        kind=found.kind,
        n_rows=found.n_rows,
        n_repeated=found.n_repeated,
        n_tracks=len(found.values),
        ratings=ratings,
        n_outweighed=n_outweighed,
        rejected=found.rejected,
        notes=found.notes,
        dry_run=dry_run,
    )


def import_history(library: Library, *, dry_run: bool = False) -> RatingsImport:
    """Count how often each track of the library was played, as far as the history tells; skips count as none.

    A track that was only ever skipped counts as played 0 times; one that is in no history counts as nothing.
    """
    plays, tracks = Listening(library.catalog).plays(), library.tracks()
    counts: dict[str, float] = {}
    for play, track_id in zip(plays, match_plays(plays, tracks), strict=True):
        if track_id is not None:
            was_heard = play.ms_played is None or play.ms_played >= SHORT_PLAY
            counts[track_id] = counts.get(track_id, 0.0) + was_heard
    ratings, n_outweighed = _kept(library, counts, "plays", _HISTORY, dry_run=dry_run)
    return RatingsImport(
        source=_HISTORY,
        column=None,
        kind="plays",
        n_rows=len(plays),
        n_repeated=0,
        n_tracks=len(counts),
        ratings=ratings,
        n_outweighed=n_outweighed,
        rejected=(),
        notes=() if plays else ("no plays are known yet; add some with: audiosim history import FILE",),
        dry_run=dry_run,
    )


def _kept(
    library: Library, values: dict[str, float], kind: RatingKind, source: str, *, dry_run: bool
) -> tuple[ImportedRatings, int]:
    """Keep values, and count those that ratings by hand outweigh."""
    listening = Listening(library.catalog)
    by_hand = listening.ratings().keys() if kind == "rating" else set[str]()
    n_outweighed = len(by_hand & values.keys())
    if dry_run:
        return listening.import_ratings(values, kind=kind, source=source, dry_run=True), n_outweighed
    with library.writing():
        return listening.import_ratings(values, kind=kind, source=source), n_outweighed
