"""Models fitted to official values: kept where they know something, not kept where nothing can be known."""

import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score

from audiosim.errors import FeatureTableError, StoreMismatchError
from audiosim.features import descriptors, fit
from audiosim.features.descriptors import DESCRIPTORS, encode_descriptors
from audiosim.features.fit import FITTED, FittedDescriptors, Score, fit_descriptors
from audiosim.features.fit_models import LinearModel, TreeModel, exported, fit_boosting, fit_linear

NAMES = ("energy", "danceability", "valence", "acousticness", "key")


def column(name):
    return DESCRIPTORS.index(name)


@pytest.fixture(scope="module")
def tracks():
    """Estimates of 400 tracks by 80 artists, and official values whose truth is known."""
    rng = np.random.default_rng(8)
    n_tracks = 400
    estimates = rng.uniform(0.0, 1.0, size=(n_tracks, len(DESCRIPTORS)))
    estimates[:, column("duration_ms")] = rng.uniform(1e5, 4e5, n_tracks)
    estimates[:, column("key_est")] = rng.integers(-1, 12, n_tracks)
    one, other = estimates[:, column("timbre_03_est")], estimates[:, column("pitch_05_est")]
    noise = rng.normal(0.0, 0.05, n_tracks)
    official = np.column_stack(
        [
            0.2 + 0.6 * one - 0.1 * other + noise,  # linear in what the proxy of energy does not see
            0.1 + 0.8 * (one > 0.5) * (other > 0.5) + noise,  # a step that no sum of inputs makes
            rng.uniform(0.0, 1.0, n_tracks),  # nothing to know
            estimates[:, column("acousticness_est")],  # the proxy is exact
            rng.integers(0, 12, n_tracks),
        ]
    )
    artists = [f"artist {number % 80}" for number in range(n_tracks)]
    return estimates, np.clip(official, [0, 0, 0, 0, 0], [1, 1, 1, 1, 11]), artists


@pytest.fixture(scope="module")
def fitted(tracks):
    estimates, official, artists = tracks
    return fit_descriptors(estimates, official, NAMES, artists, seed=1)


def test_what_can_be_known_is_kept_and_noise_is_not(fitted):
    assert {row.feature: row.kept for row in fitted.report()} == {
        "energy": "ridge",
        "danceability": "boosting",
        "valence": "proxy",
        "acousticness": "proxy",
    }
    assert set(fitted.models) == {"energy", "danceability"}


def test_the_report_says_how_good_each_is(fitted):
    rows = {row.feature: row for row in fitted.report()}
    assert all((row.n_tracks, row.n_artists) == (400, 80) for row in rows.values())
    for row in rows.values():
        for name in ("proxy", "ridge", "boosting", "ridge_gain", "boosting_gain"):
            score = getattr(row, name)
            assert score.low <= score.value <= score.high
    # The variance of the truth is .6^2 / 12 + .1^2 / 12, that of the noise .05^2.
    assert rows["energy"].ridge.value == pytest.approx(0.925, abs=0.02)
    assert rows["energy"].ridge_gain.low > 0.0
    assert rows["danceability"].boosting.value > rows["danceability"].ridge.value + 0.2
    assert rows["valence"].ridge.low < 0.0
    assert rows["acousticness"].proxy == Score(1.0, 1.0, 1.0)


def test_noise_beats_a_bad_proxy_and_is_still_not_kept(fitted):
    row = {row.feature: row for row in fitted.report()}["valence"]
    assert row.ridge_gain.low > 0.0  # the mean is better than an unrelated proxy
    assert row.kept == "proxy"


def test_kept_models_replace_their_proxies_and_nothing_else(fitted, tracks):
    estimates, official, _ = tracks
    predicted = fitted.predict(estimates)
    replaced = [column("danceability_est"), column("energy_est")]
    np.testing.assert_array_equal(np.delete(predicted, replaced, axis=1), np.delete(estimates, replaced, axis=1))
    assert r2_score(official[:, 0], predicted[:, column("energy_est")]) > 0.9
    assert r2_score(official[:, 1], predicted[:, column("danceability_est")]) > 0.9
    assert predicted[:, replaced].min() >= 0.0
    assert predicted[:, replaced].max() <= 1.0


def test_the_same_seed_gives_the_same_models(fitted, tracks):
    estimates, official, artists = tracks
    again = fit_descriptors(estimates, official[:, :1], NAMES[:1], artists, seed=1)
    assert again.report() == fitted.report()[1:2]  # in the order of FITTED: danceability, energy, ...
    np.testing.assert_array_equal(again.models["energy"].weights, fitted.models["energy"].weights)


