"""The list of a week: what the rules let in, the same when asked for again, and clear words where there is little."""

import dataclasses
import datetime as dt
import json
import shutil
from collections import Counter

import numpy as np
import pytest
from browser import assert_sound, chromium, visit
from test_cli import assert_documented, parsed

from audiosim.errors import AudiosimError, SettingsError
from audiosim.library import Library
from audiosim.listening import Listening
from audiosim.sources.fold import fold_name
from audiosim.sources.play import Play
from audiosim.sources.playlist import read_entries
from audiosim_pipelines.cli.weekly import WeekFormat
from audiosim_pipelines.next_track.evaluation import evaluate_history
from audiosim_pipelines.next_track.listing import next_tracks
from audiosim_pipelines.next_track.week import Week, WeekRequest, read_week
from audiosim_pipelines.next_track.weekly import ARTIST_CAP, LATELY, weekly_list
from audiosim_pipelines.next_track.weekly_files import FORMATS, write_week

DAY = 86_400
WEEK = Week.read("2026-W48")
BEGIN = int(dt.datetime(2026, 4, 1, 18, tzinfo=dt.UTC).timestamp())
N_TITLES, N_ARTISTS = 120, 20
FEW = WeekRequest(n=12)


def play(item, day, place, **others):
    moment = BEGIN + DAY * day + 240 * place
    names = f"Artist {item % N_ARTISTS}", f"Song {item}"
    return dataclasses.replace(Play(moment, *names, "x", moment + 240, 240_000), **others)


@pytest.fixture
def empty(tmp_path):
    with Library.create(tmp_path / "library").writing():
        pass
    return Library.open(tmp_path / "library")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """240 days, a session a day, of a listener who goes on from a title to one of three others; judged already."""
    folder = tmp_path_factory.mktemp("judged") / "library"
    with Library.create(folder).writing():
        pass
    library = Library.open(folder)
    rng = np.random.default_rng(11)
    plays = []
    for day in range(240):
        # The last four weeks stay among the first sixty titles.
        item, size = int(rng.integers(60)), N_TITLES if day < 200 else 60
        for place in range(8):
            plays.append(play(item, day, place))
            item = (3 * item + int(rng.integers(3))) % size
    Listening(library.catalog).add_plays([plays])
    evaluate_history(library, lstm=False)
    library.close()
    return folder


@pytest.fixture
def listened(judged, tmp_path):
    shutil.copytree(judged, tmp_path / "listened")
    return Library.open(tmp_path / "listened")


def labels(report):
    return [title.label for title in report.kept.titles]


def lately(library):
    plays = Listening(library.catalog).plays()
    return {f"{p.artist} - {p.title}" for p in plays if p.started_at > plays[-1].started_at - LATELY}


def test_the_rules_of_a_list(listened):
    """None twice, at most two by an artist, nothing that was played lately unless it is asked for."""
    report = weekly_list(listened, WeekRequest(n=30), week=WEEK)
    assert report.is_new
    assert report.kept.model == evaluate_history(listened, lstm=False).best
    assert f"by {report.kept.model}, which is best on this history" in report.kept.reason
    assert len(set(labels(report))) == len(labels(report)) == 30
    assert max(Counter(title.artist for title in report.kept.titles).values()) == ARTIST_CAP
    assert not set(labels(report)) & lately(listened)
    some = weekly_list(listened, WeekRequest(n=20, familiar=0.3), week=WEEK, overwrite=True)
    assert len(set(labels(some)) & lately(listened)) == 6
    assert {title.label for title in some.kept.titles if title.is_familiar} == set(labels(some)) & lately(listened)


def test_what_follows_the_latest_sessions_comes_first(empty):
    """After each of ten titles comes one that is listed; the later the session, the sooner. Nothing else is likely."""
    plays = []
    for day in range(60):
        item = day % 10
        plays += [play(item, day, 0), play(item, day, 1), play(100 + item, day, 2)]
    # Of the last ten days only the beginnings were played, after two months of silence: what follows is not familiar.
    plays += [play(item, 120 + item, place) for item in range(10) for place in (0, 1)]
    Listening(empty.catalog).add_plays([plays])
    found = weekly_list(empty, WeekRequest(n=4, temperature=0.0), week=WEEK)
    assert labels(found) == [f"Artist {(100 + item) % N_ARTISTS} - Song {100 + item}" for item in (9, 8, 7, 6)]


