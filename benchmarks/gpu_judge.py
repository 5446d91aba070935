"""How right DTW is on this GPU, in each precision, at real lengths: against float64 on all cores of the CPU.

Part of `benchmarks/gpu_box`; needs numpy and numba.
"""

from typing import get_args

import numpy as np
from numba import njit, prange

from audiosim_kernels import Ragged, dtw

COSTS = ("sqeuclidean", "euclidean")
RECIPE = {"step_pattern": "symmetric1", "normalize": False, "device": "cuda"}
# Relative. Sums of float32 roundings scatter: of random pairs of 1 292 frames one in a thousand lies beyond 2e-6.
ASKED = {"float32": 2e-6, "split": 2e-6, "float16": 1e-4}
OF_ONE_FRAME = 1e-3  # what float16 may be off on a single frame; over several, errors cancel like their root
FEW = 0.01  # share of pairs that may lie beyond, and by what factor
FACTOR = 2.5
TOP_K = 10


def precisions(local_cost):
    """Precisions that this local cost can be asked for."""
    return get_args(dtw.Precision) if local_cost == "sqeuclidean" else ("float32",)


def walks(n_tracks, n_frames, n_dims, seed=0):
    """Tracks whose coefficients wander as MFCC do and have unit variance, as one Ragged."""
    rng = np.random.default_rng(seed)
    frames = rng.standard_normal((n_tracks, n_frames, n_dims), dtype=np.float32)
    for frame in range(1, n_frames):  # correlation 0.9 from one frame to the next
        frames[:, frame] = np.float32(0.9) * frames[:, frame - 1] + np.float32(0.19**0.5) * frames[:, frame]
    frames += rng.standard_normal((n_tracks, 1, n_dims), dtype=np.float32) / 2
    return Ragged(frames.reshape(-1, n_dims), np.arange(n_tracks + 1, dtype=np.int64) * n_frames)


@njit(parallel=True)
def _fill(frames, offsets, pairs, squared, result):
    for pair in prange(len(pairs)):
        x = frames[offsets[pairs[pair, 0]] : offsets[pairs[pair, 0] + 1]]
        y = frames[offsets[pairs[pair, 1]] : offsets[pairs[pair, 1] + 1]]
        above = np.full(len(y) + 1, np.inf)
        for i in range(len(x)):
            diagonal, left = above[0], np.inf
            if i == 0:
                diagonal = 0.0
            for j in range(len(y)):
                cost = 0.0
                for dim in range(x.shape[1]):
                    difference = np.float64(x[i, dim]) - np.float64(y[j, dim])
                    cost += difference * difference
                if not squared:
                    cost = np.sqrt(cost)
                left = cost + min(left, above[j + 1], diagonal)
                diagonal = above[j + 1]
                above[j + 1] = left
        result[pair] = above[len(y)]


def exact(songs, pairs, local_cost):
    """Totals of pairs in float64, by the definition."""
    result = np.empty(len(pairs))
    _fill(songs.frames, songs.offsets, pairs, local_cost == "sqeuclidean", result)
    return result


def judge(size, attempt):
    """Every precision and cost on a sample of rows, then on sequences that are hard; a list of entries with "ok"."""
    songs, odd = walks(size["sample"], size["frames"], size["dims"], seed=1), hard(size)
    rows = np.arange(size["sample_rows"])
    pairs = np.stack(np.meshgrid(rows, np.arange(len(songs)), indexing="ij"), axis=-1).reshape(-1, 2)
    found = []
    for local_cost in COSTS:
        totals = exact(songs, pairs, local_cost).reshape(len(rows), -1)
        kinds = {name: exact(some, _both_ways(some), local_cost) for name, some in odd.items()}
        for precision in precisions(local_cost):
            asked = {"precision": precision, "local_cost": local_cost}
            found.append({"sequences": "random", **asked, **attempt(_sample, songs, totals, **asked)})
            for name, some in odd.items():
                found.append({"sequences": name, **asked, **attempt(_hard, some, kinds[name], **asked)})
    return found


