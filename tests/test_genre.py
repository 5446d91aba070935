"""Genres from features: what is learned is judged on artists that were not seen, and too little is said to be so."""

import contextlib
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from make_songs import GENRES, songs, written
from scipy.stats import spearmanr
from test_cli import assert_documented

from audiosim.errors import FeatureTableError
from audiosim.recommend.correlation import correlated_groups, rank_correlations
from audiosim.recommend.folds import grouped_folds
from audiosim.recommend.genre.description import describe_genres
from audiosim.recommend.genre.evaluation import evaluate_genres, genre_task, n_fits
from audiosim.recommend.genre.importance import permutation_importance
from audiosim.recommend.genre.metrics import coverage, reliability, score_probabilities
from audiosim.recommend.genre.models import MODELS, GenreModel, fit_temperature, heat
from audiosim.recommend.genre.splits import balanced, split_scores
from audiosim.recommend.genre.tree import readable_tree
from audiosim.recommend.genre.work import Effort, Work
from audiosim.recommend.labelled_table import TrackInputs, read_labelled_table, without_duplicates
from audiosim_pipelines.genre.evaluation import evaluate_table
from audiosim_pipelines.progress import Silent

QUICK = Effort(n_trees=12)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = written(songs(np.random.default_rng(20261121)), tmp_path_factory.mktemp("songs"))
    return without_duplicates(read_labelled_table(path, "genre"))


@pytest.fixture(scope="module")
def judged(table):
    return evaluate_genres(genre_task(table), Work(QUICK))


def few(rng):
    """As few songs as can be judged."""
    return songs(rng, n_artists=10, n_songs=2)


# Metrics


def test_metrics_equal_those_of_scikit_learn(rng):
    from sklearn import metrics

    probabilities = rng.dirichlet(np.ones(4), 300)
    truth = np.r_[rng.integers(0, 4, 150), probabilities[150:].argmax(axis=1)].astype(np.int64)
    scores, said = score_probabilities(probabilities, truth), probabilities.argmax(axis=1)
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(truth, said))
    assert scores.macro_f1 == pytest.approx(metrics.f1_score(truth, said, average="macro"))
    assert scores.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, said))
    assert scores.log_loss == pytest.approx(metrics.log_loss(truth, probabilities, labels=range(4)))
    assert scores.top_2 == pytest.approx(metrics.top_k_accuracy_score(truth, probabilities, k=2))
    assert scores.brier == pytest.approx(((probabilities - np.eye(4)[truth]) ** 2).sum(axis=1).mean())


def test_the_calibration_error_is_what_confidence_exceeds_accuracy_by():
    """Ten tracks at .8 of which six are right, and ten at .55 of which six are: (.2 + .05) / 2."""
    probabilities = np.array([[0.8, 0.2]] * 10 + [[0.55, 0.45]] * 10)
    truth = np.array([0] * 6 + [1] * 4 + [0] * 6 + [1] * 4)
    assert score_probabilities(probabilities, truth).calibration_error == pytest.approx(0.125)
    assert score_probabilities(np.eye(2), np.array([0, 1])).calibration_error == 0.0


@pytest.mark.parametrize(
    ("probabilities", "truth", "said"),
    [
        (np.ones((3, 1)), np.zeros(3, int), "must have shape"),
        (np.zeros((0, 2)), np.zeros(0, int), "must have shape"),
        (np.full((2, 2), 0.6), np.zeros(2, int), "add up to 1"),
        (np.array([[np.nan, 1.0]]), np.zeros(1, int), "add up to 1"),
    ],
)
def test_what_is_no_probability_is_refused(probabilities, truth, said):
    with pytest.raises(ValueError, match=said):
        score_probabilities(probabilities, truth)


# Models


def test_a_temperature_undoes_what_was_heated(rng):
    """Truth is drawn from known probabilities; of their square and of their root the temperature finds the way back."""
    known = rng.dirichlet(np.ones(3), 4_000)
    truth = (rng.random(4_000)[:, None] > known.cumsum(axis=1)).sum(axis=1)
    for power in (0.5, 2.0):
        distorted = heat(known, 1.0 / power)
        assert fit_temperature(distorted, truth) == pytest.approx(power, rel=0.1)
        assert (heat(distorted, 7.0).argmax(axis=1) == distorted.argmax(axis=1)).all()


def test_a_task_parts_no_artist(table):
    task = genre_task(table)
    for learned, left_out in task.folds:
        assert not set(task.groups[learned]) & set(task.groups[left_out])
    assert sorted(np.concatenate([left_out for _, left_out in task.folds]).tolist()) == list(range(240))


def test_folds_part_no_artist(rng):
    groups = rng.integers(0, 30, 200)
    for learned, left_out in grouped_folds(groups % 3, groups, n_folds=5, seed=1):
        assert not set(groups[learned]) & set(groups[left_out])
        assert len(learned) + len(left_out) == 200


