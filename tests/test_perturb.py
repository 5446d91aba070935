"""Degraded copies among all tracks of a library: found as any query is, kept, and told where they fail."""

import contextlib
import itertools
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf
from killed_run import SpectrumExtractor

from audiosim.audio import AudioSpec, load, sound_of
from audiosim.distances import Block, measure_named
from audiosim.errors import NotComputedError, StoreMismatchError
from audiosim.features.pooling import standardize
from audiosim.features.statistics import CorpusStatistics
from audiosim.library import Library
from audiosim.sources.degradation import DEGRADATIONS
from audiosim.store import FeatureStore
from audiosim_pipelines import copies, extract
from audiosim_pipelines import perturb as stage
from audiosim_pipelines import settings as settings_module
from audiosim_pipelines.add import add
from audiosim_pipelines.compare import compare
from audiosim_pipelines.extract import features_of
from audiosim_pipelines.perturb import REPORT_NAME, REPORTS, perturb
from audiosim_pipelines.settings import CompareSettings, FeatureSettings, MachineSettings, Settings

RATE = 22_050
N_TRACKS = 8
SILENCE = 0.5  # seconds before every melody, which the library trims
MEASURES = ("dtw", "cosine", "timbre", "version")
RESCALED = ("dtw", "timbre", "version")
SETTINGS = Settings(
    features=FeatureSettings(families=("mfcc", "chroma")),
    compare=CompareSettings(measures=MEASURES),
    machine=MachineSettings(device="cpu", threads=2),
)


def melody(seed, *, seconds=5.0):
    """Notes of half a second with overtones of their own."""
    rng = np.random.default_rng([20_261_121, seed])
    time = np.arange(round(seconds * RATE)) / RATE
    notes = 220.0 * 2.0 ** (rng.integers(0, 24, size=round(2 * seconds)) / 12.0)
    phase = 2 * np.pi * np.cumsum(notes[np.minimum((2 * time).astype(int), len(notes) - 1)]) / RATE
    signal = sum(weight * np.sin((k + 1) * phase) for k, weight in enumerate(rng.uniform(0, 1, 4)))
    return 0.2 * signal + 0.002 * rng.standard_normal(len(time))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A library of melodies, with the music inside its folder."""
    folder = tmp_path_factory.mktemp("perturbed")
    (folder / "music").mkdir()
    silence = np.zeros(round(SILENCE * RATE))
    for number in range(N_TRACKS):
        sf.write(folder / "music" / f"melody {number}.wav", np.concatenate([silence, melody(number)]), RATE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract, "_extractor", SpectrumExtractor)
        library = Library.create(folder / "library")
        settings_module.save(SETTINGS, library.folder)
        add(library, [folder / "music"])
        extract.extract(library, SETTINGS)
        compare(library, SETTINGS)
        library.close()
    return folder


@pytest.fixture
def library(made, tmp_path, monkeypatch):
    """A library of the test's own; the music is shared."""
    monkeypatch.setattr(extract, "_extractor", SpectrumExtractor)
    shutil.copytree(made / "library", tmp_path / "library")
    with contextlib.closing(Library.open(tmp_path / "library")) as opened:
        yield opened


@pytest.fixture
def few(monkeypatch):
    """Three cheap degradations in place of all."""
    chosen = {name: DEGRADATIONS[name] for name in ("gain +12 dB", "first and last tenth cut", "tempo x 1.05")}
    for module in (copies, stage):
        monkeypatch.setattr(module, "DEGRADATIONS", chosen)
    return tuple(chosen)


def report_path(library):
    return library.folder / REPORTS / REPORT_NAME


def count_copies(monkeypatch):
    """Names of (track, degradation) that are described from now on."""
    made = []
    describe = copies._described

    def counted(settings, signal, degradation, kept):
        made.append(degradation)
        return describe(settings, signal, degradation, kept)

    monkeypatch.setattr(copies, "_described", counted)
    return made


# --- what is found


def test_every_measure_is_judged_by_every_degradation_raw_and_as_it_is_ranked(library):
    result = perturb(library, SETTINGS, n_tracks=2)
    assert (result.n_tracks, result.n_candidates, result.n_without_file) == (2, N_TRACKS, 0)
    assert sorted(result.measures) == sorted([*MEASURES, *(f"{name} + mp_gauss" for name in RESCALED)])
    for found in result.measures.values():
        assert tuple(found.degradations) == tuple(DEGRADATIONS)
        assert {scores.n_copies for scores in found.degradations.values()} == {2}
        assert found.overall.n_copies == 2 * len(DEGRADATIONS)
        assert found.overall.top_1 == pytest.approx(np.mean([s.top_1 for s in found.degradations.values()]))
    # What only adds silence, which is trimmed, changes nothing that a measure hears.
    assert result.measures["dtw"].degradations["20 s of silence before"].top_1 == 1.0
    assert result.failures == ()


