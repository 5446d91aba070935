"""How far distance matrices over the same tracks agree, in neighbours and overall.

The two are different questions: matrices whose distances correlate at .6 may share one neighbour in ten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from audiosim.evaluation.mantel import Mantel, correlate_pairs, warn_if_constant
from audiosim.evaluation.neighbor_overlap import (
    DEPTH,
    PERSISTENCE,
    RankBiasedOverlap,
    SharedNeighbors,
    biased_to,
    shared_at,
    shared_depths,
    validate_list_lengths,
)
from audiosim.evaluation.ranking import Distances, nearest_lists, validate_distances, validate_pair
from audiosim.evaluation.row_correlation import RowCorrelation, correlate_rows, summary, warn_if_undefined


@dataclass(frozen=True, slots=True)
class Agreement:
    """All agreement figures of two matrices."""

    neighbors: tuple[SharedNeighbors, ...]
    rbo: RankBiasedOverlap
    rows: RowCorrelation  # Spearman's
    kendall: RowCorrelation  # tau-b, over at most 1000 tracks
    mantel: Mantel


def evaluate(
    first: Distances,
    second: Distances,
    *,
    ks: Sequence[int] = (1, 5, 10, 20),
    n_permutations: int = 999,
    seed: int = 0,
    threads: int = 0,
) -> Agreement:
    """All agreement figures of two matrices; parameters as in `evaluate_all`.

    Raises
    ------
    ValueError
        If the matrices are not valid or differ in shape, one of `ks` is not in 1 .. n_tracks - 1, or n_permutations
        or threads is negative.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> evaluate(line, line, ks=[1], n_permutations=9).neighbors[0].jaccard
    1.0
    """
    validate_pair(first, second)
    (result,) = _evaluate([first, second], ks=ks, n_permutations=n_permutations, seed=seed, threads=threads)
    return result


def evaluate_all(
    measures: Mapping[str, Distances],
    *,
    ks: Sequence[int] = (1, 5, 10, 20),
    n_permutations: int = 999,
    seed: int = 0,
    threads: int = 0,
) -> dict[tuple[str, str], Agreement]:
    """All agreement figures of every two measures, each of which is ranked, listed and permuted once.

    Parameters
    ----------
    measures : mapping of str to (n_tracks, n_tracks) floating
        Over the same tracks in the same order; see `validate_distances`.
    ks : sequence of int
        List lengths, below n_tracks.
    n_permutations : int
        Of the Mantel tests; 0 leaves their p-values out.
    seed : int
        Of ties, permutations and the rows whose tau-b is computed. The figures are those of `evaluate`.
    threads : int
        0: as many as there are usable cores. The result does not depend on it.

    Returns
    -------
    dict of (str, str) to Agreement
        Every two measures, in the order of `itertools.combinations`.

    Raises
    ------
    ValueError
        If a matrix is not valid, shapes differ, one of `ks` is not in 1 .. n_tracks - 1, or n_permutations or threads
        is negative.

    Notes
    -----
    O(n_measures n_permutations n_tracks**2) time in practice, where fetching permuted entries dominates; memory of
    the matrices once more in float32, their number rounded up to a power of two or a multiple of eight.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> result = evaluate_all({"line": line, "square": line**2}, ks=[1], n_permutations=9)
    >>> round(result["line", "square"].mantel.correlation, 6)
    1.0
    """
    for name, distances in measures.items():
        validate_distances(distances, name=f"measure {name}")
    shapes = {name: distances.shape for name, distances in measures.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"measures must be over the same tracks, got {shapes}; keep the tracks that all have")
    if len(measures) < 2:
        return {}
    results = _evaluate(list(measures.values()), ks=ks, n_permutations=n_permutations, seed=seed, threads=threads)
    return dict(zip(combinations(measures, 2), results, strict=True))


def _evaluate(
    matrices: Sequence[Distances], *, ks: Sequence[int], n_permutations: int, seed: int, threads: int
) -> list[Agreement]:
    """Judge every two matrices, in the order of `itertools.combinations`."""
    n_tracks = len(matrices[0])
    validate_list_lengths(ks, n_tracks=n_tracks)
    mantels = correlate_pairs(matrices, n_permutations=n_permutations, seed=seed, threads=threads)
    spearman, kendall = correlate_rows(matrices, seed=seed)
    depth = min(DEPTH, n_tracks - 1)
    longest = max((*ks, depth))
    lists = [nearest_lists(distances, k=longest, seed=seed) for distances in matrices] if depth > 0 else []
    results: list[Agreement] = []
    for first, second in combinations(range(len(matrices)), 2):
        neighbors, rbo = (), RankBiasedOverlap(PERSISTENCE, 0, float("nan"), float("nan"))
        if depth > 0:
            depths = shared_depths(lists[first], lists[second])
            neighbors, rbo = shared_at(depths, ks=ks), biased_to(depths, p=PERSISTENCE, depth=depth)
        warn_if_undefined(spearman[:, first, second])
        mantel = mantels[first, second]
        warn_if_constant(mantel)
        results.append(
            Agreement(neighbors, rbo, summary(spearman[:, first, second]), summary(kendall[:, first, second]), mantel)
        )
    return results
