"""Everything about a taste that a page can show: the judgement, what it rests on, and how features hang together."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.library import Library
from audiosim.recommend.correlation import rank_correlations
from audiosim.recommend.taste.curve import CurvePoint, learning_curve, n_curve_draws
from audiosim.recommend.taste.evaluation import TasteEvaluation, evaluate_taste
from audiosim.recommend.taste.importance import Importance, importances, n_importance_repeats
from audiosim.recommend.taste.relations import ModeAndValence, strongest_pairs, valence_by_mode
from audiosim.recommend.taste.trials import N_FOLDS, TasteEffort
from audiosim.sources.rating_kind import RatingKind
from audiosim.sources.table_presets import TableOptions
from audiosim_pipelines.pages.numbers import number
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.steps import kept_steps
from audiosim_pipelines.taste.evaluation import TasteReport, identity
from audiosim_pipelines.taste.ground import Ground, Kind, library_ground, table_ground

FloatArray = npt.NDArray[np.float64]

_N_PAIRS = 5
_WHAT: dict[RatingKind, str] = {"rating": "ratings", "like": "likes", "plays": "play counts"}


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """A taste, judged and taken apart.

    Parameters
    ----------
    ground : Ground
    evaluation : TasteEvaluation
    curve : tuple of CurvePoint
        Of the model that was chosen most often.
    importances : tuple of Importance
        Of the same; the most important first.
    correlations : (n_features, n_features) float64
        Of ranks, of all tracks that have features; NaN with a feature that does not vary.
    mode : ModeAndValence or None
        None where the features do not tell.
    effort : TasteEffort
    """

    ground: Ground
    evaluation: TasteEvaluation
    curve: tuple[CurvePoint, ...]
    importances: tuple[Importance, ...]
    correlations: FloatArray
    mode: ModeAndValence | None
    effort: TasteEffort

    @property
    def sentence(self) -> str:
        """The verdict."""
        judged, what = self.evaluation, _WHAT[self.ground.kind]
        gain, unit = judged.gain, "squared error" if judged.is_binary else "error"
        size, whose = abs(gain.value), "artists" if self.ground.knows_artists else "tracks"
        beside = (
            f"for {whose} that no model had heard, the {unit} is {size:.3f} "
            f"{'smaller' if gain.value > 0 else 'larger'} than that of always saying the mean "
            f"(95 % interval {gain.low:.3f} to {gain.high:.3f}; {dict(judged.rows)['mean'].mae:.3f} is its mean "
            "absolute error)"
        )
        n_as_good = sum(score >= judged.permutation.true for score in judged.permutation.permuted)
        dealt = (
            f"{what} that are dealt out anew to other {whose} are told as well in {n_as_good} "
            f"of {len(judged.permutation.permuted)} cases (p = {judged.p_value:.3f})"
        )
        if judged.has_signal:
            return f"The {what} can be told from the features: {beside}, and {dealt}."
        if judged.verdict == "no signal":
            return f"No signal: from these features the {what} cannot be told. {dealt.capitalize()}; {beside}."
        return (
            f"The {what} are related to the features, but a prediction is not surely better than the mean: {dealt}; "
            f"{beside}."
        )

    @property
    def mode_sentence(self) -> str:
        """Whether valence follows mode."""
        found = self.mode
        if found is None:
            return (
                "Does valence follow mode? These tracks do not tell: it takes both features, and 5 tracks of each mode."
            )
        whose = (
            " Both are audiosim's own estimates, and that of valence is made of the mode among other things: this says "
            "how much, and nothing of music."
            if found.is_circular
            else ""
        )
        more, delta = found.difference, found.delta
        sign = "+" if more.value >= 0.0 else ""
        return (
            f"Does valence follow mode? {found.answer.capitalize()}: tracks in major ({found.n_major}) have "
            f"{sign}{number(more.value, 3)} of valence in the mean beside those in minor ({found.n_minor}; 95 % "
            f"interval {number(more.low, 3)} to {number(more.high, 3)}), which is a Cliff's delta of "
            f"{number(delta.value, 2)} ({number(delta.low, 2)} to {number(delta.high, 2)}) on a scale of "
            f"{number(-1.0, 0)} to 1.{whose}"
        )

    @property
    def pairs(self) -> list[tuple[str, str, float]]:
        """The features that hang together most."""
        return strongest_pairs(list(self.ground.everything.names), self.correlations, n=_N_PAIRS)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        permutation = self.evaluation.permutation
        return {
            **TasteReport(self.ground, self.evaluation).as_dict(),
            "sentence": self.sentence,
            "permuted": {"true": permutation.true, "permuted": list(permutation.permuted)},
            "curve": [{"n": point.n, "r2": asdict(point.r2)} for point in self.curve],
            "importances": [asdict(item) for item in self.importances],
            "correlations": {
                "features": list(self.ground.everything.names),
                "spearman": self.correlations.tolist(),
            },
            "valence_by_mode": None if self.mode is None else asdict(self.mode),
        }


def analyse_table(
    path: Path,
    column: str,
    *,
    kind: Kind = "auto",
    options: TableOptions | None = None,
    extra: Sequence[str] = (),
    effort: TasteEffort | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Analyse the taste in a table; see `audiosim_pipelines.taste.evaluation.fit_table`.

    Raises
    ------
    FeatureTableError
        The table cannot be read, a rating is none, or there are too few of them.
    """
    return _analyse(table_ground(path, column, kind=kind, options=options, extra=extra), effort, progress)


def analyse_library(
    library: Library, *, kind: Kind = "auto", effort: TasteEffort | None = None, progress: Progress | None = None
) -> Analysis:
    """Analyse what is thought of a library's tracks.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    FeatureTableError
        Too few of the tracks that have descriptors are rated.
    """
    return _analyse(library_ground(library, kind=kind).ground, effort, progress)


def _analyse(ground: Ground, effort: TasteEffort | None, progress: Progress | None) -> Analysis:
    effort, rated = effort or TasteEffort(), ground.rated
    n_folds = N_FOLDS * effort.repeats_of(len(rated))
    n_steps = n_folds + n_curve_draws(rated) + N_FOLDS * n_importance_repeats(rated, effort)
    with (
        (progress or Silent()).bar("taste", n_steps, "steps") as advance,
        kept_steps("taste report", *identity(rated, effort)) as recall,
    ):
        judged = evaluate_taste(rated, effort=effort, recall=recall, advance=advance)
        options: dict[str, Any] = {"effort": effort, "recall": recall, "advance": advance}
        curve = learning_curve(rated, judged.best, **options)
        found = importances(rated, judged.best, **options)
    return Analysis(
        ground=ground,
        evaluation=judged,
        curve=curve,
        importances=found,
        correlations=rank_correlations(ground.everything.values),
        mode=valence_by_mode(ground.everything, ground.artists, seed=effort.seed),
        effort=effort,
    )
