"""Models of genres in files: they predict what they predicted, say what they are worth, and are never misapplied."""

import contextlib
import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from make_songs import GENRES, songs, written
from test_cli import assert_documented

from audiosim.errors import FeatureTableError, StoreMismatchError
from audiosim.features import descriptors
from audiosim.features.array_file import read_arrays, write_arrays
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.library import Library
from audiosim.recommend.genre.exported import Boosting, from_arrays, to_arrays
from audiosim.recommend.genre.kept import KeptGenreModel
from audiosim.recommend.genre.models import MODELS, GenreModel, heat
from audiosim.recommend.genre.work import Effort
from audiosim.recommend.labelled_table import TrackInputs, read_labelled_table
from audiosim_pipelines.features import DescriptorTable
from audiosim_pipelines.genre import tables, training
from audiosim_pipelines.genre.training import kept_model, learned, model_path

NAMES = ("energy", "key", "mode", "loudness", "duration_ms", "time_signature")
QUICK = ("--trees", "4", "--threads", "1")


def inputs(rng, n):
    values = [
        rng.uniform(0, 1, n),
        rng.integers(-1, 12, n),
        rng.integers(0, 2, n),
        rng.normal(-8, 3, n),
        rng.uniform(1e5, 3e5, n),
        rng.integers(3, 6, n),
    ]
    return TrackInputs.of_features(np.column_stack(values).astype(np.float64), NAMES)


def fitted(rng, name, n_genres):
    shown = inputs(rng, 400)
    key, energy = (shown.values[:, shown.names.index(column)] for column in ("key", "energy"))
    labels = (3 * energy + key % 3 + rng.normal(0, 0.5, 400)).astype(np.int64) % n_genres
    return GenreModel(name, n_genres, n_trees=10, seed=3).fit(shown, labels)


# Models as arrays


@pytest.mark.parametrize("n_genres", [2, 5])
@pytest.mark.parametrize("name", MODELS)
def test_arrays_predict_what_the_model_did(rng, name, n_genres):
    model, unseen = fitted(rng, name, n_genres), inputs(rng, 300)
    # Kinds that were never seen go where boosting sends what it does not know.
    unseen.values[:40, unseen.names.index("time_signature")] = np.repeat([0.0, 7.0], 20)
    again = from_arrays(to_arrays(model.exported()))
    if name == "forest":
        np.testing.assert_array_equal(again.predict(unseen), model.predict(unseen))
    else:
        np.testing.assert_allclose(again.predict(unseen), model.predict(unseen), rtol=0.0, atol=1e-12)
    assert again.n_genres == n_genres


def test_a_forest_asks_in_single_precision(rng):
    """A value a hair above the threshold falls to the same side as in scikit-learn, which rounds it."""
    model = fitted(rng, "forest", 3)
    again, unseen = model.exported(), inputs(rng, 200)
    asked = again.inputs == unseen.names.index("energy")
    unseen.values[:, unseen.names.index("energy")] = rng.choice(again.thresholds[asked], 200) * (1.0 + 1e-9)
    np.testing.assert_array_equal(again.predict(unseen), model.predict(unseen))


def test_kinds_are_asked_for_in_sets(rng):
    model = fitted(rng, "boosting", 3).exported()
    assert isinstance(model, Boosting)
    assert len(model.sets) > 0
    assert (model.set_of >= 0).sum() == len(model.sets)


def test_a_large_forest_takes_few_bytes(rng, tmp_path):
    model = GenreModel("forest", 3, n_trees=30).fit(inputs(rng, 2_000), rng.integers(0, 3, 2_000)).exported()
    write_arrays(tmp_path / "forest.npz", to_arrays(model))
    assert (tmp_path / "forest.npz").stat().st_size < 6 * len(model.inputs)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("logistic", ("mean", "scale", "weights")),
        ("forest", ("inputs", "thresholds", "left", "right", "counts")),
        ("boosting", ("inputs", "thresholds", "left", "right", "values", "sums", "set_of", "sets", "kinds")),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(rng, name, keys):
    arrays = to_arrays(fitted(rng, name, 3).exported())
    for key in keys:
        with pytest.raises(ValueError, match=r"must|broadcast"):
            from_arrays({**arrays, key: arrays[key][:-1]})
    with pytest.raises(ValueError, match="must be of kind majority, logistic, forest, boosting, got 'oracle'"):
        from_arrays({**arrays, "kind": np.array("oracle")})
    with pytest.raises(KeyError):
        from_arrays({"kind": arrays["kind"]})


