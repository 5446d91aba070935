"""A feature table from ReccoBeats for the tracks of a library that have a Spotify id: opt-in, slow, resumable.

Every answer is a line of a journal as soon as it is there, so that a kill costs one question. The table is made of the
journal and imported like any other.
"""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audiosim.catalog import Track
from audiosim.errors import AudiosimError, BusyServiceError, OfflineError, OnlineError
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
_MOST_FAILURES = 3  # in a row: of single tracks one or two may fail, more are the service or the network


@dataclass(frozen=True, slots=True)
class BaselineFetchReport:
    """What was asked and found.

    Of the `n_tracks` of the library `n_with_id` have a Spotify id of their own. `n_asked` of these were asked for now,
    `n_failed` of them in vain, `reason` says why of the first. In all, `n_with_features` have features, and of
    `n_unknown` the service says that it has none. `table` is what was written, None where nothing has features.
    """

    table: Path | None
    n_tracks: int
    n_with_id: int
    n_asked: int
    n_failed: int
    n_with_features: int
    n_unknown: int
    reason: str | None


def n_to_ask(library: Library, *, retry_unknown: bool = False) -> int:
    """How many tracks have a Spotify id and no answer yet; those that were not known too, if wanted."""
    return len(_to_ask(_ids(library.tracks()), _journal(library.folder), retry_unknown=retry_unknown))


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
        It cannot be had. A few tracks that it fails to answer for are counted and asked for the next time.
    """
    progress = progress or Silent()
    tracks = library.tracks()
    ids = _ids(tracks)
    with library.writing():
        answered = _journal(library.folder)
        missing = _to_ask(ids, answered, retry_unknown=retry_unknown)
        failures: list[str] = []
        with progress.bar("reccobeats", len(missing), "tracks") as advance:
            for answer in _answers(client, base_url, missing):
                if isinstance(answer, str):
                    failures.append(answer)
                else:
                    _append(library.folder, answer)
                    answered[answer["track_id"]] = answer
                advance(1)
        found = [answered[key] for key in ids if key in answered and answered[key]["features"]]
        table = library.folder / TABLE_NAME if found else None
        if table:
            with replacing(table) as draft:
                draft.write_text(_table(found), encoding="utf-8")
    n_unknown = sum(key in answered for key in ids) - len(found)
    reason = failures[0] if failures else None
    return BaselineFetchReport(table, len(tracks), len(ids), len(missing), len(failures), len(found), n_unknown, reason)


def _ids(tracks: Sequence[Track]) -> list[str]:
    """Spotify ids of the tracks that have one, each once."""
    return list(dict.fromkeys(key for track in tracks if (key := spotify_id(track.external_id))))


def _to_ask(ids: Sequence[str], answered: Mapping[str, Mapping[str, Any]], *, retry_unknown: bool) -> list[str]:
    return [key for key in ids if key not in answered or (retry_unknown and not answered[key]["features"])]


def _answers(client: Client, base_url: str, ids: Sequence[str]) -> Iterator[dict[str, Any] | str]:
    """An answer for each id as a line of the journal, or why there is none; the error where several have none."""
    n_in_a_row = 0
    for start in range(0, len(ids), AT_ONCE):
        chosen = ids[start : start + AT_ONCE]
        known = find_tracks(client, base_url, chosen)
        for key in chosen:
            track = known.get(key)
            try:
                yield _line(key, track, audio_features(client, base_url, track) if track else None)
                n_in_a_row = 0
            except (BusyServiceError, OfflineError):
                raise
            except OnlineError as error:
                n_in_a_row += 1
                if n_in_a_row == _MOST_FAILURES:
                    raise
                yield str(error)


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
