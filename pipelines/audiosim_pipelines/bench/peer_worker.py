"""One library that is timed, in a process of its own: `python peer_worker.py NAME TRACKS.npy`.

It may be run by any interpreter that has numpy and the library: nothing of audiosim is imported, but for the peer
that is audiosim. Tracks are (n_tracks, n_frames, n_dims) float32. The first line on stdout says what was loaded; then
every line on stdin is a job in JSON, and every line on stdout its answer: the seconds inside the library, and the
distances, as totals of the local costs along the path (a root that the library takes at the end is undone).
"""

import importlib
import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Job(NamedTuple):
    """The first `n_tracks` tracks with one another by a matrix, or `n_pairs` pairs (0, 1), (2, 3), ... one by one.

    `band_radius` is in frames, None is no band; `local_cost` is "euclidean" or "sqeuclidean".
    """

    local_cost: str
    band_radius: int | None
    n_threads: int
    n_tracks: int
    n_pairs: int


class Peer(NamedTuple):
    """How a library is called: `prepare(tracks)` outside the time, `pair` and `matrix` inside.

    `pair(x, y, job)` is None where a library is timed by matrices only, `matrix(tracks, job)` where it has no threads
    of its own; it returns the upper triangle, row by row. `costs` are the local costs that it can compute.
    """

    distribution: str
    modules: tuple[str, ...]
    prepare: Callable[[Any], Any]
    pair: Callable[[Any, Any, Job], float] | None
    matrix: Callable[[Any, Job], Any] | None
    costs: tuple[str, ...] = ("sqeuclidean", "euclidean")
    has_bands: bool = True


def _float64(tracks: Any) -> Any:  # noqa: ANN401
    return np.ascontiguousarray(tracks, dtype=np.float64)


def _upper(matrix: Any) -> Any:  # noqa: ANN401
    return matrix[np.triu_indices(len(matrix), k=1)]


def _audiosim_matrix(tracks: Any, job: Job) -> Any:  # noqa: ANN401
    dtw = sys.modules["audiosim_kernels.dtw"]
    return _upper(
        dtw.matrix(
            tracks.take(np.arange(job.n_tracks)), local_cost=job.local_cost, step_pattern="symmetric1",
            band_radius=job.band_radius, normalize=False, device="cpu", n_threads=job.n_threads,
        )
    )  # fmt: skip


def _audiosim_prepare(tracks: Any) -> Any:  # noqa: ANN401
    return sys.modules["audiosim_kernels"].Ragged.from_sequences(list(tracks))


def _dtaidistance_options(job: Job) -> dict[str, Any]:
    inner = {"sqeuclidean": "squared euclidean", "euclidean": "euclidean"}[job.local_cost]
    # Its window is the first shift that is forbidden.
    return {"inner_dist": inner, **({} if job.band_radius is None else {"window": job.band_radius + 1})}


def _dtaidistance_pair(x: Any, y: Any, job: Job) -> float:  # noqa: ANN401
    distance = sys.modules["dtaidistance.dtw_ndim"].distance_fast(x, y, **_dtaidistance_options(job))
    return distance**2 if job.local_cost == "sqeuclidean" else distance


def _dtaidistance_matrix(tracks: Any, job: Job) -> Any:  # noqa: ANN401
    distances = sys.modules["dtaidistance.dtw_ndim"].distance_matrix_fast(
        list(tracks[: job.n_tracks]), compact=True, parallel=True, **_dtaidistance_options(job)
    )
    return np.square(distances) if job.local_cost == "sqeuclidean" else np.asarray(distances)


def _tslearn_options(job: Job) -> dict[str, Any]:
    if job.band_radius is None:
        return {}
    return {"global_constraint": "sakoe_chiba", "sakoe_chiba_radius": job.band_radius}


def _tslearn_pair(x: Any, y: Any, job: Job) -> float:  # noqa: ANN401
    return sys.modules["tslearn.metrics"].dtw(x, y, **_tslearn_options(job)) ** 2


def _tslearn_matrix(tracks: Any, job: Job) -> Any:  # noqa: ANN401
    cdist = sys.modules["tslearn.metrics"].cdist_dtw
    return np.square(_upper(cdist(tracks[: job.n_tracks], n_jobs=job.n_threads, **_tslearn_options(job))))


def _librosa_pair(x: Any, y: Any, job: Job) -> float:  # noqa: ANN401
    options: dict[str, Any] = {}
    if job.band_radius is not None:  # a fraction, and the first shift that is forbidden
        options = {"global_constraints": True, "band_rad": (job.band_radius + 1) / len(x)}
    dtw = sys.modules["librosa.sequence"].dtw
    return dtw(x.T, y.T, metric=job.local_cost, backtrack=False, **options)[-1, -1]


