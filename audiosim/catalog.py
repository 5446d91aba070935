"""Who is in the library, what failed and why, and what counts as done: one SQLite file.

Bulk values are written first; the transaction here makes them count. After a kill at any moment the catalog still says
exactly what can be trusted, and whatever lies beyond it in the stores is overwritten.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from audiosim.errors import LibraryError, LibraryVersionError

CATALOG_NAME = "catalog.sqlite"
FORMAT_VERSION = 1

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE tracks (
    position INTEGER PRIMARY KEY,      -- order of arrival: the order of every result
    track_id TEXT NOT NULL UNIQUE,     -- SHA-256 of the file's bytes
    artist TEXT, title TEXT, album TEXT, genre TEXT, isrc TEXT,
    external_id TEXT,                  -- key of the track in outside tables, a Spotify id say
    duration REAL                      -- seconds, as the tags say
);
CREATE TABLE files (
    path BLOB PRIMARY KEY,             -- bytes of the file system, since names need not be text
    track_id TEXT NOT NULL REFERENCES tracks (track_id),
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL
);
CREATE INDEX files_of_track ON files (track_id);
CREATE TABLE failures (
    stage TEXT NOT NULL, path BLOB NOT NULL, track_id TEXT, reason TEXT NOT NULL,
    PRIMARY KEY (stage, path, reason)  -- a playlist can have many lines that fail
);
CREATE TABLE feature_rows (
    feature TEXT NOT NULL, row INTEGER NOT NULL, track_id TEXT NOT NULL,
    PRIMARY KEY (feature, row), UNIQUE (feature, track_id)
);
CREATE TABLE statistics (
    feature TEXT PRIMARY KEY, mean BLOB NOT NULL, std BLOB NOT NULL, n_frames INTEGER NOT NULL
);
CREATE TABLE matrices (
    measure TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, n_rows INTEGER NOT NULL, details TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Track:
    """A recording, known by its bytes.

    `position` is its place in the order of arrival; `paths` are the files that hold it, `duration` is in seconds.
    """

    position: int
    track_id: str
    artist: str | None
    title: str | None
    album: str | None
    genre: str | None
    isrc: str | None
    external_id: str | None
    duration: float | None
    paths: tuple[Path, ...]

    @property
    def label(self) -> str:
        """What people call the track: "artist - title", or the name of its file."""
        title = self.title or (self.paths[0].stem if self.paths else self.track_id[:12])
        return printable(f"{self.artist} - {title}" if self.artist else title)


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that is not in the results, with its reason."""

    stage: str
    path: Path
    track_id: str | None
    reason: str


def printable(text: str) -> str:
    """Text for a screen: bytes that are no text and control characters as escapes."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextlib.contextmanager
def _translated(path: Path) -> Generator[None]:
    """What befalls SQLite in the world (a full disk, a file that is read-only or locked) as an error of the library."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise LibraryError(
            f"{path} cannot be read or written: {error}; what was committed before is safe: see that the disk has room "
            "and the folder may be written, and run again"
        ) from error


def _open(path: Path) -> sqlite3.Connection:
    """A connection to the file, for reading only where it cannot be written."""
    mode = "rw" if os.access(path, os.W_OK) else "ro"
    with _translated(path):
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=30,
            check_same_thread=False,
            isolation_level=None,
        )


def _require_format(connection: sqlite3.Connection, folder: Path) -> None:
    try:
        version = connection.execute("SELECT value FROM meta WHERE key = 'format_version'").fetchone()
    except sqlite3.Error as error:
        path = folder / CATALOG_NAME
        if path.with_name(f"{CATALOG_NAME}-journal").exists() and not os.access(folder, os.W_OK):
            raise LibraryError(
                f"{path} was being written when a run was killed, and only who may write to {folder} can take that "
                f"back; let its owner run once: audiosim status --library {folder}"
            ) from error
        raise LibraryError(f"{path} is not a catalog that can be read: {error}") from error
    if version is None or version[0] != str(FORMAT_VERSION):
        found = "no format" if version is None else f"format {version[0]}"
        raise LibraryVersionError(
            f"library {folder} has {found}, this audiosim reads format {FORMAT_VERSION}; "
            "use the version of audiosim that made it, or make a new library"
        )


