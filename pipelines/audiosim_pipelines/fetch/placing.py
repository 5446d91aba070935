"""Where what arrived is put: among the music where nothing is wrong with it, in quarantine otherwise."""

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

from audiosim.errors import AudiosimError
from audiosim.sources.file_name import safe_name
from audiosim_pipelines.fetch.attempt import Arrived
from audiosim_pipelines.fetch.fault import Fault
from audiosim_pipelines.fetch.journal import Journal, SongRecord, State
from audiosim_pipelines.fetch.request import song_key
from audiosim_pipelines.whole_file import replacing

QUARANTINE = "quarantine"
# No suffix of audio: `audiosim run` over the folder, or over one above it, passes over what is in quarantine.
_QUARANTINED_SUFFIX = ".quarantined"


def settled(journal: Journal, key: str, came: Arrived | Fault, *, n_attempts: int, into: Path) -> SongRecord:
    """Enter what came of a song into the journal, and put its file where that says; the song's record.

    The journal is written before the file is moved: a kill in between makes a song that is fetched again, never one
    that nobody listened to.

    Raises
    ------
    AudiosimError
        The journal or the file cannot be written.
    """
    before = journal.songs[key]
    record = replace(before, attempts=before.attempts + n_attempts)
    if isinstance(came, Fault):
        kept = None if before.state == "fetched" else before.file  # what is in quarantine stays there
        state: State = "waiting" if came.ends_all else "failed"
        record = replace(record, state=state, reason=came.reason, is_final=came.kind == "final", file=kept)
    else:
        record = _judged(record, came, journal, into=into)
    journal.songs[key] = record
    journal.save()
    if isinstance(came, Arrived) and record.file is not None:
        target = Path(record.file)
        if target.exists():  # of the same recording there is a file already
            shutil.rmtree(came.path.parent, ignore_errors=True)
        else:
            move(came.path, target)
        if before.file is not None and Path(before.file).parent == _quarantine(journal):
            Path(before.file).unlink(missing_ok=True)
    return record


def _judged(record: SongRecord, arrived: Arrived, journal: Journal, *, into: Path) -> SongRecord:
    """What the journal is to say of a song whose file arrived."""
    heard = arrived.heard
    measured = replace(
        record, is_final=False, n_bytes=heard.n_bytes, file_digest=heard.file_digest, sound_digest=heard.sound_digest
    )
    fault = heard.fault
    twin = None if fault else _twin(measured, journal)
    if twin is not None:
        if record.song.isrc and record.song.isrc == twin.song.isrc:  # one recording, on a single and on an album say
            return replace(measured, state="fetched", reason=None, file=twin.file, n_bytes=twin.n_bytes)
        same = "bytes" if twin.file_digest == heard.file_digest else "audio"
        fault = f"has the same {same} as the file of {twin.song.label}; one of the two is wrong"
    suffix = arrived.path.suffix
    if fault is None:
        path = _free(into, safe_name(record.song.label), suffix)
        return replace(measured, state="fetched", reason=None, file=str(path))
    path = _free(_quarantine(journal), safe_name(record.song.label), suffix + _QUARANTINED_SUFFIX)
    return replace(measured, state="quarantined", reason=fault, file=str(path))


def move(source: Path, target: Path) -> None:
    """Move a file to where nothing is, whole or not at all, and drop the folder that it was in.

    Raises
    ------
    AudiosimError
        It cannot be moved.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as file:
            os.fsync(file.fileno())
        try:
            source.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with replacing(target) as draft:
                shutil.copyfile(source, draft)
    except OSError as error:
        raise AudiosimError(
            f"{target} cannot be written: {error.strerror or error}; what arrived before is safe, run the command again"
        ) from error
    shutil.rmtree(source.parent, ignore_errors=True)


def _twin(record: SongRecord, journal: Journal) -> SongRecord | None:
    """Another song with the same audio that is among the music."""
    key = song_key(record.song)
    alike = (o for name, o in journal.songs.items() if name != key and o.sound_digest == record.sound_digest)
    return next((other for other in alike if other.is_there), None)


def _quarantine(journal: Journal) -> Path:
    return journal.path.parent / QUARANTINE


def _free(folder: Path, stem: str, suffix: str) -> Path:
    """A path where nothing is."""
    path, number = folder / f"{stem}{suffix}", 1
    while os.path.lexists(path):
        number += 1
        path = folder / f"{stem} ({number}){suffix}"
    return path
