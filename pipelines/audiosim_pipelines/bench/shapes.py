"""Does a cell cost the same whatever is compared? Our DTW beside itself: lengths, numbers, local costs, bands."""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim_kernels import Ragged, dtw, dtw_cpu
from audiosim_pipelines.bench.corpus import N_FRAMES, Corpus

_TURN_SECONDS = 0.3
_RECIPE: dict[str, Any] = {"local_cost": "sqeuclidean", "step_pattern": "symmetric1", "normalize": False}


@dataclass(frozen=True, slots=True)
class Shape:
    """What is compared in one row: `rows` with `columns`, or with one another."""

    label: str
    rows: Ragged
    columns: Ragged | None
    options: dict[str, Any]

    def n_cells(self) -> float:
        """Cells of the whole matrices, without regard to a band."""
        lengths = self.rows.lengths.astype(float)
        if self.columns is None:
            return float(lengths.sum() ** 2 - (lengths**2).sum()) / 2
        return float(lengths.sum() * self.columns.lengths.sum())

    def padding(self) -> float:
        """Share of the computed cells that only fill up vectors of pairs of unequal lengths."""
        if self.columns is None:
            pairs = np.argwhere(np.triu(np.ones((len(self.rows),) * 2, dtype=np.bool_), k=1))
            return dtw_cpu.padding(self.rows, self.rows, pairs)
        pairs = np.indices((len(self.rows), len(self.columns))).reshape(2, -1).T
        return dtw_cpu.padding(self.rows, self.columns, pairs)


@dataclass(frozen=True, slots=True)
class ShapeRate:
    """How fast one shape went.

    `share` is the rate as a share of the first shape's in the same round: median, least, most. Cells outside a band
    count in `mcells`, so that a band shows by how much it shortens the work.
    """

    label: str
    n_pairs: int
    lengths: tuple[int, int]
    mcells: float
    share: tuple[float, float, float]
    padding: float


def shapes(music: Corpus, *, n_frames: int = N_FRAMES) -> list[Shape]:
    """All rows of the table; the first one, sequences of equal lengths, is what the others are measured by."""

    def equal(n_tracks: int, length: int, first: int = 0) -> Ragged:
        return Ragged.from_sequences(list(music.tracks(n_tracks, n_frames=length, first=first)))

    thirty = equal(4, n_frames), equal(32, n_frames, 4)
    short, long = max(1, n_frames // 13), 8 * n_frames
    found = [
        Shape(f"{n_frames} frames, squared, symmetric1", *thirty, _RECIPE),
        Shape("symmetric2", *thirty, _RECIPE | {"step_pattern": "symmetric2"}),
        Shape("Euclidean", *thirty, _RECIPE | {"local_cost": "euclidean"}),
        Shape("band of 10 %", *thirty, _RECIPE | {"band_fraction": 0.1}),
        Shape("Euclidean, symmetric2, band of 10 %", *thirty, {"band_fraction": 0.1}),
        Shape(f"{short} frames", equal(16, short), equal(256, short, 16), _RECIPE),
        Shape(f"{long} frames", equal(2, long), equal(16, long, 2), _RECIPE),
    ]
    found += [Shape(f"{n} x {n} of {short} frames", equal(n, short), None, _RECIPE) for n in (64, 256, 1_024)]
    own = [clip[: 2 * n_frames] for clip in music.clips[:48]]
    if len(own) > 1:
        found.append(Shape("the clips' own lengths", Ragged.from_sequences(own), None, _RECIPE))
    # As those of a music library: the middle half of the lengths lies within a factor of 1.5.
    mixed = np.random.default_rng(20_261_121).lognormal(math.log(n_frames), 0.3, size=48).astype(int)
    tracks = [music.tracks(1, n_frames=max(1, int(n)), first=i)[0] for i, n in enumerate(mixed)]
    found.append(Shape("lengths of a music library", Ragged.from_sequences(tracks), None, _RECIPE))
    return found


def measure(jobs: list[Shape], *, rounds: int) -> tuple[ShapeRate, ...]:
    """Time the shapes in rounds on one thread: in every round each has its turn."""
    repeats = [max(1, round(_TURN_SECONDS / _seconds(job, 1))) for job in jobs]
    rates = np.array([[_rate(job, n) for job, n in zip(jobs, repeats, strict=True)] for _ in range(rounds)])
    shares = rates / rates[:, :1]
    return tuple(_described(job, rates[:, i], shares[:, i]) for i, job in enumerate(jobs))


def _described(job: Shape, rates: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]) -> ShapeRate:
    lengths = np.concatenate([job.rows.lengths, [] if job.columns is None else job.columns.lengths])
    n = len(job.rows)
    return ShapeRate(
        job.label,
        n * (n - 1) // 2 if job.columns is None else n * len(job.columns),
        (int(lengths.min()), int(lengths.max())),
        float(np.median(rates)),
        (float(np.median(shares)), float(shares.min()), float(shares.max())),
        job.padding(),
    )


def _rate(job: Shape, repeats: int) -> float:
    """Mcells/s of one turn."""
    return repeats * job.n_cells() / 1e6 / _seconds(job, repeats)


def _seconds(job: Shape, repeats: int) -> float:
    """Seconds of that many calls; a first, small one, which compiles, is apart."""
    dtw.matrix(job.rows.take(np.arange(min(2, len(job.rows)))), device="cpu", **job.options)
    started = time.perf_counter()
    for _ in range(repeats):
        dtw.matrix(job.rows, job.columns, device="cpu", **job.options)
    return time.perf_counter() - started
