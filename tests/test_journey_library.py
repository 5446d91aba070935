"""Journeys of a library: what is planned is kept, planned again after skips, and written as files that others read."""

import datetime as dt
import html
import json
import re
import shutil
from dataclasses import replace

import browser
import numpy as np
import pytest
from make_library import audiosim
from test_cli import assert_documented

from audiosim.errors import AudiosimError, NotComputedError, SettingsError, TrackNotFoundError
from audiosim.library import Library
from audiosim.sources.playlist import read_entries
from audiosim_pipelines.baseline import import_baseline
from audiosim_pipelines.cli.journey import FileFormat
from audiosim_pipelines.journey import ground as survey_module
from audiosim_pipelines.journey.calendar_file import Event, calendar_text
from audiosim_pipelines.journey.files import FORMATS, write_journey
from audiosim_pipelines.journey.plan import plan_journey, replan_journey
from audiosim_pipelines.journey.request import JourneyRequest, Kept, journey_name, kept_path, read_kept, write_kept

MONDAY = dt.date(2026, 11, 23)


@pytest.fixture
def library(demo_run, tmp_path):
    shutil.copytree(demo_run.folder, tmp_path / "library")
    return Library.open(tmp_path / "library")


@pytest.fixture
def request_of(library):
    """A request from one end of the mood plane to the other."""
    ids = [track.track_id for track in library.tracks()]
    ground = survey_module.survey(library, JourneyRequest(ids[0], ids[1], MONDAY))
    order = np.argsort(ground.terrain.coordinates.sum(axis=1), kind="stable")
    ends = (ground.tracks[order[1]].track_id, ground.tracks[order[-2]].track_id)

    def make(**options):
        return JourneyRequest(*ends, MONDAY, **({"artist_cap": None} | options))

    return make


def lists(report):
    return [[track.track_id for track in day.tracks] for day in report.days]


# Planning


def test_a_list_leads_from_one_track_to_the_other(library, request_of):
    report = plan_journey(library, request_of(n=8))
    (day,) = report.days
    assert (day.tracks[0].track_id, day.tracks[-1].track_id) == request_of().stops
    assert (len(day.tracks), len(set(lists(report)[0])), day.date) == (8, 8, MONDAY)
    assert (day.progress[0], day.progress[-1]) == (0.0, 1.0)
    assert day.figures.variation < day.others.variation
    assert day.figures.monotone > day.others.monotone
    assert report.kept == read_kept(library, report.kept.name)
    assert report.kept.name == journey_name(f"{day.tracks[0].label} to {day.tracks[-1].label}")
    assert day.seconds == pytest.approx(sum(track.duration for track in day.tracks))
    assert lists(plan_journey(library, request_of(n=8))) == lists(report)


def test_a_list_has_12_tracks_or_the_minutes_that_are_asked_for(library, request_of):
    assert len(plan_journey(library, request_of(), keep=False).days[0].tracks) == 12
    wanted = sum(track.duration for track in library.tracks()[:9])
    report = plan_journey(library, request_of(minutes=wanted / 60.0), keep=False)
    typical = np.median([track.duration for track in library.tracks()])
    assert abs(report.days[0].seconds - wanted) <= typical
    assert not list((library.folder / "journeys").glob("*"))


@pytest.mark.parametrize("space", ["timbre", "dtw", "descriptors"])
def test_other_spaces_go_from_one_sound_to_another(library, request_of, space):
    request = request_of(n=6, space=space)
    report = plan_journey(library, request, keep=False)
    assert (lists(report)[0][0], lists(report)[0][-1]) == request.stops
    assert report.axes[0].startswith("distance to ")
    assert report.days[0].by_energy is None
    # The first half is nearer to the start than the second half is.
    store, tracks = library.distances(space)
    row_of = {track.track_id: row for row, track in enumerate(tracks)}
    matrix = store.read_block(slice(0, len(tracks)), slice(0, len(tracks)))
    path = [row_of[track_id] for track_id in lists(report)[0]]
    from_start, from_goal = matrix[path[0], path], matrix[path[-1], path]
    assert from_start[1:3].mean() < from_start[3:5].mean()
    assert from_goal[1:3].mean() > from_goal[3:5].mean()


