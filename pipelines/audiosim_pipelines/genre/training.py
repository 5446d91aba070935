"""Fitting the model that does best on artists left out to all tracks, and keeping it in the library."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from audiosim.library import Library
from audiosim.recommend.folds import limited_threads
from audiosim.recommend.genre.evaluation import CHOSEN, GenreEvaluation, evaluate_genres, genre_task, model_of, n_fits
from audiosim.recommend.genre.kept import FeatureKind, KeptGenreModel, ModelCard
from audiosim.recommend.genre.work import Effort, Work
from audiosim.recommend.labelled_table import LabelledTable, read_labelled_table, without_duplicates
from audiosim.sources.table_presets import TableOptions
from audiosim.store import digest
from audiosim_pipelines.features import DescriptorTable
from audiosim_pipelines.genre.evaluation import steps_of
from audiosim_pipelines.genre.tables import TAG, library_genres
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.steps import kept_steps

MODELS, KEPT_NAME = "models", "genre.npz"


def model_path(library: Path) -> Path:
    """Where a library keeps its model."""
    return library / MODELS / KEPT_NAME


def kept_model(library: Path) -> KeptGenreModel | None:
    """The model that a library keeps; None where it keeps none.

    Raises
    ------
    StoreMismatchError
        The file was damaged, or is of another version.
    """
    path = model_path(library)
    return KeptGenreModel.load(path) if path.exists() else None


def train(
    library: Library,
    table: Path | None = None,
    *,
    label: str = TAG,
    labels_file: Path | None = None,
    options: TableOptions | None = None,
    effort: Effort | None = None,
    progress: Progress | None = None,
) -> KeptGenreModel:
    """Learn genres from a table or from the tracks of a library, and keep the model in the library.

    Parameters
    ----------
    library : Library
        Keeps the model; without a table, also what is learned from.
    table : Path, optional
        See `read_labelled_table`.
    label : str
        The column of genres of the table, or see `library_genres`.
    labels_file : Path, optional
        Of the library's tracks.
    options : TableOptions, optional
    effort : Effort, optional
    progress : Progress, optional

    Raises
    ------
    NotComputedError
        No track of the library has descriptors.
    FeatureTableError
        The table cannot be read, or there are not two genres of enough artists.
    """
    effort = effort or Effort()
    if table is not None:
        model = learned(read_labelled_table(table, label, options=options), label, effort, progress)
    else:
        tracks = library_genres(library, label, labels_file)
        fitted = fitted_digest(tracks.descriptors)
        model = learned(tracks.labelled(), label, effort, progress, fitted=fitted)
    path = model_path(library.folder)
    with library.writing():
        path.parent.mkdir(exist_ok=True)
        model.save(path)
    return model


def learned(
    rows: LabelledTable, label: str, effort: Effort, progress: Progress | None, *, fitted: str = ""
) -> KeptGenreModel:
    """Choose a model on artists left out, as an evaluation does, and fit it to all tracks.

    Parameters
    ----------
    rows : LabelledTable
        May hold duplicates.
    label : str
    effort : Effort
    progress : Progress or None
    fitted : str
        See `FeatureKind`.

    Raises
    ------
    FeatureTableError
        There are not two genres of enough artists.
    """
    task = genre_task(without_duplicates(rows), seed=effort.seed)
    with (
        kept_steps(*steps_of(rows, effort)) as recall,
        (progress or Silent()).bar("genres", n_fits(), "models") as advance,
    ):
        found = evaluate_genres(task, Work(effort, recall, advance))
    with limited_threads(effort.n_threads):
        model = model_of(found.best, len(task.genres), effort).fit(task.inputs, task.labels)
    return KeptGenreModel(_card(found, rows, label, effort, fitted=fitted), model.exported())


def fitted_digest(descriptors: DescriptorTable) -> str:
    """Digest of the models whose values stand in place of own proxies; "" without any."""
    return digest([asdict(row) for row in descriptors.fitted]) if descriptors.fitted else ""


def _card(found: GenreEvaluation, rows: LabelledTable, label: str, effort: Effort, *, fitted: str) -> ModelCard:
    task, row = found.task, found.row(found.best)
    return ModelCard(
        features=FeatureKind.of(task.inputs, fitted=fitted),
        genres=task.genres,
        n_of_genre=task.n_of_genre,
        n_artists=task.n_artists,
        knows_artists=any(rows.artists),
        source=str(rows.source),
        label=label,
        learned_from=digest(*steps_of(rows, effort)),
        model=found.best,
        # Fitted to all tracks, it has none left to be calibrated on: it is as sure as those of the folds were.
        temperature=float(np.median(row.temperatures)),
        scores=asdict(found.row(CHOSEN).scores),
        majority_accuracy=found.row("majority").scores.accuracy,
        seed=effort.seed,
        n_trees=effort.n_trees,
    )
