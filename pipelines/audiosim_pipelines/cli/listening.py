"""Commands about the owner's listening: history, rate, ratings."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiosim_pipelines.cli import next_track
from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption

if TYPE_CHECKING:
    from audiosim_pipelines.history import HistorySummary, ImportReport
    from audiosim_pipelines.ratings import MeanRating


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="What was played when, from the exports of services.", no_args_is_help=True)
    group.command("import")(import_)
    group.command()(show)
    group.command()(next_track.evaluate)
    app.add_typer(group, name="history")
    app.command()(rate)
    app.command()(ratings)


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(help="Exports of Spotify (zip or JSON), ListenBrainz (zip or JSON lines), Last.fm (CSV)."),
    ],
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Add the plays of exports; none is added twice.

    Kept are times, artists, titles, albums and ids. Addresses, devices, countries and names of people are not.

    Example: audiosim history import my_spotify_data.zip
    """
    from audiosim.library import Library
    from audiosim_pipelines import history
    from audiosim_pipelines.cli import EXIT_PARTIAL
    from audiosim_pipelines.cli.screen import print_json

    report = history.import_history(Library.open(library), files)
    if json:
        print_json(asdict(report))
    else:
        _say_import(report)
    if not report.is_complete:
        raise typer.Exit(EXIT_PARTIAL)


def _say_import(report: "ImportReport") -> None:
    from audiosim_pipelines.cli.screen import Screen, print_line

    screen = Screen()
    for file in report.files:
        others = "".join(f", {count} {what} left out" for what, count in file.others.items())
        screen.say(f"{file.name}: {file.kind}, {file.n_plays} plays{others}, {file.n_rejected} entries rejected")
        for reason in file.reasons:
            screen.say(f"  {reason}")
    print_line(f"{report.n_new} plays are new, {report.n_known} were known ({report.n_completed} of them completed)")
    _say_summary(report.summary)


def show(*, library: LibraryOption = DEFAULT_LIBRARY, json: JsonOption = False) -> None:
    """How much is known, and how much of it is in the library.

    Example: audiosim history show
    """
    from audiosim.library import Library
    from audiosim_pipelines import history
    from audiosim_pipelines.cli.screen import print_json

    summary = history.summary(Library.open(library))
    if json:
        print_json(asdict(summary))
        return
    _say_summary(summary)


def rate(
    track: Annotated[str, typer.Argument(help='Track id or its beginning, path, or "artist - title".')],
    rating: Annotated[float | None, typer.Argument(help="From 1 to 10.", min=1.0, max=10.0)] = None,
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Drop the ratings of the track.")] = False,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Rate a track from 1 to 10. The last rating counts; those of other days tell how steady you are (`taste fit`).

    Example: audiosim rate "Artist - Title" 8
    """
    from audiosim.library import Library
    from audiosim_pipelines import ratings as pipeline
    from audiosim_pipelines.cli.screen import print_json, print_line

    if clear == (rating is not None):
        raise typer.BadParameter("give a rating from 1 to 10, or --clear")
    opened = Library.open(library)
    if rating is None:
        rated, n_dropped = pipeline.unrate(opened, track)
        said, line = {"n_dropped": n_dropped}, f"{rated.label}: {n_dropped} ratings dropped"
    else:
        rated = pipeline.rate(opened, track, rating)
        said, line = {"rating": rating}, f"{rated.label}: {rating:g}"
    if json:
        print_json({"track_id": rated.track_id, "label": rated.label, **said})
        return
    print_line(line)


def ratings(*, library: LibraryOption = DEFAULT_LIBRARY, json: JsonOption = False) -> None:
    """All ratings, and whether near or far tracks please more.

    Example: audiosim ratings
    """
    from audiosim.library import Library
    from audiosim_pipelines import ratings as pipeline
    from audiosim_pipelines.cli.screen import print_json, print_line, print_table

    report = pipeline.ratings(Library.open(library))
    means = {"all": report.overall, "near": report.near, "far": report.far, "near minus far": report.difference}
    if json:
        rated = [
            {
                "track_id": item.track.track_id,
                "label": item.track.label,
                "rating": item.rating,
                "n_ratings": item.n_ratings,
                "recommended": item.recommended,
            }
            for item in report.rated
        ]
        print_json({"rated": rated, "means": {name: asdict(mean) for name, mean in means.items()}})
        return
    if not report.rated:
        print_line('nothing is rated yet; rate with: audiosim rate "Artist - Title" 8')
        return
    rows = [[item.track.label, f"{item.rating:g}", item.recommended or ""] for item in report.rated]
    print_table("ratings", ["track", "rating", "recommended"], rows, left=("track", "recommended"))
    rows = [[name, str(mean.n), *_figures(mean)] for name, mean in means.items()]
    print_table("means, 95 % intervals", ["of", "n", "mean", "from", "to"], rows, left=("of",))


def _figures(mean: "MeanRating") -> list[str]:
    return ["" if value is None else f"{value:.2f}" for value in (mean.mean, mean.low, mean.high)]


def _say_summary(summary: "HistorySummary") -> None:
    from audiosim_pipelines.cli.screen import print_line, print_table

    if summary.first is None or summary.last is None:
        print_line("no plays are known yet; add some with: audiosim history import FILE")
        return
    days = [datetime.fromtimestamp(moment, UTC).date().isoformat() for moment in (summary.first, summary.last)]
    print_line(
        f"{summary.n_plays} plays of {summary.n_titles} titles from {days[0]} to {days[1]}, "
        f"{summary.n_short} shorter than 30 s"
    )
    share = 100 * summary.n_matched / summary.n_plays
    print_line(f"in the library: {summary.n_matched} plays ({share:.1f} %) of {summary.n_matched_titles} titles")
    if summary.unmatched:
        rows = [[label, str(count)] for label, count in summary.unmatched]
        print_table("played most, and not in the library", ["title", "plays"], rows, left=("title",))
