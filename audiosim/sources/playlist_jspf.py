"""JSPF: playlists in JSON, XSPF in another coat.

References
----------
JSPF, https://www.xspf.org/jspf
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from audiosim.sources.json_text import parse_json
from audiosim.sources.playlist_entry import Listed, PlaylistEntry
from audiosim.sources.playlist_uri import entry_of, identifiers, location
from audiosim.sources.tags import clean_text


def listed(content: bytes) -> Iterator[Listed]:
    """Entries of a playlist in its order.

    Raises
    ------
    ValueError
        It is no JSPF.
    """
    document = parse_json(content)
    playlist = document.get("playlist") if isinstance(document, dict) else None
    tracks = playlist.get("track", []) if isinstance(playlist, dict) else None
    if not isinstance(tracks, list):
        raise ValueError('it must be an object with "playlist", and in it a list "track"')  # noqa: TRY004 - of content
    for number, track in enumerate(tracks, start=1):
        said = track if isinstance(track, dict) else {}
        entry = entry_of(said, identifiers=_texts(said.get("identifier")))
        yield Listed(f"track {number}", tuple(_texts(said.get("location"))), entry, are_uris=True)


def text(entries: Iterable[PlaylistEntry], *, base: Path, relative: bool, title: str | None = None) -> str:
    """The playlist as text."""
    tracks = [_track(entry, location(entry, base, relative=relative)) for entry in entries]
    head = {} if title is None else {"title": title}
    return json.dumps({"playlist": {**head, "track": tracks}}, indent=1, ensure_ascii=False) + "\n"


def _track(entry: PlaylistEntry, place: str | None) -> Mapping[str, Any]:
    """What is known of an entry, without what is not."""
    known = {
        "location": [place] if place else None,
        "identifier": identifiers(entry) or None,
        "title": clean_text(entry.title),
        "creator": clean_text(entry.artist),
        "album": clean_text(entry.album),
        "duration": None if entry.duration is None else round(1_000 * entry.duration),
    }
    return {name: value for name, value in known.items() if value is not None}


def _texts(value: object) -> list[str]:
    """The texts of a value that some programs write as a list and some as a text."""
    values = value if isinstance(value, list) else [value]
    return [text.strip() for text in values if isinstance(text, str) and text.strip()]
