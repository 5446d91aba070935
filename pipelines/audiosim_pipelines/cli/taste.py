"""Commands about taste: taste fit, taste predict, taste next."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, ThreadsOption

if TYPE_CHECKING:
    from audiosim.recommend.taste.evaluation import TasteEffort, TasteEvaluation
    from audiosim_pipelines.taste.evaluation import TasteReport

SeedOption = Annotated[int, typer.Option(help="The same seed gives the same answer.", min=0)]
TreesOption = Annotated[int, typer.Option(help="Trees of a forest.", min=1)]
RepeatsOption = Annotated[
    int | None, typer.Option(help="Ways to deal the folds; 10, or 1 of more than 500 ratings, by default.", min=1)
]
CountOption = Annotated[int, typer.Option("--count", "-n", help="How many tracks.", min=1)]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="What ratings tell of the tracks that are not rated.", no_args_is_help=True)
    group.command()(fit)
    group.command()(predict)
    group.command("next")(next_)
    app.add_typer(group, name="taste")


def fit(
    table: Annotated[
        Path | None, typer.Argument(help="Table of features with a column of ratings; the library's by default.")
    ] = None,
    *,
    rating: Annotated[str, typer.Option(help="Column of the table that holds the ratings.")] = "rating",
    kind: Annotated[
        Literal["auto", "like", "rating", "plays"], typer.Option(help="What the column holds; auto looks.")
    ] = "auto",
    trees: TreesOption = 200,
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

    effort = _effort(trees, repeats, seed, threads)
    if table is None:
        report = taste.fit_library(Library.open(library), effort=effort, progress=Screen())
    else:
        report = taste.fit_table(table, rating, kind=kind, effort=effort, progress=Screen())
    if json:
        print_json(report.as_dict())
        return
    _say(report)


def predict(
    *,
    count: CountOption = 20,
    trees: TreesOption = 200,
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

    effort = _effort(trees, repeats, seed, threads)
    prediction = taste.predict_library(Library.open(library), effort=effort, progress=Screen())
    judged, expected = prediction.evaluation, prediction.expected[:count]
    if json:
        print_json(
            {
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
    print_table("ratings to expect", ["track", "rating", "from", "to"], rows, left=("track",))


def next_(
    *,
    count: CountOption = 10,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Which tracks to rate next, so that their ratings tell most about the others.

    Example: audiosim taste next
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli.screen import print_json, print_line
    from audiosim_pipelines.taste import evaluation as taste

    tracks = taste.next_to_rate(Library.open(library), n=count)
    if json:
        print_json({"tracks": [asdict(track) for track in tracks]})
        return
    if not tracks:
        print_line("all tracks are rated")
    for track in tracks:
        print_line(f"{track.track_id[:8]}  {track.label}")


def _effort(trees: int, repeats: int | None, seed: int, threads: int | None) -> "TasteEffort":
    from audiosim.recommend.taste.evaluation import TasteEffort
    from audiosim_pipelines.bench.machine import n_cores

    return TasteEffort(seed=seed, n_threads=threads or n_cores(), n_trees=trees, n_repeats=repeats)


def _say(report: "TasteReport") -> None:
    from audiosim_pipelines.cli.screen import print_line, print_table

    judged = report.evaluation
    print_line(
        f"{report.n_rows} rows: {report.n_rejected} rejected, {report.n_duplicates} duplicates; "
        f"{judged.n_ratings} ratings ({report.kind}), mean {report.mean:.2f}"
    )
    if report.knows_artists:
        print_line(f"by {judged.n_artists} artists, each of them either learned from or left out")
    else:
        print_line("no artists are named: every track counts as one's own, and the figures may be too high")
    last = ["accuracy", "AUC"] if judged.is_binary else ["Spearman", "pairs in order"]
    rows = [
        [
            name,
            _figure(scores.r2),
            _figure(scores.mae),
            *((_figure(scores.accuracy),) if judged.is_binary else (_figure(scores.spearman),)),
            _figure(scores.pairwise),
        ]
        for name, scores in judged.rows
    ]
    print_table("tracks of artists never seen", ["model", "R2", "MAE", *last], rows, left=("model",))
    print_line(f"chosen, fold by fold: {', '.join(f'{name} {n}' for name, n in judged.chosen)}")
    _say_verdict(judged)


def _say_verdict(judged: "TasteEvaluation") -> None:
    from audiosim_pipelines.cli.screen import print_line

    value, low, high = judged.gain
    error = "squared" if judged.is_binary else "absolute"
    print_line(
        f"{judged.verdict}: the {error} error is {value:.3f} [{low:.3f}, {high:.3f}] smaller than that of the mean; "
        f"permutation test p = {judged.p_value:.3f}"
    )
    if judged.half_width is not None and judged.coverage is not None:
        print_line(
            f"a rating lies within {judged.half_width:.2f} of its prediction with {100 * judged.confidence:.0f} % "
            f"confidence; {100 * judged.coverage:.0f} % of those left out did"
        )


def _figure(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.3f}"  # noqa: PLR0124 - NaN is not itself
