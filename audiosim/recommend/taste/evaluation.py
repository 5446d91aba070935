"""Whether somebody's ratings can be told from features, and how far a prediction can be trusted."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from audiosim.errors import FeatureTableError
from audiosim.recommend.folds import grouped_folds, limited_threads
from audiosim.recommend.labelled_table import TrackInputs
from audiosim.recommend.taste.models import LIKE_MODELS, RATING_MODELS, ModelName, TasteModel
from audiosim.recommend.taste.ridge import Folds, permutation_p_value
from audiosim.recommend.taste.scores import TasteScores, gain_interval, mean_scores, score_ratings

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Verdict = Literal["better than the mean", "related, but not surely better than the mean", "no signal"]

N_FOLDS, N_INNER_FOLDS = 5, 3
MIN_RATINGS, MIN_OF_EACH = 20, 10
# Many ratings need no repetition: one way to deal the folds is much like another.
_MANY = 500
_SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class TasteEffort:
    """What an evaluation may cost; `n_repeats` ways to deal folds, by default 10, or 1 of more than 500 ratings."""

    seed: int = 0
    n_threads: int = 1
    n_trees: int = 200
    n_repeats: int | None = None
    n_permutations: int = 200
    confidence: float = 0.9

    def repeats_of(self, n_ratings: int) -> int:
        """Ways to deal the folds of so many ratings."""
        return self.n_repeats or (1 if n_ratings > _MANY else 10)


@dataclass(frozen=True, slots=True, eq=False)
class RatedTracks:
    """Tracks and what somebody thinks of them.

    Parameters
    ----------
    inputs : TrackInputs
    ratings : (n_tracks,) float64
        Of likes, 1 is liked and 0 is not.
    groups : (n_tracks,) int64
        Artists.
    is_binary : bool
        Whether ratings are likes.
    """

    inputs: TrackInputs
    ratings: FloatArray
    groups: IntArray
    is_binary: bool

    def __len__(self) -> int:
        return len(self.ratings)

    @property
    def models(self) -> tuple[ModelName, ...]:
        """Those that are tried, the simplest first; the first is the mean."""
        return LIKE_MODELS if self.is_binary else RATING_MODELS


@dataclass(frozen=True, slots=True)
class TasteEvaluation:
    """How well ratings are predicted for artists that were left out.

    Parameters
    ----------
    n_ratings, n_artists : int
    is_binary : bool
    rows : tuple of (name, TasteScores)
        Of every model, then of "chosen": in every fold the one that was best within what was learned from.
    chosen : tuple of (name, int)
        In how many folds each was chosen, the most frequent first.
    gain : tuple of float
        How much smaller the error of the chosen model is than that of the mean, with its 95 % interval over artists;
        absolute errors of ratings, squared ones of likes.
    p_value : float
        Of the permutation test, with ridge regression.
    half_width : float or None
        A prediction plus or minus so much covers the rating of a new track with the confidence that was asked for;
        None for likes, and of too few ratings.
    coverage : float or None
        Share of ratings that such intervals of the other folds cover.
    confidence : float
    """

    n_ratings: int
    n_artists: int
    is_binary: bool
    rows: tuple[tuple[str, TasteScores], ...]
    chosen: tuple[tuple[ModelName, int], ...]
    gain: tuple[float, float, float]
    p_value: float
    half_width: float | None
    coverage: float | None
    confidence: float

    @property
    def has_signal(self) -> bool:
        """Whether the model is better than the mean: the interval of the gain excludes 0, and so does the test."""
        return self.gain[1] > 0.0 and self.p_value < _SIGNIFICANT

    @property
    def verdict(self) -> Verdict:
        """What the gain and the test say together."""
        if self.has_signal:
            return "better than the mean"
        return "related, but not surely better than the mean" if self.p_value < _SIGNIFICANT else "no signal"

    @property
    def best(self) -> ModelName:
        """The model that was chosen most often."""
        return self.chosen[0][0]

    def scores(self, name: str) -> TasteScores:
        """Scores of a model, or of "chosen"."""
        return dict(self.rows)[name]


def evaluate_taste(
    rated: RatedTracks, *, effort: TasteEffort | None = None, advance: Callable[[int], None] | None = None
) -> TasteEvaluation:
    """Judge every model on artists left out, and whether there is anything to learn.

    Within what a fold learns from, three folds choose the model: the simplest whose error is within a standard error
    of the smallest. The fold that is left out has no say in it.

    Parameters
    ----------
    rated : RatedTracks
    effort : TasteEffort, optional
    advance : callable, optional
        Called with 1 for every fold.

    Returns
    -------
    TasteEvaluation

    Raises
    ------
    FeatureTableError
        If there are too few ratings or artists, or all ratings are the same.

    References
    ----------
    .. [1] S. Varma, R. Simon, "Bias in error estimation when using cross-validation for model selection", BMC
       Bioinformatics 7, 2006.
    .. [2] R. F. Barber, E. J. Candès, A. Ramdas, R. J. Tibshirani, "Predictive inference with the jackknife+", Annals
       of Statistics 49(1), 2021.

    Examples
    --------
    >>> inputs = TrackInputs.of_features(np.linspace(0.0, 1.0, 40)[:, None], ["energy"])
    >>> rated = RatedTracks(inputs, np.linspace(1.0, 9.0, 40), np.arange(40), is_binary=False)
    >>> judged = evaluate_taste(rated, effort=TasteEffort(n_trees=5, n_repeats=1))
    >>> judged.has_signal, judged.best, round(judged.scores("chosen").r2, 2)
    (True, 'ridge', 1.0)
    """
    effort = effort or TasteEffort()
    _require_enough(rated)
    trials: list[_Trial] = []
    with limited_threads(effort.n_threads):
        for repeat in range(effort.repeats_of(len(rated))):
            trials.append(_Trial(rated, effort, seed=effort.seed + repeat))
            trials[-1].run(advance)
    first = trials[0]
    names = (*rated.models, "chosen")
    rows = tuple((name, mean_scores([trial.scores(name) for trial in trials])) for name in names)
    gains = np.mean([trial.losses("mean") - trial.losses("chosen") for trial in trials], axis=0)
    chosen: Counter[ModelName] = Counter(name for trial in trials for name in trial.chosen)
    half_width, coverage = (None, None) if rated.is_binary else first.conformal(effort.confidence)
    return TasteEvaluation(
        n_ratings=len(rated),
        n_artists=len(np.unique(rated.groups)),
        is_binary=rated.is_binary,
        rows=rows,
        chosen=tuple(sorted(chosen.items(), key=lambda item: (-item[1], rated.models.index(item[0])))),
        gain=gain_interval(gains, rated.groups, seed=effort.seed),
        p_value=permutation_p_value(
            rated.inputs.encoded,
            rated.ratings,
            rated.groups,
            folds=first.folds,
            n_permutations=effort.n_permutations,
            seed=effort.seed,
        ),
        half_width=half_width,
        coverage=coverage,
        confidence=effort.confidence,
    )


def conformal_half_width(residuals: FloatArray, confidence: float) -> float:
    """How far a new rating lies from its prediction at most, with such confidence, if it is like those before.

    Parameters
    ----------
    residuals : (n_tracks,) float64
        Errors on tracks that the predictions had not seen.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    float
        Infinite where there are too few residuals to say.

    Examples
    --------
    >>> conformal_half_width(np.arange(1.0, 10.0), 0.9), conformal_half_width(np.ones(3), 0.9)
    (9.0, inf)
    """
    rank = math.ceil((len(residuals) + 1) * confidence)
    return float(np.sort(np.abs(residuals))[rank - 1]) if rank <= len(residuals) else math.inf


def rating_folds(rated: RatedTracks, *, n_folds: int, seed: int) -> Folds:
    """Folds that part no artist, likes spread evenly over them."""
    labels = rated.ratings.astype(np.int64) if rated.is_binary else np.zeros(len(rated), dtype=np.int64)
    return grouped_folds(labels, rated.groups, n_folds=n_folds, seed=seed)


class _Trial:
    """Predictions of every model under one way to deal the folds."""

    def __init__(self, rated: RatedTracks, effort: TasteEffort, *, seed: int) -> None:
        self._rated = rated
        self._effort = effort
        self._seed = seed
        self.folds = rating_folds(rated, n_folds=N_FOLDS, seed=seed)
        self.chosen: list[ModelName] = []
        self._predicted: dict[str, FloatArray] = {name: np.empty(len(rated)) for name in (*rated.models, "chosen")}

    def run(self, advance: Callable[[int], None] | None) -> None:
        for learned, left_out in self.folds:
            name = self._choose(learned)
            for model in self._rated.models:
                self._predicted[model][left_out] = self._predict(model, learned, left_out)
            self._predicted["chosen"][left_out] = self._predicted[name][left_out]
            self.chosen.append(name)
            if advance is not None:
                advance(1)

    def scores(self, name: str) -> TasteScores:
        return score_ratings(
            self._predicted[name], self._rated.ratings, means=self._predicted["mean"], is_binary=self._rated.is_binary
        )

    def losses(self, name: str) -> FloatArray:
        """What each track costs."""
        return _losses(self._predicted[name], self._rated.ratings, is_binary=self._rated.is_binary)

    def conformal(self, confidence: float) -> tuple[float | None, float | None]:
        """Half the width of intervals, and the share of ratings that those of the other folds cover."""
        residuals = self._rated.ratings - self._predicted["chosen"]
        half_width = conformal_half_width(residuals, confidence)
        if math.isinf(half_width):
            return None, None
        covered = np.empty(len(residuals), dtype=np.bool_)
        for learned, left_out in self.folds:
            covered[left_out] = np.abs(residuals[left_out]) <= conformal_half_width(residuals[learned], confidence)
        return half_width, float(covered.mean())

    def _choose(self, learned: IntArray) -> ModelName:
        """The simplest model whose error is within a standard error of the smallest; never the mean."""
        rated = self._rated
        within = RatedTracks(rated.inputs.take(learned), rated.ratings[learned], rated.groups[learned], rated.is_binary)
        losses: dict[ModelName, FloatArray] = {name: np.empty(len(within)) for name in rated.models[1:]}
        for inner, outer in rating_folds(within, n_folds=N_INNER_FOLDS, seed=self._seed):
            for name, values in losses.items():
                predicted = self._predict(name, learned[inner], learned[outer])
                values[outer] = _losses(predicted, within.ratings[outer], is_binary=rated.is_binary)
        best = losses[min(losses, key=lambda name: float(losses[name].mean()))]
        for name, values in losses.items():
            worse = values - best
            if worse.mean() <= worse.std() / math.sqrt(len(worse)):
                return name
        raise AssertionError("the best model is never worse than itself")

    def _predict(self, name: ModelName, learned: IntArray, asked: IntArray) -> FloatArray:
        rated, effort = self._rated, self._effort
        model = TasteModel(
            name, is_binary=rated.is_binary, seed=effort.seed, n_threads=effort.n_threads, n_trees=effort.n_trees
        )
        return model.fit(rated.inputs.take(learned), rated.ratings[learned]).predict(rated.inputs.take(asked))


def _losses(predicted: FloatArray, ratings: FloatArray, *, is_binary: bool) -> FloatArray:
    return (predicted - ratings) ** 2 if is_binary else np.abs(predicted - ratings)


def _require_enough(rated: RatedTracks) -> None:
    values, counts = np.unique(rated.ratings, return_counts=True)
    n_artists = len(np.unique(rated.groups))
    if len(rated) < MIN_RATINGS or n_artists < 2 * N_FOLDS:
        raise FeatureTableError(
            f"to learn a taste takes {MIN_RATINGS} ratings of tracks by {2 * N_FOLDS} artists, "
            f"got {len(rated)} by {n_artists}; rate more tracks"
        )
    if len(values) < 2:
        raise FeatureTableError(
            f"to learn a taste takes ratings that differ, got {values[0]:g} for all {len(rated)} tracks; "
            "rate also what you like less"
        )
    if rated.is_binary and counts.min() < MIN_OF_EACH:
        raise FeatureTableError(
            f"to learn a taste takes {MIN_OF_EACH} tracks that are liked and as many that are not, "
            f"got {counts.min()}; rate more tracks"
        )
