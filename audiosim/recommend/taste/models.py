"""Models of a listener's taste: what they predict is a rating, or how likely a track is to be liked."""

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from audiosim.recommend.labelled_table import TrackInputs
from audiosim.recommend.taste.ridge import fit_ridge

FloatArray = npt.NDArray[np.float64]
ModelName = Literal["mean", "ridge", "logistic", "forest", "boosting"]

RATING_MODELS: tuple[ModelName, ...] = ("mean", "ridge", "forest")
LIKE_MODELS: tuple[ModelName, ...] = ("mean", "logistic", "forest", "boosting")
_INVERSE_PENALTIES = (0.01, 0.1, 1.0)


class TasteModel:
    """A model, fitted. All but the mean are given ratings as numbers; of likes, 1 is liked and 0 is not.

    Parameters
    ----------
    name : str
        "mean" says the same of every track. "ridge" and "logistic" are weighted sums of standardised inputs whose
        penalty is chosen from what is learned. "forest" and "boosting" are trees.
    is_binary : bool
        Whether ratings are likes.
    seed : int
    n_threads : int
    n_trees : int
    """

    def __init__(
        self, name: ModelName, *, is_binary: bool, seed: int = 0, n_threads: int = 1, n_trees: int = 200
    ) -> None:
        if name not in get_args(ModelName):
            raise ValueError(f"the model must be one of {', '.join(get_args(ModelName))}, got {name!r}")
        self.name = name
        self._is_binary = is_binary
        self._seed = seed
        self._n_threads = n_threads
        self._n_trees = n_trees
        self._fitted: Any = None

    def fit(self, inputs: TrackInputs, ratings: FloatArray) -> "TasteModel":
        """Learn from rated tracks."""
        if self.name == "mean":
            self._fitted = float(ratings.mean())
        elif self.name == "ridge":
            self._fitted = fit_ridge(inputs.encoded, ratings[:, None])
        elif self.name == "logistic":
            self._fitted = _logistic(inputs.encoded, ratings.astype(np.int64), seed=self._seed)
        else:
            self._fitted = self._trees(inputs).fit(inputs.values, self._target(ratings))
            if self.name == "forest":
                # Threads would add up the votes of trees in whatever order they end.
                self._fitted.set_params(n_jobs=1)
        return self

    def predict(self, inputs: TrackInputs) -> FloatArray:
        """Ratings (n_tracks,) that are to be expected, or how likely tracks are to be liked."""
        if self.name == "mean":
            return np.full(len(inputs), self._fitted)
        if self.name == "ridge":
            return self._fitted.predict(inputs.encoded)[:, 0]
        shown = inputs.encoded if self.name == "logistic" else inputs.values
        if self._is_binary:
            return np.asarray(self._fitted.predict_proba(shown), dtype=np.float64)[:, 1]
        return np.asarray(self._fitted.predict(shown), dtype=np.float64)

    def _target(self, ratings: FloatArray) -> npt.NDArray[Any]:
        return ratings.astype(np.int64) if self._is_binary else ratings

    def _trees(self, inputs: TrackInputs) -> Any:  # noqa: ANN401 - scikit-learn's models share no type
        from sklearn import ensemble  # noqa: PLC0415 - takes a second to load, and only fitting needs it

        if self.name == "forest":
            forest = ensemble.RandomForestClassifier if self._is_binary else ensemble.RandomForestRegressor
            return forest(self._n_trees, min_samples_leaf=3, n_jobs=self._n_threads, random_state=self._seed)
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
