"""Folds to judge models by, threads that models may take meanwhile, and steps that were computed before."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# Asked for a step by its name and how it is computed; gives what was kept of it, or computes it and keeps it.
Recall = Callable[[str, Callable[[], FloatArray]], FloatArray]


def anew(name: str, compute: Callable[[], FloatArray]) -> FloatArray:
    """Compute a step: the recall of those who keep nothing."""
    del name
    return compute()


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
