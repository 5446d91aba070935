"""A folder of everything that goes wrong: what can be used is used, and of everything else the reason is told."""

import contextlib
import csv
import json
import os
import resource
import shutil
import wave
from pathlib import Path

import make_audio
import numpy as np
import pytest
from killed_run import SpectrumExtractor
from make_library import MFCC_ONLY, audiosim, write_clips

from audiosim.catalog import printable
from audiosim.library import Library
from audiosim.sources.folder import AUDIO_SUFFIXES
from audiosim_pipelines import extract as extract_stage
from audiosim_pipelines.add import add
from audiosim_pipelines.extract import extract

OBEY_MODES = "from make_library import obey_modes; obey_modes()"


def write_three_hours(path):
    """Of 8-bit samples at 8 kHz, most of them a hole in the file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8_000)
        file.setnframes(3 * 3_600 * 8_000)
        file.writeframesraw(b"")
        file._datawritten = file._nframeswritten = 3 * 3_600 * 8_000  # the header is not to be corrected
    os.truncate(path, 44 + 3 * 3_600 * 8_000)


@pytest.fixture(scope="module")
def mess(tmp_path_factory):
    """The folder, and what is expected of it: {path: a word of the reason, or None where the track is sound}."""
    folder = tmp_path_factory.mktemp("mess")
    (folder / "bad").mkdir()
    expected = {}
    for name, reason in make_audio.write_bad_collection(folder / "bad").items():
        place = "album.mp3" if name in ("inside.wav", "up") else "."
        expected[folder / "bad" / place / name] = reason
    (folder / "names").mkdir()
    expected |= dict.fromkeys(make_audio.write_weird_names(folder / "names"))
    expected |= dict.fromkeys(sorted(write_clips(folder / "good", 3).iterdir()))
    make_audio.write_tone(folder / "forbidden.wav")
    (folder / "forbidden.wav").chmod(0)
    (folder / "locked").mkdir()
    make_audio.write_tone(folder / "locked" / "tone.wav")
    (folder / "locked").chmod(0)
    write_three_hours(folder / "three hours.wav")
    expected |= {
        folder / "forbidden.wav": "Permission denied",
        folder / "locked": "Permission denied",
        folder / "three hours.wav": "too long: 10800 s; raise audio.max_duration (7200 s)",
    }
    (folder / "cover.jpg").write_bytes(b"no audio, and not asked for")
    yield folder, expected
    (folder / "locked").chmod(0o755)


@pytest.fixture(scope="module")
def library(tmp_path_factory, mess):
    folder = tmp_path_factory.mktemp("library")
    _, messages = audiosim("run", mess[0], "--library", folder, before=OBEY_MODES, expected=3)
    assert "audiosim status --failures" in messages
    return folder


@pytest.fixture(scope="module")
def opened(library):
    with contextlib.closing(Library.open(library)) as opened:
        yield opened


def test_every_sound_file_is_a_track_with_distances_to_all_others(mess, opened):
    _, expected = mess
    sound = {path for path, reason in expected.items() if reason is None}
    failed = {failure.track_id for failure in opened.catalog.failures()}
    tracks = [track for track in opened.tracks() if track.track_id not in failed]
    assert {path for track in tracks for path in track.paths} == sound
    for measure in ("dtw", "cosine", "cosine_frames"):
        matrix = opened.matrix(measure)
        assert set(matrix["query"].values) == {track.track_id for track in tracks}
        assert np.isfinite(matrix.values).all()
        assert (matrix.values >= 0).all()


def test_every_other_file_is_listed_with_its_reason(mess, opened):
    _, expected = mess
    found = {failure.path: failure.reason for failure in opened.catalog.failures()}
    wanted = {path: reason for path, reason in expected.items() if reason is not None}
    assert set(found) == set(wanted)
    assert {path: found[path] for path in wanted if wanted[path] not in found[path]} == {}


def test_nothing_is_lost(mess, opened):
    """Walk the folder anew: each name is a track's, a failure's, or none of music."""
    known = {path for track in opened.tracks() for path in track.paths}
    known |= {failure.path for failure in opened.catalog.failures()}
    lost = [
        Path(folder, name)
        for folder, _, names in os.walk(mess[0])
        for name in names
        if Path(name).suffix.lower() in AUDIO_SUFFIXES and Path(folder, name) not in known
    ]
    assert [path for path in lost if path.parent.name != "locked"] == []


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_status_tells_people_and_programs(tmp_path, library, opened, encoding):
    settings = {"PYTHONIOENCODING": encoding}
    failures = opened.catalog.failures()
    lines, _ = audiosim("status", "--failures", "--library", library, settings=settings)
    for failure in failures:
        shown = printable(str(failure.path))
        if shown.isascii() or encoding == "utf-8":
            assert f"{failure.stage}: {shown}: {failure.reason}" in lines.splitlines()
    table = tmp_path / "failures.csv"
    document, _ = audiosim("status", "--json", "--tracks", "--csv", table, "--library", library, settings=settings)
    told = json.loads(document)["failures"]
    assert [(f["stage"], f["path"], f["reason"]) for f in told] == [
        (failure.stage, printable(str(failure.path)), failure.reason) for failure in failures
    ]
    with table.open(encoding="utf-8", newline="") as file:
        assert [row["reason"] for row in csv.DictReader(file)] == [failure.reason for failure in failures]


def test_memory_stays_bounded(library):
    del library
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 3_000_000  # KiB, the largest child so far


# Which track a file is


@pytest.fixture
def music(tmp_path):
    return write_clips(tmp_path / "music", 4)


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setattr(extract_stage, "_extractor", SpectrumExtractor)
    with contextlib.closing(Library.create(tmp_path / "small")) as library:
        yield library


def paths(library):
    return sorted(path for track in library.tracks() for path in track.paths)


def test_two_files_with_the_same_bytes_are_one_track(music, small):
    copy = shutil.copy(music / "clip 000.wav", music / "copy.wav")
    assert add(small, [music]).n_tracks_added == 4
    assert extract(small, MFCC_ONLY).n_extracted == 4
    assert small.find(str(copy)).paths == (music / "clip 000.wav", copy)


def test_a_moved_file_is_the_same_track_and_costs_nothing(tmp_path, music, small):
    add(small, [music])
    extract(small, MFCC_ONLY)
    (tmp_path / "elsewhere").mkdir()
    moved = (music / "clip 001.wav").rename(tmp_path / "elsewhere" / "renamed.wav")
    report = add(small, [moved.parent])
    assert (report.n_tracks_added, report.n_failures) == (0, 0)
    assert extract(small, MFCC_ONLY).n_extracted == 0
    assert small.find("renamed").paths == (moved,)


def test_a_file_that_changed_after_it_was_added_is_told_and_mended_by_adding_it_again(music, small):
    add(small, [music])
    write_clips(music, 1, first=9)
    (music / "clip 009.wav").replace(music / "clip 002.wav")
    assert extract(small, MFCC_ONLY).n_failures == 1
    (failure,) = small.catalog.failures()
    assert (failure.path, failure.reason) == (music / "clip 002.wav", "changed since it was added; run: audiosim add")
    assert add(small, [music]).n_files_changed == 1
    report = extract(small, MFCC_ONLY)
    assert (report.n_extracted, report.n_tracks, report.n_failures) == (1, 4, 0)
    assert paths(small) == sorted(music.iterdir())


def test_a_bad_file_that_was_deleted_is_reported_no_more(music, small):
    make_audio.write_silence(music / "silence.wav")
    make_audio.make_dangling_link(music / "dangling.wav")
    for expected in (2, 2, 0):
        if not expected:
            (music / "silence.wav").unlink()
            (music / "dangling.wav").unlink()
        add(small, [music])
        extract(small, MFCC_ONLY)
        assert len(small.catalog.failures()) == expected
    assert len(small.tracks()) == 4


def test_a_result_keeps_the_name_of_its_only_file_when_that_is_gone(music, small):
    add(small, [music])
    extract(small, MFCC_ONLY)
    (music / "clip 003.wav").unlink()
    assert add(small, [music]).n_failures == 0
    assert small.find("clip 003").paths == (music / "clip 003.wav",)


@pytest.mark.parametrize("module", ["add", "decode"])
def test_an_unforeseen_fault_costs_one_track_and_not_the_run(music, small, monkeypatch, module):
    name = {"add": "read_tags", "decode": "load_with_duration"}[module]
    stage = __import__(f"audiosim_pipelines.{module}", fromlist=[name])
    sound = getattr(stage, name)

    def stumble(path, **options):
        if path.name == "clip 001.wav":
            raise IndexError("odd tag")
        return sound(path, **options)

    monkeypatch.setattr(stage, name, stumble)
    add(small, [music])
    assert extract(small, MFCC_ONLY).n_extracted == 3
    (failure,) = small.catalog.failures()
    assert failure.path == music / "clip 001.wav"
    assert "IndexError: odd tag" in failure.reason