def test_ranks_are_those_of_a_query_that_is_no_track(library, few):
    """The way round: degrade, describe and compare here, and ask the library for the nearest."""
    result = perturb(library, SETTINGS, n_tracks=N_TRACKS)
    columns = [(name, name, "none") for name in MEASURES] + [(f"{name} + mp_gauss", name, None) for name in RESCALED]
    for degradation in few:
        described = {track.track_id: _described(track, degradation) for track in library.tracks()}
        for column, name, rescaling in columns:
            ranks = [
                _ordered(library, name, values, rescaling)["track_id"].tolist().index(track_id) + 1
                for track_id, values in described.items()
            ]
            scores = result.measures[column].degradations[degradation]
            assert scores.top_1 == pytest.approx(np.mean(np.array(ranks) == 1))
            assert scores.mean_reciprocal_rank == pytest.approx(np.mean(1 / np.array(ranks)))


def test_copies_are_rescaled_as_queries_are(library):
    track = library.tracks()[1]
    values = _described(track, "tempo x 0.95")
    for name in RESCALED:
        target = copies.Target.of(library, SETTINGS, name)
        (keys,) = target.ranked_by(copies.compared(target, [values], SETTINGS))
        table = _ordered(library, name, values, None).set_index("track_id")
        expected = [table["rescaled"][member.track_id] for member in target.tracks]
        np.testing.assert_allclose(-np.expm1(-keys.astype(np.float64)), expected, rtol=1e-4, atol=1e-7)


def test_files_are_degraded_as_they_are_and_trimmed_afterwards(library, few, monkeypatch):
    heard = []
    for name in few:
        monkeypatch.setitem(
            copies.DEGRADATIONS, name, lambda signal, rate: (heard.append(len(signal) / rate), signal)[1]
        )
    described = []
    monkeypatch.setattr(
        copies, "features_of", lambda *of_copy: (described.append(of_copy[1:]), features_of(*of_copy))[1]
    )
    perturb(library, SETTINGS, n_tracks=1, measures=["cosine"])
    assert heard == [SILENCE + 5.0] * len(few)
    for sound, duration in described:
        assert len(sound) / RATE == pytest.approx(5.0, abs=0.1)
        assert duration == SILENCE + 5.0


def _described(track, degradation):
    copy = DEGRADATIONS[degradation](load(track.paths[0], spec=AudioSpec(trim_db=None)), RATE)
    return features_of(SETTINGS, sound_of(copy, AudioSpec()), len(copy) / RATE)


def _ordered(library, name, values, rescaling):
    """All tracks by their distance, one pair compared at a time."""
    store, tracks = library.distances(name)
    measure = measure_named(name, **store.attributes["parameters"])
    stored = library.catalog.statistics(measure.feature) if measure.standardized else None
    statistics = None if stored is None else CorpusStatistics(*stored)
    features = FeatureStore.read(library.folder, measure.feature)
    own = np.atleast_2d(values[measure.feature])
    own = own if statistics is None else standardize(own, statistics)
    query = Block(own, np.array([0, len(own)]) if features.layout.kind == "frames" else None)
    every = Block.load(features, 0, len(tracks), statistics=statistics)
    distances = [measure.distances(query, every, np.array([[0, row]]), device="cpu")[0] for row in range(len(tracks))]
    return library.nearest_to_row(np.array(distances), measure=name, k=len(tracks), rescaling=rescaling)


def test_measures_can_be_chosen_and_those_without_audio_are_passed_over(library, few):
    result = perturb(library, SETTINGS, n_tracks=1, measures=["cosine", "baseline"])
    assert list(result.measures) == ["cosine"]
    assert tuple(result.measures["cosine"].degradations) == few


def test_only_families_that_the_measures_read_are_extracted(library, few, monkeypatch):
    wanted = []

    def described(settings, signal, duration):
        wanted.append(settings.features.families)
        return features_of(settings, signal, duration)

    monkeypatch.setattr(copies, "features_of", described)
    perturb(library, SETTINGS, n_tracks=1, measures=["version"])
    assert wanted == [("chroma",)] * len(few)


