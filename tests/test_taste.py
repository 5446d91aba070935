"""Taste from ratings: what there is to learn is learned, noise is called noise, and intervals cover what they say."""

from dataclasses import replace

import bench_taste
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from audiosim.errors import FeatureTableError
from audiosim.recommend.labelled_table import TrackInputs, artist_groups, read_labelled_table, without_duplicates
from audiosim.recommend.taste.design import most_informative
from audiosim.recommend.taste.evaluation import conformal_half_width, evaluate_taste
from audiosim.recommend.taste.models import LIKE_MODELS, RATING_MODELS, TasteModel
from audiosim.recommend.taste.permutation import cross_validated_r2, permutation_test
from audiosim.recommend.taste.ridge import fit_elastic_net, fit_ridge
from audiosim.recommend.taste.scores import score_ratings
from audiosim.recommend.taste.trials import RatedTracks, TasteEffort
from audiosim_pipelines.bench.rater import N_FEATURES, rated_tracks

QUICK = TasteEffort(n_trees=8, n_repeats=1)


# Scores


def test_scores_equal_those_of_scipy_and_scikit_learn(rng):
    from sklearn import metrics

    ratings = rng.integers(1, 11, 80).astype(float)
    predicted = np.round(0.5 * ratings + rng.normal(0, 2, 80))
    scores = score_ratings(predicted, ratings, means=np.full(80, ratings.mean()), is_binary=False)
    assert scores.r2 == pytest.approx(metrics.r2_score(ratings, predicted))
    assert scores.mae == pytest.approx(metrics.mean_absolute_error(ratings, predicted))
    assert scores.spearman == pytest.approx(stats.spearmanr(ratings, predicted).statistic)
    differ = np.sign(ratings[:, None] - ratings)
    agree = differ * np.sign(predicted[:, None] - predicted)
    assert scores.pairwise == pytest.approx(0.5 + agree.sum() / 2 / np.count_nonzero(differ))
    liked, said = (ratings > 5).astype(float), rng.random(80).round(1)
    scores = score_ratings(said, liked, means=np.full(80, liked.mean()), is_binary=True)
    assert scores.pairwise == pytest.approx(metrics.roc_auc_score(liked, said))
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(liked, said >= 0.5))


def test_means_of_folds_have_no_order(rng):
    """Each fold's mean is lower where what was left out is higher; that is no prediction."""
    means = np.repeat([4.9, 5.1], 20)
    scores = score_ratings(means, rng.normal(5, 1, 40) - means, means=means, is_binary=False)
    assert (scores.r2, scores.spearman, scores.pairwise) == (0.0, 0.0, 0.5)


# Ridge


def test_ridge_equals_the_normal_equations_at_its_penalty(rng):
    """At one of the penalties that are tried, and none predicts what was left out better by much."""
    inputs, targets = rng.normal(3.0, 2.0, (60, 8)), rng.normal(size=(60, 2))
    targets[:, 0] += inputs @ rng.normal(size=8)
    fitted = fit_ridge(inputs, targets)
    scaled, centred = stats.zscore(inputs), targets - targets.mean(axis=0)
    for column in range(2):
        solutions = [
            np.linalg.solve(scaled.T @ scaled + 60 * penalty * np.eye(8), scaled.T @ centred[:, column])
            for penalty in np.logspace(-2, 2, 13)
        ]
        distances = [np.abs(w - fitted.weights[:, column] * inputs.std(axis=0)).max() for w in solutions]
        assert min(distances) < 1e-10
    assert_allclose(fitted.predict(inputs).mean(axis=0), targets.mean(axis=0))


def test_an_input_that_does_not_vary_has_no_weight(rng):
    inputs = np.column_stack([np.full(30, 7.0), rng.normal(size=30)])
    assert fit_ridge(inputs, inputs[:, 1:]).weights[0, 0] == 0.0


