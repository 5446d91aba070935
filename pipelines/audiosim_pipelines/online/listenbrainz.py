"""ListenBrainz: what was released lately.

References
----------
https://listenbrainz.readthedocs.io/en/latest/users/api/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from audiosim.errors import OnlineError
from audiosim.sources.tags import clean_text
from audiosim_pipelines.online.client import Client

MOST_DAYS = 90  # that the service looks back
_MAX_AGE = 6 * 3_600.0  # s; releases of a day come in over the day


@dataclass(frozen=True, slots=True)
class Release:
    """A release as ListenBrainz lists it.

    `date` is ISO 8601; `kind` is "Album", "EP", "Single" or what else MusicBrainz has, None where nobody said. `tags`
    are in lower case and often none: of a release that is days old few people have said what it is.
    """

    artist: str
    title: str
    date: str
    kind: str | None
    tags: tuple[str, ...]
    release_mbid: str | None
    release_group_mbid: str | None

    @property
    def query(self) -> str:
        """What spotdl finds the release by; all but singles are albums to it."""
        # In a list of queries a line that begins with # is a remark and one with - an option, and to spotdl a colon
        # says what is looked for.
        single = f"{self.artist} - {self.title}".replace(":", " ").lstrip("#- ")
        return single if single and self.kind == "Single" else f"artist:{self.artist} album:{self.title}"


def fresh_releases(client: Client, base_url: str, *, until: date, days: int) -> list[Release]:
    """Releases of the `days` days up to `until`, the newest first.

    Parameters
    ----------
    client : Client
    base_url : str
        Where the service is.
    until : date
    days : int
        1 to 90.

    Raises
    ------
    OnlineError
        The service cannot be had, or answers with something else.
    ValueError
        The days are not in 1 .. 90.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"days must lie in 1 .. {MOST_DAYS}, got {days}")
    url = f"{base_url.rstrip('/')}/1/explore/fresh-releases/"
    parameters = {
        "release_date": until.isoformat(),
        "days": days,
        "sort": "release_date",
        "past": "true",
        "future": "false",
    }
    answer = client.get_json(url, parameters, max_age=_MAX_AGE)
    payload = answer.get("payload") if isinstance(answer, dict) else None
    listed = payload.get("releases") if isinstance(payload, dict) else None
    if not isinstance(listed, list):
        raise OnlineError(f'{url} must answer with "payload" and in it a list "releases", got {str(answer)[:80]}')
    found = {release.query: release for said in listed if isinstance(said, dict) for release in _releases(said)}
    return sorted(found.values(), key=lambda release: (release.date, release.artist, release.title), reverse=True)


def _releases(said: Mapping[str, Any]) -> Iterator[Release]:
    """One release, or none where artist, title or date are missing."""
    artist, title, day = (_text(said, key) for key in ("artist_credit_name", "release_name", "release_date"))
    if artist and title and day:
        tags = said.get("release_tags")
        yield Release(
            artist,
            title,
            day,
            kind=_text(said, "release_group_primary_type"),
            tags=tuple(
                text.casefold()
                for tag in (tags if isinstance(tags, list) else [])
                if isinstance(tag, str) and (text := clean_text(tag))
            ),
            release_mbid=_text(said, "release_mbid"),
            release_group_mbid=_text(said, "release_group_mbid"),
        )


def _text(said: Mapping[str, Any], key: str) -> str | None:
    value = said.get(key)
    return clean_text(value) if isinstance(value, str) else None
