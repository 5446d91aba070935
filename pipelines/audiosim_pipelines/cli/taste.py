"""Commands about taste: taste import, fit, predict and next."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audiosim_pipelines.cli import taste_pages
from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, DryRunOption, JsonOption, LibraryOption, ThreadsOption
from audiosim_pipelines.cli.taste_pages import (
    FeatureOption,
    KindOption,
    RatingOption,
    RepeatsOption,
    SeedOption,
    TableArgument,
    TreesOption,
)

if TYPE_CHECKING:
    from audiosim.recommend.taste.evaluation import TasteEvaluation
    from audiosim_pipelines.taste.evaluation import TasteReport
    from audiosim_pipelines.taste.imports import RatingsImport

_UNITS = {"rating": "rating", "like": "chance of a like", "plays": "plays"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="What ratings tell of the tracks that are not rated.", no_args_is_help=True)
    group.command("import")(import_)
    group.command()(fit)
    group.command()(predict)
    group.command("next")(next_)
    taste_pages.register(group)
    app.add_typer(group, name="taste")


def import_(
    table: Annotated[Path | None, typer.Argument(help="Table of likes, ratings or plays, CSV or Parquet.")] = None,
    *,
    from_history: Annotated[
        bool, typer.Option("--from-history", help="Count the plays of the history in place of a table.")
    ] = False,
    rating: Annotated[
        str | None, typer.Option(help="Column that holds them; rating, like, plays, ... by default.")
    ] = None,
    kind: Annotated[
        Literal["auto", "like", "rating", "plays"],
        typer.Option(help="like: yes or no; rating: 1 to 10; plays: counts; auto looks."),
    ] = "auto",
    rejected: Annotated[Path | None, typer.Option(help="Write the rows that cannot be used, and why, as CSV.")] = None,
    dry_run: DryRunOption = False,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Import likes, ratings or plays of the library's tracks. The same table again changes nothing.

    Rows find tracks by id, ISRC, path, or artist and title. Kinds lie apart, and ratings by hand outweigh imported
    ones.

    Example: audiosim taste import liked.csv --rating like
    """
    from audiosim.library import Library
    from audiosim_pipelines.baseline import write_rejected
    from audiosim_pipelines.cli import EXIT_PARTIAL
    from audiosim_pipelines.cli.screen import print_json
    from audiosim_pipelines.taste import imports

    if from_history == (table is not None):
        raise typer.BadParameter("give a table, or --from-history")
    opened = Library.open(library)
    if table is None:
        report = imports.import_history(opened, dry_run=dry_run)
    else:
        report = imports.import_ratings(opened, table, column=rating, kind=kind, dry_run=dry_run)
    if rejected is not None:
        write_rejected(report.rejected, rejected)
    if json:
        print_json(asdict(report))
    else:
        _say_import(report)
    if report.rejected:
        raise typer.Exit(EXIT_PARTIAL)


def _say_import(report: "RatingsImport") -> None:
    from audiosim_pipelines.cli.screen import Screen, print_line

    screen = Screen()
    for note in report.notes:
        screen.say(f"note: {note}")
    for reason in report.reasons:
        screen.say(f"rejected: {reason}")
    counts = report.ratings
    kept = "would be" if report.dry_run else "are"
    what = {"like": "likes", "rating": "ratings", "plays": "counts of plays"}[report.kind]
    print_line(
        f"{what} of {report.n_tracks} tracks from {report.n_rows} {'rows' if report.column else 'plays'}: "
        f"{counts.n_new} {kept} new, {counts.n_changed} changed, {counts.n_known} known; "
        f"{len(report.rejected)} rows rejected, {report.n_repeated} repeated"
    )
    if report.n_outweighed:
        print_line(f"{report.n_outweighed} of the tracks were rated by hand, and that counts")


