"""Rankings, precision, average precision, ranks and pairs against scikit-learn and cases of hand size."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from audiosim.evaluation import random_distances, ranking, retrieval, validate_distances
from audiosim.evaluation.auc import pair_auc
from audiosim.evaluation.chance import average_precision_chance, reciprocal_rank_chance
from audiosim.evaluation.query_scores import score_queries
from audiosim.evaluation.relevance import relevance_of_labels, relevance_of_pairs

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


@given(
    hnp.arrays(np.float32, st.integers(0, 40), elements=st.sampled_from([-2.5, -1e-30, -0.0, 0.0, 1e-45, 0.5, 3e38]))
)
def test_order_of_float32_is_that_of_a_stable_sort(values):
    """Sorting values and places as one integer gives what sorting places by value gives, signs and zeros included."""
    shuffled = np.random.default_rng(3).permutation(values.size)
    expected = shuffled[np.argsort(values[shuffled], kind="stable")]
    np.testing.assert_array_equal(ranking.ordered(values, rng=np.random.default_rng(3)), expected)


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
    with pytest.warns(UserWarning, match="none of 4 tracks has a relevant candidate"):
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


def test_pair_auc_is_that_of_scikit_learn(rng):
    """Over pairs of labelled tracks by different artists, with many ties."""
    distances, labels = clustered(rng, n_tracks=60, n_labels=3, spread=9.0)
    distances = np.round(distances / 4)
    labels[3] = None
    artists = [str(i // 4) for i in range(60)]
    counted = [(i, j) for i, j in combinations(range(60), 2) if 3 not in (i, j) and artists[i] != artists[j]]
    expected = roc_auc_score([labels[i] == labels[j] for i, j in counted], [-distances[i, j] for i, j in counted])
    relevance = relevance_of_labels(labels, artists=artists, n_tracks=60)
    assert pair_auc(distances, relevance) == pytest.approx(expected)
    assert retrieval.evaluate(distances, labels, artists=artists).pair_auc == pytest.approx(expected)
    assert 0.5 < expected < 0.95


def test_pair_auc_needs_both_kinds_of_pairs():
    assert np.isnan(pair_auc(DISTANCES, relevance_of_labels(["a"] * 4, n_tracks=4)))
    assert np.isnan(pair_auc(DISTANCES, relevance_of_labels(list("abcd"), n_tracks=4)))


def test_votes_of_the_nearest_are_those_of_scikit_learn(rng):
    """Two labels and five votes leave no ties."""
    distances, labels = clustered(rng, n_tracks=50, n_labels=2, spread=9.0)
    right = []
    for query in range(50):
        others = np.delete(np.arange(50), query)
        neighbors = KNeighborsClassifier(n_neighbors=5, metric="precomputed")
        neighbors.fit(distances[np.ix_(others, others)], np.array(labels)[others])
        right.append(neighbors.predict(distances[query : query + 1, others])[0] == labels[query])
    assert retrieval.evaluate(distances, labels).knn_accuracy == pytest.approx(np.mean(right))
    assert 0.5 < np.mean(right) < 1


def test_tied_votes_go_to_the_nearest():
    # 0 sees b a a b, so a tie of two and two, which b wins.
    line = np.abs(np.subtract.outer(*[np.array([0.0, 1.0, 2.0, 3.0, 4.0])] * 2))
    votes = score_queries(line, relevance_of_labels(["b", "b", "a", "a", "b"], n_tracks=5), ks=[1]).votes
    assert votes[0] == 1
    votes = score_queries(line, relevance_of_labels(["a", "b", "a", "a", "b"], n_tracks=5), ks=[1]).votes
    assert votes[0] == 0


def test_pairs_that_belong_together():
    """Each of a pair is relevant to the other, in any order, and every track is a candidate."""
    relevance = relevance_of_pairs(np.array([[3, 0], [0, 3], [1, 0]]), n_tracks=4)
    scores = score_queries(DISTANCES, relevance, ks=[1])
    np.testing.assert_array_equal(scores.n_relevant, [2, 1, 0, 1])
    np.testing.assert_array_equal(scores.n_candidates, [3, 3, 3, 3])
    # 0 ranks 1 2 3; 1 ranks 0 first; 2 asks nothing; 3 ranks 2 1 0.
    np.testing.assert_array_equal(scores.metric("MRR"), [1, 1, np.nan, 1 / 3])
    np.testing.assert_array_equal(scores.metric("MAP"), [(1 + 2 / 3) / 2, 1, np.nan, 1 / 3])
    assert relevance.groups[0] == relevance.groups[1] == relevance.groups[3] != relevance.groups[2]
    result = retrieval.summarize(scores, relevance, DISTANCES)
    assert (result.n_queries, result.n_left_out) == (3, 1)
    assert np.isnan([result.knn_accuracy, result.precision[0].macro]).all()
    # Together: 0-3 (7) and 0-1 (1); apart: 0-2 (3), 1-2 (2), 1-3 (6), 2-3 (4).
    assert result.pair_auc == pytest.approx(1 / 2)


def test_pairs_under_the_artist_filter():
    relevance = relevance_of_pairs(np.array([[0, 1], [2, 3]]), artists=["Ann", "Ann", "Bob", None], n_tracks=4)
    scores = score_queries(DISTANCES, relevance, ks=[1])
    np.testing.assert_array_equal(scores.n_relevant, [0, 0, 1, 1])


def test_groups_of_pairs_are_what_they_connect(rng):
    chain = np.stack([np.arange(99), np.arange(1, 100)], axis=1)
    assert len(set(relevance_of_pairs(rng.permutation(chain), n_tracks=100).groups)) == 1
    broken = np.delete(chain, 40, axis=0)
    groups = relevance_of_pairs(rng.permutation(broken), n_tracks=100).groups
    assert (groups[:41] == groups[0]).all()
    assert (groups[41:] == groups[41]).all()
    assert groups[0] != groups[41]


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        ([[0, 1, 2]], r"shape \(n_pairs, 2\), got int64 of shape \(1, 3\)"),
        ([[0.0, 1.0]], "must be integers"),
        ([[0, 4]], r"lie in 0 .. 3, got 0 .. 4"),
        ([[-1, 2]], "got -1"),
        ([[2, 2], [0, 1]], "two different tracks, 1 are not"),
    ],
)
def test_pairs_refused(pairs, text):
    with pytest.raises(ValueError, match=text):
        relevance_of_pairs(np.array(pairs), n_tracks=4)


@pytest.mark.parametrize(("n_relevant", "n_candidates"), [(1, 1), (1, 5), (2, 6), (3, 7), (6, 6)])
def test_chance_is_the_mean_over_all_orders(n_relevant, n_candidates):
    """Every set of ranks that the relevant tracks can have is equally likely."""
    precision, inverse, n_orders = Fraction(0), Fraction(0), 0
    for ranks in combinations(range(1, n_candidates + 1), n_relevant):
        precision += sum(Fraction(i, rank) for i, rank in enumerate(ranks, 1)) / n_relevant
        inverse += Fraction(1, ranks[0])
        n_orders += 1
    assert average_precision_chance(n_relevant, n_candidates) == pytest.approx(float(precision / n_orders))
    assert reciprocal_rank_chance(n_relevant, n_candidates) == pytest.approx(float(inverse / n_orders))


@pytest.mark.parametrize("counts", [(0, 3), (4, 3)])
def test_chance_refuses_counts_that_cannot_be(counts):
    with pytest.raises(ValueError, match=r"must lie in 1 \.\. n_candidates"):
        average_precision_chance(*counts)
    with pytest.raises(ValueError, match=r"must lie in 1 \.\. n_candidates"):
        reciprocal_rank_chance(*counts)
