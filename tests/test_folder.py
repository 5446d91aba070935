import os

import make_audio
import pytest

from audiosim.errors import SourceError
from audiosim.sources import folder
from audiosim.sources.folder import FoundFile, Problem, find_audio


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def found(root):
    """Paths below the root, as text."""
    return [str(item.path.relative_to(root)) for item in find_audio(root) if isinstance(item, FoundFile)]


def problems(root):
    return {str(item.path.relative_to(root)): item.reason for item in find_audio(root) if isinstance(item, Problem)}


def test_audio_is_found_at_any_depth_in_the_order_of_its_bytes(tmp_path):
    names = ["b/2.mp3", "b/10.mp3", "b-side.flac", "a.WAV", "Z.ogg", "b/c/d/e.opus", "é.m4a", "b.wav"]
    for name in [*names, "cover.jpg", "notes.txt", "mp3", ".mp3", "x.mp3.part"]:
        touch(tmp_path / name)
    assert found(tmp_path) == sorted(names, key=os.fsencode)
    assert found(tmp_path)[:3] == ["Z.ogg", "a.WAV", "b-side.flac"]
    assert problems(tmp_path) == {}


def test_names_of_any_bytes_are_found(tmp_path):
    paths = make_audio.write_weird_names(tmp_path)
    assert [item.path for item in find_audio(tmp_path)] == sorted(paths, key=os.fsencode)


def test_a_folder_called_like_a_song_is_a_folder(tmp_path):
    touch(tmp_path / "x.mp3" / "y.mp3")
    assert found(tmp_path) == ["x.mp3/y.mp3"]


def test_dots_in_front_are_music_and_junk_is_junk(tmp_path):
    for name in ("...And Justice for All/one.mp3", ".38 Special/two.mp3", ".three.mp3"):
        touch(tmp_path / name)
    for name in ("._three.mp3", "__MACOSX/four.mp3", "@eaDir/five.mp3", ".Trash-1000/six.mp3", "$RECYCLE.BIN/7.mp3"):
        touch(tmp_path / name)
    assert found(tmp_path) == ["...And Justice for All/one.mp3", ".38 Special/two.mp3", ".three.mp3"]


def test_a_library_inside_is_not_music_but_the_root_is(tmp_path):
    touch(tmp_path / "song.mp3")
    touch(tmp_path / "catalog.sqlite")
    touch(tmp_path / "library" / "catalog.sqlite")
    touch(tmp_path / "library" / "reports" / "example.wav")
    assert found(tmp_path) == ["song.mp3"]


def test_links_are_followed_and_folders_read_once(tmp_path):
    root = tmp_path / "music"
    touch(root / "real" / "song.mp3")
    touch(tmp_path / "elsewhere" / "other.mp3")
    (root / "file.mp3").symlink_to(root / "real" / "song.mp3")
    (root / "out").symlink_to(tmp_path / "elsewhere")
    (root / "twice").symlink_to(tmp_path / "elsewhere")
    assert found(root) == ["file.mp3", "out/other.mp3", "real/song.mp3"]
    assert problems(root) == {}


def test_circles_end_and_are_told(tmp_path):
    touch(tmp_path / "a" / "b" / "song.mp3")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "top").symlink_to(tmp_path)
    make_audio.make_link_circle(tmp_path / "circle.mp3")
    make_audio.make_link_circle(tmp_path / "circle")
    assert found(tmp_path) == ["a/b/song.mp3"]
    assert problems(tmp_path) == {
        "a/b/up": "symbolic link to a folder that contains it",
        "a/top": "symbolic link to a folder that contains it",
        "circle": "cannot be read: Too many levels of symbolic links",
        "circle.mp3": "cannot be read: Too many levels of symbolic links",
    }


def test_what_is_no_file_is_told(tmp_path):
    make_audio.make_dangling_link(tmp_path / "dangling.mp3")
    make_audio.make_dangling_link(tmp_path / "dangling.txt")
    make_audio.make_pipe(tmp_path / "pipe.mp3")
    make_audio.make_pipe(tmp_path / "pipe.txt")
    assert found(tmp_path) == []
    assert problems(tmp_path) == {
        "dangling.mp3": "symbolic link to a file that does not exist",
        "pipe.mp3": "no regular file (a pipe or a device)",
    }


def test_an_unreadable_folder_is_told_and_the_rest_is_read(tmp_path, monkeypatch):
    touch(tmp_path / "closed" / "a.mp3")
    touch(tmp_path / "open" / "b.mp3")
    scandir = os.scandir

    def guarded(path):  # root may read what permissions forbid, so they cannot be the test
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(folder.os, "scandir", guarded)
    assert found(tmp_path) == ["open/b.mp3"]
    assert problems(tmp_path) == {"closed": "cannot be read: Permission denied"}


def test_the_root_must_be_a_folder(tmp_path):
    for root, reason in ((tmp_path / "absent", "No such file"), (touch(tmp_path / "file"), "Not a directory")):
        with pytest.raises(SourceError, match=f"{root.name} cannot be read: {reason}"):
            find_audio(root)
