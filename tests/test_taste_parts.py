"""What a taste rests on, how it grows with ratings, how features hang together, and how two sides differ."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from audiosim.recommend.correlation import rank_correlations
from audiosim.recommend.labelled_table import TrackInputs
from audiosim.recommend.taste.curve import learning_curve
from audiosim.recommend.taste.differences import Sample, compare_samples, holm
from audiosim.recommend.taste.importance import importances
from audiosim.recommend.taste.relations import valence_by_mode
from audiosim.recommend.taste.steadiness import steadiness
from audiosim.recommend.taste.trials import RatedTracks, TasteEffort

QUICK = TasteEffort(n_trees=8, n_repeats=1)


@pytest.fixture
def rated(rng):
    """Ratings that rise with energy and fall with the key's place on the circle; tempo and mode say nothing."""
    n = 120
    energy, tempo, mode, key = (
        rng.uniform(0, 1, n),
        rng.uniform(60, 180, n),
        rng.integers(0, 2, n),
        rng.integers(0, 12, n),
    )
    inputs = TrackInputs.of_features(
        np.column_stack([energy, key, mode, tempo]).astype(float), ["energy", "key", "mode", "tempo"]
    )
    ratings = 4 * energy + np.cos(2 * np.pi * 7 * key / 12) + rng.normal(0, 0.4, n)
    return RatedTracks(inputs, ratings, rng.integers(0, 50, n), is_binary=False)


# Importance


def test_importance_finds_what_ratings_are_made_of(rated):
    found = {" and ".join(item.features): item for item in importances(rated, "ridge", effort=QUICK)}
    assert list(found)[:2] == ["energy", "key"]
    for name in ("energy", "key"):
        assert found[name].loss.low > 0
        assert found[name].positive_share == 1.0
    for name in ("mode", "tempo"):
        assert abs(found[name].loss.value) < 0.1 * found["key"].loss.value
    assert found["energy"].direction > 0.5
    assert found["energy"].steady_share == 1.0
    assert np.isnan(found["key"].direction)
    assert np.isnan(found["mode"].steady_share)


def test_a_key_is_dealt_out_in_both_of_its_columns(rated):
    """One column of the two left in place would let the model go on knowing half of the key."""
    losses = {}
    for seed in range(3):
        effort = TasteEffort(n_repeats=1, seed=seed)
        losses[seed] = {item.features: item.loss.value for item in importances(rated, "ridge", effort=effort)}
    # Weights of 1 on a cosine: its mean absolute change is 4 / pi**2 * 2, less what noise hides.
    assert np.mean([loss[("key",)] for loss in losses.values()]) > 0.4


def test_importance_of_likes_and_of_trees(rated):
    liked = RatedTracks(rated.inputs, (rated.ratings > 2).astype(float), rated.groups, is_binary=True)
    for name in ("logistic", "forest"):
        assert importances(liked, name, effort=QUICK)[0].features == ("energy",)


def test_features_that_stand_in_for_one_another_matter_together(rated, rng):
    """Five copies of one feature, each with a little noise: a fifth of the weight is on each, and all of it on all."""
    copies = rated.inputs.values[:, [rated.inputs.names.index("energy")]] + rng.normal(0, 0.02, (len(rated), 4))
    names = tuple(f"timbre_{i}" for i in range(4))
    twins = RatedTracks(rated.inputs.with_columns(copies, names), rated.ratings, rated.groups, is_binary=False)
    found = {item.features: item for item in importances(twins, "ridge", effort=QUICK)}
    together = found[("energy", *names)]
    assert together.loss.value > 5 * max(found[(name,)].loss.value for name in ("energy", *names))
    assert together.loss.low > 0
    assert np.isnan(together.direction)
    assert next(iter(found)) == together.features


# Steadiness


def test_who_knows_the_taste_reaches_the_correlation_of_two_days(rng):
    taste = rng.normal(5.5, 1.5, 20_000)
    first, again = taste + rng.normal(0, 1, 20_000), taste + rng.normal(0, 1, 20_000)
    found = steadiness(first, again)
    knowing = 1 - ((again - taste) ** 2).sum() / ((again - again.mean()) ** 2).sum()
    assert found.correlation.value == pytest.approx(knowing, abs=0.01)
    assert found.correlation.low < 1.5**2 / (1.5**2 + 1) < found.correlation.high
    assert found.mean_change == pytest.approx(2 / np.sqrt(np.pi), abs=0.02)


