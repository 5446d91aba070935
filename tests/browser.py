"""The machine's own Chromium, without a window, opening pages from files, and what a sound page is.

Nothing is fetched: without a browser on the machine the tests that ask for one are skipped.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# What browsers tell pages of the screens that they are on.
SCREENS: Mapping[str, Mapping[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "light",
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}
_LOCAL = ("file", "data", "blob", "about")
_PATIENCE = 10_000  # ms until something that never comes counts as missing
_PAUSE = 25  # ms between two looks

# Pictures that a reader sees, by how large they are and by what is painted in them.
_PICTURES = """() => [...document.querySelectorAll("svg[role=img], img, canvas")]
  .filter((picture) => picture.checkVisibility())
  .map((picture) => {
    const box = picture.getBoundingClientRect();
    const marks = picture.querySelectorAll("path, polyline, line, rect, circle, image, use, text");
    const seen = [...marks].filter((mark) => {
      const of = mark.getBoundingClientRect();
      return of.width > 0 || of.height > 0;
    });
    const pixels = picture.naturalWidth ?? 0;
    const painted = picture instanceof HTMLCanvasElement
      && picture.getContext("2d").getImageData(0, 0, picture.width, picture.height).data.some((value) => value);
    return {
      words: picture.getAttribute("aria-label") || picture.getAttribute("alt") || "",
      width: box.width, height: box.height, marks: seen.length + pixels + painted,
    };
  })"""
# Waits until a player has its metadata, has given up all its sources, or time is up.
_LOADED = """(player, patience) => new Promise((done) => {
  const end = performance.now() + patience;
  const ask = () => {
    const over = player.error || player.networkState === HTMLMediaElement.NETWORK_NO_SOURCE;
    if (over || player.readyState >= 1 || performance.now() > end) done();
    else setTimeout(ask, 20);
  };
  ask();
})"""
_STATE = """(player) => ({
  ready: player.readyState, error: player.error && `${player.error.code} ${player.error.message}`,
  duration: player.duration, time: player.currentTime, paused: player.paused, rate: player.playbackRate,
})"""


@dataclass(frozen=True)
class Visit:
    """A page that is open, and what the browser had to say about it."""

    page: Any
    messages: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def state(self, player: str) -> dict[str, Any]:
        """Of an audio element, by its selector."""
        return self.page.eval_on_selector(player, _STATE)

    def wait(self, condition: str) -> None:
        """Until a JavaScript expression is true.

        Playwright's own way of waiting needs `eval` in the page, which the pages' policies forbid.
        """
        for _ in range(_PATIENCE // _PAUSE):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(_PAUSE)
        raise AssertionError(f"not within {_PATIENCE / 1_000:.0f} s: {condition}")

    def screenshot(self, path: Path, *, whole: bool = True) -> Path:
        """Of the whole page from its top, or of what is in the window."""
        if whole:
            self.page.evaluate("() => scrollTo(0, 0)")
        self.page.screenshot(path=path, full_page=whole, animations="disabled")
        return path


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser, or a skip that says why there is none."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no browser on this machine; install one of {', '.join(BROWSERS)}")
    api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")
    with api.sync_playwright() as playwright:
        # A sandbox needs rights that containers often lack, and the pages are our own.
        browser = playwright.chromium.launch(executable_path=executable, chromium_sandbox=False)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def visit(browser: Any, path: Path, *, screen: str = "desktop") -> Iterator[Visit]:
    """Open a page from its file; everything that is asked for, fails or is complained of is kept.

    Parameters
    ----------
    browser
        Of `chromium`.
    path
        The page.
    screen
        One of `SCREENS`.
    """
    with contextlib.closing(browser.new_context(**SCREENS[screen])) as context:
        page = context.new_page()
        page.set_default_timeout(_PATIENCE)
        found = Visit(page)
        page.on("console", lambda said: _note(found.messages, said))
        page.on("pageerror", lambda error: found.messages.append(f"uncaught: {error}"))
        page.on("request", lambda request: found.requests.append(request.url))
        page.on("requestfailed", lambda request: _note_failure(found.failures, request))
        page.on("websocket", lambda socket: found.requests.append(socket.url))
        page.goto(path.absolute().as_uri(), wait_until="load")
        yield found


def _note(messages: list[str], said: Any) -> None:
    if said.type in ("error", "warning", "assert"):
        messages.append(f"{said.type}: {said.text}")


def _note_failure(failures: list[str], request: Any) -> None:
    # A player that has read enough of a file drops the rest of what it asked for.
    if not (request.resource_type == "media" and request.failure == "net::ERR_ABORTED"):
        failures.append(f"{request.url}: {request.failure}")


def assert_sound(found: Visit, *, n_pictures: int, n_players: int) -> None:
    """A page that says what it has to say, in a browser that has nothing to say about it.

    No complaint and no request but to files; at least `n_pictures` pictures are seen, each with something in it and
    with words for it; exactly `n_players` players know how long their files are; nothing is wider than the screen.
    """
    assert_pictures(found, n_pictures)
    assert_players(found, n_players)
    assert_fits(found)
    assert_quiet(found)


def assert_quiet(found: Visit) -> None:
    """No message, no failure, and nothing asked of a network or of a file that is neither the page nor a player's."""
    assert found.failures == [], found.failures
    assert found.messages == [], found.messages
    sources = found.page.eval_on_selector_all("audio source, audio[src]", "all => all.map((one) => one.src)")
    allowed = {found.page.url.split("#")[0], *sources}
    strange = [url for url in found.requests if urlsplit(url).scheme not in _LOCAL]
    strange += [url for url in found.requests if url.startswith("file:") and url.split("#")[0] not in allowed]
    assert strange == [], strange


def assert_pictures(found: Visit, n_pictures: int) -> None:
    """Pictures are seen and have something in them and words for them."""
    pictures = found.page.evaluate(_PICTURES)
    assert len(pictures) >= n_pictures, f"{len(pictures)} pictures are seen, not {n_pictures}"
    for picture in pictures:
        assert picture["width"] >= 50, picture
        assert picture["height"] >= 20, picture
        assert picture["marks"] > 0, picture
        assert picture["words"], picture


def assert_players(found: Visit, n_players: int) -> None:
    """Players know how long their files are once they are in sight."""
    players = found.page.locator("audio")
    assert players.count() == n_players, f"{players.count()} players, not {n_players}"
    for i in range(n_players):
        player = players.nth(i)
        player.scroll_into_view_if_needed()
        player.evaluate(_LOADED, _PATIENCE)
        state = player.evaluate(_STATE)
        address = unquote(player.evaluate("(player) => player.currentSrc"))
        assert state["error"] is None, f"{address}: {state['error']}"
        assert state["ready"] >= 1, f"{address} does not load"
        assert state["duration"] > 0.0, address


def assert_fits(found: Visit) -> None:
    """Nothing sticks out at the right."""
    width, shown = found.page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert width <= shown, f"the page is {width} pixels wide on a screen of {shown}"
