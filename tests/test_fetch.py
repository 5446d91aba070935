"""Fetching through a stand-in for spotdl over real connections: nothing is lost, nothing wrong enters the library."""

import itertools
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import fake_spotdl
import pytest
from loopback import Answer, Loopback
from make_audio import tone, write_signal, write_tone
from make_library import start

from audiosim.errors import AudiosimError, LibraryLockedError, OfflineError
from audiosim.library import Library
from audiosim.sources.spotdl_file import Song, song_list_text
from audiosim_pipelines.fetch import attempt, journal, placing
from audiosim_pipelines.fetch.job import FOLDER, STAGING, Foresight, fetch, foresee
from audiosim_pipelines.settings import Settings
from audiosim_pipelines.settings_online import FetchSettings, OnlineSettings

SECONDS = 1.0
SETTINGS = Settings(
    fetch=FetchSettings(command=fake_spotdl.command(), format="wav", n_attempts=2, timeout=20.0),
    online=OnlineSettings(longest_pause=5.0),
)


def song(i, **more):
    said = {"duration": SECONDS, "isrc": f"USRC176{i:05d}", "genres": ("baroque",), "album_name": "Suites", **more}
    return Song(f"Piece {i}", ("Anon", "Band"), song_id=f"id{i}", url=f"https://open.spotify.com/track/id{i}", **said)


class Service:
    """What the stand-in is told: songs by query, and files by song."""

    def __init__(self, server, folder):
        self.server = server
        self.folder = folder
        self.songs = {}
        self.files = {}
        server.answers["/search"] = lambda asked: self.songs.get(asked.query["q"][0], Answer("[]"))
        server.answers["/audio"] = self._audio

    def add(self, *songs, query="album:Suites"):
        self.songs[query] = Answer(song_list_text(songs))
        for one in songs:
            self.files.setdefault(one.song_id, Answer(self.sound(frequency=300.0 + 10 * len(self.files))))
        return list(songs)

    def sound(self, seconds=SECONDS, *, frequency=440.0):
        path = write_tone(self.folder / "sound.wav", seconds, sample_rate=8_000, frequency=frequency)
        return path.read_bytes()

    def n_asked(self, path):
        return sum(asked.path == path for asked in self.server.asked)

    def _audio(self, asked):
        answer = self.files[asked.query["id"][0]]
        if isinstance(answer, list):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.setattr(attempt, "_FIRST_PAUSE", 0.01)
    with Loopback() as server:
        monkeypatch.setenv("FAKE_SPOTDL_URL", server.url)
        yield Service(server, tmp_path)


@pytest.fixture
def library(tmp_path):
    return Library.create(tmp_path / "library")


def files(library):
    """All that lies in the folder of what was fetched, and where it is worked."""
    assert not (library.folder / STAGING).exists()
    folder = library.folder / FOLDER
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*") if not path.name.startswith("."))


def states(report):
    return [(one.title, one.state) for one in report.songs]


def test_an_album_enters_the_library_with_what_is_known_of_it(service, library):
    service.add(song(1, extra={"list_position": 2}), song(2, extra={"list_position": 1}))
    report = fetch(library, ["album:Suites"], SETTINGS)
    assert states(report) == [("Piece 2", "fetched"), ("Piece 1", "fetched")]  # the order of the album
    assert report.is_complete
    assert report.n_tracks_added == 2
    assert files(library) == ["Anon, Band - Piece 1.wav", "Anon, Band - Piece 2.wav", "fetch.json", "tracks.csv"]
    tracks = sorted(library.tracks(), key=lambda track: track.title)
    first = tracks[0]
    assert (first.label, first.album, first.genre) == ("Anon, Band - Piece 1", "Suites", "baroque")
    assert (first.isrc, first.external_id) == ("USRC17600001", "id1")
    assert first.paths == (library.folder / FOLDER / "Anon, Band - Piece 1.wav",)