def _aeon_prepare(tracks: Any) -> Any:  # noqa: ANN401
    return _float64(tracks.transpose(0, 2, 1))


def _aeon_window(job: Job, n_frames: int) -> float | None:
    # It truncates; half a frame more keeps rounding from losing one.
    return None if job.band_radius is None else (job.band_radius + 0.5) / n_frames


def _aeon_pair(x: Any, y: Any, job: Job) -> float:  # noqa: ANN401
    return sys.modules["aeon.distances"].dtw_distance(x, y, window=_aeon_window(job, x.shape[1]))


def _aeon_matrix(tracks: Any, job: Job) -> Any:  # noqa: ANN401
    pairwise = sys.modules["aeon.distances"].dtw_pairwise_distance
    window = _aeon_window(job, tracks.shape[2])
    return _upper(pairwise(tracks[: job.n_tracks], window=window, n_jobs=job.n_threads))


def _dtw_python_pair(x: Any, y: Any, job: Job) -> float:  # noqa: ANN401
    options: dict[str, Any] = {}
    if job.band_radius is not None:
        options = {"window_type": "sakoechiba", "window_args": {"window_size": job.band_radius}}
    dtw = sys.modules["dtw"].dtw
    return dtw(
        x, y, dist_method=job.local_cost, step_pattern="symmetric1", distance_only=True, **options
    ).distance  # fmt: skip


def _fastdtw_pair(x: Any, y: Any, job: Job) -> float:  # noqa: ANN401, ARG001
    return sys.modules["fastdtw"].fastdtw(x, y, radius=1, dist=2)[0]


PEERS = {
    "audiosim": Peer(
        "audiosim", ("audiosim_kernels", "audiosim_kernels.dtw"), _audiosim_prepare, None, _audiosim_matrix
    ),
    "dtaidistance": Peer(
        "dtaidistance", ("dtaidistance.dtw_ndim",), _float64, _dtaidistance_pair, _dtaidistance_matrix
    ),
    "tslearn": Peer("tslearn", ("tslearn.metrics",), _float64, _tslearn_pair, _tslearn_matrix, ("sqeuclidean",)),
    "librosa": Peer("librosa", ("librosa.sequence",), _float64, _librosa_pair, None),
    "aeon": Peer(
        "aeon", ("aeon.distances",), _aeon_prepare, _aeon_pair, _aeon_matrix,
        ("sqeuclidean",),
    ),
    "dtw-python": Peer("dtw-python", ("dtw",), _float64, _dtw_python_pair, None),
    "fastdtw": Peer("fastdtw", ("fastdtw",), _float64, _fastdtw_pair, None, ("euclidean",), has_bands=False),
}  # fmt: skip


def by_matrix(peer: Peer, job: Job) -> bool:
    """Whether a job is one call for a matrix; otherwise it is a loop over pairs."""
    return peer.matrix is not None and (job.n_threads > 1 or peer.pair is None)


def compared(peer: Peer, job: Job, n_tracks: int) -> list[tuple[int, int]]:
    """Pairs whose distances a job answers with, out of `n_tracks` tracks that come round again."""
    if by_matrix(peer, job):
        return [(first, second) for first in range(job.n_tracks) for second in range(first + 1, job.n_tracks)]
    n_distinct = n_tracks // 2
    return [(2 * (i % n_distinct), 2 * (i % n_distinct) + 1) for i in range(job.n_pairs)]


def run(peer: Peer, tracks: Any, job: Job) -> dict[str, Any]:  # noqa: ANN401
    """Do one job: the seconds it took, and the distances."""
    pairs = compared(peer, job, len(tracks))
    started = time.perf_counter()
    if by_matrix(peer, job):
        assert peer.matrix is not None
        distances = peer.matrix(tracks, job)
    else:
        assert peer.pair is not None
        distances = [peer.pair(tracks[first], tracks[second], job) for first, second in pairs]
    return {"seconds": time.perf_counter() - started, "distances": [float(d) for d in distances]}


def main() -> None:
    """Serve jobs until stdin ends."""
    # Python puts this folder first, where a `dtw` lies that is not dtw-python's.
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).parent]
    peer = PEERS[sys.argv[1]]
    answers, sys.stdout = sys.stdout, sys.stderr  # a library that prints must not garble the answers

    def answer(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    try:
        for module in peer.modules:
            importlib.import_module(module)
    except ImportError as error:
        answer({"missing": str(error)})
        return
    tracks = peer.prepare(np.load(sys.argv[2]))
    answer({"version": importlib.metadata.version(peer.distribution)})
    for line in sys.stdin:
        try:
            answer(run(peer, tracks, Job(**json.loads(line))))
        except Exception as error:  # noqa: BLE001 - whatever a library raises is its answer
            answer({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
