"""Passages as questions: a pasted one is found where it lies, the whole of a file is its track, errors say why."""

import re
import shutil

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st
from killed_run import SpectrumExtractor
from test_cli import DOCUMENT, parsed

from audiosim.distances import Block, Dtw, Version
from audiosim.distances import passage as passage_module
from audiosim.distances.passage import find_passage
from audiosim.errors import AudioError, NotComputedError, SettingsError, StoreMismatchError
from audiosim.library import Library
from audiosim_pipelines import extract, segment
from audiosim_pipelines import settings as settings_module
from audiosim_pipelines.add import add
from audiosim_pipelines.compare import compare
from audiosim_pipelines.pages.notation import clock
from audiosim_pipelines.run import run
from audiosim_pipelines.segment import nearest_to_segment, seconds_of
from audiosim_pipelines.settings import CompareSettings, FeatureSettings, MachineSettings, Settings

RATE = 22_050
SETTINGS = Settings(
    features=FeatureSettings(families=("mfcc", "chroma")),
    compare=CompareSettings(measures=("dtw", "cosine", "cosine_frames", "timbre", "version")),
    machine=MachineSettings(device="cpu", threads=2),
)
SILENCE = 1.0  # seconds before the sound of every clip, which the library trims


def melody(seed, *, seconds=12.0, level=0.3, partials=(1.0, 0.3)):
    """Notes of half a second."""
    rng = np.random.default_rng([20_261_121, seed])
    time = np.arange(round(seconds * RATE)) / RATE
    notes = 220.0 * 2.0 ** (rng.integers(0, 24, size=round(2 * seconds)) / 12.0)
    phase = 2 * np.pi * np.cumsum(notes[np.minimum((2 * time).astype(int), len(notes) - 1)]) / RATE
    signal = sum(weight * np.sin((k + 1) * phase) for k, weight in enumerate(partials))
    return level * signal + 0.003 * rng.standard_normal(len(time))


def seconds(start, stop):
    return slice(round(start * RATE), round(stop * RATE))