@pytest.mark.parametrize("name", MODELS)
def test_threads_change_no_bit_and_an_unseen_genre_has_no_probability(table, name):
    labels = np.array([GENRES.index(label) for label in table.labels])
    one, two = (
        GenreModel(name, 4, n_threads=n, n_trees=12).fit(table.inputs, labels).predict(table.inputs) for n in (1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert one.shape == (len(table), 4)
    assert not one[:, 3].any()


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="the model must be one of majority, logistic, forest, boosting, got 'oracle'"):
        GenreModel("oracle", 2)


# Evaluation


def test_what_differs_is_told_apart_and_the_same_again(table, judged):
    assert judged.row("majority").scores.accuracy == pytest.approx(1 / 3)
    assert judged.row("chosen").scores.accuracy > 0.8
    assert judged.row("chosen").scores.log_loss < judged.row("majority").scores.log_loss
    assert judged.confusion.sum() == len(table)
    assert len(judged.chosen) == 5
    steps = []
    again = evaluate_genres(genre_task(table), Work(QUICK, advance=steps.append))
    assert sum(steps) == n_fits()
    np.testing.assert_array_equal(judged.probabilities, again.probabilities)
    assert judged.rows == again.rows


def test_labels_that_mean_nothing_are_not_told(table, rng):
    """Labels dealt to artists at random: nothing is better than always saying the most frequent one."""
    dealt = {artist: GENRES[i % 3] for i, artist in enumerate(rng.permutation(sorted(set(table.artists))))}
    judged = evaluate_genres(genre_task(replace(table, labels=tuple(dealt[a] for a in table.artists))), Work(QUICK))
    majority, chosen = judged.row("majority").scores, judged.row("chosen").scores
    assert chosen.accuracy < 0.48
    assert chosen.log_loss < majority.log_loss + 0.05
    assert chosen.calibration_error < 0.2


def killed(after):
    """An advance that ends everything after so many fits."""
    told = []

    def advance(n):
        told.append(n)
        if len(told) > after:
            raise KeyboardInterrupt

    return advance


@pytest.fixture
def fits(monkeypatch):
    """How many models were fitted, by name."""
    counts = Counter()
    fit = GenreModel.fit

    def counted(self, inputs, labels):
        counts[self.name] += 1
        return fit(self, inputs, labels)

    monkeypatch.setattr(GenreModel, "fit", counted)
    return counts


class Advancing(Silent):
    """Progress that is told to somebody."""

    def __init__(self, advance):
        self.advance = advance

    @contextlib.contextmanager
    def bar(self, *_):
        yield self.advance


def test_a_killed_evaluation_goes_on_where_it_was(rng, tmp_path, fits, monkeypatch):
    """Killed in the second fold and again in the splits: the steps that were done are not fitted again."""
    monkeypatch.setenv("AUDIOSIM_CACHE", str(tmp_path / "cache"))
    path = written(few(rng), tmp_path)
    whole = evaluate_table(path, "genre", effort=QUICK).as_dict()
    n_all = fits.total()
    assert n_all == n_fits() + 5 * 5
    fits.clear()
    for after in (22, 70):
        with pytest.raises(KeyboardInterrupt):
            evaluate_table(path, "genre", effort=QUICK, progress=Advancing(killed(after)))
    n_before = fits.total()
    told = []
    resumed = evaluate_table(path, "genre", effort=QUICK, progress=Advancing(told.append)).as_dict()
    assert resumed == whole
    # Twice a step of at most four fits was under way.
    assert n_all <= fits.total() <= n_all + 2 * 4
    assert fits.total() - n_before <= n_all - 60
    assert sum(told) == n_all
    assert not list((tmp_path / "cache" / "steps").iterdir())


# What is needed, what can be read, and what genres are like


def test_what_tells_genres_is_what_is_needed(table, judged):
    found = permutation_importance(judged, Work(QUICK))
    assert found[0].features == ("energy", "tempo")  # which correlate, and so are dealt together
    assert found[0].n_positive == 5
    assert found[0].accuracy > 0.3
    assert found[0].log_loss > 5 * max(abs(item.log_loss) for item in found[1:])
    assert {name for item in found for name in item.features} == set(table.inputs.names)


def test_importance_equals_what_a_loop_over_rows_says(table):
    """Dealt by hand: the same permutation of a key's values, and of both dimensions of its encoding."""
    order = np.random.default_rng(3).permutation(len(table))
    column = table.inputs.names.index("key")
    dealt = table.inputs.dealt((column,), order)
    for row, other in enumerate(order):
        assert dealt.values[row, column] == table.inputs.values[other, column]
    places = [i for i, name in enumerate(table.inputs.encoded_names) if name == "key"]
    np.testing.assert_array_equal(dealt.encoded[:, places], table.inputs.encoded[np.ix_(order, places)])
    others = [i for i in range(len(table.inputs.names)) if i != column]
    np.testing.assert_array_equal(dealt.values[:, others], table.inputs.values[:, others])


def test_every_two_features_of_a_group_correlate(rng):
    base = rng.normal(size=(500, 2))
    values = np.column_stack(
        [base[:, 0], base[:, 0] + 0.1 * rng.normal(size=500), -base[:, 0], base[:, 1], np.ones(500)]
    )
    names = ("energy", "loudness", "acousticness", "valence", "liveness")
    inputs = TrackInputs(names, values, values)
    assert correlated_groups(inputs) == ((0, 1, 2), (3,), (4,))
    correlations = rank_correlations(values)
    for i, j in ((0, 1), (0, 2), (1, 3)):
        assert correlations[i, j] == pytest.approx(spearmanr(values[:, i], values[:, j]).statistic)
    assert np.isnan(correlations[4]).all()


def test_a_tree_says_in_words_what_it_does(table):
    task = genre_task(table)
    tree = readable_tree(task)
    assert 2 <= sum(node.feature is None for node in tree.nodes) <= 8
    assert tree.scores.accuracy > 0.75
    assert tree.lines()[0].startswith(tuple(f"{name} up to" for name in ("energy", "tempo")))
    # Every track walked by hand ends in a leaf; the leaves have as many as the tree says.
    counts = Counter()
    for row in range(len(task.labels)):
        place = 0
        while (node := tree.nodes[place]).feature is not None:
            value = np.float32(task.inputs.values[row, task.inputs.names.index(node.feature)])
            place = node.low if value <= node.threshold else node.high
        counts[place] += 1
    assert counts == {i: node.n_tracks for i, node in enumerate(tree.nodes) if node.feature is None}
    assert sum(line.endswith("tracks)") for line in tree.lines()) == len(counts)


def test_where_nothing_varies_nothing_is_asked(table):
    flat = replace(table.inputs, values=np.ones_like(table.inputs.values), encoded=np.ones_like(table.inputs.encoded))
    task = genre_task(replace(table, inputs=flat))
    assert len(readable_tree(task).nodes) == 1
    judged = evaluate_genres(task, Work(QUICK))
    assert judged.row("chosen").scores.accuracy < 0.4
    assert judged.row("chosen").scores.log_loss == pytest.approx(np.log(3), abs=0.05)
    assert all(item.log_loss == 0.0 for item in permutation_importance(judged, Work(QUICK)))


def test_quantiles_and_medians_are_those_of_each_genre(table):
    found = describe_genres(table)
    energy = table.inputs.values[:, table.inputs.names.index("energy")]
    for row, genre in enumerate(found.genres):
        mine = energy[np.array(table.labels) == genre]
        np.testing.assert_allclose(
            found.quantiles[row, found.amounts.index("energy")], np.quantile(mine, (0.05, 0.25, 0.5, 0.75, 0.95))
        )
    assert [(size.n_tracks, size.n_artists) for size in found.sizes] == [(80, 20)] * 3
    assert "key" not in found.compared
    assert "mode" in found.compared
    assert found.medians[0, 1] < 0.0  # folk and metal lie on opposite sides
    np.testing.assert_allclose(np.diagonal(found.medians), 1.0)
    two = describe_genres(table.take([row for row, label in enumerate(table.labels) if label != "folk"]))
    assert np.isnan(two.medians).all()


def test_reliability_and_coverage_count_tracks():
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.55, 0.45]] * 2)
    truth = np.array([0, 0, 0, 1, 1, 0])
    low, high = reliability(probabilities, truth)
    assert (low.n_tracks, low.accuracy, high.n_tracks, high.accuracy) == (2, 0.5, 4, 0.75)
    sure = coverage(probabilities, truth, at_least=0.6)
    assert (sure.share, sure.accuracy) == (pytest.approx(4 / 6), 0.75)
    assert coverage(probabilities, truth, at_least=0.95).accuracy is None


