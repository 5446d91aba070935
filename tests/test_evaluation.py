"""The whole evaluation: what must come out of matrices whose truth is known."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from audiosim.evaluation import BASELINE, CONTROL, Task, evaluate, random_distances, retrieval
from audiosim.evaluation.task import evaluate_tasks

METRICS = ["P@1", "P@5", "P@10", "P@20", "MAP", "MRR", "Hit@1"]
QUICK = {"n_permutations": 19, "n_draws": 200}
DISTANCES = np.abs(np.subtract.outer(*[np.array([0.0, 1.0, 3.0, 7.0])] * 2)).astype(np.float32)


def music(rng, *, n_tracks=120, n_labels=4, n_per_artist=3, separation=1.5):
    """Points of tracks around their genre and artist; genres and artists."""
    artists = np.arange(n_tracks) // n_per_artist
    labels = rng.integers(n_labels, size=n_tracks)[artists]
    points = separation * np.eye(n_tracks, 6)[labels] + 0.5 * rng.standard_normal((n_tracks, 6))[artists]
    points = points + rng.standard_normal((n_tracks, 6))
    return points, [f"genre {i}" for i in labels], [f"artist {i}" for i in artists]


def distances_of(points):
    return np.linalg.norm(points[:, None] - points, axis=2).astype(np.float32)


def test_identical_matrices_are_neutral_and_agree(rng):
    """Every difference is 0, with an interval of width 0, and every agreement 1, ties included."""
    points, labels, artists = music(rng)
    distances = np.round(distances_of(points), 1)
    pairs = np.arange(120).reshape(-1, 2)
    result = evaluate(
        {"one": distances, "two": distances.copy(), BASELINE: distances.copy()},
        tasks=[Task("genre", labels), Task("pairs", pairs=pairs, artist_filter=False)],
        artists=artists,
        **QUICK,
    )
    for task in result.tasks:
        for comparison in task.comparisons:
            assert comparison.verdict == "neutral"
            assert comparison.p_value == 1.0
            assert comparison.hubness_difference == 0.0
            for difference in comparison.differences.values():
                assert asdict(difference) == {"value": 0.0, "low": 0.0, "high": 0.0}
    for pair in result.agreements:
        assert [found.jaccard for found in pair.agreement.neighbors] == [1.0] * 4
        assert pair.agreement.mantel.correlation == pytest.approx(1.0)
    assert all(found.pairs == () for found in result.disagreements)


def test_a_random_matrix_is_at_chance():
    """Within .01 of what random order gives exactly, and with it in the interval."""
    [task] = evaluate_tasks(
        [Task("genre", [f"genre {i % 5}" for i in range(0, 3000, 3)])],
        {CONTROL: random_distances(1000, seed=0)},
        artists=[str(i // 3) for i in range(1000)],
        n_draws=200,
    )
    found = task.measures[CONTROL]
    for metric in ("P@10", "P@20", "MAP"):
        assert found.intervals[metric].value == pytest.approx(task.chances[metric], abs=0.01)
    for metric in METRICS:
        assert found.intervals[metric].low < task.chances[metric] < found.intervals[metric].high
    assert found.retrieval.pair_auc == pytest.approx(0.5, abs=0.01)
    assert task.chances["P@1"] == task.chances["P@20"] < task.chances["MAP"] < task.chances["MRR"]


def test_random_matrices_are_at_chance_on_average():
    """Every metric, labels of uneven size and pairs: the chances are exact, whatever a single matrix draws."""
    labels = [f"genre {int(i**0.5) % 4}" for i in range(100)]
    tasks = [Task("genre", labels), Task("pairs", pairs=np.arange(100).reshape(2, -1).T)]
    measures = {f"chance {seed}": random_distances(100, seed=seed) for seed in range(30)}
    for task in evaluate_tasks(tasks, measures, artists=[str(i // 4) for i in range(2, 102)], n_draws=0):
        for metric in METRICS:
            values = [measure.intervals[metric].value for measure in task.measures.values()]
            error = np.std(values) / np.sqrt(len(values))
            assert np.mean(values) == pytest.approx(task.chances[metric], abs=max(3.5 * error, 1e-6))
            assert error < 0.01


def test_a_little_noise_is_neutral(rng):
    points, labels, artists = music(rng, n_tracks=300)
    noisy = points + 0.02 * rng.standard_normal(points.shape)
    [task] = evaluate_tasks(
        [Task("genre", labels)],
        {"clean": distances_of(points), "noisy": distances_of(noisy)},
        [("clean", "noisy")],
        artists=artists,
        n_draws=500,
    )
    [comparison] = task.comparisons
    assert comparison.verdict == "neutral"
    assert "clean and noisy find the same genre equally well" in comparison.sentence
    assert comparison.differences["P@10"].low < 0 < comparison.differences["P@10"].high


def test_a_better_measure_is_called_better(rng):
    points, labels, artists = music(rng, n_tracks=300, separation=2.5)
    poor = points + 1.5 * rng.standard_normal(points.shape)
    result = evaluate(
        {BASELINE: distances_of(poor), "good": distances_of(points)},
        tasks=[Task("genre", labels)],
        artists=artists,
        **QUICK,
    )
    [comparison] = result.tasks[0].comparisons
    assert (comparison.first, comparison.second, comparison.judged_by) == ("good", BASELINE, "P@10")
    assert comparison.verdict == "better"
    assert comparison.sentence.startswith("good finds the same genre better than baseline: P@10 .")
    assert comparison.p_value < 0.01
    assert comparison.differences["P@10"].low > 0
    scores = {name: measure.retrieval for name, measure in result.tasks[0].measures.items()}
    assert comparison.differences["MAP"].value == pytest.approx(
        scores["good"].mean_average_precision - scores[BASELINE].mean_average_precision
    )


def test_hubs_keep_a_better_measure_from_being_called_better(rng):
    points, labels, artists = music(rng, n_tracks=200, separation=2.5)
    measures = {"good": distances_of(points), "poor": distances_of(points + 1.5 * rng.standard_normal(points.shape))}
    verdicts = [
        evaluate_tasks(
            [Task("genre", labels)],
            measures,
            [("good", "poor")],
            artists=artists,
            hubness={"good": skewness, "poor": 0.0},
            n_draws=200,
        )[0]
        .comparisons[0]
        .verdict
        for skewness in (0.5, 0.6)
    ]
    assert verdicts == ["better", "unclear"]


def test_scores_are_those_of_retrieval_alone(rng):
    points, labels, artists = music(rng, n_tracks=60)
    labels[4] = None
    distances = distances_of(points)
    [task] = evaluate_tasks([Task("genre", labels)], {"one": distances}, artists=artists, n_draws=0, seed=5)
    expected = retrieval.evaluate(distances, labels, artists=artists, seed=5)
    found = task.measures["one"]
    assert found.retrieval == expected
    assert list(found.intervals) == METRICS
    assert [found.intervals[f"P@{p.k}"].value for p in expected.precision] == pytest.approx(
        [p.micro for p in expected.precision]
    )
    assert task.chances["P@10"] == pytest.approx(expected.precision[2].chance_micro)
    assert (task.n_labels, task.n_artists, task.n_queries, task.n_left_out) == (4, 20, 59, 1)


def test_the_artist_filter_is_the_tasks(rng):
    """Tracks of an artist coincide; whoever may find them finds nothing else."""
    points, labels, artists = music(rng, n_tracks=90, separation=0.0)
    distances = distances_of(points[[3 * (i // 3) for i in range(90)]] + 1e-3 * points)
    tasks = [
        Task("genre", labels),
        Task("open", labels, artist_filter=False),
        Task("artist", artists, artist_filter=False),
    ]
    filtered, unfiltered, artist = evaluate_tasks(tasks, {"one": distances}, artists=artists, n_draws=0)
    assert unfiltered.measures["one"].retrieval.hit_at_1 == 1.0 > filtered.measures["one"].retrieval.hit_at_1
    assert (filtered.artist_filter, unfiltered.artist_filter) == (True, False)
    assert artist.measures["one"].retrieval.mean_average_precision == 1.0


def test_few_relevant_tracks_are_judged_by_whole_rankings_and_drawn_by_group(rng):
    """Versions and pairs: lists of ten cannot tell, and a version and its counterpart are one observation."""
    points = rng.standard_normal((40, 5))[np.arange(80) // 2] + 0.2 * rng.standard_normal((80, 5))
    groups: list[str | None] = [f"work {i // 2}" for i in range(80)]
    artists = [f"artist {i}" for i in rng.integers(10, size=80)]
    pairs = np.arange(80).reshape(-1, 2)[:30]
    tasks = [
        Task("version_group", groups, artist_filter=False),
        Task("pairs", pairs=pairs, artist_filter=False),
        Task("genre", ["rock"] * 40 + ["jazz"] * 40),
    ]
    measures = {"good": distances_of(points), "poor": distances_of(points + rng.standard_normal(points.shape))}
    versions, paired, genre = evaluate_tasks(tasks, measures, [("good", "poor")], artists=artists, n_draws=200)
    assert (versions.judged_by, versions.resampled, versions.n_resampled) == ("MAP", "groups", 40)
    assert (paired.judged_by, paired.resampled, paired.n_resampled, paired.n_labels) == ("MAP", "groups", 30, 30)
    assert (genre.judged_by, genre.resampled, genre.n_resampled) == ("P@10", "artists", 10)
    assert (paired.n_queries, paired.n_left_out) == (60, 20)
    [comparison] = versions.comparisons
    assert comparison.sentence.startswith("good finds the same version group better than poor: MAP ")
    assert "finds what belongs together better" in paired.comparisons[0].sentence


def test_who_is_compared_with_whom():
    """Variants stand for their measures, the baseline stands second, and each variant meets its own measure last."""
    names = ["a", BASELINE, "a + mp", "b", "c", "c + mp"]
    result = evaluate(
        {name: random_distances(40, seed=i + 1) for i, name in enumerate(names)},
        tasks=[Task("genre", [f"genre {i % 2}" for i in range(40)])],
        variants={"a + mp": "a", "c + mp": "c"},
        **QUICK,
    )
    compared = [(comparison.first, comparison.second) for comparison in result.tasks[0].comparisons]
    assert compared == [
        ("a + mp", BASELINE),
        ("a + mp", "b"),
        ("a + mp", "c + mp"),
        ("b", BASELINE),
        ("c + mp", BASELINE),
        ("b", "c + mp"),
        ("a + mp", "a"),
        ("c + mp", "c"),
    ]
    assert list(result.tasks[0].measures) == list(result.health) == [*names, CONTROL]
    raw = ["a", BASELINE, "b", "c"]
    assert {name for pair in result.agreements for name in (pair.first, pair.second)} == set(raw)
    assert len(result.agreements) == 6
    assert [(found.first, found.second) for found in result.disagreements] == [
        ("a + mp", BASELINE),
        ("b", BASELINE),
        ("c + mp", BASELINE),
    ]


def test_without_tasks_and_without_a_baseline(rng):
    said: list[str] = []
    measures = {"one": random_distances(30, seed=1), "two": random_distances(30, seed=2)}
    result = evaluate(measures, lengths=rng.integers(100, 900, size=30), progress=said.append, **QUICK)
    assert result.tasks == ()
    assert result.health["two"].length_bias is not None
    assert [(found.first, found.second) for found in result.disagreements] == [("two", "one")]
    assert said == ["health of one", "health of two", "health of random", "tasks", "agreement", "disagreements"]


def test_one_measure_alone(rng):
    points, labels, _ = music(rng, n_tracks=30)
    result = evaluate({"one": distances_of(points)}, tasks=[Task("genre", labels)], **QUICK)
    assert result.tasks[0].comparisons == result.agreements == result.disagreements == ()
    assert result.tasks[0].n_artists == 30


def test_the_same_seed_gives_the_same_report(rng):
    points, labels, artists = music(rng, n_tracks=30)
    measures = {"one": np.round(distances_of(points)), "two": random_distances(30, seed=8)}
    results = [
        evaluate(measures, tasks=[Task("genre", labels)], artists=artists, seed=seed, threads=threads, **QUICK)
        for seed, threads in ((0, 1), (0, 2), (1, 1))
    ]
    assert results[0] == results[1]
    assert results[0] != replace(results[2], seed=0)


def test_report_is_json(rng):
    points, labels, artists = music(rng, n_tracks=60)
    result = evaluate(
        {"one": distances_of(points), "two": random_distances(60, seed=3)},
        tasks=[Task("genre", labels), Task("pairs", pairs=np.array([[0, 1]]), artist_filter=False)],
        artists=artists,
        **QUICK,
    )
    restored = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert restored["ks"] == [1, 5, 10, 20]
    genre, pairs = restored["tasks"]
    assert genre["measures"]["one"]["retrieval"]["precision"][1]["k"] == 5
    assert set(genre["measures"]["one"]["intervals"]["MAP"]) == {"value", "low", "high"}
    assert genre["comparisons"][0]["verdict"] in ("better", "worse", "neutral", "unclear")
    assert pairs["measures"]["two"]["retrieval"]["knn_accuracy"] is None
    assert restored["health"][CONTROL]["hubness"][0]["k"] == 5
    assert restored["agreements"][0]["agreement"]["mantel"]["n_permutations"] == 19
    assert len(restored["disagreements"][0]["pairs"]) == 20


def test_a_tiny_library_drops_long_lists_and_writes_null():
    measures = {"one": random_distances(3, seed=1), "two": random_distances(3, seed=2)}
    with pytest.warns(UserWarning, match="none of 3 tracks has a relevant candidate"):
        result = evaluate(measures, tasks=[Task("genre", ["a", "b", None])], **QUICK)
    assert result.ks == (1,)
    assert result.health["one"].hubness == ()
    [task] = result.tasks
    assert (task.comparisons[0].verdict, task.n_queries, task.n_left_out) == ("unclear", 0, 3)
    restored = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert restored["tasks"][0]["measures"]["one"]["retrieval"]["hit_at_1"] is None
    assert restored["tasks"][0]["chances"]["MAP"] is None
    assert restored["tasks"][0]["comparisons"][0]["differences"]["P@1"]["low"] is None


@pytest.mark.filterwarnings("ignore:none of:UserWarning")
@pytest.mark.filterwarnings("ignore:each matrix must have two different:UserWarning")
@pytest.mark.parametrize("n_tracks", [1, 2, 3, 4])
def test_the_smallest_libraries_are_evaluated(n_tracks):
    measures = {"one": random_distances(n_tracks, seed=1), "two": random_distances(n_tracks, seed=2)}
    result = evaluate(measures, tasks=[Task("genre", ["a"] * n_tracks)], lengths=np.arange(n_tracks), **QUICK)
    assert result.n_tracks == n_tracks
    json.dumps(result.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("measures", "options", "text"),
    [
        ({}, {}, "at least one measure"),
        ({"random": DISTANCES}, {}, '"random" is the name of the control'),
        ({"a": DISTANCES, "b": DISTANCES[:3, :3]}, {}, "over the same tracks"),
        ({"a": DISTANCES, "b": DISTANCES + np.nan}, {}, "measure b must be finite, got 16 NaN"),
        ({"a": np.empty((0, 0))}, {}, "at least one track"),
        ({"a": DISTANCES}, {"variants": {"b": "a"}}, r"among the measures \(a\), got b"),
        ({"a": DISTANCES, "b": DISTANCES}, {"variants": {"b": "c"}}, "got c"),
        ({"a": DISTANCES, "b": DISTANCES}, {"variants": {"a": "b", "b": "a"}}, "none itself, got a of b"),
        ({"a": DISTANCES}, {"artists": ["x"]}, "one artist a track"),
        ({"a": DISTANCES}, {"ks": [0]}, "k must be at least 1, got 0"),
        ({"a": DISTANCES}, {"tasks": [Task("genre", ["x"])]}, "one label a track"),
        ({"a": DISTANCES}, {"tasks": [Task("genre")]}, "task genre must have either labels or pairs, got neither"),
        (
            {"a": DISTANCES},
            {"tasks": [Task("genre", ["x"] * 4, np.array([[0, 1]]))]},
            "task genre must have either labels or pairs, got both",
        ),
        ({"a": DISTANCES}, {"lengths": np.arange(3)}, "one a track, got"),
        ({"a": DISTANCES}, {"tasks": [Task("genre", ["x"] * 4)], "n_draws": -1}, "n_draws must not be negative"),
    ],
)
def test_evaluate_refuses(measures, options, text):
    with pytest.raises(ValueError, match=text):
        evaluate(measures, **options)