def test_too_few_or_all_the_same_say_nothing_of_steadiness():
    ratings = np.arange(1.0, 6.0)
    assert steadiness(ratings[:4], ratings[:4]) is None
    assert steadiness(ratings, np.full(5, 7.0)) is None
    assert steadiness(np.full(5, 7.0), ratings) is None
    alike = steadiness(ratings, ratings)
    assert (alike.correlation.value, alike.correlation.low, alike.mean_change) == (1.0, 1.0, 0.0)
    assert "correlate by 1.00 (95 % interval 1.00 to 1.00)" in alike.sentence
    assert "an R² above 0.00" in steadiness(ratings, ratings[::-1]).sentence


# Learning curves


def test_more_ratings_teach_more(rated):
    points = learning_curve(rated, "ridge", effort=QUICK)
    assert [point.n for point in points] == [20, 30, 50, 75, 96]
    assert points[0].r2.value < points[-1].r2.value
    assert points[-1].r2.value > 0.8
    for point in points:
        assert point.r2.low < point.r2.value < point.r2.high <= 1


def test_the_curve_of_few_likes_says_the_mean_at_first(rng):
    inputs = TrackInputs.of_features(rng.uniform(0, 1, (60, 2)), ["energy", "valence"])
    liked = RatedTracks(inputs, np.repeat([1.0, 0.0], [10, 50]), np.arange(60), is_binary=True)
    points = learning_curve(liked, "logistic", effort=QUICK)
    assert all(np.isfinite(point.r2.value) for point in points)


def test_a_curve_goes_on_where_it_was(rated):
    kept, computed = {}, []

    def recall(name, compute):
        if name not in kept:
            computed.append(name)
            kept[name] = compute()
        return kept[name]

    first = learning_curve(rated, "ridge", effort=QUICK, recall=recall)
    assert computed == [f"curve-{draw}" for draw in range(3)]
    del kept["curve-1"]
    assert learning_curve(rated, "ridge", effort=QUICK, recall=recall) == first
    assert computed[3:] == ["curve-1"]


# Features among themselves


def test_rank_correlations_equal_those_of_scipy(rng):
    values = np.round(rng.normal(size=(50, 4)), 1)
    assert_allclose(rank_correlations(values), stats.spearmanr(values).statistic, atol=1e-9)
    with_constant = rank_correlations(np.c_[values, np.ones(50)])
    assert np.isnan(with_constant[4]).all()
    assert_allclose(with_constant[:4, :4], rank_correlations(values))


def mode_and_valence(rng, effect, n=200, names=("mode", "valence")):
    mode = rng.integers(0, 2, n)
    valence = np.clip(rng.normal(0.5 + effect * (mode - 0.5), 0.15), 0, 1)
    return TrackInputs(names, np.c_[mode, valence], np.c_[mode, valence]), mode, valence


def test_valence_follows_mode_as_far_as_it_does(rng):
    inputs, mode, valence = mode_and_valence(rng, 0.1)
    found = valence_by_mode(inputs, np.arange(200))
    assert (found.n_major, found.n_minor) == (mode.sum(), 200 - mode.sum())
    welch = stats.ttest_ind(valence[mode == 1], valence[mode == 0], equal_var=False)
    assert found.difference.value == pytest.approx(valence[mode == 1].mean() - valence[mode == 0].mean())
    interval = welch.confidence_interval()
    assert found.difference.low == pytest.approx(interval.low, abs=0.01)
    assert found.difference.high == pytest.approx(interval.high, abs=0.01)
    above = np.sign(valence[mode == 1][:, None] - valence[mode == 0])
    assert found.delta.value == pytest.approx(above.mean())
    assert found.answer in {"clearly", "a little"}
    assert not found.is_circular


def test_own_estimates_say_that_they_go_in_circles(rng):
    inputs, _, _ = mode_and_valence(rng, -0.3, names=("mode_est", "valence_est"))
    found = valence_by_mode(inputs, np.arange(200))
    assert found.is_circular
    assert found.answer == "strongly, and the other way round"


def test_no_answer_is_made_up(rng):
    inputs, _, _ = mode_and_valence(rng, 0.0)
    assert valence_by_mode(inputs, np.arange(200)).answer == "not that these tracks could tell"
    assert valence_by_mode(TrackInputs(("energy",), np.ones((9, 1)), np.ones((9, 1))), np.arange(9)) is None
    one_mode = TrackInputs(("mode", "valence"), np.c_[np.ones(20), rng.random(20)], np.zeros((20, 2)))
    assert valence_by_mode(one_mode, np.arange(20)) is None