# --- the sample


@pytest.mark.usefixtures("few")
def test_a_larger_sample_holds_the_smaller_and_the_seed_draws_another(library):
    tracks = library.tracks()
    drawn = {seed: [stage._sample(tracks, n, seed) for n in range(1, N_TRACKS + 1)] for seed in range(5)}
    for samples in drawn.values():
        for smaller, larger in itertools.pairwise(samples):
            assert {track.track_id for track in smaller} < {track.track_id for track in larger}
    assert len({tuple(track.track_id for track in samples[2]) for samples in drawn.values()}) > 1
    assert perturb(library, SETTINGS, n_tracks=99).n_tracks == N_TRACKS


@pytest.mark.usefixtures("few")
def test_tracks_without_their_file_are_not_drawn(library, made, tmp_path):
    gone, changed = library.tracks()[:2]
    music = tmp_path / "elsewhere"
    shutil.copytree(made / "music", music)
    with library.catalog.transaction():
        for track in library.tracks():
            path = music / track.paths[0].name
            library.catalog.forget_file(track.paths[0])
            status = path.stat()
            library.catalog.put_file(path, track.track_id, size=status.st_size, mtime_ns=status.st_mtime_ns)
    (music / gone.paths[0].name).unlink()
    os.utime(music / changed.paths[0].name, ns=(1, 1))
    result = perturb(library, SETTINGS, n_tracks=N_TRACKS)
    assert (result.n_tracks, result.n_without_file, result.n_candidates) == (N_TRACKS - 2, 2, N_TRACKS)
    assert result.failures == ()


# --- what fails


def test_a_copy_that_fails_is_listed_and_costs_nothing_else(library, few, monkeypatch):
    victim = library.tracks()[3]

    def fail(signal, sample_rate):
        if np.array_equal(signal, load(victim.paths[0], spec=AudioSpec(trim_db=None))):
            raise MemoryError("no room")
        return DEGRADATIONS["gain +12 dB"](signal, sample_rate)

    def hush(signal, sample_rate):
        del sample_rate
        return np.zeros_like(signal)

    monkeypatch.setitem(copies.DEGRADATIONS, "gain +12 dB", fail)
    monkeypatch.setitem(copies.DEGRADATIONS, "tempo x 1.05", hush)
    result = perturb(library, SETTINGS, n_tracks=N_TRACKS, measures=["dtw"])
    found = result.measures["dtw"].degradations
    assert [found[name].n_copies for name in few] == [N_TRACKS - 1, N_TRACKS, 0]
    assert np.isnan(found["tempo x 1.05"].top_1)
    reasons = {(failure.label, failure.degradation): failure.reason for failure in result.failures}
    assert len(reasons) == N_TRACKS + 1
    assert "MemoryError: no room" in reasons[victim.label, "gain +12 dB"]
    assert reasons[victim.label, "tempo x 1.05"].startswith("silent")
    plain = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert plain["measures"]["dtw"]["degradations"]["tempo x 1.05"] == {
        "top_1": None,
        "mean_reciprocal_rank": None,
        "n_copies": 0,
    }
    assert plain["failures"][0]["track_id"] == result.failures[0].track_id