def test_a_random_split_makes_up_what_it_knows_of_artists(rng, tmp_path):
    """Every artist has an unmistakable sound and a genre of no sound: only a split by artist says that."""
    frame = songs(rng, n_songs=6, artist_spread=1.0).drop(columns=["energy", "tempo"])
    path = written(frame, tmp_path)
    table = without_duplicates(read_labelled_table(path, "genre"))
    by_artist = split_scores(table, "forest", by_artist=True, work=Work(QUICK))
    at_random = split_scores(table, "forest", by_artist=False, work=Work(QUICK))
    assert by_artist.accuracy < 0.5
    assert at_random.accuracy > by_artist.accuracy + 0.15


def test_balanced_takes_as_many_of_each(table):
    few = balanced(table.take(list(range(100))), n_of_each=30, seed=1)
    assert {genre: few.labels.count(genre) for genre in set(few.labels)} == {"folk": 20, "metal": 20}
    assert balanced(table, n_of_each=7, seed=2).titles == balanced(table, n_of_each=7, seed=2).titles


# Too little


def test_one_genre_alone_is_refused(rng, tmp_path):
    frame = songs(rng)
    path = written(frame[frame["genre"] == "folk"], tmp_path)
    with pytest.raises(FeatureTableError, match="takes two of 10 artists each, got 'folk' of 20; label more tracks"):
        evaluate_table(path, "genre")


