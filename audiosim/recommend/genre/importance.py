"""Which features a model needs: how much worse it does on artists left out when a feature is dealt anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from audiosim.recommend.folds import limited_threads
from audiosim.recommend.genre.evaluation import N_FOLDS, GenreEvaluation, GenreTask, model_of
from audiosim.recommend.genre.metrics import score_probabilities
from audiosim.recommend.genre.models import GenreModel, heat
from audiosim.recommend.genre.work import Effort, Work
from audiosim.recommend.labelled_table import TrackInputs

FloatArray = npt.NDArray[np.float64]

# Features whose ranks correlate at least so much stand in for one another, so that each alone would seem dispensable.
STRONGLY = 0.6
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


def correlated_groups(inputs: TrackInputs, *, at_least: float = STRONGLY) -> tuple[tuple[int, ...], ...]:
    """Columns in groups in which every two correlate at least so much, by rank and whatever the sign.

    Kinds, of which none is more than another, are alone.

    Examples
    --------
    >>> values = np.array([[0.1, 0.9, 0.5], [0.2, 0.8, 0.1], [0.4, 0.5, 0.4], [0.9, 0.1, 0.2]])
    >>> correlated_groups(TrackInputs.of_features(values, ["energy", "acousticness", "valence"]))
    ((0, 1), (2,))
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # noqa: PLC0415 - takes its time to load

    amounts = [column for column in range(len(inputs.names)) if column not in inputs.kinds]
    if len(amounts) < 2:
        return tuple((column,) for column in range(len(inputs.names)))
    strength = np.abs(rank_correlations(inputs.values[:, amounts]))
    distances = 1.0 - strength[np.triu_indices(len(amounts), 1)]
    numbers = fcluster(linkage(np.maximum(distances, 0.0), "complete"), 1.0 - at_least, "distance")
    group_of: dict[int, list[int]] = {}
    for column, number in zip(amounts, numbers.tolist(), strict=True):
        group_of.setdefault(number, []).append(column)
    return tuple(sorted([*(tuple(group) for group in group_of.values()), *((kind,) for kind in inputs.kinds)]))


def rank_correlations(values: FloatArray) -> FloatArray:
    """Spearman's correlation of every two columns; 0 with a column that does not vary.

    Examples
    --------
    >>> rank_correlations(np.array([[1.0, 9.0, 4.0], [2.0, 3.0, 4.0], [5.0, 1.0, 4.0]])).round(6).tolist()
    [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - as above

    ranks = rankdata(values, axis=0)
    around = ranks - ranks.mean(axis=0)
    lengths = np.sqrt((around**2).sum(axis=0))
    # Means of ranks are exact to a rounding, so that a column that does not vary has a length of 0.
    scaled = np.divide(around, lengths, out=np.zeros_like(around), where=lengths > 0.0)
    found = np.clip(scaled.T @ scaled, -1.0, 1.0)
    np.fill_diagonal(found, 1.0)
    return found


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
            dealt = _dealt(shown, columns, rng.permutation(len(shown)))
            after = _scored(model, dealt, task, left_out, temperature=temperature)
            rises[i] += (after[0] - before[0], before[1] - after[1])
    return rises / _N_REPEATS


def _scored(
    model: GenreModel, inputs: TrackInputs, task: GenreTask, rows: npt.NDArray[np.int64], *, temperature: float
) -> tuple[float, float]:
    scores = score_probabilities(heat(model.predict(inputs), temperature), task.labels[rows])
    return scores.log_loss, scores.accuracy


def _dealt(inputs: TrackInputs, columns: tuple[int, ...], order: npt.NDArray[np.int64]) -> TrackInputs:
    """Inputs in which some columns are those of other tracks."""
    values, encoded = inputs.values.copy(), inputs.encoded.copy()
    values[:, columns] = values[order][:, columns]
    names = {inputs.names[column] for column in columns}
    dimensions = [i for i, name in enumerate(inputs.encoded_names) if name in names]
    encoded[:, dimensions] = encoded[order][:, dimensions]
    return replace(inputs, values=values, encoded=encoded)
