"""Asking services politely: slowly, again when they stumble, later when they say so, and never without an end."""

import contextlib
import email.utils
import ipaddress
import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from audiosim import __version__
from audiosim.errors import BusyServiceError, NotThereError, OfflineError, OnlineError
from audiosim.sources.json_text import parse_json
from audiosim_pipelines.online.cache import Cache

USER_AGENT = f"audiosim/{__version__} (music similarity of a private library)"

_MOST_BYTES = 32 * 2**20  # of an answer
_MOST_REDIRECTS = 3
_PIECE = 65_536  # bytes
_FIRST_PAUSE = 1.0  # s, before the second attempt; it doubles
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Manners:
    """How a service is asked.

    Attributes
    ----------
    timeout : float (s)
        For a whole answer, however slowly it drips.
    n_attempts : int
        In all, when connections break or the service stumbles.
    per_second : float
        Most requests in a second.
    longest_pause : float (s)
        The longest that is waited for a service that asks for patience; beyond it the command ends, to be run again.
    """

    timeout: float = 30.0
    n_attempts: int = 4
    per_second: float = 2.0
    longest_pause: float = 120.0


class _StumbleError(Exception):
    """An attempt that failed and may succeed when it is made again, after `pause` seconds if the service says so."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class Client:
    """Gets JSON from services.

    Parameters
    ----------
    cache : Cache or None
        Where answers are kept.
    offline : bool
        Whether only what is in the cache may be had.
    manners : Manners
    sleep : callable
        What waits; tests give another.
    """

    def __init__(
        self,
        *,
        cache: Cache | None = None,
        offline: bool = False,
        manners: Manners | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cache = cache
        self._offline = offline
        self._manners = manners or Manners()
        self._sleep = sleep
        self._next_request = 0.0
        # Of pauses, so that many programs that were turned away together do not come back together.
        self._jitter = random.Random()  # noqa: S311 - no secret

    def get_json(self, url: str, parameters: Mapping[str, str | int] | None = None, *, max_age: float = 0.0) -> Any:  # noqa: ANN401 - whatever JSON can say
        """Get a document.

        Parameters
        ----------
        url : str
            https, or http to this computer.
        parameters : mapping
            Of the query.
        max_age : float (s)
            How old a cached answer may be; offline, any will do.

        Raises
        ------
        OfflineError
            The network was forbidden, and the answer is not in the cache.
        NotThereError
            The service says that there is no such thing (404, 410).
        BusyServiceError
            It asks for more patience than there is.
        OnlineError
            It cannot be reached, refuses, or answers with something else.
        """
        full = _address(url, parameters or {})
        cached = self._cache.get(full) if self._cache else None
        if cached is not None and (self._offline or cached.age < max_age):
            return cached.body
        if self._offline:
            raise OfflineError(f"{full} is wanted and not kept from before; leave out --offline to get it")
        body = self._insistently(full)
        if self._cache:
            self._cache.put(full, body)
        return body

    def _insistently(self, url: str) -> Any:  # noqa: ANN401
        """Attempts until one succeeds or it makes no sense to go on."""
        manners = self._manners
        pause = _FIRST_PAUSE
        for attempt in range(1, manners.n_attempts + 1):
            self._take_turn()
            try:
                return _parsed(_within(manners.timeout, lambda: _get(url, manners.timeout)), url)
            except _StumbleError as error:
                wanted = error.pause if error.pause is not None else pause * self._jitter.uniform(0.75, 1.25)
                if wanted > manners.longest_pause:
                    raise BusyServiceError(
                        f"{_host(url)} asks to come again in {math.ceil(wanted)} s; run the same command again then, "
                        "it goes on where it stopped"
                    ) from error
                if attempt == manners.n_attempts:
                    raise OnlineError(f"{url} could not be had in {attempt} attempts: {error}") from error
                self._sleep(wanted)
                pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _take_turn(self) -> None:
        """Wait until the next request may be made."""
        now = time.monotonic()
        if now < self._next_request:
            self._sleep(self._next_request - now)
        self._next_request = max(now, self._next_request) + 1.0 / self._manners.per_second


def _address(url: str, parameters: Mapping[str, str | int]) -> str:
    """The whole URL; one that goes over an open connection to elsewhere is refused."""
    try:
        full = requests.Request("GET", url, params=dict(parameters)).prepare().url or url
        parts = urlsplit(full)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_this_computer(parts.hostname or ""))
    except ValueError as error:  # all that requests says of an address, too
        raise OnlineError(f"{url!r} is no address of a service: {error}") from error
    if not is_safe:
        raise OnlineError(f"only https is spoken with services, got {url}")
    return full


def _is_this_computer(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _within(seconds: float, work: Callable[[], _Result]) -> _Result:
    """Do something that must end in time. Sockets time out by the piece, and a piece may come every second for ever."""
    result: list[_Result] = []
    failure: list[BaseException] = []

    def attempt() -> None:
        try:
            result.append(work())
        except BaseException as error:  # noqa: BLE001 - raised below, by who waits for it
            failure.append(error)

    worker = threading.Thread(target=attempt, daemon=True)
    worker.start()
    worker.join(seconds)
    if failure:
        raise failure[0]
    if not result:
        raise _StumbleError(f"no whole answer within {seconds:g} s")
    return result[0]


def _get(url: str, timeout: float) -> bytes:
    """One attempt; the body of an answer that is good."""
    try:
        with requests.Session() as session, contextlib.ExitStack() as opened:
            session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
            session.auth = _add_nothing
            options: dict[str, Any] = {"timeout": timeout, "stream": True, "allow_redirects": False}
            response = opened.enter_context(session.get(url, **options))
            for _ in range(_MOST_REDIRECTS):
                if not response.is_redirect or response.next is None:
                    break
                target = response.next.url or ""
                if urlsplit(target)[:2] != urlsplit(url)[:2]:
                    raise OnlineError(f"{url} sends elsewhere ({target}), which is not followed")
                response = opened.enter_context(session.send(response.next, **options))
            _judge(response, url)
            return _body(response, url, time.monotonic() + timeout)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise _StumbleError(f"{type(error).__name__}: {error}") from error


def _add_nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No credentials: without it, requests would look into ~/.netrc."""
    return request


