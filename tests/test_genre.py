"""Genres from features: what is learned is judged on artists that were not seen, and too little is said to be so."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from audiosim.errors import FeatureTableError
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.library import Library
from audiosim.recommend.folds import grouped_folds
from audiosim.recommend.genre.evaluation import evaluate_genres, genre_task, n_fits
from audiosim.recommend.genre.metrics import score_probabilities
from audiosim.recommend.genre.models import MODELS, GenreModel, fit_temperature, heat
from audiosim.recommend.genre.splits import balanced, split_scores
from audiosim.recommend.genre.work import Effort, Work
from audiosim.recommend.labelled_table import read_labelled_table, without_duplicates
from audiosim_pipelines.features import DescriptorTable
from audiosim_pipelines.genre import prediction, tables
from audiosim_pipelines.genre.evaluation import evaluate_table

QUICK = Effort(n_trees=12)
GENRES = ("folk", "metal", "techno")


def songs(rng, *, n_artists=20, n_songs=4, spread=0.12, artist_spread=0.0):
    """Songs of three genres that differ in energy and tempo; every artist also has a sound of its own."""

    def song(genre, *, energy, tempo, artist, own, number):
        return {
            "artist": f"{genre} artist {artist}",
            "title": f"Song {number}",
            "genre": genre,
            "energy": np.clip(energy + rng.normal(0, spread), 0, 1),
            "tempo": tempo + 100 * rng.normal(0, spread),
            "key": int(rng.integers(12)),
            "mode": int(rng.integers(2)),
            "loudness": -20 + 10 * own[0] + rng.normal(0, 0.05),
            "valence": np.clip(0.5 + 0.2 * own[1] + rng.normal(0, 0.001), 0, 1),
            "duration_ms": 180_000 + 1_000 * number,
        }

    rows = []
    for style, (energy, tempo) in zip(GENRES, [(0.2, 90), (0.9, 140), (0.6, 125)], strict=True):
        for artist in range(n_artists):
            own = rng.normal(0.0, artist_spread, 2)
            rows.extend(
                song(style, energy=energy, tempo=tempo, artist=artist, own=own, number=number)
                for number in range(n_songs)
            )
    return pd.DataFrame(rows)


def written(frame, tmp_path):
    path = tmp_path / "songs.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def table(rng, tmp_path):
    return without_duplicates(read_labelled_table(written(songs(rng), tmp_path), "genre"))


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


def test_what_differs_is_told_apart_and_the_same_again(table):
    steps = []
    judged = evaluate_genres(genre_task(table), Work(QUICK, advance=steps.append))
    assert sum(steps) == n_fits()
    assert judged.row("majority").scores.accuracy == pytest.approx(1 / 3)
    assert judged.row("chosen").scores.accuracy > 0.8
    assert judged.row("chosen").scores.log_loss < judged.row("majority").scores.log_loss
    assert judged.confusion.sum() == len(table)
    assert len(judged.chosen) == 5
    again = evaluate_genres(genre_task(table), Work(QUICK))
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


def test_a_genre_of_few_artists_is_left_out_and_said(rng, tmp_path, command):
    frame = songs(rng)
    rare = frame[:8].assign(genre="polka")
    path = written(pd.concat([frame, rare.assign(title="Other")]), tmp_path)
    outcome = command("genre", "evaluate", path, "--trees", "2", "--threads", "1")
    assert outcome.code == 0
    assert "left out: polka" in outcome.output


# Libraries


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A hundred tracks whose descriptors stand in for computed ones; ten have no genre in their tags."""
    descriptors = np.random.default_rng(7).uniform(0.1, 1.0, (100, len(DESCRIPTORS)))
    is_loud = np.arange(100) % 2 == 0
    descriptors[:, DESCRIPTORS.index("energy_est")] = np.where(is_loud, 0.9, 0.1)
    # Between the two, and so of neither.
    descriptors[99, DESCRIPTORS.index("energy_est")] = 0.5
    library = Library.create(tmp_path / "library")
    unknown = dict.fromkeys(("album", "isrc", "external_id", "duration"))
    with library.writing(), library.catalog.transaction():
        for i in range(100):
            tag = None if i >= 90 else "metal" if is_loud[i] else "folk"
            said = {"artist": f"Artist {i // 2 % 25} {i % 2}", "title": f"Piece {i}", "genre": tag, **unknown}
            library.catalog.put_track(f"{i:064x}", said)
    tracks = library.tracks()
    monkeypatch.setattr(tables, "descriptor_table", lambda _: DescriptorTable(tracks, descriptors, ()))
    return library