def test_targets_do_not_disturb_one_another(rng):
    inputs, targets = rng.normal(size=(40, 5)), rng.normal(size=(40, 3))
    folds = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
    together = cross_validated_r2(inputs, targets, folds)
    assert_allclose(together, [cross_validated_r2(inputs, targets[:, i : i + 1], folds)[0] for i in range(3)])


def test_a_taste_for_artists_is_no_taste_for_sounds():
    """Ratings and features are the artist's, and unrelated: dealing out single ratings would find that significant."""
    n_false = {"artists": 0, "tracks": 0}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(15), 6)
        inputs = rng.normal(size=(15, 4))[groups] + 0.1 * rng.normal(size=(90, 4))
        ratings = rng.normal(size=15)[groups] + 0.1 * rng.normal(size=90)
        rated = RatedTracks(TrackInputs(("f",) * 4, inputs, inputs), ratings, groups, is_binary=False)
        folds = rated.folds(5, seed=0)
        for dealt, blocks in (("artists", groups), ("tracks", np.arange(90))):
            test = permutation_test(inputs, ratings, blocks, folds=folds, n_permutations=99, seed=0)
            n_false[dealt] += test.p_value <= 0.05
    assert n_false["artists"] <= 5
    assert n_false["tracks"] > n_false["artists"]


# Evaluation


def test_noise_is_called_noise():
    effort = TasteEffort(n_trees=3, n_repeats=1)
    verdicts = [evaluate_taste(rated_tracks(seed, ceiling=0.0), effort=effort).verdict for seed in range(5)]
    assert verdicts.count("no signal") >= 4


def test_a_taste_is_found_within_its_ceiling():
    """100 ratings of which features explain 40 %: what is found lies between 10 and 40 %, and is no accident."""
    judged = [evaluate_taste(rated_tracks(seed), effort=QUICK) for seed in range(3)]
    for evaluation in judged:
        assert 0.10 <= evaluation.scores("chosen").r2 <= 0.40
        assert evaluation.p_value < 0.05
        assert evaluation.verdict != "no signal"
    assert 0.17 <= np.mean([evaluation.scores("ridge").r2 for evaluation in judged]) <= 0.37


def test_intervals_cover_new_tracks():
    """Nine in ten of tracks that came later, and of those that were left out."""
    covered, left_out = [], []
    for seed in range(3):
        rated = rated_tracks(seed, n=400, n_artists=400)
        known = RatedTracks(rated.inputs.take(np.arange(100)), rated.ratings[:100], rated.groups[:100], is_binary=False)
        judged = evaluate_taste(known, effort=QUICK)
        model = TasteModel(judged.best, is_binary=False, n_trees=10).fit(known.inputs, known.ratings)
        errors = rated.ratings[100:] - model.predict(rated.inputs.take(np.arange(100, 400)))
        covered.append(np.mean(np.abs(errors) <= judged.half_width))
        left_out.append(judged.coverage)
    assert 0.82 <= np.mean(covered) <= 0.97
    assert 0.82 <= np.mean(left_out) <= 0.97


def test_the_same_seed_gives_the_same_answer():
    rated = rated_tracks(3)
    judged = evaluate_taste(rated, effort=QUICK)
    assert evaluate_taste(rated, effort=replace(QUICK, n_threads=2)) == judged


def test_every_fold_is_told():
    steps = []
    evaluate_taste(rated_tracks(0), effort=TasteEffort(n_trees=2, n_repeats=2), advance=steps.append)
    assert steps == [1] * 10


@pytest.mark.parametrize(
    ("name", "is_binary"), [*((name, False) for name in RATING_MODELS), *((name, True) for name in LIKE_MODELS)]
)
def test_models_learn_what_is_plain(name, is_binary, rng):
    """Half the tracks are loud and liked. All models but the mean tell them from the others."""
    energy = np.r_[rng.uniform(0, 0.4, 40), rng.uniform(0.6, 1, 40)]
    inputs = TrackInputs.of_features(np.column_stack([energy, rng.integers(0, 2, 80)]), ["energy", "mode"])
    ratings, genres = np.repeat([0.0, 1.0], 40), np.repeat([0, 1], 40)
    model = TasteModel(name, is_binary=is_binary, n_trees=20).fit(inputs, ratings, genres)
    predicted = model.predict(inputs, genres)
    assert predicted.shape == (80,)
    if name == "mean":
        assert set(predicted) == {0.5}
    else:
        assert predicted[:40].max() < 0.5 < predicted[40:].min()


