"""Commands about genres: genre evaluate, genre predict."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, ThreadsOption

if TYPE_CHECKING:
    from audiosim.recommend.genre.evaluation import Effort
    from audiosim.recommend.genre.metrics import GenreScores
    from audiosim_pipelines.genre.evaluation import GenreReport

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
    from audiosim_pipelines.genre import evaluation as genre

    prediction = genre.predict_library(Library.open(library), effort=_effort(trees, seed, threads), progress=Screen())
    judged, scores = prediction.evaluation, prediction.evaluation.row("chosen").scores
    if json:
        told = [asdict(track) for track in prediction.told]
        said = {"best": judged.best, "accuracy": scores.accuracy, "unknown_below": genre.UNKNOWN_BELOW, "tracks": told}
        print_json(said)
        return
    print_line(f"learned from {len(judged.kept)} tracks; on artists never seen {100 * scores.accuracy:.0f} % are right")
    rows = [[track.label, track.genre or "unknown", f"{track.confidence:.2f}"] for track in prediction.told]
    print_table("genres told", ["track", "genre", "confidence"], rows, left=("track", "genre"))


def _effort(trees: int, seed: int, threads: int | None) -> "Effort":
    from audiosim.recommend.genre.evaluation import Effort
    from audiosim_pipelines.bench.machine import n_cores

    return Effort(seed=seed, n_threads=threads or n_cores(), n_trees=trees)


def _say(report: "GenreReport") -> None:
    from audiosim_pipelines.cli.screen import print_line, print_table
    from audiosim_pipelines.genre.evaluation import PUBLISHED_ACCURACY

    judged, table = report.evaluation, report.table
    print_line(
        f"{report.n_rows} rows: {len(table.rejected)} rejected, {table.n_duplicates} duplicates; {len(judged.kept)} "
        f"tracks by {judged.n_artists} artists, {table.n_ambiguous} of them in several genres"
    )
    if not report.knows_artists:
        print_line("the table names no artists: every track counts as one's own, and the figures are too high")
    for genre, n_tracks in judged.dropped.items():
        print_line(f"left out: {genre} ({n_tracks} tracks), which too few artists have")
    rows = [[row.name, *_figures(row.scores), f"{row.accuracy_sd:.3f}"] for row in judged.rows]
    columns = ["model", "accuracy", "macro F1", "balanced", "top 2", "log-loss", "ECE", "accuracy SD"]
    print_table("artists never seen, calibrated", columns, rows, left=("model",))
    print_line(f"chosen, fold by fold: {', '.join(judged.chosen)}")
    rows = [[split.name, str(split.n_tracks), *_figures(split.scores)[:2], split.about] for split in report.splits]
    columns = ["split", "tracks", "accuracy", "macro F1", "what it is"]
    print_table(f"{judged.best}, by how folds are dealt", columns, rows, left=("split", "what it is"))
    print_line(f"a random split makes up {100 * report.gap:.1f} points of accuracy")
    print_line(f"published with a random split, of six other genres: {PUBLISHED_ACCURACY:.2f}")
    rows = [[genre, *map(str, row)] for genre, row in zip(judged.genres, judged.confusion.tolist(), strict=True)]
    print_table("what tracks are, and what they are said to be", ["is", *judged.genres], rows, left=("is",))
    sure = report.confident
    of_these = "" if sure.accuracy is None else f", of which {100 * sure.accuracy:.1f} % are right"
    print_line(f"confidence of at least {sure.at_least:g}: {100 * sure.share:.1f} % of the tracks{of_these}")
    rows = [[item.title, item.genre, item.said, f"{item.confidence:.2f}"] for item in report.confused]
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