def test_a_track_on_the_way_is_passed(library, request_of):
    via = next(track for track in library.tracks() if track.track_id not in request_of().stops)
    for method, space in (("viterbi", "mood"), ("graph", "mood"), ("viterbi", "timbre")):
        report = plan_journey(library, request_of(via=(via.track_id,), method=method, space=space, n=7), keep=False)
        found = lists(report)[0]
        assert via.track_id in found[1:-1]
        assert len(set(found)) == len(found) == 7
        assert [stop.track_id for stop in report.stops] == [found[0], via.track_id, found[-1]]


def test_the_graph_tells_how_long_it_takes(library, request_of):
    report = plan_journey(library, request_of(method="graph"), keep=False)
    (found,) = lists(report)
    assert (found[0], found[-1]) == request_of().stops
    assert len(set(found)) == len(found) != 12
    assert report.days[0].figures.mean_deviation is None
    days = plan_journey(library, request_of(method="graph", n_days=2, n=4), keep=False)
    assert [len(day.tracks) for day in days.days] == [4, 4]


def test_tails_are_compared_with_heads(library, request_of, monkeypatch):
    monkeypatch.setattr(survey_module, "SECONDS", 1.0)  # the tracks of the demo are short
    whole, seams = (plan_journey(library, request_of(n=9, has_seams=each), keep=False) for each in (False, True))
    ground = survey_module.survey(library, request_of(has_seams=True))
    a, b = np.array([0]), np.array([1])
    there, back = ground.terrain.transition(a, b)[0, 0], ground.terrain.transition(b, a)[0, 0]
    assert there != back
    assert 0.0 <= min(there, back) <= max(there, back) <= 1.0
    assert whole.days[0].figures.mean_transition != seams.days[0].figures.mean_transition


def test_official_values_are_those_of_the_table(library, request_of, tmp_path):
    for path in library.folder.glob("baseline.*"):
        path.unlink()
    with pytest.raises(AudiosimError, match="no feature table was imported; run: audiosim baseline import TABLE"):
        plan_journey(library, request_of(is_official=True))
    (tmp_path / "half.csv").write_text(f"track_id,energy\n{library.tracks()[0].track_id},0.5\n")
    import_baseline(library, tmp_path / "half.csv")
    with pytest.raises(AudiosimError, match="must have energy and valence, it lacks valence"):
        plan_journey(library, request_of(is_official=True))
    tracks = library.tracks()
    rows = [f"{track.track_id},{(i + 1) / 50},{(i * 7 % 40) / 50}" for i, track in enumerate(tracks[:-1])]
    (tmp_path / "table.csv").write_text("track_id,energy,valence\n" + "\n".join(rows))
    import_baseline(library, tmp_path / "table.csv")
    request = JourneyRequest(tracks[0].track_id, tracks[30].track_id, MONDAY, n=5, is_official=True)
    report = plan_journey(library, request, keep=False)
    assert report.axes == ("energy, official", "valence, official")
    assert report.n_tracks == len(tracks) - 1
    ground = survey_module.survey(library, request)
    assert (np.diff(ground.terrain.coordinates[:, 0]) > 0.0).all()
    with pytest.raises(AudiosimError, match="lacks what the journey needs"):
        plan_journey(library, replace(request, goal=tracks[-1].track_id))


def test_one_song_comes_once(library, request_of, monkeypatch):
    """Two files of the same artist and title are one song."""
    real = survey_module.fold
    monkeypatch.setattr(
        survey_module, "fold", lambda artist, title: real(artist, "one of two" if title < "m" else title)
    )
    ground = survey_module.survey(library, request_of())
    assert ground.terrain.songs is not None
    report = plan_journey(library, request_of(n=3), keep=False)
    songs = [ground.terrain.songs[row] for row in report.days[0].rows[1:-1]]
    assert len(set(songs)) == len(songs)


# Days


def test_tomorrow_is_planned_again(library, request_of):
    request = request_of(n=3, n_days=5, seed=4, variance=0.3)
    first = plan_journey(library, request, name="week")
    again = replan_journey(library, "week", today=MONDAY + dt.timedelta(days=1))
    assert lists(again) == lists(first)
    assert (again.kept.revision, first.kept.revision) == (0, 0)
    skipped = lists(first)[3][1]
    other = replan_journey(library, "week", skipped=[skipped], today=MONDAY + dt.timedelta(days=1))
    assert lists(other)[:2] == lists(first)[:2]
    assert skipped not in {track_id for day in lists(other)[2:] for track_id in day}
    assert [track.track_id for track in other.skipped] == [skipped]
    assert lists(other)[4][-1] == request.goal
    assert other.kept.revision == 1
    assert read_kept(library, "week") == other.kept
    # What was skipped once stays away.
    later = replan_journey(library, "week", today=MONDAY + dt.timedelta(days=2))
    assert lists(later) == lists(other)
    everything = [track_id for day in lists(later) for track_id in day]
    assert len(set(everything)) == len(everything)


