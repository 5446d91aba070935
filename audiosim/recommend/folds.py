"""Folds to judge models by, and the threads that models may take meanwhile."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def limited_threads(n_threads: int) -> AbstractContextManager[Any]:
    """Keep the packages underneath to so many threads, while it lasts."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - with scikit-learn, which needs it

    return threadpool_limits(limits=n_threads)


def grouped_folds(
    labels: IntArray, groups: IntArray | None, *, n_folds: int, seed: int
) -> Sequence[tuple[IntArray, IntArray]]:
    """Rows to learn from and rows left out, fold by fold, every class spread over the folds as evenly as can be.

    Parameters
    ----------
    labels : (n_tracks,) int64
    groups : (n_tracks,) int64, optional
        Tracks of a group are learned from, or left out, together; None deals out single tracks.
    n_folds : int
    seed : int

    Returns
    -------
    sequence of tuple

    Examples
    --------
    >>> folds = grouped_folds(np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3]), n_folds=2, seed=0)
    >>> [left_out.size for _, left_out in folds]
    [2, 2]
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # noqa: PLC0415 - as above

    if groups is None:
        return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(labels[:, None], labels))
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    return list(folds.split(labels[:, None], labels, groups))
