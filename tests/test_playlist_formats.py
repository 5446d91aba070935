"""Playlists in every format: what is written comes back, and what is broken is one clear error."""

import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spoil import edits, spoil

from audiosim.errors import SourceError
from audiosim.sources import collect
from audiosim.sources.file_name import safe_name
from audiosim.sources.folder import FoundFile, Problem
from audiosim.sources.path_table import read_path_table
from audiosim.sources.playlist import PlaylistEntry, read_entries, read_playlist, write_playlist
from audiosim.sources.tags import clean_text

# Every text of a playlist is one line without control characters.
texts = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp")), max_size=20).map(clean_text)
names = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=20).filter(
    lambda name: name not in {".", ".."}
)
isrcs = st.none() | st.from_regex(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", fullmatch=True)
identifiers = st.none() | st.from_regex(r"[A-Za-z0-9]{22}", fullmatch=True)
milliseconds = st.none() | st.integers(0, 10**8).map(lambda value: value / 1_000)
entries = st.builds(
    PlaylistEntry,
    path=names.map(lambda name: Path("/music") / name),
    artist=texts,
    title=texts,
    album=texts,
    duration=milliseconds,
    isrc=isrcs,
    identifier=identifiers,
)
in_a_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("suffix", [".xspf", ".jspf", ".csv"])
@in_a_folder
@given(st.lists(entries, max_size=4))
def test_what_is_written_comes_back(tmp_path, suffix, relative, wanted):
    path = tmp_path / f"list{suffix}"
    write_playlist(path, wanted, relative=relative)
    read = read_entries(path)
    assert [os.path.normpath(entry.path) for entry in read] == [str(entry.path) for entry in wanted]
    for one, other in zip(read, wanted, strict=True):
        assert (one.artist, one.title, one.album, one.isrc, one.identifier) == (
            other.artist,
            other.title,
            other.album,
            other.isrc,
            other.identifier,
        )
        assert one.duration == other.duration


@in_a_folder
@given(st.lists(entries, max_size=4))
def test_m3u_keeps_files_and_labels(tmp_path, wanted):
    path = tmp_path / "list.m3u8"
    write_playlist(path, wanted)
    read = read_entries(path)
    assert [entry.path for entry in read] == [entry.path for entry in wanted]
    for one, other in zip(read, wanted, strict=True):
        assert one.duration == (None if other.duration is None else round(other.duration))
        if other.artist and other.title and " - " not in f"{other.artist} ":
            assert (one.artist, one.title) == (other.artist, other.title)


def test_a_file_that_moved_together_with_its_playlist_is_found(tmp_path):
    for suffix in (".m3u8", ".xspf", ".jspf", ".csv"):
        (tmp_path / suffix / "music").mkdir(parents=True)
        song = tmp_path / suffix / "music" / "50% of #1? é.ogg"
        song.write_bytes(b"x")
        write_playlist(tmp_path / suffix / f"list{suffix}", [PlaylistEntry(song, title="=Song")], relative=True)
        moved = (tmp_path / suffix).rename(tmp_path / f"moved{suffix}")
        found = list(collect(moved / f"list{suffix}"))
        assert [entry.path.resolve() for entry in found] == [moved / "music" / song.name], suffix


def test_files_of_other_programs(tmp_path):
    song = tmp_path / "a b.mp3"
    song.write_bytes(b"x")
    (tmp_path / "list.xspf").write_text(
        '<?xml version="1.0"?><!-- by hand --><playlist version="1"><trackList>'
        "<track><location>a b.mp3</location><duration>abc</duration></track>"
        f"<track><location>https://example.org/a.mp3</location><location>{song.as_uri()}</location></track>"
        "<track><title>Only known by name</title></track>"
        "<track><location>../absent.mp3</location></track>"
        "</trackList></playlist>"
    )
    assert read_playlist(tmp_path / "list.xspf") == [
        FoundFile(song),
        FoundFile(song),
        Problem(tmp_path / "list.xspf", "track 3: names no file"),
        Problem(tmp_path / "list.xspf", "track 4: ../absent.mp3 does not exist"),
    ]
    wanted = read_entries(tmp_path / "list.xspf")
    assert [(entry.title, entry.url) for entry in wanted[1:3]] == [
        (None, "https://example.org/a.mp3"),
        ("Only known by name", None),
    ]
    track = {"location": "a%20b.mp3", "identifier": "https://musicbrainz.org/recording/1", "duration": "61000"}
    (tmp_path / "list.jspf").write_text(json.dumps({"playlist": {"track": [track, 3]}}))
    assert read_entries(tmp_path / "list.jspf") == [
        PlaylistEntry(song, duration=61.0, identifier="https://musicbrainz.org/recording/1"),
        PlaylistEntry(),
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.xspf", "<playlist>", "it is no XML"),
        ("a.xspf", "<html/>", "its root must be playlist, got html"),
        ("a.xspf", '<!DOCTYPE x [<!ENTITY e "ha">]><playlist>&e;</playlist>', "must not declare a document type"),
        ("a.xspf", "<!DOCTYPE playlist><playlist/>", "must not declare a document type"),
        ("a.jspf", "[]", 'it must be an object with "playlist"'),
        ("a.jspf", "[" * 100_000, "nested too deeply"),
        ("a.jspf", '{"playlist": NaN}', "NaN is no number of JSON"),
    ],
)
def test_what_is_broken_is_refused_with_its_reason(tmp_path, name, content, reason):
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceError, match=reason):
        read_playlist(tmp_path / name)


