"""Intervals: widths against formulas, coverage against populations, and influences against small changes of weight."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audiosim.evaluation.answers import Question, answer
from audiosim.evaluation.bootstrap import (
    CandidateInfluence,
    bootstrap_differences,
    bootstrap_means,
    drawn_together,
)
from audiosim.evaluation.influence import candidate_influences
from audiosim.evaluation.query_scores import metric_names, score_queries
from audiosim.evaluation.ranking import rankings
from audiosim.evaluation.relevance import relevance_of_labels

KS = (1, 3, 5)


def ends(estimates):
    return np.array([(estimate.low, estimate.high) for estimate in estimates])


def test_independent_tracks_have_the_interval_of_a_mean(rng):
    scores = rng.random((400, 1))
    [estimate] = bootstrap_means(scores, seed=1)
    error = scores.std(ddof=1) / np.sqrt(400)
    assert estimate.value == pytest.approx(scores.mean())
    np.testing.assert_allclose(
        [estimate.low, estimate.high], scores.mean() + error * np.array([-1.966, 1.966]), atol=0.06 * error
    )


def test_few_artists_have_the_interval_of_student(rng):
    """With 8 tracks the plain percentile interval would be .77 as wide."""
    scores = rng.standard_normal((8, 1))
    [estimate] = bootstrap_means(scores, n_draws=40_000)
    error = scores.std(ddof=1) / np.sqrt(8)
    assert estimate.high - estimate.low == pytest.approx(2 * scipy.stats.t.ppf(0.975, 7) * error, rel=0.06)


def test_tracks_of_an_artist_count_as_one_if_they_are_alike(rng):
    scores = rng.random((60, 2))
    artists = [f"artist {i}" for i in range(60)]
    alone = bootstrap_means(scores, artists)
    together = bootstrap_means(np.repeat(scores, 5, axis=0), np.repeat(artists, 5).tolist())
    np.testing.assert_allclose(ends(alone), ends(together), atol=1e-12)
    unaware = bootstrap_means(np.repeat(scores, 5, axis=0))
    assert np.ptp(ends(unaware), axis=1) == pytest.approx(np.ptp(ends(alone), axis=1) / np.sqrt(5), rel=0.1)


def test_means_are_over_queries_whoever_has_them(rng):
    """Tracks that are no queries change nothing, and artists weigh as they have queries."""
    scores = rng.random((90, 1))
    artists = np.repeat(np.arange(30), 3)
    scores[artists % 3 == 1, 0] = np.nan
    kept = ~np.isnan(scores[:, 0])
    [estimate] = bootstrap_means(scores, artists.tolist())
    assert estimate.value == pytest.approx(scores[kept].mean())
    [dense] = bootstrap_means(scores[kept], artists[kept].tolist(), n_draws=20_000)
    assert estimate.high - estimate.low == pytest.approx(dense.high - dense.low, rel=0.05)


def test_unknown_artists_are_drawn_one_by_one():
    assert drawn_together([None, "1", None, "1", 1], n_tracks=5).tolist() == [0, 1, 2, 1, 3]
    assert drawn_together(None, n_tracks=3).tolist() == [0, 1, 2]


def test_draws_are_seeded_and_shared_by_metrics(rng):
    scores = rng.random((40, 1))
    both = bootstrap_means(np.hstack([scores, 0.5 * scores]), seed=3)
    assert both[1].low == pytest.approx(both[0].low / 2)
    [same] = bootstrap_means(scores, seed=3)
    assert (same.low, same.high) == pytest.approx((both[0].low, both[0].high))
    assert bootstrap_means(scores, seed=3) == (same,)
    assert bootstrap_means(scores, seed=4) != (same,)


def test_differences_are_paired(rng):
    """Hard queries are hard for both: paired by query, a small steady difference is certain."""
    first = rng.random((200, 2))
    second = first - 0.02 + 0.01 * rng.standard_normal((200, 2))
    for estimate in bootstrap_differences(first, second):
        assert estimate.value == pytest.approx(0.02, abs=0.005)
        assert 0.015 < estimate.low < estimate.value < estimate.high < 0.025
    assert all(abs(e.value) == e.low == e.high == 0 for e in bootstrap_differences(first, first))


def test_candidates_widen_the_interval_and_what_is_repeated_narrows_it(rng):
    """By the root of summed squared influences, freed of what is repeated, and never below that of queries alone."""
    n_tracks = 300
    scores = 0.4 + 0.2 * rng.random((n_tracks, 1))
    by_artist = 0.3 * rng.standard_normal((n_tracks, 1))
    own = (scores - scores.mean()) / n_tracks
    alone = float(np.sum(own**2))
    together = float(np.sum((own + (by_artist - by_artist.mean()) / n_tracks) ** 2))

    def width(influence):
        return np.ptp(ends(bootstrap_means(scores, influence=influence)))

    def width_without(repeated):
        return width(CandidateInfluence(by_artist, np.array([repeated * n_tracks**2])))

    assert width_without(0.0) / width(None) == pytest.approx(np.sqrt(together / alone), rel=0.03)
    assert width_without(0.3 * together) / width_without(0.0) == pytest.approx(np.sqrt(0.7))
    assert width_without(2.0 * together) / width_without(0.0) == pytest.approx(np.sqrt(alone / together))


def test_what_leaves_nothing_to_draw_has_no_interval():
    scores = np.array([[1.0, np.nan], [0.0, np.nan]])
    one, none = bootstrap_means(scores, ["Ann", "Ann"])
    assert one.value == 0.5
    assert np.isnan([one.low, one.high, none.value, none.low]).all()
    one, none = bootstrap_means(scores)
    assert (one.low, one.high) == (0.0, 1.0)
    assert np.isnan([none.value, none.low, none.high]).all()
    assert np.isnan(bootstrap_means(scores, n_draws=0)[0].low)
    assert bootstrap_means(np.empty((0, 0))) == ()


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((np.zeros(3),), {}, r"shape \(n_tracks, n_metrics\), got \(3,\)"),
        ((np.zeros((3, 1)), ["Ann"]), {}, r"one artist a track \(3, None where unknown\), got 1"),
        ((np.zeros((3, 1)),), {"n_draws": -1}, "n_draws must not be negative, got -1"),
        ((np.zeros((3, 1)),), {"level": 1.0}, "level must lie between 0 and 1, got 1.0"),
        (
            (np.zeros((3, 1)),),
            {"influence": CandidateInfluence(np.zeros((2, 1)), np.zeros(1))},
            r"by 3 artists and 1 metrics, got \(2, 1\)",
        ),
    ],
)
def test_bootstrap_refuses(arguments, options, text):
    with pytest.raises(ValueError, match=text):
        bootstrap_means(*arguments, **options)


def test_differences_refuse_other_shapes():
    with pytest.raises(ValueError, match=r"same tracks and metrics, got \(3, 1\) and \(3, 2\)"):
        bootstrap_differences(np.zeros((3, 1)), np.zeros((3, 2)))


@pytest.mark.parametrize(("n_artists", "mean_size"), [(12, 1), (25, 4), (80, 2)])
def test_intervals_of_queries_cover_a_known_mean(n_artists, mean_size):
    """Shares of ten hits, whose chance is an artist's own: the mean of the population is .3."""
    rng = np.random.default_rng(5)
    n_covered, n_libraries = 0, 300
    for _ in range(n_libraries):
        sizes = rng.geometric(1 / mean_size, size=n_artists)
        artists = np.repeat(np.arange(n_artists), sizes)
        scores = rng.binomial(10, rng.beta(3, 7, size=n_artists)[artists]) / 10
        [estimate] = bootstrap_means(scores[:, None], artists.tolist(), n_draws=400)
        n_covered += estimate.low <= 0.3 <= estimate.high
    # The standard error of the share is .013.
    assert 0.915 <= n_covered / n_libraries <= 0.985