def test_a_walk_ends_whatever_the_file_says(rng):
    arrays = to_arrays(fitted(rng, "forest", 3).exported())
    with pytest.raises(ValueError, match="children of a node must lie behind it"):
        from_arrays({**arrays, "left": -arrays["left"].astype(np.int64)})


def test_a_model_that_has_not_seen_a_genre_is_not_kept(rng):
    model = GenreModel("majority", 4).fit(inputs(rng, 9), np.arange(9) % 3)
    with pytest.raises(ValueError, match="must have seen all 4 classes, got 3"):
        model.exported()


# Files


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = written(songs(np.random.default_rng(20261121)), tmp_path_factory.mktemp("songs"))
    return learned(read_labelled_table(path, "genre"), "genre", Effort(n_trees=4), None)


def test_a_file_gives_the_same_model(model, tmp_path, rng):
    path = tmp_path / "genre.npz"
    model.save(path)
    first = path.read_bytes()
    again = KeptGenreModel.load(path)
    assert again.card == model.card
    shown = read_labelled_table(written(songs(rng), tmp_path, "other.csv"), None).inputs
    np.testing.assert_array_equal(again.predict(shown), model.predict(shown))
    again.save(path)
    assert path.read_bytes() == first


def test_what_is_kept_is_the_model_that_was_chosen_fitted_to_all(model):
    table = read_labelled_table(Path(model.card.source), "genre")
    labels = np.array([model.card.genres.index(label) for label in table.labels])
    whole = GenreModel(model.card.model, 3, n_trees=4).fit(table.inputs, labels).predict(table.inputs)
    expected = heat(whole, model.card.temperature)
    np.testing.assert_allclose(model.predict(table.inputs), expected, rtol=0.0, atol=1e-12)
    assert set(model.card.genres) == set(GENRES)
    assert (model.card.n_tracks, model.card.n_artists) == (240, 60)