def test_artists_are_left_out_whole():
    """A value that only the artist's identity explains cannot be predicted for an artist never seen."""
    rng = np.random.default_rng(3)
    artist = np.repeat(np.arange(12), 40)
    estimates = rng.uniform(size=(480, len(DESCRIPTORS)))
    estimates[:, column("duration_ms")] = 2e5
    # One input names the artist, at random places along its axis.
    estimates[:, column("timbre_00_est")] = rng.permutation(12)[artist]
    official = rng.uniform(size=12)[artist][:, None]
    row = fit_descriptors(estimates, official, ["energy"], [str(name) for name in artist], seed=2).report()[0]
    assert row.boosting.value < 0.2
    assert row.kept == "proxy"


def test_intervals_widen_where_tracks_are_of_few_artists(tracks):
    estimates, official, _ = tracks

    def width(n_artists):
        artists = [str(number % n_artists) for number in range(len(estimates))]
        predicted = {"proxy": estimates[:, column("energy_est")]}
        groups = np.array([int(name) for name in artists])
        shift = np.random.default_rng(0).normal(0.0, 0.3, n_artists)[groups]
        drawn = fit._draws(official[:, 0] + shift, predicted, groups, seed=0)["proxy"]
        score = fit._score(drawn)
        assert score.value == pytest.approx(r2_score(official[:, 0] + shift, predicted["proxy"]))
        return score.high - score.low

    assert width(5) > 1.5 * width(200)


def test_a_value_that_never_varies_is_left_alone(tracks):
    estimates, official, artists = tracks
    row = fit_descriptors(estimates, np.full_like(official[:, :1], 0.1), ["energy"], artists, seed=1).report()[0]
    assert (row.proxy.value, row.ridge.value, row.kept) == (0.0, 0.0, "proxy")


# --- models without scikit-learn


@given(seed=st.integers(0, 10_000), n_rows=st.integers(20, 200), n_inputs=st.integers(1, 6))
def test_exported_trees_predict_what_scikit_learn_does(seed, n_rows, n_inputs):
    rng = np.random.default_rng(seed)
    inputs = rng.integers(0, 9, size=(n_rows, n_inputs)) / rng.choice([1.0, 7.0, 1e-3])
    target = np.sin(inputs.sum(axis=1)) + rng.standard_normal(n_rows)
    trees = HistGradientBoostingRegressor(max_iter=12, min_samples_leaf=2, random_state=seed).fit(inputs, target)
    at_thresholds = np.repeat(exported(trees).thresholds[:, None], n_inputs, axis=1)
    others = np.concatenate([inputs, at_thresholds, rng.uniform(-2.0, 12.0, size=(50, n_inputs))])
    np.testing.assert_allclose(exported(trees).predict(others), trees.predict(others), rtol=0.0, atol=1e-9)


def test_fitted_trees_predict_what_scikit_learn_does(tracks, rng):
    estimates, official, _ = tracks
    inputs = encode_descriptors(estimates).astype(np.float64)
    trees = HistGradientBoostingRegressor(
        max_iter=200,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=4,
    ).fit(inputs, official[:, 1])
    others = rng.uniform(0.0, 1.0, size=(500, inputs.shape[1]))
    np.testing.assert_allclose(
        fit_boosting(inputs, official[:, 1], seed=4).predict(others), trees.predict(others), rtol=0.0, atol=1e-9
    )


def test_the_linear_model_predicts_what_scikit_learn_does(tracks, rng):
    estimates, official, _ = tracks
    inputs = encode_descriptors(estimates).astype(np.float64)
    inputs[:, 3] = 0.1  # an input that never varies
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    spread[3] = 1.0
    ridge = RidgeCV(alphas=np.logspace(-1, 4, 11)).fit((inputs - mean) / spread, official[:, 0])
    others = inputs + rng.standard_normal(inputs.shape)
    others[:, 3] = 0.1
    np.testing.assert_allclose(
        fit_linear(inputs, official[:, 0]).predict(others), ridge.predict((others - mean) / spread), atol=1e-9
    )


def test_models_that_would_walk_for_ever_are_refused():
    leaf = {"thresholds": np.zeros(2), "values": np.zeros(2), "constant": np.zeros(1)}
    with pytest.raises(ValueError, match="the children of a node must lie behind it"):
        TreeModel(
            roots=np.array([0]), inputs=np.array([0, -1]), left=np.array([0, -1]), right=np.array([1, -1]), **leaf
        )
    with pytest.raises(ValueError, match="must have one element a node"):
        TreeModel(roots=np.array([0]), inputs=np.array([-1]), left=np.array([-1]), right=np.array([-1]), **leaf)
    with pytest.raises(ValueError, match="weights must be finite"):
        LinearModel(weights=np.array([np.nan]), constant=np.zeros(1))


# --- files


def test_a_file_gives_back_what_was_saved(fitted, tracks, tmp_path):
    path = tmp_path / "fitted.npz"
    fitted.save(path)
    loaded = FittedDescriptors.load(path)
    assert loaded.report() == fitted.report()
    np.testing.assert_array_equal(loaded.predict(tracks[0]), fitted.predict(tracks[0]))
    assert [file.name for file in tmp_path.iterdir()] == ["fitted.npz"]


