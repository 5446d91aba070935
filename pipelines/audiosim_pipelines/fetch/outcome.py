"""What came of all that was wanted, and the table by which it enters the library."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from audiosim.sources.cells import guarded
from audiosim.sources.spotdl_file import Song
from audiosim_pipelines.fetch.journal import SongRecord, State
from audiosim_pipelines.fetch.plan import Plan


@dataclass(frozen=True, slots=True)
class SongOutcome:
    """What came of a song; `is_new` where it was fetched now. Other fields as of `SongRecord`."""

    query: str
    artist: str
    title: str
    state: State
    reason: str | None
    file: str | None
    attempts: int
    is_new: bool

    @property
    def label(self) -> str:
        """What people call the song."""
        return f"{self.artist} - {self.title}"


@dataclass(frozen=True, slots=True)
class QueryOutcome:
    """How many songs a query means, and why if none."""

    query: str
    n_songs: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What came of all that was wanted, in its order.

    `busy` is why nothing more was tried, None where everything was; `n_tracks_added` are new in the library.
    """

    queries: tuple[QueryOutcome, ...]
    songs: tuple[SongOutcome, ...]
    n_tracks_added: int
    busy: str | None

    def count(self, state: State) -> int:
        """How many songs are in a state."""
        return sum(song.state == state for song in self.songs)

    @property
    def is_complete(self) -> bool:
        """Whether all that was wanted is there."""
        return all(query.reason is None for query in self.queries) and self.count("fetched") == len(self.songs)


def report(plan: Plan, *, before: set[str], n_added: int, busy: str | None) -> FetchReport:
    """Report on a plan that was carried out; `before` are the keys of songs that were there already."""
    outcomes: dict[str, SongOutcome] = {}
    for request in plan.requests:
        for key in plan.keys(request):
            record = plan.journal.songs[key]
            outcomes.setdefault(key, _outcome(record, request.text, is_new=key not in before and record.is_there))
    return FetchReport(tuple(_query_outcomes(plan)), tuple(outcomes.values()), n_added, busy)


def _outcome(record: SongRecord, query: str, *, is_new: bool) -> SongOutcome:
    artist, title = ", ".join(record.song.artists), record.song.name
    return SongOutcome(query, artist, title, record.state, record.reason, record.file, record.attempts, is_new)


def _query_outcomes(plan: Plan) -> Iterator[QueryOutcome]:
    for request in plan.requests:
        record = plan.journal.queries.get(request.text) if request.songs is None else None
        reason = request.refusal or (record.reason if record else None)
        if request.songs is None and record is None and reason is None:
            reason = "it was not asked about yet"
        yield QueryOutcome(request.text, len(plan.keys(request)), reason)


def table(songs: Mapping[str, Song], folder: Path) -> str:
    """A table of paths, relative where the files lie beside it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["path", "artist", "title", "album", "genre", "isrc", "track_id"])
    for file, song in songs.items():
        path, tags = Path(file), song.as_tags()
        name = f"./{path.name}" if path.parent == folder else file
        said = [tags.artist, tags.title, tags.album, tags.genre, tags.isrc, song.song_id]
        writer.writerow([name, *(guarded(text or "") for text in said)])
    return buffer.getvalue()
