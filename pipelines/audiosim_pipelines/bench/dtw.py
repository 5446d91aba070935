"""`audiosim bench dtw`: exact DTW against the libraries that people use, on the same frames in the same run."""

import math
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from audiosim_pipelines.bench import chart, corpus, machine
from audiosim_pipelines.bench.peer_worker import PEERS, Job, compared
from audiosim_pipelines.bench.peers import PeerMissingError, PeerProcess, start
from audiosim_pipelines.bench.shapes import ShapeRate, measure, shapes
from audiosim_pipelines.progress import Progress, Silent

OURS = "audiosim"
BAND_FRACTION = 0.1
APPROXIMATE = frozenset({"fastdtw"})
TOLERANCE = 1e-5  # relative; peers compute in float64, we accumulate in float32
_APPROXIMATE_PAIRS = 16  # that an approximate library is judged by
_TURN_SECONDS = 0.4  # that a library gets in a round, as nearly as whole pairs allow
_REASONS = {
    "aeon": "aeon's pins do not fit beside ours; give an interpreter that has it with --peer-python",
    "dtw-python": "dtw-python is under the GPL and no dependency; give an interpreter that has it with --peer-python",
}


@dataclass(frozen=True, slots=True)
class Variant:
    """What is compared in one table: local cost, band, threads."""

    local_cost: str
    band_fraction: float | None
    n_threads: int

    @property
    def label(self) -> str:
        """A few words for a heading."""
        band = "no band" if self.band_fraction is None else f"{100 * self.band_fraction:.0f} % band"
        threads = "1 thread" if self.n_threads == 1 else f"{self.n_threads} threads"
        cost = {"sqeuclidean": "squared", "euclidean": "Euclidean"}[self.local_cost]
        return f"{cost}, {band}, {threads}"

    def radius(self, n_frames: int) -> int | None:
        """Band radius in frames."""
        return None if self.band_fraction is None else int(np.ceil(np.round(self.band_fraction * n_frames, 6)))


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast one library was in one variant.

    `mcells` are the median Mcells/s of the rounds, `ratio` how many times faster audiosim was in the same round:
    median, least, most. `worst_error` is the largest relative difference from our distances; for an approximate
    library `above_exact` holds the median and the largest excess in percent instead.
    """

    library: str
    variant: Variant
    mcells: float
    ratio: tuple[float, float, float]
    n_pairs: int
    worst_error: float | None
    above_exact: tuple[float, float] | None = None

    @property
    def accuracy(self) -> str:
        """How the library's distances lie to ours, in words."""
        if self.above_exact is not None:
            return f"approximate: {self.above_exact[0]:.2f} % above exact, up to {self.above_exact[1]:.2f} %"
        return f"equal to {self.worst_error:.0e}"


@dataclass(frozen=True, slots=True)
class DtwReport:
    """All rates, what was not run and why, how ours depends on what is compared, and what it was measured on."""

    corpus: str
    n_frames: int
    n_dims: int
    rounds: int
    rates: tuple[Rate, ...]
    shapes: tuple[ShapeRate, ...]
    not_run: dict[str, str]
    versions: dict[str, str]
    machine: dict[str, Any] = field(default_factory=machine.describe)

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)


