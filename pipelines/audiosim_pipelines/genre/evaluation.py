"""Genres for people: how well features tell them, by artist and as it would look if artists were ignored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.errors import FeatureTableError
from audiosim.evaluation.bootstrap import bootstrap_means
from audiosim.library import Library
from audiosim.recommend.genre.description import describe_genres
from audiosim.recommend.genre.evaluation import (
    N_FOLDS,
    GenreEvaluation,
    GenreTask,
    evaluate_genres,
    genre_task,
    n_fits,
)
from audiosim.recommend.genre.importance import permutation_importance
from audiosim.recommend.genre.metrics import coverage, reliability
from audiosim.recommend.genre.splits import balanced, split_scores
from audiosim.recommend.genre.tree import readable_tree
from audiosim.recommend.genre.work import Effort, Work
from audiosim.recommend.labelled_table import LabelledTable, read_labelled_table, without_duplicates
from audiosim.sources.table_presets import TableOptions
from audiosim_pipelines.genre.report import (
    PUBLISHED_N_OF_EACH,
    UNKNOWN_BELOW,
    ConfusedTrack,
    GenreReport,
    Intervals,
    Judgement,
    Split,
)
from audiosim_pipelines.genre.tables import TAG, library_genres
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.steps import kept_steps

FloatArray = npt.NDArray[np.float64]

# Raised whenever the same tracks begin to give other steps.
_STEPS_VERSION = 1
_N_CONFUSED = 20
_N_DRAWS = 2_000
_LEAST = 1e-15  # as in `score_probabilities`
_CONFIDENCES = tuple(round(0.05 * i, 2) for i in range(20))
# Of the splits, all but that by artist, which the evaluation has made already.
_N_SPLITS = 4


def evaluate_table(
    path: Path,
    label: str,
    *,
    options: TableOptions | None = None,
    effort: Effort | None = None,
    progress: Progress | None = None,
) -> GenreReport:
    """Judge how well the features of a table tell its genres.

    Parameters
    ----------
    path : Path
        See `read_labelled_table`.
    label : str
        The column that holds the genres.
    options : TableOptions, optional
    effort : Effort, optional
    progress : Progress, optional

    Returns
    -------
    GenreReport
        Of tables with too few artists a genre, a description alone.

    Raises
    ------
    FeatureTableError
        The table cannot be read, or does not name two genres.
    """
    return _report(read_labelled_table(path, label, options=options), label, effort or Effort(), progress)


def evaluate_library(
    library: Library,
    *,
    label: str = TAG,
    labels_file: Path | None = None,
    effort: Effort | None = None,
    progress: Progress | None = None,
) -> GenreReport:
    """Judge how well the descriptors of a library's tracks tell their genres, see `library_genres`.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    FeatureTableError
        Not even two genres are named.
    """
    rows = library_genres(library, label, labels_file).labelled()
    return _report(rows, label, effort or Effort(), progress)


def steps_of(rows: LabelledTable, effort: Effort) -> tuple[Any, ...]:
    """All that the steps of an evaluation depend on, for `kept_steps`."""
    parts = (list(rows.inputs.names), rows.inputs.values.tobytes(), rows.labels, rows.artists, rows.songs)
    return ("genre", _STEPS_VERSION, *parts, effort.seed, effort.n_trees)


def _report(rows: LabelledTable, label: str, effort: Effort, progress: Progress | None) -> GenreReport:
    table = without_duplicates(rows)
    if len(set(table.labels)) < 2:
        genre_task(table, seed=effort.seed)  # says what it would take
    try:
        task = genre_task(table, seed=effort.seed)
    except FeatureTableError as error:
        judgement, not_judged = None, str(error)
    else:
        judgement, not_judged = _judge(task, rows, table, effort, progress), None
    return GenreReport(
        table=table,
        n_rows=len(rows) + len(rows.rejected),
        label=label,
        seed=effort.seed,
        description=describe_genres(table),
        judgement=judgement,
        not_judged=not_judged,
    )


def _judge(
    task: GenreTask, rows: LabelledTable, table: LabelledTable, effort: Effort, progress: Progress | None
) -> Judgement:
    used = table.take(task.kept.tolist())
    known = set(task.genres)
    listed = rows.take([row for row, genre in enumerate(rows.labels) if genre in known])
    n_all = n_fits() + N_FOLDS * (_N_SPLITS + 1)
    with (
        kept_steps(*steps_of(rows, effort)) as recall,
        (progress or Silent()).bar("genres", n_all, "models") as advance,
    ):
        work = Work(effort, recall, advance)
        found = evaluate_genres(task, work)
        splits = _splits(used, listed, found, work)
        importances = permutation_importance(found, work)
    tree = readable_tree(task, seed=effort.seed)
    return Judgement(
        evaluation=found,
        intervals=_intervals(task, {**found.predicted, "tree": tree.probabilities}),
        splits=splits,
        importances=importances,
        tree=tree,
        reliability=reliability(found.probabilities, task.labels),
        uncalibrated=reliability(found.uncalibrated, task.labels),
        coverage=tuple(coverage(found.probabilities, task.labels, at_least=least) for least in _CONFIDENCES),
        confident=coverage(found.probabilities, task.labels, at_least=UNKNOWN_BELOW),
        confused=_confused(found, used),
    )


def _splits(used: LabelledTable, listed: LabelledTable, found: GenreEvaluation, work: Work) -> tuple[Split, ...]:
    few = balanced(used, n_of_each=PUBLISHED_N_OF_EACH, seed=work.effort.seed)
    ways: tuple[tuple[str, str, LabelledTable, bool], ...] = (
        ("random", "single tracks dealt at random", used, False),
        ("random, duplicates kept", "rows dealt at random, the same track several times", listed, False),
        ("balanced, random", f"at most {PUBLISHED_N_OF_EACH} tracks a genre, dealt at random", few, False),
        ("balanced, artist", "the same tracks, by artist", few, True),
    )
    by_artist = found.row(found.best).uncalibrated
    return (
        Split("artist", "no artist both learned from and left out", len(used), by_artist),
        *(
            Split(
                name,
                about,
                len(table),
                split_scores(table, found.best, by_artist=by_artist, name=name.replace(", ", "-"), work=work),
            )
            for name, about, table, by_artist in ways
        ),
    )


def _intervals(task: GenreTask, predicted: Mapping[str, FloatArray]) -> dict[str, Intervals]:
    """Of every model at once, over the same draws of artists."""
    rows = np.arange(len(task.labels))
    columns = [
        column
        for probabilities in predicted.values()
        for column in (
            probabilities.argmax(axis=1) == task.labels,
            -np.log(np.maximum(probabilities[rows, task.labels], _LEAST)),
        )
    ]
    scores = np.column_stack(columns).astype(np.float64)
    found = bootstrap_means(scores, task.groups.tolist(), n_draws=_N_DRAWS)
    return {name: Intervals(found[2 * i], found[2 * i + 1]) for i, name in enumerate(predicted)}


def _confused(found: GenreEvaluation, used: LabelledTable) -> tuple[ConfusedTrack, ...]:
    """The surest mistakes, the surest first."""
    genres = found.task.genres
    said, confidence = found.probabilities.argmax(axis=1), found.probabilities.max(axis=1)
    wrong = [row for row, genre in enumerate(used.labels) if genres[said[row]] != genre]
    wrong.sort(key=lambda row: (-confidence[row], row))
    return tuple(
        ConfusedTrack(used.titles[row], used.labels[row], genres[said[row]], float(confidence[row]))
        for row in wrong[:_N_CONFUSED]
    )
