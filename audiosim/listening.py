"""What the library's owner does with music: plays, ratings and the recommendations that were made.

They are tables of the catalog's file that are made when they are first needed; programs that do not know them pass them
over.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any, Literal

from audiosim.catalog import Catalog, Track
from audiosim.sources.fold import fold
from audiosim.sources.known_plays import KnownPlays, completed
from audiosim.sources.play import Play, bare_id
from audiosim.sources.rating_kind import HIGHEST, LOWEST, RatingKind

_SCHEMA = """
CREATE TABLE IF NOT EXISTS plays (
    play_id INTEGER PRIMARY KEY, started_at INTEGER NOT NULL, artist TEXT NOT NULL, title TEXT NOT NULL,
    source TEXT NOT NULL, ended_at INTEGER, ms_played INTEGER, scrobbled_at INTEGER, album TEXT,
    spotify_id TEXT, isrc TEXT, mbid TEXT, skipped INTEGER
);
CREATE TABLE IF NOT EXISTS ratings (
    rating_id INTEGER PRIMARY KEY, track_id TEXT NOT NULL, rating REAL NOT NULL, rated_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS recommendations (
    recommendation_id INTEGER PRIMARY KEY, made_at INTEGER NOT NULL, origin TEXT NOT NULL, seeds TEXT NOT NULL,
    measure TEXT NOT NULL, kind TEXT NOT NULL, rank INTEGER NOT NULL, track_id TEXT NOT NULL, distance REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS imported_ratings (
    track_id TEXT NOT NULL, kind TEXT NOT NULL, value REAL NOT NULL, source TEXT NOT NULL,
    PRIMARY KEY (track_id, kind)
);
"""
_DAY = 86_400  # seconds
_PLAY_COLUMNS = tuple(field.name for field in fields(Play))
_SELECT_PLAYS = f"SELECT play_id, {', '.join(_PLAY_COLUMNS)} FROM plays"  # noqa: S608 - names of our own


@dataclass(frozen=True, slots=True)
class Merged:
    """What an import came to: plays that are new, that were known, and known ones of which more is known now."""

    n_new: int
    n_known: int
    n_completed: int


@dataclass(frozen=True, slots=True)
class Rating:
    """What a track is to the owner, from 1 to 10; `rated_at` is in seconds since 1970."""

    track_id: str
    rating: float
    rated_at: int


@dataclass(frozen=True, slots=True)
class ImportedRatings:
    """What an import of ratings came to: how many are new, say something else than before, or were known."""

    n_new: int
    n_changed: int
    n_known: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A track that was recommended, near to or far from the seeds."""

    made_at: int
    origin: Literal["history", "seeds"]
    seeds: tuple[str, ...]
    measure: str
    kind: Literal["near", "far"]
    rank: int
    track_id: str
    distance: float


class Listening:
    """Plays, ratings and recommendations in a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    # Plays

    def plays(self) -> list[Play]:
        """All plays, in the order in which they began."""
        return [_play(row[1:]) for row in self._rows(f"{_SELECT_PLAYS} ORDER BY started_at, play_id")]

    def add_plays(self, files: Iterable[Sequence[Play]]) -> Merged:
        """Add the plays of exports, each a sequence of its own, and none of them twice.

        A play that is known already, from the same export or from another one, is completed by what is new of it. An
        export never says the same play twice; what looks like it (a title that was begun twice within a minute) is two.
        """
        n_new = n_known = n_completed = 0
        with self._catalog.transaction():
            self._make_tables()
            known = KnownPlays((row[0], _play(row[1:])) for row in self._rows(f"{_SELECT_PLAYS} ORDER BY play_id"))
            for plays in files:
                for play, number in zip(plays, known.find(plays), strict=True):
                    if number is None:
                        known.put(self._insert(play), play)
                        n_new += 1
                        continue
                    n_known += 1
                    whole = completed(known[number], play)
                    if whole != known[number]:
                        self._update(number, whole)
                        known.put(number, whole)
                        n_completed += 1
        return Merged(n_new, n_known, n_completed)

    # Ratings

    def rate(self, track_id: str, rating: float, *, rated_at: int) -> None:
        """Keep a rating; earlier ones of the track stay, as evidence of how steady the owner's taste is.

        Raises
        ------
        ValueError
            The rating is not between 1 and 10.
        """
        if not LOWEST <= rating <= HIGHEST:
            raise ValueError(f"a rating must lie between {LOWEST:g} and {HIGHEST:g}, got {rating:g}")
        with self._catalog.transaction():
            self._make_tables()
            self._catalog.connection.execute(
                "INSERT INTO ratings (track_id, rating, rated_at) VALUES (?, ?, ?)", (track_id, rating, rated_at)
            )

    def forget_ratings(self, track_id: str) -> int:
        """Drop all that is thought of a track, by hand or from tables; how many ratings there were."""
        with self._catalog.transaction():
            self._make_tables()
            return sum(
                self._catalog.connection.execute(f"DELETE FROM {table} WHERE track_id = ?", (track_id,)).rowcount  # noqa: S608
                for table in ("ratings", "imported_ratings")
            )

    def all_ratings(self) -> list[Rating]:
        """All ratings in the order in which they were given, several of a track among them."""
        return [Rating(*row) for row in self._rows("SELECT track_id, rating, rated_at FROM ratings ORDER BY rating_id")]

    def ratings(self) -> dict[str, Rating]:
        """The last rating of every track that has one, by track id, in the order in which they were first given."""
        return {rating.track_id: rating for rating in self.all_ratings()}

    def rated_again(self) -> list[tuple[Rating, Rating]]:
        """Of every track that was rated on another day too, the last rating of an earlier day and the last of all.

        Within a day a rating is taken for a correction of the one before.
        """
        given = self.all_ratings()
        last = {rating.track_id: rating for rating in given}
        earlier = {
            rating.track_id: rating for rating in given if rating.rated_at <= last[rating.track_id].rated_at - _DAY
        }
        return [(rating, last[track_id]) for track_id, rating in earlier.items()]

    def import_ratings(
        self, values: Mapping[str, float], *, kind: RatingKind, source: str, dry_run: bool = False
    ) -> ImportedRatings:
        """Keep ratings of a table, one a track and kind; they lie apart from those that were given one by one.

        Parameters
        ----------
        values : mapping of str to float
            By track id.
        kind : {"like", "rating", "plays"}
        source : str
            Where they come from, for people.
        dry_run : bool
            Say what it would come to, and keep nothing.
        """
        known = self.imported_ratings(kind)
        n_known = sum(known.get(track_id) == value for track_id, value in values.items())
        n_new = len(values.keys() - known.keys())
        if not dry_run:
            with self._catalog.transaction():
                self._make_tables()
                self._catalog.connection.executemany(
                    "INSERT INTO imported_ratings (track_id, kind, value, source) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (track_id, kind) DO UPDATE SET value = excluded.value, source = excluded.source",
                    [(track_id, kind, value, source) for track_id, value in values.items()],
                )
        return ImportedRatings(n_new, len(values) - n_new - n_known, n_known)

    def imported_ratings(self, kind: RatingKind) -> dict[str, float]:
        """Ratings of a kind that came from tables, by track id, in the order of their arrival."""
        query = "SELECT track_id, value FROM imported_ratings WHERE kind = ? ORDER BY rowid"
        return dict(self._rows(query, kind, table="imported_ratings"))

    def opinions(self, kind: RatingKind) -> dict[str, float]:
        """All that is known of a kind, by track id; a rating that was given by hand outweighs an imported one."""
        by_hand = {track_id: given.rating for track_id, given in self.ratings().items()} if kind == "rating" else {}
        return self.imported_ratings(kind) | by_hand

    # Recommendations

    def add_recommendations(self, recommendations: Iterable[Recommendation]) -> None:
        """Remember what was recommended."""
        with self._catalog.transaction():
            self._make_tables()
            self._catalog.connection.executemany(
                "INSERT INTO recommendations (made_at, origin, seeds, measure, kind, rank, track_id, distance)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (r.made_at, r.origin, json.dumps(r.seeds), r.measure, r.kind, r.rank, r.track_id, r.distance)
                    for r in recommendations
                ],
            )

    def recommendations(self) -> list[Recommendation]:
        """All that was ever recommended, in order."""
        rows = self._rows(
            "SELECT made_at, origin, seeds, measure, kind, rank, track_id, distance"
            " FROM recommendations ORDER BY recommendation_id"
        )
        return [Recommendation(row[0], row[1], tuple(json.loads(row[2])), *row[3:]) for row in rows]

    def _rows(self, query: str, *values: str, table: str = "plays") -> list[tuple[Any, ...]]:
        """Rows of a query; none while the table is not made, in a library that may not be written, say."""
        tables = self._catalog.connection.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (table,))
        return self._catalog.connection.execute(query, values).fetchall() if tables.fetchone()[0] else []

    def _make_tables(self) -> None:
        for statement in _SCHEMA.split(";"):
            self._catalog.connection.execute(statement)

    def _insert(self, play: Play) -> int:
        marks = ", ".join("?" * len(_PLAY_COLUMNS))
        cursor = self._catalog.connection.execute(
            f"INSERT INTO plays ({', '.join(_PLAY_COLUMNS)}) VALUES ({marks})",  # noqa: S608 - names of our own
            astuple(play),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _update(self, play_id: int, play: Play) -> None:
        changes = ", ".join(f"{column} = ?" for column in _PLAY_COLUMNS)
        self._catalog.connection.execute(f"UPDATE plays SET {changes} WHERE play_id = ?", (*astuple(play), play_id))  # noqa: S608


def match_plays(plays: Sequence[Play], tracks: Sequence[Track]) -> list[str | None]:
    """Which track of a library each play was: by Spotify id, else by ISRC, else by folded artist and title.

    Parameters
    ----------
    plays, tracks
        See `audiosim.sources.fold.fold` for how names are folded. Of several tracks of a name the first counts.

    Returns
    -------
    list of str or None
        A track id, or None, for each play.
    """
    by_id: dict[str, str] = {}
    by_isrc: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for track in tracks:
        for index, key in (
            (by_id, bare_id(track.external_id)),
            (by_isrc, track.isrc),
            (by_name, fold(track.artist or "", track.title or "")),
        ):
            if key:
                index.setdefault(key, track.track_id)
    # People play the same again and again, and folding takes its time.
    folded = {names: fold(*names) for names in {(play.artist, play.title) for play in plays}}
    return [
        by_id.get(play.spotify_id or "") or by_isrc.get(play.isrc or "") or by_name.get(folded[play.artist, play.title])
        for play in plays
    ]


def _play(row: Sequence[Any]) -> Play:
    said = dict(zip(_PLAY_COLUMNS, row, strict=True))
    skipped = said.pop("skipped")
    return Play(**said, skipped=None if skipped is None else bool(skipped))
