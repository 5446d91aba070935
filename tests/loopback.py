"""A web server on this computer that answers as it is told to, failures included, and remembers what it was asked."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Answer:
    """What is sent: `body` is text, bytes, or anything that becomes JSON.

    `seconds_a_byte` makes it drip; `cut_after` bytes the connection is reset; `before` seconds nothing happens.
    """

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    before: float = 0.0
    seconds_a_byte: float = 0.0
    cut_after: int | None = None

    @property
    def content(self):
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass(frozen=True)
class Asked:
    """A request: its path, its query by name, its headers, and when it came."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    at: float


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Clients that hang up are part of what is tested."""


class Loopback:
    """The server.

    `answers` gives for a path an `Answer`, a list of them to be given one after another (the last one for ever), or a
    function of the `Asked`; any other path is a 404.
    """

    def __init__(self):
        self.answers: dict[str, Answer | list[Answer] | Callable[[Asked], Answer]] = {}
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                parts = urlsplit(self.path)
                asked = Asked(parts.path, parse_qs(parts.query), dict(self.headers), time.monotonic())
                outer.asked.append(asked)
                with contextlib.suppress(ConnectionError, TimeoutError):
                    self._send(outer.choose(asked))

            def _send(self, answer):
                time.sleep(answer.before)
                content = answer.content
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                for start in range(len(content)) if answer.seconds_a_byte else [0]:
                    if answer.cut_after is not None:
                        self.wfile.write(content[: answer.cut_after])
                        self.wfile.flush()
                        self.connection.shutdown(socket.SHUT_RDWR)
                        self.close_connection = True
                        return
                    piece = content[start : start + 1] if answer.seconds_a_byte else content
                    self.wfile.write(piece)
                    self.wfile.flush()
                    time.sleep(answer.seconds_a_byte)

            def log_message(self, *_):
                pass

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def choose(self, asked):
        answer = self.answers.get(asked.path, Answer("not here", 404))
        if isinstance(answer, list):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer(asked) if callable(answer) else answer

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