class Catalog:
    """The catalog of one library folder, open for reading or for writing (see `audiosim.lock`)."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make an empty catalog in `folder`; opens the one that is there."""
        if not (folder / CATALOG_NAME).exists():
            # Built under another name first, so that a kill never leaves half a catalog.
            draft = folder / f"{CATALOG_NAME}.draft"
            draft.unlink(missing_ok=True)
            with _translated(draft), contextlib.closing(sqlite3.connect(draft)) as connection, connection:
                connection.executescript(_SCHEMA)
                connection.execute("INSERT INTO meta VALUES ('format_version', ?)", (str(FORMAT_VERSION),))
            draft.replace(folder / CATALOG_NAME)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the catalog in `folder`.

        Raises
        ------
        LibraryError
            There is none, or the file is not a catalog.
        LibraryVersionError
            It has another format.
        """
        path = folder / CATALOG_NAME
        if not path.is_file():
            raise LibraryError(
                f"{folder} is not an audiosim library (it has no {CATALOG_NAME}); make one with: audiosim run"
            )
        connection = _open(path)
        try:
            _require_format(connection, folder)
        except BaseException:
            connection.close()
            raise
        return cls(connection, folder)

    @property
    def connection(self) -> sqlite3.Connection:
        """The file, for rooms that keep tables of their own in it; they write inside `transaction`."""
        return self._connection

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Generator[None]:
        """All that is written inside counts together, or not at all.

        Raises
        ------
        LibraryError
            The file cannot be written: the disk is full, say.
        """
        with _translated(self._folder / CATALOG_NAME):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite rolls back by itself when the disk is full
                    self._connection.execute("ROLLBACK")
                raise

    # Tracks and files

    def tracks(self) -> list[Track]:
        """All tracks in order of arrival."""
        paths: dict[str, list[Path]] = {}
        for path, track_id in self._connection.execute("SELECT path, track_id FROM files ORDER BY path"):
            paths.setdefault(track_id, []).append(Path(os.fsdecode(path)))
        rows = self._connection.execute(
            "SELECT position, track_id, artist, title, album, genre, isrc, external_id, duration"
            " FROM tracks ORDER BY position"
        )
        return [Track(*row, paths=tuple(paths.get(row[1], ()))) for row in rows]

    def known_file(self, path: Path, *, size: int, mtime_ns: int) -> bool:
        """Whether this file was hashed before and has not been touched since."""
        key = os.fsencode(path)
        row = self._connection.execute("SELECT size, mtime_ns FROM files WHERE path = ?", (key,)).fetchone()
        return row == (size, mtime_ns)

    def put_track(self, track_id: str, fields: Mapping[str, str | float | None]) -> bool:
        """Add a track unless it is known; true if it was new. Tags of a known track stay as they are."""
        cursor = self._connection.execute(
            "INSERT OR IGNORE INTO tracks (track_id, artist, title, album, genre, isrc, external_id, duration)"
            " VALUES (:track_id, :artist, :title, :album, :genre, :isrc, :external_id, :duration)",
            {"track_id": track_id, **fields},
        )
        return cursor.rowcount == 1

    def update_track(self, track_id: str, fields: Mapping[str, str | None]) -> None:
        """Replace what is known of a track by those fields that are not None."""
        self._connection.execute(
            "UPDATE tracks SET artist = coalesce(:artist, artist), title = coalesce(:title, title),"
            " album = coalesce(:album, album), genre = coalesce(:genre, genre), isrc = coalesce(:isrc, isrc),"
            " external_id = coalesce(:external_id, external_id) WHERE track_id = :track_id",
            {"track_id": track_id, **fields},
        )

    def track_of(self, path: Path) -> str | None:
        """The id of the track that a file held when it was added."""
        row = self._connection.execute("SELECT track_id FROM files WHERE path = ?", (os.fsencode(path),)).fetchone()
        return None if row is None else row[0]

    def put_file(self, path: Path, track_id: str, *, size: int, mtime_ns: int) -> None:
        """Say that `path` holds the track. A new place is new evidence: what failed there before is tried again."""
        key = os.fsencode(path)
        self._connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (key, track_id, size, mtime_ns))
        self._connection.execute("DELETE FROM failures WHERE path = ? OR track_id = ?", (key, track_id))

    def forget_file(self, path: Path) -> None:
        """Say that a file is gone."""
        self._connection.execute("DELETE FROM files WHERE path = ?", (os.fsencode(path),))

    def forget_fileless(self) -> None:
        """Forget tracks, and their failures, that have neither a file nor features any more."""
        in_use = "SELECT track_id FROM files UNION SELECT track_id FROM feature_rows"
        self._connection.execute(f"DELETE FROM failures WHERE track_id NOT IN ({in_use})")  # noqa: S608 - a constant
        self._connection.execute(f"DELETE FROM tracks WHERE track_id NOT IN ({in_use})")  # noqa: S608

    # Failures

    def put_failure(self, failure: Failure) -> None:
        """Record a failure."""
        self._connection.execute(
            "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)",
            (failure.stage, os.fsencode(failure.path), failure.track_id, failure.reason),
        )

    def failures(self, stage: str | None = None) -> list[Failure]:
        """Failures of one stage, or of all, by stage and path."""
        rows = self._connection.execute(
            "SELECT stage, path, track_id, reason FROM failures WHERE ?1 IS NULL OR stage = ?1 ORDER BY stage, path",
            (stage,),
        )
        return [Failure(stage, Path(os.fsdecode(path)), track_id, reason) for stage, path, track_id, reason in rows]

    def forget_failures(self, stage: str, paths: Iterable[Path] | None = None) -> None:
        """Drop the failures of a stage, all or those of `paths`."""
        if paths is None:
            self._connection.execute("DELETE FROM failures WHERE stage = ?", (stage,))
            return
        self._connection.executemany(
            "DELETE FROM failures WHERE stage = ? AND path = ?",
            [(stage, os.fsencode(path)) for path in paths],
        )

    # Features

    def rows(self, feature: str) -> list[str]:
        """Track ids of the committed rows of a feature; the index is the row."""
        cursor = self._connection.execute(
            "SELECT track_id FROM feature_rows WHERE feature = ? ORDER BY row", (feature,)
        )
        return [track_id for (track_id,) in cursor]

    def features(self) -> dict[str, int]:
        """Committed rows by feature."""
        return dict(
            self._connection.execute("SELECT feature, count(*) FROM feature_rows GROUP BY feature ORDER BY feature")
        )

    def tracks_with_features(self) -> set[str]:
        """Ids of the tracks that have any."""
        return {track_id for (track_id,) in self._connection.execute("SELECT DISTINCT track_id FROM feature_rows")}

    def commit_rows(self, feature: str, first_row: int, track_ids: Sequence[str]) -> None:
        """Make the rows from `first_row` on count; the values are in the store already."""
        self._connection.executemany(
            "INSERT INTO feature_rows VALUES (?, ?, ?)",
            [(feature, first_row + i, track_id) for i, track_id in enumerate(track_ids)],
        )

    def drop_rows(self, feature: str) -> None:
        """Make none of a feature's rows count any more."""
        self._connection.execute("DELETE FROM feature_rows WHERE feature = ?", (feature,))

    # Statistics

    def put_statistics(
        self, feature: str, *, mean: npt.NDArray[np.float64], std: npt.NDArray[np.float64], n_frames: int
    ) -> None:
        """Keep the corpus statistics of a feature."""
        self._connection.execute(
            "INSERT OR REPLACE INTO statistics VALUES (?, ?, ?, ?)",
            (feature, mean.astype("<f8").tobytes(), std.astype("<f8").tobytes(), n_frames),
        )

    def statistics(self, feature: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int] | None:
        """Mean, standard deviation and number of frames behind them, or None before the first extraction ended."""
        row = self._connection.execute(
            "SELECT mean, std, n_frames FROM statistics WHERE feature = ?", (feature,)
        ).fetchone()
        if row is None:
            return None
        return np.frombuffer(row[0], "<f8"), np.frombuffer(row[1], "<f8"), row[2]

    def drop_statistics(self, feature: str) -> None:
        """Forget the corpus statistics of a feature."""
        self._connection.execute("DELETE FROM statistics WHERE feature = ?", (feature,))

    # Matrices

    def put_matrix(self, measure: str, *, fingerprint: str, n_rows: int, details: Mapping[str, object]) -> None:
        """Say that the distances of the first `n_rows` rows are complete."""
        self._connection.execute(
            "INSERT OR REPLACE INTO matrices VALUES (?, ?, ?, ?)",
            (measure, fingerprint, n_rows, json.dumps(details, sort_keys=True)),
        )

    def matrix(self, measure: str) -> tuple[str, int, dict[str, object]] | None:
        """Fingerprint, number of complete rows and details of a measure's matrix, or None."""
        row = self._connection.execute(
            "SELECT fingerprint, n_rows, details FROM matrices WHERE measure = ?", (measure,)
        ).fetchone()
        return None if row is None else (row[0], row[1], json.loads(row[2]))

    def matrices(self) -> list[str]:
        """Measures whose matrix was complete at some time."""
        return [measure for (measure,) in self._connection.execute("SELECT measure FROM matrices ORDER BY measure")]

    def drop_matrix(self, measure: str) -> None:
        """Make a measure's matrix count no more."""
        self._connection.execute("DELETE FROM matrices WHERE measure = ?", (measure,))
