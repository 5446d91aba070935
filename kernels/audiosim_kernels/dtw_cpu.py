# pyright: basic
"""DTW on the CPU: vectors of pairs one after the other, in each of a few threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from audiosim_kernels import dtw_groups, dtw_vector
from audiosim_kernels.lanes import LANES
from audiosim_kernels.ragged import Frames, Integers, Ragged

_SHARES_PER_THREAD = 8  # estimates of the work err; small shares even the threads' work out


def totals(
    sequences: Ragged,
    others: Ragged,
    pairs: Integers,
    radii: Integers,
    *,
    squared: bool,
    diagonal_weight: float,
    n_threads: int = 1,
) -> Frames:
    """Accumulated costs of the pairs, (n_pairs,) float32; arguments as `dtw.distances` has checked them."""
    result = np.empty(len(pairs), dtype=np.float32)
    if not len(pairs):
        return result
    groups = group(sequences, others, pairs, radii)
    x, y = (others, sequences) if groups.exchanged else (sequences, others)
    n, m = x.lengths[groups.queries], y.lengths[groups.targets]

    def compare(share: Integers) -> None:
        vectors = dtw_vector.Vectors(groups.queries[share], groups.targets[share], radii[share])
        scratch = dtw_vector.scratch(int(n[share].max()), int(m[share].max()), x.n_dims)
        found = np.empty(share.shape, dtype=np.float32)
        dtw_vector.compare(
            x.frames, x.offsets, y.frames, y.offsets, vectors, squared, diagonal_weight == 2, scratch, found
        )
        result[share] = found

    if n_threads == 1:
        compare(groups.order)
        return result
    work = np.cumsum((n * np.minimum(m, 2 * radii + 1))[groups.order].max(axis=1))
    cuts = np.searchsorted(work, np.linspace(0, work[-1], n_threads * _SHARES_PER_THREAD + 1)[1:-1])
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(compare, (share for share in np.split(groups.order, cuts) if len(share))))
    return result


def group(sequences: Ragged, others: Ragged, pairs: Integers, radii: Integers) -> dtw_groups.Groups:
    """Put pairs, at least one, in the lanes of this machine's vectors."""
    second = None if others is sequences else others.lengths
    return dtw_groups.group(sequences.lengths, second, pairs, radii, LANES)


def padding(sequences: Ragged, others: Ragged, pairs: Integers) -> float:
    """Share of the computed cells, without a band, that no pair needs."""
    radii = np.maximum(sequences.lengths[pairs[:, 0]], others.lengths[pairs[:, 1]])
    groups = group(sequences, others, pairs, radii)
    return dtw_groups.padding(groups, sequences.lengths, others.lengths)
