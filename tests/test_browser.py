"""Every page in a real browser: nothing to complain of, nothing fetched, pictures drawn, players that play.

Screenshots lie in pytest's folder of temporary files for those who want to look.
"""

import contextlib
import functools
import http.server
import json
import threading
from dataclasses import replace

import browser
import numpy as np
import pytest
import soundfile as sf
from killed_run import SpectrumExtractor
from make_library import SAMPLE_RATE

from audiosim.library import Library
from audiosim_pipelines import extract, settings
from audiosim_pipelines.add import add
from audiosim_pipelines.compare import compare
from audiosim_pipelines.evaluate import evaluate
from audiosim_pipelines.explain import explain
from audiosim_pipelines.pages.match import match_page
from audiosim_pipelines.pages.track import track_report
from audiosim_pipelines.settings import CompareSettings, EvaluateSettings, HubnessSettings, Settings

N_TRACKS = 6
SCREENS = tuple(browser.SCREENS)
PAINTED = '<svg role="img" aria-label="a square" viewBox="0 0 9 9" width="90"><rect width="9" height="9"/></svg>'


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as found:
        yield found


@pytest.fixture(scope="module")
def library(tmp_path_factory, chromium):  # noqa: ARG001 - made for nothing without a browser
    """Six pieces: the first repeats a verse, and the second takes two of its parts up, higher and slower.

    The MFCC are stand-ins.
    """
    folder = tmp_path_factory.mktemp("browsed")
    table = ["path,artist,title,genre"]
    rng = np.random.default_rng(5)
    verse, chorus, *others = (rng.integers(0, 12, 16) for _ in range(N_TRACKS))
    pieces = [
        (np.concatenate([verse, chorus, verse]), 0.5),
        (np.concatenate([chorus, others[0], verse]) + 2, 0.55),
        *((melody, 0.4) for melody in others),
    ]
    for number, (melody, seconds) in enumerate(pieces):
        sf.write(folder / f"{number} #%.wav", _played(melody, seconds, rng), SAMPLE_RATE)
        table.append(f"{number} #%.wav,Artist {number // 2},Piece <{number}>,{'even' if number % 2 else 'odd'}")
    (folder / "table.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    ours = Settings(
        compare=CompareSettings(measures=("cosine", "descriptors")),
        hubness=HubnessSettings(rescaling="mp_gauss"),
        evaluate=EvaluateSettings(label=["genre", "artist"], n_draws=200),
    )
    with contextlib.closing(Library.create(folder / "library")) as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract, "_extractor", SpectrumExtractor)
        settings.save(ours, made.folder)
        add(made, [folder / "table.csv"])
        extract.extract(made, ours)
        compare(made, ours)
        yield made


def _played(notes, seconds, rng):
    """Notes of equal length, each with its overtones and a dying end."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sound = [
        np.exp(-2.0 * time) * sum(np.sin(2 * np.pi * 220.0 * 2 ** (note / 12) * k * time) / k for k in (1, 2, 3))
        for note in notes
    ]
    signal = 0.2 * np.concatenate(sound)
    return signal + 0.001 * rng.standard_normal(len(signal))


# The harness itself


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<script>console.error('no good')</script>", "no good"),
        ("<script>undefined.x</script>", "uncaught"),
        ("<script>fetch('{server}').catch(() => 0)</script>", "{server}"),
        ("<iframe src='{server}'></iframe>", "{server}"),
        ("<link rel=stylesheet href='other.css'>", "other.css"),
        ("<svg role=img aria-label=nothing viewBox='0 0 9 9'></svg>", "nothing"),
        ("<svg role=img viewBox='0 0 9 9'><rect width=9 height=9 /></svg>", "''"),
        ("<canvas aria-label=blank></canvas>", "blank"),
        ("<audio controls src='broken.wav'></audio>", "broken.wav"),
        ("<p style='width:3000px'>wide</p>", "wide on a screen of"),
    ],
)
def test_the_harness_sees_what_is_wrong(chromium, tmp_path, body, complaint):
    """Every check fails on a page that breaks just its rule."""
    (tmp_path / "broken.wav").write_bytes(b"RIFF no audio")
    with _server() as address:
        page = tmp_path / "page.html"
        page.write_text(f"<!DOCTYPE html><meta charset=utf-8>{PAINTED}{body.replace('{server}', address)}")
        with browser.visit(chromium, page) as found:
            found.page.wait_for_timeout(50)
            with pytest.raises(AssertionError) as failed:
                browser.assert_sound(found, n_pictures=1, n_players=body.count("<audio"))
    assert complaint.replace("{server}", address) in str(failed.value)


def test_the_harness_is_content_with_a_sound_page(chromium, tmp_path):
    sf.write(tmp_path / "a b.wav", np.zeros(2_000), SAMPLE_RATE)
    page = tmp_path / "page #1.html"
    page.write_text(f"<!DOCTYPE html><meta charset=utf-8>{PAINTED}<audio controls src='a%20b.wav'></audio>")
    with browser.visit(chromium, page, screen="phone") as found:
        browser.assert_sound(found, n_pictures=1, n_players=1)
        with pytest.raises(AssertionError, match="not 2"):
            browser.assert_pictures(found, 2)


@contextlib.contextmanager
def _server():
    """An address of this machine that answers, so that only the harness can object."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.02))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/x"
        finally:
            server.shutdown()
            thread.join()