def test_whoever_skipped_the_end_of_a_day_goes_on_from_where_he_was(library, request_of):
    first = plan_journey(library, request_of(n=3, n_days=4), name="slow")
    last = lists(first)[1][1:]
    again = replan_journey(library, "slow", skipped=last, today=MONDAY + dt.timedelta(days=1))
    heard = first.days[1].progress[0]
    assert again.days[2].stretch[0] == pytest.approx(max(heard, 0.0))
    assert again.days[2].stretch[0] < first.days[2].stretch[0]
    assert again.days[3].stretch[1] == 1.0


def test_a_journey_is_not_lost_by_accident(library, request_of):
    plan_journey(library, request_of(n=3, n_days=3), name="mine")
    plan_journey(library, request_of(n=3, n_days=3), name="mine")
    with pytest.raises(SettingsError, match="the journey 'mine' is there already"):
        plan_journey(library, request_of(n=4, n_days=3), name="mine")
    assert len(plan_journey(library, request_of(n=4, n_days=3), name="mine", overwrite=True).days[0].tracks) == 4
    with pytest.raises(SettingsError, match=r"there is no journey 'yours'.*kept are: mine"):
        replan_journey(library, "yours", today=MONDAY)
    with pytest.raises(SettingsError, match="no day is left"):
        replan_journey(library, "mine", today=MONDAY + dt.timedelta(days=2))
    with pytest.raises(SettingsError, match="the goal of a journey cannot be skipped"):
        replan_journey(library, "mine", skipped=[request_of().goal], today=MONDAY)
    with pytest.raises(TrackNotFoundError):
        replan_journey(library, "mine", skipped=["nobody knows this"], today=MONDAY)
    left = replace(read_kept(library, "mine").request, goal="0" * 64, space="timbre", n_days=9)
    write_kept(library, replace(read_kept(library, "mine"), request=left))
    with pytest.raises(NotComputedError, match="track 000000000000 has no 'timbre' distances, or has left the library"):
        replan_journey(library, "mine", today=MONDAY)
    kept_path(library, "mine").write_text("{}")
    with pytest.raises(AudiosimError, match=r"mine\.json cannot be read as a journey"):
        replan_journey(library, "mine", today=MONDAY)


def test_what_is_kept_survives_json(request_of):
    kept = Kept("ä", request_of(via=("x",), minutes=30.0), (), ("y",), 3)
    assert Kept.from_json(json.loads(json.dumps(kept.as_json()))) == kept


# Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goal": "a"}, "from one track to another, got the same track twice"),
        ({"via": ("b",)}, "must not pass a track twice"),
        ({"n": 1}, "at least 2 tracks a day, got 1"),
        ({"n": 5, "minutes": 30.0}, "either a number of tracks"),
        ({"minutes": 0.0}, "minutes must be above 0"),
        ({"n_days": 0}, "1 to 366 days, got 0"),
        ({"space": "colour"}, "space must be one of mood"),
        ({"method": "luck"}, "method of viterbi, graph"),
        ({"space": "dtw", "is_official": True}, "official energy and valence"),
        ({"variance": -1.0}, "variance must lie"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"artist_cap": 0}, "artist_cap must be at least 1"),
    ],
)
def test_what_no_journey_is(options, message):
    with pytest.raises(SettingsError, match=message):
        JourneyRequest(**({"start": "a", "goal": "b", "first_date": MONDAY} | options))


def test_a_thin_library_says_so(library, request_of):
    with pytest.raises(AudiosimError, match="a list of 500 tracks must find them among"):
        plan_journey(library, request_of(n=500))
    with pytest.raises(AudiosimError, match=r"the library is too thin.*ask for fewer tracks or days, or add music"):
        plan_journey(library, request_of(n=12, n_days=7))
    report = plan_journey(library, request_of(n=5, n_days=5), keep=False)
    assert any("tracks to choose from for each one" in warning for warning in report.warnings)
    empty = Library.create(library.folder.parent / "empty")
    with pytest.raises(NotComputedError, match="not compared yet"):
        plan_journey(empty, request_of())


