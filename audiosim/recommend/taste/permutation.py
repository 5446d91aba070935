"""Whether ratings are related to features at all: how well ridge predicts them, and ratings that are dealt out anew."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.recommend.taste.ridge import Folds, fit_ridge

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """R2 of the true ratings, and of ratings that were dealt out anew."""

    true: float
    permuted: tuple[float, ...]

    @property
    def p_value(self) -> float:
        """How often others are predicted as well; the true ratings are one of the ways to deal them out."""
        return (sum(score >= self.true for score in self.permuted) + 1) / (len(self.permuted) + 1)


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


def permutation_test(
    inputs: FloatArray, ratings: FloatArray, groups: IntArray, *, folds: Folds, n_permutations: int, seed: int
) -> PermutationTest:
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
    PermutationTest
        Its p-value is at least 1 / (n_permutations + 1).

    References
    ----------
    .. [1] M. Ojala, G. C. Garriga, "Permutation tests for studying classifier performance", JMLR 11, 2010.

    Examples
    --------
    >>> line, artists = np.arange(20.0), np.arange(20)
    >>> halves = [(artists[::2], artists[1::2]), (artists[1::2], artists[::2])]
    >>> permutation_test(line[:, None], line, artists, folds=halves, n_permutations=99, seed=0).p_value
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
    return PermutationTest(float(scores[0]), tuple(scores[1:].tolist()))
