"""Ridge regression on many targets at once, and whether ratings are related to features at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Folds = Sequence[tuple[IntArray, IntArray]]

# Times the number of tracks: the largest leaves little but the mean.
_PENALTIES = np.logspace(-2.0, 2.0, 13)


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
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    spread = np.where(spread > 1e-12 * np.maximum(1.0, np.abs(mean)), spread, np.inf)
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


def cross_validated_r2(inputs: FloatArray, targets: FloatArray, folds: Folds) -> FloatArray:
    """How much better ridge predicts what was left out than the mean of what was learned from.

    Returns
    -------
    (n_targets,) float64
        1 - squared error / squared error of the mean; below 0 where the mean is better.
    """
    error, of_mean = np.zeros(targets.shape[1]), np.zeros(targets.shape[1])
    for learned, left_out in folds:
        predicted = fit_ridge(inputs[learned], targets[learned]).predict(inputs[left_out])
        error += ((targets[left_out] - predicted) ** 2).sum(axis=0)
        of_mean += ((targets[left_out] - targets[learned].mean(axis=0)) ** 2).sum(axis=0)
    return 1.0 - error / np.maximum(of_mean, np.finfo(np.float64).tiny)


def permutation_p_value(
    inputs: FloatArray, ratings: FloatArray, groups: IntArray, *, folds: Folds, n_permutations: int, seed: int
) -> float:
    """How often ratings that are dealt out anew are predicted as well as the true ones.

    Whole artists are dealt out: their ratings stay together, so that a listener who likes all of an artist is not taken
    for one who likes a sound. Where artists have unequally many tracks this holds approximately.

    Parameters
    ----------
    inputs : (n_tracks, n_inputs) float64
    ratings : (n_tracks,) float64
    groups : (n_tracks,) int64
        Artists.
    folds : sequence of (learned, left out)
        No artist in both.
    n_permutations : int
    seed : int

    Returns
    -------
    float
        At least 1 / (n_permutations + 1).

    References
    ----------
    .. [1] M. Ojala, G. C. Garriga, "Permutation tests for studying classifier performance", JMLR 11, 2010.

    Examples
    --------
    >>> line, artists = np.arange(20.0), np.arange(20)
    >>> halves = [(artists[::2], artists[1::2]), (artists[1::2], artists[::2])]
    >>> permutation_p_value(line[:, None], line, artists, folds=halves, n_permutations=99, seed=0)
    0.01
    """
    rng = np.random.default_rng(seed)
    together = np.argsort(groups, kind="stable")
    blocks = np.split(together, np.flatnonzero(np.diff(groups[together])) + 1)
    targets = np.empty((len(ratings), n_permutations + 1))
    targets[:, 0] = ratings
    for column in range(1, n_permutations + 1):
        dealt = np.concatenate([blocks[block] for block in rng.permutation(len(blocks))])
        targets[together, column] = ratings[dealt]
    scores = cross_validated_r2(inputs, targets, folds)
    # The true ratings are one of the ways to deal them out.
    return float(np.count_nonzero(scores[1:] >= scores[0]) + 1) / (n_permutations + 1)
