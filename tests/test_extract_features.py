"""All families of features in one pass: complete, in order, growing from any library; one track never costs another."""

import contextlib
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf
from killed_run import SpectrumExtractor
from make_library import MFCC_ONLY, SAMPLE_RATE, assert_same_results, results, write_clips

from audiosim.distances import MEASURES, parameters
from audiosim.errors import LibraryError
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.library import Library
from audiosim.store import FeatureStore
from audiosim_pipelines import analysis, status
from audiosim_pipelines import extract as extract_stage
from audiosim_pipelines.add import add
from audiosim_pipelines.compare import compare
from audiosim_pipelines.extract import extract
from audiosim_pipelines.layouts import layouts
from audiosim_pipelines.progress import Silent
from audiosim_pipelines.settings import AUDIO_FEATURES, FeatureSettings, MachineSettings, Settings

EVERYTHING = Settings(machine=MachineSettings(device="cpu", threads=2))
N_OLD, N_NEW = 4, 2
N_ALL = N_OLD + N_NEW


@pytest.fixture
def stand_in(monkeypatch):
    """Extraction without TensorFlow."""
    monkeypatch.setattr(extract_stage, "_extractor", SpectrumExtractor)


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    write_clips(folder / "old", N_OLD)
    write_clips(folder / "new", N_NEW, first=N_OLD)
    return folder


@pytest.fixture
def make(tmp_path):
    """Libraries of music, not extracted yet."""
    with contextlib.ExitStack() as stack:

        def library(name, *sources):
            made = stack.enter_context(contextlib.closing(Library.create(tmp_path / name)))
            add(made, sources)
            return made

        yield library


def wanting(*families):
    return replace(EVERYTHING, features=FeatureSettings(families=families))


def values_of(library, name):
    """The committed values of a feature by track: frames, or a vector."""
    ids, store = library.catalog.rows(name), FeatureStore.read(library.folder, name)
    if store.layout.kind == "vectors":
        return dict(zip(ids, store.vectors(0, len(ids)), strict=True))
    frames, offsets = store.frames(0, len(ids))
    return dict(zip(ids, np.split(frames, offsets[1:-1]), strict=True))


def assert_same_values(library, other, names=AUDIO_FEATURES):
    """Equal bits, whatever the order of the tracks."""
    for name in names:
        found, expected = values_of(library, name), values_of(other, name)
        assert set(found) == set(expected)
        for track_id, values in expected.items():
            np.testing.assert_array_equal(found[track_id], values, err_msg=name)


def bytes_of(library, *names):
    return {path: value for path, value in results(library.folder).items() if path.split("/")[1][:-5] in names}


# What is stored


@pytest.mark.usefixtures("stand_in")
def test_every_feature_has_a_row_for_every_track_as_its_layout_says(make, music):
    library = make("library", music)
    report = extract(library, EVERYTHING)
    assert (report.n_extracted, report.n_tracks, report.n_failures) == (N_ALL, N_ALL, 0)
    assert library.catalog.features() == dict.fromkeys(AUDIO_FEATURES, N_ALL)
    stored = {name: values_of(library, name) for name in AUDIO_FEATURES}
    for name, layout in layouts(EVERYTHING).items():
        assert {values.shape[-1] for values in stored[name].values()} == {layout.n_dims}
        assert all(np.isfinite(values).all() for values in stored[name].values())
    for track in library.tracks():
        n_frames = {len(stored[name][track.track_id]) for name in ("mfcc", "chroma", "onset")}
        assert len(n_frames) == 1
    assert extract(library, EVERYTHING).n_extracted == 0


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("families", "n_features"), [(["mfcc"], 4), (["chroma"], 2), (["descriptors"], 5), (["mfcc", "descriptors"], 9)]
)
def test_only_wanted_families_are_stored_with_the_values_that_they_always_have(make, music, families, n_features):
    library, whole = make("library", music / "new"), make("whole", music / "new")
    extract(library, wanting(*families))
    extract(whole, EVERYTHING)
    assert len(library.catalog.features()) == n_features
    assert_same_values(library, whole, library.catalog.features())


def test_chroma_alone_needs_no_spectra(make, music, monkeypatch):
    def fail(*_, **__):
        pytest.fail("Keras was asked for")

    monkeypatch.setattr(extract_stage, "_extractor", fail)
    library = make("library", music / "new")
    assert extract(library, wanting("chroma")).n_tracks == N_NEW


