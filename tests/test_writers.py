"""Two writers, a full disk, a library that may only be read, another version, other settings: told, and no harm."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from make_library import STAND_INS, assert_same_results, audiosim, results, start

from audiosim import lock
from audiosim.errors import LibraryError, LibraryLockedError
from audiosim.library import Library
from audiosim.store import FeatureStore
from audiosim_pipelines import run as run_stage
from audiosim_pipelines.settings import Settings

OBEY_MODES = "from make_library import obey_modes; obey_modes()"


@pytest.fixture
def library(tmp_path, undisturbed):
    """A complete library that may be changed."""
    return shutil.copytree(undisturbed, tmp_path / "library")


def everything(folder):
    """Every file and folder below a library with its bytes and times."""
    found = {path: path.stat() for path in [folder, *folder.rglob("*")]}
    return {path: (status.st_mtime_ns, path.read_bytes() if path.is_file() else None) for path, status in found.items()}


def matrix(folder, measure):
    with contextlib.closing(Library.open(folder)) as library:
        return library.matrix(measure).values


# Two at once


def test_a_second_writer_is_refused_and_the_first_ends_well(library, clips, undisturbed):
    pausing = "from killed_run import *; at_change(40, pause)"
    with start("compare", "--recompute", "--library", library, before=pausing) as first:
        assert first.stdout.readline() == "paused\n"
        _, messages = audiosim("run", clips, "--library", library, expected=1)
        assert f"error: library {library} is being written by process {first.pid} on " in messages
        assert "wait until it ends, or end it, and run again" in messages
        audiosim("status", "--library", library)  # who only asks is answered meanwhile
        _, messages = first.communicate("go on\n")
    assert first.returncode == 0, messages
    assert_same_results(library, results(undisturbed))


def test_a_run_lets_nobody_in_between_its_stages(tmp_path, monkeypatch):
    library = Library.create(tmp_path)
    visits = []

    def visit(*_, **__):
        with pytest.raises(LibraryLockedError), lock.writing(tmp_path):
            pytest.fail("two writers at once")
        visits.append(len(visits))
        return []

    class Extracted:
        notes = ()

    for stage in ("add", "join_baseline", "compare"):
        monkeypatch.setattr(run_stage, stage, visit)
    monkeypatch.setattr(run_stage, "extract", lambda *_, **__: visit() or Extracted())
    run_stage.run(library, Settings(), [])
    assert len(visits) == 4
    with lock.writing(tmp_path):
        library.close()


# A full disk: no file may grow beyond a limit, which every user can set for himself


def full_from(change):
    """From this durable change on, no file may be written that is larger than 16 bytes."""
    fill = "lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))"
    return f"import resource; {STAND_INS}; at_change({change}, {fill})"


def test_a_disk_that_is_full_from_the_beginning_is_told(tmp_path, clips):
    folder = tmp_path / "library"
    before = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, 8_192))"
    _, messages = audiosim("run", clips, "--library", folder, before=before, expected=1)
    assert "catalog.sqlite" in messages
    assert "see that the disk has room" in messages


def test_a_disk_that_gets_full_is_told_and_a_later_run_completes(tmp_path, clips, undisturbed):
    for change in (5, 30):  # while adding, while extracting
        _, messages = audiosim("run", clips, "--library", tmp_path, before=full_from(change), expected=1)
        assert "error: " in messages
        assert re.search("what was committed .*is safe", messages)
    audiosim("run", clips, "--library", tmp_path, before=STAND_INS)
    assert_same_results(tmp_path, results(undisturbed))


@pytest.mark.parametrize("change", [4, 20, 28], ids=["new matrix", "tiles", "table of neighbours"])
def test_a_disk_that_gets_full_while_comparing_harms_nothing(library, undisturbed, change):
    command = ["compare", "--measure", "cosine", "--library", library]
    _, messages = audiosim(*command, "--recompute", before=full_from(change), expected=1)
    assert re.search("error: .*File too large; what was committed is safe, run again", messages)
    audiosim(*command)
    assert_same_results(library, results(undisturbed))


# A library that may only be read


@pytest.fixture
def read_only(library):
    changed = [library, *library.rglob("*")]
    for path in changed:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield library
    for path in changed:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_library_that_may_only_be_read_answers(read_only):
    answer, _ = audiosim("status", "--library", read_only, before=OBEY_MODES)
    assert "distances dtw: complete" in answer
    answer, _ = audiosim("nearest", "clip 003", "-k", 2, "--json", "--library", read_only, before=OBEY_MODES)
    assert len(json.loads(answer)["nearest"]) == 2


def test_a_library_whose_writer_was_killed_needs_its_owner_once(library):
    """SQLite takes back what was not committed when the catalog is opened next, and to that end writes."""
    killed = f"""
