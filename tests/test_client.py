"""Services are asked slowly, again when they stumble, later when they say so, and never without an end."""

import email.utils
import time

import pytest
from loopback import Answer, Loopback

from audiosim.errors import BusyServiceError, NotThereError, OfflineError, OnlineError
from audiosim_pipelines.online import client as module
from audiosim_pipelines.online.cache import Cache
from audiosim_pipelines.online.client import Client, Manners

GOOD = Answer({"a": 1})


@pytest.fixture
def server():
    with Loopback() as server:
        yield server


@pytest.fixture
def naps():
    """How long was waited, without waiting."""
    return []


@pytest.fixture
def client(naps):
    return Client(sleep=naps.append, manners=Manners(timeout=5.0, per_second=1e6))


def test_what_is_asked_is_plain_and_names_the_program(server, client):
    server.answers["/x"] = GOOD
    assert client.get_json(f"{server.url}/x", {"ids": "a,b", "days": 3}) == {"a": 1}
    (asked,) = server.asked
    assert asked.query == {"ids": ["a,b"], "days": ["3"]}
    assert asked.headers["User-Agent"].startswith("audiosim/")
    assert "Cookie" not in asked.headers
    assert "Authorization" not in asked.headers


@pytest.mark.parametrize(
    "bad", [Answer(status=500), Answer(status=503), Answer("x" * 50, cut_after=10), Answer(status=429)]
)
def test_a_stumble_is_tried_again_with_growing_pauses(server, client, naps, bad):
    server.answers["/x"] = [bad, bad, GOOD]
    assert client.get_json(f"{server.url}/x") == {"a": 1}
    assert len(server.asked) == 3
    assert 0.75 <= naps[0] <= 1.25
    assert 1.5 <= naps[1] <= 2.5


def test_attempts_end(server, client):
    server.answers["/x"] = Answer(status=500)
    with pytest.raises(OnlineError, match=r"/x could not be had in 4 attempts: HTTP 500 Internal Server Error"):
        client.get_json(f"{server.url}/x")
    assert len(server.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 451])
def test_a_refusal_is_final(server, client, status):
    server.answers["/x"] = Answer(status=status)
    with pytest.raises(OnlineError, match=rf"/x is refused: HTTP {status}"):
        client.get_json(f"{server.url}/x")
    assert len(server.asked) == 1


def test_what_is_not_there_is_told_apart(server, client):
    with pytest.raises(NotThereError, match="/x does not exist: HTTP 404"):
        client.get_json(f"{server.url}/x")
    assert len(server.asked) == 1


def test_a_service_says_when_to_come_again(server, client, naps):
    date = email.utils.format_datetime(email.utils.localtime().fromtimestamp(time.time() + 60).astimezone())
    server.answers["/x"] = [
        Answer(status=429, headers={"Retry-After": "7"}),
        Answer(status=503, headers={"Retry-After": date}),
        Answer(status=429, headers={"Retry-After": "soon"}),
        GOOD,
    ]
    assert client.get_json(f"{server.url}/x") == {"a": 1}
    assert naps[0] == 7.0
    assert naps[1] == pytest.approx(60, abs=5)
    assert naps[2] < 10
    server.answers["/x"] = Answer(status=429, headers={"Retry-After": "3600"})
    with pytest.raises(
        BusyServiceError, match=r"127\.0\.0\.1 asks to come again in 3600 s; run the same command again"
    ):
        client.get_json(f"{server.url}/x")


def test_a_body_that_drips_for_ever_ends(server, naps):
    server.answers["/x"] = Answer("[" + " " * 1_000 + "]", seconds_a_byte=0.05)
    client = Client(sleep=naps.append, manners=Manners(timeout=0.5, n_attempts=2, per_second=1e6))
    started = time.monotonic()
    with pytest.raises(OnlineError, match=r"in 2 attempts: no whole answer within 0\.5 s"):
        client.get_json(f"{server.url}/x")
    assert time.monotonic() - started < 20


def test_silence_ends(server, naps):
    server.answers["/x"] = Answer(before=2.0)
    client = Client(sleep=naps.append, manners=Manners(timeout=0.3, n_attempts=1, per_second=1e6))
    with pytest.raises(OnlineError, match="could not be had in 1 attempts"):
        client.get_json(f"{server.url}/x")


