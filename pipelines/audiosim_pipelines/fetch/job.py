"""Fetching: what queries mean, then song by song, each audited before it counts; what is there is not fetched again."""

import contextlib
import shutil
import signal
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from audiosim import lock
from audiosim.errors import AudiosimError, OfflineError
from audiosim.library import Library
from audiosim.sources.spotdl_file import Song
from audiosim_pipelines.add import add
from audiosim_pipelines.fetch.attempt import Arrived, Caller
from audiosim_pipelines.fetch.fault import Fault
from audiosim_pipelines.fetch.journal import Journal, QueryRecord
from audiosim_pipelines.fetch.outcome import FetchReport, report, table
from audiosim_pipelines.fetch.placing import settled
from audiosim_pipelines.fetch.plan import Plan, make_plan
from audiosim_pipelines.fetch.pool import run_all
from audiosim_pipelines.fetch.program import find_program
from audiosim_pipelines.fetch.request import song_key
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.settings import Settings
from audiosim_pipelines.whole_file import replacing

FOLDER, STAGING, TABLE_NAME = "fetched", ".arriving", "tracks.csv"


@dataclass(frozen=True, slots=True)
class Foresight:
    """What `fetch` would do: queries to ask about, and songs that are known, to be fetched, and there."""

    n_queries_to_ask: int
    n_songs_to_fetch: int
    n_songs_there: int


def fetch(
    library: Library,
    wanted: Sequence[str],
    settings: Settings,
    *,
    into: Path | None = None,
    retry_failed: bool = False,
    refresh: bool = False,
    progress: Progress | None = None,
) -> FetchReport:
    """Fetch songs by spotdl and add those that pass the audit to the library.

    Parameters
    ----------
    library
        Where the journal, the quarantine and, unless `into` says otherwise, the music are kept.
    wanted
        Queries, lists of queries and files of spotdl, see `audiosim_pipelines.fetch.request.read_requests`.
    settings
        The sections fetch and online count.
    into
        Folder for the music; "fetched" in the library by default.
    retry_failed
        Whether to try again what will not succeed as it seems, and what is in quarantine.
    refresh
        Whether to ask again which songs a query means.

    Raises
    ------
    OfflineError
        Something is missing, and the network is forbidden.
    ProgramError
        spotdl is not there, or not of a version that is understood.
    SourceError
        A list cannot be read.
    AudiosimError
        The disk is full, or cannot be written.

    Notes
    -----
    What a call leaves is found by the next one: songs that are there are not fetched again. A kill costs the songs that
    were on their way.
    """
    progress = progress or Silent()
    folder = library.folder.absolute() / FOLDER
    staging = folder.parent / STAGING
    folder.mkdir(exist_ok=True)
    with lock.writing(folder), _ended_like_an_interrupt():
        plan = make_plan(wanted, folder, retry_failed=retry_failed, refresh=refresh)
        before = {key for key, record in plan.journal.songs.items() if record.is_there}
        busy = None
        try:
            if plan.queries() or plan.songs():
                busy = _carry_out(plan, settings, staging, (into or folder).absolute(), progress)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        n_added = _add(library, plan.journal, folder / TABLE_NAME, progress)
    return report(plan, before=before, n_added=n_added, busy=busy)


def foresee(library: Path, wanted: Sequence[str], *, retry_failed: bool = False, refresh: bool = False) -> Foresight:
    """Say what `fetch` would do; nothing is asked, and nothing is written.

    Raises
    ------
    SourceError
        A list cannot be read.
    """
    plan = make_plan(wanted, library / FOLDER, retry_failed=retry_failed, refresh=refresh)
    keys = {key for request in plan.requests for key in plan.keys(request)}
    n_there = sum(plan.journal.songs[key].is_there for key in keys)
    return Foresight(len(plan.queries()), len(plan.songs()), n_there)


