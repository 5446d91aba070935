"""Models of a listener's taste: what they predict is a rating, or how likely a track is to be liked."""

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
# Of the Gaussian process: lengths, times the usual one, and noise as a share of the signal.
_LENGTHS = np.array([0.4, 0.7, 1.0, 1.5, 2.5, 5.0, 15.0])
_NOISES = np.logspace(-3.0, 2.5, 23)


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

    length, signal, noise = _likeliest(
        np.asarray(StandardScaler().fit_transform(inputs), dtype=np.float64),
        (ratings - ratings.mean()) / (ratings.std() or 1.0),
    )
    options: dict[str, Any] = {"normalize_y": True, "optimizer": None}
    kernel = ConstantKernel(signal) * RBF(length) + WhiteKernel(noise)
    return make_pipeline(StandardScaler(), GaussianProcessRegressor(kernel, **options)).fit(inputs, ratings)


def _likeliest(inputs: FloatArray, ratings: FloatArray) -> tuple[float, float, float]:
    """Length, variance of the signal and variance of the noise that make standardised ratings most likely.

    For each length one eigendecomposition serves all shares of noise, and the best variance is known in closed form;
    what lies between the steps would change predictions by far less than ratings can tell.
    """
    squares = (inputs**2).sum(axis=1)
    squared = np.maximum(squares[:, None] + squares - 2.0 * inputs @ inputs.T, 0.0)
    best, found = np.inf, (1.0, 1.0, 1.0)
    # Distances of standardised inputs grow with the root of their number.
    for length in inputs.shape[1] ** 0.5 * _LENGTHS:
        values, vectors = np.linalg.eigh(np.exp(-0.5 * squared / length**2))
        rotated = (vectors.T @ ratings) ** 2
        spread = np.maximum(values, 0.0)[:, None] + _NOISES
        signal = (rotated[:, None] / spread).mean(axis=0)
        cost = len(ratings) * np.log(np.maximum(signal, 1e-12)) + np.log(spread).sum(axis=0)
        place = int(cost.argmin())
        if cost[place] < best:
            best, found = (
                float(cost[place]),
                (float(length), float(signal[place]), float(_NOISES[place] * signal[place])),
            )
    length, signal, noise = found
    return length, max(signal, 1e-12), max(noise, 1e-12)


def _logistic(inputs: FloatArray, liked: npt.NDArray[np.int64], *, seed: int) -> Any:  # noqa: ANN401 - as above
    """Logistic regression with the penalty that costs least on tracks left out."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - as above
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    def model(inverse_penalty: float) -> Any:  # noqa: ANN401
        return make_pipeline(StandardScaler(), LogisticRegression(C=inverse_penalty, max_iter=1_000))

    folds = list(StratifiedKFold(3, shuffle=True, random_state=seed).split(inputs, liked))

    def cost(inverse_penalty: float) -> float:
        total = 0.0
        for learned, left_out in folds:
            said = model(inverse_penalty).fit(inputs[learned], liked[learned]).predict_proba(inputs[left_out])
            total -= np.log(np.maximum(said[np.arange(len(left_out)), liked[left_out]], 1e-15)).sum()
        return total

    return model(min(_INVERSE_PENALTIES, key=cost)).fit(inputs, liked)
