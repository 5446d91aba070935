"""Commands about genres: genre evaluate, genre predict."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, ThreadsOption

if TYPE_CHECKING:
    from audiosim.recommend.genre.metrics import GenreScores
    from audiosim.recommend.genre.work import Effort
    from audiosim_pipelines.genre.report import GenreReport, Judgement

SeedOption = Annotated[int, typer.Option(help="The same seed gives the same answer.", min=0)]
TreesOption = Annotated[int, typer.Option(help="Trees of the random forest.", min=1)]
TableArgument = Annotated[
    Path | None,
    typer.Argument(help="Table of features with a column of genres; the library's descriptors and tags by default."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="What genre a track is, as far as its features tell.", no_args_is_help=True)
    group.command()(evaluate)
    group.command()(predict)
    app.add_typer(group, name="genre")


def evaluate(
    table: TableArgument = None,
    *,
    label: Annotated[str, typer.Option(help="Column of the table that holds the genres.")] = "genre",
    trees: TreesOption = 200,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Judge how well features tell genres, on artists that no model has seen.

    Duplicates are left out first. Beside it stands what a random split would have said.

    Example: audiosim genre evaluate spotify_songs.csv --label playlist_genre
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli.screen import Screen, print_json
    from audiosim_pipelines.genre import evaluation as genre

    effort = _effort(trees, seed, threads)
    if table is None:
        report = genre.evaluate_library(Library.open(library), effort=effort, progress=Screen())
    else:
        report = genre.evaluate_table(table, label, effort=effort, progress=Screen())
    if json:
        print_json(report.as_dict())
        return
    _say(report)


def predict(
    *,
    trees: TreesOption = 200,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Tell the genres of tracks whose tags name none from those that have one; "unknown" where nothing is likely.

    Example: audiosim genre predict
    """
    from dataclasses import asdict

    from audiosim.library import Library
    from audiosim_pipelines.cli.screen import Screen, print_json, print_line, print_table
    from audiosim_pipelines.genre.prediction import predict_library
    from audiosim_pipelines.genre.report import UNKNOWN_BELOW

    prediction = predict_library(Library.open(library), effort=_effort(trees, seed, threads), progress=Screen())
    judged, scores = prediction.evaluation, prediction.evaluation.row("chosen").scores
    if json:
        told = [asdict(track) for track in prediction.told]
        said = {"best": judged.best, "accuracy": scores.accuracy, "unknown_below": UNKNOWN_BELOW, "tracks": told}
        print_json(said)
        return
    print_line(
        f"learned from {len(judged.task.kept)} tracks; on artists never seen {100 * scores.accuracy:.0f} % are right"
    )
    rows = [[track.label, track.genre or "unknown", f"{track.confidence:.2f}"] for track in prediction.told]
    print_table("genres told", ["track", "genre", "confidence"], rows, left=("track", "genre"))


def _effort(trees: int, seed: int, threads: int | None) -> "Effort":
    from audiosim.recommend.genre.work import Effort
    from audiosim_pipelines.bench.machine import n_cores

    return Effort(seed=seed, n_threads=threads or n_cores(), n_trees=trees)


def _say(report: "GenreReport") -> None:
    from audiosim_pipelines.cli.screen import print_line, print_table

    table, judged = report.table, report.judgement
    genres = () if judged is None else judged.evaluation.task.genres
    print_line(
        f"{report.n_rows} rows: {len(table.rejected)} rejected, {table.n_duplicates} duplicates; {len(table)} tracks, "
        f"{table.n_ambiguous} of them in several genres"
    )
    if not report.knows_artists:
        print_line("no artists are named: every track counts as one's own, and the figures are too high")
    if judged is None:
        print_line(f"nothing can be judged: {report.not_judged}")
        rows = [[size.genre, str(size.n_tracks), str(size.n_artists)] for size in report.description.sizes]
        print_table("genres", ["genre", "tracks", "artists"], rows, left=("genre",))
        return
    for size in report.description.sizes:
        if size.genre not in genres:
            print_line(f"left out: {size.genre} ({size.n_tracks} tracks), which only {size.n_artists} artists have")
    _say_judged(judged)


def _say_judged(judged: "Judgement") -> None:
    from audiosim_pipelines.cli.screen import print_line, print_table
    from audiosim_pipelines.genre.report import PUBLISHED_ACCURACY

    found = judged.evaluation
    genres = found.task.genres
    print_line(f"judged by {len(found.task.labels)} tracks of {len(genres)} genres by {found.task.n_artists} artists")
    rows = [
        [
            row.name,
            *_figures(row.scores),
            "{0.low:.3f} to {0.high:.3f}".format(judged.intervals[row.name].accuracy),
        ]
        for row in found.rows
    ]
    columns = ["model", "accuracy", "macro F1", "balanced", "top 2", "log-loss", "ECE", "accuracy, 95 %"]
    print_table("artists never seen, calibrated", columns, rows, left=("model",))
    print_line(f"chosen, fold by fold: {', '.join(found.chosen)}")
    rows = [[split.name, str(split.n_tracks), *_figures(split.scores)[:2], split.about] for split in judged.splits]
    columns = ["split", "tracks", "accuracy", "macro F1", "what it is"]
    print_table(f"{found.best}, by how folds are dealt", columns, rows, left=("split", "what it is"))
    print_line(f"a random split makes up {100 * judged.gap:.1f} points of accuracy")
    print_line(f"published with a random split, of six other genres: {PUBLISHED_ACCURACY:.2f}")
    rows = [[genre, *map(str, row)] for genre, row in zip(genres, found.confusion.tolist(), strict=True)]
    print_table("what tracks are, and what they are said to be", ["is", *genres], rows, left=("is",))
    rows = [
        [
            ", ".join(item.features),
            f"{item.log_loss:.3f}",
            f"{item.log_loss_sd:.3f}",
            f"{item.n_positive} of {len(found.chosen)}",
            f"{100 * item.accuracy:.1f}",
        ]
        for item in judged.importances
    ]
    columns = ["without", "log-loss rises by", "SD", "in folds", "accuracy falls by (points)"]
    print_table(f"what the {found.best} needs, on artists never seen", columns, rows, left=("without",))
    print_line(f"a tree of one page, accuracy {judged.tree.scores.accuracy:.3f} on artists never seen")
    for line in judged.tree.lines():
        print_line(f"  {line}")
    sure = judged.confident
    of_these = "" if sure.accuracy is None else f", of which {100 * sure.accuracy:.1f} % are right"
    print_line(f"confidence of at least {sure.at_least:g}: {100 * sure.share:.1f} % of the tracks{of_these}")
    rows = [[item.title, item.genre, item.said, f"{item.confidence:.2f}"] for item in judged.confused]
    columns = ["track", "is", "said to be", "confidence"]
    print_table("the surest mistakes", columns, rows, left=("track", "is", "said to be"))


def _figures(scores: "GenreScores") -> list[str]:
    values = (
        scores.accuracy,
        scores.macro_f1,
        scores.balanced_accuracy,
        scores.top_2,
        scores.log_loss,
        scores.calibration_error,
    )
    return [f"{value:.3f}" for value in values]