import os, signal, sqlite3
connection = sqlite3.connect({str(library / "catalog.sqlite")!r}, isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
for number in range(2_000):
    connection.execute("INSERT INTO failures VALUES ('add', ?, NULL, 'no reason')", (b"%d" % number,))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", killed], check=False)
    assert (library / "catalog.sqlite-journal").exists()
    library.chmod(0o555)
    _, messages = audiosim("status", "--library", library, before=OBEY_MODES, expected=1)
    assert "was being written when a run was killed" in messages
    library.chmod(0o755)
    answer, _ = audiosim("status", "--library", library, before=OBEY_MODES)
    assert "failures: 0" in answer


@pytest.mark.parametrize("command", [["run"], ["compare", "--recompute"]], ids=["run", "compare"])
def test_a_library_that_may_only_be_read_refuses_to_be_written(read_only, clips, command):
    before = everything(read_only)
    sources = [clips] if command == ["run"] else []
    _, messages = audiosim(*command, *sources, "--library", read_only, before=OBEY_MODES, expected=1)
    assert f"error: library {read_only} cannot be written: Permission denied" in messages
    assert everything(read_only) == before


def test_a_library_cannot_be_made_where_nothing_may_be_written(tmp_path, clips):
    (tmp_path / "sealed").mkdir(mode=0o555)
    _, messages = audiosim("run", clips, "--library", tmp_path / "sealed" / "new", before=OBEY_MODES, expected=1)
    assert "cannot be made: Permission denied" in messages
    _, messages = audiosim("run", clips, "--library", tmp_path / "sealed", before=OBEY_MODES, expected=1)
    assert "cannot be written: Permission denied" in messages


# Another version


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE meta SET value = '2'", "has format 2, this audiosim reads format 1; use the version"),
        ("DELETE FROM meta", "has no format, this audiosim reads format 1"),
        ("DROP TABLE meta", "is not a catalog that can be read: no such table: meta"),
    ],
)
def test_a_library_of_another_version_is_refused_and_left_alone(library, clips, damage, told):
    connection = sqlite3.connect(library / "catalog.sqlite", isolation_level=None)
    connection.execute(damage)
    connection.close()
    before = everything(library)
    _, messages = audiosim("run", clips, "--library", library, expected=1)
    assert told in messages
    assert everything(library) == before
    with pytest.raises(LibraryError, match=told):
        Library.open(library)


def test_a_file_that_is_no_catalog_is_refused(tmp_path):
    (tmp_path / "catalog.sqlite").write_bytes(os.urandom(10_000))
    with pytest.raises(LibraryError, match="not a catalog that can be read: file is not a database"):
        Library.open(tmp_path)


# Other settings


def test_features_of_other_settings_are_refused_until_they_are_recomputed(library, undisturbed):
    other = {"AUDIOSIM_FEATURES_N_MFCC": "13"}
    _, messages = audiosim("extract", "--library", library, settings=other, expected=1)
    assert "features/mfcc.zarr was made with other settings" in messages
    assert "mfcc.n_mfcc was 20, asked for 13" in messages
    assert "run: audiosim extract --recompute" in messages
    assert_same_results(library, results(undisturbed))
    audiosim("extract", "--recompute", "--library", library, settings=other, before=STAND_INS)
    audiosim("compare", "--library", library, settings=other)
    assert FeatureStore.read(library, "mfcc").layout.n_dims == 13
    assert np.isfinite(matrix(library, "dtw")).all()


def test_distances_of_other_settings_are_refused_until_they_are_recomputed(library, undisturbed):
    other = {"AUDIOSIM_DTW_BAND_FRACTION": "none"}
    _, messages = audiosim("compare", "--library", library, settings=other, expected=1)
    assert "distances/dtw.zarr was made with other settings" in messages
    assert "parameters.band_fraction was 0.1, asked for None" in messages
    assert "run: audiosim compare --measure dtw --recompute" in messages
    assert_same_results(library, results(undisturbed))
    audiosim("compare", "--measure", "dtw", "--recompute", "--library", library, settings=other)
    assert np.isfinite(matrix(library, "dtw")).all()
    assert (matrix(library, "dtw") != matrix(undisturbed, "dtw")).any()


def test_features_that_were_deleted_by_hand_are_missed_and_made_again(library, undisturbed):
    shutil.rmtree(library / "features" / "mfcc.zarr")
    _, messages = audiosim("extract", "--library", library, expected=1)
    assert "has lost features that its catalog counts" in messages
    assert "audiosim extract --recompute" in messages
    audiosim("extract", "--recompute", "--library", library, before=STAND_INS)
    audiosim("compare", "--library", library)
    np.testing.assert_array_equal(matrix(library, "dtw"), matrix(undisturbed, "dtw"))