def fit(
    table: TableArgument = None,
    *,
    rating: RatingOption = "rating",
    kind: KindOption = "auto",
    feature: FeatureOption = None,
    trees: TreesOption = 100,
    repeats: RepeatsOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Judge whether ratings can be told from features, on artists that no model has seen. "No signal" is an answer.

    Example: audiosim taste fit liked.csv --rating like
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli.screen import Screen, print_json
    from audiosim_pipelines.taste import evaluation as taste

    effort = taste_pages.effort(trees, repeats, seed, threads)
    if table is None:
        report = taste.fit_library(Library.open(library), kind=kind, effort=effort, progress=Screen())
    else:
        report = taste.fit_table(table, rating, kind=kind, extra=feature or (), effort=effort, progress=Screen())
    if json:
        print_json(report.as_dict())
        return
    _say(report)


def predict(
    *,
    count: Annotated[int, typer.Option("--count", "-n", help="How many tracks.", min=1)] = 20,
    kind: KindOption = "auto",
    trees: TreesOption = 100,
    repeats: RepeatsOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """The tracks that are not rated and would please most, with the rating to expect and how sure that is.

    Example: audiosim taste predict --count 20
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli.screen import Screen, print_json, print_line, print_table
    from audiosim_pipelines.taste import evaluation as taste

    effort = taste_pages.effort(trees, repeats, seed, threads)
    prediction = taste.predict_library(Library.open(library), kind=kind, effort=effort, progress=Screen())
    judged, expected = prediction.evaluation, prediction.expected[:count]
    if json:
        print_json(
            {
                "kind": prediction.kind,
                "verdict": judged.verdict,
                "best": judged.best,
                "p_value": judged.p_value,
                "confidence": judged.confidence,
                "expected": [asdict(item) for item in expected],
            }
        )
        return
    _say_verdict(judged)
    if judged.verdict == "no signal":
        print_line("every track is expected to be rated as the mean; the order below means nothing")
    rows = [[item.label, *(_figure(value) for value in (item.expected, item.low, item.high))] for item in expected]
    unit = _UNITS[prediction.kind]
    print_table(f"what to expect: {unit}", ["track", unit, "from", "to"], rows, left=("track",))


def next_(
    *,
    count: Annotated[int, typer.Option("--count", "-n", help="How many tracks.", min=1)] = 10,
    kind: KindOption = "auto",
    trees: TreesOption = 100,
    repeats: RepeatsOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Which tracks to rate next: those that tell most about the others and, once a taste shows, some that may please.

    Example: audiosim taste next
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli.screen import Screen, print_json, print_line, print_table
    from audiosim_pipelines.taste.next_to_rate import next_to_rate

    screen = Screen()
    found = next_to_rate(
        Library.open(library),
        n=count,
        kind=kind,
        effort=taste_pages.effort(trees, repeats, seed, threads),
        progress=screen,
    )
    judged = found.evaluation
    if json:
        print_json(found.as_dict())
        return
    if not found.tracks:
        print_line("all tracks are rated")
        return
    if judged is None or not judged.has_signal:
        screen.say("no taste shows yet: all of these are to learn it")
    if found.n_hubs:
        screen.say(f"{found.n_hubs} tracks are left out, which are near to everything by {', '.join(found.measures)}")
    rows = [[track.track_id[:8], track.label, track.purpose, track.why] for track in found.tracks]
    columns = ["id", "track", "to", "why"]
    print_table("to rate next", columns, rows, left=columns)


def _say(report: "TasteReport") -> None:
    from audiosim_pipelines.cli.screen import Screen, print_line, print_table

    ground, judged = report.ground, report.evaluation
    for note in ground.notes:
        Screen().say(f"note: {note}")
    print_line(
        f"{ground.n_rows} rows: {ground.n_rejected} rejected, {ground.n_duplicates} duplicates; "
        f"{judged.n_ratings} ratings ({ground.kind}), mean {report.mean:.2f}"
    )
    for name, count in ground.left_aside:
        print_line(f"left aside, for kinds are not mixed: {count} tracks of kind {name} (--kind {name})")
    if ground.knows_artists:
        print_line(f"by {judged.n_artists} artists, each of them either learned from or left out")
    else:
        print_line("no artists are named: every track counts as one's own, and the figures may be too high")
    if ground.steadiness is not None:
        print_line(ground.steadiness.sentence)
    last = ["accuracy", "AUC"] if judged.is_binary else ["Spearman", "pairs in order"]
    gains = dict(judged.gains)
    rows = [
        [
            name,
            _figure(scores.r2),
            _figure(scores.mae),
            *((_figure(scores.accuracy),) if judged.is_binary else (_figure(scores.spearman),)),
            _figure(scores.pairwise),
            f"{gains[name].value:.3f} [{gains[name].low:.3f}, {gains[name].high:.3f}]",
        ]
        for name, scores in judged.rows
    ]
    columns = ["model", "R2", "MAE", *last, "error less than the mean's"]
    print_table("tracks of artists never seen", columns, rows, left=("model",))
    print_line(f"chosen, fold by fold: {', '.join(f'{name} {n}' for name, n in judged.chosen)}")
    _say_verdict(judged)


def _say_verdict(judged: "TasteEvaluation") -> None:
    from audiosim_pipelines.cli.screen import print_line

    gain = judged.gain
    error = "squared" if judged.is_binary else "absolute"
    print_line(
        f"{judged.verdict}: the {error} error is {gain.value:.3f} [{gain.low:.3f}, {gain.high:.3f}] smaller than that "
        f"of the mean; permutation test p = {judged.p_value:.3f}"
    )
    if judged.half_width is not None and judged.coverage is not None:
        print_line(
            f"a rating lies within {judged.half_width:.2f} of its prediction with {100 * judged.confidence:.0f} % "
            f"confidence; {100 * judged.coverage:.0f} % of those left out did"
        )


def _figure(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.3f}"  # noqa: PLR0124 - NaN is not itself
