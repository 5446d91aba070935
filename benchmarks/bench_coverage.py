"""How often the intervals of an evaluation contain the truth, on populations of music that is drawn again and again.

    python benchmarks/bench_coverage.py [RESULTS.json] [N_LIBRARIES]

A library is tracks of artists of genres, or versions of compositions: points in a space, each the sum of what its
genre or composition, its artist and itself draw from normal distributions. The truth of a metric is its mean over all
libraries of a kind. Prints, for every kind and metric, the share of libraries whose 95 % interval contains it, with and
without what candidates contribute, and how often two measures that are equally good are called different.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from audiosim.evaluation.answers import Question, answer
from audiosim.evaluation.bootstrap import bootstrap_means, drawn_together
from audiosim.evaluation.query_scores import metric_names
from audiosim.evaluation.relevance import relevance_of_labels
from audiosim.evaluation.verdict import decide, judged_metric

KS = (1, 5, 10, 20)
N_DIMS = 8
N_DRAWS = 1_000


@dataclass(frozen=True)
class Kind:
    """A kind of library."""

    name: str
    n_tracks: int
    n_per_artist: float  # below 0: sizes are geometric, with this mean
    separation: float  # of genres, where a track's own spread is 1
    noise: tuple[float, float] = (0.0, 0.8)  # that the two measures add
    n_labels: int = 5
    n_versions: int = 0  # of each composition; 0: labels are genres


KINDS = (
    Kind("lone tracks", 100, 1, 0.9),
    Kind("4 tracks an artist", 100, 4, 0.9),
    Kind("lone tracks", 300, 1, 0.9),
    Kind("4 tracks an artist", 300, 4, 0.9),
    Kind("artists of uneven size", 300, -5, 0.9),
    Kind("easy genres", 100, 3, 2.5),
    Kind("no genres", 100, 3, 0.0),
    Kind("equally good measures", 100, 3, 0.9, noise=(0.6, 0.6)),
    Kind("pairs of versions", 100, 5, 1.5, n_versions=2),
    Kind("4 versions each", 100, 5, 1.5, n_versions=4),
)


def library(kind: Kind, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, labels and artists of the tracks."""
    n = kind.n_tracks
    sizes = np.full(n, max(int(kind.n_per_artist), 1))
    if kind.n_per_artist < 0:
        sizes = rng.geometric(-1 / kind.n_per_artist, size=n)
    artists = np.repeat(np.arange(n), sizes)[:n]
    if kind.n_versions:
        artists = rng.permutation(artists)
        labels = np.arange(n) // kind.n_versions
        centers = kind.separation * rng.standard_normal((n, N_DIMS))
    else:
        labels = rng.integers(kind.n_labels, size=n)[artists]
        centers = kind.separation * np.eye(n, N_DIMS)
    points = centers[labels] + 0.5 * rng.standard_normal((n, N_DIMS))[artists] + rng.standard_normal((n, N_DIMS))
    return points, labels, artists


def matrices(points: np.ndarray, kind: Kind, rng: np.random.Generator) -> list[np.ndarray]:
    """Distances by both measures."""
    heard = [points + spread * rng.standard_normal(points.shape) for spread in kind.noise]
    return [np.linalg.norm(x[:, None] - x, axis=2).astype(np.float32) for x in heard]


def intervals(kind: Kind, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    """Means of both measures and their difference; intervals by each method, (n_columns, 2); the verdict."""
    points, labels, artists = library(kind, rng)
    relevance = relevance_of_labels(labels.tolist(), artists=list(map(str, artists)), n_tracks=len(labels))
    n_relevant = np.array([relevance.masks(query)[1].sum() for query in range(len(labels))])
    judged_by = judged_metric(KS, n_relevant[n_relevant > 0])
    units = {"artists": drawn_together(artists.tolist(), n_tracks=len(artists))}
    if kind.n_versions:
        units["groups"] = relevance.groups
    distances = matrices(points, kind, rng)
    found: dict[str, np.ndarray] = {}
    for unit, drawn in units.items():
        [answers] = answer(distances, [Question(relevance, drawn)], ks=KS)
        first, second = (scores.values for scores in answers.scores)
        for method, influence in (("queries", None), ("queries and candidates", answers.influence([(0, 1)]))):
            estimates = bootstrap_means(
                np.hstack([first, second, first - second]), drawn.tolist(), influence=influence, n_draws=N_DRAWS
            )
            found[f"{unit}: {method}"] = np.array([(estimate.low, estimate.high) for estimate in estimates])
    names = metric_names(KS)
    differences = dict(zip(names, estimates[-len(names) :], strict=True))
    verdict, _ = decide(differences, judged_by=judged_by, hubness_difference=0.0)
    return np.array([estimate.value for estimate in estimates]), found, verdict


def judge(kind: Kind, n_libraries: int) -> dict[str, object]:
    """Shares of intervals that contain the mean over all libraries."""
    rng = np.random.default_rng(1)
    drawn = [intervals(kind, rng) for _ in range(n_libraries)]
    means = np.array([values for values, _, _ in drawn])
    truth = means.mean(axis=0)
    names = [f"{what} {metric}" for what in ("first", "second", "difference") for metric in metric_names(KS)]
    coverage: dict[str, dict[str, float]] = {}
    for method in drawn[0][1]:
        ends = np.array([found[method] for _, found, _ in drawn])
        inside = (ends[..., 0] <= truth) & (truth <= ends[..., 1])
        coverage[method] = dict(zip(names, inside.mean(axis=0).tolist(), strict=True))
    verdicts = [verdict for *_, verdict in drawn]
    return {
        **asdict(kind),
        "n_libraries": n_libraries,
        "truth": dict(zip(names, truth.tolist(), strict=True)),
        "spread": dict(zip(names, means.std(axis=0).tolist(), strict=True)),
        "coverage": coverage,
        "verdicts": {verdict: verdicts.count(verdict) / n_libraries for verdict in sorted(set(verdicts))},
    }


def main(output: Path | None = None, n_libraries: int = 400, only: str = "") -> None:
    """Print coverage, and write it as JSON."""
    results: list[dict[str, object]] = []
    for kind in KINDS:
        if only not in f"{kind.name} {kind.n_tracks}":
            continue
        result = judge(kind, n_libraries)
        results.append(result)
        print(f"{kind.name}, {kind.n_tracks} tracks; verdicts {result['verdicts']}")
        for method, shares in result["coverage"].items():
            for what in ("first", "second", "difference"):
                row = "  ".join(f"{metric} {shares[f'{what} {metric}']:.3f}" for metric in metric_names(KS))
                print(f"  {method:32} {what:10} {row}", flush=True)
    if output is not None:
        output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else None,
        *(int(value) for value in sys.argv[2:3]),
        *sys.argv[3:4],
    )