def test_a_damaged_file_is_never_an_answer(model, tmp_path):
    """Every byte of the middle turned, cut short, emptied, other bytes: an error that says what to do."""
    path = tmp_path / "genre.npz"
    model.save(path)
    whole = path.read_bytes()
    for place in np.linspace(0, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            found = KeptGenreModel.load(path)
        except StoreMismatchError as error:
            assert "audiosim genre train" in str(error)  # noqa: PT017 - not every byte of a zip archive matters
        else:
            assert found.card == model.card
    for content in (b"", b"no archive", whole[:200]):
        path.write_bytes(content)
        with pytest.raises(StoreMismatchError, match="must hold a model of genres, got another file"):
            KeptGenreModel.load(path)


def test_what_was_changed_after_it_was_written_is_refused(model, tmp_path):
    path = tmp_path / "genre.npz"
    model.save(path)
    arrays = read_arrays(path)
    write_arrays(path, arrays | {"card": np.array(str(arrays["card"]).replace("folk", "funk"))})
    with pytest.raises(StoreMismatchError, match="damaged or changed"):
        KeptGenreModel.load(path)
    write_arrays(path, arrays | {"version": np.array(99)})
    with pytest.raises(StoreMismatchError, match="version 1, got 99; train it again"):
        KeptGenreModel.load(path)


def test_estimates_and_official_values_are_never_mixed(model, rng):
    own = TrackInputs.of_descriptors(rng.uniform(0.1, 1.0, (4, len(DESCRIPTORS))))
    with pytest.raises(
        FeatureTableError, match=r"learned from 7 features from a table .* these are 37 of audiosim's own"
    ):
        model.predict(own)


def test_features_that_lack_are_named_and_others_do_no_harm(model, rng, tmp_path):
    frame = songs(rng)
    shown = read_labelled_table(written(frame.assign(liveness=0.1), tmp_path, "more.csv"), None).inputs
    same = read_labelled_table(written(frame, tmp_path, "same.csv"), None).inputs
    np.testing.assert_array_equal(model.predict(shown), model.predict(same))
    with pytest.raises(FeatureTableError, match="which lack tempo"):
        model.predict(read_labelled_table(written(frame.drop(columns="tempo"), tmp_path, "less.csv"), None).inputs)


# Libraries


def values_of(n, rng):
    described = rng.uniform(0.1, 1.0, (n, len(DESCRIPTORS)))
    energy = np.where(np.arange(n) % 2 == 0, 0.9, 0.1)
    energy[-1] = 0.5  # between the two, and so of neither
    described[:, DESCRIPTORS.index("energy_est")] = energy
    return described


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A library of a hundred tracks, ten of which have no genre in their tags, and the model that it keeps."""
    folder = tmp_path_factory.mktemp("genres") / "library"
    unknown = dict.fromkeys(("album", "isrc", "external_id", "duration"))
    with contextlib.closing(Library.create(folder)) as library:
        with library.writing(), library.catalog.transaction():
            for i in range(100):
                tag = None if i >= 90 else "metal" if i % 2 == 0 else "folk"
                said = {"artist": f"Artist {i // 2 % 25} {i % 2}", "title": f"Piece {i}", "genre": tag, **unknown}
                library.catalog.put_track(f"{i:064x}", said)
        with pytest.MonkeyPatch.context() as patch:
            stand_in(patch, library.tracks())
            training.train(library, effort=Effort(n_trees=4))
    return folder


def stand_in(patch, tracks):
    """Descriptors that nobody computed."""
    found = DescriptorTable(tracks, values_of(len(tracks), np.random.default_rng(7)), ())
    patch.setattr(tables, "descriptor_table", lambda _: found)


@pytest.fixture
def trained(made, tmp_path, monkeypatch):
    """The library with its model."""
    library = Library.open(shutil.copytree(made, tmp_path / "library"))
    stand_in(monkeypatch, library.tracks())
    return library


@pytest.fixture
def library(trained):
    """The library without a model."""
    model_path(trained.folder).unlink()
    return trained


def test_a_library_is_judged_and_its_page_written(library, command):
    outcome = command("genre", "evaluate", "--library", library.folder, *QUICK, "--json")
    said = json.loads(outcome.output)
    assert (said["judged"]["n_tracks"], said["judged"]["n_artists"]) == (90, 50)
    assert said["judged"]["models"][-1]["accuracy"] > 0.9
    assert said["files"] == [str(library.folder / "reports" / "genre.html")]
    text = (library.folder / "reports" / "genre.html").read_text()
    assert re.findall(r'<figure id="(\w+)"', text) == [
        *("confusion", "reliability", "coverage", "importance", "tree", "spreads", "correlations")
    ]


def test_a_model_is_trained_kept_and_used(library, command, tmp_path):
    where = ("--library", library.folder)
    anew = command("genre", "predict", *where, *QUICK, "--json")
    trained = command("genre", "train", *where, *QUICK, "--json")
    assert json.loads(trained.output)["path"] == str(model_path(library.folder))
    assert_documented("genre train", trained.output)
    told = command("genre", "predict", *where, "--json", "-o", tmp_path / "told.csv")
    said, before = json.loads(told.output), json.loads(anew.output)
    assert (said["model"].pop("is_kept"), before["model"].pop("is_kept")) == (True, False)
    assert said == before  # learned just now or before: the same model
    genres = [track["genre"] for track in said["tracks"]]
    assert genres[:9] == ["metal", "folk"] * 4 + ["metal"]
    likeliest = said["tracks"][0]["likeliest"]
    assert likeliest[0]["probability"] + likeliest[1]["probability"] == pytest.approx(1.0)
    with (tmp_path / "told.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["genre"] for row in rows] == [genre or "unknown" for genre in genres]
    assert [row["id"] for row in rows] == [track["name"] for track in said["tracks"]]
    text = command("genre", "predict", *where).output
    assert "the model that is kept" in text
    assert re.search(r"on artists never seen \d+ % are right, where always \w+ would be 50 %", text)


def test_below_a_confidence_nobody_knows(trained, command):
    outcome = command("genre", "predict", "--library", trained.folder, "--unknown-below", "1.0", "--json")
    said = json.loads(outcome.output)
    assert said["n_unknown"] == sum(track["likeliest"][0]["probability"] < 1.0 for track in said["tracks"]) > 0
    none = json.loads(command("genre", "predict", "--library", trained.folder, "--unknown-below", "0", "--json").output)
    assert none["n_unknown"] == 0


def test_all_tracks_are_told_if_asked_and_said_to_be_no_test(trained, command):
    outcome = command("genre", "predict", "--library", trained.folder, "--all")
    assert "these are no test of it" in outcome.output
    said = json.loads(command("genre", "predict", "--library", trained.folder, "--all", "--json").output)
    assert len(said["tracks"]) == 100
    assert [track["known"] for track in said["tracks"][:2]] == ["metal", "folk"]


def test_labels_of_a_table_go_before_tags(library, command, tmp_path):
    ids = [track.track_id for track in library.tracks()]
    labels = written(
        pd.DataFrame({"track_id": ids[:80], "mood": ["wild" if i % 2 == 0 else "calm" for i in range(80)]}), tmp_path
    )
    where = ("--library", library.folder, "--labels", labels, "--label", "mood")
    command("genre", "train", *where, *QUICK)
    said = json.loads(command("genre", "predict", *where, "--json").output)
    assert [genre["genre"] for genre in said["model"]["genres"]] == ["calm", "wild"]
    assert len(said["tracks"]) == 20
    outcome = command("genre", "train", "--library", library.folder, "--label", "mood")
    assert outcome.code == 1
    assert "a library's tags have no 'mood'; give the table that has it with --labels" in outcome.messages


def test_fitted_values_are_not_taken_for_proxies(trained, command, monkeypatch):
    monkeypatch.setattr("audiosim_pipelines.genre.prediction.fitted_digest", lambda _: "abc")
    outcome = command("genre", "predict", "--library", trained.folder)
    assert outcome.code == 1
    assert "fitted to official values; train another" in outcome.messages


def test_other_descriptors_want_another_model(trained, command, monkeypatch):
    monkeypatch.setattr(descriptors, "VERSION", descriptors.VERSION + 1)
    assert command("genre", "predict", "--library", trained.folder).code == 1


def test_a_library_without_genres_says_what_it_takes(library, command, monkeypatch):
    nameless = [replace(track, genre=None) for track in library.tracks()]
    found = DescriptorTable(nameless, values_of(100, np.random.default_rng(1)), ())
    monkeypatch.setattr(tables, "descriptor_table", lambda _: found)
    for verb in ("evaluate", "train", "predict"):
        outcome = command("genre", verb, "--library", library.folder)
        assert outcome.code == 1
        assert "takes two of 10 artists each, got no genre; label more tracks" in outcome.messages
    assert kept_model(library.folder) is None


def test_a_broken_model_says_what_to_do_and_can_be_left_aside(library, command):
    path = model_path(library.folder)
    path.write_bytes(b"broken")
    outcome = command("genre", "predict", "--library", library.folder, *QUICK)
    assert outcome.code == 1
    assert "train it again: audiosim genre train" in outcome.messages
    assert command("genre", "predict", "--library", library.folder, "--anew", *QUICK).code == 0


def test_a_killed_training_keeps_the_model_there_was(trained, command, monkeypatch):
    before = model_path(trained.folder).read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training.KeptGenreModel, "save", full)
    assert command("genre", "train", "--library", trained.folder, *QUICK, "--seed", "1").code != 0
    assert model_path(trained.folder).read_bytes() == before


# Tables


def test_rows_of_a_table_are_told_by_the_model_of_a_table(library, rng, command, tmp_path):
    frame = songs(rng)
    command("genre", "train", written(frame, tmp_path), "--library", library.folder, *QUICK)
    unnamed = frame.drop(columns="genre")
    unnamed.loc[2, "energy"] = np.nan
    outcome = command("genre", "predict", written(unnamed, tmp_path, "new.csv"), "--library", library.folder, "--json")
    said = json.loads(outcome.output)
    assert [track["name"] for track in said["tracks"][:3]] == ["1", "2", "4"]
    assert said["rejected"] == [{"row": 3, "reason": "energy must be a finite number, got nothing"}]
    right = [track["genre"] == frame["genre"][int(track["name"]) - 1] for track in said["tracks"]]
    assert np.mean(right) > 0.8
    refused = command("genre", "predict", "--library", library.folder)
    assert refused.code == 1
    assert "learned from 7 features from a table" in refused.messages
    assert "these are 37 of audiosim's own estimates; train another: audiosim genre train" in refused.messages


def test_without_a_model_a_table_tells_its_own_rows(rng, command, tmp_path):
    frame = songs(rng)
    frame.loc[::8, "genre"] = ""
    outcome = command("genre", "predict", written(frame, tmp_path), "--library", tmp_path / "none", *QUICK, "--json")
    said = json.loads(outcome.output)
    assert [track["name"] for track in said["tracks"]] == [str(row) for row in range(1, 241, 8)]
    assert said["model"]["n_tracks"] == 210
    labelled = command("genre", "predict", written(songs(rng), tmp_path), "--library", tmp_path / "none", *QUICK)
    assert labelled.code == 0
    assert "there is no track whose genre nobody says" in labelled.output
    frame.loc[3, "energy"] = 7.0
    options = ("--library", tmp_path / "none", *QUICK, "--unknown-below", "1", "--json")
    unsure = command("genre", "predict", written(frame, tmp_path), *options)
    assert json.loads(unsure.output)["rejected"] == [{"row": 4, "reason": "energy must lie in 0..1, got 7.0"}]
    assert_documented("genre predict", outcome.output, unsure.output)
