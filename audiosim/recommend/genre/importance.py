"""Which features a model needs: how much worse it does on artists left out when a feature is dealt anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.recommend.correlation import correlated_groups
from audiosim.recommend.folds import limited_threads
from audiosim.recommend.genre.evaluation import N_FOLDS, GenreEvaluation, GenreTask, model_of
from audiosim.recommend.genre.metrics import score_probabilities
from audiosim.recommend.genre.models import GenreModel, heat
from audiosim.recommend.genre.work import Effort, Work
from audiosim.recommend.labelled_table import TrackInputs

FloatArray = npt.NDArray[np.float64]

_N_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Importance:
    """What a feature, or several that go together, are worth to a model on artists that it has not seen.

    Parameters
    ----------
    features : tuple of str
    log_loss, accuracy : float
        Means over folds of how much the log-loss rises, and the accuracy falls, without them.
    log_loss_sd : float
        Standard deviation over folds.
    n_positive : int
        Folds, of five, in which the log-loss rises: 5 is a sign that other artists would agree.
    """

    features: tuple[str, ...]
    log_loss: float
    log_loss_sd: float
    accuracy: float
    n_positive: int


def permutation_importance(evaluation: GenreEvaluation, work: Work | None = None) -> tuple[Importance, ...]:
    """Deal the values of features anew among the tracks left out, and see what the best model makes of it.

    Features that correlate strongly are dealt together, with the same tracks' values staying side by side.

    Parameters
    ----------
    evaluation : GenreEvaluation
    work : Work, optional
        Its steps are a fold each.

    Returns
    -------
    tuple of Importance
        The most important first.

    Notes
    -----
    A fit a fold, `N_FOLDS` in all, and three predictions a feature and fold.

    References
    ----------
    .. [1] L. Breiman, "Random forests", Machine Learning 45, 2001, section 10.
    """
    work = work or Work()
    task, effort = evaluation.task, work.effort
    groups = correlated_groups(task.inputs)
    with limited_threads(effort.n_threads):
        rises = np.stack(
            [
                work.step(
                    f"importance-{evaluation.best}-{fold}",
                    lambda tell, fold=fold: _rises(evaluation, groups, fold, effort=effort, tell=tell),
                    n_fits=1,
                )
                for fold in range(N_FOLDS)
            ]
        )
    found = [
        Importance(
            features=tuple(task.inputs.names[column] for column in columns),
            log_loss=float(rises[:, i, 0].mean()),
            log_loss_sd=float(rises[:, i, 0].std(ddof=1)),
            accuracy=float(rises[:, i, 1].mean()),
            n_positive=int((rises[:, i, 0] > 0.0).sum()),
        )
        for i, columns in enumerate(groups)
    ]
    return tuple(sorted(found, key=lambda item: (-item.log_loss, item.features)))


def _rises(
    evaluation: GenreEvaluation,
    groups: Sequence[tuple[int, ...]],
    fold: int,
    *,
    effort: Effort,
    tell: Callable[[], None],
) -> FloatArray:
    """Rise of the log-loss and fall of the accuracy in one fold, (n_groups, 2), means over repeats."""
    task, name = evaluation.task, evaluation.best
    learned, left_out = task.folds[fold]
    model = model_of(name, len(task.genres), effort).fit(task.inputs.take(learned), task.labels[learned])
    tell()
    temperature = evaluation.row(name).temperatures[fold]
    shown = task.inputs.take(left_out)
    before = _scored(model, shown, task, left_out, temperature=temperature)
    rng = np.random.default_rng((effort.seed, fold))
    rises = np.zeros((len(groups), 2))
    for i, columns in enumerate(groups):
        for _ in range(_N_REPEATS):
            dealt = shown.dealt(columns, rng.permutation(len(shown)))
            after = _scored(model, dealt, task, left_out, temperature=temperature)
            rises[i] += (after[0] - before[0], before[1] - after[1])
    return rises / _N_REPEATS


def _scored(
    model: GenreModel, inputs: TrackInputs, task: GenreTask, rows: npt.NDArray[np.int64], *, temperature: float
) -> tuple[float, float]:
    scores = score_probabilities(heat(model.predict(inputs), temperature), task.labels[rows])
    return scores.log_loss, scores.accuracy
