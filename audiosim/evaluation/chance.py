"""What a ranking in random order would score, exactly, from the counts of relevant tracks and of candidates alone."""

import numpy as np


def average_precision_chance(n_relevant: int, n_candidates: int) -> float:
    """Give the expected average precision of a ranking in random order.

    Parameters
    ----------
    n_relevant : int
        At least 1.
    n_candidates : int
        At least `n_relevant`.

    Returns
    -------
    float
        Above n_relevant / n_candidates, since relevant tracks are counted where they stand.

    Raises
    ------
    ValueError
        If the counts are not as above.

    Notes
    -----
    A relevant track at rank r has precision (1 + (r - 1) p) / r, p = (n_relevant - 1) / (n_candidates - 1) being the
    share of relevant ones among those before it; the mean is over all ranks alike. O(n_candidates) time.

    Examples
    --------
    >>> average_precision_chance(1, 2)
    0.75
    """
    _validate_counts(n_relevant, n_candidates)
    harmonic = float(np.sum(1.0 / np.arange(1, n_candidates + 1))) / n_candidates
    others = (n_relevant - 1) / max(n_candidates - 1, 1)
    return harmonic + others * (1.0 - harmonic)


def reciprocal_rank_chance(n_relevant: int, n_candidates: int) -> float:
    """Give the expected inverse rank of the first relevant track in random order; parameters as above.

    Returns
    -------
    float
        Over 0 to 1.

    Raises
    ------
    ValueError
        If the counts are not as in `average_precision_chance`.

    Notes
    -----
    O(n_candidates) time.

    Examples
    --------
    >>> reciprocal_rank_chance(1, 2)
    0.75
    """
    _validate_counts(n_relevant, n_candidates)
    n_others = n_candidates - n_relevant
    # Share of orders whose first r - 1 tracks are all irrelevant, r from 1.
    missed = np.cumprod(np.r_[1.0, (n_others - np.arange(n_others)) / (n_candidates - np.arange(n_others))])
    ranks = np.arange(1, n_others + 2)
    return float(np.sum(missed * n_relevant / (n_candidates - ranks + 1) / ranks))


def _validate_counts(n_relevant: int, n_candidates: int) -> None:
    if not 1 <= n_relevant <= n_candidates:
        raise ValueError(
            f"n_relevant must lie in 1 .. n_candidates ({n_candidates}), got {n_relevant}; leave out such queries"
        )
