"""Learning curves: how well ratings are told from so many, and whether more would tell more."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.recommend.folds import Recall, anew
from audiosim.recommend.taste.evaluation import steady_threads
from audiosim.recommend.taste.models import ModelName
from audiosim.recommend.taste.scores import Gain, share_interval
from audiosim.recommend.taste.trials import N_FOLDS, RatedTracks, TasteEffort, fitted_model

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SIZES = (20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 1_500, 2_000, 5_000, 10_000)
_FEW, _MOST_DRAWS = 500, 3
# Fewer of either are no likes to learn from, and the mean is what is said.
_LEAST_OF_EACH = 3


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """R2 of a model that learned from `n` ratings, on artists left out."""

    n: int
    r2: Gain


def curve_sizes(rated: RatedTracks) -> tuple[int, ...]:
    """From how many ratings to learn: 20 and more, up to all that four of five folds hold.

    Examples
    --------
    >>> from audiosim.recommend.labelled_table import TrackInputs
    >>> inputs = TrackInputs.of_features(np.linspace(0.1, 0.9, 100)[:, None], ["energy"])
    >>> curve_sizes(RatedTracks(inputs, np.zeros(100), np.arange(100), is_binary=False))
    (20, 30, 50, 80)
    """
    most = len(rated) * (N_FOLDS - 1) // N_FOLDS
    # A last step that is hardly one would only be a kink.
    return (*(size for size in _SIZES if size <= 0.85 * most), most)


def learning_curve(
    rated: RatedTracks,
    name: ModelName,
    *,
    effort: TasteEffort,
    recall: Recall = anew,
    advance: Callable[[int], None] | None = None,
) -> tuple[CurvePoint, ...]:
    """Learn from growing parts of the ratings, and predict artists that are left out of all of them.

    Parameters
    ----------
    rated : RatedTracks
    name : str
        The model. Forests have as many trees as models are chosen with.
    effort : TasteEffort
    recall : Recall
        Every way to deal the folds is a step.
    advance : callable, optional
        Called with 1 for every way.

    Returns
    -------
    tuple of CurvePoint
        In order of `curve_sizes`; against the mean of all ratings that are not left out.
    """
    sizes = curve_sizes(rated)
    errors, of_mean = np.zeros((len(sizes), len(rated))), np.zeros(len(rated))
    with steady_threads(effort.n_threads):
        for draw in range(n_curve_draws(rated)):

            def compute(draw: int = draw) -> FloatArray:
                return _draw(rated, name, effort, sizes, seed=effort.seed + draw)

            found = recall(f"curve-{draw}", compute)
            errors += found[:-1]
            of_mean += found[-1]
            if advance is not None:
                advance(1)
    return tuple(
        CurvePoint(size, share_interval(row, of_mean, rated.groups, seed=effort.seed))
        for size, row in zip(sizes, errors, strict=True)
    )


def n_curve_draws(rated: RatedTracks) -> int:
    """In how many ways the folds are dealt."""
    return _MOST_DRAWS if len(rated) <= _FEW else 1


def _draw(rated: RatedTracks, name: ModelName, effort: TasteEffort, sizes: tuple[int, ...], *, seed: int) -> FloatArray:
    """Squared errors (n_sizes + 1, n_tracks) under one way to deal the folds; the last row is of the mean."""
    errors = np.empty((len(sizes) + 1, len(rated)))
    rng = np.random.default_rng(seed)
    for learned, left_out in rated.folds(N_FOLDS, seed=seed):
        unknown, order = rated.take(left_out), rng.permutation(learned)
        for place, size in enumerate(sizes):
            predicted = _predict(rated.take(order[:size]), name, effort, unknown)
            errors[place, left_out] = (predicted - unknown.ratings) ** 2
        errors[-1, left_out] = (rated.ratings[learned].mean() - unknown.ratings) ** 2
    return errors


def _predict(known: RatedTracks, name: ModelName, effort: TasteEffort, unknown: RatedTracks) -> FloatArray:
    if known.is_binary and min(known.ratings.sum(), len(known) - known.ratings.sum()) < _LEAST_OF_EACH:
        return np.full(len(unknown), known.ratings.mean())
    model = fitted_model(name, known, effort, n_trees=effort.trees_to_choose)
    return model.predict(unknown.inputs, unknown.genres)
