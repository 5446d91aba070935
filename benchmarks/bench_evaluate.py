"""How long a whole evaluation takes, and how much memory: seven measures, three of them rescaled, and two tasks.

    python benchmarks/bench_evaluate.py [RESULTS.json] [N_TRACKS ...]

Distances are those of points around their genre and artist, four tracks an artist. Every number of tracks (1000 and
5000 by default) has a process of its own, whose peak memory is what the system counted, matrices included.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audiosim.evaluation import BASELINE, Evaluation, Task, evaluate
from audiosim_pipelines.bench import machine

N_MEASURES = 7
N_VARIANTS = 3
N_DRAWS = 10_000
N_PERMUTATIONS = 999
SIZES = (1_000, 5_000)


def distances_of(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Euclidean distances, row by row: whole, the differences would be larger than all that is measured."""
    result = np.stack([np.linalg.norm(points - point, axis=1) for point in points])
    return np.maximum(result, result.T)


def measures_of(n_tracks: int) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, str], list[Task], list[str]]:
    """Matrices, which are rescaled others, tasks and artists."""
    rng = np.random.default_rng(0)
    artists = np.arange(n_tracks) // 4
    genres = rng.integers(10, size=n_tracks)[artists]
    centers = rng.standard_normal((10, 8))[genres] + 0.5 * rng.standard_normal((n_tracks, 8))[artists]
    measures: dict[str, npt.NDArray[np.float32]] = {}
    variants: dict[str, str] = {}
    for i in range(N_MEASURES):
        name = BASELINE if i == N_MEASURES - 1 else f"measure {i + 1}"
        spread = 0.7 + 0.1 * i
        measures[name] = distances_of((centers + spread * rng.standard_normal(centers.shape)).astype(np.float32))
        if i < N_VARIANTS:
            # Each distance by what is usual around both tracks: another order of neighbours, as any rescaling gives.
            scale = np.median(measures[name], axis=1)
            variants[f"{name} rescaled"] = name
            measures[f"{name} rescaled"] = measures[name] / np.sqrt(np.multiply.outer(scale, scale))
    pairs = np.arange(n_tracks // 2 * 2).reshape(-1, 2)
    tasks = [
        Task("genre", [f"genre {genre}" for genre in genres]),
        Task("pairs", pairs=pairs, artist_filter=False),
    ]
    return measures, variants, tasks, [f"artist {artist}" for artist in artists]


def timed(n_tracks: int) -> dict[str, object]:
    """Seconds of each step, of the whole, and the peak memory of this process in GiB."""
    load = round(os.getloadavg()[0], 1)
    measures, variants, tasks, artists = measures_of(n_tracks)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    steps: dict[str, float] = {}
    started = last = time.perf_counter()
    name = ""

    def note(step: str) -> None:
        nonlocal last, name
        now = time.perf_counter()
        if name:
            steps[name] = steps.get(name, 0.0) + now - last
        last, name = now, step.partition(" of ")[0]

    processor = time.process_time()
    result: Evaluation = evaluate(
        measures,
        tasks=tasks,
        artists=artists,
        lengths=np.random.default_rng(1).integers(100, 500, size=n_tracks),
        variants=variants,
        n_permutations=N_PERMUTATIONS,
        n_draws=N_DRAWS,
        progress=note,
    )
    note("")
    return {
        "n_tracks": n_tracks,
        "n_measures": len(measures),
        "n_comparisons": sum(len(task.comparisons) for task in result.tasks),
        "seconds": round(time.perf_counter() - started, 2),
        "processor_seconds": round(time.process_time() - processor, 2),
        "seconds_by_step": {step: round(seconds, 2) for step, seconds in steps.items()},
        "peak_memory_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
        "memory_before_gib": round(before, 3),
        # What else the machine did: it makes times longer, and processor seconds hardly.
        "load_average": load,
    }


def main(output: Path | None, sizes: tuple[int, ...]) -> None:
    """Run each size in a process of its own, print its figures, and write them all as JSON."""
    results: list[dict[str, object]] = []
    for size in sizes:
        command = [sys.executable, __file__, "--alone", str(size)]
        results.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
        print(json.dumps(results[-1], indent=1), flush=True)
    if output is not None:
        report = {
            "n_draws": N_DRAWS,
            "n_permutations": N_PERMUTATIONS,
            "machine": machine.describe(),
            "results": results,
        }
        output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        print(json.dumps(timed(int(sys.argv[2]))))
    else:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else None, tuple(map(int, sys.argv[2:])) or SIZES)
