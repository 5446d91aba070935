"""A feature table from ReccoBeats for the tracks of a library that have a Spotify id: opt-in, slow, resumable.

Every answer is a line of a journal as soon as it is there, so that a kill costs one question. The table is made of the
journal and imported like any other.
"""

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audiosim.catalog import Track
from audiosim.errors import AudiosimError
from audiosim.library import Library
from audiosim.sources.cells import guarded
from audiosim.sources.play import spotify_id
from audiosim_pipelines.online import cache
from audiosim_pipelines.online.client import Client
from audiosim_pipelines.online.reccobeats import AT_ONCE, FEATURES, KnownTrack, audio_features, find_tracks
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.whole_file import replacing

TABLE_NAME = "baseline-reccobeats.csv"
_JOURNAL_NAME = "reccobeats.jsonl"


@dataclass(frozen=True, slots=True)
class BaselineFetchReport:
    """What was asked and found: tracks of the library, those with a Spotify id, asked now, known, with features."""

    table: Path | None
    n_tracks: int
    n_with_id: int
    n_asked: int
    n_with_features: int
    n_unknown: int


def n_to_ask(library: Library) -> int:
    """How many tracks have a Spotify id and no answer yet."""
    answered = _journal(library.folder)
    return sum(key not in answered for key in _ids(library.tracks()))


def fetch_baseline(
    library: Library, client: Client, base_url: str, *, retry_unknown: bool = False, progress: Progress | None = None
) -> BaselineFetchReport:
    """Ask for the features of all tracks that have no answer yet, and write the table of all that have features.

    Parameters
    ----------
    library, client, base_url
        Whose tracks, how and where to ask.
    retry_unknown
        Whether to ask again for tracks that the service did not know.

    Raises
    ------
    BusyServiceError
        The service asks for patience; what was answered is kept, and the same call goes on.
    OnlineError
        It cannot be had.
    """
    progress = progress or Silent()
    tracks = library.tracks()
    ids = _ids(tracks)
    with library.writing():
        answered = _journal(library.folder)
        missing = [key for key in ids if key not in answered or (retry_unknown and not answered[key]["features"])]
        with progress.bar("reccobeats", len(missing), "tracks") as advance:
            for start in range(0, len(missing), AT_ONCE):
                chosen = missing[start : start + AT_ONCE]
                for answer in _ask(client, base_url, chosen):
                    _append(library.folder, answer)
                    answered[answer["track_id"]] = answer
                    advance(1)
        found = [answered[key] for key in ids if key in answered and answered[key]["features"]]
        table = library.folder / TABLE_NAME if found else None
        if table:
            with replacing(table) as draft:
                draft.write_text(_table(found), encoding="utf-8")
    return BaselineFetchReport(table, len(tracks), len(ids), len(missing), len(found), len(ids) - len(found))


def _ids(tracks: Sequence[Track]) -> list[str]:
    """Spotify ids of the tracks that have one, each once."""
    return list(dict.fromkeys(key for track in tracks if (key := spotify_id(track.external_id))))


def _ask(client: Client, base_url: str, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Answers for some ids, as lines of the journal."""
    known = find_tracks(client, base_url, ids)
    for key in ids:
        track = known.get(key)
        yield _line(key, track, audio_features(client, base_url, track) if track else None)


def _line(key: str, track: KnownTrack | None, features: dict[str, float] | None) -> dict[str, Any]:
    return {
        "track_id": key,
        "artist": track.artist if track else None,
        "title": track.title if track else None,
        "isrc": track.isrc if track else None,
        "features": features,
        "fetched_on": datetime.now(UTC).date().isoformat(),
    }


def _append(library: Path, answer: dict[str, Any]) -> None:
    folder = library / cache.FOLDER
    try:
        folder.mkdir(exist_ok=True)
        with (folder / _JOURNAL_NAME).open("ab") as file:
            # A line that a kill cut short is ended here, so that it cannot spoil the next one.
            file.write(b"\n" + json.dumps(answer).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise AudiosimError(
            f"{folder / _JOURNAL_NAME} cannot be written: {error.strerror or error}; what was answered before is safe"
        ) from error


def _journal(library: Path) -> dict[str, dict[str, Any]]:
    """Answers by Spotify id; of several the last. Lines that a kill cut short are passed over."""
    try:
        lines = (library / cache.FOLDER / _JOURNAL_NAME).read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    answers: dict[str, dict[str, Any]] = {}
    for line in lines:
        try:
            answer = json.loads(line)
            answers[answer["track_id"]] = {**answer, "features": answer["features"] or None}
        except (ValueError, KeyError, TypeError):
            continue
    return answers


def _table(answers: Sequence[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["track_id", "isrc", "artist", "title", *FEATURES, "fetched_on"])
    for answer in answers:
        names = [guarded(answer[key] or "") for key in ("artist", "title")]
        values = [f"{answer['features'][name]:.9g}" for name in FEATURES]
        writer.writerow([answer["track_id"], answer["isrc"] or "", *names, *values, answer["fetched_on"]])
    return buffer.getvalue()
