"""Taste for people: whether ratings can be told from features, what to expect of the rest, and what to rate next."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from audiosim.errors import FeatureTableError, NotComputedError
from audiosim.library import Library
from audiosim.listening import HIGHEST, LOWEST, Listening
from audiosim.recommend.labelled_table import (
    LabelledTable,
    TrackInputs,
    artist_groups,
    read_labelled_table,
    without_duplicates,
)
from audiosim.recommend.taste.design import most_informative
from audiosim.recommend.taste.evaluation import (
    N_FOLDS,
    RatedTracks,
    TasteEffort,
    TasteEvaluation,
    evaluate_taste,
)
from audiosim.recommend.taste.models import TasteModel
from audiosim.sources.fold import fold_name
from audiosim.sources.table_presets import TableOptions
from audiosim_pipelines.features import DescriptorTable, descriptor_table
from audiosim_pipelines.progress import Progress, Silent

FloatArray = npt.NDArray[np.float64]
Kind = Literal["auto", "like", "rating", "plays"]

_LIKES = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "like", "liked"), 1.0),
    **dict.fromkeys(("0", "0.0", "false", "no", "dislike", "disliked"), 0.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class TasteReport:
    """What `audiosim taste fit` says: of which ratings, and how they were judged."""

    source: str
    kind: Literal["like", "rating", "plays"]
    n_rows: int
    n_rejected: int
    n_duplicates: int
    knows_artists: bool
    mean: float
    evaluation: TasteEvaluation

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        judged = self.evaluation
        value, low, high = judged.gain
        return {
            "source": self.source,
            "kind": self.kind,
            "n_rows": self.n_rows,
            "n_rejected": self.n_rejected,
            "n_duplicates": self.n_duplicates,
            "n_ratings": judged.n_ratings,
            "n_artists": judged.n_artists,
            "knows_artists": self.knows_artists,
            "mean": self.mean,
            "models": [{"model": name, **asdict(scores)} for name, scores in judged.rows],
            "chosen": dict(judged.chosen),
            "best": judged.best,
            "gain": {"value": value, "low": low, "high": high},
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
    """Expected ratings, the highest first, and how much they are worth."""

    evaluation: TasteEvaluation
    expected: tuple[ExpectedRating, ...]


@dataclass(frozen=True, slots=True)
class ToRate:
    """A track whose rating would tell much."""

    track_id: str
    label: str


def fit_table(
    path: Path,
    column: str,
    *,
    kind: Kind = "auto",
    options: TableOptions | None = None,
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
        "like" is yes or no, "rating" a number, "plays" a count, of which the logarithm is what matters. "auto" takes a
        column of nothing but yes and no (or 1 and 0) for likes, and others for ratings.
    options : TableOptions, optional
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
    rows = read_labelled_table(path, column, options=options)
    table = without_duplicates(rows)
    ratings, found = _numbers(table, column, kind)
    rated = RatedTracks(table.inputs, ratings, artist_groups(table.artists), is_binary=found == "like")
    return TasteReport(
        source=str(path),
        kind=found,
        n_rows=len(rows) + len(rows.rejected),
        n_rejected=len(rows.rejected),
        n_duplicates=table.n_duplicates,
        knows_artists=any(table.artists),
        mean=float(ratings.mean()),
        evaluation=_judge(rated, effort, progress),
    )


def fit_library(
    library: Library, *, effort: TasteEffort | None = None, progress: Progress | None = None
) -> TasteReport:
    """Judge whether the library's ratings can be told from the descriptors of its tracks.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    FeatureTableError
        Too few of the tracks that have descriptors are rated.
    """
    table = descriptor_table(library)
    _, rated = _rated(library, table)
    return TasteReport(
        source=str(library.folder),
        kind="rating",
        n_rows=len(rated),
        n_rejected=0,
        n_duplicates=0,
        knows_artists=any(track.artist for track in table.tracks),
        mean=float(rated.ratings.mean()) if len(rated) else float("nan"),
        evaluation=_judge(rated, effort, progress),
    )


def predict_library(
    library: Library, *, effort: TasteEffort | None = None, progress: Progress | None = None
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
    table = descriptor_table(library)
    rows, rated = _rated(library, table)
    judged = _judge(rated, effort, progress)
    name = "mean" if judged.verdict == "no signal" else judged.best
    model = TasteModel(name, is_binary=False, seed=effort.seed, n_threads=effort.n_threads, n_trees=effort.n_trees)
    known = set(rows)
    others = [row for row in range(len(table.tracks)) if row not in known]
    if not others:
        return TastePrediction(judged, ())
    predicted = model.fit(rated.inputs, rated.ratings).predict(TrackInputs.of_descriptors(table.values[others]))
    half = judged.half_width
    expected = [
        ExpectedRating(
            table.tracks[row].track_id,
            table.tracks[row].label,
            _on_scale(value),
            None if half is None else _on_scale(value - half),
            None if half is None else _on_scale(value + half),
        )
        for row, value in zip(others, predicted.tolist(), strict=True)
    ]
    return TastePrediction(judged, tuple(sorted(expected, key=lambda item: (-item.expected, item.track_id))))


def next_to_rate(library: Library, *, n: int = 10) -> tuple[ToRate, ...]:
    """Tracks whose ratings would tell most about the rest, one an artist while there are others.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    ValueError
        `n` is below 1.
    """
    table = descriptor_table(library)
    rows, _ = _rated(library, table)
    groups = artist_groups([fold_name(track.artist or "") for track in table.tracks])
    chosen = most_informative(TrackInputs.of_descriptors(table.values).encoded, groups, rated=rows, n=n)
    return tuple(ToRate(table.tracks[row].track_id, table.tracks[row].label) for row in chosen)


def _rated(library: Library, table: DescriptorTable) -> tuple[list[int], RatedTracks]:
    """Rows of the table that are rated, and what is known of them."""
    if not table.tracks:
        raise NotComputedError("no track has descriptors; run: audiosim extract")
    given = Listening(library.catalog).ratings()
    rows = [row for row, track in enumerate(table.tracks) if track.track_id in given]
    artists = [fold_name(table.tracks[row].artist or "") for row in rows]
    ratings = np.array([given[table.tracks[row].track_id].rating for row in rows], dtype=np.float64)
    inputs = TrackInputs.of_descriptors(table.values).take(rows)
    return rows, RatedTracks(inputs, ratings, artist_groups(artists), is_binary=False)


def _judge(rated: RatedTracks, effort: TasteEffort | None, progress: Progress | None) -> TasteEvaluation:
    effort = effort or TasteEffort()
    n_folds = N_FOLDS * effort.repeats_of(len(rated))
    with (progress or Silent()).bar("taste", n_folds, "folds") as advance:
        return evaluate_taste(rated, effort=effort, advance=advance)


def _numbers(table: LabelledTable, column: str, kind: Kind) -> tuple[FloatArray, Literal["like", "rating", "plays"]]:
    """Ratings as numbers, and what they are."""
    said = [label.casefold() for label in table.labels]
    if kind == "auto":
        kind = "like" if set(said) <= _LIKES.keys() else "rating"
    number: Callable[[str], float] = _LIKES.__getitem__ if kind == "like" else float
    values: list[float] = []
    for label in said:
        try:
            values.append(number(label))
        except (KeyError, ValueError) as error:
            must = "yes or no, or 1 or 0" if kind == "like" else "a number"
            raise FeatureTableError(
                f"every {column} must be {must}, got {label[:40]!r}; choose another column"
            ) from error
    ratings = np.array(values, dtype=np.float64)
    if not np.isfinite(ratings).all() or (kind == "plays" and (ratings < 0.0).any()):
        raise FeatureTableError(f"every {column} must be a finite number, of plays at least 0; leave other rows out")
    return (np.log1p(ratings) if kind == "plays" else ratings), kind


def _on_scale(rating: float) -> float:
    return min(max(rating, LOWEST), HIGHEST)
