"""What was wanted, what came of it and why: one file that is replaced whole after every change."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from audiosim.errors import AudiosimError
from audiosim.sources.json_text import parse_json
from audiosim.sources.named_file import read_list
from audiosim.sources.spotdl_file import Song, parse_songs, song_list_text
from audiosim_pipelines.whole_file import replacing

JOURNAL_NAME = "fetch.json"
_FORMAT = 1

State = Literal["waiting", "fetched", "quarantined", "failed"]


@dataclass(frozen=True, slots=True)
class QueryRecord:
    """A query that spotdl was asked about: keys of its songs, or why there are none; `is_final` as of a song."""

    songs: tuple[str, ...] = ()
    reason: str | None = None
    is_final: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class SongRecord:
    """A song that was wanted.

    Attributes
    ----------
    song : Song
    query : str
        The first that wanted it.
    state : str
        waiting: not tried yet, or interrupted; fetched: `file` passed the audit; quarantined: `file` did not;
        failed: none came.
    reason : str or None
        Why, unless it is fetched or waiting.
    is_final : bool
        Whether it makes no sense to try again without a change.
    file : str or None
        Absolute path.
    attempts : int
        How often spotdl was asked for it.
    n_bytes, file_digest, sound_digest
        Of the file that was fetched, see `audiosim_pipelines.fetch.audit.Heard`.
    """

    song: Song
    query: str
    state: State = "waiting"
    reason: str | None = None
    is_final: bool = False
    file: str | None = None
    attempts: int = 0
    n_bytes: int = 0
    file_digest: str = ""
    sound_digest: str = ""

    @property
    def is_there(self) -> bool:
        """Whether its file passed the audit and still lies where it was put."""
        try:
            return self.state == "fetched" and self.file is not None and Path(self.file).stat().st_size == self.n_bytes
        except OSError:
            return False


@dataclass(slots=True)
class Journal:
    """The records of a folder, by query and by key of the song."""

    path: Path
    queries: dict[str, QueryRecord] = field(default_factory=dict[str, QueryRecord])
    songs: dict[str, SongRecord] = field(default_factory=dict[str, SongRecord])

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the journal of a folder, or begin one.

        Raises
        ------
        AudiosimError
            It is there and cannot be read.
        """
        path = folder / JOURNAL_NAME
        if not path.exists():
            return cls(path)
        try:
            document = parse_json(read_list(path, what="the journal"))
            if not isinstance(document, dict) or document.get("format") != _FORMAT:
                raise ValueError(f'it must say "format": {_FORMAT}')  # noqa: TRY301 - one error for all faults
            queries = {text: _query_record(said) for text, said in document["queries"].items()}
            songs = {key: _song_record(said) for key, said in document["songs"].items()}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise AudiosimError(
                f"{path} cannot be read: {error}; move it away, and what it lists is fetched again"
            ) from error
        return cls(path, queries, songs)

    def save(self) -> None:
        """Write the journal, whole or not at all.

        Raises
        ------
        AudiosimError
            It cannot be written; the last one that could be stays.
        """
        document = {
            "format": _FORMAT,
            "queries": {text: asdict(record) for text, record in self.queries.items()},
            "songs": {key: _written(record) for key, record in self.songs.items()},
        }
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        # Names of files may hold bytes that are no text; they come back as they were.
        with replacing(self.path) as draft, draft.open("wb") as file:
            file.write(text.encode("utf-8", "surrogatepass"))
            file.flush()
            os.fsync(file.fileno())


def _written(record: SongRecord) -> dict[str, Any]:
    fields = {name: getattr(record, name) for name in SongRecord.__slots__}
    return {**fields, "song": json.loads(song_list_text([record.song]))[0]}


def _query_record(said: Mapping[str, Any]) -> QueryRecord:
    fields = dict(said)
    return QueryRecord(songs=tuple(fields.pop("songs")), **fields)


def _song_record(said: Mapping[str, Any]) -> SongRecord:
    (song,) = parse_songs(json.dumps([said["song"]]).encode()).songs
    fields = {name: value for name, value in said.items() if name != "song"}
    return SongRecord(song=song, **fields)