def test_too_few_residuals_give_no_interval():
    assert conformal_half_width(np.zeros(8), 0.9) == np.inf
    assert conformal_half_width(np.array([3.0, -9.0, *np.zeros(8)]), 0.9) == 9.0


# Which to rate next


def test_the_chosen_determine_more_than_the_random(rng):
    """The determinant of what ten chosen tracks tell is above that of ten random ones, every time."""
    inputs = stats.zscore(rated_tracks(1, n=200).inputs.encoded)
    chosen = most_informative(inputs, np.arange(200), rated=[], n=10)

    def told(rows):
        known = np.column_stack([np.ones(len(rows)), inputs[rows]])
        return np.linalg.slogdet(np.eye(N_FEATURES + 1) + known.T @ known)[1]

    assert all(told(chosen) > told(rng.choice(200, 10, replace=False)) for _ in range(50))


def test_ratings_of_the_chosen_teach_more_than_those_of_the_random():
    """Over 50 listeners, beside random tens."""
    found = bench_taste.designs(n_random=5)
    assert found["gain"] > 2 * found["standard_error"]
    assert found["n_better"] >= 30


def test_each_artist_once_while_there_are_others(rng):
    inputs = rng.normal(size=(12, 3))
    groups = np.repeat([0, 1, 2], 4)
    chosen = most_informative(inputs, groups, rated=[0], n=30, left_out=[5])
    assert sorted(chosen) == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert len(set(groups[chosen[:3]])) == 3
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        most_informative(inputs, groups, rated=[], n=0)


# Too little


@pytest.mark.parametrize(
    ("ratings", "is_binary", "said"),
    [
        (np.arange(19.0), False, "takes 20 ratings of tracks by 10 artists, got 19 by 19; rate more"),
        (np.full(30, 7.0), False, "takes ratings that differ, got 7 for all 30 tracks; rate also"),
        (np.ones(30), True, "takes ratings that differ, got 1 for all 30 tracks"),
        (np.r_[np.zeros(25), np.ones(5)], True, "takes 10 tracks that are liked and as many that are not, got 5"),
    ],
)
def test_too_little_is_said(ratings, is_binary, said):
    inputs = TrackInputs.of_features(np.linspace(0, 1, len(ratings))[:, None], ["energy"])
    rated = RatedTracks(inputs, ratings, np.arange(len(ratings)), is_binary=is_binary)
    with pytest.raises(FeatureTableError, match=said):
        evaluate_taste(rated, effort=QUICK)


def test_one_artist_is_no_crowd():
    inputs = TrackInputs.of_features(np.linspace(0, 1, 30)[:, None], ["energy"])
    rated = RatedTracks(inputs, np.arange(30.0), np.zeros(30, np.int64), is_binary=False)
    with pytest.raises(FeatureTableError, match="20 ratings of tracks by 10 artists, got 30 by 1; rate more"):
        evaluate_taste(rated, effort=QUICK)


@pytest.mark.parametrize("spoilt", ["features", "ratings"])
def test_what_is_no_number_is_refused(spoilt):
    rated = rated_tracks(0)
    values, ratings = rated.inputs.values.copy(), rated.ratings.copy()
    (values if spoilt == "features" else ratings)[3] = np.nan
    spoilt_tracks = RatedTracks(TrackInputs(rated.inputs.names, values, values), ratings, rated.groups, is_binary=False)
    with pytest.raises(FeatureTableError, match="features and ratings must be finite, got NaN or infinity"):
        evaluate_taste(spoilt_tracks, effort=QUICK)


