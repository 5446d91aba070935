import make_audio
import pytest

from audiosim.errors import SourceError
from audiosim.sources import FoundFile, Problem, collect


def test_each_kind_of_source(tmp_path):
    song = make_audio.write_tone(tmp_path / "song.WAV", 0.2)
    (tmp_path / "list.M3U8").write_text("song.WAV\nabsent.wav\n")
    (tmp_path / "table.csv").write_text("path,artist\nsong.WAV,\n")
    assert list(collect(tmp_path)) == [FoundFile(song)]
    assert list(collect(song)) == [FoundFile(song)]
    assert list(collect(tmp_path / "table.csv")) == [FoundFile(song)]
    assert list(collect(tmp_path / "list.M3U8")) == [
        FoundFile(song),
        Problem(tmp_path / "list.M3U8", "line 2: absent.wav does not exist"),
    ]


def test_a_folder_called_like_a_playlist_is_a_folder(tmp_path):
    folder = tmp_path / "best.m3u"
    folder.mkdir()
    song = make_audio.write_tone(folder / "song.wav", 0.2)
    assert list(collect(folder)) == [FoundFile(song)]


def test_what_is_no_source_says_what_is(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    for path in (tmp_path / "notes.txt", make_audio.make_pipe(tmp_path / "pipe.wav")):
        with pytest.raises(
            SourceError,
            match=r"a playlist \(\.jspf, \.m3u, \.m3u8, \.spotdl, \.xspf\), a table of paths \(\.csv, \.tsv\)",
        ):
            collect(path)
    with pytest.raises(SourceError, match="absent does not exist"):
        collect(tmp_path / "absent")


def test_a_collection_of_everything_bad(tmp_path):
    expected = make_audio.write_bad_collection(tmp_path)
    items = {item.path.name: item for item in collect(tmp_path)}
    assert set(items) == set(expected)
    for name, item in items.items():
        if isinstance(item, Problem):
            assert expected[name] in item.reason