@pytest.mark.usefixtures("stand_in")
def test_the_results_do_not_depend_on_threads_and_batches(make, music, monkeypatch):
    one, many = make("one", music), make("many", music)
    extract(one, replace(EVERYTHING, machine=MachineSettings(threads=1)))
    monkeypatch.setattr(extract_stage, "_COMMIT_TRACKS", 1)
    extract(many, replace(EVERYTHING, machine=MachineSettings(threads=4)))
    assert_same_results(many.folder, results(one.folder))


@pytest.mark.usefixtures("stand_in")
def test_the_duration_is_that_of_the_file_and_not_of_what_is_left_after_trimming(make, tmp_path):
    (tmp_path / "music").mkdir()
    silence, sound = np.zeros(SAMPLE_RATE), 0.3 * np.sin(0.1 * np.arange(2 * SAMPLE_RATE))
    sf.write(tmp_path / "music" / "padded.wav", np.concatenate([silence, sound, silence]), SAMPLE_RATE)
    library = make("library", tmp_path / "music")
    extract(library, EVERYTHING)
    (described,) = values_of(library, "descriptors").values()
    assert described[DESCRIPTORS.index("duration_ms")] == 4_000.0
    (frames,) = values_of(library, "chroma").values()
    assert len(frames) < 2.2 * SAMPLE_RATE / 512


# Libraries that were made before, or for less


@pytest.mark.usefixtures("stand_in")
def test_a_library_with_mfcc_alone_is_completed_and_what_it_had_stays(make, music):
    library, at_once = make("library", music / "old"), make("at once", music)
    extract(library, MFCC_ONLY)
    before, files = library.catalog.statistics("mfcc"), bytes_of(library, "mfcc", "mfcc_pooled", "mfcc_moments")
    assert extract(library, EVERYTHING).n_extracted == N_OLD
    assert bytes_of(library, "mfcc", "mfcc_pooled", "mfcc_moments") == files
    np.testing.assert_array_equal(library.catalog.statistics("mfcc")[0], before[0])
    assert library.catalog.statistics("descriptor_vectors")[2] == N_OLD
    add(library, [music])
    assert extract(library, EVERYTHING).n_extracted == N_NEW
    extract(at_once, EVERYTHING)
    assert_same_values(library, at_once)


def test_the_layouts_of_the_first_version_are_still_those_of_its_features():
    audio = {"sample_rate": 22_050, "trim_db": 40.0}
    spectrum = {"sample_rate": 22_050, "n_fft": 2_048, "hop_length": 512, "n_mels": 128, "n_mfcc": 20}
    mfcc = {**spectrum, "fmin": 0.0, "fmax": None, "top_db": 80.0}
    expected = {
        "mfcc": ("frames", 20, {"audio": audio, "mfcc": mfcc}),
        "mfcc_pooled": ("frames", 20, {"audio": audio, "mfcc": mfcc, "pooled_rate": 2.0}),
        "mfcc_moments": ("vectors", 40, {"audio": audio, "mfcc": mfcc}),
    }
    for name, (kind, n_dims, made_with) in expected.items():
        assert layouts(Settings())[name].attributes() == {
            "name": name,
            "kind": kind,
            "n_dims": n_dims,
            "version": 1,
            "parameters": made_with,
        }


def test_the_parameters_of_the_first_version_are_still_those_of_its_distances():
    first = {"local_cost": "euclidean", "step_pattern": "symmetric2", "normalize": True, "band_fraction": 0.1}
    first |= {"frame_rate": "pooled", "keep_c0": False, "standardize": True}
    assert parameters(MEASURES["dtw"]()) == first
    assert parameters(MEASURES["dtw"](max_length_ratio=2.0)) == {**first, "max_length_ratio": 2.0}
    assert parameters(MEASURES["cosine"]()) == parameters(MEASURES["cosine_frames"]()) == {}