# Two sides


def test_distances_equal_those_of_scipy(rng):
    a, b = np.round(rng.normal(0.0, 1.0, 70), 1), np.round(rng.normal(0.6, 2.0, 50), 1)
    (found,) = compare_samples(Sample(a[:, None], np.arange(70)), Sample(b[:, None], np.arange(70, 120)), ["x"])
    spread = np.sqrt((a.var() + b.var()) / 2)
    assert found.distance.value == pytest.approx(stats.wasserstein_distance(a, b) / spread)
    assert found.largest_gap == pytest.approx(stats.ks_2samp(a, b).statistic)
    assert found.delta.value == pytest.approx(np.sign(a[:, None] - b).mean())
    assert (found.mean_a, found.mean_b) == (pytest.approx(a.mean()), pytest.approx(b.mean()))
    assert found.distance.low < found.distance.value < found.distance.high
    # Two samples of one distribution lie apart too.
    assert 0.1 < found.chance < found.distance.value


def test_holm_equals_its_definition():
    p_values = np.array([0.04, 0.001, np.nan, 0.02, 0.9])
    ordered = [0.001, 0.02, 0.04, 0.9]
    expected, largest = {}, 0.0
    for place, p in enumerate(ordered):
        largest = max(largest, min(1.0, p * (len(ordered) - place)))
        expected[p] = largest
    adjusted = holm(p_values)
    assert np.isnan(adjusted[2])
    for p, found in zip(p_values, adjusted, strict=True):
        assert np.isnan(p) or found == pytest.approx(expected[p])


def test_of_many_features_that_do_not_differ_hardly_one_is_called_different():
    """Ten features without any difference in each of thirty comparisons, artists with several tracks each."""
    n_false = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        artists = np.repeat(np.arange(40), 3)
        values = rng.normal(size=(40, 10))[artists] + 0.5 * rng.normal(size=(120, 10))
        a, b = Sample(values[:60], artists[:60]), Sample(values[60:], artists[60:])
        n_false += any(row.adjusted < 0.05 for row in compare_samples(a, b, [f"x{i}" for i in range(10)], seed=seed))
    assert n_false <= 4


def test_what_differs_is_found_and_comes_first(rng):
    artists = np.repeat(np.arange(30), 3)
    values = rng.normal(size=(90, 3))
    other = rng.normal(size=(90, 3)) + np.array([0.0, 1.5, 0.5])
    rows = compare_samples(Sample(values, artists), Sample(other, artists + 100), ["same", "far", "near"])
    assert [row.name for row in rows[:2]] == ["far", "near"]
    assert rows[0].adjusted < 0.001
    assert rows[0].delta.high < 0
    wider = compare_samples(Sample(values, artists), Sample(3 * values, artists + 100), ["a", "b", "c"])
    assert all(row.adjusted < 0.05 and row.delta.low < 0 < row.delta.high for row in wider)
    assert rows[2].adjusted > 0.05


def test_artists_of_one_kind_widen_the_interval(rng):
    """Tracks of an artist are alike: drawn one by one they would promise too much."""
    artists = np.repeat(np.arange(8), 12)
    values = (rng.normal(size=(8, 1))[artists] + 0.1 * rng.normal(size=(96, 1))).copy()
    other = rng.normal(size=(96, 1))
    (by_artist,) = compare_samples(Sample(values, artists), Sample(other, np.arange(100, 196)), ["x"])
    (by_track,) = compare_samples(Sample(values, np.arange(96)), Sample(other, np.arange(100, 196)), ["x"])
    assert by_artist.delta.high - by_artist.delta.low > 1.5 * (by_track.delta.high - by_track.delta.low)
    assert by_artist.chance > by_track.chance


def test_one_artist_gives_no_interval_and_what_does_not_vary_no_row(rng):
    a = Sample(np.c_[rng.normal(size=20), np.ones(20)], np.zeros(20, np.int64))
    b = Sample(np.c_[rng.normal(size=20), np.ones(20)], np.arange(1, 21))
    (row,) = compare_samples(a, b, ["x", "constant"])
    assert np.isnan([row.distance.low, row.delta.high, row.p_value, row.adjusted]).all()
    assert np.isfinite(row.distance.value)


def test_the_same_seed_gives_the_same_answer(rng):
    a, b = (Sample(rng.normal(size=(30, 2)), np.arange(30) + 30 * i) for i in range(2))
    assert compare_samples(a, b, ["x", "y"], seed=3) == compare_samples(a, b, ["x", "y"], seed=3)