def test_no_list_repeats_those_of_the_weeks_before(listened):
    lists = {}
    for number in range(44, 50):
        week = Week(2026, number)
        lists[number] = set(labels(weekly_list(listened, FEW, week=week)))
        assert not lists[number] & set().union(*(lists.get(number - back, set()) for back in range(1, 5)))
    # After four weeks, what is likely may come back.
    assert lists[49] & (lists[44])


def test_a_kept_week_stays_as_it_was(listened):
    """Plays that come later, and other options, change nothing until it is planned anew; the seed and the week do."""
    first = weekly_list(listened, FEW, week=WEEK)
    Listening(listened.catalog).add_plays([[play(5, 300, place) for place in range(9)]])
    again = weekly_list(listened, FEW, week=WEEK)
    assert again.kept == first.kept
    assert not again.is_new
    other = weekly_list(listened, WeekRequest(n=3), week=WEEK)
    assert other.kept == first.kept
    assert "made with other options; plan anew with --overwrite" in other.notes[-1]
    planned = weekly_list(listened, WeekRequest(n=3), week=WEEK, overwrite=True)
    assert len(planned.kept.titles) == 3
    assert read_week(listened, WEEK) == planned.kept


def test_the_seed_and_the_week_decide_what_is_drawn(listened):
    def drawn(seed, week):
        return labels(weekly_list(listened, WeekRequest(n=12, seed=seed), week=week, overwrite=True, keep=False))

    assert drawn(0, WEEK) == drawn(0, WEEK)
    assert drawn(0, WEEK) != drawn(1, WEEK)
    assert drawn(0, WEEK) != drawn(0, Week(2026, 49))
    assert read_week(listened, WEEK) is None


def test_a_past_week_knows_nothing_of_what_came_after(listened):
    """Titles that were first played when it was over are not listed."""
    week = Week.of(dt.datetime.fromtimestamp(BEGIN + 10 * DAY, dt.UTC).date())
    titles = set(labels(weekly_list(listened, WeekRequest(n=40, familiar=1.0), week=week)))
    plays = Listening(listened.catalog).plays()
    before = {f"{p.artist} - {p.title}" for p in plays if p.started_at < week.until}
    assert len(before) < N_TITLES
    assert titles <= before


def test_the_artist_of_a_guest_and_copies_of_a_title(heard):
    """Only what the library has where that is asked for; copies of a title count as one, artists by folded names."""
    report = weekly_list(heard, WeekRequest(n=40, familiar=1.0, only_library=True), week=WEEK)
    assert all(track is not None and track.paths for track in report.tracks)
    assert len({title.name for title in report.kept.titles}) == len(report.kept.titles)
    assert max(Counter(fold_name(title.artist) for title in report.kept.titles).values()) <= ARTIST_CAP
    assert "there is no more to list than" in report.notes[-1]


@pytest.fixture
def heard(demo_run, tmp_path):
    """The demo library; half of what was played is in it, half is not."""
    shutil.copytree(demo_run.folder, tmp_path / "heard")
    library = Library.open(tmp_path / "heard")
    tracks = library.tracks()
    rng = np.random.default_rng(6)
    plays = []
    for day in range(30):
        for place, item in enumerate(rng.permutation(24)[:5].tolist()):
            one = play(item, day, place)
            known = tracks[item] if item < 12 else None
            plays.append(
                one if known is None else dataclasses.replace(one, artist=known.artist or "", title=known.title or "")
            )
    Listening(library.catalog).add_plays([plays])
    return library


