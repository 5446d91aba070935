"""The command `fetch`: music that spotdl finds, audited before it counts."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, DryRunOption, JsonOption, LibraryOption

if TYPE_CHECKING:
    from audiosim_pipelines.fetch.job import FetchReport, Foresight


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(fetch)


def fetch(
    queries: Annotated[
        list[str],
        typer.Argument(
            help='What spotdl finds: "Artist - Title", "album:Title", an address; or lists of it: .txt or .spotdl.'
        ),
    ],
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    into: Annotated[
        Path | None, typer.Option(help="Folder for the music; the folder fetched in the library by default.")
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        Literal["mp3", "flac", "ogg", "opus", "m4a", "wav"] | None, typer.Option(help="Of the files; mp3 by default.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="So many songs at once; 2 by default.", min=1)] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds for one attempt at one song; 300 by default.")] = None,
    program: Annotated[
        str | None, typer.Option("--command", help="spotdl with its first arguments, where it is not on PATH.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option(help="Try again what was not found or refused, and what is in quarantine.")
    ] = False,
    refresh: Annotated[bool, typer.Option(help="Ask again which songs belong to queries that are known.")] = False,
    dry_run: DryRunOption = False,
    offline: Annotated[bool, typer.Option("--offline", help="Fail if anything is missing.")] = False,
    json: JsonOption = False,
) -> None:
    """Fetch songs by spotdl, and add those that pass the audit.

    spotdl is a program of its own, and you are responsible for the right to download. A file that is no audio, silent,
    another song's, or more than 3 s longer or shorter than its song goes to quarantine. What is there is not fetched
    again. See docs/fetch.md.

    Example: audiosim fetch new.txt --library my-library
    """
    from audiosim.library import Library
    from audiosim_pipelines import settings
    from audiosim_pipelines.cli import EXIT_PARTIAL
    from audiosim_pipelines.cli.screen import Screen
    from audiosim_pipelines.fetch import job

    if dry_run:
        foresight = job.foresee(library, queries, retry_failed=retry_failed, refresh=refresh)
        _print_foresight(foresight, as_json=json)
        return
    given = {"format": format, "threads": threads, "timeout": timeout, "command": program}
    options: dict[str, Any] = {"fetch": {key: value for key, value in given.items() if value is not None}}
    loaded = settings.load(library, options={**options, **({"online": {"offline": True}} if offline else {})})
    opened = Library.create(library)
    settings.save(settings.load(library), library)
    report = job.fetch(
        opened, queries, loaded, into=into, retry_failed=retry_failed, refresh=refresh, progress=Screen()
    )
    _print_report(report, as_json=json)
    if not report.is_complete:
        raise typer.Exit(EXIT_PARTIAL)


def _print_foresight(foresight: "Foresight", *, as_json: bool) -> None:
    from audiosim_pipelines.cli.screen import print_json, print_line

    if as_json:
        print_json(asdict(foresight))
        return
    print_line(
        f"{foresight.n_queries_to_ask} queries would be asked about, {foresight.n_songs_to_fetch} songs that are known "
        f"would be fetched, {foresight.n_songs_there} are there"
    )


def _print_report(report: "FetchReport", *, as_json: bool) -> None:
    from audiosim_pipelines.cli.screen import Screen, print_json, print_line, print_table

    counts = {
        "n_new": sum(song.is_new for song in report.songs),
        **{f"n_{state}": report.count(state) for state in ("fetched", "quarantined", "failed", "waiting")},
        "n_tracks_added": report.n_tracks_added,
    }
    if as_json:
        queries, songs = [asdict(query) for query in report.queries], [asdict(song) for song in report.songs]
        print_json({"queries": queries, "songs": songs, **counts, "busy": report.busy})
        return
    print_line(
        f"{len(report.songs)} songs: {counts['n_fetched']} are there ({counts['n_new']} of them new), "
        f"{counts['n_quarantined']} in quarantine, {counts['n_failed']} failed, {counts['n_waiting']} not tried; "
        f"{report.n_tracks_added} tracks added"
    )
    rows = [[query.query, "query", query.reason] for query in report.queries if query.reason]
    rows += [[song.label, song.state, song.reason or ""] for song in report.songs if song.state != "fetched"]
    if rows:
        print_table("not there", ["of", "state", "reason"], rows, left=("of", "state", "reason"))
    if report.busy:
        Screen().say(report.busy)
