"""Histories in JSON: Spotify's two exports, and ListenBrainz' listens."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from audiosim.sources.json_text import parse_json
from audiosim.sources.play import (
    OtherContentError,
    Play,
    RejectedPlay,
    cleaned,
    cleaned_isrc,
    milliseconds,
    scrobble,
    spotify_id,
    stream,
)

# A play, or what is no music, by its name.
Entry = Play | RejectedPlay | str
Said = Mapping[str, Any]


def parse(content: bytes) -> tuple[str, Iterator[Entry]]:
    """What kind of history a file in JSON or JSON lines is, and its entries.

    Raises
    ------
    OtherContentError
        It is JSON of something else.
    ValueError
        It is no JSON.
    """
    document = _document(content)
    if not document:
        raise OtherContentError("it is empty")
    known = (_KINDS[key] for entry in document[:100] if isinstance(entry, dict) for key in _KINDS if key in entry)
    kind, read = next(known, (None, None))
    if kind is None or read is None:
        raise OtherContentError(
            "its entries must be those of Spotify (endTime, trackName or ts, ms_played) or of ListenBrainz "
            f"(listened_at, track_metadata), got {_shown(document[0])}"
        )
    return kind, (_entry(read, said, number) for number, said in enumerate(document, start=1))


def _document(content: bytes) -> list[Any]:
    """Entries of a list, or of lines that are an object each."""
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        document = parse_json(content)
        return document if isinstance(document, list) else [document]
    entries: list[Any] = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if line.strip():
            try:
                entries.append(parse_json(line))
            except ValueError as error:
                if number == 1:
                    # One object over many lines is something else.
                    raise ValueError(f"it is neither a list nor lines of JSON: {error}") from error
                entries.append(RejectedPlay(number, str(error)))
    return entries


def _entry(read: Callable[[Said], Play | str], said: object, number: int) -> Entry:
    if isinstance(said, RejectedPlay):
        return said
    if not isinstance(said, dict):
        return RejectedPlay(number, f"it must be an object, got {type(said).__name__}")
    try:
        return read(said)
    except ValueError as error:
        return RejectedPlay(number, str(error))


def _short(said: Said) -> Play | str:
    """An entry of Spotify's export of the last year."""
    if "podcastName" in said or "episodeName" in said:
        return "podcast"
    names = {"artist": said.get("artistName"), "title": said.get("trackName")}
    return stream(_text(said, "endTime"), said.get("msPlayed"), **names, source="spotify")


def _extended(said: Said) -> Play | str:
    """An entry of Spotify's extended export."""
    title = cleaned(said.get("master_metadata_track_name"))
    if title is None:
        others = (("podcast", "episode_name"), ("podcast", "spotify_episode_uri"), ("audiobook", "audiobook_title"))
        # Videos, and what was withdrawn since, have no names at all.
        return next((kind for kind, key in others if said.get(key)), "nameless")
    artist, skipped = said.get("master_metadata_album_artist_name"), said.get("skipped")
    return replace(
        stream(_text(said, "ts"), said.get("ms_played"), artist=artist, title=title, source="spotify"),
        album=cleaned(said.get("master_metadata_album_album_name")),
        spotify_id=spotify_id(said.get("spotify_track_uri")),
        skipped=skipped if isinstance(skipped, bool) else None,
    )


def _listen(said: Said) -> Play | str:
    """A listen of ListenBrainz."""
    told = said.get("track_metadata")
    if not isinstance(told, dict):
        raise ValueError(f"track_metadata must be an object, got {type(told).__name__}")  # noqa: TRY004 - of content
    more = told.get("additional_info")
    mapping = told.get("mbid_mapping")
    more, mapping = more if isinstance(more, dict) else {}, mapping if isinstance(mapping, dict) else {}
    names = {"artist": told.get("artist_name"), "title": told.get("track_name")}
    return replace(
        scrobble(str(said.get("listened_at")), **names, source="listenbrainz"),
        ms_played=_lasted(more.get("duration_played")),
        album=cleaned(told.get("release_name")),
        spotify_id=spotify_id(more.get("spotify_id")) or spotify_id(more.get("origin_url")),
        isrc=cleaned_isrc(more.get("isrc")),
        mbid=cleaned(mapping.get("recording_mbid")) or cleaned(more.get("recording_mbid")),
    )


def _lasted(seconds: object) -> int | None:
    """Milliseconds of what a player tells of a listen, if it makes sense; the listen counts without it."""
    try:
        return milliseconds(1_000 * seconds) if isinstance(seconds, int | float) else None
    except (ValueError, OverflowError):
        return None


# By a key that no other kind has.
_KINDS: dict[str, tuple[str, Callable[[Said], Play | str]]] = {
    "endTime": ("Spotify, last year", _short),
    "master_metadata_track_name": ("Spotify, extended", _extended),
    "listened_at": ("ListenBrainz", _listen),
}


def _text(said: Said, key: str) -> str:
    value = said.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a time, got {_shown(value)}")  # noqa: TRY004 - of content
    return value


def _shown(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, dict) else json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