def test_files_have_what_has_a_file(heard, tmp_path):
    """M3U8 leaves out what has none; XSPF and JSPF name it; the page says so."""
    report = weekly_list(heard, WeekRequest(n=20, familiar=1.0), week=WEEK)
    with_file = [track.paths[0] for track in report.tracks if track is not None]
    assert 0 < len(with_file) < 20
    paths = write_week(heard, report, output=tmp_path / "out", formats=FORMATS)
    assert [path.name for path in paths] == [f"2026-W48.{suffix}" for suffix in FORMATS]
    m3u8, xspf, jspf, page = paths
    assert [entry.path for entry in read_entries(m3u8)] == with_file
    for path in (xspf, jspf):
        assert [entry.title for entry in read_entries(path)] == [
            track.title if track else title.title
            for title, track in zip(report.kept.titles, report.tracks, strict=True)
        ]
    text = page.read_text(encoding="utf-8")
    assert text.count("<audio") == len(with_file)
    assert text.count("<small>no file</small>") == 20 - len(with_file)
    before = page.read_bytes()
    again = weekly_list(heard, report.kept.request, week=WEEK)
    write_week(heard, again, output=tmp_path / "out", formats=FORMATS)
    assert page.read_bytes() == before
    with pytest.raises(SettingsError, match="is written as m3u8, xspf, jspf, html, not 'csv'"):
        write_week(heard, report, formats=["csv"])


def test_the_page_in_a_browser(heard):
    """What has a file can be played, and nothing is asked of a network."""
    report = weekly_list(heard, WeekRequest(n=6, familiar=1.0), week=WEEK)
    (path,) = write_week(heard, report, formats=["html"])
    with chromium() as browser, visit(browser, path, screen="phone") as found:
        assert_sound(found, n_pictures=0, n_players=sum(track is not None for track in report.tracks))


# Little to choose from


def test_without_any_play_the_library_is_drawn_from(demo_run, tmp_path):
    shutil.copytree(demo_run.folder, tmp_path / "copy")
    report = weekly_list(Library.open(tmp_path / "copy"), FEW, week=WEEK)
    assert report.kept.model == "popularity"
    assert report.kept.reason.startswith("nothing was played: tracks of the library in an order of chance")
    assert report.kept.titles


def test_one_session_is_too_few_to_learn_from(demo_run, tmp_path, empty):
    """Sounds are compared where there are any; else what was played most is listed."""
    shutil.copytree(demo_run.folder, tmp_path / "copy")
    library = Library.open(tmp_path / "copy")
    track = library.tracks()[3]
    plays = [play(0, 0, i, artist=track.artist or "", title=track.title or "") for i in range(2)]
    Listening(library.catalog).add_plays([plays])
    report = weekly_list(library, WeekRequest(n=3, temperature=0.0), week=WEEK)
    assert report.kept.model == "content_knn"
    assert "the history has 1 sessions of two plays, too few to learn from" in report.kept.reason
    likely = next_tracks(library, seeds=[track.track_id], n=30).items
    assert report.kept.titles[0].label in [item.label for item in likely[:2]]
    Listening(empty.catalog).add_plays([[play(1, 0, 0), play(2, 40, 0), play(2, 80, 0)]])
    found = weekly_list(empty, WeekRequest(n=3, familiar=1.0, temperature=0.0), week=WEEK)
    assert (found.kept.model, labels(found)) == ("popularity", ["Artist 2 - Song 2", "Artist 1 - Song 1"])