def test_a_second_call_asks_nobody(service, library):
    service.add(song(1))
    fetch(library, ["album:Suites"], SETTINGS)
    n_asked = len(service.server.asked)
    nowhere = replace(SETTINGS, fetch=FetchSettings(command="no-such-program"), online=OnlineSettings(offline=True))
    report = fetch(library, ["album:Suites"], nowhere)
    assert report.is_complete
    assert (report.n_tracks_added, report.songs[0].is_new, report.songs[0].attempts) == (0, False, 1)
    assert len(service.server.asked) == n_asked
    assert foresee(library.folder, ["album:Suites"]) == Foresight(0, 0, 1)


def test_what_is_deleted_is_fetched_again_and_lists_that_grow_are_asked_for(service, library):
    service.add(song(1))
    fetch(library, ["album:Suites"], SETTINGS)
    (library.folder / FOLDER / "Anon, Band - Piece 1.wav").unlink()
    service.add(song(1), song(2))
    assert foresee(library.folder, ["album:Suites"]) == Foresight(0, 1, 0)
    report = fetch(library, ["album:Suites"], SETTINGS, refresh=True)
    assert [one.is_new for one in report.songs] == [True, True]
    assert service.n_asked("/audio") == 3


def test_a_file_of_songs_needs_no_search(service, library, tmp_path):
    known, unknown = service.add(song(1), song(2))
    service.songs[unknown.url] = Answer(song_list_text([unknown]))
    path = tmp_path / "list.spotdl"
    path.write_text(song_list_text([known, replace(unknown, duration=0)]))
    report = fetch(library, [str(path)], SETTINGS)
    assert states(report) == [("Piece 1", "fetched"), ("Piece 2", "fetched")]
    # Only the one whose duration is not known: there would be nothing to audit it by.
    assert [asked.query["q"] for asked in service.server.asked if asked.path == "/search"] == [[unknown.url]]


@pytest.mark.parametrize(
    ("answer", "n_attempts", "reason"),
    [
        (Answer("no", 403), 1, "Unable to download webpage: HTTP Error 403: Forbidden"),
        (Answer("no", 404), 1, "Unable to download webpage: HTTP Error 404: Not Found"),
        (Answer("no", 500), 2, "Unable to download webpage: HTTP Error 500: Internal Server Error"),
        (Answer(b"x" * 5_000, cut_after=100), 2, r"Unable to download webpage: IncompleteRead\(100 bytes read"),
        (Answer("no", headers={"X-Act": "exit 7"}), 2, "spotdl ended with 7: Killed"),
        (Answer("no" * 999, headers={"X-Act": "partial"}), 2, "spotdl ended with 1: "),
        (Answer("no" * 999, headers={"X-Act": "unfinished"}), 2, "Processing query"),
    ],
    ids=["403", "404", "500", "cut", "exit", "partial", "unfinished"],
)
def test_what_does_not_come_costs_only_itself(service, library, answer, n_attempts, reason):
    service.add(song(1), song(2))
    service.files["id1"] = answer
    report = fetch(library, ["album:Suites"], SETTINGS)
    assert states(report) == [("Piece 1", "failed"), ("Piece 2", "fetched")]
    failed = report.songs[0]
    assert failed.reason is not None
    assert reason.replace("\\", "") in failed.reason
    assert (failed.attempts, failed.file) == (n_attempts, None)
    assert not report.is_complete
    assert files(library) == ["Anon, Band - Piece 2.wav", "fetch.json", "tracks.csv"]
    assert [track.title for track in library.tracks()] == ["Piece 2"]
    # A second call tries again what may have been bad luck; what was refused waits until it is asked for.
    service.files["id1"] = Answer(service.sound())
    report = fetch(library, ["album:Suites"], SETTINGS)
    is_final = n_attempts == 1
    assert states(report)[0] == ("Piece 1", "failed" if is_final else "fetched")
    assert states(fetch(library, ["album:Suites"], SETTINGS, retry_failed=True))[0] == ("Piece 1", "fetched")
    assert service.n_asked("/audio") == n_attempts + 2