# The report of a track


@pytest.fixture(scope="module")
def track_page(library, tmp_path_factory):
    report = track_report(library, settings.load(library.folder), "1", output=tmp_path_factory.mktemp("tracks"))
    assert report.missing == {}
    return report.files[0]


@pytest.mark.parametrize("screen", SCREENS)
def test_a_track_is_reported_soundly(chromium, track_page, tmp_path, screen):
    with browser.visit(chromium, track_page, screen=screen) as found:
        browser.assert_sound(found, n_pictures=7, n_players=1)
        found.screenshot(tmp_path / f"track {screen}.png")


def test_a_click_into_a_picture_of_a_track_goes_there(chromium, track_page):
    with browser.visit(chromium, track_page) as found:
        browser.assert_players(found, 1)
        plot = found.page.locator("#mel .plot:visible")
        box = plot.bounding_box()
        left, right = (float(plot.get_attribute(f"data-{side}")) for side in ("left", "right"))
        share = 0.25
        plot.click(position={"x": box["width"] * (left + share * (1 - left - right)), "y": box["height"] / 2})
        state = found.state("audio")
        assert state["time"] == pytest.approx(share * state["duration"], abs=0.1)
        found.wait("() => !document.querySelector('#waveform .cursor').hidden")
        browser.assert_quiet(found)


# The verdict on the measures


@pytest.fixture(scope="module")
def verdict(library):
    return evaluate(library, settings.load(library.folder)).html_path


@pytest.mark.parametrize("screen", SCREENS)
def test_a_verdict_is_shown_soundly(chromium, verdict, tmp_path, screen):
    with browser.visit(chromium, verdict, screen=screen) as found:
        n_players = found.page.locator("audio").count()
        assert n_players > 0
        # Of each of two measures: precision by each of two labels, hubs and lengths.
        browser.assert_sound(found, n_pictures=8, n_players=n_players)
        found.screenshot(tmp_path / f"verdict {screen}.png")


def test_one_of_the_many_players_of_a_verdict_plays_at_a_time(chromium, verdict):
    with browser.visit(chromium, verdict) as found:
        players = found.page.locator("audio")
        browser.assert_players(found, players.count())
        for i in (0, 1):
            players.nth(i).evaluate("(player) => player.play()")
            wait_until_running(found, *(number == i for number in range(players.count())))
        browser.assert_quiet(found)


# The page of a match


@pytest.fixture(scope="module")
def match_file(library, tmp_path_factory):
    found = explain(library, settings.load(library.folder), "0", "1")
    assert sorted(round(p.a_start) for p in found.match.passages)[:2] == [0, 8]
    return match_page(library, found, output=tmp_path_factory.mktemp("matches") / "match.html")[0]


@pytest.mark.parametrize("screen", SCREENS)
def test_a_match_is_shown_soundly(chromium, match_file, tmp_path, screen):
    with browser.visit(chromium, match_file, screen=screen) as found:
        browser.assert_sound(found, n_pictures=1, n_players=2)
        found.screenshot(tmp_path / f"match {screen}.png")


def test_a_repetition_is_shown_soundly(chromium, library, tmp_path):
    explanation = explain(library, settings.load(library.folder), "0", "0")
    assert len(explanation.match.passages) == 1
    page = match_page(library, explanation, output=tmp_path / "match.html")[0]
    for screen in SCREENS:
        with browser.visit(chromium, page, screen=screen) as found:
            browser.assert_sound(found, n_pictures=1, n_players=2)
            found.screenshot(tmp_path / f"repetition {screen}.png")


