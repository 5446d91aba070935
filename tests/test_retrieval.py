"""Rankings, precision, average precision and ranks against scikit-learn and cases of hand size."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from audiosim.evaluation import evaluate, random_distances, ranking, report, retrieval, validate_distances

# Four tracks on a line; all distances differ but |0-1| = 1.
LINE = np.array([0.0, 1.0, 3.0, 7.0])
DISTANCES = np.abs(np.subtract.outer(LINE, LINE)).astype(np.float32)


def clustered(rng, *, n_tracks, n_labels, spread):
    labels = np.arange(n_tracks) % n_labels
    points = 10.0 * np.eye(n_labels)[labels] + spread * rng.standard_normal((n_tracks, n_labels))
    return np.linalg.norm(points[:, None] - points, axis=2).astype(np.float32), [f"genre {i}" for i in labels]


def test_validate_accepts_float32_rounding(rng):
    points = rng.standard_normal((600, 3))
    distances = np.linalg.norm(points[:, None] - points, axis=2).astype(np.float32)
    distances[599, 2] *= 1 + 5e-6
    validate_distances(distances)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda d: d[:3], r"must have shape \(n_tracks, n_tracks\), got \(3, 4\)"),
        (lambda d: d[0], r"got \(4,\)"),
        (lambda d: np.where(d == 3, np.nan, d), "got 2 NaN and 0 infinite of 16 entries"),
        (lambda d: np.where(d == 3, np.inf, d), "got 0 NaN and 2 infinite"),
        (lambda d: d + np.diag([0, 1e-7, 0, 1]), "exactly 0 on the diagonal, got 2 other"),
        (lambda d: d + np.triu(np.full((4, 4), 1e-3), 2), "symmetric within 1e-05, got 3 pairs"),
    ],
)
def test_validate_refuses(spoil, text):
    with pytest.raises(ValueError, match=text):
        validate_distances(spoil(DISTANCES.astype(np.float64)))


def test_validate_sees_asymmetry_beyond_the_first_block():
    distances = random_distances(1100, seed=3)
    distances[1050, 1030] += 0.1
    with pytest.raises(ValueError, match="got 1 pairs"):
        validate_distances(distances)


def test_ranking_leaves_out_self_and_artist():
    assert [r.tolist() for r in ranking.rankings(DISTANCES)] == [[1, 2, 3], [0, 2, 3], [1, 0, 3], [2, 1, 0]]
    filtered = ranking.rankings(DISTANCES, artists=["Ann", "Bob", None, "Ann"])
    assert [r.tolist() for r in filtered] == [[1, 2], [0, 2, 3], [1, 0, 3], [2, 1]]


def test_unknown_artists_are_not_one_artist():
    filtered = ranking.rankings(DISTANCES, artists=[None, None, None, None])
    assert [len(r) for r in filtered] == [3, 3, 3, 3]


def test_ties_are_seeded_and_have_no_order_by_index():
    tied = (1.0 - np.eye(200)).astype(np.float32)
    first = ranking.nearest_lists(tied, k=199, seed=1)
    np.testing.assert_array_equal(first, ranking.nearest_lists(tied, k=199, seed=1))
    assert (first != ranking.nearest_lists(tied, k=199, seed=2)).any()
    # The mean index of each place in the lists is that of a random one: 100, standard error 4.
    np.testing.assert_allclose(first.mean(axis=0), 99.5, atol=20)
    # No query order is shared, or its head would be in all lists.
    assert np.bincount(first[:, :10].ravel(), minlength=200).max() < 30


def test_ties_do_not_reach_over_distances():
    blocky = np.where(np.add.outer(np.arange(40), np.arange(40)) % 2, 1.0, 0.5) * (1 - np.eye(40))
    for query, order in enumerate(ranking.rankings(blocky, seed=5)):
        np.testing.assert_array_equal(np.sort(blocky[query][order]), blocky[query][order])


def test_precision_of_hand_size():
    labels, artists = ["a", "b", "a", "a"], ["Ann", "Bob", "Cid", "Cid"]
    np.testing.assert_array_equal(retrieval.precisions_at_k(DISTANCES, labels, k=2), [0.5, np.nan, 0.5, 0.5])
    # Without the artist's own tracks, 0 ranks 1 2 3; 2 and 3 rank 1 0.
    result = retrieval.precision_at_k(DISTANCES, labels, artists=artists, k=2)
    assert result.micro == pytest.approx(0.5)
    assert result.chance_micro == pytest.approx((2 / 3 + 1 / 2 + 1 / 2) / 3)
    assert (result.n_queries, result.n_left_out, result.n_short) == (3, 1, 0)


def test_precision_over_the_candidates_that_remain():
    result = retrieval.precision_at_k(DISTANCES, ["a", "b", "a", "a"], artists=["A", "B", "C", "C"], k=10)
    assert result.micro == pytest.approx(result.chance_micro)
    assert result.n_short == result.n_queries == 3


def test_macro_weighs_labels_equally():
    labels = ["a", "a", "b", "b"]  # precision at 1: 0 and 1 find each other; 2 finds 1, 3 finds 2
    result = retrieval.precision_at_k(DISTANCES, labels, k=1)
    assert (result.micro, result.macro) == (0.75, 0.75)
    uneven = np.abs(np.subtract.outer(*[np.array([0.0, 1.0, 2.5, 9.0, 5.0])] * 2))
    result = retrieval.precision_at_k(uneven, ["a", "a", "a", "b", "b"], k=1)
    assert result.micro == pytest.approx(4 / 5)
    assert result.macro == pytest.approx((3 / 3 + 1 / 2) / 2)
    assert result.chance_micro == pytest.approx((3 * 2 / 4 + 2 * 1 / 4) / 5)
    assert result.chance_macro == pytest.approx((2 / 4 + 1 / 4) / 2)


def test_unknown_labels_are_neither_queries_nor_candidates():
    result = retrieval.precision_at_k(DISTANCES, ["a", None, "a", "b"], k=1)
    assert (result.micro, result.n_queries, result.n_left_out) == (1.0, 2, 2)
    assert result.chance_micro == pytest.approx(1 / 2)


def test_perfect_matrix_scores_one(rng):
    distances, labels = clustered(rng, n_tracks=60, n_labels=4, spread=0.1)
    result = retrieval.evaluate(distances, labels, ks=(1, 5, 10))
    assert [p.micro for p in result.precision] == [1.0, 1.0, 1.0]
    assert [p.macro for p in result.precision] == [1.0, 1.0, 1.0]
    assert result.mean_average_precision == result.mean_reciprocal_rank == result.hit_at_1 == 1.0
    assert result.mean_first_rank == 1.0


def test_random_matrix_scores_chance():
    n_tracks = 600
    labels = [f"genre {i % 5}" for i in range(n_tracks)]
    result = retrieval.evaluate(
        random_distances(n_tracks, seed=4), labels, artists=[str(i // 4) for i in range(n_tracks)]
    )
    for precision in result.precision[1:]:
        assert precision.micro == pytest.approx(precision.chance_micro, abs=0.02)
        assert precision.macro == pytest.approx(precision.chance_macro, abs=0.02)


def test_all_ties_score_chance_although_labels_are_sorted():
    labels = [f"genre {i // 100}" for i in range(400)]
    tied = (1.0 - np.eye(400)).astype(np.float32)
    result = retrieval.precision_at_k(tied, labels, k=10)
    assert result.micro == pytest.approx(99 / 399, abs=0.02)


def test_artist_filter_takes_the_artists_own_tracks_away(rng):
    """Tracks of an artist coincide and genres do not matter: all precision is the artist's."""
    artists = [str(i // 5) for i in range(200)]
    points = np.repeat(rng.standard_normal((40, 6)), 5, axis=0) + 1e-3 * rng.standard_normal((200, 6))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    labels = [f"genre {(i // 5) % 4}" for i in range(200)]
    assert retrieval.precision_at_k(distances, labels, k=4).micro == 1.0
    filtered = retrieval.precision_at_k(distances, labels, artists=artists, k=4)
    assert filtered.micro < 0.5
    assert filtered.chance_micro == pytest.approx(45 / 195)


def test_average_precision_is_that_of_scikit_learn(rng):
    distances, labels = clustered(rng, n_tracks=80, n_labels=3, spread=6.0)
    labels[7] = None
    ours = retrieval.average_precisions(distances, labels)
    for query in range(80):
        if labels[query] is None:
            assert np.isnan(ours[query])
            continue
        others = [i for i in range(80) if i != query and labels[i] is not None]
        relevant = [labels[i] == labels[query] for i in others]
        assert ours[query] == pytest.approx(average_precision_score(relevant, -distances[query, others]))
    result = retrieval.evaluate(distances, labels)
    assert result.mean_average_precision == pytest.approx(np.nanmean(ours))
    assert result.mean_average_precision < 0.95


def test_first_relevant_ranks_and_their_means():
    labels = ["a", "b", "b", "a"]
    np.testing.assert_array_equal(retrieval.first_relevant_ranks(DISTANCES, labels), [3, 2, 1, 3])
    result = retrieval.evaluate(DISTANCES, labels, ks=[1])
    assert result.mean_reciprocal_rank == pytest.approx((1 / 3 + 1 / 2 + 1 + 1 / 3) / 4)
    assert result.hit_at_1 == 1 / 4 == result.precision[0].micro
    assert result.mean_first_rank == 9 / 4


def test_evaluate_agrees_with_the_single_functions(rng):
    distances, labels = clustered(rng, n_tracks=50, n_labels=3, spread=8.0)
    artists = [str(i // 3) for i in range(50)]
    result = retrieval.evaluate(distances, labels, artists=artists, ks=(3, 7), seed=9)
    for precision in result.precision:
        assert precision == retrieval.precision_at_k(distances, labels, artists=artists, k=precision.k, seed=9)
        single = retrieval.precisions_at_k(distances, labels, artists=artists, k=precision.k, seed=9)
        assert precision.micro == pytest.approx(np.nanmean(single))


def test_two_tracks():
    distances = np.array([[0, 1], [1, 0]], dtype=np.float32)
    result = retrieval.evaluate(distances, ["a", "a"], ks=(1, 5))
    assert result.precision[0].micro == result.precision[1].micro == result.precision[0].chance_micro == 1.0
    assert result.mean_average_precision == result.hit_at_1 == 1.0


@pytest.mark.parametrize("labels", [["a", "b", "c", "d"], [None] * 4, ["a", "a", "a", "a"]])
def test_no_query_warns_and_gives_nan(labels):
    with pytest.warns(UserWarning, match="none of 4 tracks has a candidate"):
        result = retrieval.evaluate(DISTANCES, labels, artists=["one"] * 4)
    assert result.n_queries == 0
    assert result.n_left_out == 4
    assert np.isnan([result.hit_at_1, result.mean_average_precision, result.precision[0].macro]).all()


def test_no_track_warns():
    with pytest.warns(UserWarning, match="none of 0 tracks"):
        assert np.isnan(retrieval.evaluate(np.empty((0, 0)), []).mean_first_rank)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"labels": ["a"] * 3}, r"one label a track \(4, None where unknown\), got 3"),
        ({"artists": ["a"] * 5}, r"one artist a track \(4, None where unknown\), got 5"),
        ({"k": 0}, "k must be at least 1, got 0"),
    ],
)
def test_precision_refuses(options, text):
    with pytest.raises(ValueError, match=text):
        retrieval.precision_at_k(DISTANCES, **{"labels": ["a"] * 4, **options})