def test_bad_luck_is_tried_again_at_once(service, library):
    service.add(song(1))
    service.files["id1"] = [Answer("no", 503), Answer(service.sound())]
    service.songs["album:Suites"] = [Answer("[{", 200), service.songs["album:Suites"]]
    service.server.answers["/search"] = service.songs["album:Suites"]
    report = fetch(library, ["album:Suites"], SETTINGS)
    assert (report.is_complete, report.songs[0].attempts) == (True, 2)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda s: s.sound(6.0), "plays 6.0 s, the song 1.0 s: another recording, or a part of it"),
        (lambda s: write_signal(s.folder / "a.wav", tone(1.0)[:, 0] * 0).read_bytes(), "silent: "),
        (lambda s: write_signal(s.folder / "a.wav", tone(1.0)[:, 0] * 1e-3).read_bytes(), "silent: it never exceeds"),
        (lambda _: b"<html>not here</html>", "cannot be decoded"),
        (lambda _: b"", "empty file"),
    ],
    ids=["wrong video", "silent", "nearly silent", "no audio", "empty"],
)
def test_what_is_wrong_goes_to_quarantine(service, library, make, reason):
    service.add(song(1), song(2))
    service.files["id1"] = Answer(make(service))
    report = fetch(library, ["album:Suites"], SETTINGS)
    assert states(report) == [("Piece 1", "quarantined"), ("Piece 2", "fetched")]
    assert report.songs[0].reason is not None
    assert reason in report.songs[0].reason
    kept = "quarantine/Anon, Band - Piece 1.wav.quarantined"
    assert files(library) == ["Anon, Band - Piece 2.wav", "fetch.json", kept, "tracks.csv"]
    assert [track.title for track in library.tracks()] == ["Piece 2"]
    # It stays there until it is asked for again; what takes its place is not kept twice.
    service.files["id1"] = Answer(service.sound())
    assert states(fetch(library, ["album:Suites"], SETTINGS))[0] == ("Piece 1", "quarantined")
    assert fetch(library, ["album:Suites"], SETTINGS, retry_failed=True).is_complete
    assert kept not in files(library)


def test_the_file_of_another_song_is_found_out_even_with_other_tags(service, library):
    service.add(song(1), song(2), song(3), query="album:Suites")
    sound = service.sound()
    service.files |= {"id1": Answer(sound), "id2": Answer(sound)}
    tagged = write_signal(
        service.folder / "tagged.wav", tone(1.0, sample_rate=8_000)[:, 0], sample_rate=8_000, tags={"title": "x"}
    )
    assert tagged.read_bytes() != sound
    service.files["id3"] = Answer(tagged.read_bytes())
    report = fetch(library, ["album:Suites"], replace(SETTINGS, fetch=replace(SETTINGS.fetch, threads=1)))
    assert states(report) == [("Piece 1", "fetched"), ("Piece 2", "quarantined"), ("Piece 3", "quarantined")]
    assert [one.reason for one in report.songs[1:]] == [
        "has the same bytes as the file of Anon, Band - Piece 1; one of the two is wrong",
        "has the same audio as the file of Anon, Band - Piece 1; one of the two is wrong",
    ]


def test_one_recording_under_two_ids_is_one_file(service, library):
    service.add(song(1), song(2, isrc="USRC17600001"))
    service.files["id2"] = service.files["id1"]
    report = fetch(library, ["album:Suites"], SETTINGS)
    assert report.is_complete
    assert len({one.file for one in report.songs}) == 1
    assert len(library.tracks()) == 1


def test_songs_of_one_name_have_files_of_their_own_and_no_name_leads_out(service, library, tmp_path):
    names = ["../../../escape", "../../../escape", "C:\\nul", "=cmd()", "Piece"]
    service.add(*(replace(song(i), name=name, artists=("..",)) for i, name in enumerate(names)))
    assert fetch(library, ["album:Suites"], SETTINGS).is_complete
    assert len(library.tracks()) == 5
    inside = library.folder / FOLDER
    assert all(path.parent == inside for track in library.tracks() for path in track.paths)
    assert not list(tmp_path.glob("*escape*"))
    assert {track.title for track in library.tracks()} == {*names}


