"""Stands in for spotdl 4.6: the same options, files, exit codes and words, over a server on this computer.

Started as a program, it asks the server that FAKE_SPOTDL_URL names: `/search?q=QUERY` for the songs of a query, as
JSON, and `/audio?id=SONG_ID` for a song's file. The header X-Act of an answer makes it misbehave:

hang            never ends, whatever SIGTERM says, nor does a child that it starts
exit N          ends with N at once
partial         writes half of the file and ends with 1
unfinished      writes half of the file and ends with 0, without an entry in the archive
full            may write files of a few bytes only, as under a quota
garbage         writes something else than JSON (only of a search)
"""

import argparse
import http.client
import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

VERSION = os.environ.get("FAKE_SPOTDL_VERSION", "4.6.0")


def command():
    """What the setting fetch.command must be."""
    return shlex.join([sys.executable, "-I", str(Path(__file__).resolve())])


def main():
    if "--version" in sys.argv:
        say(VERSION)
        return
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("operation", choices=["download", "save"])
    parser.add_argument("query", nargs="+")
    parser.add_argument("--lyrics", nargs="*")
    parser.add_argument("--simple-tui", action="store_true")
    for name in ("save-file", "threads", "save-errors", "format", "output", "archive", "log-level"):
        parser.add_argument(f"--{name}")
    options = parser.parse_args()
    say(f"[10:30:15] INFO     MainThread - Processing query: {options.query[0]}")
    (save if options.operation == "save" else download)(options)


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def fail(options, error):
    Path(options.save_errors).write_text(f"{error}\n")
    say(f"[10:30:15] ERROR    MainThread - An error occurred\n│   429 │   raise\n{type(error).__name__}: {error}")
    sys.exit(1)


def save(options):
    """One query that is not found is an exception, as there."""
    try:
        content, headers = get("/search", q=options.query[0])
        songs = json.loads(content)
    except (OSError, http.client.HTTPException, ValueError) as error:
        fail(options, error)
    if not songs:
        fail(options, LookupError(f"No results found for: {options.query[0]}"))
    act(headers, None, content)
    text = "[{" if headers.get("X-Act") == "garbage" else json.dumps(songs)
    Path(options.save_file).write_text(text)


def download(options):
    """What fails is an entry of the file of errors; the exit status is 0 all the same, as there."""
    done = set()
    archive = Path(options.archive)
    if archive.exists():
        done = set(archive.read_text().splitlines())
    errors = []
    for song in json.loads(Path(options.query[0]).read_text()):
        if song["url"] in done:
            continue
        output = Path(options.output.replace("{output-ext}", options.format))
        try:
            content, headers = get("/audio", id=song["song_id"])
            act(headers, output, content)
            if headers.get("X-Act") == "unfinished":
                continue
            output.write_bytes(content)
            done.add(song["url"])
        except (OSError, http.client.HTTPException) as error:
            limit_files(resource.RLIM_INFINITY)  # there is room for the log
            wrapped = f"{type(error).__name__}: {error}"
            if not isinstance(error, OSError) or error.errno is None:
                say(f"    AudioProviderError: ERROR: [generic] b: Unable to download webpage: {error} (caused by ...)")
                wrapped = f"AudioProviderError: YT-DLP download error - http://video.invalid/{song['song_id']}"
            say(f"    The above exception was the direct cause of the following exception:\n\n    {wrapped}")
            errors.append(f"{song['url']} - {wrapped}")
    with Path(options.save_errors).open("a") as file:
        file.writelines(["2026-11-21-10-30-39\n"] * bool(errors) + [f"{line}\n" for line in errors])
    archive.write_text("".join(f"{url}\n" for url in sorted(done)))


def get(path, **query):
    """An answer's body and headers; a service that asks for patience gets it, as from spotipy, which says so."""
    url = f"{os.environ['FAKE_SPOTDL_URL']}{path}?{urllib.parse.urlencode(query)}"
    while True:
        try:
            with urllib.request.urlopen(url, timeout=20) as response:
                return response.read(), response.headers
        except urllib.error.HTTPError as error:
            error.close()
            pause = error.headers.get("Retry-After")
            if error.code != 429 or pause is None:
                raise
            say(f"Your application has reached a rate/request limit. Retry will occur after: {pause} s")
            time.sleep(float(pause))


def limit_files(n_bytes):
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))


def act(headers, output, content):
    what, _, number = headers.get("X-Act", "").partition(" ")
    if output is not None and what in {"partial", "unfinished", "hang"}:
        output.write_bytes(content[: len(content) // 2])
    if what == "partial":
        sys.exit(1)
    if what == "exit":
        say("Killed")
        os._exit(int(number))
    if what == "full":
        limit_files(100)
    if what == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "600"])
        if os.environ.get("FAKE_SPOTDL_PIDS"):
            Path(os.environ["FAKE_SPOTDL_PIDS"]).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)


if __name__ == "__main__":
    main()
