"""What spotdl saves: both shapes, nothing lost but lyrics, and spotdl's own reader takes what is written here."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.errors import SourceError
from audiosim.sources import collect
from audiosim.sources.folder import FoundFile, Problem
from audiosim.sources.spotdl_file import Song, parse_songs, read_songs, song_list_text

SAVED = {
    "name": "Air",
    "artists": ["Anon", "Band"],
    "artist": "Anon",
    "genres": ["baroque"],
    "disc_number": 1,
    "disc_count": 2,
    "album_name": "Suites",
    "album_artist": "Anon",
    "duration": 245,
    "year": 1999,
    "date": "1999-01-02",
    "track_number": 3,
    "tracks_count": 12,
    "song_id": "4uLU6hMCjMI75M1A2tKUQC",
    "explicit": False,
    "publisher": "Label",
    "url": "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC",
    "isrc": "USRC17607839",
    "cover_url": None,
    "copyright_text": None,
    "download_url": None,
    "lyrics": "la la la",
    "popularity": 12,
    "album_id": "1",
    "list_name": None,
    "list_url": None,
    "list_position": 1,
    "list_length": 2,
    "artist_id": "2",
    "album_type": "album",
}


def written(song):
    return json.loads(song_list_text([song]))[0]


def test_a_song_comes_back_without_its_lyrics():
    (song,) = parse_songs(json.dumps([SAVED]).encode()).songs
    assert (song.label, song.artist, song.duration, song.isrc) == ("Anon, Band - Air", "Anon", 245, "USRC17607839")
    assert written(song) == {name: value for name, value in SAVED.items() if name != "lyrics"}


def test_both_shapes(tmp_path):
    queries = ["https://open.spotify.com/playlist/1", "album:Suites"]
    path = tmp_path / "list.spotdl"
    path.write_text(json.dumps({"type": "sync", "query": queries, "songs": [SAVED]}))
    read = read_songs(path)
    assert read.queries == tuple(queries)
    path.write_text(song_list_text(read.songs, queries=read.queries))
    assert read_songs(path) == read
    path.write_text(song_list_text(read.songs))
    assert (read_songs(path).songs, read_songs(path).queries) == (read.songs, None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "must be a list of songs"),
        ('{"type": "sync", "songs": 3}', "must be a list of songs"),
        ("[3]", "song 1 must be an object, got int"),
        (
            '[{"name": "A", "artists": ["B"]}, {"name": "A"}]',
            "song 2 must have a name and an artist, got 'A' by nobody",
        ),
        ("[{", "it is no JSON: "),
    ],
)
def test_what_is_no_list_of_songs_is_refused(tmp_path, content, reason):
    (tmp_path / "list.spotdl").write_text(content)
    with pytest.raises(SourceError, match=reason):
        read_songs(tmp_path / "list.spotdl")


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.dictionaries(st.sampled_from([*SAVED, "new_field"]), leaves | st.lists(leaves, max_size=3)))
def test_writing_what_was_read_changes_nothing(said):
    content = json.dumps([{**said, "name": "Air", "artists": ["Anon"]}]).encode()
    (song,) = parse_songs(content).songs
    (again,) = parse_songs(song_list_text([song]).encode()).songs
    assert written(again) == written(song)


def test_half_a_character_survives():
    (song,) = parse_songs(b'[{"name": "Air", "artists": ["Anon"], "remark": "\\ud800"}]').songs
    (again,) = parse_songs(song_list_text([song]).encode()).songs
    assert again.extra["remark"] == song.extra["remark"] == "\ud800"


def test_songs_are_found_beside_their_list(tmp_path):
    songs = [
        Song("Air (Remastered)", ("Anon", "Band"), song_id="x"),
        Song("Gigue", ("Anon", "Band")),
        Song("No", ("B",)),
    ]
    (tmp_path / "list.spotdl").write_text(song_list_text(songs))
    for name in ("Anon, Band - Air (Remastered).mp3", "anon - gigue.opus", "B - No.txt"):
        (tmp_path / name).write_bytes(b"x")
    air, gigue, none = collect(tmp_path / "list.spotdl")
    assert isinstance(air, FoundFile)
    assert isinstance(gigue, FoundFile)
    assert (air.path.suffix, air.track_id, air.tags.artist, air.tags.title) == (
        ".mp3",
        "x",
        "Anon, Band",
        "Air (Remastered)",
    )
    assert gigue.path.name == "anon - gigue.opus"
    assert none == Problem(
        tmp_path / "list.spotdl", f"B - No is not fetched yet; run: audiosim fetch {tmp_path / 'list.spotdl'}"
    )


def test_the_program_itself_reads_what_is_written_here(tmp_path):
    program = os.environ.get("AUDIOSIM_TEST_SPOTDL") or shutil.which("spotdl")
    if program is None:
        pytest.skip("spotdl is not installed")
    python = Path(program).with_name("python")
    path = tmp_path / "list.spotdl"
    path.write_text(
        song_list_text([Song("Air", ("Anon", "Band"), duration=61.5), *parse_songs(json.dumps([SAVED]).encode()).songs])
    )
    # The lines of spotdl's own search for a file that it saved.
    code = (
        "import json, sys; from spotdl.types.song import Song; "
        "songs = [Song.from_dict(track) for track in json.load(open(sys.argv[1], encoding='utf-8'))]; "
        "print(json.dumps([song.json for song in songs]))"
    )
    told = subprocess.run([python, "-c", code, path], capture_output=True, text=True, check=True)
    assert [song.label for song in parse_songs(told.stdout.encode()).songs] == ["Anon, Band - Air"] * 2
