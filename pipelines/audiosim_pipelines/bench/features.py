"""`audiosim bench features`: all distances of a feature table, the other half of the comparison of 2020, replayed.

Published then: 13 517 tracks by 10 features, scaled to 0..1, compared with one another by cosine in 1.1 to 1.7 seconds.
The peer is scikit-learn, which was used then.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.metrics.pairwise import cosine_distances

from audiosim.features.pooling import standardize
from audiosim.features.table import YASR_FEATURES, encode, scale
from audiosim.sources.feature_table import read_feature_table
from audiosim_kernels import cosine, device
from audiosim_pipelines.bench import machine
from audiosim_pipelines.progress import Progress, Silent

N_ROWS = 13_465
PUBLISHED_SECONDS = 1.13
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class MatrixTime:
    """Seconds for the whole matrix: median, least, most of the rounds; `ratio` is theirs to ours in the same round."""

    library: str
    seconds: tuple[float, float, float]
    ratio: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class FeaturesReport:
    """Times of ours and of the peer, on which table and machine."""

    table: str
    n_rows: int
    n_features: int
    n_threads: int
    rounds: int
    worst_error: float
    times: tuple[MatrixTime, ...]
    published_seconds: float = PUBLISHED_SECONDS
    machine: dict[str, Any] = field(default_factory=machine.describe)

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)


def bench_features(
    table: Path | None = None,
    *,
    n_rows: int = N_ROWS,
    rounds: int = 5,
    n_threads: int = 0,
    wish: device.Device = "auto",
    progress: Progress | None = None,
) -> FeaturesReport:
    """Time the cosine distances of all rows of a feature table with one another, ours and scikit-learn's in turns.

    Parameters
    ----------
    table
        A feature table; random numbers by default (the time does not depend on them).
    n_rows
        Rows of a random table.
    rounds
        Turns of each.
    n_threads
        Ours; 0 is one a core. scikit-learn takes those of its BLAS.
    wish : {"auto", "cpu", "cuda"}
        Where ours runs.
    progress
        Where to say what goes on.

    Raises
    ------
    FeatureTableError
        If the table cannot be used.
    ValueError
        If there is no round.
    RuntimeError
        If the distances of the two differ.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be >= 1, got {rounds}")
    progress = progress or Silent()
    vectors, described = _vectors(table, n_rows)
    where, threads = device.resolve(wish), n_threads or machine.n_cores()
    wide = vectors.astype(np.float64)  # as pandas hands them to scikit-learn
    out = np.empty((len(vectors), len(vectors)), dtype=np.float32)
    cosine.matrix(vectors[:100], device=where)
    contenders: dict[str, Callable[[], npt.NDArray[Any]]] = {
        f"audiosim, float32, {where}": lambda: cosine.matrix(vectors, device=where, n_threads=threads, out=out),
        f"scikit-learn {sklearn.__version__}, float64": lambda: cosine_distances(wide),
        f"scikit-learn {sklearn.__version__}, float32": lambda: cosine_distances(vectors),
    }
    worst = float(np.abs(cosine.matrix(vectors[:2_000], device=where) - cosine_distances(wide[:2_000])).max())
    if not worst <= TOLERANCE:
        raise RuntimeError(f"distances must equal scikit-learn's to {TOLERANCE}, differ by up to {worst:.1e}")
    seconds = np.empty((rounds, len(contenders)))
    with progress.bar("bench features", rounds, "rounds") as advance:
        for turn in seconds:
            for i, contender in enumerate(contenders.values()):
                started = time.perf_counter()
                contender()
                turn[i] = time.perf_counter() - started
            advance(1)
    ratios = seconds / seconds[:, :1]
    times = tuple(MatrixTime(name, _spread(seconds[:, i]), _spread(ratios[:, i])) for i, name in enumerate(contenders))
    n_rows, n_features = vectors.shape
    return FeaturesReport(described, n_rows, n_features, threads, rounds, worst, times)


def _vectors(table: Path | None, n_rows: int) -> tuple[npt.NDArray[np.float32], str]:
    """Vectors in the recipe of 2020, and what they are."""
    if table is None:
        random = np.random.default_rng(0).uniform(0.01, 1, (n_rows, len(YASR_FEATURES)))
        return random.astype(np.float32), "random numbers"
    read = read_feature_table(table)
    encoded = encode(read.values, read.names, recipe="yasr")
    scaled = standardize(encoded.astype(np.float32), scale(encoded, recipe="yasr"))
    # A row that is least in everything has no direction.
    return np.ascontiguousarray(scaled[scaled.any(axis=1)]), table.name


def _spread(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    return float(np.median(values)), float(values.min()), float(values.max())