def bench_dtw(
    folder: Path | None = None,
    *,
    rounds: int = 5,
    n_threads: int = 0,
    peer_pythons: Sequence[str] = (),
    libraries: Sequence[str] = tuple(PEERS),
    n_tracks: int = 64,
    n_frames: int = corpus.N_FRAMES,
    progress: Progress | None = None,
) -> DtwReport:
    """Time exact DTW, ours and theirs, in rounds: in every round each library has its turn.

    Each library runs in a process of its own and is timed in there. Before any clock runs, its distances have to equal
    ours: what differs is listed as not run.

    Parameters
    ----------
    folder
        Music to take the MFCC from; the synthesised demo by default.
    rounds
        Turns of each library.
    n_threads
        Of the variants with threads; 0 is one a core.
    peer_pythons
        Interpreters to look for libraries in that this one does not have.
    libraries
        Which ones; ours always runs.
    n_tracks, n_frames
        Tracks to compare with one another, and their length.
    progress
        Where to say what goes on.

    Raises
    ------
    SourceError
        If the folder holds no audio that can be read.
    ValueError
        If there is no round.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be >= 1, got {rounds}")
    progress = progress or Silent()
    music = corpus.read(folder, n_frames=n_tracks * n_frames)
    tracks = music.tracks(n_tracks, n_frames=n_frames)
    threads = n_threads or machine.n_cores()
    with tempfile.TemporaryDirectory(prefix="audiosim-bench-") as place, ExitStack() as stack:
        path = Path(place) / "tracks.npy"
        np.save(path, tracks)
        processes, not_run = _start(libraries, path, peer_pythons, threads, stack)
        versions = {process.name: process.version for process in processes}
        rates: list[Rate] = []
        variants = _variants(threads)
        with progress.bar("bench dtw", len(variants) + 1, "tables") as advance:
            for variant in variants:
                timed, failed = _time(variant, processes, tracks.shape, rounds)
                rates += timed
                not_run |= failed
                advance(1)
            by_shape = measure(shapes(music, n_frames=n_frames), rounds=rounds)
            advance(1)
    repeated = "" if n_tracks <= music.n_original(n_frames) else ", repeated with noise"
    described = f"{music.description}{repeated}"
    return DtwReport(described, n_frames, int(tracks.shape[2]), rounds, tuple(rates), by_shape, not_run, versions)


def by_variant(report: DtwReport) -> list[tuple[Variant, list[Rate]]]:
    """The rates of each table, fastest first."""
    variants = dict.fromkeys(rate.variant for rate in report.rates)
    return [
        (variant, sorted((r for r in report.rates if r.variant == variant), key=lambda r: -r.mcells))
        for variant in variants
    ]


def picture(report: DtwReport) -> str:
    """The rates as bars, an SVG document."""
    groups = [
        (
            variant.label,
            [
                chart.Bar(
                    rate.library,
                    rate.mcells,
                    f"{rate.mcells:,.0f} Mcells/s" + ("" if rate.library == OURS else f", ours x {rate.ratio[0]:.1f}"),
                    rate.library == OURS,
                )
                for rate in rates
            ],
        )
        for variant, rates in by_variant(report)
    ]
    subtitle = f"{report.n_frames} x {report.n_dims} MFCC, median of {report.rounds} rounds, {report.machine['cpu']}"
    return chart.bars("DTW: million cells a second", subtitle, groups)


def _variants(n_threads: int) -> list[Variant]:
    counts = (1, n_threads) if n_threads > 1 else (1,)
    return [
        Variant(cost, band, count)
        for count in counts
        for band in (None, BAND_FRACTION)
        for cost in ("sqeuclidean", "euclidean")
    ]


def _start(
    libraries: Sequence[str], tracks: Path, pythons: Sequence[str], n_threads: int, stack: ExitStack
) -> tuple[list[PeerProcess], dict[str, str]]:
    """Load the libraries, ours first; those that are missing are returned with the reason."""
    processes = [stack.enter_context(PeerProcess(OURS, tracks, n_threads=n_threads))]
    missing: dict[str, str] = {}
    for name in libraries:
        if name == OURS:
            continue
        try:
            process = start(name, tracks, pythons=(sys.executable, *pythons), n_threads=n_threads)
        except PeerMissingError as error:
            missing[name] = f"{error}; {_REASONS[name]}" if name in _REASONS else str(error)
        else:
            processes.append(stack.enter_context(process))
    return processes, missing


def _can(name: str, variant: Variant) -> bool:
    """Whether a library defines this variant and has threads of its own where it needs them."""
    peer = PEERS[name]
    return (
        variant.local_cost in peer.costs
        and (variant.band_fraction is None or peer.has_bands)
        and (variant.n_threads == 1 or peer.matrix is not None)
    )


def _time(
    variant: Variant, processes: Sequence[PeerProcess], shape: tuple[int, ...], rounds: int
) -> tuple[list[Rate], dict[str, str]]:
    """Fit the jobs to a turn, prove that the answers are the same, then let the libraries take turns."""
    n_tracks, n_frames = shape[0], shape[1]
    radius = variant.radius(n_frames)
    ours = PEERS[OURS]
    everything = Job(variant.local_cost, radius, machine.n_cores(), n_tracks, 0)
    expected = dict(zip(compared(ours, everything, n_tracks), processes[0].run(everything)[1], strict=True))
    turns: list[_Turn] = []
    failed: dict[str, str] = {}
    for process in processes:
        if _can(process.name, variant):
            try:
                turns.append(_fitted(process, variant, radius, n_tracks, expected))
            except (RuntimeError, ValueError) as error:
                failed[f"{process.name} ({variant.label})"] = str(error)
    cells = n_cells(n_frames, radius) / 1e6
    rates = np.array([[turn.n_pairs * cells / turn.process.run(turn.job)[0] for turn in turns] for _ in range(rounds)])
    ratios = rates[:, :1] / rates
    return [
        Rate(
            turn.process.name,
            variant,
            mcells=float(np.median(rates[:, index])),
            ratio=(float(np.median(ratios[:, index])), float(ratios[:, index].min()), float(ratios[:, index].max())),
            n_pairs=turn.n_pairs,
            worst_error=turn.worst_error,
            above_exact=turn.above_exact,
        )
        for index, turn in enumerate(turns)
    ], failed


@dataclass(frozen=True, slots=True)
class _Turn:
    """A library's job in each round, and how its distances lie to ours."""

    process: PeerProcess
    job: Job
    n_pairs: int
    worst_error: float | None
    above_exact: tuple[float, float] | None