def test_a_service_that_asks_for_little_patience_gets_it(service, library):
    service.add(song(1))
    service.files["id1"] = [Answer("busy", 429, {"Retry-After": "1"}), service.files["id1"]]
    report = fetch(library, ["album:Suites"], SETTINGS)
    assert (report.is_complete, report.songs[0].attempts) == (True, 1)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Retry-After": "86400"}, "the service asks to come again in 86400 s"),
        ({}, "HTTP Error 429: Too Many Requests (caused by ...); run the same command again later"),
    ],
)
def test_a_service_that_asks_for_more_ends_the_command_and_the_next_one_goes_on(service, library, headers, reason):
    service.add(*map(song, range(4)))
    good = service.files["id1"]
    service.files["id1"] = Answer("busy", 429, headers)
    one_by_one = replace(SETTINGS, fetch=replace(SETTINGS.fetch, threads=1))
    report = fetch(library, ["album:Suites"], one_by_one)
    assert [state for _, state in states(report)] == ["fetched", "waiting", "waiting", "waiting"]
    assert report.busy is not None
    assert reason in report.busy
    assert report.n_tracks_added == 1
    service.files["id1"] = good
    report = fetch(library, ["album:Suites"], one_by_one)
    assert report.is_complete
    assert [one.is_new for one in report.songs] == [False, True, True, True]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer("[]"), "No results found for: album:Suites"),
        (Answer("[1]", headers={"X-Act": "garbage"}), "spotdl wrote no list of songs: it is no JSON"),
        (Answer('{"a": 1}'), "must be a list of songs"),
        (Answer("no", 404), "HTTP Error 404: Not Found"),
        (Answer("{["), "Expecting property name"),
    ],
    ids=["nothing", "garbage", "other shape", "404", "malformed"],
)
def test_a_query_that_finds_nothing_costs_only_itself(service, library, answer, reason):
    service.songs["album:Suites"] = answer
    service.add(song(2), query="Anon - Piece 2")
    report = fetch(library, ["album:Suites", "Anon - Piece 2", "--evil", "a\x07b"], SETTINGS)
    first, second, option, control = report.queries
    assert reason in first.reason
    assert (second.n_songs, second.reason) == (1, None)
    assert "must not begin with -" in option.reason
    assert "printable" in control.reason
    assert states(report) == [("Piece 2", "fetched")]
    assert not report.is_complete


def test_a_video_that_was_chosen_by_hand_takes_the_place_of_a_wrong_one(service, library):
    (one,) = service.add(song(1))
    service.files["id1"] = Answer(service.sound(6.0))
    assert states(fetch(library, ["album:Suites"], SETTINGS)) == [("Piece 1", "quarantined")]
    query = f"https://youtube.invalid/watch?v=1|{one.url}"
    service.songs[query] = Answer(song_list_text([one]))
    service.files["id1"] = Answer(service.sound())
    assert states(fetch(library, [query], SETTINGS)) == [("Piece 1", "fetched")]
    kept = json.loads((library.folder / FOLDER / journal.JOURNAL_NAME).read_text())
    assert kept["songs"]["id1"]["song"]["download_url"] == "https://youtube.invalid/watch?v=1"


def test_offline_nothing_is_started(service, library):
    offline = replace(SETTINGS, online=OnlineSettings(offline=True))
    with pytest.raises(OfflineError, match="1 queries are to be asked about and 0 songs to be fetched; leave out"):
        fetch(library, ["album:Suites"], offline)
    assert service.server.asked == []
    assert foresee(library.folder, ["album:Suites"]) == Foresight(1, 0, 0)


def test_a_full_disk_is_said_and_loses_nothing(service, library):
    service.add(*map(song, range(3)))
    good = service.files["id1"]
    service.files["id1"] = Answer(b"x" * 5_000, headers={"X-Act": "full"})
    one_by_one = replace(SETTINGS, fetch=replace(SETTINGS.fetch, threads=1))
    with pytest.raises(AudiosimError, match=r"the disk of .* is full \(\[Errno 27\] File too large\); what arrived is"):
        fetch(library, ["album:Suites"], one_by_one)
    assert files(library) == ["Anon, Band - Piece 0.wav", "fetch.json"]
    service.files["id1"] = good
    report = fetch(library, ["album:Suites"], one_by_one)
    assert (report.is_complete, report.n_tracks_added) == (True, 3)
    assert service.n_asked("/audio") == 4


