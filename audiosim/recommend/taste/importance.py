"""Which features predictions rest on: what becomes of them on artists left out when features are dealt out anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.recommend.correlation import correlated_groups
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
    """How much larger the error becomes without a feature, or without several that go together.

    Parameters
    ----------
    features : tuple of str
    loss : Gain
        In points of a rating, or in squared likelihood of a like; with its 95 % interval over artists.
    positive_share : float
        In how many folds it is above 0.
    direction : float
        Mean rank correlation of the feature with what is predicted; NaN of kinds, of which none is more than another,
        and of several features.
    steady_share : float
        In how many folds that has the same sign.
    """

    features: tuple[str, ...]
    loss: Gain
    positive_share: float
    direction: float
    steady_share: float

    @property
    def name(self) -> str:
        """What people call it."""
        return " and ".join(self.features)


def importances(
    rated: RatedTracks,
    name: ModelName,
    *,
    effort: TasteEffort,
    recall: Recall = anew,
    advance: Callable[[int], None] | None = None,
) -> tuple[Importance, ...]:
    """Deal the values of each feature out anew among the tracks of artists that are left out.

    Features that say the same stand in for one another, and each then seems to matter little. So those that correlate
    strongly are dealt out together besides, with the same tracks' values staying side by side.

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
        Of every feature, and of every group of `correlated_groups` that has several; the most important first.

    References
    ----------
    .. [1] A. Fisher, C. Rudin, F. Dominici, "All models are wrong, but many are useful", JMLR 20, 2019.
    """
    n_repeats, dealt = n_importance_repeats(rated, effort), _dealt_together(rated.inputs)
    losses = np.zeros((len(dealt), len(rated)))
    means, directions = list[FloatArray](), list[FloatArray]()
    with steady_threads(effort.n_threads):
        for repeat in range(n_repeats):
            for number, (learned, left_out) in enumerate(rated.folds(N_FOLDS, seed=effort.seed + repeat)):

                def compute(
                    learned: IntArray = learned, left_out: IntArray = left_out, repeat: int = repeat
                ) -> FloatArray:
                    model = fitted_model(name, rated.take(learned), effort)
                    return _fold(model, rated.take(left_out), dealt, seed=effort.seed + repeat)

                found = recall(f"importances-{repeat}-{number}", compute)
                losses[:, left_out] += found[:, 1:] / n_repeats
                means.append(found[:, 1:].mean(axis=1))
                directions.append(found[:, 0])
                if advance is not None:
                    advance(1)
    names = [tuple(rated.inputs.names[place] for place in places) for places in dealt]
    intervals = gain_intervals(dict(zip(names, losses, strict=True)), rated.groups, seed=effort.seed)
    return _summed_up(rated.inputs, dealt, intervals, np.array(means), np.array(directions))


def _dealt_together(inputs: TrackInputs) -> tuple[tuple[int, ...], ...]:
    """Places of the features that are dealt out at a time: of each, and of those that go together."""
    alone = [(place,) for place in range(len(inputs.names))]
    return (*alone, *(group for group in correlated_groups(inputs) if len(group) > 1))


def _summed_up(
    inputs: TrackInputs,
    dealt: tuple[tuple[int, ...], ...],
    intervals: Mapping[tuple[str, ...], Gain],
    means: FloatArray,
    directions: FloatArray,
) -> tuple[Importance, ...]:
    """What all folds, whose means and directions are (n_folds, n_dealt), say of the features."""
    shares = (means > 0.0).mean(axis=0)
    # A feature that does not vary in a fold says nothing there.
    direction = np.nan_to_num(directions).mean(axis=0)
    steady = (np.sign(directions) == np.sign(direction)).mean(axis=0)
    found: list[Importance] = []
    for i, (places, (features, loss)) in enumerate(zip(dealt, intervals.items(), strict=True)):
        has_direction = len(places) == 1 and places[0] not in inputs.kinds
        found.append(
            Importance(
                features,
                loss,
                float(shares[i]),
                float(direction[i]) if has_direction else float("nan"),
                float(steady[i]) if has_direction else float("nan"),
            )
        )
    return tuple(sorted(found, key=lambda item: -item.loss.value))


def n_importance_repeats(rated: RatedTracks, effort: TasteEffort) -> int:
    """In how many ways the folds are dealt."""
    return min(_MOST_REPEATS, effort.repeats_of(len(rated)))


def _fold(model: TasteModel, unknown: RatedTracks, dealt: tuple[tuple[int, ...], ...], *, seed: int) -> FloatArray:
    """Of all that is dealt: the direction of one feature, then the larger loss of each track: (n_dealt, 1 + n)."""
    rng = np.random.default_rng(seed)
    predicted = model.predict(unknown.inputs, unknown.genres)
    before = unknown.losses(predicted)
    genres = None if unknown.genres is None else np.tile(unknown.genres, _N_SHUFFLES)
    found = np.zeros((len(dealt), 1 + len(unknown)))
    for i, places in enumerate(dealt):
        if len(places) == 1:
            found[i, 0] = rank_correlation(unknown.inputs.values[:, places[0]], predicted)
        blocks = [unknown.inputs.dealt(places, rng.permutation(len(unknown))) for _ in range(_N_SHUFFLES)]
        said = model.predict(_stacked(blocks), genres).reshape(_N_SHUFFLES, -1)
        found[i, 1:] = np.mean([unknown.losses(row) for row in said], axis=0) - before
    return found


def _stacked(blocks: Sequence[TrackInputs]) -> TrackInputs:
    """All of them end to end, to be predicted at once."""
    values, encoded = np.vstack([block.values for block in blocks]), np.vstack([block.encoded for block in blocks])
    return TrackInputs(blocks[0].names, values, encoded)
