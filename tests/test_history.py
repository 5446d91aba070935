"""Listening histories: every export says the same plays, nothing counts twice, and nothing private is kept."""

import gzip
import json
import zipfile
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_library import audiosim
from spoil import edits, spoil

from audiosim.catalog import CATALOG_NAME
from audiosim.errors import SourceError
from audiosim.library import Library
from audiosim.listening import Listening, Merged, match_plays
from audiosim.sources.history import read_history
from audiosim.sources.play import Play, seconds_of
from audiosim_pipelines.history import import_history, summary

# The same two plays, and a podcast, as each service tells of them.
SHORT = [
    {"endTime": "2020-01-16 03:13", "artistName": "Anon", "trackName": "Air", "msPlayed": 199_925},
    {"endTime": "2020-01-16 03:17", "artistName": "Band", "trackName": "Gigue", "msPlayed": 4_454},
    {"endTime": "2020-01-16 03:20", "podcastName": "Talk", "episodeName": "One", "msPlayed": 100_000},
]
EXTENDED = [
    {
        "ts": "2020-01-16T03:13:25Z",
        "username": "private-name",
        "platform": "private-platform",
        "ms_played": 199_925,
        "conn_country": "private-country",
        "ip_addr_decrypted": "private-address",
        "user_agent_decrypted": "private-agent",
        "master_metadata_track_name": "Air",
        "master_metadata_album_artist_name": "Anon",
        "master_metadata_album_album_name": "Suites",
        "spotify_track_uri": "spotify:track:4uLU6hMCjMI75M1A2tKUQC",
        "skipped": False,
    },
    {
        "ts": "2020-01-16T03:17:59Z",
        "ms_played": 4_454,
        "master_metadata_track_name": "Gigue",
        "master_metadata_album_artist_name": "Band",
        "skipped": True,
    },
    {"ts": "2020-01-16T03:20:00Z", "ms_played": 1, "master_metadata_track_name": None, "episode_name": "One"},
]
LISTENS = [
    {
        "listened_at": 1_579_144_205,
        "user_name": "private-name",
        "track_metadata": {
            "artist_name": "Anon",
            "track_name": "Air",
            "release_name": "Suites",
            "additional_info": {"isrc": "USRC17607839", "submission_client": "private-client"},
            "mbid_mapping": {"recording_mbid": "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"},
        },
    },
    {"listened_at": 1_579_146_000, "track_metadata": {"artist_name": "Band", "track_name": "Gigue"}},
]
SPOTIFY_ID = "4uLU6hMCjMI75M1A2tKUQC"


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.fixture
def library(tmp_path):
    with Library.create(tmp_path / "library").writing():
        pass
    return Library.open(tmp_path / "library")


def plays_of(path):
    (file,) = read_history(path)
    return file.plays


def test_spotify_short(tmp_path):
    (file,) = read_history(write(tmp_path / "any name.txt", SHORT))
    assert file.kind == "Spotify, last year"
    assert file.others == {"podcast": 1}
    assert [(play.artist, play.title, play.ms_played) for play in file.plays] == [
        ("Anon", "Air", 199_925),
        ("Band", "Gigue", 4_454),
    ]
    assert [play.ended_at for play in file.plays] == [1_579_144_380, 1_579_144_620]
    assert file.plays[0].started_at == 1_579_144_380 - 199


def test_spotify_extended(tmp_path):
    (file,) = read_history(write(tmp_path / "x", EXTENDED))
    first, second = file.plays
    assert (first.ended_at, first.album, first.spotify_id, first.skipped) == (
        1_579_144_405,
        "Suites",
        SPOTIFY_ID,
        False,
    )
    assert (second.skipped, second.spotify_id, file.others) == (True, None, {"podcast": 1})


def test_listenbrainz(tmp_path):
    for content in (json.dumps(LISTENS), "\n".join(map(json.dumps, LISTENS)), json.dumps(LISTENS[0]) + "\r\n"):
        (file,) = read_history(write(tmp_path / "x.jsonl", content))
        first = file.plays[0]
        assert (first.started_at, first.ended_at, first.isrc) == (1_579_144_205, None, "USRC17607839")
        assert first.mbid == "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
    for key in ("spotify_id", "origin_url"):
        more = {key: f"https://open.spotify.com/track/{SPOTIFY_ID}"}
        told = {**LISTENS[1], "track_metadata": {**LISTENS[1]["track_metadata"], "additional_info": more}}
        assert plays_of(write(tmp_path / "x.jsonl", [told]))[0].spotify_id == SPOTIFY_ID


