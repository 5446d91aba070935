"""One writer at a time; a lock never outlives its process."""

import subprocess
import sys
import time

import pytest

from audiosim.errors import LibraryLockedError
from audiosim.lock import writing

HOLD = "import sys, time; from pathlib import Path; from audiosim.lock import writing\n"
HOLD += "with writing(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_and_told_who_holds_the_library(tmp_path, holder):
    with pytest.raises(LibraryLockedError, match=f"being written by process {holder.pid}"), writing(tmp_path):
        pytest.fail("two writers at once")


def test_a_killed_writer_leaves_no_lock_behind(tmp_path, holder):
    holder.kill()
    holder.wait()
    started = time.monotonic()
    with writing(tmp_path):
        assert time.monotonic() - started < 5


def test_the_lock_can_be_taken_again(tmp_path):
    for _ in range(2):
        with writing(tmp_path):
            assert (tmp_path / ".lock-holder").exists()
        assert not (tmp_path / ".lock-holder").exists()