# Where players are told to start and to stop: what a page does, however late a busy machine lets it sound.
_LISTEN = """() => {
  window.told = [];
  for (const what of ["play", "pause"]) {
    const own = HTMLMediaElement.prototype[what];
    HTMLMediaElement.prototype[what] = function () {
      const side = this.closest("[id^=deck]").id.at(-1);
      if (what === "play" || !this.paused) told.push({ what, side, time: this.currentTime });
      return own.call(this);
    };
  }
}"""


@pytest.fixture
def played(chromium, match_file):
    """The page of a match with both players ready; in the end there must be nothing to complain of."""
    with browser.visit(chromium, match_file) as found:
        browser.assert_players(found, 2)
        found.page.evaluate(_LISTEN)
        yield found
        browser.assert_quiet(found)


def both(found):
    return found.state("#deck-a audio"), found.state("#deck-b audio")


def told(found):
    """What the players were told since the last question: (what, side, time)."""
    return [(one["what"], one["side"], one["time"]) for one in found.page.evaluate("() => told.splice(0)")]


def course_of(found, number):
    """Times of A and of B along a passage."""
    course = json.loads(found.page.locator(".passage").nth(number - 1).get_attribute("data-course"))
    return np.array(course["a"]), np.array(course["b"])


RUNNING = "() => [...document.querySelectorAll('audio')].map((player) => !player.paused && player.currentTime > {time})"


def wait_until_running(found, *which, beyond=0.0):
    """Until just these players play, A and B."""
    condition = RUNNING.replace("{time}", str(beyond))
    found.wait(f"() => JSON.stringify(({condition})()) === '{json.dumps(list(which), separators=(',', ':'))}'")


def test_a_click_on_a_passage_plays_it_in_both_tracks(played):
    played.page.locator(".passage").nth(1).click()
    of_a, of_b = course_of(played, 2)
    assert told(played) == [("play", "a", pytest.approx(of_a[0])), ("play", "b", pytest.approx(of_b[0]))]
    wait_until_running(played, True, True)
    pressed = played.page.locator("[aria-pressed=true]")
    assert [pressed.nth(i).inner_text().split()[0] for i in range(pressed.count())] == ["both", "2"]
    assert played.page.locator("#now").inner_text().startswith("passage 2 · A 0:0")


# Within one task of the browser the times of its players stand still.
_PUT_B = """([a, b]) => {
  const [playerA, playerB] = ["a", "b"].map((side) => document.querySelector(`#deck-${side} audio`));
  [playerA.currentTime, playerB.currentTime] = [a, b];
  playerA.dispatchEvent(new Event("timeupdate"));
  return { time: playerB.currentTime, rate: playerB.playbackRate };
}"""


def test_b_keeps_in_time_with_a(played):
    """B is slower by a tenth, so it hurries; more when it is behind, less when it is ahead, and far off it jumps."""
    played.page.locator(".passage").nth(1).click()
    of_a, of_b = course_of(played, 2)
    wait_until_running(played, True, True)
    middle = len(of_a) // 2
    rates = {}
    for ahead in (-0.2, 0.0, 0.2):
        put = played.page.evaluate(_PUT_B, [of_a[middle], of_b[middle] + ahead])
        assert put["time"] == pytest.approx(of_b[middle] + ahead)
        rates[ahead] = put["rate"]
    assert rates[0.0] == pytest.approx(1.1, abs=0.05)
    assert rates[-0.2] - rates[0.0] == pytest.approx(rates[0.0] - rates[0.2]) == pytest.approx(0.12)
    for ahead in (-2.0, 2.0):
        put = played.page.evaluate(_PUT_B, [of_a[middle], of_b[middle] + ahead])
        assert put["time"] == pytest.approx(of_b[middle])


def test_the_other_track_goes_on_where_one_was(played):
    played.page.locator("[data-play=a]").click()
    of_a, of_b = course_of(played, 1)
    wait_until_running(played, True, False, beyond=of_a[0] + 0.5)
    told(played)
    played.page.locator("[data-play=b]").click()
    (_, _, time_of_a), (_, _, time_of_b) = changed = told(played)
    assert [(what, side) for what, side, _ in changed] == [("pause", "a"), ("play", "b")]
    assert time_of_b == pytest.approx(np.interp(time_of_a, of_a, of_b), abs=0.01)
    wait_until_running(played, False, True, beyond=time_of_b + 0.3)
    played.page.locator("[data-play=b]").click()
    assert [state["paused"] for state in both(played)] == [True, True]
    ((_, _, stopped),) = told(played)
    # And on again from there, not from the beginning.
    played.page.locator("[data-play=ab]").click()
    (_, leader, _), (_, follower, resumed) = told(played)
    assert (leader, follower) == ("a", "b")
    assert resumed == pytest.approx(stopped, abs=0.2)


