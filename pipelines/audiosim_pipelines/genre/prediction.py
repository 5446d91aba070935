"""Genres of tracks of which nobody says one."""

from dataclasses import dataclass

import numpy as np

from audiosim.library import Library
from audiosim.recommend.folds import limited_threads
from audiosim.recommend.genre.evaluation import GenreEvaluation, evaluate_genres, genre_task, model_of, n_fits
from audiosim.recommend.genre.models import heat
from audiosim.recommend.genre.work import Effort, Work
from audiosim.recommend.labelled_table import without_duplicates
from audiosim_pipelines.genre.evaluation import steps_of
from audiosim_pipelines.genre.report import UNKNOWN_BELOW
from audiosim_pipelines.genre.tables import library_genres
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.steps import kept_steps


@dataclass(frozen=True, slots=True)
class ToldGenre:
    """What genre a track seems to be; None where the likeliest is less likely than `UNKNOWN_BELOW`."""

    track_id: str
    label: str
    genre: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class GenrePrediction:
    """Genres of tracks whose tags name none, and how much they are worth."""

    evaluation: GenreEvaluation
    told: tuple[ToldGenre, ...]


def predict_library(
    library: Library, *, effort: Effort | None = None, progress: Progress | None = None
) -> GenrePrediction:
    """Tell the genres of tracks whose tags name none, by the model that does best on those that have one.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    FeatureTableError
        The tags do not name two genres of enough artists.
    """
    effort = effort or Effort()
    tracks = library_genres(library)
    rows = tracks.labelled()
    task = genre_task(without_duplicates(rows), seed=effort.seed)
    with (
        kept_steps(*steps_of(rows, effort)) as recall,
        (progress or Silent()).bar("genres", n_fits(), "models") as advance,
    ):
        evaluation = evaluate_genres(task, Work(effort, recall, advance))
    others = [row for row, genre in enumerate(tracks.genres) if not genre]
    if not others:
        return GenrePrediction(evaluation, ())
    table = tracks.table(others)
    with limited_threads(effort.n_threads):
        model = model_of(evaluation.best, len(task.genres), effort).fit(task.inputs, task.labels)
        said = model.predict(table.inputs)
    # Fitted to all tracks, the model has no tracks left to be calibrated on: it is as sure as those of the folds were.
    said = heat(said, float(np.median(evaluation.row(evaluation.best).temperatures)))
    told = [
        ToldGenre(
            tracks.descriptors.tracks[row].track_id,
            title,
            task.genres[likeliest] if confidence >= UNKNOWN_BELOW else None,
            float(confidence),
        )
        for row, title, likeliest, confidence in zip(
            others, table.titles, said.argmax(axis=1), said.max(axis=1), strict=True
        )
    ]
    return GenrePrediction(evaluation, tuple(told))
