"""Files of machine code: whole, the user's own, and not too many."""

import os
import shutil
import stat
import sys
import threading

import compiled_process
import pytest
from compiled_process import machine_codes, run, start
from hypothesis import given
from hypothesis import strategies as st

from audiosim_kernels import compiled_folder


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder in which this process keeps its machine code."""
    return compiled_process.keep_in(tmp_path / "cache", monkeypatch)


@given(contents=st.binary(max_size=50), position=st.integers(0, 10_000), bit=st.integers(0, 7), cut=st.booleans())
def test_only_whole_files_are_read(tmp_path_factory, contents, position, bit, cut):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("AUDIOSIM_CACHE", str(folder))
        compiled_folder.write("name", contents)
        assert compiled_folder.read("name") == contents
        (path,) = machine_codes(folder)
        whole = path.read_bytes()
        position %= len(whole)
        flipped = whole[:position] + bytes([whole[position] ^ (1 << bit)]) + whole[position + 1 :]
        path.write_bytes(whole[:position] if cut else flipped)
        assert compiled_folder.read("name") is None
        path.write_bytes(whole)
        shutil.copy(path, path.with_stem("other"))
        assert compiled_folder.read("other") is None


def test_readers_see_all_of_a_file_or_none():
    texts = [bytes([letter]) * size for letter, size in ((65, 10), (66, 300_000))]
    compiled_folder.write("name", texts[0])
    seen, done = [], threading.Event()

    def read():
        while not done.is_set():
            seen.append(compiled_folder.read("name"))

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(100):
        compiled_folder.write("name", texts[turn % 2])
    done.set()
    reader.join()
    assert seen
    assert all(it in texts for it in seen)


def test_killed_while_writing(folder):
    """Before the file is moved to its place: it is not there, the next process writes it, and the rest goes later."""
    script = """
    import os, signal
    from audiosim_kernels import compiled_folder

    os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    compiled_folder.write("name", b"code")
    """
    process = start(script, folder)
    process.communicate(timeout=200)
    assert process.returncode == -9
    assert compiled_folder.read("name") is None
    (unfinished,) = (folder / "kernels").iterdir()
    compiled_folder.write("name", b"code")
    assert compiled_folder.read("name") == b"code"
    assert unfinished.exists()  # for all that is known, somebody is writing it
    os.utime(unfinished, (0, 0))
    compiled_folder.write("other", b"code")
    assert [path.suffix for path in (folder / "kernels").iterdir()] == [".machine"] * 2


def test_a_full_disk_leaves_nothing_behind(folder, monkeypatch):
    compiled_folder.write("kept", b"code")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    compiled_folder.write("name", b"code")
    assert [path.name for path in (folder / "kernels").iterdir()] == ["kept.machine"]


def test_what_was_used_least_recently_makes_room(folder, monkeypatch):
    monkeypatch.setattr(compiled_folder, "MOST_BYTES", 400)
    for age, name in enumerate(["a", "b", "c"]):
        compiled_folder.write(name, bytes(100 - 32))
        os.utime(folder / "kernels" / f"{name}.machine", (age, age))
    compiled_folder.read("a")
    compiled_folder.write("d", bytes(100 - 32))
    compiled_folder.write("e", bytes(100 - 32))
    assert [path.stem for path in machine_codes(folder)] == ["a", "c", "d", "e"]


def test_the_folder_is_the_users_own(folder):
    """Even if the user gives everything to everybody."""
    before = os.umask(0)
    try:
        compiled_folder.write("name", b"code")
    finally:
        os.umask(before)
    (path,) = machine_codes(folder)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o755, 0o711, 0o1777])
def test_a_folder_that_others_may_look_into_is_not_used(folder, mode):
    compiled_folder.write("name", b"code")
    (folder / "kernels").chmod(mode)
    assert compiled_folder.read("name") is None
    compiled_folder.write("other", b"code")
    assert [path.stem for path in machine_codes(folder)] == ["name"]


def test_folders_and_files_of_other_users_are_not_used(folder, monkeypatch):
    compiled_folder.write("name", b"code")
    (path,) = machine_codes(folder)
    path.chmod(0o620)
    assert compiled_folder.read("name") is None
    path.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert compiled_folder.read("name") is None
    compiled_folder.write("other", b"code")
    assert machine_codes(folder) == [path]


def test_a_link_is_not_a_folder_of_ones_own(folder):
    """Whoever made it may turn it elsewhere."""
    compiled_folder.write("name", b"code")
    (folder / "kernels").rename(folder / "elsewhere")
    (folder / "kernels").symlink_to(folder / "elsewhere", target_is_directory=True)
    assert compiled_folder.read("name") is None


def test_a_folder_that_is_only_read_is_read_and_not_written(tmp_path):
    script = """
    import make_library
    from audiosim_kernels import compiled_folder

    make_library.obey_modes()
    compiled_folder.write("other", b"code")
    say([compiled_folder.read(name) is not None for name in ("kept", "other")])
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIOSIM_CACHE", str(tmp_path))
        compiled_folder.write("kept", b"code")
    (tmp_path / "kernels").chmod(0o500)
    assert run(script, tmp_path).found == [True, False]


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of another platform")
def test_where_the_folder_is(monkeypatch, tmp_path):
    for name in "AUDIOSIM_CACHE", "XDG_CACHE_HOME":
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert compiled_folder.folder() == tmp_path / ".cache" / "audiosim" / "kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, by the specification
    assert compiled_folder.folder() == tmp_path / ".cache" / "audiosim" / "kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert compiled_folder.folder() == tmp_path / "xdg" / "audiosim" / "kernels"
    monkeypatch.setenv("AUDIOSIM_CACHE", str(tmp_path / "own"))
    assert compiled_folder.folder() == tmp_path / "own" / "kernels"
