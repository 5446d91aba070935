"""Whether pairs that belong together are nearer than pairs that do not, over all pairs at once."""

import numpy as np

from audiosim.evaluation.ranking import Distances
from audiosim.evaluation.relevance import Relevance


def pair_auc(distances: Distances, relevance: Relevance) -> float:
    """Give the probability that a pair that belongs together is nearer than one that does not.

    Unlike scores of rankings, it compares distances from different queries with one another: a measure that ranks
    well may still be low here if its distances have another scale around every track.

    Parameters
    ----------
    distances : (n_tracks, n_tracks) floating
        Already validated; the upper triangle is read.
    relevance : Relevance
        Of the same tracks. Pairs of tracks that are no candidates of one another do not count.

    Returns
    -------
    float
        The area under the receiver operating characteristic: 1 if all that belong together are nearer, .5 by
        chance; equal distances count half. NaN if there are not both kinds of pairs.

    Notes
    -----
    O(n_tracks**2 log n_tracks) time, one copy of the upper triangle.

    Examples
    --------
    >>> from audiosim.evaluation.relevance import relevance_of_labels
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 5.0, 6.0], [0.0, 1.0, 5.0, 6.0]))
    >>> pair_auc(line, relevance_of_labels(["a", "a", "b", "b"], n_tracks=4))
    1.0
    """
    together: list[Distances] = []
    apart: list[Distances] = []
    for query, row in enumerate(distances):
        is_candidate, is_relevant = (mask[query + 1 :] for mask in relevance.masks(query))
        others = row[query + 1 :]
        together.append(others[is_relevant])
        apart.append(others[is_candidate & ~is_relevant])
    near, far = (np.sort(np.concatenate(values)) if values else np.empty(0) for values in (together, apart))
    if not (near.size and far.size):
        return float("nan")
    # Sorted values are looked up in order, which is several times as fast as at random.
    n_further = sum(int((far.size - np.searchsorted(far, near, side=side)).sum()) for side in ("left", "right"))
    return n_further / 2 / near.size / far.size
