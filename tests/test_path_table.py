import make_audio
import pytest

from audiosim.errors import SourceError
from audiosim.sources.folder import FoundFile, Problem
from audiosim.sources.path_table import read_path_table
from audiosim.sources.tags import Tags


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "a, b.mp3"
    path.write_bytes(b"x")
    return path


def read(folder, content, *, name="table.csv"):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_path_table(folder / name)


def test_columns_override_tags(tmp_path, song):
    content = (
        "Title,PATH,artist,album,genre,isrc,track_id,mood\r\n"
        ' Air ,"a, b.mp3",Bach,,"rock\nand roll",us-rc1-76-07839,4uLU6h,blue\r\n'
        "\r\n"
        f'"","{song}","",,,no isrc,\r\n'
    )
    assert read(tmp_path, content) == [
        FoundFile(song, Tags("Bach", "Air", genre="rock and roll", isrc="USRC17607839"), track_id="4uLU6h"),
        FoundFile(song),
    ]


@pytest.mark.parametrize(
    "content", ["path\na, b.mp3\n", "files\n\na, b.mp3\n", '"a, b.mp3"\n', '\ufefffile\n"a, b.mp3"']
)
def test_one_column_may_be_called_anything(tmp_path, song, content):
    assert read(tmp_path, content) == [FoundFile(song)]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators(tmp_path, song, separator):
    content = f'artist{separator}file\nAnon{separator}"a, b.mp3"\n'
    assert read(tmp_path, content, name="table.tsv") == [FoundFile(song, Tags(artist="Anon"))]


def test_latin_tables_and_names_with_odd_breaks(tmp_path):
    latin, odd = tmp_path / "é.mp3", tmp_path / "line\u2028two\x85.mp3"
    latin.write_bytes(b"x")
    odd.write_bytes(b"x")
    assert read(tmp_path, "path,artist\né.mp3,Björk\n".encode("latin-1")) == [FoundFile(latin, Tags(artist="Björk"))]
    assert read(tmp_path, f"path,artist\n{odd.name},Anon\n") == [FoundFile(odd, Tags(artist="Anon"))]


def test_every_name_can_be_given(tmp_path):
    paths = make_audio.write_weird_names(tmp_path)
    lines = [b'"' + bytes(path).replace(b'"', b'""') + b'",' for path in paths]
    assert [found.path for found in read(tmp_path, b"path,artist\n" + b"\n".join(lines))] == paths


def test_missing_files_are_problems_with_their_row(tmp_path, song):
    content = f'path,title\nabsent.mp3,x\n"{song}",y\n,z\nhttps://example.org/a.mp3,\n'
    table = tmp_path / "table.csv"
    assert read(tmp_path, content) == [
        Problem(table, "row 1: absent.mp3 does not exist"),
        FoundFile(song, Tags(title="y")),
        Problem(table, "row 3: no path"),
        Problem(table, "row 4: https://example.org/a.mp3 is a URL; only files on this computer are read"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("artist,title\na,b\n", r"must have a column named path or file, got artist, title; rename"),
        ("", "got an empty file"),
        ("\n \n", "got an empty file"),
        ('path,title\n"a" b,c\n', "is no CSV: "),
        ("path,title\n" + "x" * 200_000, "is no CSV: field larger"),
    ],
)
def test_tables_that_are_none(tmp_path, content, reason):
    with pytest.raises(SourceError, match=reason):
        read(tmp_path, content)


def test_an_absent_table_is_an_error(tmp_path):
    with pytest.raises(SourceError, match=r"absent\.csv cannot be read: No such file"):
        read_path_table(tmp_path / "absent.csv")
