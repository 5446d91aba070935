"""Finding spotdl, calling it, understanding what it says; and the real one, where it is installed."""

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from threading import Event

import fake_spotdl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Answer, Loopback
from make_audio import tone, write_encoded

from audiosim.errors import SettingsError, SourceError
from audiosim.library import Library
from audiosim.sources.spotdl_file import Song, song_list_text
from audiosim_pipelines import doctor
from audiosim_pipelines.fetch.child import Ran, StoppedError, run_child
from audiosim_pipelines.fetch.fault import fault_of
from audiosim_pipelines.fetch.job import fetch
from audiosim_pipelines.fetch.program import Program, ProgramError, find_program, locate, require_version
from audiosim_pipelines.fetch.request import matched, read_requests
from audiosim_pipelines.settings import Settings
from audiosim_pipelines.settings_online import FetchSettings


def script(folder, name, text):
    """A program on PATH."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return partial(script, folder)


def test_the_setting_goes_before_path_and_path_before_uvx(on_path, tmp_path):
    with pytest.raises(ProgramError, match=r'spotdl is not found; .*pipx install "spotdl>=4\.6,<5"'):
        locate()
    uvx = on_path("uvx", "")
    assert locate() == (str(uvx), "--from", "spotdl>=4.6,<5", "spotdl")
    spotdl = on_path("spotdl", "echo 4.7.1")
    assert locate() == (str(spotdl),)
    assert find_program() == Program((str(spotdl),), "4.7.1")
    other = script(tmp_path, "other one", "echo v4.6.0.dev1")
    assert find_program(f"'{other}' -x").arguments == (str(other), "-x")
    with pytest.raises(ProgramError, match=r"fetch\.command names nothing-here, which is no program"):
        locate("nothing-here")
    with pytest.raises(SettingsError, match='must be a program and its arguments, got "\'"'):
        locate("'")


@pytest.mark.parametrize("said", ["4.6.0", "v4.6.0\n", "note: update\n4.10.2\n", "4.99"])
def test_versions_that_are_understood(said):
    assert require_version(said, ("spotdl",)).startswith("4.")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("4.5.9", "is 4.5.9; install another"),
        ("5.0.0", "is 5.0.0"),
        ("", "must print a version, got ''"),
        ("x 4.6", "got 'x 4.6'"),
    ],
)
def test_versions_that_are_not(said, message):
    with pytest.raises(ProgramError, match=message):
        require_version(said, ("spotdl",))


def test_a_program_that_does_not_start(on_path):
    on_path("spotdl", "echo broken; exit 3")
    with pytest.raises(ProgramError, match="--version ended with 3: broken"):
        find_program()
    on_path("spotdl", "exec /bin/sleep 9")
    with pytest.raises(ProgramError, match=r"did not say its version within 0\.2 s"):
        find_program(within=0.2)


def test_a_child_is_ended_by_its_event_and_by_what_it_announces(tmp_path):
    stop = Event()
    run = partial(run_child, folder=tmp_path, timeout=20.0, patience=5.0, stop=stop)
    ran = run([sys.executable, "-c", "print('\\x1b[31mred\\x1b[0m \\u00fc'); exit(3)"])
    assert ran == Ran(3, "red ü\n")
    said = "Retry will occur after: 4 s\nRetry will occur after: 6 s"
    ran = run(["/bin/sh", "-c", f"echo '{said}'; sleep 60"])
    assert (ran.code, ran.pause) == (None, 6.0)
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(StoppedError):
        run(["sleep", "60"])


def test_faults_are_told_apart_by_their_reason_and_not_by_quoted_code():
    box = "╭─ Traceback ─╮\n│   429 │   raise HTTP Error 429\n│ ❱ 404 │   x = 'No space left on device'\n╰──╯\n"
    fault = fault_of(Ran(1, box + "ConnectionError: refused"), "", timeout=9)
    assert (fault.kind, fault.reason) == ("passing", "spotdl ended with 1: refused")
    # As spotdl 4.6.0 says it: the file of errors names the video, the log the cause.
    log = (
        "    AudioProviderError: ERROR: [generic] b: Unable to download webpage: HTTP Error 404: File not found\n\n"
        "    The above exception was the direct cause of the following exception:\n\n"
        "    AudioProviderError: YT-DLP download error - http://a.invalid/b\n"
        "[10:30:39] INFO     MainThread - Saved errors to errors.txt\n"
    )
    errors = "2026-11-21-10-30-39\nhttps://x.invalid - AudioProviderError: YT-DLP download error - http://a.invalid/b\n"
    fault = fault_of(Ran(0, log), errors, timeout=9)
    assert (fault.kind, fault.reason) == ("final", "Unable to download webpage: HTTP Error 404: File not found")
    assert fault_of(Ran(0, ""), "a\nb: LookupError: No results found for song: c\n", timeout=9).kind == "final"
    assert fault_of(Ran(1, "OSError: [Errno 28] No space left on device"), "", timeout=9).kind == "full"
    assert fault_of(Ran(0, ""), "", timeout=9).reason == "spotdl made no file and gave no reason"


@given(st.text(), st.text(), st.none() | st.integers())
def test_whatever_is_said_is_a_reason_of_one_line(log, errors, code):
    fault = fault_of(Ran(code, log), errors, timeout=1.0)
    assert fault.reason
    assert len(fault.reason.splitlines()) == 1


def test_lists_of_queries(tmp_path):
    path = tmp_path / "new.txt"
    path.write_bytes(b"\xef\xbb\xbfAnon - Air\r\n\n  # comment\n-M- - Titre\nother.spotdl\nAnon - Air\n" + b"x" * 1_001)
    requests = read_requests([str(path), "Anon - Air"])
    assert [request.text for request in requests if request.refusal is None] == ["Anon - Air"]
    refusals = {request.text[:12]: request.refusal for request in requests if request.refusal}
    assert "must not begin with -" in refusals["-M- - Titre"]
    assert "must not name other lists" in refusals["other.spotdl"]
    assert "at most 1000 printable characters" in refusals["x" * 12]
    with pytest.raises(SourceError, match="No such file"):
        read_requests([str(tmp_path / "gone.txt")])


@given(st.lists(st.text(), max_size=3))
def test_no_query_becomes_an_option(texts):
    """Whatever is asked for, what stands behind `save` is a query or is never given to the program."""
    queries = [text for text in texts if Path(text).suffix.lower() not in {".txt", ".spotdl"}]
    for request in read_requests(queries):
        if request.refusal is None:
            assert request.text
            assert not request.text.startswith("-")
            assert "\0" not in request.text


def test_addresses_that_are_no_web_addresses_are_dropped():
    songs = [
        Song(str(i), ("A",), song_id=str(i), extra={"download_url": url})
        for i, url in enumerate(["https://a.invalid/b", "file:///etc/passwd", "-exec", 3, None])
    ]
    assert [song.extra["download_url"] for song in matched("x", songs)] == [
        "https://a.invalid/b",
        None,
        None,
        None,
        None,
    ]


def test_doctor_says_what_fetching_needs(on_path, tmp_path, monkeypatch):
    monkeypatch.delenv("AUDIOSIM_FETCH_COMMAND", raising=False)
    findings = [doctor._spotdl(tmp_path), doctor._ffmpeg(), doctor._javascript()]
    assert [finding.state for finding in findings] == ["note"] * 3
    assert all("spotdl" in finding.advice for finding in findings)
    on_path("spotdl", "echo 4.6.0")
    on_path("ffmpeg", "echo ffmpeg version 6.1.1-3 Copyright")
    on_path("deno", "exit 1")
    found = [
        finding.found.split(",")[0] for finding in (doctor._spotdl(tmp_path), doctor._ffmpeg(), doctor._javascript())
    ]
    assert found == ["4.6.0", "6.1.1", "deno of unknown version"]
    on_path("spotdl", "echo 3.9.6")
    assert "spotdl>=4.6,<5 is understood" in doctor._spotdl(tmp_path).advice
    monkeypatch.setenv("AUDIOSIM_FETCH_COMMAND", fake_spotdl.command())
    assert doctor._spotdl(tmp_path).state == "ok"


@pytest.fixture(scope="module")
def real():
    """The real program, by its own name or by a variable."""
    program = os.environ.get("AUDIOSIM_TEST_SPOTDL") or shutil.which("spotdl")
    if program is None:
        pytest.skip("spotdl is not installed")
    return program


def test_every_option_that_is_given_is_one_of_the_real_program(real):
    told = subprocess.run([real, "--help"], capture_output=True, text=True, check=True).stdout
    program = Program((), "")
    for arguments in (program.saving("Anon - Air"), program.downloading("mp3")):
        assert {word for word in arguments if word.startswith("--")} <= {word.strip("[],") for word in told.split()}
        assert arguments[0] in {"save", "download"}
    for suffix in ("mp3", "flac", "ogg", "opus", "m4a", "wav"):
        assert suffix in told


@pytest.fixture
def music(tmp_path):
    """One file on a server of this computer, a stand-in for ffmpeg that only has a version, and a home of its own."""
    script(tmp_path, "ffmpeg", "echo ffmpeg version 6.1.1 Copyright")
    # m4a that is there as m4a needs no encoder; YouTube Music is asked about its health before anything else.
    config = tmp_path / ".config" / "spotdl" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"load_config": True, "bitrate": "auto", "audio_providers": ["youtube"]}))
    content = write_encoded(tmp_path / "air.m4a", tone(2.0, sample_rate=44_100)).read_bytes()
    with Loopback() as server:
        server.answers["/air.m4a"] = Answer(content, headers={"Content-Type": "audio/mp4"})
        yield server.url


def test_the_real_program_fetches_and_fails_as_it_is_understood(real, music, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    songs = [
        Song(name, ("Anon",), duration=seconds, song_id=name, url=f"https://open.spotify.com/track/{name}",
             genres=("baroque",), album_artist="Anon", isrc="USRC17607839" if name == "air" else None,
             extra={"album_id": "1", "download_url": f"{music}/{file}.m4a"})
        for name, file, seconds in (("air", "air", 2), ("gone", "gone", 2), ("wrong", "air", 60))
    ]  # fmt: skip
    (tmp_path / "list.spotdl").write_text(song_list_text(songs))
    settings = Settings(fetch=FetchSettings(command=real, format="m4a", threads=3, timeout=120, n_attempts=1))
    library = Library.create(tmp_path / "library")
    report = fetch(library, [str(tmp_path / "list.spotdl")], settings)
    assert [(one.title, one.state) for one in report.songs] == [
        ("air", "fetched"), ("gone", "failed"), ("wrong", "quarantined"),
    ]  # fmt: skip
    assert "HTTP Error 404" in (report.songs[1].reason or "")
    (track,) = library.tracks()
    assert (track.label, track.isrc, track.external_id) == ("Anon - air", "USRC17607839", "air")
