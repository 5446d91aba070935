import os
from pathlib import Path

import make_audio
import pytest

from audiosim.errors import SourceError
from audiosim.sources.folder import FoundFile, Problem
from audiosim.sources.named_file import locate
from audiosim.sources.playlist import PlaylistEntry, read_playlist, write_playlist


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def read(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_playlist(path)


def test_entries_keep_order_and_repetitions(tmp_path):
    one, two = touch(tmp_path / "music" / "one.mp3"), touch(tmp_path / "lists" / "two.mp3")
    content = f"#EXTM3U\r\n#EXTINF:12,Anon - Two\r\ntwo.mp3\r\n\r\n   \r\n{one}\r\n../music/one.mp3\r\ntwo.mp3\r\n"
    entries = read(tmp_path / "lists" / "list.m3u8", content)
    assert [entry.path.resolve() for entry in entries] == [two, one, one, two]
    assert all(isinstance(entry, FoundFile) for entry in entries)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings(tmp_path, encoding):
    song = touch(tmp_path / "Björk é.mp3")
    assert read(tmp_path / "list.m3u", "Björk é.mp3\n".encode(encoding)) == [FoundFile(song)]


def test_names_that_are_bytes_win_over_latin(tmp_path):
    raw = touch(tmp_path / os.fsdecode(b"caf\xe9.mp3"))
    latin = touch(tmp_path / "café.mp3")
    assert read(tmp_path / "list.m3u", b"caf\xe9.mp3\n") == [FoundFile(raw)]
    raw.unlink()
    assert read(tmp_path / "list.m3u", b"caf\xe9.mp3\n") == [FoundFile(latin)]


def test_file_urls_and_backslashes(tmp_path):
    song = touch(tmp_path / "a b" / "50% #1?.mp3")
    raw = touch(tmp_path / os.fsdecode(b"\xff.mp3"))
    content = f"{song.as_uri()}\n{raw.as_uri().replace('file://', 'FILE://localhost')}\na b\\50% #1?.mp3\n"
    assert [entry.path for entry in read(tmp_path / "list.m3u8", content)] == [song, raw, song]


def test_what_is_no_file_here_is_a_problem_with_its_line(tmp_path):
    path = tmp_path / "list.m3u8"
    (tmp_path / "folder.mp3").mkdir()
    make_audio.make_pipe(tmp_path / "pipe.mp3")
    content = (
        "#EXTM3U\nhttps://example.org/a.mp3\nabsent.mp3\nfolder.mp3\npipe.mp3\nfile://server/a.mp3\nhttp://[x\n\0\n"
    )
    assert read(path, content) == [
        Problem(path, "line 2: https://example.org/a.mp3 is a URL; only files on this computer are read"),
        Problem(path, "line 3: absent.mp3 does not exist"),
        Problem(path, "line 4: folder.mp3 is no regular file"),
        Problem(path, "line 5: pipe.mp3 is no regular file"),
        Problem(path, "line 6: file://server/a.mp3 lies on another computer; only files on this one are read"),
        Problem(path, "line 7: http://[x is a URL; only files on this computer are read"),
        Problem(path, "line 8: \0 does not exist"),
    ]
    assert "cannot be read: File name too long" in locate("x" * 5_000, folder=tmp_path)
    assert "é does not exist" in locate(os.fsdecode(b"\xe9"), folder=tmp_path)


def test_an_absent_playlist_is_an_error(tmp_path):
    with pytest.raises(SourceError, match=r"the playlist .*absent\.m3u cannot be read: No such file"):
        read_playlist(tmp_path / "absent.m3u")


def test_the_written_format(tmp_path):
    entries = [
        PlaylistEntry(tmp_path / "music" / "one.mp3", artist="Anon", title="One\nline\x07", duration=61.6),
        PlaylistEntry(tmp_path / "two.mp3"),
    ]
    write_playlist(tmp_path / "list.m3u8", entries, relative=True)
    assert (tmp_path / "list.m3u8").read_text("utf-8") == (
        "#EXTM3U\n#EXTINF:62,Anon - One line\nmusic/one.mp3\n#EXTINF:-1,two\ntwo.mp3\n"
    )
    write_playlist(tmp_path / "list.m3u8", entries)
    assert f"\n{tmp_path}/music/one.mp3\n" in (tmp_path / "list.m3u8").read_text("utf-8")


@pytest.mark.parametrize("relative", [False, True])
def test_every_name_comes_back(tmp_path, relative):
    names = [
        "~home.mp3",
        "#!.mp3",
        "a\rb.mp3",
        "c:x.mp3",
        "\ufeffmark.mp3",
        "\x85next.mp3",
        "\u2028.mp3",
        "http:/x.mp3",
    ]
    paths = make_audio.write_weird_names(tmp_path)
    paths += [touch(tmp_path / name) for name in names]
    playlist = tmp_path / "lists" / "list.m3u8"
    playlist.parent.mkdir()
    for base in (playlist, tmp_path / "here.m3u8"):
        write_playlist(base, [PlaylistEntry(path) for path in paths], relative=relative)
        assert [entry.path.resolve() for entry in read_playlist(base)] == paths


def test_awkward_names_are_urls_and_spaces_may_stand(tmp_path):
    names = [" front.mp3", "#1.mp3", "two\nlines.mp3", os.fsdecode(b"\xff.mp3"), "plain é.mp3"]
    write_playlist(tmp_path / "list.m3u8", [PlaylistEntry(tmp_path / name) for name in names], relative=True)
    lines = (tmp_path / "list.m3u8").read_text("utf-8").splitlines()[2::2]
    assert [line.startswith("file:///") for line in lines] == [True, True, True, True, False]
    spaced, plain = touch(tmp_path / " front.mp3"), touch(tmp_path / "plain é.mp3")
    read_back = read(tmp_path / "by hand.m3u8", " front.mp3\n  plain é.mp3\n")
    assert [entry.path for entry in read_back] == [spaced, plain]


def test_relative_paths_survive_a_linked_folder(tmp_path):
    song = touch(tmp_path / "music" / "song.mp3")
    (tmp_path / "deep" / "real").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "real")
    write_playlist(tmp_path / "link" / "list.m3u8", [PlaylistEntry(song)], relative=True)
    assert "\n../../music/song.mp3\n" in (tmp_path / "deep" / "real" / "list.m3u8").read_text()
    assert [entry.path.resolve() for entry in read_playlist(tmp_path / "link" / "list.m3u8")] == [song]


def test_a_playlist_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "list.m3u8"
    write_playlist(path, [PlaylistEntry(tmp_path / "a.mp3")])
    before = path.read_bytes()

    def breaks():
        yield PlaylistEntry(tmp_path / "b.mp3")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_playlist(path, breaks())
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["list.m3u8"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(SourceError, match="cannot be written: No space left"):
            write_playlist(path, [])
    assert path.read_bytes() == before
    with pytest.raises(SourceError, match="cannot be written: No such file"):
        write_playlist(tmp_path / "absent" / "list.m3u8", [])
    (tmp_path / "folder.m3u8").mkdir()
    with pytest.raises(SourceError, match="cannot be written: Is a directory"):
        write_playlist(tmp_path / "folder.m3u8", [])
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder.m3u8", "list.m3u8"]