@pytest.mark.parametrize("duration", ["1e999", "-5", '"x"', "true", "null", "9" * 400])
def test_what_is_no_duration_is_unknown(tmp_path, duration):
    text = '{"playlist": {"track": [{"title": "Air", "duration": DURATION}]}}'
    (tmp_path / "list.jspf").write_text(text.replace("DURATION", duration))
    assert read_entries(tmp_path / "list.jspf") == [PlaylistEntry(title="Air")]


def test_what_breaks_lines_or_is_half_a_character_goes():
    assert safe_name("a\u2028b\ud800c\x9bd") == "abc_d"


@pytest.mark.parametrize("name", ["nul", "CON.mp3", "com1.x.ogg"])
def test_no_file_is_called_like_a_device(name):
    assert safe_name(name) == f"_{name}"


def test_a_table_of_one_column_may_be_called_anything(tmp_path):
    for content in ('"a, b.mp3"\nc.mp3\n', "files\na, b.mp3\nc.mp3\n"):
        (tmp_path / "list.csv").write_text(content)
        assert [entry.path for entry in read_entries(tmp_path / "list.csv")] == [
            tmp_path / "a, b.mp3",
            tmp_path / "c.mp3",
        ]


def test_a_playlist_has_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr("audiosim.sources.named_file._MOST_BYTES", 2**20)
    (tmp_path / "large.m3u").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(SourceError, match=r"large\.m3u must have at most 1 MiB"):
        read_playlist(tmp_path / "large.m3u")
    monkeypatch.setattr("audiosim.sources.playlist._MOST_ENTRIES", 2)
    (tmp_path / "long.m3u").write_text("a\nb\nc\n")
    with pytest.raises(SourceError, match=r"long\.m3u must have at most 2 entries, it has 3"):
        read_playlist(tmp_path / "long.m3u")


SONG = {
    "name": "Air",
    "artists": ["Anon", "Band"],
    "artist": "Anon",
    "duration": 245,
    "isrc": "USRC17607839",
    "explicit": 1,
}
PLAYLISTS = {
    ".m3u": "#EXTM3U\n#EXTINF:245,Anon - Air\nmusic/air.mp3\nfile:///music/%20b.mp3\nhttps://example.org/c.mp3\n",
    ".xspf": (
        '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track>'
        "<location>file:///a%20b.mp3</location><identifier>isrc:USRC17607839</identifier><title>Air</title>"
        "<duration>245000</duration></track></trackList></playlist>"
    ),
    ".jspf": json.dumps(
        {"playlist": {"title": "x", "track": [{"location": ["a.mp3"], "identifier": "isrc:x", "duration": 245_000}]}}
    ),
    ".spotdl": json.dumps({"type": "sync", "query": ["album:Suites"], "songs": [SONG, SONG]}),
    ".csv": 'path,artist,title,duration,track_id,url\na.mp3,Anon,"Air",245.0,spotify:track:x,\nb.mp3,,,,,https://x.org\n',
}


@pytest.mark.parametrize("suffix", PLAYLISTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(st.data())
def test_what_is_nearly_right_is_read_or_refused_in_words(tmp_path, suffix, data):
    path = tmp_path / f"list{suffix}"
    path.write_bytes(spoil(PLAYLISTS[suffix], data.draw(edits)))
    for read in (lambda: list(collect(path)), lambda: read_entries(path)):
        try:
            result = read()
        except SourceError as error:
            assert str(path) in str(error)  # noqa: PT017 - either way is right
        else:
            assert all(isinstance(entry, FoundFile | Problem | PlaylistEntry) for entry in result)


def test_no_cell_of_a_table_is_a_formula(tmp_path):
    entry = PlaylistEntry(tmp_path / "=a.mp3", artist="=cmd()", title="@x", album="'=quoted", url="+1")
    write_playlist(tmp_path / "list.csv", [entry], relative=True)
    row = (tmp_path / "list.csv").read_text().splitlines()[1].split(",")
    assert row[:4] == ["./=a.mp3", "'=cmd()", "'@x", "''=quoted"]
    (tmp_path / "=a.mp3").write_bytes(b"x")
    (found,) = read_path_table(tmp_path / "list.csv")
    assert isinstance(found, FoundFile)
    assert (found.tags.artist, found.tags.title, found.tags.album) == ("=cmd()", "@x", "'=quoted")


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"written as \.m3u8, \.m3u, \.xspf, \.jspf, \.csv, got list\.pls"):
        write_playlist(tmp_path / "list.pls", [])
    with pytest.raises(SourceError, match="must have a path or a URL; XSPF and JSPF take others too"):
        write_playlist(tmp_path / "list.m3u8", [PlaylistEntry(title="Air")])
    write_playlist(tmp_path / "list.xspf", [PlaylistEntry(title="Air \ufffe", duration=1.0)])
    assert read_entries(tmp_path / "list.xspf") == [PlaylistEntry(title="Air", duration=1.0)]


@given(st.text())
def test_a_safe_name_is_one_component_of_a_path(text):
    name = safe_name(text)
    assert name == Path(name).name
    assert name not in {"", ".", ".."}
    assert not name.startswith(".")
    assert len(name.encode()) <= 180
    assert not set(name) & set('<>:"/\\|?*\0\n')
    assert not {unicodedata.category(character) for character in name} & {"Cc", "Cs", "Zl", "Zp"}
    assert safe_name(name) == name
