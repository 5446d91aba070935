"""Explanations: times of files, where a pair stands among all pairs, what is said to people and to programs."""

import json
import os
import shutil

import numpy as np
import pytest
import soundfile
from killed_run import SpectrumExtractor
from test_cli import assert_documented, parsed

from audiosim.alignment.match import Match
from audiosim.alignment.passages import Passage
from audiosim.audio import AudioSpec
from audiosim.errors import NotComputedError, StoreMismatchError, TrackNotFoundError
from audiosim.library import Library
from audiosim_pipelines import extract
from audiosim_pipelines import settings as settings_module
from audiosim_pipelines.explain import explain, sentences
from audiosim_pipelines.run import run
from audiosim_pipelines.settings import CompareSettings, FeatureSettings, MachineSettings, Settings

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="millions of cells are for compiled code"
)
RATE = 22_050
SILENCE = {"first": 2.0, "second": 0.0, "round": 3.0, "other": 0.5}  # seconds before the sound, which are trimmed
SETTINGS = Settings(
    features=FeatureSettings(families=("mfcc", "chroma")),
    compare=CompareSettings(measures=("cosine", "version")),
    machine=MachineSettings(device="cpu", threads=2),
)


def melody(seed, *, n_notes=32, note=0.5, semitones=0):
    """Notes of half a second over a bass that moves every four."""
    rng = np.random.default_rng([20_261_121, seed])
    pitches, basses = rng.integers(57, 81, n_notes), rng.integers(40, 52, n_notes // 4 + 1)
    time = np.arange(round(n_notes * note * RATE)) / RATE
    beat = np.minimum((time / note).astype(int), n_notes - 1)
    phases = [
        2 * np.pi * np.cumsum(440.0 * 2.0 ** ((pitch + semitones - 69) / 12)) / RATE
        for pitch in (pitches[beat], basses[beat // 4])
    ]
    return 0.3 * np.sin(phases[0]) + 0.2 * np.sin(phases[1]) + 0.1 * np.sin(2 * phases[0])


SOUNDS = {
    "first": melody(1),
    "second": melody(1, note=0.45, semitones=2),
    "round": np.concatenate([melody(2, n_notes=20), melody(3, n_notes=12), melody(2, n_notes=20)]),
    "other": melody(4),
}
ARTISTS = {"first": "Ann", "second": "Bob", "round": "Ann", "other": ""}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explained")
    (folder / "music").mkdir()
    rows = ["path,artist,title"]
    for name, sound in SOUNDS.items():
        silence = np.zeros(round(SILENCE[name] * RATE))
        soundfile.write(folder / "music" / f"{name}.wav", np.concatenate([silence, sound]), RATE)
        rows.append(f"{name}.wav,{ARTISTS[name]},{name}")
    (folder / "music" / "tracks.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract, "_extractor", SpectrumExtractor)
        library = Library.create(folder / "library")
        settings_module.save(SETTINGS, library.folder)
        run(library, SETTINGS, [folder / "music" / "tracks.csv"])
        library.close()
    return folder


@pytest.fixture
def library(made):
    return Library.open(made / "library")


@pytest.fixture
def own(made, tmp_path):
    """A copy that may be changed; its files are those of `made`."""
    return Library.open(shutil.copytree(made / "library", tmp_path / "library"))


# --- what matches, in times of the files


def test_a_version_matches_as_a_whole_in_times_of_its_file(library):
    found = explain(library, SETTINGS, "Ann - first", "Bob - second")
    (passage,) = found.match.passages
    np.testing.assert_allclose([passage.a_start, passage.b_start], [SILENCE["first"], 0.0], atol=0.1)
    np.testing.assert_allclose([passage.a_stop, passage.b_stop], [found.a_duration, found.b_duration], atol=0.1)
    assert passage.a_stop <= found.a_duration
    assert (passage.transposition, found.match.transposition) == (2, 2)
    np.testing.assert_allclose(passage.tempo_ratio, 0.5 / 0.45, rtol=0.02)
    assert found.sentences[0].startswith("A and B match as a whole: one passage is 100 % of A and 100 % of B.")
    assert found.sentences[1].startswith("A 0:02-0:18 matches B 0:00-0:14, mean cost .")
    assert found.sentences[1].endswith(", tempo ratio 1.11, transposed +2.")
    assert found.notes == ()


def test_the_picture_and_the_path_lie_where_the_files_say(library):
    found = explain(library, SETTINGS, "first", "second")
    np.testing.assert_allclose([found.a_offset, found.b_offset], [SILENCE["first"], 0.0], atol=0.05)
    assert found.a_extent[0] == found.a_offset
    np.testing.assert_allclose(found.a_extent[1], found.a_duration, atol=0.2)
    np.testing.assert_allclose(found.b_extent, [0.0, found.b_duration], atol=0.2)
    assert found.cost.dtype == np.float32
    assert max(found.cost.shape) <= 600
    np.testing.assert_allclose(found.cost.shape, [160, 144], atol=2)  # ten rows a second
    assert 0.0 <= found.cost.min() <= found.cost.max() <= 1.0
    # In the picture the path is a valley.
    path = found.match.passages[0].path / found.frame_rate * 10.0
    rows, columns = (np.minimum(path[:, side].astype(int), found.cost.shape[side] - 1) for side in (0, 1))
    assert found.cost[rows, columns].mean() < 0.5 * found.cost.mean()


def test_waveforms_are_of_the_whole_file(library):
    found = explain(library, SETTINGS, "first", "second")
    assert found.a_waveform is not None
    assert found.a_waveform.shape == (1_000, 2)
    assert (found.a_waveform[:, 0] <= found.a_waveform[:, 1]).all()
    first_sound = np.flatnonzero(np.abs(found.a_waveform).max(axis=1) > 0.01)[0]
    np.testing.assert_allclose(first_sound / 1_000 * found.a_duration, SILENCE["first"], atol=0.1)
    np.testing.assert_allclose(np.abs(found.a_waveform).max(), np.abs(SOUNDS["first"]).max(), rtol=0.01)


def test_what_has_nothing_in_common_is_said_to_have_nothing(library):
    found = explain(library, SETTINGS, "first", "other")
    assert found.sentences == (
        "Nothing matches: no stretch of five seconds or more goes together better than by chance.",
    )
    assert found.match.passages == ()
    assert found.cost.size


def test_a_track_and_itself_give_its_repeated_sections(library):
    found = explain(library, SETTINGS, "round", "round")
    (passage,) = found.match.passages
    np.testing.assert_allclose(
        [passage.a_start, passage.a_stop, passage.b_start, passage.b_stop], [3.0, 13.0, 19.0, 29.0], atol=1.0
    )
    assert found.measures == ()
    assert found.sentences[0].startswith("One passage is repeated; with the repetitions this is ")
    assert found.sentences[1].startswith("0:03-0:13 is repeated at 0:19-0:29, mean cost .")
    nothing = explain(library, SETTINGS, "other", "other").sentences
    assert nothing == ("Nothing is repeated: no stretch of five seconds or more returns better than by chance.",)


def passage(transposition=0):
    return Passage(62.0, 84.4, 31.0, 52.0, 0.18, 1.04, transposition, 30.0, np.zeros((1, 2), np.int64))


def test_sentences_are_as_people_say_it():
    several = Match((passage(2), passage(-3)), 0.64, 0.58, 2, 1.04, 0.1)
    assert sentences(several, is_same=False) == (
        "2 passages match: 64 % of A and 58 % of B.",
        "A 1:02-1:24 matches B 0:31-0:52, mean cost .18, tempo ratio 1.04, transposed +2.",
        "A 1:02-1:24 matches B 0:31-0:52, mean cost .18, tempo ratio 1.04, transposed -3.",
    )
    one = Match((passage(),), 0.95, 0.58, 0, 1.04, 0.1)
    assert sentences(one, is_same=False)[0] == "One passage matches: 95 % of A and 58 % of B."
    assert (
        sentences(several, is_same=True)[0]
        == "2 passages are repeated; with the repetitions this is 64 % of the track."
    )


# --- where the pair stands


def test_a_pair_stands_where_counting_says(library):
    found = explain(library, SETTINGS, "first", "round")
    assert [standing.measure for standing in found.measures] == ["cosine", "version"]
    for standing in found.measures:
        store, tracks = library.distances(standing.measure)
        matrix = store.read_block(slice(0, 4), slice(0, 4))
        names = [track.title for track in tracks]
        pair = matrix[names.index("first"), names.index("round")]
        pairs = {(a, b): matrix[names.index(a), names.index(b)] for a in names for b in names if a < b}
        np.testing.assert_allclose(standing.distance, pair)
        np.testing.assert_allclose(standing.percentile, 100.0 * np.mean([d < pair for d in pairs.values()]))
        assert standing.percentile_same_artist == 0.0  # it is the only such pair
        others = [pairs["first", "second"], pairs["round", "second"]]
        np.testing.assert_allclose(standing.percentile_other, 100.0 * np.mean([d < pair for d in others]))
        expected = library.rescaled(standing.measure).distances[names.index("first"), names.index("round")]
        if standing.rescaling == "none":
            assert standing.rescaled is None
        else:
            np.testing.assert_allclose(standing.rescaled, expected, rtol=1e-6)


def test_the_order_of_the_pair_does_not_move_where_it_stands(library):
    there = explain(library, SETTINGS, "second", "other").measures
    assert there == explain(library, SETTINGS, "other", "second").measures


def test_tiles_are_counted_one_by_one(library, monkeypatch):
    from audiosim.store import DistanceStore

    whole = explain(library, SETTINGS, "first", "other").measures
    monkeypatch.setattr(DistanceStore, "tile", property(lambda _: 3))
    assert explain(library, SETTINGS, "first", "other").measures == whole


def test_pairs_of_unknown_artists_are_neither_by_one_nor_by_two(own):
    with own.catalog.transaction():
        own.catalog.connection.execute("UPDATE tracks SET artist = NULL")
    for standing in explain(own, SETTINGS, "first", "second").measures:
        assert standing.percentile is not None
        assert (standing.percentile_same_artist, standing.percentile_other) == (None, None)


# --- what is missing


def test_without_its_file_a_track_has_times_of_its_sound(made, own):
    path = made / "music" / "first.wav"
    hidden = path.rename(made / "hidden.wav")
    try:
        found = explain(own, SETTINGS, "first", "second")
    finally:
        hidden.rename(path)
    (passage,) = found.match.passages
    np.testing.assert_allclose(passage.a_start, 0.0, atol=0.1)
    assert found.a_waveform is None
    assert found.b_waveform is not None
    (note,) = found.notes
    assert note.startswith("no waveform of 'Ann - first': its file cannot be read: No such file")
    assert note.endswith("; its times count from where its sound begins")


def test_a_track_without_chroma_is_refused_with_what_to_do(own):
    with own.catalog.transaction():
        own.catalog.drop_rows("chroma")
    with pytest.raises(NotComputedError, match=r"'Ann - first' has no chroma, .* with chroma among features.families"):
        explain(own, SETTINGS, "first", "second")


def test_chroma_of_other_settings_are_refused(library):
    changed = Settings(audio=AudioSpec(trim_db=30.0), features=SETTINGS.features)
    with pytest.raises(StoreMismatchError, match=r"chroma in .* was made with other settings"):
        explain(library, changed, "first", "second")


def test_unknown_tracks_are_refused(library):
    with pytest.raises(TrackNotFoundError, match="no track is called 'nobody'"):
        explain(library, SETTINGS, "first", "nobody")


# --- the command line


def test_json_is_as_documented(made, command, tmp_path):
    page = tmp_path / "page.html"
    outputs = [
        command("explain", *pair, "--json", "--html", page, "--library", made / "library").output
        for pair in (("first", "second"), ("first", "other"), ("round", "round"))
    ]
    hidden = (made / "music" / "first.wav").rename(made / "hidden.wav")
    try:
        outputs.append(
            command("explain", "first", "other", "--json", "--html", page, "--library", made / "library").output
        )
    finally:
        hidden.rename(made / "music" / "first.wav")
    assert_documented("explain", *outputs)
    version, nothing, repeated, _ = map(parsed, outputs)
    assert version["files"] == [str(page)]
    assert page.stat().st_size > 1_000
    points = np.array(version["passages"][0]["path"])
    assert (np.diff(points, axis=0) >= 0).all()
    np.testing.assert_allclose(points[0], [version["passages"][0][f"{side}_start"] for side in "ab"], atol=0.01)
    assert nothing["passages"] == []
    assert nothing["transposition"] is None
    assert repeated["measures"] == []
    assert repeated["a"] == repeated["b"]
    assert json.dumps(version) == json.dumps(parsed(outputs[0]))


def test_people_read_sentences_and_a_table(made, command, tmp_path):
    outcome = command(
        "explain", "first", "second", "--html", tmp_path / "page.html", "--format", "png", "--library", made / "library"
    )
    assert outcome.code == 0
    lines = outcome.output.splitlines()
    assert lines[:3] == ["A  Ann - first", "B  Bob - second", lines[2]]
    assert lines[2].startswith("A and B match as a whole")
    assert "nearer pairs  by one artist  by two artists" in outcome.output
    assert lines[-2:] == [str(tmp_path / "page.html"), str(tmp_path / "page.png")]
    nobody = command("explain", "first", "nobody", "--library", made / "library")
    assert nobody.code == 1
    assert not nobody.output