def libraries(n_libraries, *, n_tracks=45, n_per_artist=3):
    """Points of tracks around their genre and artist, with answers about the nearest."""
    rng = np.random.default_rng(8)
    for _ in range(n_libraries):
        artists = np.arange(n_tracks) // n_per_artist
        labels = rng.integers(3, size=n_tracks)[artists]
        points = 1.2 * np.eye(n_tracks, 6)[labels] + 0.5 * rng.standard_normal((n_tracks, 6))[artists]
        points = points + rng.standard_normal((n_tracks, 6))
        distances = np.linalg.norm(points[:, None] - points, axis=2)
        relevance = relevance_of_labels(labels.tolist(), artists=list(map(str, artists)), n_tracks=n_tracks)
        yield answer([distances], [Question(relevance, artists)], ks=[10])[0], artists.tolist()


def test_intervals_of_libraries_cover_their_mean_only_with_candidates():
    """Tracks drawn anew are other candidates too. Queries alone cover about .80 here, which a mean of queries hides."""
    drawn = list(libraries(200))
    scores = [answers.scores[0].values for answers, _ in drawn]
    truth = np.mean([np.nanmean(values, axis=0) for values in scores], axis=0)
    covered = {}
    for name in ("queries", "queries and candidates"):
        found = np.array(
            [
                ends(
                    bootstrap_means(
                        answers.scores[0].values,
                        artists,
                        influence=answers.influence() if name != "queries" else None,
                        n_draws=400,
                    )
                )
                for answers, artists in drawn
            ]
        )
        covered[name] = ((found[..., 0] <= truth) & (truth <= found[..., 1])).mean(axis=0)
    precision, average_precision = 0, 1
    assert covered["queries"][precision] < 0.88
    assert covered["queries"][average_precision] < 0.88
    # The standard error of a share is .015.
    assert (covered["queries and candidates"] >= 0.91).all()
    assert (covered["queries and candidates"] <= 0.99).all()


