"""Models of a listener's taste: what they predict is a rating, or how likely a track is to be liked."""

import warnings
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from audiosim.recommend.labelled_table import TrackInputs
from audiosim.recommend.taste.ridge import fit_elastic_net, fit_ridge

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
ModelName = Literal["mean", "ridge", "logistic", "genre mean", "elastic net", "gaussian process", "forest", "boosting"]

# The simplest first, in the order in which they are preferred; the first only says the mean.
RATING_MODELS: tuple[ModelName, ...] = ("mean", "ridge", "genre mean", "elastic net", "gaussian process", "forest")
LIKE_MODELS: tuple[ModelName, ...] = ("mean", "logistic", "genre mean", "forest", "boosting")
# The time that a Gaussian process takes grows with the cube of the ratings, its memory with the square.
MOST_FOR_GAUSSIAN_PROCESS = 1_000
_INVERSE_PENALTIES = (0.01, 0.1, 1.0)
# What a genre's mean is mixed with: so many tracks that are rated as the mean of all.
_MEAN_TRACKS = 2.0
_MOST_STEPS = 12


class TasteModel:
    """A model, fitted. All but the mean are given ratings as numbers; of likes, 1 is liked and 0 is not.

    Parameters
    ----------
    name : str
        "mean" says the same of every track, "genre mean" of every track of a genre. "ridge", "elastic net" and
        "logistic" are weighted sums of standardised inputs whose penalty is chosen from what is learned. "gaussian
        process" rates tracks as those are rated that are near, how near being learned too. "forest" and "boosting" are
        trees.
    is_binary : bool
        Whether ratings are likes.
    seed : int
    n_threads : int
    n_trees : int
    """

    def __init__(
        self, name: ModelName, *, is_binary: bool, seed: int = 0, n_threads: int = 1, n_trees: int = 100
    ) -> None:
        if name not in get_args(ModelName):
            raise ValueError(f"the model must be one of {', '.join(get_args(ModelName))}, got {name!r}")
        self.name = name
        self._is_binary = is_binary
        self._seed = seed
        self._n_threads = n_threads
        self._n_trees = n_trees
        self._fitted: Any = None

    def fit(self, inputs: TrackInputs, ratings: FloatArray, genres: IntArray | None = None) -> "TasteModel":
        """Learn from rated tracks; `genres` (n_tracks,) are numbers, -1 where a genre is not known."""
        if self.name == "mean":
            self._fitted = float(ratings.mean())
        elif self.name == "genre mean":
            self._fitted = _genre_means(_known(genres, len(inputs)), ratings)
        elif self.name == "ridge":
            self._fitted = fit_ridge(inputs.encoded, ratings[:, None])
        elif self.name == "elastic net":
            self._fitted = fit_elastic_net(inputs.encoded, ratings, seed=self._seed)
        elif self.name == "gaussian process":
            self._fitted = _gaussian_process(inputs.encoded, ratings)
        elif self.name == "logistic":
            self._fitted = _logistic(inputs.encoded, ratings.astype(np.int64), seed=self._seed)
        else:
            self._fitted = self._trees(inputs).fit(inputs.values, self._target(ratings))
            if self.name == "forest":
                # Threads would add up the votes of trees in whatever order they end.
                self._fitted.set_params(n_jobs=1)
        return self

    def predict(self, inputs: TrackInputs, genres: IntArray | None = None) -> FloatArray:
        """Ratings (n_tracks,) that are to be expected, or how likely tracks are to be liked."""
        if self.name == "mean":
            return np.full(len(inputs), self._fitted)
        if self.name == "genre mean":
            # The last is for genres that are not known, and for those that were not there to learn from.
            places = _known(genres, len(inputs))
            return self._fitted[np.where(places < len(self._fitted) - 1, places, -1)]
        if self.name in {"ridge", "elastic net"}:
            return self._fitted.predict(inputs.encoded)[:, 0]
        shown = inputs.encoded if self.name in {"logistic", "gaussian process"} else inputs.values
        if self._is_binary:
            return np.asarray(self._fitted.predict_proba(shown), dtype=np.float64)[:, 1]
        return np.asarray(self._fitted.predict(shown), dtype=np.float64)

    def _target(self, ratings: FloatArray) -> npt.NDArray[Any]:
        return ratings.astype(np.int64) if self._is_binary else ratings

    def _trees(self, inputs: TrackInputs) -> Any:  # noqa: ANN401 - scikit-learn's models share no type
        from sklearn import ensemble  # noqa: PLC0415 - takes a second to load, and only fitting needs it

        if self.name == "forest":
            votes: dict[str, Any] = {"n_jobs": self._n_threads, "random_state": self._seed, "min_samples_leaf": 3}
            if self._is_binary:
                return ensemble.RandomForestClassifier(self._n_trees, **votes)
            return ensemble.RandomForestRegressor(self._n_trees, max_features=1.0 / 3.0, **votes)
        boosting = (
            ensemble.HistGradientBoostingClassifier if self._is_binary else ensemble.HistGradientBoostingRegressor
        )
        options: dict[str, Any] = {
            "max_iter": self._n_trees,
            "learning_rate": 0.05,
            "max_leaf_nodes": 15,
            "l2_regularization": 1.0,
            "categorical_features": list(inputs.kinds) or None,
            "early_stopping": False,
        }
        return boosting(**options, random_state=self._seed)