def test_too_little_room_is_said_before_anything_is_fetched(service, library, monkeypatch):
    service.add(song(1))
    monkeypatch.setattr(attempt, "_LEAST_ROOM", 2**62)
    with pytest.raises(AudiosimError, match=r"is full \(\d+ MiB are free, \d+ are needed\)"):
        fetch(library, ["album:Suites"], SETTINGS)
    assert service.server.asked == []


@pytest.mark.parametrize("module", [journal, placing], ids=["journal", "move"])
def test_what_cannot_be_written_in_the_end_is_fetched_again(service, library, monkeypatch, module):
    service.add(song(1), song(2))
    fsync, n_written = os.fsync, itertools.count()

    def full(*arguments):
        # Of the journal, the first two writes are those before anything came.
        if module is placing or next(n_written) >= 2:
            raise OSError(28, "No space left on device")
        fsync(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, "os", SimpleNamespace(fsync=full, path=os.path))
        with pytest.raises(AudiosimError, match="cannot be written: No space left on device"):
            fetch(library, ["album:Suites"], SETTINGS)
    report = fetch(library, ["album:Suites"], SETTINGS)
    assert (report.is_complete, report.n_tracks_added) == (True, 2)
    assert len(files(library)) == 4


def is_alive(pid):
    """Whether a process runs; one that ended and that nobody waited for does not."""
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip()[:1] not in {"", "Z"}


