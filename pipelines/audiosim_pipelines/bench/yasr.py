"""`audiosim bench yasr`: the comparison that was given up in 2020, replayed.

The recipe: 4 806 tracks of 30 s, whole, at 43 frames/s, 20 MFCC, Euclidean local cost, classic steps (symmetric1), no
band. Published then: about 50 minutes for one song against all with *approximate* FastDTW, given up after more than
40 hours for all against all, and 2 seconds for a handful of Spotify features instead.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from audiosim_kernels import Ragged, cosine, device, dtw
from audiosim_pipelines.bench import corpus, machine
from audiosim_pipelines.bench.corpus import Corpus
from audiosim_pipelines.progress import Progress, Silent

N_TRACKS = 4_806
N_FEATURES = 10
PUBLISHED = {
    "one against all": "about 50 minutes (approximate, FastDTW)",
    "all against all": "given up after 40+ hours (approximate, FastDTW)",
    "features": "2 seconds (Spotify features)",
}
_TILE = 256  # tracks that are made and compared at once on the CPU
_RECIPE: dict[str, Any] = {"local_cost": "euclidean", "step_pattern": "symmetric1", "normalize": False}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for a whole job, and whether all of it ran: `n_measured` of `n_pairs` took `seconds_measured`."""

    job: str
    n_pairs: int
    n_measured: int
    seconds_measured: float
    gcells: float | None = None
    published: str | None = None

    @property
    def seconds(self) -> float:
        """Of the whole job; in proportion to the pairs where only a part ran."""
        return self.seconds_measured * self.n_pairs / self.n_measured

    @property
    def how(self) -> str:
        """Whether it was measured, or from which part it was extrapolated."""
        if self.n_measured == self.n_pairs:
            return "measured"
        return f"extrapolated from {self.n_measured:,} of {self.n_pairs:,} pairs".replace(",", " ")


@dataclass(frozen=True, slots=True)
class YasrReport:
    """The timings beside the published figures, and what they were measured on."""

    corpus: str
    n_tracks: int
    n_frames: int
    n_dims: int
    n_threads: int
    timings: tuple[Timing, ...]
    machine: dict[str, Any] = field(default_factory=machine.describe)

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        whole = asdict(self)
        whole["timings"] = [{**asdict(t), "seconds": t.seconds, "how": t.how} for t in self.timings]
        return whole


def bench_yasr(
    folder: Path | None = None,
    *,
    n_tracks: int = N_TRACKS,
    n_frames: int = corpus.N_FRAMES,
    wish: device.Device = "auto",
    n_threads: int = 0,
    budget: float = 90.0,
    progress: Progress | None = None,
) -> YasrReport:
    """Time one track against all and all against all in the recipe of 2020.

    Parameters
    ----------
    folder
        Music whose MFCC are laid end to end and varied until there are `n_tracks` distinct tracks; the synthesised
        demo by default.
    n_tracks, n_frames
        Size of the job; smaller for a test.
    wish : {"auto", "cpu", "cuda"}
        Device. A GPU runs everything whole.
    n_threads
        On the CPU; 0 is one a core.
    budget : float (s)
        A CPU job that would take longer is measured on the part that fits, and extrapolated.
    progress
        Where to say what goes on.

    Raises
    ------
    SourceError
        If the folder holds no audio that can be read.
    ValueError
        If there are fewer than two tracks.
    """
    if n_tracks < 2:
        raise ValueError(f"n_tracks must be >= 2, got {n_tracks}")
    progress = progress or Silent()
    music = corpus.read(folder, n_frames=min(n_tracks, _TILE) * n_frames)
    threads = n_threads or machine.n_cores()
    where = device.resolve(wish)
    compare = _comparison(where, threads)
    progress.say(f"compiling, then one against {n_tracks - 1} and all against all on {where}")
    compare(_ragged(music, 17, n_frames), None)
    job = _Job(music, n_tracks, n_frames, compare, np.inf if where == "cuda" else budget)
    one = job.one_against_all()
    timings = (one, job.all_against_all(one), *_features(n_tracks, where, threads))
    n_original = music.n_original(n_frames)
    return YasrReport(
        f"{music.description}, {n_original} tracks of {n_frames} frames, varied to {n_tracks}",
        n_tracks, n_frames, int(music.clips[0].shape[1]), threads, timings,
    )  # fmt: skip