def _known(genres: IntArray | None, n_tracks: int) -> IntArray:
    return np.full(n_tracks, -1) if genres is None else genres


def _genre_means(genres: IntArray, ratings: FloatArray) -> FloatArray:
    """Mean of each genre, drawn towards the mean of all the more the fewer its tracks are; the last is that of all."""
    mean = float(ratings.mean())
    known = genres >= 0
    totals, counts = np.bincount(genres[known], ratings[known]), np.bincount(genres[known])
    return np.append((totals + _MEAN_TRACKS * mean) / (counts + _MEAN_TRACKS), mean)


def _gaussian_process(inputs: FloatArray, ratings: FloatArray) -> Any:  # noqa: ANN401 - as above
    """A Gaussian process with one length for all inputs and noise of its own; both are those that are most likely."""
    from sklearn.gaussian_process import GaussianProcessRegressor  # noqa: PLC0415 - as above
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    # Distances of standardised inputs grow with the root of their number.
    length = inputs.shape[1] ** 0.5
    kernel = ConstantKernel(0.5, (1e-3, 1e2)) * RBF(length, (0.3 * length, 30.0 * length)) + WhiteKernel(
        0.5, (1e-3, 1e1)
    )
    options: dict[str, Any] = {"alpha": 1e-8, "normalize_y": True, "optimizer": _likeliest}
    process = GaussianProcessRegressor(kernel, **options)
    with warnings.catch_warnings():
        # Where there is nothing to learn the likeliest length is the longest allowed, and that is no failure.
        warnings.simplefilter("ignore")
        return make_pipeline(StandardScaler(), process).fit(inputs, ratings)


def _likeliest(cost: Callable[..., Any], start: FloatArray, bounds: FloatArray) -> tuple[FloatArray, float]:
    """Lengths and amounts near the likeliest: what further steps would change is far below what ratings can tell."""
    from scipy.optimize import minimize  # noqa: PLC0415 - as above

    found = minimize(cost, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": _MOST_STEPS})
    return found.x, float(found.fun)


def _logistic(inputs: FloatArray, liked: npt.NDArray[np.int64], *, seed: int) -> Any:  # noqa: ANN401 - as above
    """Logistic regression with the penalty that costs least on tracks left out."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - as above
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    def model(inverse_penalty: float) -> Any:  # noqa: ANN401
        return make_pipeline(StandardScaler(), LogisticRegression(C=inverse_penalty, max_iter=1_000))

    def cost(inverse_penalty: float) -> float:
        folds = StratifiedKFold(3, shuffle=True, random_state=seed)
        said = cross_val_predict(model(inverse_penalty), inputs, liked, cv=folds, method="predict_proba")
        of_truth = np.asarray(said, dtype=np.float64)[np.arange(len(liked)), liked]
        return float(-np.log(np.maximum(of_truth, 1e-15)).mean())

    return model(min(_INVERSE_PENALTIES, key=cost)).fit(inputs, liked)
