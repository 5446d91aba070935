"""How fast DTW is on this GPU, beside what the GPU allows. Part of `benchmarks/gpu_box`; needs numpy and numba."""

import cProfile
import io
import pstats
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from gpu_judge import RECIPE, TOP_K, walks

from audiosim_kernels import Ragged, dtw

JOB_CELLS = 4_806 * 4_805 // 2 * 1_292**2
# Seconds for that job if the binding unit were always busy: on CUDA cores, on tensor cores with split and with plain
# float16. From instruction counts and clocks; squared cost, no band.
BOUNDS = {
    "H200": {"float32": 13.3, "split": 3.7, "float16": 1.84},
    "A100": {"float32": 43.5, "split": 7.9, "float16": 4.2},
    "RTX 4090": {"float32": 11.2, "split": 14.9, "float16": 7.5},
    "RTX 3060": {"float32": 73.0, "split": 97.0, "float16": 48.0},
    "T4": {"float32": 104.0, "split": 38.0, "float16": 19.0},
}
ORDER = ("split", "float16", "float32")
ENOUGH_SECONDS = 12.0  # of one job: then no further round begins


@dataclass(frozen=True, slots=True)
class Job:
    """A call that is timed."""

    name: str
    precision: str
    function: Callable
    rows: Ragged
    columns: Ragged | None = None
    options: dict = field(default_factory=lambda: {"local_cost": "sqeuclidean"})

    @property
    def n_pairs(self):
        n = len(self.rows)
        return n * (n - 1) // 2 if self.columns is None else n * len(self.columns)


def jobs(size):
    """Yield everything that is timed; what matters most comes first, for time may run out."""
    n_tracks, n_frames = size["tracks"], size["frames"]
    songs, long = walks(n_tracks, n_frames, size["dims"]), walks(size["long_tracks"], size["long"], size["dims"])
    whole, squared = f"{n_tracks} x {n_tracks}", {"local_cost": "sqeuclidean"}
    for precision in size.get("precisions", ORDER):
        yield Job(whole, precision, dtw.matrix, songs)
        k = min(TOP_K, n_tracks - 1)
        yield Job(f"{whole}, nearest", precision, dtw.top_k, songs, options={**squared, "k": k})
    for precision in size.get("precisions", ORDER):
        yield Job(f"{whole}, banded", precision, dtw.matrix, songs, options={**squared, "band_fraction": 0.1})
        yield Job(f"1 x {n_tracks}", precision, dtw.matrix, songs.take([0]), songs)
        for n in size["tiles"]:
            rows, columns = songs.take(np.arange(n)), songs.take(np.arange(n_tracks - n, n_tracks))
            yield Job(f"{n} x {n}", precision, dtw.matrix, rows, columns)
        yield Job(f"{len(long)} x {len(long)}, long", precision, dtw.matrix, long)
    euclidean = {"local_cost": "euclidean"}
    yield Job(f"{whole}, banded", "float32", dtw.matrix, songs, options={**euclidean, "band_fraction": 0.1})
    yield Job(whole, "float32", dtw.matrix, songs, options=euclidean)


def time_all(size, gpu, *, right, attempt, clock):
    """Every job whose precision is right, as long as there is time; a list of entries."""
    bounds = next((bound for name, bound in BOUNDS.items() if name in gpu), {})
    results = []
    for job in islice(jobs(size), size.get("n_jobs")):
        n_frames, cost = int(job.rows.lengths[0]), job.options["local_cost"]
        cells = job.n_pairs * cells_in_band(n_frames, job.options.get("band_fraction"))
        entry = {"job": job.name, "precision": job.precision, **job.options, "n_pairs": job.n_pairs, "cells": cells}
        if not right[job.precision, cost]:
            entry["not_run"] = "its answers are wrong"
        elif clock.left() < 0:
            entry["not_run"] = "out of time"
        else:
            entry |= attempt(timed, job, size["rounds"])
        if "seconds" in entry:
            entry["gcells_per_s"] = cells / entry["seconds"] / 1e9
            if cost == "sqeuclidean" and job.precision in bounds:
                entry["bound_seconds"] = bounds[job.precision] * cells / JOB_CELLS
                entry["fraction_of_bound"] = entry["bound_seconds"] / entry["seconds"]
        results.append(entry)
        print(describe(entry), flush=True)
    return results


def timed(job, rounds):
    """Median and least seconds of up to `rounds` calls; compiling is not timed, transfers are."""
    options = {**RECIPE, **job.options, "precision": job.precision}
    few = job.rows.take(np.arange(min(len(job.rows), 3)))
    started = time.perf_counter()
    job.function(few, None if job.columns is None else few, **options)
    compiling, seconds = time.perf_counter() - started, []
    while len(seconds) < rounds and sum(seconds) < ENOUGH_SECONDS:
        started = time.perf_counter()
        result = job.function(job.rows, job.columns, **options)  # returns on the host, so all is done
        seconds.append(time.perf_counter() - started)
        assert all(np.isfinite(part).all() for part in (result if isinstance(result, tuple) else (result,)))
    return {
        "seconds": float(np.median(seconds)),
        "least_seconds": min(seconds),
        "rounds": len(seconds),
        "first_call_of_a_few_tracks": compiling,
    }


def cells_in_band(n_frames, fraction):
    """Cells of a pair of equal length."""
    if fraction is None:
        return n_frames**2
    radius = min(n_frames - 1, -int(-round(fraction * n_frames, 6) // 1))
    return n_frames * (2 * radius + 1) - radius * (radius + 1)


def describe(entry):
    """One line of the summary."""
    head = f"{entry['job']:<24} {entry['precision']:<8} {entry['local_cost']:<12}"
    if "seconds" not in entry:
        return f"{head} not run: {entry.get('not_run') or entry['error']}"
    share = f"  {100 * entry['fraction_of_bound']:.0f} % of bound" if "fraction_of_bound" in entry else ""
    return f"{head} {entry['seconds']:9.3f} s {entry['gcells_per_s']:9.2f} Gcells/s{share}"


def host_profile(size):
    """Where the host spends the time of one matrix of the whole job: what does not wait for the GPU is overhead."""
    songs = walks(size["tracks"], size["frames"], size["dims"])
    profile = cProfile.Profile()
    profile.runcall(dtw.matrix, songs, local_cost="sqeuclidean", **RECIPE)
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(12)
    return {"lines": [line for line in text.getvalue().splitlines() if line.strip()]}