@pytest.mark.usefixtures("stand_in")
def test_features_may_differ_in_their_tracks_and_in_the_order_of_these(make, music):
    library, at_once = make("library", music), make("at once", music)
    first, second, *_ = library.tracks()
    with library.catalog.transaction():
        for track in (first, second):
            library.catalog.put_failure(extract_stage.Failure("extract", track.paths[0], track.track_id, "away"))
    assert extract(library, wanting("mfcc")).n_tracks == N_ALL - 2
    extract(library, wanting("mfcc", "chroma"), retry_failed=True)
    assert library.catalog.rows("mfcc")[-2:] == library.catalog.rows("chroma")[:2] == [first.track_id, second.track_id]
    extract(library, EVERYTHING)
    extract(at_once, EVERYTHING)
    assert_same_values(library, at_once)
    for made in (library, at_once):
        compare(made, EVERYTHING, measures=["version", "timbre"])
    for measure in ("version", "timbre"):
        expected = at_once.matrix(measure)
        ids = expected["query"].values
        np.testing.assert_array_equal(library.matrix(measure).sel(query=ids, target=ids).values, expected.values)


@pytest.mark.usefixtures("stand_in")
def test_a_pass_that_breaks_off_is_taken_up_where_it_was(make, music, monkeypatch):
    whole, broken = make("whole", music), make("broken", music)
    extract(whole, MFCC_ONLY)
    extract(whole, EVERYTHING)
    extract(broken, MFCC_ONLY)
    monkeypatch.setattr(extract_stage, "_COMMIT_TRACKS", 2)
    written = []
    write = FeatureStore.write

    def stumble(store, first_row, values):
        written.append(store.layout.name)
        if written.count("cens") == 2:
            raise KeyboardInterrupt
        write(store, first_row, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureStore, "write", stumble)
        with pytest.raises(KeyboardInterrupt):
            extract(broken, EVERYTHING)
    assert status.status(broken, EVERYTHING).n_unextracted == N_ALL - 2
    assert extract(broken, EVERYTHING).n_extracted == N_ALL - 2
    assert_same_results(broken.folder, results(whole.folder))


@pytest.mark.usefixtures("stand_in")
def test_a_store_that_was_deleted_by_hand_is_told(make, music):
    library = make("library", music / "new")
    extract(library, EVERYTHING)
    shutil.rmtree(library.folder / "features" / "chroma.zarr")
    with pytest.raises(
        LibraryError, match=r"lost features .* 2 tracks of them \(chroma\); run: audiosim extract --rec"
    ):
        extract(library, EVERYTHING)
    assert extract(library, EVERYTHING, recompute=True).n_extracted == N_NEW


