"""New releases over a real connection to a server that speaks ListenBrainz' contract."""

import csv
import json
import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from loopback import Answer, Loopback
from make_library import audiosim

from audiosim.errors import OfflineError, OnlineError, SettingsError
from audiosim_pipelines.online.listenbrainz import Release
from audiosim_pipelines.releases import releases, write_releases
from audiosim_pipelines.settings_online import OnlineSettings

PATH = "/1/explore/fresh-releases/"
TODAY = date(2026, 11, 20)


def said(artist, title, day="2026-11-19", kind="Album", **more):
    return {
        "artist_credit_name": artist,
        "artist_mbids": ["8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"],
        "release_date": day,
        "release_group_mbid": "5c8a9b8e-0d5b-4b8c-8b0a-000000000001",
        "release_group_primary_type": kind,
        "release_mbid": "5c8a9b8e-0d5b-4b8c-8b0a-000000000002",
        "release_name": title,
        **more,
    }


LISTED = [
    said("Anon", "Suites", "2026-11-12", release_tags=["Baroque", "cello"]),
    said("Band", "=Gigue", kind="Single"),
    said("Band", "=Gigue", kind="Single"),
    said("Two\nLines", "Naïve \x07", kind=None, release_tags="nonsense"),
    said("", "Nameless"),
    "nonsense",
]


@pytest.fixture
def server():
    with Loopback() as server:
        server.answers[PATH] = Answer({"payload": {"releases": LISTED, "total_count": len(LISTED)}})
        yield server


@pytest.fixture
def online(server):
    return OnlineSettings(listenbrainz_url=server.url, per_second=1e6, n_attempts=1)


def test_releases_are_listed_once_the_newest_first(server, online):
    report = releases(online, days=9, today=TODAY)
    assert [(r.artist, r.title, r.date) for r in report.releases] == [
        ("Two Lines", "Naïve", "2026-11-19"),
        ("Band", "=Gigue", "2026-11-19"),
        ("Anon", "Suites", "2026-11-12"),
    ]
    assert (report.n_all, report.n_tagged) == (3, 1)
    (asked,) = server.asked
    assert asked.query == {
        "release_date": ["2026-11-20"],
        "days": ["9"],
        "sort": ["release_date"],
        "past": ["true"],
        "future": ["false"],
    }


def test_genres_and_a_limit(online):
    assert [r.title for r in releases(online, genres=["baroque "], today=TODAY).releases] == ["Suites"]
    assert releases(online, genres=["rock"], today=TODAY).releases == ()
    assert len(releases(online, limit=2, today=TODAY).releases) == 2


def test_lists(online, tmp_path):
    report = releases(online, today=TODAY)
    write_releases(report, tmp_path / "new.txt")
    assert (tmp_path / "new.txt").read_text() == (
        "artist:Two Lines album:Naïve\nBand - =Gigue\nartist:Anon album:Suites\n"
    )
    write_releases(report, tmp_path / "new.csv")
    with (tmp_path / "new.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[1]["title"], rows[2]["tags"]) == ("'=Gigue", "baroque; cello")
    write_releases(report, tmp_path / "new.json")
    assert json.loads((tmp_path / "new.json").read_text())[1]["query"] == "Band - =Gigue"
    with pytest.raises(SettingsError, match=r"written as \.txt, \.csv, \.json, got new\.xls"):
        write_releases(report, tmp_path / "new.xls")


@pytest.mark.parametrize(
    ("artist", "title", "query"),
    [
        ("#Band", "Air", "Band - Air"),
        ("-", "Air", "Air"),
        ("Band", "album: Air", "Band - album  Air"),
        ("-", "#", "artist:- album:#"),
    ],
)
def test_a_query_is_no_remark_no_option_and_nothing_else_to_spotdl(artist, title, query):
    assert Release(artist, title, "2026-11-19", "Single", (), None, None).query == query


def test_an_answer_is_kept_for_a_while_and_for_those_offline(server, online, tmp_path):
    first = releases(online, library=tmp_path, today=TODAY)
    assert releases(online, library=tmp_path, today=TODAY) == first
    assert len(server.asked) == 1
    offline = replace(online, offline=True)
    assert releases(offline, library=tmp_path, today=TODAY) == first
    with pytest.raises(OfflineError, match=r"fresh-releases.* is wanted and not kept from before"):
        releases(offline, library=tmp_path, days=3, today=TODAY)
    # Days later it is still the last answer that there is.
    later = releases(offline, library=tmp_path, today=TODAY + timedelta(days=9))
    assert (later.until, later.releases) == (TODAY, first.releases)
    with pytest.raises(OfflineError, match="release_date=2027"):
        releases(offline, library=tmp_path, today=date(2027, 1, 1))
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [[], {}, {"payload": []}, {"payload": {"releases": None}}])
def test_another_answer_is_an_error(server, online, body):
    server.answers[PATH] = Answer(body)
    with pytest.raises(OnlineError, match='must answer with "payload" and in it a list "releases"'):
        releases(online, today=TODAY)


def test_days_have_bounds(online):
    with pytest.raises(ValueError, match=r"days must lie in 1 \.\. 90, got 91"):
        releases(online, days=91, today=TODAY)


def test_the_command(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"AUDIOSIM_ONLINE_LISTENBRAINZ_URL": server.url}
    stdout, stderr = audiosim("releases", "--days", "3", "-o", "new.txt", settings=settings)
    assert stdout == "new.txt\n"
    assert re.search(r"3 releases in 3 days up to 20\d\d-\d\d-\d\d, 1 of them with tags", stderr)
    assert "Suites" in audiosim("releases", settings=settings)[0]
    assert json.loads(audiosim("releases", "--json", "--limit", "1", settings=settings)[0])["n_all"] == 3
    n_asked = len(server.asked)
    for more in (
        {"arguments": ["--offline"], "settings": settings},
        {"settings": {**settings, "AUDIOSIM_OFFLINE": "1"}},
    ):
        _, stderr = audiosim("releases", *more.get("arguments", []), settings=more["settings"], expected=1)
        assert "is wanted and not kept from before; leave out --offline to get it" in stderr
    assert len(server.asked) == n_asked
    assert [path.name for path in tmp_path.iterdir()] == ["new.txt"]  # asking makes no library
