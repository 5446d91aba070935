"""Whether somebody's ratings can be told from features, and how far a prediction can be trusted."""

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from audiosim.errors import FeatureTableError
from audiosim.recommend.folds import Recall, anew, limited_threads
from audiosim.recommend.taste.models import ModelName
from audiosim.recommend.taste.permutation import PermutationTest, permutation_test
from audiosim.recommend.taste.scores import Gain, TasteScores, gain_intervals, mean_scores, score_ratings
from audiosim.recommend.taste.trials import N_FOLDS, RatedTracks, TasteEffort, Trial

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Verdict = Literal["better than the mean", "related, but not surely better than the mean", "no signal"]

MIN_RATINGS, MIN_OF_EACH = 20, 10
_SIGNIFICANT = 0.05


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
    gains : tuple of (name, Gain)
        How much smaller the error of each, "chosen" included, is than that of the mean, with its 95 % interval over
        artists; absolute errors of ratings, squared ones of likes.
    permutation : PermutationTest
        With ridge regression.
    predicted : tuple of float
        What the chosen models say of each track while its artist is left out, in the mean of all ways to deal folds.
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
    gains: tuple[tuple[str, Gain], ...]
    permutation: PermutationTest
    predicted: tuple[float, ...]
    half_width: float | None
    coverage: float | None
    confidence: float

    @property
    def gain(self) -> Gain:
        """That of "chosen"."""
        return dict(self.gains)["chosen"]

    @property
    def p_value(self) -> float:
        """Of the permutation test."""
        return self.permutation.p_value

    @property
    def has_signal(self) -> bool:
        """Whether the model is better than the mean: the interval of the gain excludes 0, and so does the test."""
        return self.gain.low > 0.0 and self.p_value < _SIGNIFICANT

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
    rated: RatedTracks,
    *,
    effort: TasteEffort | None = None,
    recall: Recall = anew,
    advance: Callable[[int], None] | None = None,
) -> TasteEvaluation:
    """Judge every model on artists left out, and whether there is anything to learn.

    Within what a fold learns from, three folds choose the model: the simplest whose error is within a standard error
    of the smallest. The fold that is left out has no say in it.

    Parameters
    ----------
    rated : RatedTracks
    effort : TasteEffort, optional
    recall : Recall
        Knows what an earlier attempt computed; every fold is a step.
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
    >>> from audiosim.recommend.labelled_table import TrackInputs
    >>> inputs = TrackInputs.of_features(np.linspace(0.0, 1.0, 40)[:, None], ["energy"])
    >>> rated = RatedTracks(inputs, np.linspace(1.0, 9.0, 40), np.arange(40), is_binary=False)
    >>> judged = evaluate_taste(rated, effort=TasteEffort(n_trees=5, n_repeats=1))
    >>> judged.has_signal, round(judged.scores("chosen").r2, 2)
    (True, 1.0)
    """
    effort = effort or TasteEffort()
    _require_enough(rated)
    trials = [Trial(rated, effort, repeat=repeat) for repeat in range(effort.repeats_of(len(rated)))]
    with steady_threads(effort.n_threads):
        for trial in trials:
            trial.run(recall, advance)
    names = (*rated.models, "chosen")
    gains = {name: np.mean([_gains(rated, trial, name) for trial in trials], axis=0) for name in names}
    chosen: Counter[ModelName] = Counter(name for trial in trials for name in trial.chosen)
    half_width, coverage = (None, None) if rated.is_binary else _conformal(rated, trials[0], effort.confidence)
    return TasteEvaluation(
        n_ratings=len(rated),
        n_artists=len(np.unique(rated.groups)),
        is_binary=rated.is_binary,
        rows=tuple((name, mean_scores([_scores(rated, trial, name) for trial in trials])) for name in names),
        chosen=tuple(sorted(chosen.items(), key=lambda item: (-item[1], rated.models.index(item[0])))),
        gains=tuple(gain_intervals(gains, rated.groups, seed=effort.seed).items()),
        permutation=permutation_test(
            rated.inputs.encoded,
            rated.ratings,
            rated.groups,
            folds=trials[0].folds,
            n_permutations=effort.n_permutations,
            seed=effort.seed,
        ),
        predicted=tuple(np.mean([trial.predicted["chosen"] for trial in trials], axis=0).tolist()),
        half_width=half_width,
        coverage=coverage,
        confidence=effort.confidence,
    )


@contextlib.contextmanager
def steady_threads(n_threads: int) -> Generator[None]:
    """Let trees take so many threads, and sums none: those of matrices depend on how many there are."""
    from sklearn import config_context  # noqa: PLC0415 - takes a second to load, and only fitting needs it
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - with it

    # Inputs are checked once at the door; to check them in each of thousands of small fits takes longer than the fits.
    with (
        limited_threads(n_threads),
        threadpool_limits(limits=1, user_api="blas"),
        config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        yield


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


def _scores(rated: RatedTracks, trial: Trial, name: str) -> TasteScores:
    said = trial.predicted
    return score_ratings(said[name], rated.ratings, means=said["mean"], is_binary=rated.is_binary)


def _gains(rated: RatedTracks, trial: Trial, name: str) -> FloatArray:
    """How much less each track costs than with the mean."""
    return rated.losses(trial.predicted["mean"]) - rated.losses(trial.predicted[name])


def _conformal(rated: RatedTracks, trial: Trial, confidence: float) -> tuple[float | None, float | None]:
    """Half the width of intervals, and the share of ratings that those of the other folds cover."""
    residuals = rated.ratings - trial.predicted["chosen"]
    half_width = conformal_half_width(residuals, confidence)
    if math.isinf(half_width):
        return None, None
    covered = np.empty(len(residuals), dtype=np.bool_)
    for learned, left_out in trial.folds:
        covered[left_out] = np.abs(residuals[left_out]) <= conformal_half_width(residuals[learned], confidence)
    return half_width, float(covered.mean())


def _require_enough(rated: RatedTracks) -> None:
    if not all(np.isfinite(values).all() for values in (rated.inputs.values, rated.inputs.encoded, rated.ratings)):
        raise FeatureTableError("features and ratings must be finite, got NaN or infinity; leave such tracks out")
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
