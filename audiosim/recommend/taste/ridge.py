"""Weighted sums of features: ridge regression on many targets at once, and the elastic net."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Folds = Sequence[tuple[IntArray, IntArray]]

# Times the number of tracks: the largest leaves little but the mean.
_PENALTIES = np.logspace(-2.0, 2.0, 13)
# Of the elastic net: shares of the absolute penalty, and penalties as shares of the smallest that leaves no weight.
_ABSOLUTE_SHARES = (0.5, 0.9)
_SHARES_OF_MOST = np.geomspace(1.0, 0.01, 15)
_N_FOLDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """Weighted sums; `weights` is (n_inputs, n_targets), `constants` is (n_targets,)."""

    weights: FloatArray
    constants: FloatArray

    def predict(self, inputs: FloatArray) -> FloatArray:
        """Predictions (n_tracks, n_targets)."""
        return inputs @ self.weights + self.constants


def fit_ridge(inputs: FloatArray, targets: FloatArray) -> Ridge:
    """Fit one ridge regression a target, each with the penalty that generalised cross-validation gives it.

    Parameters
    ----------
    inputs : (n_tracks >= 3, n_inputs) float64
        Standardised here; one that does not vary has no weight.
    targets : (n_tracks, n_targets) float64

    Returns
    -------
    Ridge
        For inputs as they were given.

    Notes
    -----
    One singular value decomposition serves all targets and penalties.

    References
    ----------
    .. [1] G. H. Golub, M. Heath, G. Wahba, "Generalized cross-validation as a method for choosing a good ridge
       parameter", Technometrics 21(2), 1979.

    Examples
    --------
    >>> inputs = np.arange(8.0)[:, None]
    >>> fit_ridge(inputs, 2.0 * inputs + 1.0).predict(np.array([[3.5]])).round(6).tolist()
    [[8.0]]
    """
    n_tracks = len(inputs)
    mean, spread = _scales(inputs)
    left, singular, right = np.linalg.svd((inputs - mean) / spread, full_matrices=False)
    centre = targets.mean(axis=0)
    rotated = left.T @ (targets - centre)
    unexplained = ((targets - centre) ** 2).sum(axis=0) - (rotated**2).sum(axis=0)
    best, weights = np.full(targets.shape[1], np.inf), np.zeros((inputs.shape[1], targets.shape[1]))
    for penalty in n_tracks * _PENALTIES:
        kept = singular**2 / (singular**2 + penalty)
        error = unexplained + ((1.0 - kept[:, None]) ** 2 * rotated**2).sum(axis=0)
        cost = error / (1.0 - (1.0 + kept.sum()) / n_tracks) ** 2
        better = cost < best
        best = np.where(better, cost, best)
        found = right.T @ ((singular / (singular**2 + penalty))[:, None] * rotated)
        weights = np.where(better, found, weights)
    weights /= spread[:, None]
    return Ridge(weights, centre - mean @ weights)


def fit_elastic_net(inputs: FloatArray, ratings: FloatArray, *, seed: int) -> Ridge:
    """Fit an elastic net, which leaves most inputs without a weight; three folds choose the penalty.

    Parameters
    ----------
    inputs : (n_tracks >= 6, n_inputs) float64
        Standardised here; one that does not vary has no weight.
    ratings : (n_tracks,) float64
    seed : int
        Of the folds.

    Returns
    -------
    Ridge
        For inputs as they were given.

    References
    ----------
    .. [1] H. Zou, T. Hastie, "Regularization and variable selection via the elastic net", Journal of the Royal
       Statistical Society B 67(2), 2005.

    Examples
    --------
    >>> inputs = np.random.default_rng(0).normal(size=(60, 3))
    >>> fit_elastic_net(inputs, 2.0 * inputs[:, 0], seed=0).weights.round(1).ravel().tolist()
    [2.0, 0.0, 0.0]
    """
    n_tracks = len(inputs)
    mean, spread = _scales(inputs)
    scaled = (inputs - mean) / spread
    order = np.random.default_rng(seed).permutation(n_tracks)
    best, chosen = np.inf, np.zeros(inputs.shape[1])
    for share in _ABSOLUTE_SHARES:
        most = np.abs(scaled.T @ (ratings - ratings.mean())).max() / (n_tracks * share)
        penalties = max(float(most), np.finfo(np.float64).tiny) * _SHARES_OF_MOST
        error = np.zeros(len(penalties))
        for fold in range(_N_FOLDS):
            left_out = order[fold::_N_FOLDS]
            learned = np.setdiff1d(order, left_out)
            weights, constants = _path(scaled[learned], ratings[learned], share, penalties)
            error += ((ratings[left_out, None] - constants - scaled[left_out] @ weights) ** 2).sum(axis=0)
        if error.min() < best:
            best = float(error.min())
            chosen = _path(scaled, ratings, share, penalties)[0][:, error.argmin()]
    weights = (chosen / spread)[:, None]
    return Ridge(weights, np.array([ratings.mean()]) - mean @ weights)


def _path(
    scaled: FloatArray, ratings: FloatArray, share: float, penalties: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Weights (n_inputs, n_penalties) and constants (n_penalties,) of elastic nets."""
    from sklearn import linear_model  # noqa: PLC0415 - takes a second to load, and only fitting needs it

    centre, mean = scaled.mean(axis=0), float(ratings.mean())
    with warnings.catch_warnings():
        # The weakest penalties may end a little before they are through; they are hardly ever chosen.
        warnings.simplefilter("ignore")
        options: dict[str, Any] = {"l1_ratio": share, "alphas": penalties, "precompute": True, "tol": 1e-3}
        options["check_input"] = False
        weights = linear_model.enet_path(np.asfortranarray(scaled - centre), ratings - mean, **options)[1]
    return weights, mean - centre @ weights


def _scales(inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of inputs, infinite where one does not vary."""
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    return mean, np.where(spread > 1e-12 * np.maximum(1.0, np.abs(mean)), spread, np.inf)
