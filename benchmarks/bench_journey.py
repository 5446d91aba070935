"""How smooth journeys are, over 20 synthetic libraries of each size, and how long they take on a real table.

    python benchmarks/bench_journey.py [TABLE]

Lists lead from the track nearest to (.25, .25) to the one nearest to (.85, .85) in the plane of energy and valence, and
are judged beside the same tracks in random orders. TABLE is a table of features with energy and valence (Parquet or
CSV); sounds are then compared by its other features. Prints JSON and writes it to `results/journey.json`.
"""

import json
import sys
import time
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from audiosim.features.table import encode
from audiosim.recommend.journey.course import Course, rank_transform
from audiosim.recommend.journey.figures import shuffled, smoothness
from audiosim.recommend.journey.graph import nearest_neighbors, neighbor_graph, smoothest_course
from audiosim.recommend.journey.schedule import WEEK, Day, Plan, day_stretches, schedule
from audiosim.recommend.journey.walk import Terrain
from audiosim.sources.feature_table import read_feature_table
from audiosim_pipelines.bench.machine import describe
from audiosim_pipelines.bench.terrain import ends, make_terrain, transitions_of

RESULT = Path(__file__).parent / "results" / "journey.json"
N_LIBRARIES, N_DAYS = 20, 14
FIGURES = ("variation", "largest_step", "monotone", "mean_transition")


def course_of(terrain: Terrain) -> tuple[Course, tuple[tuple[float, int], ...]]:
    first, last = ends(terrain)
    return Course.through(terrain.coordinates[[first, last]]), ((0.0, first), (1.0, last))


def judged(terrain: Terrain, course: Course, day: Day) -> tuple[dict[str, float], dict[str, float]]:
    """Figures of a list, and of its tracks in random orders."""
    found = smoothness(terrain, day.path, course, targets=day.targets, stretch=day.stretch)
    others = shuffled(terrain, day.path, course, stretch=day.stretch, n_shuffles=50)
    ours = {name: getattr(found, name) for name in FIGURES} | {"mean_deviation": found.mean_deviation}
    return ours, {name: getattr(others, name) for name in FIGURES}


def is_better(ours: dict[str, float], others: dict[str, float]) -> bool:
    return (
        ours["variation"] < others["variation"]
        and ours["largest_step"] < others["largest_step"]
        and ours["monotone"] > others["monotone"]
    )


def lists(n_tracks: int, n: int) -> dict[str, Any]:
    """One list in each of the libraries."""
    rows, exact, repeats = [], 0, 0
    for seed in range(N_LIBRARIES):
        terrain = make_terrain(seed, n_tracks)
        course, stops = course_of(terrain)
        day = schedule(terrain, course, Plan(stops, n), {0: (0.0, 1.0)})[0]
        exact += (day.path[0], day.path[-1]) == ends(terrain)
        repeats += n - len(set(day.path.tolist()))
        rows.append(judged(terrain, course, day))
    return {
        "n_tracks": n_tracks,
        "n": n,
        "mean": {name: float(np.mean([ours[name] for ours, _ in rows])) for name in rows[0][0]},
        "worst_largest_step": max(ours["largest_step"] for ours, _ in rows),
        "random": {name: float(np.mean([others[name] for _, others in rows])) for name in FIGURES},
        "n_better_than_random": sum(is_better(*row) for row in rows),
        "n_exact_ends": exact,
        "n_repeats": repeats,
    }


def two_weeks(n_tracks: int, n: int) -> dict[str, Any]:
    """Fourteen days in each of the libraries."""
    covered = again = most_by_artist = smoother = smaller = n_lists = 0
    for seed in range(N_LIBRARIES):
        terrain = make_terrain(seed, n_tracks)
        course, stops = course_of(terrain)
        days = schedule(terrain, course, Plan(stops, n), dict(enumerate(day_stretches(N_DAYS))))
        covered += (days[0].path[0], days[N_DAYS - 1].path[-1]) == ends(terrain)
        for a, b in combinations(days, 2):
            again += len(set(days[a].path) & set(days[b].path)) if b - a < WEEK else 0
        for day in days.values():
            ours, others = judged(terrain, course, day)
            n_lists += 1
            smoother += ours["variation"] < others["variation"]
            smaller += ours["largest_step"] < others["largest_step"]
            most_by_artist = max(most_by_artist, *Counter(terrain.artists[i] for i in day.path).values())
    return {
        "n_tracks": n_tracks,
        "n_days": N_DAYS,
        "n_a_day": n,
        "n_libraries": N_LIBRARIES,
        "n_from_start_to_goal": covered,
        "n_twice_within_a_week": again,
        "most_by_an_artist_a_day": most_by_artist,
        "n_lists": n_lists,
        "n_less_variation_than_random": smoother,
        "n_smaller_steps_than_random": smaller,
    }


def graph(n_tracks: int) -> dict[str, Any]:
    """The way of the graph in each of the libraries."""
    rows, lengths = [], []
    for seed in range(N_LIBRARIES):
        terrain = make_terrain(seed, n_tracks)
        course, stops = course_of(terrain)
        found = nearest_neighbors(terrain, k=15, mood_weight=0.6)
        path = smoothest_course(
            neighbor_graph(*found, barred=np.zeros(n_tracks, dtype=np.bool_)), [row for _, row in stops]
        )
        rows.append(smoothness(terrain, path, course))
        lengths.append(len(path))
    means = {name: float(np.mean([getattr(row, name) for row in rows])) for name in FIGURES}
    return {"n_tracks": n_tracks, "mean_length": float(np.mean(lengths)), "mean": means}


def table(path: Path) -> dict[str, Any]:
    """Seconds that journeys take on a table; the fastest of five."""
    read = read_feature_table(path)
    columns = [read.names.index(name) for name in ("energy", "valence")]
    encoded = encode(read.values, read.names, recipe="zscore")
    sounds = (encoded - encoded.mean(axis=0)) / encoded.std(axis=0)
    terrain = Terrain(rank_transform(read.values[:, columns]), [None] * len(read), transitions_of(sounds))
    course, stops = course_of(terrain)

    def seconds(n_days: int) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            schedule(terrain, course, Plan(stops, 12), dict(enumerate(day_stretches(n_days))))
            times.append(time.perf_counter() - began)
        return min(times)

    began = time.perf_counter()
    found = nearest_neighbors(terrain, k=15, mood_weight=0.6)
    closed = np.zeros(len(terrain), dtype=np.bool_)
    way = smoothest_course(neighbor_graph(*found, barred=closed), [row for _, row in stops])
    took = time.perf_counter() - began
    return {
        "table": path.name,
        "n_tracks": len(terrain),
        "seconds_12_tracks": seconds(1),
        "seconds_14_days": seconds(N_DAYS),
        "seconds_graph": took,
        "n_graph": len(way),
    }


def main() -> None:
    result: dict[str, Any] = {
        "machine": describe(),
        "n_libraries": N_LIBRARIES,
        "lists": [lists(n_tracks, n) for n_tracks, n in ((100, 10), (500, 10), (500, 30), (2_000, 30))],
        "two_weeks": two_weeks(500, 12),
        "graph": graph(500),
    }
    if len(sys.argv) > 1:
        result["table"] = table(Path(sys.argv[1]))
    text = json.dumps(result, indent=1) + "\n"
    RESULT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
