"""Which features say the same: rank correlations, and groups of features that stand in for one another."""

import numpy as np
import numpy.typing as npt

from audiosim.recommend.labelled_table import TrackInputs

FloatArray = npt.NDArray[np.float64]

# Features whose ranks correlate at least so much stand in for one another, so that each alone would seem dispensable.
STRONGLY = 0.6


def rank_correlations(values: FloatArray) -> FloatArray:
    """Spearman's correlations of features; NaN with one that does not vary.

    Parameters
    ----------
    values : (n_tracks, n_features) float64

    Returns
    -------
    (n_features, n_features) float64

    Examples
    --------
    >>> rank_correlations(np.array([[1.0, 8.0], [2.0, 4.0], [3.0, 2.0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - takes its time to load

    ranks = np.asarray(rankdata(values, axis=0), dtype=np.float64)
    ranks -= ranks.mean(axis=0)
    norms = np.sqrt((ranks**2).sum(axis=0))
    scaled = ranks / np.where(norms > 0.0, norms, np.nan)
    # Beyond 1 by rounding alone.
    return np.clip(np.round(scaled.T @ scaled, 12), -1.0, 1.0)


def correlated_groups(inputs: TrackInputs, *, at_least: float = STRONGLY) -> tuple[tuple[int, ...], ...]:
    """Columns in groups in which every two correlate at least so much, by rank and whatever the sign.

    Kinds, of which none is more than another, are alone; so is what does not vary.

    Examples
    --------
    >>> values = np.array([[0.1, 0.9, 0.5], [0.2, 0.8, 0.1], [0.4, 0.5, 0.4], [0.9, 0.1, 0.2]])
    >>> correlated_groups(TrackInputs.of_features(values, ["energy", "acousticness", "valence"]))
    ((0, 1), (2,))
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # noqa: PLC0415 - takes its time to load

    amounts = [column for column in range(len(inputs.names)) if column not in inputs.kinds]
    if len(amounts) < 2:
        return tuple((column,) for column in range(len(inputs.names)))
    strength = np.abs(np.nan_to_num(rank_correlations(inputs.values[:, amounts])))
    distances = 1.0 - strength[np.triu_indices(len(amounts), 1)]
    numbers = fcluster(linkage(distances, "complete"), 1.0 - at_least, "distance")
    group_of: dict[int, list[int]] = {}
    for column, number in zip(amounts, numbers.tolist(), strict=True):
        group_of.setdefault(number, []).append(column)
    return tuple(sorted([*(tuple(group) for group in group_of.values()), *((kind,) for kind in inputs.kinds)]))