def test_a_track_that_cannot_be_decoded_is_listed_once(library, few, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no audio at all")
    victim = library.tracks()[0]
    with library.catalog.transaction():
        library.catalog.forget_file(victim.paths[0])
        status = broken.stat()
        library.catalog.put_file(broken, victim.track_id, size=status.st_size, mtime_ns=status.st_mtime_ns)
    result = perturb(library, SETTINGS, n_tracks=N_TRACKS, measures=["dtw"])
    ((failure),) = result.failures
    assert (failure.track_id, failure.degradation) == (victim.track_id, None)
    assert "cannot be decoded" in failure.reason
    assert result.measures["dtw"].overall.n_copies == (N_TRACKS - 1) * len(few)


# --- what is kept


def test_what_is_known_is_not_computed_again_and_the_file_keeps_its_bytes(library, few, monkeypatch):
    first = perturb(library, SETTINGS, n_tracks=3)
    content = report_path(library).read_bytes()
    made = count_copies(monkeypatch)
    assert perturb(library, SETTINGS, n_tracks=3) == first
    assert made == []
    assert report_path(library).read_bytes() == content
    perturb(library, SETTINGS, n_tracks=5)
    assert len(made) == 2 * len(few)
    # The smaller sample is still what it was.
    assert perturb(library, SETTINGS, n_tracks=3) == first


def test_a_run_that_is_killed_goes_on_where_it_was(library, few, monkeypatch, tmp_path):
    shutil.copytree(library.folder, tmp_path / "undisturbed")
    with contextlib.closing(Library.open(tmp_path / "undisturbed")) as other:
        expected = perturb(other, SETTINGS, n_tracks=N_TRACKS)
        content = report_path(other).read_bytes()
    monkeypatch.setattr(stage, "_TRACKS_AT_ONCE", 3)
    write = stage._Kept._write

    def killed(kept):
        write(kept)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage._Kept, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            perturb(library, SETTINGS, n_tracks=N_TRACKS)
    made = count_copies(monkeypatch)
    assert perturb(library, SETTINGS, n_tracks=N_TRACKS) == expected
    assert len(made) == (N_TRACKS - 3) * len(few)
    assert report_path(library).read_bytes() == content


def test_other_matrices_seeds_and_copies_are_computed_anew(library, few, monkeypatch):
    perturb(library, SETTINGS, n_tracks=2, measures=["dtw", "cosine"])
    made = count_copies(monkeypatch)
    perturb(library, SETTINGS, n_tracks=2, measures=["cosine"])
    assert made == []
    # A table of another length changes no rank; another rescaling does.
    compare(library, replace(SETTINGS, compare=replace(SETTINGS.compare, top_k=20)), measures=["dtw"])
    perturb(library, SETTINGS, n_tracks=2, measures=["dtw"])
    assert made == []
    compare(library, replace(SETTINGS, hubness=replace(SETTINGS.hubness, rescaling="csls")), measures=["dtw"])
    assert list(perturb(library, SETTINGS, n_tracks=2, measures=["dtw"]).measures) == ["dtw", "dtw + csls"]
    assert len(made) == 2 * len(few)
    monkeypatch.setattr("audiosim.sources.degradation.VERSION", 99)
    perturb(library, SETTINGS, n_tracks=2, measures=["dtw"])
    assert len(made) == 4 * len(few)


def test_another_seed_settles_other_ties(library, few, monkeypatch):
    perturb(library, SETTINGS, n_tracks=N_TRACKS, measures=["cosine"])
    made = count_copies(monkeypatch)
    perturb(library, SETTINGS, n_tracks=N_TRACKS, seed=1, measures=["cosine"])
    assert len(made) == N_TRACKS * len(few)


def test_a_measure_that_comes_later_is_judged_by_as_many_copies(library, few):
    alone = perturb(library, SETTINGS, n_tracks=2, measures=["dtw"])
    both = perturb(library, SETTINGS, n_tracks=2, measures=["dtw", "cosine"])
    assert both.measures["cosine"].overall.n_copies == 2 * len(few)
    assert both.measures["dtw"] == alone.measures["dtw"]


def test_ranks_of_measures_that_are_not_asked_for_stay(library, few, monkeypatch):
    perturb(library, SETTINGS, n_tracks=1, measures=["cosine"])
    made = count_copies(monkeypatch)
    perturb(library, SETTINGS, n_tracks=1, measures=["timbre"])
    assert len(made) == len(few)
    perturb(library, SETTINGS, n_tracks=1, measures=["cosine", "timbre"])
    assert len(made) == len(few)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("content", ["", "no JSON", "[]"])
def test_a_spoilt_file_is_written_anew(library, content):
    expected = perturb(library, SETTINGS, n_tracks=1, measures=["cosine"])
    report_path(library).write_text(content)
    assert perturb(library, SETTINGS, n_tracks=1, measures=["cosine"]) == expected
    assert json.loads(report_path(library).read_text())["cosine"]["tracks"]


# --- what is refused


def test_a_sample_of_nothing_is_refused(library):
    with pytest.raises(ValueError, match="n_tracks must be at least 1, got 0"):
        perturb(library, SETTINGS, n_tracks=0)


def test_a_library_without_distances_is_refused(tmp_path):
    with (
        contextlib.closing(Library.create(tmp_path / "empty")) as empty,
        pytest.raises(NotComputedError, match=r"no measure of audio is compared yet in .*; run: audiosim compare"),
    ):
        perturb(empty, SETTINGS)


def test_other_settings_than_those_of_the_features_are_refused(library):
    other = replace(SETTINGS, features=replace(SETTINGS.features, hop_length=256))
    with pytest.raises(StoreMismatchError, match="was made with other settings than those of the library"):
        perturb(library, other, n_tracks=1)
