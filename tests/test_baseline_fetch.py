"""Features from a service: slowly, resumably, and whatever it answers."""

import json

import pytest
from loopback import Answer, Loopback

from audiosim.errors import BusyServiceError, OnlineError
from audiosim.library import Library
from audiosim.sources.feature_table import join, read_feature_table
from audiosim_pipelines.baseline_fetch import TABLE_NAME, fetch_baseline, n_to_ask
from audiosim_pipelines.online.client import Client, Manners
from audiosim_pipelines.online.reccobeats import FEATURES

N_TRACKS = 90
UNKNOWN, WITHOUT_FEATURES, STRANGE = 3, 4, 5


def spotify(i):
    return f"{i:022d}"


def own(i):
    return f"00000000-0000-0000-0000-{i:012d}"


def features(i):
    return {
        "id": own(i),
        **{name: -7.5 if name == "loudness" else 120.0 if name == "tempo" else i / 100 for name in FEATURES},
    }


@pytest.fixture
def server():
    with Loopback() as server:
        server.answers["/v1/track"] = tracks
        for i in range(N_TRACKS):
            server.answers[f"/v1/track/{own(i)}/audio-features"] = Answer(features(i))
        del server.answers[f"/v1/track/{own(WITHOUT_FEATURES)}/audio-features"]
        server.answers[f"/v1/track/{own(STRANGE)}/audio-features"] = Answer({**features(STRANGE), "valence": "much"})
        yield server


def tracks(asked):
    """Those of the tracks that are known, in another order, with one that nobody asked for."""
    ids = asked.query["ids"][0].split(",")
    assert len(ids) <= 40
    known = [int(i) for i in ids[::-1] if int(i) != UNKNOWN]
    listed = [
        {
            "id": own(i),
            "trackTitle": f"=Piece {i}",
            "artists": [{"name": "Anon"}, {"name": "Band"}],
            "durationMs": 1_000,
            "isrc": "USRC17607839",
            "href": f"https://open.spotify.com/track/{spotify(i)}",
        }
        for i in [*known, 9_999]
    ]
    return Answer(
        {"content": [*listed, "nonsense", {"id": "../..", "href": f"https://open.spotify.com/track/{spotify(1)}"}]}
    )


@pytest.fixture
def library(tmp_path):
    library = Library.create(tmp_path / "library")
    unknown = dict.fromkeys(("album", "genre", "isrc", "duration", "artist"))
    with library.writing(), library.catalog.transaction():
        for i in range(N_TRACKS):
            more = {"title": f"Piece {i}", "external_id": spotify(i)}
            library.catalog.put_track(f"{i:064x}", {**unknown, **more})
        library.catalog.put_track("f" * 64, {**unknown, "title": "No id", "external_id": "12"})
    return library


@pytest.fixture
def client():
    return Client(manners=Manners(timeout=10, n_attempts=2, per_second=1e6), sleep=lambda _: None)


def test_all_tracks_with_an_id_are_asked_for_once(server, client, library):
    assert n_to_ask(library) == N_TRACKS
    report = fetch_baseline(library, client, server.url)
    assert (report.n_tracks, report.n_with_id, report.n_asked, report.n_with_features, report.n_unknown) == (
        N_TRACKS + 1, N_TRACKS, N_TRACKS, N_TRACKS - 3, 3,
    )  # fmt: skip
    n_asked = len(server.asked)
    assert n_asked == 3 + N_TRACKS - 1
    before = report.table.read_bytes()
    assert fetch_baseline(library, client, server.url).n_asked == 0
    assert (len(server.asked), report.table.read_bytes(), n_to_ask(library)) == (n_asked, before, 0)
    # One that was not known may be, one day.
    assert fetch_baseline(library, client, server.url, retry_unknown=True).n_asked == 3


def test_the_table_is_read_like_any_other(server, client, library):
    table = read_feature_table(fetch_baseline(library, client, server.url).table)
    coverage = join(table, library.tracks())
    assert (table.names, len(table), coverage.n_by_id) == (
        (
            "danceability",
            "energy",
            "loudness",
            "speechiness",
            "acousticness",
            "instrumentalness",
            "liveness",
            "valence",
            "tempo",
        ),
        N_TRACKS - 3,
        N_TRACKS - 3,
    )
    assert coverage.values[1][0] == pytest.approx(0.01)


def test_what_was_answered_before_an_end_is_not_asked_for_again(server, client, library):
    path = f"/v1/track/{own(20)}/audio-features"
    server.answers[path] = [Answer(status=429, headers={"Retry-After": "9999"}), Answer(features(20))]
    with pytest.raises(BusyServiceError, match="asks to come again in 9999 s"):
        fetch_baseline(library, client, server.url)
    assert n_to_ask(library) == N_TRACKS - 20
    # A kill in the middle of a line.
    journal = library.folder / "online" / "reccobeats.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    assert n_to_ask(library) == N_TRACKS - 19
    assert fetch_baseline(library, client, server.url).n_with_features == N_TRACKS - 3
    assert n_to_ask(library) == 0
    asked = [request.path for request in server.asked]
    assert asked.count(f"/v1/track/{own(10)}/audio-features") == 1


def test_a_track_that_fails_does_not_stop_the_others(server, client, library):
    bad = [Answer(status=400), Answer("<html>"), Answer(status=500)]
    paths = [f"/v1/track/{own(i)}/audio-features" for i in (20, 50, 89)]
    server.answers |= dict(zip(paths, bad, strict=True))
    report = fetch_baseline(library, client, server.url)
    assert (report.n_asked, report.n_failed, report.n_with_features, report.n_unknown) == (N_TRACKS, 3, N_TRACKS - 6, 3)
    assert f"{paths[0]} is refused: HTTP 400" in report.reason
    server.answers |= {path: Answer(features(i)) for path, i in zip(paths, (20, 50, 89), strict=True)}
    again = fetch_baseline(library, client, server.url)
    assert (again.n_asked, again.n_failed, again.n_with_features, again.reason) == (3, 0, N_TRACKS - 3, None)


def test_several_that_fail_in_a_row_are_the_service(server, client, library):
    for i in (20, 21, 22):
        server.answers[f"/v1/track/{own(i)}/audio-features"] = Answer(status=500)
    with pytest.raises(OnlineError, match="could not be had in 2 attempts: HTTP 500"):
        fetch_baseline(library, client, server.url)
    assert n_to_ask(library) == N_TRACKS - 20
    assert n_to_ask(library, retry_unknown=True) == N_TRACKS - 20 + 3


@pytest.mark.parametrize("body", [[], {"content": None}, {"content": {}}])
def test_another_answer_is_an_error(server, client, library, body):
    server.answers["/v1/track"] = Answer(body)
    with pytest.raises(OnlineError, match='must answer with a list "content"'):
        fetch_baseline(library, client, server.url)
    assert not (library.folder / TABLE_NAME).exists()


def test_a_library_that_nobody_knows_gives_no_table(server, client, library):
    server.answers["/v1/track"] = Answer({"content": []})
    report = fetch_baseline(library, client, server.url)
    assert (report.table, report.n_unknown) == (None, N_TRACKS)
    assert all(
        json.loads(line)["features"] is None
        for line in (library.folder / "online" / "reccobeats.jsonl").read_text().split("\n")
        if line
    )