# Command


def test_the_command_says_the_same_in_text_and_in_json(rng, tmp_path, command):
    frame = songs(rng)
    frame = pd.concat([frame, frame[:10], frame[:8].assign(genre="polka", title="Other")])
    path = written(frame, tmp_path)
    options = ("--label", "GENRE", "--trees", "4", "--threads", "1")
    output = command("genre", "evaluate", path, *options, "--json").output
    said = json.loads(output)
    judged = said["judged"]
    assert (said["n_rows"], said["n_duplicates"], judged["n_tracks"], judged["n_artists"]) == (258, 10, 240, 60)
    assert said["genres"][-1] == {"genre": "polka", "n_tracks": 8, "n_artists": 2, "is_judged": False}
    assert [row["model"] for row in judged["models"]] == [*MODELS, "chosen"]
    assert said["published"] == {"accuracy": 0.63, "n_of_each": 550}
    splits = {split["name"]: split["scores"]["accuracy"] for split in judged["splits"]}
    assert judged["gap"] == pytest.approx(splits["random"] - splits["artist"])
    chosen = judged["models"][-1]
    assert chosen["accuracy_interval"][0] < chosen["accuracy"] < chosen["accuracy_interval"][1]
    text = command("genre", "evaluate", path, *options).output
    assert "240 tracks of 3 genres by 60 artists" in text
    assert "left out: polka (8 tracks), which only 2 artists have" in text
    assert f"{chosen['accuracy']:.3f}" in text
    assert f"random minus by artist: {100 * judged['gap']:+.1f} points" in text
    few = written(frame[::16], tmp_path, "few.csv")
    unjudged = command("genre", "evaluate", few, "--json", "-o", tmp_path / "few.html")
    assert unjudged.code == 0
    assert json.loads(unjudged.output)["judged"] is None
    assert_documented("genre evaluate", output, unjudged.output)


def test_what_cannot_be_judged_is_described(rng, tmp_path, command):
    """Two genres by one artist each: every accuracy would be that of telling two artists apart."""
    frame = songs(rng, n_artists=1, n_songs=20)
    page = tmp_path / "page.html"
    outcome = command("genre", "evaluate", written(frame, tmp_path), "-o", page)
    assert outcome.code == 0
    assert "nothing can be judged: to tell genres apart takes two of 10 artists each, got 'folk' of 1" in outcome.output
    assert "accuracy" not in outcome.output
    text = page.read_text()
    assert "Nothing can be judged" in text
    assert 'id="spreads"' in text
    assert 'id="confusion"' not in text


def test_a_table_without_artists_says_so(rng, tmp_path, command):
    path = written(few(rng).drop(columns=["artist", "title"]), tmp_path)
    outcome = command("genre", "evaluate", path, "--trees", "2", "--threads", "1")
    assert outcome.code == 0
    assert "no artists are named" in outcome.output


def test_rows_with_gaps_are_out_and_what_does_not_vary_harms_nothing(rng, tmp_path, command):
    frame = songs(rng, n_artists=12, n_songs=2).assign(liveness=0.25)
    frame.loc[:1, "energy"] = np.nan
    options = ("--trees", "2", "--threads", "1", "--json")
    said = json.loads(command("genre", "evaluate", written(frame, tmp_path), *options).output)
    assert (said["n_rejected"], said["judged"]["n_tracks"]) == (2, 70)
    [flat] = [item for item in said["judged"]["importances"] if item["features"] == ["liveness"]]
    assert (flat["log_loss"], flat["n_positive"]) == (0.0, 0)


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (("--label", "style"), 1, "must have the column 'style', got artist, title, genre"),
        (("-o", "page.pdf"), 1, "the output must end in .html, .png, .svg, got page.pdf"),
        (("--labels", "x.csv"), 2, "a table has a column of its own"),
    ],
)
def test_a_slip_is_said_before_anything_is_computed(tmp_path, command, options, code, complaint):
    path = written(songs(np.random.default_rng(1)), tmp_path)
    outcome = command("genre", "evaluate", path, *options)
    assert outcome.code == code
    assert complaint in " ".join(outcome.messages.replace("\u2502", " ").split())
