"""Settings of what goes out to the network; they belong to a machine and are never written into a library."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class OnlineSettings:
    """How services are asked, see `audiosim_pipelines.online.client.Manners`, and where they are.

    `offline` forbids the network; so does the variable AUDIOSIM_OFFLINE. Times are in seconds.
    """

    offline: bool = False
    timeout: float = 30.0
    n_attempts: int = 4
    per_second: float = 2.0
    longest_pause: float = 120.0
    listenbrainz_url: str = "https://api.listenbrainz.org"
    reccobeats_url: str = "https://api.reccobeats.com"

    def __post_init__(self) -> None:
        require_positive(timeout=self.timeout, per_second=self.per_second, longest_pause=self.longest_pause)
        if self.n_attempts < 1:
            raise ValueError(f"n_attempts must be at least 1, got {self.n_attempts}")


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """How spotdl is run.

    `command` is the program with its first arguments; "" looks for spotdl, then for uvx. `timeout` is for one song, in
    seconds, `tolerance` by how many seconds a file may be shorter or longer than its song is said to be.
    """

    command: str = ""
    format: Literal["mp3", "flac", "ogg", "opus", "m4a", "wav"] = "mp3"
    threads: int = 2
    timeout: float = 300.0
    n_attempts: int = 3
    tolerance: float = 3.0

    def __post_init__(self) -> None:
        require_positive(timeout=self.timeout, tolerance=self.tolerance)
        if min(self.threads, self.n_attempts) < 1:
            raise ValueError(f"threads and n_attempts must be at least 1, got {self.threads} and {self.n_attempts}")


def require_positive(**values: float) -> None:
    """Refuse what is no finite number above 0."""
    for key, value in values.items():
        if not 0.0 < value < math.inf:
            raise ValueError(f"{key} must be above 0 and finite, got {value}")