def test_nobody_there(client, naps):
    with pytest.raises(OnlineError, match="could not be had in 4 attempts: ConnectionError"):
        client.get_json("http://127.0.0.1:9/x")
    assert len(naps) == 3


@pytest.mark.parametrize("body", ["<html>", "", "{", "[NaN]", b"\xff\xff"])
def test_what_is_no_json_is_an_error(server, client, body):
    server.answers["/x"] = Answer(body)
    with pytest.raises(OnlineError, match="/x must answer with JSON: it is no JSON"):
        client.get_json(f"{server.url}/x")


def test_an_answer_has_bounds(server, client, monkeypatch):
    monkeypatch.setattr(module, "_MOST_BYTES", 2**20)
    server.answers["/x"] = Answer(b" " * (2**20 + 1))
    with pytest.raises(OnlineError, match="must answer with at most 1 MiB, got more"):
        client.get_json(f"{server.url}/x")


def test_redirects_stay_on_the_host(server, client):
    server.answers |= {
        "/x": Answer(status=302, headers={"Location": f"{server.url}/y"}),
        "/y": GOOD,
        "/z": Answer(status=302, headers={"Location": "https://example.org/"}),
    }
    assert client.get_json(f"{server.url}/x") == {"a": 1}
    with pytest.raises(OnlineError, match=r"sends elsewhere \(https://example\.org/\), which is not followed"):
        client.get_json(f"{server.url}/z")


@pytest.mark.parametrize("url", ["http://example.org/", "file:///etc/passwd", "ftp://127.0.0.1/"])
def test_only_https_is_spoken_with_others(client, url):
    with pytest.raises(OnlineError, match="only https is spoken with services"):
        client.get_json(url)


@pytest.mark.parametrize("url", ["no address", "https://", "https://[::1/x", "http://user@:x/"])
def test_what_is_no_address_is_refused(client, naps, url):
    with pytest.raises(OnlineError, match=r"is no address of a service|only https is spoken"):
        client.get_json(url)
    assert naps == []


def test_requests_are_spread(server, naps):
    server.answers["/x"] = GOOD
    client = Client(sleep=naps.append, manners=Manners(per_second=2.0))
    for _ in range(3):
        client.get_json(f"{server.url}/x")
    # Nobody really slept, so that the second request is half a second early and the third a whole one.
    assert [round(nap, 1) for nap in naps] == pytest.approx([0.5, 1.0], abs=0.2)


def test_a_clock_that_was_put_back_makes_no_answer_young_for_ever(server, tmp_path, monkeypatch):
    server.answers["/x"] = [GOOD, Answer({"a": 2})]
    client = Client(cache=Cache(tmp_path), manners=Manners(per_second=1e6))
    assert client.get_json(f"{server.url}/x") == {"a": 1}
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert client.get_json(f"{server.url}/x") == {"a": 2}


def test_credentials_of_other_programs_are_not_sent(server, client, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.answers["/x"] = GOOD
    client.get_json(f"{server.url}/x")
    assert "Authorization" not in server.asked[0].headers


def test_answers_are_kept_and_are_all_there_is_offline(server, tmp_path):
    server.answers["/x"] = [GOOD, Answer({"a": 2})]
    cache = Cache(tmp_path)
    online = Client(cache=cache, manners=Manners(per_second=1e6))
    url = f"{server.url}/x"
    assert online.get_json(url) == {"a": 1}
    assert online.get_json(url, max_age=3_600) == {"a": 1}
    assert len(server.asked) == 1
    offline = Client(cache=cache, offline=True)
    assert offline.get_json(url) == {"a": 1}
    with pytest.raises(OfflineError, match=r"/y is wanted and not kept from before; leave out --offline"):
        offline.get_json(f"{server.url}/y")
    assert len(server.asked) == 1
    for broken in (b"", b"{}", b"[]", b"\xff"):
        for file in (tmp_path / "online").iterdir():
            file.write_bytes(broken)
        with pytest.raises(OfflineError):
            offline.get_json(url)
    assert online.get_json(url) == {"a": 2}