def test_nothing_to_choose_from_and_nothing_left(empty):
    with pytest.raises(AudiosimError, match="there are neither plays nor tracks to choose from; add plays with"):
        weekly_list(empty, FEW, week=WEEK)
    skips = [play(i, 0, i, ms_played=2_000) for i in range(5)]
    Listening(empty.catalog).add_plays([skips])
    with pytest.raises(AudiosimError, match="there are neither plays nor tracks"):
        weekly_list(empty, FEW, week=WEEK)
    Listening(empty.catalog).add_plays([[play(i, 1 + i // 5, i) for i in range(10)]])
    with pytest.raises(AudiosimError, match=r"nothing is left .*; let some of it in with --familiar"):
        weekly_list(empty, FEW, week=WEEK)
    assert weekly_list(empty, WeekRequest(n=5, familiar=1.0), week=WEEK).kept.titles


# Weeks, requests, and files that are kept


@pytest.mark.parametrize("text", ["2026-48", "2026-W54", "2026-W00", "0000-W01", "9999-W52", "2026-W4", "W48", ""])
def test_what_is_no_week(text):
    with pytest.raises(SettingsError, match=f"a week of the calendar is written as 2026-W48, got '{text}'"):
        Week.read(text)


def test_weeks_of_the_calendar():
    """The year of a week is that of its Thursday; weeks before one lead over the end of a year."""
    assert str(Week.of(dt.date(2027, 1, 3))) == "2026-W53"
    assert [str(week) for week in Week(2027, 2).before(4)] == ["2027-W01", "2026-W53", "2026-W52", "2026-W51"]
    assert Week(2027, 1).until == int(dt.datetime(2027, 1, 11, tzinfo=dt.UTC).timestamp())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 0}, "at least one title, got 0"),
        ({"familiar": 1.5}, "a share from 0 to 1, got 1.5"),
        ({"familiar": float("nan")}, "a share from 0 to 1, got nan"),
        ({"temperature": float("inf")}, "temperature and seed must be at least 0, got inf and 0"),
        ({"seed": -1}, "temperature and seed must be at least 0, got 0.3 and -1"),
    ],
)
def test_requests_that_cannot_be(empty, wrong, message):
    with pytest.raises(SettingsError, match=message):
        weekly_list(empty, WeekRequest(**wrong), week=WEEK)


@pytest.mark.parametrize(
    "changes",
    [None, {"titles": None}, {"titles": [{"label": "x"}]}, {"request": {"n": 0}}, {"format": 99}, {"notes": 3}],
    ids=["empty", "no titles", "half a title", "no request", "format", "notes"],
)
def test_a_damaged_list_is_an_error_that_says_what_to_do(listened, changes):
    """Also in the weeks after, whose lists would repeat it otherwise."""
    weekly_list(listened, FEW, week=WEEK)
    path = listened.folder / "weekly" / "2026-W48.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    path.write_text("" if changes is None else json.dumps(said | changes), encoding="utf-8")
    for week in (WEEK, Week(2026, 50)):
        with pytest.raises(
            AudiosimError, match=r"2026-W48.json (cannot be read as the list of a week|must have format)"
        ):
            weekly_list(listened, FEW, week=week)
    assert weekly_list(listened, FEW, week=WEEK, overwrite=True).is_new


# The command


def test_json_and_the_screen(heard, command):
    first = command("weekly", "--week", "2026-W48", "--json", "--library", heard.folder, "-n", 20, "--familiar", 1)
    again = command("weekly", "--week", "2026-W48", "--json", "--library", heard.folder, "-n", 5)
    assert_documented("weekly", first.output, again.output)
    assert (parsed(first.output)["is_new"], parsed(again.output)["is_new"]) == (True, False)
    assert parsed(first.output)["titles"] == parsed(again.output)["titles"]
    said = command("weekly", "--week", "2026-W48", "--library", heard.folder, "--familiar", 1)
    assert "week 2026-W48" in said.output
    assert "have no file in the library: playlists of files leave them out" in said.messages
    assert f"wrote 2026-W48.m3u8, 2026-W48.html into {heard.folder / 'weekly'}" in said.messages


def test_titles_without_files_make_no_playlist(listened, command):
    said = command("weekly", "--library", listened.folder, "-n", 5)
    assert "none of these has a file in the library" in said.messages
    week = Week.of(dt.datetime.now(dt.UTC).date())
    assert sorted(path.name for path in (listened.folder / "weekly").iterdir()) == [f"{week}.html", f"{week}.json"]
    dry = command("weekly", "--library", listened.folder, "--week", "2026-W30", "--dry-run", "--json")
    assert parsed(dry.output)["files"] == []
    assert read_week(listened, Week(2026, 30)) is None


def test_formats_are_those_that_are_written():
    assert [each.value for each in WeekFormat] == list(FORMATS)
