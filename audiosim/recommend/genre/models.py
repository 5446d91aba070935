"""Models that tell genres apart, and the temperature that makes their probabilities mean what they say."""

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from audiosim.recommend.genre.export import exported
from audiosim.recommend.genre.exported import ExportedModel
from audiosim.recommend.labelled_table import TrackInputs

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
ModelName = Literal["majority", "logistic", "forest", "boosting"]

MODELS: tuple[ModelName, ...] = get_args(ModelName)
_LEAST = 1e-6  # forests say 0 for what no tree has seen
_TEMPERATURES = (0.05, 20.0)


class GenreModel:
    """One of `MODELS`, fitted.

    Parameters
    ----------
    name : str
        "majority" says how frequent each genre is, whatever it is shown; "logistic" is a weighted sum of standardised
        inputs; "forest" and "boosting" are trees, which take the inputs as they are.
    n_classes : int
    seed : int
        The same seed gives the same model.
    n_threads : int
        Of the forest; the others use what `limited_threads` leaves. The model does not depend on it.
    n_trees : int
        Trees of the forest; boosting takes 3 rounds for 4 of them.
    """

    def __init__(
        self, name: ModelName, n_classes: int, *, seed: int = 0, n_threads: int = 1, n_trees: int = 200
    ) -> None:
        if name not in MODELS:
            raise ValueError(f"the model must be one of {', '.join(MODELS)}, got {name!r}")
        self.name = name
        self._n_classes = n_classes
        self._seed = seed
        self._n_threads = n_threads
        self._n_trees = n_trees
        self._fitted: Any = None

    def fit(self, inputs: TrackInputs, labels: IntArray) -> "GenreModel":
        """Learn from tracks and their classes, of which there may be fewer than `n_classes`."""
        self._fitted = self._untrained(inputs)
        self._fitted.fit(self._shown(inputs), labels)
        if self.name == "forest":
            # Threads would add up the votes of trees in whatever order they end.
            self._fitted.set_params(n_jobs=1)
        return self

    def predict(self, inputs: TrackInputs) -> FloatArray:
        """Probabilities (n_tracks, n_classes); 0 for a class that was never seen."""
        said = self._fitted.predict_proba(self._shown(inputs))
        probabilities = np.zeros((len(inputs), self._n_classes))
        probabilities[:, self._fitted.classes_] = said
        return probabilities

    def exported(self) -> ExportedModel:
        """What was learned, as plain arrays; every class must have been seen."""
        if len(self._fitted.classes_) != self._n_classes:
            raise ValueError(f"a model must have seen all {self._n_classes} classes, got {len(self._fitted.classes_)}")
        return exported(self._fitted)

    def _shown(self, inputs: TrackInputs) -> FloatArray:
        return inputs.encoded if self.name == "logistic" else inputs.values

    def _untrained(self, inputs: TrackInputs) -> Any:  # noqa: ANN401 - scikit-learn's models share no type
        # They take a second to load, and only fitting needs them.
        from sklearn.dummy import DummyClassifier  # noqa: PLC0415
        from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier  # noqa: PLC0415
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

        if self.name == "majority":
            return DummyClassifier(strategy="prior")
        if self.name == "logistic":
            return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
        if self.name == "forest":
            return RandomForestClassifier(
                self._n_trees, min_samples_leaf=3, n_jobs=self._n_threads, random_state=self._seed
            )
        options: dict[str, Any] = {
            "max_iter": max(1, 3 * self._n_trees // 4),
            "learning_rate": 0.08,
            "categorical_features": list(inputs.kinds) or None,
            # Stopping early would hold tracks back regardless of artist.
            "early_stopping": False,
        }
        return HistGradientBoostingClassifier(**options, random_state=self._seed)


def fit_temperature(probabilities: FloatArray, truth: IntArray) -> float:
    """The temperature at which probabilities of tracks that the model had not seen cost least.

    One number for all genres cannot overfit as a curve for each of them can, and it never changes which genre is the
    likeliest.

    Parameters
    ----------
    probabilities : (n_tracks, n_classes) float64
    truth : (n_tracks,) int64

    Returns
    -------
    float
        Above 1 where the model was too sure of itself.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.

    Examples
    --------
    >>> sure = np.array([[0.99, 0.01]] * 10)
    >>> fit_temperature(sure, np.array([0] * 7 + [1] * 3)) > 1.0
    True
    """
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - takes its time to load

    rows = np.arange(len(truth))

    def cost(log_temperature: float) -> float:
        heated = heat(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(heated[rows, truth], 1e-300)).mean())

    bounds = tuple(float(np.log(bound)) for bound in _TEMPERATURES)
    found: Any = minimize_scalar(cost, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def heat(probabilities: FloatArray, temperature: float) -> FloatArray:
    """Probabilities at a temperature: above 1 they come closer to one another.

    Examples
    --------
    >>> heat(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    logs = np.log(np.maximum(probabilities, _LEAST)) / temperature
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