def test_reciprocal_rank_of_the_other_excerpt():
    np.testing.assert_allclose(retrieval.reciprocal_ranks(DISTANCES, [0, 2, 3], [2, 1, 0]), [1 / 2, 1, 1 / 3])
    # Among 0, 2 and 3 alone, 2 is the nearest to 0; the query may stand among the candidates or not.
    np.testing.assert_allclose(retrieval.reciprocal_ranks(DISTANCES, [0], [2], candidates=[0, 2, 3]), [1])
    np.testing.assert_allclose(retrieval.reciprocal_ranks(DISTANCES, [0], [3], candidates=[3, 2]), [1 / 2])


def test_reciprocal_rank_of_random_distances_is_chance():
    excerpts = np.arange(0, 1000, 2)
    found = retrieval.reciprocal_ranks(random_distances(1000), excerpts, excerpts + 1, candidates=excerpts + 1)
    assert found.mean() == pytest.approx(np.mean(1 / np.arange(1, 501)), abs=0.01)


def test_reciprocal_rank_among_ties_is_by_chance():
    tied = 1.0 - np.eye(20)
    queries = np.repeat(np.arange(10), 200)
    found = retrieval.reciprocal_ranks(tied, queries, queries + 10)
    assert found.mean() == pytest.approx(np.mean(1 / np.arange(1, 20)), abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "candidates", "text"),
    [
        (([0, 1], [2]), None, "one target a query, got 1 for 2"),
        (([0], [4]), None, r"targets must lie in 0 .. 3, got 4 .. 4"),
        (([-1], [2]), None, "queries must lie in"),
        (([[0]], [2]), None, r"queries must have shape \(n,\)"),
        (([0], [0]), None, "must differ from its query, 1 do not"),
        (([0], [1]), [2, 3], "among the candidates, 1 are not"),
        (([0], [2]), [2, 3, 3], "must not repeat, got 1"),
    ],
)
def test_reciprocal_ranks_refuses(arguments, candidates, text):
    with pytest.raises(ValueError, match=text):
        retrieval.reciprocal_ranks(DISTANCES, *arguments, candidates=candidates)


