"""What other ways to deal folds would have said of the same model."""

import numpy as np
import numpy.typing as npt

from audiosim.recommend.folds import grouped_folds, limited_threads
from audiosim.recommend.genre.evaluation import N_FOLDS, by_frequency, model_of
from audiosim.recommend.genre.metrics import GenreScores, score_probabilities
from audiosim.recommend.genre.models import ModelName
from audiosim.recommend.genre.work import Work
from audiosim.recommend.labelled_table import LabelledTable, artist_groups

FloatArray = npt.NDArray[np.float64]


def split_scores(
    table: LabelledTable, model: ModelName, *, by_artist: bool, name: str = "split", work: Work | None = None
) -> GenreScores:
    """Scores of one model, not calibrated, in five folds that are dealt by artist or at random.

    The difference between the two is what a split that ignores artists makes up.

    Parameters
    ----------
    table : LabelledTable
        Of two labels or more, each on at least 5 rows.
    model : str
        One of `MODELS`.
    by_artist : bool
    name : str
        Of the steps of `work`, a fold each; the model belongs to what they depend on.
    work : Work, optional

    Returns
    -------
    GenreScores
        Accuracy and F1 are as they would be calibrated; the log-loss and the calibration error are not.
    """
    work = work or Work()
    genres = by_frequency(table.labels)
    labels = np.array([genres.index(label) for label in table.labels], dtype=np.int64)
    groups = artist_groups(table.artists) if by_artist else None
    probabilities = np.zeros((len(labels), len(genres)))

    def left_out_of(fold: int) -> FloatArray:
        learned, left_out = folds[fold]
        fitted = model_of(model, len(genres), work.effort).fit(table.inputs.take(learned), labels[learned])
        return fitted.predict(table.inputs.take(left_out))

    folds = grouped_folds(labels, groups, n_folds=N_FOLDS, seed=work.effort.seed)
    with limited_threads(work.effort.n_threads):
        for fold, (_, left_out) in enumerate(folds):
            step = f"{name}-{model}-{fold}"
            probabilities[left_out] = work.step(step, lambda _, fold=fold: left_out_of(fold), n_fits=1)
    return score_probabilities(probabilities, labels)


def balanced(table: LabelledTable, *, n_of_each: int, seed: int = 0) -> LabelledTable:
    """As many tracks of every genre, drawn at random: `n_of_each`, or what the rarest one has."""
    genres = by_frequency(table.labels)
    labels = np.array(table.labels, dtype=object)
    rng = np.random.default_rng(seed)
    n = min(n_of_each, *(int((labels == genre).sum()) for genre in genres))
    rows = [rng.choice(np.flatnonzero(labels == genre), n, replace=False) for genre in genres]
    return table.take(np.sort(np.concatenate(rows)).tolist())