def test_genres_that_were_not_there_get_the_mean():
    """Means are drawn towards that of all by two tracks of it; genres that are new or not known are that."""
    inputs = TrackInputs.of_features(np.zeros((6, 1)), ["energy"])
    ratings, genres = np.array([2.0, 4.0, 8.0, 8.0, 8.0, 6.0]), np.array([0, 0, 1, 1, 1, -1])
    model = TasteModel("genre mean", is_binary=False).fit(inputs, ratings, genres)
    predicted = model.predict(inputs, np.array([0, 1, -1, 7, 0, 1]))
    assert_allclose(predicted, [4.5, 7.2, 6.0, 6.0, 4.5, 7.2])


def test_a_listener_of_genres_is_told_by_them():
    """Ratings follow the genre and no feature; where genres are not known, nothing is claimed."""
    rng = np.random.default_rng(2)
    genres = rng.integers(0, 3, 90)
    inputs = TrackInputs.of_features(rng.uniform(0, 1, (90, 2)), ["energy", "valence"])
    ratings = 3.0 * genres + rng.normal(0, 1, 90)
    told = RatedTracks(inputs, ratings, np.arange(90), is_binary=False, genres=genres)
    judged = evaluate_taste(told, effort=QUICK)
    assert (judged.best, judged.scores("chosen").r2 > 0.7) == ("genre mean", True)
    untold = RatedTracks(inputs, ratings, np.arange(90), is_binary=False)
    assert "genre mean" not in untold.models


def test_many_ratings_are_too_many_for_a_gaussian_process():
    rated = rated_tracks(0, n=1_001)
    assert "gaussian process" not in rated.models
    assert "gaussian process" in rated.take(np.arange(1_000)).models


def test_the_gaussian_process_takes_noise_for_noise(rng):
    """A wave is followed, and without anything to follow it says the mean."""
    place = np.linspace(-3, 3, 60)[:, None]
    inputs = TrackInputs(("x",), place, place)
    wave = np.sin(2 * place[:, 0])
    followed = TasteModel("gaussian process", is_binary=False).fit(inputs, wave + rng.normal(0, 0.1, 60))
    assert np.abs(followed.predict(inputs) - wave).max() < 0.2
    noise = rng.normal(5.0, 1.0, 60)
    said = TasteModel("gaussian process", is_binary=False).fit(inputs, noise).predict(inputs)
    assert np.abs(said - noise.mean()).max() < 0.6


def test_the_elastic_net_leaves_out_what_says_nothing(rng):
    inputs = rng.normal(2.0, 3.0, (80, 12))
    weights = fit_elastic_net(inputs, inputs[:, 0] - inputs[:, 1] + rng.normal(0, 0.5, 80), seed=0).weights[:, 0]
    assert_allclose(weights[:2], [1.0, -1.0], atol=0.1)
    assert np.count_nonzero(weights[2:]) < 8
    constant = np.column_stack([np.full(80, 7.0), inputs])
    assert fit_elastic_net(constant, inputs[:, 0], seed=0).weights[0, 0] == 0.0


def test_likes_of_a_real_listener(shared_data):
    """2 017 songs, Spotify's features: the trees know what the weighted sum does not. No artists are named."""
    table = read_labelled_table(shared_data / "ratings" / "mcintire_like_dislike_2017.csv", "like")
    table = without_duplicates(table)
    liked = np.array([float(label) for label in table.labels])
    rows = np.arange(0, len(table), 4)
    rated = RatedTracks(table.inputs.take(rows), liked[rows], artist_groups(["" for _ in rows]), is_binary=True)
    judged = evaluate_taste(rated, effort=TasteEffort(n_trees=20, n_repeats=1))
    assert judged.verdict == "better than the mean"
    assert judged.scores("chosen").pairwise > 0.78
    assert judged.scores("chosen").accuracy > 0.70
    assert judged.scores("mean").pairwise == 0.5