# Files


def test_playlists_are_dated_and_can_be_read(library, request_of, tmp_path):
    report = plan_journey(library, request_of(n=3, n_days=3), name="three days")
    files = write_journey(library, report, output=tmp_path / "out", formats=["m3u8", "xspf", "jspf"])
    assert [path.name for path in files[:3]] == [f"2026-11-{day} three days.m3u8" for day in (23, 24, 25)]
    assert len(files) == 9
    for path in files:
        (day,) = [day for day in report.days if path.name.startswith(day.date.isoformat())]
        assert [entry.path for entry in read_entries(path)] == [track.paths[0] for track in day.tracks]
    default = write_journey(library, report)
    assert [path.suffix for path in default] == [".m3u8"] * 3 + [".ics", ".html"]
    assert {path.parent for path in default} == {library.folder / "journeys" / "three days"}
    with pytest.raises(SettingsError, match="not 'pdf'"):
        write_journey(library, report, formats=["pdf"])
    (tmp_path / "file").write_text("")
    with pytest.raises(AudiosimError, match="cannot be made"):
        write_journey(library, report, output=tmp_path / "file")
    assert [each.value for each in FileFormat] == list(FORMATS)


def test_the_page_shows_everything_and_asks_for_nothing(library, request_of, tmp_path):
    report = plan_journey(library, request_of(n=4, n_days=2), name="<b>two & two</b>", overwrite=True)
    formats = ("html", "png", "svg")
    files = write_journey(library, report, output=tmp_path / "a", formats=formats)
    again = write_journey(library, report, output=tmp_path / "b", formats=formats)
    page, *pictures = (path.read_bytes() for path in files)
    assert [path.suffix for path in files] == [".html", ".png", ".png", ".svg", ".svg"]
    assert [path.read_bytes() for path in again][1:] == pictures
    assert pictures[0].startswith(b"\x89PNG")
    text = page.decode()
    assert "https:" not in text
    assert "http:" not in text
    assert "<b>two" not in text
    for day in report.days:
        assert day.date.isoformat() in text
        for track in day.tracks:
            assert html.escape(track.label) in text
            assert f'data-track="{track.track_id}"' in text
    assert text.count("<audio") == sum(len(day.tracks) for day in report.days)
    assert all(html.escape(warning) in text for warning in report.warnings)
    assert len(re.findall(r"<svg[^>]* role=\"img\"", text)) == 4


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as found:
        yield found


@pytest.mark.parametrize("screen", browser.SCREENS)
def test_a_browser_has_nothing_to_say_about_the_page(library, request_of, chromium, screen):
    report = plan_journey(library, request_of(n=4, n_days=2), name="page")
    (path,) = write_journey(library, report, formats=["html"])
    with browser.visit(chromium, path, screen=screen) as found:
        browser.assert_sound(found, n_pictures=2, n_players=8)


def test_a_list_plays_on_to_the_end_of_its_day(library, request_of, chromium):
    report = plan_journey(library, request_of(n=3, n_days=2), name="page")
    (path,) = write_journey(library, report, formats=["html"])
    with browser.visit(chromium, path) as found:
        players = "[...document.querySelectorAll('audio')]"
        found.page.evaluate(
            f"{players}.forEach((player) => {{ player.play = () => {{ player.dataset.begun = 'yes'; }} }})"
        )
        found.page.evaluate(f"[0, 2].forEach((i) => {players}[i].dispatchEvent(new Event('ended')))")
        assert found.page.evaluate(f"{players}.map((player) => player.dataset.begun ?? '')") == [
            "",
            "yes",
            "",
            "",
            "",
            "",
        ]


def unfolded(text):
    assert text.endswith("\r\n")
    lines = text.split("\r\n")[:-1]
    assert all(len(line.encode()) <= 75 for line in lines)
    assert not any("\n" in line or "\r" in line for line in lines)
    whole = []
    for line in lines:
        if line.startswith(" "):
            whole[-1] += line[1:]
        else:
            whole.append(line)
    return whole