@pytest.mark.parametrize(
    "table",
    [
        "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n1579144205,x,Anon,,Suites,,Air,\n",
        'Anon,Suites,Air,"16 Jan 2020 03:10"\n',
        "2020-01-16,03:10:05,Anon,Air\n",
        "date_time,artist_name,track_name\n16 Jan 2020 03:10,Anon,Air\n",
        "Artist;Title;Time\nAnon;Air;2020-01-16T03:10:05+00:00\n",
        "artist\ttrack\ttimestamp\nAnon\tAir\t1579144205000\n",
        "date,time,artist,track\n2020-01-16,03:10:05,Anon,Air\n",
        'Artist;Album;AlbumId;Track;Date#private-name\n"Anon";"Suites";"";"Air";"1579144205000"\n',
    ],
)
def test_tables_of_scrobbles(tmp_path, table):
    (play,) = plays_of(write(tmp_path / "x.csv", table))
    assert (play.artist, play.title, play.ended_at) == ("Anon", "Air", None)
    assert play.started_at // 60 == 1_579_144_205 // 60


def test_an_archive_is_read_without_being_unpacked(tmp_path):
    path = tmp_path / "my_data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../Streaming_History_Audio_2020.json", json.dumps(EXTENDED))
        archive.writestr("MyData/Playlist1.json", '{"playlists": []}')
        archive.writestr("MyData/ReadMe.pdf", b"%PDF")
        archive.writestr("listens/2020/1.jsonl", json.dumps(LISTENS[0]))
    assert [file.kind for file in read_history(path)] == ["Spotify, extended", "ListenBrainz"]
    assert not list(tmp_path.parent.glob("Streaming*"))


def test_a_broken_file_of_an_archive_is_told_and_the_others_are_kept(tmp_path, library):
    path = tmp_path / "my_data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.json", json.dumps(EXTENDED))
        archive.writestr("2.json", json.dumps(EXTENDED)[:-9])
        archive.writestr("Userdata.json", '{"username": "private-name"}')
    report = import_history(library, [path])
    assert [(file.name, file.kind, file.n_rejected) for file in report.files] == [
        ("1.json", "Spotify, extended", 0),
        ("2.json", "unreadable", 1),
    ]
    assert report.files[1].reasons[0].startswith("it is no JSON")
    assert (report.n_new, report.is_complete) == (2, False)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("2.json", "[{")
    with pytest.raises(SourceError, match="none of its 1 JSON or CSV files is one"):
        import_history(library, [path])


def test_a_file_of_an_archive_has_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr("audiosim.sources.history._MOST_BYTES", 1_000)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.json", " " * 1_001 + json.dumps(SHORT))
    with pytest.raises(SourceError, match=r"1\.json in .*x\.zip must unpack to at most 0 MiB, it has more"):
        read_history(tmp_path / "x.zip")
    (tmp_path / "x.gz").write_bytes(gzip.compress(b" " * 1_001))
    with pytest.raises(SourceError, match=r"x\.gz must have at most 0 MiB, it has more"):
        read_history(tmp_path / "x.gz")


def test_what_has_no_name_is_no_music(tmp_path, library):
    video = {"ts": "2020-01-16T03:20:00Z", "ms_played": 1, "master_metadata_track_name": None, "episode_name": None}
    book = {**video, "audiobook_title": "A book"}
    report = import_history(library, [write(tmp_path / "x", [video, video, book])])
    assert (report.files[0].others, report.n_new) == ({"audiobook": 1, "nameless": 2}, 0)


def test_what_a_player_says_of_a_listen_is_believed_if_it_makes_sense(tmp_path):
    said = LISTENS[1]["track_metadata"]
    for lasted, expected in ((61, 61_000), (1.5, 1_500), (-3, None), ("x", None), (1e300, None), (10**400, None)):
        listen = {**LISTENS[1], "track_metadata": {**said, "additional_info": {"duration_played": lasted}}}
        (play,) = plays_of(write(tmp_path / "x", [listen]))
        assert (play.ms_played, play.title) == (expected, "Gigue")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is empty"),
        ("[]", "it is empty"),
        ('[{"a": 1}]', "its entries must be those of Spotify"),
        ("[" * 100_000, "nested too deeply"),
        ("a,b\n1,2\n", "its first row must name a column of times"),
        ("end_time,artist,track\n2020-01-01 00:00,A,B\n", "must say how long they lasted"),
        ("PK\x03\x04broken", "first row must name"),
        ("\x1f", "it is empty"),
    ],
)
def test_what_is_no_history_is_refused(tmp_path, content, reason):
    with pytest.raises(SourceError, match=reason):
        read_history(write(tmp_path / "x", content))