def weighted_scores(hits, weights):
    """Average precision, and inverse rank of the first hit, of candidates that are there `weights` times."""
    n_before, n_hits_before, total, first = 0.0, 0.0, 0.0, None
    for hit, weight in zip(hits, weights, strict=True):
        n_before += weight
        if hit:
            n_hits_before += weight
            total += weight * n_hits_before / n_before
            first = first or n_before
    return total / n_hits_before, 1 / first


@given(hnp.arrays(np.bool_, st.integers(1, 30)).filter(np.any))
def test_influence_is_what_a_small_weight_changes(hits):
    """Against differences of weighted scores; a first hit itself is not moved but taken away."""
    influences = candidate_influences(hits, KS)
    first = int(hits.argmax())
    step = 1e-6
    for place in range(hits.size):
        more, less = (np.where(np.arange(hits.size) == place, 1 + sign * step, 1.0) for sign in (1, -1))
        changes = np.subtract(weighted_scores(hits, more), weighted_scores(hits, less)) / (2 * step)
        assert influences[-3, place] == pytest.approx(changes[0], abs=1e-6)
        if place != first:
            assert influences[-2, place] == pytest.approx(changes[1], abs=1e-6)


def test_influence_on_a_list_is_against_what_moves_up():
    hits = np.array([True, False, True, False, True, True, False, False, False])
    influences = dict(zip(metric_names(KS), candidate_influences(hits, KS), strict=True))
    np.testing.assert_allclose(influences["P@1"], [1 - 3 / 5, *[0] * 8])
    np.testing.assert_allclose(influences["Hit@1"], influences["P@1"])
    # Behind three stand five places with two hits; behind five remain four with one.
    np.testing.assert_allclose(influences["P@3"], np.r_[[3 / 5, -2 / 5, 3 / 5], np.zeros(6)] / 3)
    np.testing.assert_allclose(influences["P@5"], np.r_[[3, -1, 3, -1, 3], np.zeros(4)] / 4 / 5)
    # Without the first hit, the next would stand second.
    np.testing.assert_allclose(influences["MRR"], [1 - 1 / 2, *[0] * 8])


def test_influence_on_a_list_that_holds_all():
    np.testing.assert_allclose(candidate_influences(np.array([True, False]), [5])[0], [1 / 4, -1 / 4])
    np.testing.assert_array_equal(candidate_influences(np.array([True]), [1]), np.zeros((4, 1)))


def test_answers_are_the_scores_of_single_measures_and_sums_over_queries(rng):
    """Two matrices with ties at once, by the literal sums; artists as candidates do not influence themselves."""
    n_tracks = 24
    units = rng.integers(8, size=n_tracks)
    # Who is filtered need not be who is drawn together.
    artists = [f"artist {i}" for i in rng.integers(6, size=n_tracks)]
    labels = [None if i == 5 else f"genre {i % 3}" for i in range(n_tracks)]
    relevance = relevance_of_labels(labels, artists=artists, n_tracks=n_tracks)
    matrices = []
    for _ in range(2):
        points = rng.integers(4, size=(n_tracks, 2))
        matrices.append(np.abs(points[:, None] - points).sum(axis=2).astype(np.float32))
    drawn = drawn_together(units.tolist(), n_tracks=n_tracks)
    [answers] = answer(matrices, [Question(relevance, drawn)], ks=KS, seed=2)
    for scores, distances in zip(answers.scores, matrices, strict=True):
        np.testing.assert_array_equal(scores.values, score_queries(distances, relevance, ks=KS, seed=2).values)

    sums = np.zeros((n_tracks, 2, len(KS) + 3, drawn.max() + 1))
    for row, distances in enumerate(matrices):
        for query, ranking in enumerate(rankings(distances, seed=2)):
            if labels[query] is None:
                continue
            candidates = [i for i in ranking if labels[i] is not None and artists[i] != artists[query]]
            hits = np.array([labels[i] == labels[query] for i in candidates])
            for i, influence in zip(candidates, candidate_influences(hits, KS).T, strict=True):
                sums[query, row, :, drawn[i]] += influence * (drawn[i] != drawn[query])
    np.testing.assert_allclose(answers.by_artist, sums.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(answers.products, np.einsum("qmtd,qntd->tmn", sums, sums), atol=1e-12)
    influence = answers.influence([(1, 0)])
    difference = (sums[:, 1] - sums[:, 0]).reshape(n_tracks, len(KS) + 3, -1)
    np.testing.assert_allclose(influence.by_artist[:, -len(KS) - 3 :].T, difference.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(influence.repeated[-len(KS) - 3 :], (difference**2).sum(axis=(0, 2)), atol=1e-12)