def _fitted(
    process: PeerProcess, variant: Variant, radius: int | None, n_tracks: int, expected: dict[tuple[int, int], float]
) -> _Turn:
    """Grow a job until it fills a turn or the tracks are used up; ValueError if its distances are not ours."""
    peer = PEERS[process.name]
    n_pairs, most = 1, n_tracks * (n_tracks - 1) // 2
    process.run(Job(variant.local_cost, radius, variant.n_threads, 3, 1))  # compiles
    while True:
        n_matrix = min(n_tracks, max(3, math.ceil((1 + math.sqrt(1 + 8 * n_pairs)) / 2)))
        job = Job(variant.local_cost, radius, variant.n_threads, n_matrix, n_pairs)
        seconds, distances = process.run(job)
        if n_pairs == most or seconds > _TURN_SECONDS / 2:
            break
        n_pairs = min(most, math.ceil(n_pairs * min(8.0, _TURN_SECONDS / seconds)))
    pairs = compared(peer, job, n_tracks)
    exact = np.array([expected[pair] for pair in pairs])
    excess = np.array(distances) / exact - 1
    if process.name in APPROXIMATE:
        sample = job._replace(n_pairs=_APPROXIMATE_PAIRS)
        exact = np.array([expected[pair] for pair in compared(peer, sample, n_tracks)])
        excess = np.array(process.run(sample)[1]) / exact - 1
        return _Turn(process, job, len(pairs), None, (100 * float(np.median(excess)), 100 * float(excess.max())))
    worst = float(np.abs(excess).max())
    if not worst <= TOLERANCE:
        raise ValueError(f"its distances differ from ours by up to {worst:.1e}, so it would not be the same work")
    return _Turn(process, job, len(pairs), worst, None)


def n_cells(n_frames: int, radius: int | None) -> int:
    """Cells that a pair of equal length has inside the band."""
    if radius is None or radius >= n_frames:
        return n_frames**2
    return n_frames * (2 * radius + 1) - radius * (radius + 1)