def test_no_queries_warn():
    with pytest.warns(UserWarning, match="no queries"):
        assert retrieval.reciprocal_ranks(DISTANCES, [], []).shape == (0,)


def test_random_control_is_valid_seeded_and_without_ties():
    control = random_distances(300, seed=1)
    validate_distances(control)
    np.testing.assert_array_equal(control, random_distances(300, seed=1))
    assert (control != random_distances(300, seed=2)).any()
    assert np.median(control) == pytest.approx(0.5, abs=0.02)


def test_report_of_several_measures(rng):
    good, labels = clustered(rng, n_tracks=80, n_labels=4, spread=0.5)
    bad, _ = clustered(rng, n_tracks=80, n_labels=1, spread=1.0)
    artists = [None if i < 5 else str(i // 2) for i in range(80)]
    result = evaluate({"good": good, "bad": bad}, labels=labels, artists=artists, n_permutations=19)
    assert list(result.measures) == ["good", "bad", report.CONTROL]
    assert [(pair.first, pair.second) for pair in result.agreements] == [("good", "bad")]
    assert (result.n_tracks, result.n_labels, result.n_artists) == (80, 4, 5 + 38)
    scores = {name: measure.retrieval.hit_at_1 for name, measure in result.measures.items()}
    assert scores["good"] == 1.0
    assert max(scores["bad"], scores[report.CONTROL]) < 0.6
    assert [h.k for h in result.measures["good"].hubness] == [5, 10]

    restored = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert restored["ks"] == [1, 5, 10, 20]
    assert restored["measures"]["good"]["retrieval"]["precision"][1]["k"] == 5
    assert restored["agreements"][0]["agreement"]["mantel"]["n_permutations"] == 19


def test_report_is_the_same_for_the_same_seed(rng):
    good, labels = clustered(rng, n_tracks=30, n_labels=3, spread=4.0)
    measures = {"one": good, "two": random_distances(30, seed=8)}
    results = [evaluate(measures, labels=labels, n_permutations=9, seed=seed) for seed in (0, 0, 1)]
    assert results[0] == results[1]
    assert results[0] != replace(results[2], seed=0)


def test_report_of_a_tiny_library_drops_long_lists_and_writes_null():
    measures = {"one": random_distances(3, seed=1), "two": random_distances(3, seed=2)}
    with pytest.warns(UserWarning, match="none of 3 tracks"):
        result = evaluate(measures, labels=["a", "b", None])
    assert result.ks == (1,)
    assert result.measures["one"].hubness == ()
    restored = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert restored["measures"]["one"]["retrieval"]["hit_at_1"] is None
    assert evaluate(measures).measures["one"].retrieval is None


@pytest.mark.parametrize(
    ("measures", "text"),
    [
        ({}, "at least one measure"),
        ({"random": DISTANCES}, '"random" is the name of the control'),
        ({"a": DISTANCES, "b": DISTANCES[:3, :3]}, "over the same tracks"),
        ({"a": DISTANCES, "b": DISTANCES + np.nan}, "measure b must be finite, got 16 NaN"),
        ({"a": np.empty((0, 0))}, "at least one track"),
    ],
)
def test_report_refuses(measures, text):
    with pytest.raises(ValueError, match=text):
        evaluate(measures)
