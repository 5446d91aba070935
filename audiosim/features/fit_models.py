"""Fitted models as plain arrays: what scikit-learn learned, without scikit-learn and without pickles.

A pickle runs what it holds when it is opened, and only the version that wrote it can read it. These arrays do neither.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from audiosim.features.trees import Trees

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Ridge penalties tried, relative to standardized inputs.
_PENALTIES = tuple(float(penalty) for penalty in np.logspace(-1.0, 4.0, 11))
_BOOSTING: dict[str, Any] = {
    "max_iter": 200,
    "learning_rate": 0.05,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    # Stopping early would hold tracks back, of which there are few, and choose them regardless of artist.
    "early_stopping": False,
}


@dataclass(frozen=True, slots=True, eq=False)
class LinearModel:
    """A weighted sum.

    Parameters
    ----------
    weights : np.ndarray [shape=(n_inputs,), float64]
    constant : np.ndarray [shape=(1,), float64]
    """

    weights: FloatArray
    constant: FloatArray

    kind: ClassVar[str] = "ridge"

    def __post_init__(self) -> None:
        if self.weights.ndim != 1 or self.constant.shape != (1,):
            raise ValueError(f"weights and constant must be vectors, got {self.weights.shape}, {self.constant.shape}")
        if not (np.isfinite(self.weights).all() and np.isfinite(self.constant).all()):
            raise ValueError("weights must be finite, got NaN or infinity")

    def predict(self, inputs: FloatArray) -> FloatArray:
        """Predictions (n_tracks,) for inputs (n_tracks, n_inputs)."""
        return inputs @ self.weights + self.constant


@dataclass(frozen=True, slots=True, eq=False)
class TreeModel(Trees):
    """The sum of a constant and of what the leaves say that a track falls into, one of every tree.

    Parameters
    ----------
    constant : np.ndarray [shape=(1,), float64]
    values : np.ndarray [shape=(n_nodes,), float64]
        What a leaf says.
    """

    constant: FloatArray
    values: FloatArray

    kind: ClassVar[str] = "boosting"

    def __post_init__(self) -> None:
        Trees.__post_init__(self)
        if self.values.shape != self.inputs.shape or self.constant.shape != (1,):
            raise ValueError("a tree model must have one value a node and one constant, got different lengths")
        if not np.isfinite(self.values).all():
            raise ValueError("values of a tree model must be numbers, got NaN or infinity")

    def predict(self, inputs: FloatArray) -> FloatArray:
        """Predictions (n_tracks,) for inputs (n_tracks, n_inputs)."""
        predicted = np.full(len(inputs), self.constant[0])
        for leaves in self.leaves(inputs):
            predicted += self.values[leaves]
        return predicted


def fit_linear(inputs: FloatArray, target: FloatArray) -> LinearModel:
    """Fit a ridge regression on standardized inputs; leaving out one track at a time chooses its penalty."""
    from sklearn.linear_model import RidgeCV  # noqa: PLC0415 - takes a second to load, and only fitting needs it

    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    # An input that does not vary tells nothing; its z-score is to be 0.
    spread = np.where(spread > 1e-12 * np.maximum(1.0, np.abs(mean)), spread, np.inf)
    fitted = RidgeCV(alphas=_PENALTIES).fit((inputs - mean) / spread, target)
    weights = np.asarray(fitted.coef_, dtype=np.float64) / spread
    return LinearModel(weights=weights, constant=np.array([float(fitted.intercept_) - float(mean @ weights)]))


def fit_boosting(inputs: FloatArray, target: FloatArray, *, seed: int) -> TreeModel:
    """Fit gradient-boosted regression trees."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - as above

    trees = HistGradientBoostingRegressor(**_BOOSTING, random_state=seed)
    return exported(trees.fit(inputs, target))


def exported(fitted: "HistGradientBoostingRegressor") -> TreeModel:
    """Copy the trees out of a fitted model of numbers without gaps.

    scikit-learn offers no public way to them; a test compares every prediction with its own.
    """
    # One list of trees a stage, of a single tree unless classes are told apart.
    trees: list[npt.NDArray[Any]] = [stage[0].nodes for stage in fitted._predictors]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    starts = np.cumsum([0, *(len(nodes) for nodes in trees)])
    nodes = np.concatenate(trees)
    offsets = np.repeat(starts[:-1], np.diff(starts))
    leaf = nodes["is_leaf"].astype(bool)
    return TreeModel(
        constant=np.ravel(fitted._baseline_prediction).astype(np.float64),  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        roots=starts[:-1].astype(np.int64),
        inputs=np.where(leaf, -1, nodes["feature_idx"].astype(np.int64)),
        thresholds=nodes["num_threshold"].astype(np.float64),
        left=np.where(leaf, -1, nodes["left"].astype(np.int64) + offsets),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64) + offsets),
        values=np.where(leaf, nodes["value"], 0.0).astype(np.float64),
    )


def to_arrays(model: LinearModel | TreeModel) -> dict[str, npt.NDArray[np.generic]]:
    """Arrays of a model by name, `kind` among them."""
    return {"kind": np.array(model.kind), **{field.name: getattr(model, field.name) for field in fields(model)}}


def from_arrays(arrays: dict[str, npt.NDArray[Any]]) -> LinearModel | TreeModel:
    """Model of the arrays that `to_arrays` gave."""
    kind = str(arrays["kind"])
    if kind == LinearModel.kind:
        return LinearModel(weights=arrays["weights"].astype(np.float64), constant=arrays["constant"].astype(np.float64))
    if kind == TreeModel.kind:
        return TreeModel(
            constant=arrays["constant"].astype(np.float64),
            roots=arrays["roots"].astype(np.int64),
            inputs=arrays["inputs"].astype(np.int64),
            thresholds=arrays["thresholds"].astype(np.float64),
            left=arrays["left"].astype(np.int64),
            right=arrays["right"].astype(np.int64),
            values=arrays["values"].astype(np.float64),
        )
    raise ValueError(f"a model must be of kind {LinearModel.kind} or {TreeModel.kind}, got {kind!r}")