def test_a_file_holds_numbers_and_names_only(fitted, tmp_path):
    fitted.save(tmp_path / "fitted.npz")
    with np.load(tmp_path / "fitted.npz", allow_pickle=False) as file:
        assert {file[name].dtype.kind for name in file.files} <= set("fiU")


def test_nothing_kept_can_be_saved_too(tracks, tmp_path):
    nothing = FittedDescriptors(models={}, rows=())
    nothing.save(tmp_path / "fitted.npz")
    loaded = FittedDescriptors.load(tmp_path / "fitted.npz")
    assert loaded.report() == ()
    np.testing.assert_array_equal(loaded.predict(tracks[0]), tracks[0])


def test_other_versions_are_refused(fitted, tmp_path, monkeypatch):
    path = tmp_path / "fitted.npz"
    fitted.save(path)
    monkeypatch.setattr(descriptors, "VERSION", descriptors.VERSION + 1)
    with pytest.raises(StoreMismatchError, match=r"fitted\.npz must hold models of version \[1, 2\], got \[1, 1\]"):
        FittedDescriptors.load(path)


def test_other_descriptors_are_refused(fitted, tmp_path, monkeypatch):
    path = tmp_path / "fitted.npz"
    fitted.save(path)
    monkeypatch.setattr(fit, "DESCRIPTORS", DESCRIPTORS[::-1])
    with pytest.raises(StoreMismatchError, match="was fitted to other descriptors; fit it again"):
        FittedDescriptors.load(path)


class Harmful:
    def __reduce__(self):
        return print, ("a pickle was opened",)


def test_other_files_are_refused_and_no_pickle_is_opened(fitted, tmp_path, capsys):
    path = tmp_path / "other.npz"
    whole = tmp_path / "whole.npz"
    fitted.save(whole)
    contents = {
        "text": b"This is no model.",
        "empty": b"",
        "pickle": pickle.dumps(Harmful()),
        "array": b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (), }".ljust(117)
        + b"\n"
        + bytes(8),
        "cut": whole.read_bytes()[:2_000],
    }
    for content in contents.values():
        path.write_bytes(content)
        with pytest.raises(StoreMismatchError, match=r"other\.npz must hold fitted descriptors, got another file"):
            FittedDescriptors.load(path)
    np.savez(path, version=np.array([Harmful()], dtype=object))
    with pytest.raises(StoreMismatchError, match="got another file"):
        FittedDescriptors.load(path)
    np.savez(path, version=np.array([fit.VERSION, descriptors.VERSION]), descriptors=np.array(DESCRIPTORS))
    with pytest.raises(StoreMismatchError, match="got another file"):
        FittedDescriptors.load(path)
    assert capsys.readouterr().out == ""
    with pytest.raises(FileNotFoundError):
        FittedDescriptors.load(tmp_path / "none.npz")


def test_a_model_of_another_number_of_inputs_is_refused(fitted, tmp_path):
    short = dataclasses.replace(
        fitted, models={**fitted.models, "energy": LinearModel(weights=np.ones(5), constant=np.zeros(1))}
    )
    short.save(tmp_path / "fitted.npz")
    with pytest.raises(StoreMismatchError, match="the model of energy must have 38 inputs, got 5"):
        FittedDescriptors.load(tmp_path / "fitted.npz")


# --- refusals


def test_too_little_is_refused(tracks):
    estimates, official, artists = tracks
    with pytest.raises(FeatureTableError, match="at least 50 tracks by 5 artists, got 49 by 49; the proxies stay"):
        fit_descriptors(estimates[:49], official[:49], NAMES, artists[:49], seed=1)
    with pytest.raises(FeatureTableError, match="got 400 by 4"):
        fit_descriptors(estimates, official, NAMES, [str(number % 4) for number in range(400)], seed=1)


def test_what_cannot_be_fitted_is_refused(tracks):
    estimates, official, artists = tracks
    with pytest.raises(FeatureTableError, match=r"must have one of danceability, .*, got key"):
        fit_descriptors(estimates, official[:, 4:], ["key"], artists, seed=1)
    with pytest.raises(ValueError, match=r"official must have shape \(400, 1\), got \(400, 5\)"):
        fit_descriptors(estimates, official, ["energy"], artists, seed=1)
    with pytest.raises(ValueError, match=r"estimates must have shape \(400, 37\), got \(400, 13\)"):
        fit_descriptors(estimates[:, :13], official, NAMES, artists, seed=1)
    with pytest.raises(ValueError, match="official must be finite"):
        fit_descriptors(estimates, np.full_like(official, np.nan), NAMES, artists, seed=1)


def test_every_feature_that_is_fitted_has_an_estimate():
    assert {descriptors.estimate_name(name) for name in FITTED} <= set(DESCRIPTORS)