def test_calendars_fold_and_escape():
    text = "1. Déjà Vu, Vol. 2; a\\b - " + "長い曲名" * 30 + "\n2. x\x07y"
    event = Event(dt.date(2026, 12, 31), "day, 1", text)
    lines = unfolded(calendar_text("my; trip", [event], made=MONDAY, revision=2))
    assert lines[:2] == ["BEGIN:VCALENDAR", "VERSION:2.0"]
    assert lines[-1] == "END:VCALENDAR"
    assert "X-WR-CALNAME:my\\; trip" in lines
    assert {"DTSTART;VALUE=DATE:20261231", "DTEND;VALUE=DATE:20270101", "SEQUENCE:2"} <= set(lines)
    assert "SUMMARY:day\\, 1" in lines
    (said,) = [line.removeprefix("DESCRIPTION:") for line in lines if line.startswith("DESCRIPTION:")]
    assert said == "1. Déjà Vu\\, Vol. 2\\; a\\\\b - " + "長い曲名" * 30 + "\\n2. xy"


def test_the_calendar_has_an_event_a_day(library, request_of, tmp_path):
    report = plan_journey(library, request_of(n=3, n_days=3), name="trip")
    (path,) = write_journey(library, report, output=tmp_path, formats=["ics"])
    lines = unfolded(path.read_bytes().decode())
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 3
    assert len({line for line in lines if line.startswith("UID:")}) == 3
    assert [line[-8:] for line in lines if line.startswith("DTSTART")] == ["20261123", "20261124", "20261125"]


# The command


def test_the_command_plans_and_plans_again(library, request_of, command):
    request, folder = request_of(), library.folder
    library.close()
    common = ("--library", folder, "--artist-cap", "0", "--name", "trip")
    arguments = (request.start, request.goal, "-n", "3", "--days", "3", "--begin", "2026-11-23", *common)
    told = json.loads(command("journey", *arguments, "--json").output)
    assert [day["date"] for day in told["days"]] == ["2026-11-23", "2026-11-24", "2026-11-25"]
    assert json.loads(command("journey", *arguments, "--json").output) == told
    skipped = told["days"][2]["tracks"][1]["track_id"]
    again = ("--replan", "--skip", skipped, "--today", "2026-11-23", "--library", folder, "--name", "trip")
    other = json.loads(command("journey", *again, "--json").output)
    assert other["days"][0]["tracks"] == told["days"][0]["tracks"]
    assert skipped not in {track["track_id"] for day in other["days"] for track in day["tracks"]}
    assert other["revision"] == 1


def test_the_json_is_as_documented(library, request_of, command):
    request, folder = request_of(), library.folder
    library.close()
    trip = ("journey", request.start, request.goal, "-n", "3", "--days", "2", "--begin", "2026-11-23", "--name", "trip")
    planned = command(*trip, "--artist-cap", "0", "--json", "--library", folder)
    skipped = json.loads(planned.output)["days"][1]["tracks"][1]["track_id"]
    again = ("journey", "--replan", "--name", "trip", "--skip", skipped, "--today", "2026-11-23")
    replanned = command(*again, "--json", "--library", folder)
    sounds = command(*trip[:5], "--space", "timbre", "--json", "--library", folder)
    assert (planned.code, replanned.code, sounds.code) == (0, 0, 0)
    assert_documented("journey", planned.output, replanned.output, sounds.output)


def test_the_command_refuses_clearly(library, request_of, command):
    request, folder = request_of(), library.folder
    library.close()
    where = ("--library", folder)
    for arguments, code, message in (
        ((request.start, request.start), 1, "from one track to another, got the same track twice"),
        ((request.start, "nobody knows this"), 1, "no track is called 'nobody knows this'"),
        ((request.start, request.goal, "-n", "1"), 1, "at least 2 tracks a day"),
        ((request.start, request.goal, "--days", "0"), 1, "1 to 366 days"),
        ((request.start,), 2, "give both"),
        (("--replan",), 2, "--replan takes --name"),
        ((request.start, request.goal, "--skip", "x"), 2, "go with --replan"),
        (("--replan", "--name", "none"), 1, "there is no journey 'none'"),
    ):
        outcome = command("journey", *arguments, *where)
        assert outcome.code == code, outcome
        assert message in " ".join(re.sub(r"[│╭╮╰╯─]", " ", outcome.messages).split())
    assert not list((folder / "journeys").glob("*.json"))


def test_the_screen_shows_lists_and_figures(library, request_of):
    request, folder = request_of(), library.folder
    library.close()
    shown, said = audiosim("journey", request.start, request.goal, "-n", "4", "--dry-run", "--library", folder)
    assert "smoothness (in brackets: the same tracks in random orders)" in shown
    assert "100%" in shown
    assert "wrote" not in said
    assert not (folder / "journeys").exists()