Comparison = Callable[[Ragged, Ragged | None], float]


def _comparison(where: Literal["cpu", "cuda"], n_threads: int) -> Comparison:
    """What compares rows with columns, or rows with one another, and returns the seconds."""

    def compare(rows: Ragged, columns: Ragged | None) -> float:
        started = time.perf_counter()
        dtw.matrix(rows, columns, **_RECIPE, device=where, n_threads=n_threads)
        return time.perf_counter() - started

    return compare


def _ragged(music: Corpus, n_tracks: int, n_frames: int, first: int = 0) -> Ragged:
    return Ragged.from_sequences(list(music.tracks(n_tracks, n_frames=n_frames, first=first)))


@dataclass(frozen=True, slots=True)
class _Job:
    """The corpus and how it is compared."""

    music: Corpus
    n_tracks: int
    n_frames: int
    compare: Comparison
    budget: float

    def one_against_all(self) -> Timing:
        """The first track against the others, in tiles; making the tiles is not timed."""
        query = _ragged(self.music, 1, self.n_frames)
        tile = self.n_tracks if self.budget == np.inf else _TILE
        seconds, done = 0.0, 0
        while done < self.n_tracks - 1:
            size = min(tile, self.n_tracks - 1 - done)
            others = _ragged(self.music, size, self.n_frames, first=1 + done)
            seconds += self.compare(query, others)
            done += size
            if seconds > self.budget:
                break
        return self._timing("one against all", self.n_tracks - 1, done, seconds)

    def all_against_all(self, one: Timing) -> Timing:
        """All tracks, or as many of them with one another as fit the budget at the rate of one against all."""
        n_pairs = self.n_tracks * (self.n_tracks - 1) // 2
        affordable = n_pairs if self.budget == np.inf else self.budget / (one.seconds / one.n_pairs)
        n_part = self.n_tracks
        if affordable < n_pairs:
            n_part = max(2, min(self.n_tracks, int((1 + np.sqrt(1 + 8 * affordable)) / 2)))
        seconds = self.compare(_ragged(self.music, n_part, self.n_frames), None)
        return self._timing("all against all", n_pairs, n_part * (n_part - 1) // 2, seconds)

    def _timing(self, job: str, n_pairs: int, n_measured: int, seconds: float) -> Timing:
        gcells = n_measured * self.n_frames**2 / seconds / 1e9
        return Timing(job, n_pairs, n_measured, seconds, gcells, PUBLISHED[job])


def _features(n_tracks: int, where: Literal["cpu", "cuda"], n_threads: int) -> tuple[Timing, ...]:
    """The baseline: cosine of 10 numbers a track. The numbers are random; the time does not depend on them."""
    vectors = np.random.default_rng(0).uniform(0.01, 1, (n_tracks, N_FEATURES)).astype(np.float32)
    n_nearest = min(10, n_tracks - 1)
    cosine.top_k(vectors[:17], k=1, device=where)
    started = time.perf_counter()
    cosine.matrix(vectors, device=where, n_threads=n_threads)
    matrix = time.perf_counter() - started
    started = time.perf_counter()
    cosine.top_k(vectors, k=n_nearest, device=where, n_threads=n_threads)
    nearest = time.perf_counter() - started
    n_pairs = n_tracks * (n_tracks - 1) // 2
    return (
        Timing(f"cosine of {N_FEATURES} features, all", n_pairs, n_pairs, matrix, published=PUBLISHED["features"]),
        Timing(f"cosine of {N_FEATURES} features, {n_nearest} nearest", n_pairs, n_pairs, nearest),
    )
