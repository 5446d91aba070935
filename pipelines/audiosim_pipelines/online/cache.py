"""Answers of services, kept in the library: asked once, and there when the network is not."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = "online"


@dataclass(frozen=True, slots=True)
class Cached:
    """An answer, and how many seconds ago it was given."""

    body: Any
    age: float


class Cache:
    """Answers by URL, one file each; one that is broken or cannot be written is as if it were not there."""

    def __init__(self, library: Path) -> None:
        self._folder = library / FOLDER

    def get(self, url: str) -> Cached | None:
        """The answer of a URL, if there is one."""
        try:
            kept = json.loads(self._path(url).read_text(encoding="utf-8"))
            return Cached(kept["body"], max(0.0, time.time() - kept["fetched_at"])) if kept["url"] == url else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, url: str, body: object) -> None:
        """Keep an answer, whole or not at all."""
        path = self._path(url)
        draft = path.with_suffix(".draft")
        try:
            self._folder.mkdir(exist_ok=True)
            draft.write_text(json.dumps({"url": url, "fetched_at": time.time(), "body": body}), encoding="utf-8")
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)

    def _path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