def test_tags_are_learned_and_what_has_none_is_told(library, command):
    options = ("--library", library.folder, "--trees", "12", "--threads", "1", "--json")
    judged = json.loads(command("genre", "evaluate", *options).output)
    assert (judged["judged"]["n_tracks"], judged["judged"]["n_artists"]) == (90, 50)
    assert judged["judged"]["models"][-1]["accuracy"] > 0.95
    told = json.loads(command("genre", "predict", *options).output)
    genres = [track["genre"] for track in told["tracks"]]
    assert genres[:9] == ["metal", "folk"] * 4 + ["metal"]
    assert all(track["confidence"] >= 0.4 for track in told["tracks"] if track["genre"])


def test_below_a_confidence_nobody_knows(library, command, monkeypatch):
    monkeypatch.setattr(prediction, "UNKNOWN_BELOW", 1.1)
    output = command("genre", "predict", "--library", library.folder, "--trees", "2", "--threads", "1").output
    assert output.count("unknown") == 10


def test_a_library_without_genres_says_what_it_takes(library, command, monkeypatch):
    nameless = [replace(track, genre=None) for track in library.tracks()]
    values = np.random.default_rng(1).uniform(0.1, 1.0, (100, len(DESCRIPTORS)))
    monkeypatch.setattr(tables, "descriptor_table", lambda _: DescriptorTable(nameless, values, ()))
    for verb in ("evaluate", "predict"):
        outcome = command("genre", verb, "--library", library.folder)
        assert outcome.code == 1
        assert "takes two of 10 artists each, got no genre; label more tracks" in outcome.messages


# Command


def test_the_command_says_the_same_in_text_and_in_json(rng, tmp_path, command):
    frame = songs(rng)
    frame = pd.concat([frame, frame[:10]])
    path = written(frame, tmp_path)
    options = ("--label", "GENRE", "--trees", "4", "--threads", "1")
    said = json.loads(command("genre", "evaluate", path, *options, "--json").output)
    judged = said["judged"]
    assert (said["n_rows"], said["n_duplicates"], judged["n_tracks"], judged["n_artists"]) == (250, 10, 240, 60)
    assert [row["model"] for row in judged["models"]] == [*MODELS, "chosen"]
    assert said["published"] == {"accuracy": 0.63, "n_of_each": 550}
    splits = {split["name"]: split["scores"]["accuracy"] for split in judged["splits"]}
    assert judged["gap"] == pytest.approx(splits["random"] - splits["artist"])
    text = command("genre", "evaluate", path, *options).output
    assert "240 tracks of 3 genres by 60 artists" in text
    assert f"{judged['models'][-1]['accuracy']:.3f}" in text
    assert "a random split makes up" in text


def test_a_table_without_artists_says_so(rng, tmp_path, command):
    path = written(songs(rng).drop(columns=["artist", "title"]), tmp_path)
    outcome = command("genre", "evaluate", path, "--trees", "2", "--threads", "1")
    assert outcome.code == 0
    assert "no artists are named" in outcome.output


def test_a_missing_column_is_one_line(rng, tmp_path, command):
    outcome = command("genre", "evaluate", written(songs(rng), tmp_path), "--label", "style")
    assert outcome.code == 1
    assert "must have the column 'style', got artist, title, genre" in outcome.messages
