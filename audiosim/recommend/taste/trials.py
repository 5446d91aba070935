"""Rated tracks, and what every model says of them while their artists are left out."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.recommend.folds import Recall, grouped_folds
from audiosim.recommend.labelled_table import TrackInputs
from audiosim.recommend.taste.models import (
    LIKE_MODELS,
    MOST_FOR_GAUSSIAN_PROCESS,
    RATING_MODELS,
    ModelName,
    TasteModel,
)
from audiosim.recommend.taste.ridge import Folds

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

N_FOLDS, N_INNER_FOLDS = 5, 3
# Many ratings need no repetition: one way to deal the folds is much like another.
_MANY = 500
# To choose among models a part of the trees does.
_TREES_TO_CHOOSE, _LEAST_TREES = 4, 25


@dataclass(frozen=True, slots=True)
class TasteEffort:
    """What an evaluation may cost; `n_repeats` ways to deal folds, by default 10, or 1 of more than 500 ratings."""

    seed: int = 0
    n_threads: int = 1
    n_trees: int = 100
    n_repeats: int | None = None
    n_permutations: int = 200
    confidence: float = 0.9

    def repeats_of(self, n_ratings: int) -> int:
        """Ways to deal the folds of so many ratings."""
        return self.n_repeats or (1 if n_ratings > _MANY else 10)

    @property
    def trees_to_choose(self) -> int:
        """Trees of a forest while models are chosen."""
        return min(self.n_trees, max(_LEAST_TREES, self.n_trees // _TREES_TO_CHOOSE))


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
    genres : (n_tracks,) int64, optional
        Numbers of genres, -1 where a genre is not known; None where none is.
    """

    inputs: TrackInputs
    ratings: FloatArray
    groups: IntArray
    is_binary: bool
    genres: IntArray | None = None

    def __len__(self) -> int:
        return len(self.ratings)

    @property
    def models(self) -> tuple[ModelName, ...]:
        """Those that are tried, the simplest first; the first is the mean."""
        unfit = {"genre mean"} if self.genres is None else set[str]()
        if len(self) > MOST_FOR_GAUSSIAN_PROCESS:
            unfit.add("gaussian process")
        return tuple(name for name in (LIKE_MODELS if self.is_binary else RATING_MODELS) if name not in unfit)

    def take(self, rows: IntArray) -> "RatedTracks":
        """Some of the tracks."""
        genres = None if self.genres is None else self.genres[rows]
        return RatedTracks(self.inputs.take(rows), self.ratings[rows], self.groups[rows], self.is_binary, genres)

    def losses(self, predicted: FloatArray) -> FloatArray:
        """What each track costs that is predicted so: absolute errors of ratings, squared ones of likes."""
        return (predicted - self.ratings) ** 2 if self.is_binary else np.abs(predicted - self.ratings)

    def folds(self, n_folds: int, *, seed: int) -> Folds:
        """Folds that part no artist, likes spread evenly over them."""
        labels = self.ratings.astype(np.int64) if self.is_binary else np.zeros(len(self), dtype=np.int64)
        return grouped_folds(labels, self.groups, n_folds=n_folds, seed=seed)


def fitted_model(name: ModelName, rated: RatedTracks, effort: TasteEffort, *, n_trees: int | None = None) -> TasteModel:
    """A model that has learned from all of the tracks."""
    model = TasteModel(
        name,
        is_binary=rated.is_binary,
        seed=effort.seed,
        n_threads=effort.n_threads,
        n_trees=n_trees or effort.n_trees,
    )
    return model.fit(rated.inputs, rated.ratings, rated.genres)


class Trial:
    """Predictions of every model under one way to deal the folds."""

    def __init__(self, rated: RatedTracks, effort: TasteEffort, *, repeat: int) -> None:
        self._rated = rated
        self._effort = effort
        self._repeat = repeat
        self.folds = rated.folds(N_FOLDS, seed=effort.seed + repeat)
        self.chosen: list[ModelName] = []
        self.predicted: dict[str, FloatArray] = {name: np.empty(len(rated)) for name in (*rated.models, "chosen")}

    def run(self, recall: Recall, advance: Callable[[int], None] | None) -> None:
        """Predict every fold from the others; within what is learned from, choose a model."""
        models = self._rated.models
        for number, (learned, left_out) in enumerate(self.folds):

            def compute(learned: IntArray = learned, left_out: IntArray = left_out) -> FloatArray:
                said = [self._predict(name, learned, left_out) for name in models]
                return np.stack([*said, np.full(len(left_out), models.index(self._choose(learned)))])

            found = recall(f"repeat-{self._repeat}-fold-{number}", compute)
            for name, values in zip(models, found, strict=False):
                self.predicted[name][left_out] = values
            self.chosen.append(models[int(found[-1, 0])])
            self.predicted["chosen"][left_out] = self.predicted[self.chosen[-1]][left_out]
            if advance is not None:
                advance(1)

    def _choose(self, learned: IntArray) -> ModelName:
        """The simplest model whose error is within a standard error of the smallest; never the mean."""
        within = self._rated.take(learned)
        said: dict[ModelName, FloatArray] = {name: np.empty(len(within)) for name in self._rated.models[1:]}
        for inner, outer in within.folds(N_INNER_FOLDS, seed=self._effort.seed + self._repeat):
            for name, values in said.items():
                values[outer] = self._predict(
                    name, learned[inner], learned[outer], n_trees=self._effort.trees_to_choose
                )
        losses: dict[ModelName, FloatArray] = {name: within.losses(values) for name, values in said.items()}
        best = losses[min(losses, key=lambda name: float(losses[name].mean()))]
        for name, values in losses.items():
            worse = values - best
            if worse.mean() <= worse.std() / math.sqrt(len(worse)):
                return name
        raise AssertionError("the best model is never worse than itself")

    def _predict(
        self, name: ModelName, learned: IntArray, asked: IntArray, *, n_trees: int | None = None
    ) -> FloatArray:
        model = fitted_model(name, self._rated.take(learned), self._effort, n_trees=n_trees)
        unknown = self._rated.take(asked)
        return model.predict(unknown.inputs, unknown.genres)