def test_what_hangs_is_ended_with_its_children(service, library, tmp_path, monkeypatch):
    service.add(song(1), song(2))
    service.files["id1"] = Answer(b"xx", headers={"X-Act": "hang"})
    service.files["id2"] = Answer(service.sound(), seconds_a_byte=0.01)  # as good as never
    monkeypatch.setenv("FAKE_SPOTDL_PIDS", str(tmp_path / "pids"))
    hasty = replace(SETTINGS, fetch=replace(SETTINGS.fetch, timeout=2.5, n_attempts=1))
    report = fetch(library, ["album:Suites"], hasty)
    assert states(report) == [("Piece 1", "failed"), ("Piece 2", "failed")]
    assert {one.reason for one in report.songs} == {"spotdl did not end within 2.5 s and was ended"}
    assert not any(map(is_alive, (tmp_path / "pids").read_text().split()))
    assert files(library) == ["fetch.json"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_programs_too_and_the_next_call_goes_on(service, library, tmp_path, number):
    service.add(song(1), song(2))
    good, service.files["id2"] = service.files["id2"], Answer(b"xx", headers={"X-Act": "hang"})
    settings = {
        "AUDIOSIM_FETCH_COMMAND": fake_spotdl.command(),
        "FAKE_SPOTDL_PIDS": str(tmp_path / "pids"),
        "FAKE_SPOTDL_URL": service.server.url,
    }
    there = library.folder / FOLDER / "Anon, Band - Piece 1.wav"
    with start("fetch", "album:Suites", "-l", library.folder, "--format", "wav", settings=settings) as process:
        deadline = time.monotonic() + 60
        while not (there.exists() and (tmp_path / "pids").exists()) and time.monotonic() < deadline:
            time.sleep(0.05)
        with pytest.raises(LibraryLockedError, match="is being written by process"):
            fetch(library, ["album:Suites"], SETTINGS)
        process.send_signal(number)
        _, messages = process.communicate()
    assert process.returncode == 130, messages
    assert "interrupted; what was committed is safe" in messages
    assert not any(map(is_alive, (tmp_path / "pids").read_text().split()))
    service.files["id2"] = good
    report = fetch(library, ["album:Suites"], SETTINGS)
    assert [one.is_new for one in report.songs] == [False, True]
    assert report.n_tracks_added == 2


@pytest.mark.parametrize("number", range(1, 8))
def test_an_end_before_any_change_on_disk_costs_one_song_at_most(service, library, monkeypatch, number):
    """Changes are counted, not seconds: four times the journal, both files, the table."""
    service.add(song(1), song(2))
    one_by_one = replace(SETTINGS, fetch=replace(SETTINGS.fetch, threads=1))
    change, n_changes = Path.replace, itertools.count(1)

    def end(path, target):
        if next(n_changes) == number:
            raise KeyboardInterrupt
        return change(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", end)
        with pytest.raises(KeyboardInterrupt):
            fetch(library, ["album:Suites"], one_by_one)
    report = fetch(library, ["album:Suites"], one_by_one)
    assert report.is_complete
    assert files(library) == ["Anon, Band - Piece 1.wav", "Anon, Band - Piece 2.wav", "fetch.json", "tracks.csv"]
    assert len(library.tracks()) == 2
    assert service.n_asked("/audio") <= 4  # the song that was lost, and one that was begun meanwhile


def test_a_kill_leaves_nothing_that_counts(service, library):
    """What lies where it is worked, and a journal that is ahead of its file."""
    service.add(song(1))
    fetch(library, ["album:Suites"], SETTINGS)
    (library.folder / FOLDER / "Anon, Band - Piece 1.wav").unlink()
    (library.folder / STAGING / "x").mkdir(parents=True)
    (library.folder / STAGING / "x" / "audio.wav").write_bytes(b"half")
    assert fetch(library, ["album:Suites"], SETTINGS).is_complete
    assert files(library) == ["Anon, Band - Piece 1.wav", "fetch.json", "tracks.csv"]


def test_a_journal_that_cannot_be_read_is_said(library):
    (library.folder / FOLDER).mkdir()
    for text in (
        "{",
        "[]",
        '{"format": 2}',
        '{"format": 1, "queries": {}}',
        '{"format": 1, "queries": {}, "songs": {"a": 1}}',
    ):
        (library.folder / FOLDER / journal.JOURNAL_NAME).write_text(text)
        with pytest.raises(AudiosimError, match=r"fetch\.json cannot be read: .*; move it away"):
            fetch(library, ["album:Suites"], SETTINGS)


def test_several_at_once(service, library):
    """Threads share the journal and the check for copies."""
    service.add(*map(song, range(8)))
    many = replace(SETTINGS, fetch=replace(SETTINGS.fetch, threads=4))
    report = fetch(library, ["album:Suites"], many)
    assert (report.is_complete, report.n_tracks_added) == (True, 8)
    assert [one.title for one in report.songs] == [f"Piece {i}" for i in range(8)]
    assert threading.active_count() < 20


def test_the_command(service, tmp_path, command, monkeypatch):
    service.add(song(1), song(2))
    service.files["id2"] = Answer("no", 404)
    (tmp_path / "new.txt").write_text("# new\n\nalbum:Suites\n")
    monkeypatch.setenv("AUDIOSIM_FETCH_COMMAND", fake_spotdl.command())
    shared = ("fetch", tmp_path / "new.txt", "-l", tmp_path / "library", "--format", "wav")
    assert command(*shared, "--dry-run").output.startswith("1 queries would be asked about, 0 songs that are known")
    assert not (tmp_path / "library").exists()
    told = command(*shared)
    assert told.code == 3
    assert "2 songs: 1 are there (1 of them new), 0 in quarantine, 1 failed, 0 not tried; 1 tracks added" in told.output
    assert "Anon, Band - Piece 2  failed  Unable to download webpage: HTTP Error 404" in told.output
    told = command(*shared, "--json", "--offline")
    document = json.loads(told.output)
    assert (told.code, document["n_fetched"], document["n_failed"], document["n_new"]) == (3, 1, 1, 0)
    assert document["queries"] == [{"query": "album:Suites", "n_songs": 2, "reason": None}]
    told = command(*shared, "--retry-failed", "--offline")
    assert (told.code, told.output) == (1, "")
    assert "0 queries are to be asked about and 1 songs to be fetched" in told.messages
    assert command("fetch", tmp_path / "no.txt", "-l", tmp_path / "library").code == 1
    told = command("fetch", "Anon", "-l", tmp_path / "library", "--command", "no-such-program")
    assert "fetch.command names no-such-program, which is no program that can be run here" in told.messages
    into = tmp_path / "elsewhere"
    service.files["id2"] = Answer(service.sound())
    assert command(*shared, "--retry-failed", "--into", into).code == 0
    assert [path.name for path in into.iterdir()] == ["Anon, Band - Piece 2.wav"]
