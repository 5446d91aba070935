"""Which features predictions rest on: what becomes of them on artists left out when one feature is dealt out anew."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.recommend.folds import Recall, anew
from audiosim.recommend.labelled_table import TrackInputs
from audiosim.recommend.taste.evaluation import steady_threads
from audiosim.recommend.taste.models import ModelName, TasteModel
from audiosim.recommend.taste.scores import Gain, gain_intervals, rank_correlation
from audiosim.recommend.taste.trials import N_FOLDS, RatedTracks, TasteEffort, fitted_model

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_MOST_REPEATS, _N_SHUFFLES = 4, 5


@dataclass(frozen=True, slots=True)
class Importance:
    """How much larger the error becomes without a feature.

    Parameters
    ----------
    name : str
    loss : Gain
        In points of a rating, or in squared likelihood of a like; with its 95 % interval over artists.
    positive_share : float
        In how many folds it is above 0.
    direction : float
        Mean rank correlation of the feature with what is predicted; NaN of kinds, of which none is more than another.
    steady_share : float
        In how many folds that has the same sign.
    """

    name: str
    loss: Gain
    positive_share: float
    direction: float
    steady_share: float


def importances(
    rated: RatedTracks,
    name: ModelName,
    *,
    effort: TasteEffort,
    recall: Recall = anew,
    advance: Callable[[int], None] | None = None,
) -> tuple[Importance, ...]:
    """Deal the values of each feature out anew among the tracks of artists that are left out.

    Features that say the same stand in for one another: both then seem to matter little.

    Parameters
    ----------
    rated : RatedTracks
    name : str
        The model.
    effort : TasteEffort
    recall : Recall
        Every fold is a step.
    advance : callable, optional
        Called with 1 for every fold.

    Returns
    -------
    tuple of Importance
        The most important first.

    References
    ----------
    .. [1] A. Fisher, C. Rudin, F. Dominici, "All models are wrong, but many are useful", JMLR 20, 2019.
    """
    n_features, n_repeats = len(rated.inputs.names), n_importance_repeats(rated, effort)
    losses = np.zeros((n_features, len(rated)))
    means, directions = list[FloatArray](), list[FloatArray]()
    with steady_threads(effort.n_threads):
        for repeat in range(n_repeats):
            for number, (learned, left_out) in enumerate(rated.folds(N_FOLDS, seed=effort.seed + repeat)):

                def compute(
                    learned: IntArray = learned, left_out: IntArray = left_out, repeat: int = repeat
                ) -> FloatArray:
                    model = fitted_model(name, rated.take(learned), effort)
                    return _fold(model, rated.take(left_out), seed=effort.seed + repeat)

                found = recall(f"importance-{repeat}-{number}", compute)
                losses[:, left_out] += found[:, 1:] / n_repeats
                means.append(found[:, 1:].mean(axis=1))
                directions.append(found[:, 0])
                if advance is not None:
                    advance(1)
    named = dict(zip(rated.inputs.names, losses, strict=True))
    intervals = gain_intervals(named, rated.groups, seed=effort.seed)
    return _summed_up(rated.inputs, intervals, np.array(means), np.array(directions))


def _summed_up(
    inputs: TrackInputs, intervals: Mapping[str, Gain], means: FloatArray, directions: FloatArray
) -> tuple[Importance, ...]:
    """What all folds, whose means and directions are (n_folds, n_features), say of the features."""
    shares = (means > 0.0).mean(axis=0)
    # A feature that does not vary in a fold says nothing there.
    direction = np.nan_to_num(directions).mean(axis=0)
    steady = (np.sign(directions) == np.sign(direction)).mean(axis=0)
    found = [
        Importance(
            feature,
            intervals[feature],
            float(shares[place]),
            float("nan") if place in inputs.kinds else float(direction[place]),
            float("nan") if place in inputs.kinds else float(steady[place]),
        )
        for place, feature in enumerate(inputs.names)
    ]
    return tuple(sorted(found, key=lambda item: -item.loss.value))


def n_importance_repeats(rated: RatedTracks, effort: TasteEffort) -> int:
    """In how many ways the folds are dealt."""
    return min(_MOST_REPEATS, effort.repeats_of(len(rated)))


def _fold(model: TasteModel, unknown: RatedTracks, *, seed: int) -> FloatArray:
    """Of every feature its direction, then how much larger the loss of each track becomes: (n_features, 1 + n)."""
    rng = np.random.default_rng(seed)
    predicted = model.predict(unknown.inputs, unknown.genres)
    before = unknown.losses(predicted)
    genres = None if unknown.genres is None else np.tile(unknown.genres, _N_SHUFFLES)
    found = np.zeros((len(unknown.inputs.names), 1 + len(unknown)))
    for place in range(len(unknown.inputs.names)):
        found[place, 0] = rank_correlation(unknown.inputs.values[:, place], predicted)
        orders = [rng.permutation(len(unknown)) for _ in range(_N_SHUFFLES)]
        said = model.predict(_shuffled(unknown.inputs, place, orders), genres).reshape(_N_SHUFFLES, -1)
        found[place, 1:] = np.mean([unknown.losses(row) for row in said], axis=0) - before
    return found


def _shuffled(inputs: TrackInputs, place: int, orders: list[IntArray]) -> TrackInputs:
    """The tracks once for every order, with one feature taken from others, in all the columns that stand for it."""
    encoded = [column for column, name in enumerate(inputs.encoded_names) if name == inputs.names[place]]
    blocks: list[TrackInputs] = []
    for order in orders:
        block = TrackInputs(inputs.names, inputs.values.copy(), inputs.encoded.copy())
        block.values[:, place] = inputs.values[order, place]
        block.encoded[:, encoded] = inputs.encoded[order][:, encoded]
        blocks.append(block)
    return TrackInputs(
        inputs.names, np.vstack([block.values for block in blocks]), np.vstack([block.encoded for block in blocks])
    )
