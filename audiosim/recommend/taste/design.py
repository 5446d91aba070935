"""Which tracks to rate next, so that the ratings tell most of what is not known yet."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Of the prior of standardised weights, in units of the noise: keeps the first choices finite.
_PRIOR = 1.0


def most_informative(
    inputs: FloatArray,
    groups: IntArray,
    *,
    rated: Sequence[int] | IntArray,
    n: int = 10,
    left_out: Sequence[int] = (),
) -> list[int]:
    """Choose tracks whose ratings, taken together, would pin a linear taste down best.

    One after the other, the track is taken whose rating is least determined by those before it; that is the greedy
    D-optimal design. An artist counts once, as long as there are others.

    Parameters
    ----------
    inputs : (n_tracks, n_inputs) float64
        Standardised here; what does not vary says nothing.
    groups : (n_tracks,) int64
        Artists.
    rated : sequence of int
        Rows that are rated already.
    n : int
        How many to choose; fewer, where there are fewer.
    left_out : sequence of int
        Rows that are not to be chosen, of hubs, say.

    Returns
    -------
    list of int
        Rows, the most informative first; of equals the first row.

    Raises
    ------
    ValueError
        If `n` is below 1.

    Notes
    -----
    O(n n_tracks n_inputs) time after one inversion of (n_inputs, n_inputs).

    References
    ----------
    .. [1] V. V. Fedorov, "Theory of optimal experiments", Academic Press, 1972.

    Examples
    --------
    >>> inputs = np.array([[0.0, 0.0], [3.0, 0.0], [2.9, 0.1], [0.0, 1.0]])
    >>> most_informative(inputs, np.array([0, 1, 2, 3]), rated=[1], n=2)
    [3, 0]
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    known, covariance = _posterior(inputs, rated)
    free = np.ones(len(known), dtype=np.bool_)
    free[np.asarray(rated, dtype=np.int64)] = False
    free[list(left_out)] = False
    fresh = np.ones(len(known), dtype=np.bool_)
    chosen: list[int] = []
    while free.any() and len(chosen) < n:
        allowed = free & fresh if (free & fresh).any() else free
        spoken = known @ covariance
        variance = np.where(allowed, (spoken * known).sum(axis=1), -np.inf)
        row = int(variance.argmax())
        chosen.append(row)
        # Sherman and Morrison: the inverse after one more row, without inverting.
        covariance -= np.outer(spoken[row], spoken[row]) / (1.0 + variance[row])
        free[row] = False
        fresh &= groups != groups[row]
    return chosen


def uncertainty(inputs: FloatArray, *, rated: Sequence[int] | IntArray) -> FloatArray:
    """How unsure a linear taste is of each track, in units of the noise of ratings.

    Parameters
    ----------
    inputs : (n_tracks, n_inputs) float64
        Standardised here.
    rated : sequence of int
        Rows that are rated already.

    Returns
    -------
    (n_tracks,) float64

    Examples
    --------
    >>> inputs = np.array([[0.0], [1.0], [5.0]])
    >>> int(uncertainty(inputs, rated=[0, 1]).argmax())
    2
    """
    known, covariance = _posterior(inputs, rated)
    return np.sqrt(np.maximum(((known @ covariance) * known).sum(axis=1), 0.0))


def _posterior(inputs: FloatArray, rated: Sequence[int] | IntArray) -> tuple[FloatArray, FloatArray]:
    """Standardised inputs with a constant before them, and the covariance of their weights after the ratings."""
    spread = inputs.std(axis=0)
    varies = spread > 1e-12 * np.maximum(1.0, np.abs(inputs.mean(axis=0)))
    known = (inputs[:, varies] - inputs[:, varies].mean(axis=0)) / spread[varies]
    # The mean rating is to be learned as well.
    known = np.column_stack([np.ones(len(known)), known])
    seen = known[np.asarray(rated, dtype=np.int64)]
    precision = _PRIOR * np.eye(known.shape[1]) + seen.T @ seen
    return known, np.linalg.inv(precision).astype(np.float64)
