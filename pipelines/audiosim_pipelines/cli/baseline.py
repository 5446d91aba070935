"""Commands about the feature table that audio is compared with: import and fetch."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, DryRunOption, JsonOption, LibraryOption
from audiosim_pipelines.cli.releases import OfflineOption, offline_override

if TYPE_CHECKING:
    from audiosim.library import Library
    from audiosim_pipelines.baseline import BaselineReport, TableReport
    from audiosim_pipelines.baseline_fetch import BaselineFetchReport


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="The table of ready-made features that audio is compared with.", no_args_is_help=True)
    group.command("import")(import_)
    group.command()(fetch)
    app.add_typer(group, name="baseline")


def import_(
    table: Annotated[Path, typer.Argument(help="Feature table, CSV or Parquet.")],
    *,
    preset: Annotated[
        str,
        typer.Option(
            help="spotify, tidytuesday, exportify, fma-echonest, yasr, hf-114k or reccobeats; auto recognises it."
        ),
    ] = "auto",
    column: Annotated[
        list[str] | None, typer.Option(metavar="FEATURE=NAME", help="The column of a feature; repeat for several.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=NAME", help="The column of id, isrc, artist or title; repeat for several."),
    ] = None,
    sep: Annotated[
        str | None, typer.Option(metavar="CHARACTER", help="Between the columns of a CSV; found by itself, mostly.")
    ] = None,
    rejected: Annotated[Path | None, typer.Option(help="Write the rows that cannot be used, and why, as CSV.")] = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Import a feature table as the baseline measure.

    Its rows are joined to the tracks by id, ISRC, or artist and title.

    Example: audiosim baseline import spotify_features.csv
    """
    from audiosim.library import Library
    from audiosim.sources.table_presets import TableOptions
    from audiosim_pipelines import baseline as stage
    from audiosim_pipelines.cli.screen import print_json

    if sep is not None and (len(sep) != 1 or sep in '"\r\n'):
        raise typer.BadParameter(f"--sep must be one character, got {sep!r}")
    options = TableOptions(None if preset == "auto" else preset, _pairs(column, "--column"), _pairs(key, "--key"), sep)
    opened = Library.open(library)
    report = stage.import_baseline(opened, table, options)
    if rejected is not None:
        stage.write_rejected(report.rejected, rejected)
    joined = _joined(opened)
    if json:
        print_json({**asdict(joined), "table": asdict(report)})
        return
    _say(report, joined)


def fetch(
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    retry_unknown: Annotated[
        bool, typer.Option("--retry-unknown", help="Ask again for tracks that the service did not know.")
    ] = False,
    offline: OfflineOption = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Ask ReccoBeats for the features of the tracks that have a Spotify id, and import them as the baseline.

    This asks a service on the network, two questions a second: what is sent are Spotify ids of your tracks, and nothing
    else. It can be interrupted, and goes on where it stopped.

    Example: audiosim baseline fetch
    """
    from audiosim.library import Library
    from audiosim_pipelines import baseline as stage
    from audiosim_pipelines import baseline_fetch, settings
    from audiosim_pipelines.cli import EXIT_PARTIAL
    from audiosim_pipelines.cli.screen import Screen, print_json, print_line
    from audiosim_pipelines.releases import client_of

    opened = Library.open(library)
    online = settings.load(library, options=offline_override(offline=offline)).online
    if dry_run:
        n_tracks = baseline_fetch.n_to_ask(opened, retry_unknown=retry_unknown)
        if json:
            print_json({"n_tracks_to_ask": n_tracks})
        else:
            print_line(f"{n_tracks} tracks would be asked for")
        return
    fetched = baseline_fetch.fetch_baseline(
        opened, client_of(online, None), online.reccobeats_url, retry_unknown=retry_unknown, progress=Screen()
    )
    report = stage.import_baseline(opened, fetched.table) if fetched.table else None
    joined = _joined(opened) if report else None
    if json:
        imported = {**asdict(joined), "table": asdict(report)} if joined and report else None
        print_json({"fetched": _counts(fetched), "imported": imported})
    else:
        _say_fetched(fetched)
        if report and joined:
            _say(report, joined)
    if fetched.n_failed:
        raise typer.Exit(EXIT_PARTIAL)


def _counts(fetched: "BaselineFetchReport") -> dict[str, Any]:
    return {key: value for key, value in asdict(fetched).items() if key != "table"}


def _say_fetched(fetched: "BaselineFetchReport") -> None:
    from audiosim_pipelines.cli.screen import Screen, print_line

    screen = Screen()
    screen.say(
        f"{fetched.n_with_id} of {fetched.n_tracks} tracks have a Spotify id; {fetched.n_asked} were asked for now, "
        f"{fetched.n_with_features} have features, {fetched.n_unknown} have none there"
    )
    if fetched.n_failed:
        screen.say(f"{fetched.n_failed} tracks failed and are asked for the next time; the first: {fetched.reason}")
    if fetched.table is None:
        print_line("no track has features there; nothing was imported")


def _joined(library: "Library") -> "BaselineReport":
    from audiosim_pipelines import baseline as stage
    from audiosim_pipelines import settings

    joined = stage.join_baseline(library, settings.load(library.folder))
    assert joined is not None  # a table was just imported
    return joined


def _say(report: "TableReport", joined: "BaselineReport") -> None:
    from audiosim_pipelines.cli.screen import Screen, print_line

    screen = Screen()
    screen.say(
        f"read as {report.preset or 'a table of no preset'}: {report.n_rows:,} rows, {report.n_kept:,} kept, "
        f"{report.n_repeated:,} repeated, {report.n_conflicting:,} contradicting, {len(report.rejected):,} rejected; "
        f"features: {', '.join(report.features)}"
    )
    for line in (*report.notes, *(f"rejected: {reason}" for reason in report.reasons)):
        screen.say(line)
    print_line(joined.summary)


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    """What NAME=VALUE options say."""
    pairs: dict[str, str] = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not (name.strip() and sign and value.strip()):
            raise typer.BadParameter(f"{option} must be NAME=COLUMN, got {text!r}")
        pairs[name.strip()] = value.strip()
    return pairs