def test_bad_entries_are_named_and_the_others_kept(tmp_path, library):
    bad = [{"endTime": "yesterday", "artistName": "A", "trackName": "B", "msPlayed": 1}, 3, SHORT[0]]
    bad += [{"endTime": "2020-01-16 03:13", "artistName": "", "trackName": "B", "msPlayed": 1}]
    bad += [{"endTime": "2020-01-16 03:13", "artistName": "A", "trackName": "B", "msPlayed": -1}]
    path = write(tmp_path / "x", [SHORT[1], *bad])
    (file,) = read_history(path)
    assert [entry.number for entry in file.rejected] == [2, 3, 5, 6]
    report = import_history(library, [path])
    assert report.n_new == 2
    assert report.files[0].reasons[0] == (
        "1 x, first in entry 2: the time must be a date with a time of day, got 'yesterday'"
    )
    only_bad = write(tmp_path / "bad", bad[:1])
    with pytest.raises(SourceError, match="must hold at least one play, got 1 entries that cannot be used: entry 1"):
        import_history(library, [only_bad])


def test_an_import_counts_once_however_often_it_is_made(tmp_path, library):
    short, extended = write(tmp_path / "short", SHORT), write(tmp_path / "extended", EXTENDED)
    listens = write(tmp_path / "listens", LISTENS)
    listening = Listening(library.catalog)
    assert (import_history(library, [short]).n_new, import_history(library, [short]).n_new) == (2, 0)
    report = import_history(library, [extended, listens])
    # Both sources tell more of Air; Gigue was played for 4 s, and what ListenBrainz heard later is another play.
    assert (report.n_new, report.n_known, report.n_completed) == (1, 3, 3)
    air = listening.plays()[0]
    assert (air.ended_at, air.scrobbled_at, air.album, air.isrc) == (
        1_579_144_405, 1_579_144_205, "Suites", "USRC17607839",
    )  # fmt: skip
    assert (air.spotify_id, air.skipped, air.source) == (SPOTIFY_ID, False, "spotify")
    before = listening.plays()
    assert import_history(library, [listens, extended, short]).n_new == 0
    assert listening.plays() == before


def test_the_order_of_imports_does_not_change_what_is_known(tmp_path, library):
    files = [write(tmp_path / name, content) for name, content in (("s", SHORT), ("e", EXTENDED), ("l", LISTENS))]
    import_history(library, files)
    other = Library.create(tmp_path / "other")
    import_history(other, files[::-1])
    known = [[replace(play, source="") for play in Listening(lib.catalog).plays()] for lib in (library, other)]
    assert known[0] == known[1]