def _sample(songs, totals, *, precision, local_cost):
    """Errors of the sample's rows, and the share of their nearest that float64 agrees on."""
    rows = songs.take(np.arange(len(totals)))
    options = {**RECIPE, "precision": precision, "local_cost": local_cost}
    actual = dtw.matrix(rows, songs, **options)
    others = ~np.eye(*totals.shape, dtype=bool)
    k = min(TOP_K, len(songs) - 1)
    nearest = {name: _lists(matrix, others, k) for name, matrix in (("exact", totals), ("actual", actual))}
    # The row itself, at a distance of 0, comes first.
    listed = dtw.top_k(rows, songs, k=k + 1, **options)[0][:, 1:]
    shared = sum(len(np.intersect1d(*lists)) for lists in zip(*nearest.values(), strict=True))
    zero = bool((actual[~others] == 0).all())
    same = bool((listed == nearest["actual"]).all())
    entry = _errors(actual[others] / totals[others] - 1, precision, int(songs.lengths.min()))
    return entry | {
        "ok": entry["ok"] and zero and same,
        "self_distances_are_zero": zero,
        "lists_are_those_of_the_matrix": same,
        "top_k": k,
        "top_k_agreement": shared / (k * len(totals)),
        "n_rows": len(totals),
        "n_columns": len(songs),
    }


def _lists(matrix, others, k):
    return np.argsort(np.where(others, matrix, np.inf), axis=1, kind="stable")[:, :k]


def _errors(errors, precision, n_frames):
    """Worst and mean error, and whether they are as asked."""
    size, asked = np.abs(errors), ASKED[precision]
    if precision == "float16":
        asked = max(asked, OF_ONE_FRAME / n_frames**0.5)
    beyond = float((size > asked).mean())
    return {
        "ok": bool(size.max() <= FACTOR * asked and beyond <= FEW),
        "worst_relative_error": float(size.max()),
        "rms_relative_error": float(np.sqrt(np.mean(np.square(errors)))),
        "share_beyond": beyond,
        "asked": asked,
    }


def hard(size):
    """Sequences of which float32 might think otherwise, a few of each kind."""
    n, n_dims = size["frames"], size["dims"]
    rng = np.random.default_rng(2)
    first, second = walks(2, n, n_dims, seed=3)
    still = [np.repeat(rng.standard_normal((1, n_dims)), length, axis=0) for length in (n, n - n // 3)]
    raw = np.concatenate([[-400.0], np.zeros(n_dims - 1)]) + 30 * np.stack([first, second])
    silence = np.concatenate([first[: n // 2], still[0][: n // 4], second[n // 2 :]])
    kinds = {
        "near-duplicates": [first, first + 1e-3 * rng.standard_normal(first.shape)],
        "raw scale": list(raw),
        "standing still": still,
        "one standing still": [still[1], first],
        "silence inside": [silence, np.concatenate([second[: n // 3], still[1][: n // 2], first[n // 3 :]])],
        "of other lengths": [first[: max(1, n // 7)], second],
        "single frames": [first[:1], second[:1]],
        "long": list(walks(2, size["long"], n_dims, seed=4)),
    }
    wanted = size.get("kinds", tuple(kinds))
    return {name: Ragged.from_sequences(kinds[name]) for name in wanted}


def _both_ways(songs):
    return np.argwhere(np.ones((len(songs), len(songs)), dtype=bool))


def _hard(songs, totals, *, precision, local_cost):
    """Errors of all pairs; they must be 0 with themselves, and the same both ways to the last bit."""
    pairs = _both_ways(songs)
    actual = dtw.distances(songs, pairs, precision=precision, local_cost=local_cost, **RECIPE)
    matrix = actual.reshape(len(songs), -1)
    others = pairs[:, 0] != pairs[:, 1]
    zero, symmetric = bool((actual[~others] == 0).all()), bool((matrix == matrix.T).all())
    entry = _errors(actual[others] / totals[others] - 1, precision, int(songs.lengths.min()))
    return entry | {
        # Few pairs, so that each counts.
        "ok": entry["worst_relative_error"] <= 1.5 * entry["asked"] and zero and symmetric,
        "self_distances_are_zero": zero,
        "symmetric": symmetric,
    }


def describe(entry):
    """One line of the summary."""
    head = f"{entry['sequences']:<20} {entry['precision']:<8} {entry['local_cost']:<12}"
    if "error" in entry:
        return f"{head} failed: {entry['error']}"
    lists = f", top-{entry['top_k']} agreement {entry['top_k_agreement']:.4f}" if "top_k" in entry else ""
    verdict = "ok" if entry["ok"] else "WRONG"
    return f"{head} {verdict}: worst error {entry['worst_relative_error']:.1e}, asked {entry['asked']:.1e}{lists}"