@pytest.mark.usefixtures("stand_in")
def test_refreshed_statistics_are_those_of_all_tracks(make, music):
    library, at_once = make("library", music / "old"), make("at once", music)
    extract(library, EVERYTHING)
    compare(library, EVERYTHING)
    add(library, [music])
    extract(at_once, EVERYTHING)
    (note,) = extract(library, EVERYTHING, refresh_statistics=True).notes
    assert note == "corpus statistics are refreshed; compare computes anew: cosine, descriptors, dtw"
    for name in ("mfcc", "mfcc_pooled", "mfcc_moments", "descriptor_vectors"):
        for found, expected in zip(library.catalog.statistics(name), at_once.catalog.statistics(name), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.usefixtures("stand_in")
def test_what_is_foreseen_of_a_library_that_grows_in_features_is_what_is_done(make, music):
    library = make("library", music / "old")
    extract(library, MFCC_ONLY)
    compare(library, MFCC_ONLY)
    foreseen = status.foresee(library, EVERYTHING, n_seen=0, n_new=0)
    assert foreseen.n_tracks_to_extract == extract(library, EVERYTHING).n_extracted == N_OLD
    done = {report.measure: report.n_pairs_computed for report in compare(library, EVERYTHING)}
    assert foreseen.n_pairs_to_compare == done
    assert (done["dtw"], done["version"]) == (0, N_OLD * (N_OLD - 1) // 2)


class _Told(Silent):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.mark.usefixtures("stand_in")
def test_measures_without_features_are_left_out_with_a_note(make, music):
    library, told = make("library", music / "new"), _Told()
    extract(library, wanting("mfcc"))
    reports = compare(library, wanting("mfcc"), progress=told)
    assert [report.measure for report in reports] == ["dtw", "cosine", "cosine_frames", "timbre"]
    note = "not compared, since features.families leaves their features out: version, descriptors"
    assert note in told.lines
    (asked,) = compare(library, wanting("mfcc"), measures=["version"])
    assert (asked.n_rows, asked.note) == (0, "no track has the feature 'cens' yet")


# One odd track


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("name", ["chroma", "momentary_loudness", "track_beats", "gaussian", "encode_descriptors"])
def test_a_feature_that_fails_costs_its_track_and_not_the_run(make, music, monkeypatch, name):
    library = make("library", music)
    compute, calls = getattr(analysis, name), []

    def stumble(*arguments, **options):
        calls.append(name)
        if len(calls) == 3:
            raise IndexError("odd sound")
        return compute(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(analysis, name, stumble)
        report = extract(library, EVERYTHING)
    assert (report.n_extracted, report.n_tracks, report.n_failures) == (N_ALL - 1, N_ALL - 1, 1)
    (failure,) = library.catalog.failures()
    assert failure.reason == "features cannot be computed: IndexError: odd sound"
    assert failure.track_id not in library.catalog.rows("mfcc")
    assert extract(library, EVERYTHING, retry_failed=True).n_tracks == N_ALL


@pytest.mark.usefixtures("stand_in")
def test_a_value_that_is_not_finite_is_listed_and_not_stored(make, music, monkeypatch):
    library = make("library", music / "new")
    monkeypatch.setattr(analysis, "moments", lambda frames: np.full(2 * frames.shape[1], np.nan, np.float32))
    assert extract(library, EVERYTHING).n_tracks == 0
    assert {f.reason for f in library.catalog.failures()} == {
        "features cannot be computed: ValueError: mfcc_moments must be finite, got nan"
    }


# Odd sounds, with the real features


def odd_signals():
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    clicks = np.zeros(5 * SAMPLE_RATE)
    clicks[::11_025] = 0.9
    far_apart = np.zeros(4 * SAMPLE_RATE)
    far_apart[[10, -10]] = 0.5
    noise = 0.1 * np.random.default_rng(5).standard_normal(3 * SAMPLE_RATE)
    tune = 0.3 * np.sin(2 * np.pi * np.cumsum(np.repeat([220.0, 330.0, 275.0, 440.0] * 3, 8_000)) / SAMPLE_RATE)
    return {
        "clicks": clicks,
        "two clicks in silence": far_apart,
        "tone": 0.5 * np.sin(2 * np.pi * 997.0 * time),
        "constant": np.full(SAMPLE_RATE, 0.5),
        "a tenth of a second": noise[:2_300],
        "noise": noise,
        "clipped": np.clip(50.0 * noise, -1.0, 1.0),
        "hardly anything": 1e-4 * noise,
        "tune": tune,
        "quiet tune": 10.0 ** (-12.0 / 20.0) * tune,
    }


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """The library of odd sounds, and digital silence among them."""
    folder = tmp_path_factory.mktemp("odd sounds")
    for name, signal in odd_signals().items():
        sf.write(folder / f"{name}.wav", signal, SAMPLE_RATE, subtype="FLOAT")
    sf.write(folder / "silence.wav", np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    with contextlib.closing(Library.create(folder / "library")) as library:
        add(library, [folder])
        extract(library, EVERYTHING)
        compare(library, EVERYTHING)
        yield library


def test_odd_sounds_have_finite_features_and_distances_and_silence_a_reason(odd):
    (failure,) = odd.catalog.failures()
    assert failure.path.stem == "silence"
    assert failure.reason.startswith("silent")
    assert odd.catalog.features() == dict.fromkeys(AUDIO_FEATURES, len(odd_signals()))
    for name in AUDIO_FEATURES:
        assert all(np.isfinite(values).all() for values in values_of(odd, name).values())
    for measure in EVERYTHING.measures:
        matrix = odd.matrix(measure).values
        assert np.isfinite(matrix).all()
        assert (matrix >= 0.0).all()


def test_gain_moves_loudness_alone(odd):
    rows = values_of(odd, "descriptors")
    loud, quiet = (rows[odd.find(name).track_id] for name in ("tune", "quiet tune"))
    moved = {name for name, a, b in zip(DESCRIPTORS, loud, quiet, strict=True) if abs(a - b) > 1e-3 * max(1.0, abs(a))}
    assert moved == {"loudness_est"}
    np.testing.assert_allclose((loud - quiet)[DESCRIPTORS.index("loudness_est")], 12.0, atol=0.01)
    for measure in ("dtw", "version", "timbre"):
        row = odd.matrix(measure).sel(query=odd.find("tune").track_id)
        assert float(row.sel(target=odd.find("quiet tune").track_id)) < 0.01 * np.sort(row.values)[2]