def test_a_passage_ends_where_it_ends(played):
    """And not where a file does."""
    played.page.locator(".passage").first.click()
    of_a, of_b = course_of(played, 1)
    assert max(of_a[-1], of_b[-1]) < min(state["duration"] for state in both(played)) - 2.0
    wait_until_running(played, True, True)
    played.page.eval_on_selector("#deck-a audio", f"(player) => {{ player.currentTime = {of_a[-1] - 0.3}; }}")
    played.wait("() => [...document.querySelectorAll('audio')].every((player) => player.paused)")
    a, _ = both(played)
    assert of_a[-1] <= a["time"] < a["duration"]
    assert played.page.locator("[data-play][aria-pressed=true]").count() == 0


def test_the_players_own_buttons_are_obeyed(played):
    played.page.eval_on_selector("#deck-b audio", "(player) => player.play()")
    wait_until_running(played, False, True)
    assert not played.page.locator(".cursor.of-b:visible").first.is_hidden()
    played.page.locator(".passage").first.click()
    wait_until_running(played, True, True)
    played.page.eval_on_selector("#deck-a audio", "(player) => player.pause()")
    played.wait("() => [...document.querySelectorAll('audio')].every((player) => player.paused)")


@pytest.mark.parametrize(("a", "b", "playing"), [(0.3, 0.4, "ab"), (0.6, -0.15, "a"), (-0.2, 0.8, "b")])
def test_a_click_into_the_picture_plays_what_is_there(played, a, b, playing):
    """Shares of the matrix; below 0 lie the waveforms."""
    click_at(played, a, b)
    wait_until_running(played, "a" in playing, "b" in playing)
    ends = {side: state["duration"] for side, state in zip("ab", both(played), strict=True)}
    shares = {"a": a, "b": b}
    expected = [("play", side, pytest.approx(shares[side] * ends[side], abs=0.1)) for side in playing]
    assert told(played) == expected
    assert played.page.locator("#now").inner_text().startswith("free")
    cursor = played.page.locator(f".plot:visible .cursor.of-{playing[0]}").bounding_box()
    assert cursor["width"] > 0


def test_a_click_near_a_line_plays_its_passage(played):
    of_a, of_b = course_of(played, 1)
    middle = len(of_a) // 2
    ends = [state["duration"] for state in both(played)]
    click_at(played, of_a[middle] / ends[0] + 0.008, of_b[middle] / ends[1])
    wait_until_running(played, True, True)
    assert played.page.locator("#now").inner_text().startswith("passage 1")
    assert told(played)[0] == ("play", "a", pytest.approx(of_a[middle], abs=0.9))


def click_at(found, a, b):
    """At shares of the matrix."""
    plot = found.page.locator(".plot:visible")
    box = plot.bounding_box()
    left, right, bottom, top = (
        float(plot.get_attribute(f"data-{side}")) for side in ("left", "right", "bottom", "top")
    )
    x, y = left + a * (1 - left - right), 1 - bottom - b * (1 - bottom - top)
    plot.click(position={"x": x * box["width"], "y": y * box["height"]})


def test_without_files_there_is_nothing_to_press(chromium, library, tmp_path):
    """A match of which only one file is left can still be looked at, and what is left can be played."""
    found = explain(library, settings.load(library.folder), "0", "1")
    gone = replace(found, b=replace(found.b, paths=()), b_waveform=None)
    with browser.visit(chromium, match_page(library, gone, output=tmp_path / "half.html")[0]) as half:
        browser.assert_sound(half, n_pictures=1, n_players=1)
        pressable = half.page.locator("[data-play]:enabled")
        assert [pressable.nth(i).inner_text().strip() for i in range(pressable.count())] == ["A"]
        half.page.locator(".passage").first.click()
        half.wait("() => !document.querySelector('audio').paused")
    gone = replace(gone, a=replace(found.a, paths=()), a_waveform=None)
    with browser.visit(chromium, match_page(library, gone, output=tmp_path / "none.html")[0]) as none:
        browser.assert_sound(none, n_pictures=1, n_players=0)
        assert none.page.locator("[data-play]").count() == 0