def write(folder, name, signal, *, silence=SILENCE):
    sf.write(folder / f"{name}.wav", np.concatenate([np.zeros(round(silence * RATE)), signal]), RATE)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Five tracks of the same length, one that is longer, and one that is shorter than most passages.

    Of `source`, second 5 to 10 is second 7 to 12 of `host`. `bright` is another melody than `another bright`, with the
    same overtones.
    """
    folder = tmp_path_factory.mktemp("passages")
    music = folder / "music"
    music.mkdir()
    source, host = melody(1), melody(2)
    host[seconds(6, 11)] = source[seconds(4, 9)]
    bright = (1.0, 0.9, 0.8, 0.7)
    for name, signal in {
        "source": source,
        "host": host,
        "bright": melody(4, partials=bright),
        "another bright": melody(5, partials=bright),
        "plain": melody(6),
        "long": melody(3, seconds=30.0),
    }.items():
        write(music, name, signal)
    write(music, "short", melody(8, seconds=2.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract, "_extractor", SpectrumExtractor)
        library = Library.create(folder / "library")
        settings_module.save(SETTINGS, library.folder)
        run(library, SETTINGS, [music])
        library.close()
    return folder


@pytest.fixture
def _stand_in(monkeypatch):
    monkeypatch.setattr(extract, "_extractor", SpectrumExtractor)


@pytest.fixture
def library(made, _stand_in):
    return Library.open(made / "library")


def names(table):
    return [path.stem for path in table["path"]]


# --- a passage is found


@pytest.mark.parametrize("measure", ["dtw", "version"])
def test_a_pasted_passage_is_found_where_it_was_pasted_in_the_file(library, measure):
    table = nearest_to_segment(library, SETTINGS, "source", 5.0, 10.0, measure=measure, k=6)
    assert names(table)[0] == "host"
    assert "source" not in names(table)
    # Frames are half a second apart.
    np.testing.assert_allclose(table.loc[0, ["start", "stop"]].astype(float), [7.0, 12.0], atol=0.51)
    assert (table["stop"] > table["start"]).all()
    short = table.iloc[names(table).index("short")]
    np.testing.assert_allclose([short["start"], short["stop"]], [1.0, 3.0], atol=0.1)


def test_the_same_sound_comes_first_by_timbre_and_has_no_place(library):
    table = nearest_to_segment(library, SETTINGS, "bright", 3.0, 9.0, measure="timbre")
    assert names(table)[0] == "another bright"
    assert table[["start", "stop"]].isna().to_numpy().all()
    assert list(table["rank"]) == list(range(1, 7))


@pytest.mark.parametrize("measure", ["dtw", "version", "timbre", "cosine"])
def test_the_whole_of_a_file_is_its_track(library, measure, monkeypatch):
    rows = []
    answer = Library.nearest_to_row
    monkeypatch.setattr(
        Library, "nearest_to_row", lambda self, row, **options: (rows.append(row), answer(self, row, **options))[1]
    )
    nearest_to_segment(library, SETTINGS, "plain", measure=measure)
    store, tracks = library.distances(measure)
    own = [track.label for track in tracks].index("plain")
    expected = store.read_block(slice(own, own + 1), slice(0, len(tracks)))[0]
    # Tracks of another length are sought, and so can only come nearer.
    compared = [i for i, track in enumerate(tracks) if i != own and track.label not in ("long", "short")]
    np.testing.assert_allclose(rows[0][compared], expected[compared], rtol=1e-5, atol=1e-5)
    assert np.isnan(rows[0][own])


def test_a_library_that_is_compared_in_several_portions_answers_the_same(library, monkeypatch):
    whole = nearest_to_segment(library, SETTINGS, "source", 5.0, 10.0)
    monkeypatch.setattr(segment, "_TRACKS_AT_ONCE", 3)
    monkeypatch.setattr(passage_module, "_FRAMES_AT_ONCE", 50)
    portions = nearest_to_segment(library, SETTINGS, "source", 5.0, 10.0)
    assert names(whole) == names(portions)
    np.testing.assert_allclose(whole[["distance", "start"]], portions[["distance", "start"]], rtol=1e-6)


def test_rescaling_and_exclusion_are_those_of_other_questions(library):
    table = nearest_to_segment(library, SETTINGS, "source", 5.0, 10.0, rescaling="none", k=2, exclude=["host"])
    assert len(table) == 2
    assert "host" not in names(table)
    assert table["rescaled"].isna().all()
    assert nearest_to_segment(library, SETTINGS, "source", 5.0, 10.0)["rescaled"].notna().all()


def test_a_player_that_rounds_up_is_understood(library):
    """The file ends at 13 s."""
    ends = [nearest_to_segment(library, SETTINGS, "source", 9.0, stop)["distance"] for stop in (None, 13.0, 13.9)]
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])


# --- the search itself


@given(seed=st.integers(0, 1_000), n=st.integers(1, 24), m=st.integers(25, 90), data=st.data())
def test_what_is_cut_out_of_a_track_is_found_in_it(seed, n, m, data):
    place = data.draw(st.integers(0, m - n))
    rng = np.random.default_rng(seed)
    track = rng.standard_normal((m, 5)).cumsum(axis=0).astype(np.float32)
    found = find_passage(
        Dtw(), Block(track[place : place + n], np.array([0, n])), Block(track, np.array([0, m])), device="cpu"
    )
    start, stop = int(found.starts[0]), int(found.stops[0])
    assert 0 <= start < stop <= m
    assert round(0.75 * n) - 1 <= stop - start <= round(4 / 3 * n) + 1
    # Never farther than the whole track is from the passage, end to end.
    whole = Dtw(max_length_ratio=None).distances(
        Block(track[place : place + n], np.array([0, n])),
        Block(track, np.array([0, m])),
        np.array([[0, 0]]),
        device="cpu",
    )
    assert found.distances[0] <= whole[0] + 1e-6
    if n >= 8:  # where the smooth course leaves the search no other way
        assert abs(start - place) <= max(1, n // 8)


def test_a_passage_is_found_in_another_key(rng):
    frames = rng.random((80, 12)) ** 4 + 1e-3
    track = (frames / np.linalg.norm(frames, axis=1, keepdims=True)).astype(np.float32)
    higher = np.roll(track[31:51], 5, axis=1)
    found = find_passage(Version(), Block(higher, np.array([0, 20])), Block(track, np.array([0, 80])), device="cpu")
    assert (int(found.starts[0]), int(found.stops[0])) == (31, 51)
    np.testing.assert_allclose(found.distances, 0.0, atol=1e-6)


def test_a_passage_and_a_track_change_places_where_the_track_is_shorter(rng):
    long, short = (rng.standard_normal((n, 5)).astype(np.float32) for n in (40, 12))
    long_block, short_block = Block(long, np.array([0, 40])), Block(short, np.array([0, 12]))
    one = find_passage(Dtw(), long_block, short_block, device="cpu")
    other = find_passage(Dtw(), short_block, long_block, device="cpu")
    np.testing.assert_array_equal(one.distances, other.distances)
    assert (int(one.starts[0]), int(one.stops[0])) == (0, 12)


# --- times and errors


@pytest.mark.parametrize(
    ("text", "expected"),
    [("65", 65.0), ("65.5", 65.5), ("1:05", 65.0), ("0:05.25", 5.25), ("75:00", 4500.0), ("1:02:03.5", 3723.5)],
)
def test_times_are_read_as_players_show_them(text, expected):
    assert seconds_of(text) == expected


@given(st.integers(0, 20 * 3600))
def test_times_are_read_as_they_are_written(number):
    assert seconds_of(clock(number)) == number


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1:", ":30", "1:65", "1:60:00", "1:2:3:4", "nan", "inf", "1e3", "٣", "1,5"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"must be seconds, m:ss or h:mm:ss, .* got"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        (5.0, 5.0, "must end after it starts, got 0:05 to 0:05"),
        (5.0, 2.0, "must end after it starts"),
        (-1.0, 2.0, "must start at 0 s or later, got -1"),
        (float("nan"), None, "must start at 0 s or later"),
        (5.0, 5.4, "must last at least 0.5 s"),
        (5.0, 14.5, "'source' lasts 0:13, got from 0:05 to 0:14.5"),
        (20.0, None, "'source' lasts 0:13, got from 0:20 to the end"),
        (12.8, 13.9, "must lie within its track"),
    ],
)
def test_times_that_are_none_of_the_file_are_refused(library, start, stop, message):
    with pytest.raises(SettingsError, match=message):
        nearest_to_segment(library, SETTINGS, "source", start, stop)


def test_silence_is_no_passage(library):
    with pytest.raises(AudioError, match=r"'source' from 0:00 to 0:00.9: silent"):
        nearest_to_segment(library, SETTINGS, "source", 0.0, 0.9)
    with pytest.raises(AudioError, match=r"holds 0\.\d s of sound; give a longer stretch"):
        nearest_to_segment(library, SETTINGS, "source", 0.0, 1.2)


@pytest.mark.parametrize("measure", ["baseline", "cosine_frames"])
def test_a_measure_that_cannot_compare_a_passage_is_refused(library, measure):
    with pytest.raises(SettingsError, match=f"^{measure} compares .*; choose another measure"):
        nearest_to_segment(library, SETTINGS, "source", 5.0, 10.0, measure=measure)


def test_what_is_missing_is_named(library):
    with pytest.raises(NotComputedError, match="'descriptors' is not compared yet"):
        nearest_to_segment(library, SETTINGS, "source", 5.0, 10.0, measure="descriptors")
    others = Settings(features=FeatureSettings(families=("mfcc",), pooled_rate=4.0))
    with pytest.raises(StoreMismatchError, match=r"mfcc_pooled in .* was made with other settings"):
        nearest_to_segment(library, others, "source", 5.0, 10.0)


@pytest.mark.usefixtures("_stand_in")
def test_a_file_that_is_gone_or_changed(made, tmp_path):
    music = shutil.copytree(made / "music", tmp_path / "music")
    library = Library.create(tmp_path / "library")
    run(library, SETTINGS, [music])
    (music / "host.wav").unlink()
    table = nearest_to_segment(library, SETTINGS, "source", 5.0, 10.0)
    assert names(table)[0] == "host"
    assert table["start"].isna().tolist() == [True, *[False] * 5]
    write(music, "source", melody(9))
    with pytest.raises(
        AudioError, match="'source' cannot be listened to: changed since it was added; run: audiosim add"
    ):
        nearest_to_segment(library, SETTINGS, "source", 5.0, 10.0)
    with pytest.raises(AudioError, match="'host' cannot be listened to: cannot be read"):
        nearest_to_segment(library, SETTINGS, "host", 5.0, 10.0)


@pytest.mark.usefixtures("_stand_in")
def test_without_trimming_nothing_is_decoded_for_places(made, tmp_path):
    untrimmed = settings_module.load(tmp_path / "none", options={"audio": {"trim_db": "none"}})
    chosen = Settings(audio=untrimmed.audio, features=SETTINGS.features, machine=SETTINGS.machine)
    library = Library.create(tmp_path / "library")
    add(library, [made / "music"])
    extract.extract(library, chosen)
    compare(library, chosen, measures=["dtw"])
    table = nearest_to_segment(library, chosen, "source", 5.0, 10.0)
    assert names(table)[0] == "host"
    np.testing.assert_allclose(table.loc[0, ["start", "stop"]].astype(float), [7.0, 12.0], atol=0.51)


# --- the command


@pytest.mark.usefixtures("_stand_in")
def test_the_command_shows_where_it_was_found(made, command):
    at = ["--library", made / "library"]
    outcome = command("nearest", "source", "--from", "0:05", "--to", "0:10", "-k", "2", *at)
    assert outcome.code == 0, outcome.messages
    assert "left out: source, in which the stretch lies" in outcome.messages
    assert "nearest to source from 0:05 to 0:10 by dtw + mp_gauss" in outcome.output
    assert re.search(r"^ +1 +host +0:0[67] - 0:12 ", outcome.output, flags=re.MULTILINE)
    open_ended = command("nearest", "source", "--from", "9.5", "-m", "timbre", *at)
    assert "from 0:09.5 to its end by timbre" in open_ended.output
    assert "found at" in outcome.output


@pytest.mark.usefixtures("_stand_in")
def test_json_of_a_passage_is_as_documented(made, command):
    outcome = command("nearest", "source", "--to", "10", "-m", "version", "--json", "--library", made / "library")
    values = parsed(outcome.output)
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = {
        section: re.findall(
            r"^\| `([^`]+)` \|", text.split(f"## audiosim {section}\n")[1].split("\n## ")[0], re.MULTILINE
        )
        for section in ("nearest", "nearest --from")
    }
    documented = {key for keys in rows.values() for key in keys} - {"nearest[].n_seeds"}
    found = {*values, *(f"stretch.{key}" for key in values["stretch"])}
    assert found | {f"nearest[].{key}" for key in values["nearest"][0]} == documented
    assert values["stretch"] == {"start": 0.0, "stop": 10.0}
    timbre = command("nearest", "source", "--from", "5", "-m", "timbre", "--json", "--library", made / "library")
    assert parsed(timbre.output)["nearest"][0]["start"] is None
    assert parsed(timbre.output)["stretch"]["stop"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--from", "1:65"], 2, "a time must be seconds, m:ss or h:mm:ss"),
        (["--from", "5", "--seed", "host"], 2, "a stretch is of one track; leave out --seed"),
        (["--from", "5", "--to", "3"], 1, "error: a stretch must end after it starts"),
        (["--from", "5", "-m", "baseline"], 1, "error: baseline compares rows of a feature table"),
    ],
)
def test_mistakes_are_one_error(made, command, arguments, code, message):
    outcome = command("nearest", "source", *arguments, "--library", made / "library")
    assert (outcome.code, outcome.output) == (code, "")
    assert message in " ".join(outcome.messages.split())
