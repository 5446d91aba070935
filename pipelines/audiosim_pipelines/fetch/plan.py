"""What is wanted, what is known of it, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audiosim.sources.spotdl_file import Song
from audiosim_pipelines.fetch.journal import Journal, QueryRecord, SongRecord
from audiosim_pipelines.fetch.request import Request, read_requests, song_key


@dataclass(slots=True)
class Plan:
    """What is wanted, its journal, and what of it is to be tried."""

    requests: list[Request]
    journal: Journal
    retry_failed: bool
    refresh: bool

    def queries(self) -> list[str]:
        """Those to ask spotdl about."""
        asked = [request.text for request in self.requests if request.songs is None and request.refusal is None]
        return [text for text in asked if self._is_to_ask(self.journal.queries.get(text))]

    def songs(self) -> list[str]:
        """Keys of those to fetch."""
        keys = (key for request in self.requests for key in self.keys(request))
        return [key for key in dict.fromkeys(keys) if self._is_to_fetch(self.journal.songs[key])]

    def keys(self, request: Request) -> tuple[str, ...]:
        """Keys of the songs of a request, as far as they are known."""
        if request.songs is not None:
            return tuple(map(song_key, request.songs))
        record = self.journal.queries.get(request.text)
        return record.songs if record else ()

    def note(self, songs: Sequence[Song], query: str) -> None:
        """Enter songs that are wanted."""
        for song in songs:
            known = self.journal.songs.get(song_key(song))
            if known is None:
                self.journal.songs[song_key(song)] = SongRecord(song, query)
            elif not known.is_there:
                chosen = song.extra.get("download_url")
                is_other = chosen is not None and chosen != known.song.extra.get("download_url")
                record = replace(known, song=song)
                self.journal.songs[song_key(song)] = (
                    replace(record, state="waiting", reason=None, is_final=False) if is_other else record
                )

    def _is_to_ask(self, record: QueryRecord | None) -> bool:
        if record is None or self.refresh:
            return True
        return not record.songs and (self.retry_failed or not record.is_final)

    def _is_to_fetch(self, record: SongRecord) -> bool:
        is_settled = record.is_final or record.state == "quarantined"
        return not record.is_there and (self.retry_failed or not is_settled or record.state == "fetched")


def make_plan(wanted: Sequence[str], folder: Path, *, retry_failed: bool, refresh: bool) -> Plan:
    """Read what is wanted and what the journal in `folder` knows of it.

    Raises
    ------
    SourceError
        A list cannot be read.
    AudiosimError
        The journal cannot be.
    """
    made = Plan(read_requests(wanted), Journal.open(folder), retry_failed, refresh)
    for request in made.requests:
        if request.songs is not None:
            made.note(request.songs, request.text)
    return made
