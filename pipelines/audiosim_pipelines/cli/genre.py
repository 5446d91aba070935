"""Commands about genres: genre evaluate, genre train, genre predict."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiosim_pipelines.cli.options import (
    DEFAULT_LIBRARY,
    JsonOption,
    LabelsOption,
    LibraryOption,
    ThreadsOption,
)

if TYPE_CHECKING:
    from audiosim.recommend.genre.work import Effort

SeedOption = Annotated[int, typer.Option(help="The same seed gives the same answer.", min=0)]
TreesOption = Annotated[int, typer.Option(help="Trees of the random forest.", min=1)]
TableArgument = Annotated[
    Path | None,
    typer.Argument(help="Table of features with a column of genres; the library's descriptors and tags by default."),
]
ColumnOption = Annotated[str, typer.Option(help="Column of the table, or of --labels, that holds the genres.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="What genre a track is, as far as its features tell.", no_args_is_help=True)
    group.command()(evaluate)
    group.command()(train)
    group.command()(predict)
    app.add_typer(group, name="genre")


def evaluate(
    table: TableArgument = None,
    *,
    label: ColumnOption = "genre",
    labels: LabelsOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Page (.html) or pictures (.png, .svg); reports/genre.html of a library by default."
        ),
    ] = None,
    trees: TreesOption = 200,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Judge how well features tell genres, on artists that no model has seen.

    Duplicates are left out first. Beside it stands what a random split would have said, what the best model needs, and
    a tree small enough to be read. Interrupted, it goes on where it was.

    Example: audiosim genre evaluate spotify_songs.csv --label playlist_genre
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli import genre_screen
    from audiosim_pipelines.cli.screen import Screen
    from audiosim_pipelines.genre import evaluation
    from audiosim_pipelines.genre.files import check_output, write_report

    check_output(output)
    _check_labels(table, labels)
    effort = _effort(trees, seed, threads)
    if table is None:
        opened = Library.open(library)
        report = evaluation.evaluate_library(opened, label=label, labels_file=labels, effort=effort, progress=Screen())
        files = write_report(report, output, library=opened)
    else:
        report = evaluation.evaluate_table(table, label, effort=effort, progress=Screen())
        files = write_report(report, output)
    genre_screen.say_report(report, files, as_json=json)


def train(
    table: TableArgument = None,
    *,
    label: ColumnOption = "genre",
    labels: LabelsOption = None,
    trees: TreesOption = 200,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Learn genres by the model that does best on artists left out, and keep it in the library (models/genre.npz).

    A model that learned from a table of official values tells genres of such tables, and one that learned from the
    library's own descriptors those of its tracks: they are never mixed. Interrupted, it goes on where it was.

    Example: audiosim genre train
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli import genre_screen
    from audiosim_pipelines.cli.screen import Screen
    from audiosim_pipelines.genre import training

    _check_labels(table, labels)
    opened = Library.open(library)
    model = training.train(
        opened,
        table,
        label=label,
        labels_file=labels,
        effort=_effort(trees, seed, threads),
        progress=Screen(),
    )
    genre_screen.say_model(model, training.model_path(opened.folder), as_json=json)


def predict(
    table: Annotated[
        Path | None, typer.Argument(help="Table of features; the library's descriptors by default.")
    ] = None,
    *,
    label: ColumnOption = "genre",
    labels: LabelsOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also tracks of the library of which a genre is said already.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Learn from what has a genre, whether a model is kept or not.")
    ] = False,
    unknown_below: Annotated[
        float, typer.Option(help="A genre that is less likely counts as unknown.", min=0.0, max=1.0)
    ] = 0.4,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Also write them to this CSV file.")] = None,
    trees: TreesOption = 200,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Tell genres of tracks of which nobody says one, or of the rows of a table; "unknown" where nothing is likely.

    By the model that genre train keeps in the library; without one, by one that is learned from what has a genre.

    Example: audiosim genre predict --unknown-below 0.5 -o genres.csv
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli import genre_screen
    from audiosim_pipelines.cli.screen import Screen
    from audiosim_pipelines.genre import prediction as genre

    _check_labels(table, labels)
    effort, screen = _effort(trees, seed, threads), Screen()
    if table is None:
        found = genre.predict_library(
            Library.open(library),
            label=label,
            labels_file=labels,
            everything=everything,
            anew=anew,
            unknown_below=unknown_below,
            effort=effort,
            progress=screen,
        )
    else:
        if everything:
            raise typer.BadParameter("--all is for a library: of a table all rows are told that were not learned from")
        found = genre.predict_table(
            table, library, label=label, anew=anew, unknown_below=unknown_below, effort=effort, progress=screen
        )
    if output is not None:
        genre.write_table(found, output)
    genre_screen.say_prediction(found, output, as_json=json)


def _check_labels(table: Path | None, labels: Path | None) -> None:
    if table is not None and labels is not None:
        raise typer.BadParameter("--labels names genres of the library's tracks; a table has a column of its own")


def _effort(trees: int, seed: int, threads: int | None) -> "Effort":
    from audiosim.recommend.genre.work import Effort
    from audiosim_pipelines.bench.machine import n_cores

    return Effort(seed=seed, n_threads=threads or n_cores(), n_trees=trees)