# Times that crowd together, told to the second or to the minute, of few titles: as confusing as can be.
times = st.integers(10**6, 10**6 + 400) | st.integers(16_667, 16_673).map(lambda minute: 60 * minute)
streams = st.builds(
    lambda title, ended_at, length: Play(ended_at - length // 1_000, "A", title, "s", ended_at, length),
    st.sampled_from("TU"), times, st.sampled_from([0, 30_000, 100_500]),
)  # fmt: skip
scrobbles = st.builds(
    lambda title, moment: Play(moment, "A", title, "l", scrobbled_at=moment), st.sampled_from("TU"), times
)
exports = st.lists(st.lists(streams, max_size=6) | st.lists(scrobbles, max_size=6), max_size=4)


@pytest.fixture(scope="module")
def no_library(tmp_path_factory):
    """A library whose plays each case may forget."""
    return Library.create(tmp_path_factory.mktemp("l"))


def forget_plays(library):
    with library.catalog.transaction():
        library.catalog.connection.execute("DROP TABLE IF EXISTS plays")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(exports)
def test_whatever_was_imported_is_all_there_and_does_not_come_again(no_library, exported):
    forget_plays(no_library)
    listening = Listening(no_library.catalog)
    for export in exported:
        merged = listening.add_plays([export])
        assert merged.n_new + merged.n_known == len(export)
        before = listening.plays()
        assert listening.add_plays([export]) == Merged(0, len(export), 0)
        assert listening.plays() == before
    n_plays = len(listening.plays())
    # No export is told by fewer plays than it has, and none of them needs more than all together.
    assert max(map(len, exported), default=0) <= n_plays <= sum(map(len, exported))
    for export in exported:
        assert listening.add_plays([export]).n_new == 0
    assert len(listening.plays()) == n_plays


def test_nothing_private_is_kept(tmp_path, library):
    import_history(library, [write(tmp_path / "extended", EXTENDED), write(tmp_path / "listens", LISTENS)])
    stored = (library.folder / CATALOG_NAME).read_bytes()
    assert b"Gigue" in stored
    assert b"private" not in stored


def test_plays_find_their_tracks(library):
    catalog = library.catalog
    known = {"artist": None, "title": None, "album": None, "genre": None, "isrc": None, "external_id": None}
    with library.writing(), catalog.transaction():
        for track_id, more in (
            ("a" * 64, {"external_id": SPOTIFY_ID}),
            ("b" * 64, {"isrc": "USRC17607839"}),
            ("c" * 64, {"artist": "Béla & Band", "title": "Air (Remastered 2011)"}),
        ):
            catalog.put_track(track_id, {**known, "duration": None, **more})
    base = Play(1, "Anon", "No", "x")
    asked = [
        replace(base, spotify_id=SPOTIFY_ID, isrc="USRC17607839"),
        replace(base, isrc="USRC17607839"),
        replace(base, artist="bela and band", title="Air"),
        base,
    ]
    assert match_plays(asked, library.tracks()) == ["a" * 64, "b" * 64, "c" * 64, None]


def test_a_summary_of_nothing_and_of_something(tmp_path, library):
    assert (summary(library).n_plays, summary(library).first) == (0, None)
    report = import_history(library, [write(tmp_path / "x", [*SHORT, SHORT[1]])])
    told = report.summary
    assert (told.n_plays, told.n_short, told.n_titles, told.n_matched) == (3, 2, 2, 0)
    assert told.unmatched == (("Band - Gigue", 2), ("Anon - Air", 1))


def test_times():
    for text in (
        "2020-01-16T03:13:25Z",
        "2020-01-16 03:13:25",
        "2020-01-16T04:13:25+01:00",
        "1579144405",
        "1579144405123",
    ):
        assert seconds_of(text) == 1_579_144_405
    for text in ("16 Jan 2020, 03:13", "16 Jan 2020 03:13", "2020-01-16 03:13", "2020-01-16 04:13+01:00"):
        assert seconds_of(text) == 1_579_144_380
    for text in (
        "", "0", "noon", "9" * 15, "1" * 400, "0001-01-01T00:00:00+23:59", "2020-13-01 00:00", "2020-01-16", "20200116",
    ):  # fmt: skip
        with pytest.raises(ValueError, match="the time must"):
            seconds_of(text)


def test_a_real_history_counts_once(shared_data, tmp_path, library):
    path = shared_data / "history" / "plays.csv.gz"
    assert import_history(library, [path]).n_new == 6_866
    (tmp_path / "plain.csv").write_bytes(gzip.decompress(path.read_bytes()))
    assert import_history(library, [path, tmp_path / "plain.csv"]).n_new == 0
    assert summary(library).n_plays == 6_866


TABLES = [
    "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n1579144205,x,Anon,,Suites,,Air,\n",
    'Anon,Suites,Air,"16 Jan 2020 03:10"\nAnon,Suites,Air,"16 Jan 2020 03:11"\n',
    "user,end_time,artist,track,ms_played\nx,2020-01-16 03:13:00,Anon,Air,199925\n",
]
DOCUMENTS = [json.dumps(SHORT), json.dumps(EXTENDED), json.dumps(LISTENS), "\n".join(map(json.dumps, LISTENS))]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=600)
@given(st.sampled_from(DOCUMENTS + TABLES), edits)
def test_what_is_nearly_right_is_read_or_refused_in_words(tmp_path, text, edits):
    path = tmp_path / "history"
    path.write_bytes(spoil(text, edits))
    try:
        (file,) = read_history(path)
    except SourceError as error:
        assert str(path) in str(error)  # noqa: PT017 - either way is right
    else:
        assert all(isinstance(play, Play) for play in file.plays)
        assert all(entry.number and entry.reason for entry in file.rejected)


def test_the_commands(tmp_path):
    folder = tmp_path / "library"
    Library.create(folder).close()
    stdout, stderr = audiosim("history", "import", write(tmp_path / "x.json", SHORT), "--library", folder)
    assert "2 plays are new, 0 were known" in stdout
    assert "Spotify, last year, 2 plays, 1 podcast left out, 0 entries rejected" in stderr
    told = json.loads(audiosim("history", "show", "--json", "--library", folder)[0])
    assert (told["n_plays"], told["n_matched"], told["unmatched"][0]) == (2, 0, ["Anon - Air", 1])