def _judge(response: requests.Response, url: str) -> None:
    """Tell answers that are good from those that may become so and those that never will."""
    status = response.status_code
    if status == requests.codes.ok:
        return
    reason = f"HTTP {status} {response.reason or ''}".strip()
    if status in {404, 410}:
        raise NotThereError(f"{url} does not exist: {reason}")
    if status in {408, 425, 429} or status >= 500:
        raise _StumbleError(reason, _patience(response.headers.get("Retry-After")))
    raise OnlineError(f"{url} is refused: {reason}")


def _patience(header: str | None) -> float | None:
    """Seconds that a service asks to wait, given as such or as a date; None where it says nothing that makes sense."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _body(response: requests.Response, url: str, deadline: float) -> bytes:
    """All of an answer, or an error where it is cut short or never ends."""
    pieces: list[bytes] = []
    n_bytes = 0
    for piece in response.iter_content(_PIECE):
        pieces.append(piece)
        n_bytes += len(piece)
        if n_bytes > _MOST_BYTES:
            raise OnlineError(f"{url} must answer with at most {_MOST_BYTES // 2**20} MiB, got more")
        if time.monotonic() > deadline:
            raise _StumbleError("the answer takes too long")  # ends the thread that nobody waits for any more
    return b"".join(pieces)


def _parsed(body: bytes, url: str) -> Any:  # noqa: ANN401
    try:
        return parse_json(body)
    except ValueError as error:
        raise OnlineError(f"{url} must answer with JSON: {error}; got {body[:60]!r}") from error


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