def _carry_out(plan: Plan, settings: Settings, staging: Path, into: Path, progress: Progress) -> str | None:
    """Ask and fetch; why it ended early, None where it did not."""
    if settings.online.offline:
        n_queries, n_songs = len(plan.queries()), len(plan.songs())
        raise OfflineError(
            f"{n_queries} queries are to be asked about and {n_songs} songs to be fetched; leave out --offline to do it"
        )
    shutil.rmtree(staging, ignore_errors=True)  # what a kill left
    staging.mkdir()
    program = find_program(settings.fetch.command)
    progress.say(f"spotdl {program.version}, {settings.fetch.threads} at once")
    caller = Caller(program, settings.fetch, staging, settings.online.longest_pause)
    plan.journal.save()
    fault = _find_all(plan, caller, progress) or _fetch_all(plan, caller, into, progress)
    return _given_up(fault, staging) if fault else None


def _given_up(fault: Fault, staging: Path) -> str:
    if fault.kind == "full":
        raise AudiosimError(
            f"the disk of {staging.parent} is full ({fault.reason}); what arrived is safe: make room and run the same "
            "command again"
        )
    return f"{fault.reason}; run the same command again later, it goes on where it stopped"


def _find_all(plan: Plan, caller: Caller, progress: Progress) -> Fault | None:
    """Ask which songs the queries mean; the fault that ended it, if one did."""
    given_up: list[Fault] = []
    journal, queries = plan.journal, plan.queries()

    def take(query: str, result: tuple[tuple[Song, ...] | Fault, int]) -> None:
        found, n_attempts = result
        before = journal.queries.get(query, QueryRecord())
        n_attempts += before.attempts
        if isinstance(found, Fault):  # songs that were known of it stay known
            is_final = found.kind == "final"
            journal.queries[query] = replace(before, reason=found.reason, is_final=is_final, attempts=n_attempts)
            progress.say(f"{query}: {found.reason}")
        else:
            journal.queries[query] = QueryRecord(tuple(map(song_key, found)), attempts=n_attempts)
            plan.note(found, query)
        journal.save()
        advance(1)
        if isinstance(found, Fault) and found.ends_all:
            given_up.append(found)

    if queries:
        with progress.bar("find", len(queries), "queries") as advance:
            run_all(caller.find, queries, ends_all=_ends_all, take=take, n_threads=caller.settings.threads)
    return given_up[0] if given_up else None


def _fetch_all(plan: Plan, caller: Caller, into: Path, progress: Progress) -> Fault | None:
    """Fetch what is missing; the fault that ended it, if one did."""
    given_up: list[Fault] = []
    journal, keys = plan.journal, plan.songs()

    def fetch_one(key: str, stop: Event) -> tuple[Arrived | Fault, int]:
        return caller.fetch(journal.songs[key].song, stop)

    def take(key: str, result: tuple[Arrived | Fault, int]) -> None:
        came, n_attempts = result
        record = settled(journal, key, came, n_attempts=n_attempts, into=into)
        if record.reason:
            progress.say(f"{record.song.label}: {record.state}: {record.reason}")
        advance(1)
        if isinstance(came, Fault) and came.ends_all:
            given_up.append(came)

    with progress.bar("fetch", len(keys), "songs") as advance:
        run_all(fetch_one, keys, ends_all=_ends_all, take=take, n_threads=caller.settings.threads)
    return given_up[0] if given_up else None


def _ends_all(result: tuple[object, int]) -> bool:
    return isinstance(result[0], Fault) and result[0].ends_all


@contextlib.contextmanager
def _ended_like_an_interrupt() -> Generator[None]:
    """Let the signals that end a program do what Ctrl-C does, so that spotdl is ended too."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    is_main = threading.current_thread() is threading.main_thread()
    changed = [
        s for s in (getattr(signal, name) for name in names) if is_main and signal.getsignal(s) == signal.SIG_DFL
    ]
    for number in changed:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def _add(library: Library, journal: Journal, path: Path, progress: Progress) -> int:
    """Add all that was ever fetched and is there, with what its metadata say; how many tracks are new."""
    there: dict[str, Song] = {}
    for record in journal.songs.values():
        if record.file is not None and record.is_there:
            there.setdefault(record.file, record.song)
    if not there:
        return 0
    with replacing(path) as draft:
        draft.write_text(table(there, path.parent), encoding="utf-8", errors="surrogateescape")
    return add(library, [path], progress=progress).n_tracks_added
