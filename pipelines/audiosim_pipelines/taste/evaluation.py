"""Taste for people: whether ratings can be told from features, and what to expect of the tracks that are not rated."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.library import Library
from audiosim.recommend.taste.evaluation import TasteEvaluation, evaluate_taste
from audiosim.recommend.taste.models import ModelName
from audiosim.recommend.taste.trials import N_FOLDS, RatedTracks, TasteEffort, fitted_model
from audiosim.sources.rating_kind import HIGHEST, LOWEST, RatingKind
from audiosim.sources.table_presets import TableOptions
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.steps import kept_steps
from audiosim_pipelines.taste.ground import Ground, Kind, LibraryGround, library_ground, table_ground

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TasteReport:
    """What `audiosim taste fit` says: of which ratings, and how they were judged."""

    ground: Ground
    evaluation: TasteEvaluation

    @property
    def mean(self) -> float:
        """Of the ratings; of plays, of the logarithm of 1 + plays."""
        return float(self.ground.rated.ratings.mean())

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        ground, judged = self.ground, self.evaluation
        gains = dict(judged.gains)
        return {
            "source": ground.source,
            "kind": ground.kind,
            "left_aside": dict(ground.left_aside),
            "n_rows": ground.n_rows,
            "n_rejected": ground.n_rejected,
            "n_duplicates": ground.n_duplicates,
            "n_ratings": judged.n_ratings,
            "n_artists": judged.n_artists,
            "knows_artists": ground.knows_artists,
            "mean": self.mean,
            "steadiness": None if ground.steadiness is None else asdict(ground.steadiness),
            "models": [{"model": name, **asdict(scores), "gain": asdict(gains[name])} for name, scores in judged.rows],
            "chosen": dict(judged.chosen),
            "best": judged.best,
            "gain": asdict(judged.gain),
            "p_value": judged.p_value,
            "interval": {
                "confidence": judged.confidence,
                "half_width": judged.half_width,
                "coverage": judged.coverage,
            },
            "verdict": judged.verdict,
        }


@dataclass(frozen=True, slots=True)
class ExpectedRating:
    """What is to be expected of a track that is not rated; the interval is None where there is too little to tell."""

    track_id: str
    label: str
    expected: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class TastePrediction:
    """Expected ratings, likelihoods of a like, or plays, the highest first, and how much they are worth."""

    kind: RatingKind
    evaluation: TasteEvaluation
    expected: tuple[ExpectedRating, ...]


def fit_table(
    path: Path,
    column: str,
    *,
    kind: Kind = "auto",
    options: TableOptions | None = None,
    extra: Sequence[str] = (),
    effort: TasteEffort | None = None,
    progress: Progress | None = None,
) -> TasteReport:
    """Judge whether the ratings in a table can be told from its features.

    Parameters
    ----------
    path : Path
        See `read_labelled_table`.
    column : str
        The column that holds the ratings.
    kind : {"auto", "like", "rating", "plays"}
        "like" is yes or no, "rating" a number, "plays" a count, of which the logarithm is what matters. "auto" looks,
        see `audiosim.sources.rating_kind.kind_of`.
    options : TableOptions, optional
    extra : sequence of str
        Further columns that count as features.
    effort : TasteEffort, optional
    progress : Progress, optional

    Returns
    -------
    TasteReport

    Raises
    ------
    FeatureTableError
        The table cannot be read, a rating is none, or there are too few of them.
    """
    ground = table_ground(path, column, kind=kind, options=options, extra=extra)
    return TasteReport(ground, judge(ground.rated, effort, progress))


def fit_library(
    library: Library,
    *,
    kind: Kind = "auto",
    effort: TasteEffort | None = None,
    progress: Progress | None = None,
) -> TasteReport:
    """Judge whether what is thought of the library's tracks can be told from their descriptors.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    FeatureTableError
        Too few of the tracks that have descriptors are rated.
    """
    ground = library_ground(library, kind=kind).ground
    return TasteReport(ground, judge(ground.rated, effort, progress))


def predict_library(
    library: Library,
    *,
    kind: Kind = "auto",
    effort: TasteEffort | None = None,
    progress: Progress | None = None,
) -> TastePrediction:
    """Ratings to expect of the tracks that are not rated, by the model that was chosen; the highest first.

    Without a signal every track is expected to be rated as the mean: that is the best that can be said.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    FeatureTableError
        Too few of the tracks that have descriptors are rated.
    """
    effort = effort or TasteEffort()
    found = library_ground(library, kind=kind)
    ground, others = found.ground, found.others
    judged = judge(ground.rated, effort, progress)
    if not len(others):
        return TastePrediction(ground.kind, judged, ())
    predicted = predictions(found, judged, effort)
    half = judged.half_width
    shown = _as_shown(ground.kind)
    expected = [
        ExpectedRating(
            found.tracks[row].track_id,
            found.tracks[row].label,
            shown(value),
            None if half is None else shown(value - half),
            None if half is None else shown(value + half),
        )
        for row, value in zip(others.tolist(), predicted.tolist(), strict=True)
    ]
    ordered = sorted(expected, key=lambda item: (-item.expected, item.track_id))
    return TastePrediction(ground.kind, judged, tuple(ordered))


def predictions(found: LibraryGround, judged: TasteEvaluation, effort: TasteEffort) -> FloatArray:
    """What is expected of the tracks that are not rated, (n_others,): the mean where there is no signal."""
    name: ModelName = "mean" if judged.verdict == "no signal" else judged.best
    others = found.others
    genres = None if found.genres is None else found.genres[others]
    return fitted_model(name, found.ground.rated, effort).predict(found.ground.everything.take(others), genres)


def judge(rated: RatedTracks, effort: TasteEffort | None, progress: Progress | None) -> TasteEvaluation:
    """Evaluate, going on where an earlier attempt was interrupted."""
    effort = effort or TasteEffort()
    n_folds = N_FOLDS * effort.repeats_of(len(rated))
    with (
        (progress or Silent()).bar("taste", n_folds, "folds") as advance,
        kept_steps("taste", *identity(rated, effort)) as recall,
    ):
        return evaluate_taste(rated, effort=effort, recall=recall, advance=advance)


def identity(rated: RatedTracks, effort: TasteEffort) -> tuple[object, ...]:
    """All that a judgement depends on; threads are not among it."""
    effects = {name: value for name, value in asdict(effort).items() if name != "n_threads"}
    arrays = (rated.inputs.values, rated.inputs.encoded, rated.ratings, rated.groups, rated.genres)
    return (
        effects,
        rated.is_binary,
        list(rated.inputs.names),
        *(b"" if array is None else np.ascontiguousarray(array).tobytes() for array in arrays),
    )


def _as_shown(kind: RatingKind) -> Callable[[float], float]:
    """From the scale that models know to the one that people know."""
    if kind == "rating":
        return lambda value: min(max(value, LOWEST), HIGHEST)
    if kind == "like":
        return lambda value: min(max(value, 0.0), 1.0)
    return lambda value: max(float(np.expm1(value)), 0.0)
