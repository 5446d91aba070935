"""Settings: later sources win, unknown keys and impossible values are errors, a library keeps what made it."""

import tomllib
from dataclasses import replace

import pytest

from audiosim.distances import MEASURES
from audiosim.errors import SettingsError
from audiosim_pipelines import settings
from audiosim_pipelines.layouts import layouts
from audiosim_pipelines.settings import (
    AUDIO_FEATURES,
    FAMILY_OF_MEASURE,
    FEATURES_OF_FAMILY,
    PROFILES,
    CompareSettings,
    EvaluateSettings,
    FeatureSettings,
    Settings,
)


def test_defaults_are_those_of_the_measures(tmp_path):
    loaded = settings.load(tmp_path)
    assert loaded == Settings()
    assert loaded.dtw.band_fraction == 0.1
    assert loaded.audio.sample_rate == 22_050


def test_file_then_variable_then_option(tmp_path, monkeypatch):
    (tmp_path / "audiosim.toml").write_text("[dtw]\nband_fraction = 0.2\nnormalize = false\n[machine]\nthreads = 1\n")
    monkeypatch.setenv("AUDIOSIM_DTW_BAND_FRACTION", "none")
    monkeypatch.setenv("AUDIOSIM_MACHINE_DEVICE", "cpu")
    loaded = settings.load(tmp_path, options={"machine": {"threads": 2}})
    assert loaded.dtw.band_fraction is None
    assert loaded.dtw.normalize is False
    assert (loaded.machine.threads, loaded.machine.device) == (2, "cpu")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[dtw]\nband = 1", r"unknown key 'dtw\.band'; known here: .*band_fraction"),
        ("[dwt]\nx = 1", "unknown key 'dwt'"),
        ("dtw = 3", "dtw must be a table, got 3"),
        ("[dtw]\nnormalize = 1", r"dtw\.normalize must be true or false, got 1"),
        ("[dtw]\nlocal_cost = 'l1'", "must be one of 'euclidean', 'sqeuclidean', got 'l1'"),
        ("[dtw]\nband_fraction = 'wide'", "must be a number or 'none', got 'wide'"),
        ("[compare]\ntop_k = true", r"compare\.top_k must be a whole number, got True"),
        ("[compare]\nmeasures = ['dtw', 1]", "must be a list of text"),
        ("[features]\nfamilies = ['mfc']", r"families must be a list of one of 'mfcc', 'chroma', 'descriptors', got"),
        ("[features]\nfamilies = []", r"features\.families must name at least one family"),
        ("[features]\nfamilies = ['mfcc', 'mfcc']", "none of them twice"),
        ("[features]\nn_mels = 24\nfamilies = ['mfcc']", "n_mels must be at least 25, which timbre is made of"),
        (
            "[features]\nn_mels = 64",
            "n_mels must be 128 where families name descriptors, got 64; leave descriptors out",
        ),
        ("[dtw]\nmax_length_ratio = 0.5", r"max_length_ratio must be at least 1, or none .*, got 0\.5"),
        ("[evaluate]\nlabel = 3", r"evaluate\.label must be text or a list of text, got 3"),
        ("[evaluate]\nlabel = []", r"evaluate\.label must name at least one tag or column"),
        ("[evaluate]\nlabel = ['x', 'x']", "none of them twice"),
        ("[compare", "cannot be read as TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path, text, message):
    (tmp_path / "audiosim.toml").write_text(text)
    with pytest.raises(SettingsError, match=message):
        settings.load(tmp_path)


def test_labels_are_one_or_several(tmp_path, monkeypatch):
    assert Settings().evaluate.labels == ("genre",)
    (tmp_path / "audiosim.toml").write_text('[evaluate]\nlabel = "album"\n')
    assert settings.load(tmp_path).evaluate.labels == ("album",)
    monkeypatch.setenv("AUDIOSIM_EVALUATE_LABEL", '["genre", "mood"]')
    several = settings.load(tmp_path)
    assert several.evaluate.labels == ("genre", "mood")
    (tmp_path / "another").mkdir()
    settings.save(several, tmp_path / "another")
    monkeypatch.delenv("AUDIOSIM_EVALUATE_LABEL")
    assert settings.load(tmp_path / "another") == several


def test_variables_that_are_no_settings_are_let_be(tmp_path, monkeypatch):
    for name in ("AUDIOSIM_CACHE", "AUDIOSIM_LIBRARY"):
        monkeypatch.setenv(name, "anything")
    assert settings.load(tmp_path) == Settings()


def test_a_misspelled_variable_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSIM_DTW_BANDFRACTION", "0.3")
    with pytest.raises(SettingsError, match=r"unknown key 'dtw\.bandfraction'"):
        settings.load(tmp_path)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_saved_profile_loads_as_itself_and_is_never_overwritten(tmp_path, profile):
    loaded = settings.load(tmp_path, profile=profile)
    settings.save(loaded, tmp_path)
    text = (tmp_path / "audiosim.toml").read_text()
    assert settings.load(tmp_path) == loaded
    assert settings.load(tmp_path, profile=profile) == loaded
    settings.save(Settings(), tmp_path)
    assert (tmp_path / "audiosim.toml").read_text() == text
    assert tomllib.loads(text)["dtw"]["band_fraction"] == ("none" if profile == "yasr" else 0.1)


def test_another_profile_than_the_librarys_is_refused(tmp_path):
    settings.save(settings.load(tmp_path, profile="yasr"), tmp_path)
    with pytest.raises(SettingsError, match="made with other settings than profile 'default'"):
        settings.load(tmp_path, profile="default")
    with pytest.raises(SettingsError, match="unknown profile 'fast'"):
        settings.load(tmp_path, profile="fast")


def test_how_measures_are_judged_makes_no_other_library(tmp_path):
    before = replace(settings.load(tmp_path, profile="yasr"), evaluate=EvaluateSettings(ks=(1, 5, 10)))
    settings.save(before, tmp_path)
    assert settings.load(tmp_path, profile="yasr") == before


def test_the_yasr_profile_is_the_recipe_of_2020(tmp_path):
    loaded = settings.load(tmp_path, profile="yasr")
    assert loaded.dtw.step_pattern == "symmetric1"
    assert loaded.dtw.band_fraction is None
    assert (loaded.dtw.normalize, loaded.dtw.keep_c0, loaded.dtw.frame_rate) == (False, True, "native")
    assert loaded.baseline.recipe == "yasr"
    assert loaded.dtw.max_length_ratio is None
    assert (loaded.features.families, loaded.measures) == (("mfcc",), ("dtw", "cosine", "cosine_frames"))


def test_by_default_everything_is_extracted_and_compared():
    assert Settings().wanted_features() == AUDIO_FEATURES
    assert Settings().measures == Settings().compare.measures == tuple(FAMILY_OF_MEASURE)


@pytest.mark.parametrize(
    ("families", "left"),
    [
        (("mfcc",), ("dtw", "cosine", "cosine_frames", "timbre")),
        (("descriptors", "chroma"), ("version", "descriptors")),
    ],
)
def test_measures_whose_features_are_not_extracted_are_left_out(families, left):
    chosen = Settings(features=FeatureSettings(families=families))
    assert chosen.measures == left
    assert set(chosen.unfounded_measures) == set(chosen.compare.measures) - set(left)
    # What is no measure at all stays, for whoever knows the measures to refuse it.
    assert replace(chosen, compare=CompareSettings(measures=("dwt",))).measures == ("dwt",)


def test_every_measure_reads_a_feature_of_its_family():
    assert set(MEASURES) - {"baseline"} == set(FAMILY_OF_MEASURE)
    for name, family in FAMILY_OF_MEASURE.items():
        assert MEASURES[name]().feature in FEATURES_OF_FAMILY[family]


def test_layouts_are_those_of_the_wanted_features():
    for families in (("mfcc",), ("descriptors", "mfcc"), ("chroma",), ("mfcc", "chroma", "descriptors")):
        chosen = Settings(features=FeatureSettings(families=families))
        assert tuple(layouts(chosen)) == chosen.wanted_features()
        assert all(name == layout.name for name, layout in layouts(chosen).items())
