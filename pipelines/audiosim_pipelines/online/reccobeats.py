"""ReccoBeats: audio features of tracks by their Spotify ids, from a service that still gives them.

References
----------
https://reccobeats.com/docs
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audiosim.errors import NotThereError, OnlineError
from audiosim.sources.play import cleaned, cleaned_isrc, spotify_id
from audiosim_pipelines.online.client import Client

AT_ONCE = 40  # ids in a question
# It gives neither key nor mode for sure.
FEATURES = (
    "acousticness", "danceability", "energy", "instrumentalness", "liveness", "loudness", "speechiness", "tempo",
    "valence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownTrack:
    """A track that the service knows: its own id, and what it calls it."""

    reccobeats_id: str
    spotify_id: str
    artist: str | None
    title: str | None
    isrc: str | None


def find_tracks(client: Client, base_url: str, spotify_ids: Sequence[str]) -> dict[str, KnownTrack]:
    """Find at most 40 tracks; those that the service does not know are missing from the answer.

    Raises
    ------
    OnlineError
        The service cannot be had, or answers with something else.
    """
    url = f"{base_url.rstrip('/')}/v1/track"
    try:
        answer = client.get_json(url, {"ids": ",".join(spotify_ids)})
    except NotThereError:
        return {}
    listed = answer.get("content") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise OnlineError(f'{url} must answer with a list "content", got {str(answer)[:80]}')
    found = [track for said in listed if isinstance(said, dict) and (track := _known(said)) is not None]
    wanted = set(spotify_ids)
    return {track.spotify_id: track for track in found if track.spotify_id in wanted}


def audio_features(client: Client, base_url: str, track: KnownTrack) -> dict[str, float] | None:
    """Features of a track by name, or None where the service has none of it.

    Raises
    ------
    OnlineError
        The service cannot be had, or answers with something else.
    """
    url = f"{base_url.rstrip('/')}/v1/track/{track.reccobeats_id}/audio-features"
    try:
        answer = client.get_json(url)
    except NotThereError:
        return None
    if not isinstance(answer, dict):
        raise OnlineError(f"{url} must answer with an object, got {str(answer)[:80]}")
    values = {name: answer.get(name) for name in FEATURES}
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values.values()):
        return None
    return {name: float(value) for name, value in values.items() if value is not None}


def _known(said: Mapping[str, Any]) -> KnownTrack | None:
    """A track of the service's answer; None where its ids are missing. The Spotify id is in the address it gives."""
    own_id, address = cleaned(said.get("id")), spotify_id(said.get("href"))
    # The id becomes part of an address.
    if own_id is None or address is None or not own_id.replace("-", "").isalnum():
        return None
    artists = said.get("artists")
    names = [
        name
        for artist in (artists if isinstance(artists, list) else [])
        if isinstance(artist, dict) and (name := cleaned(artist.get("name")))
    ]
    return KnownTrack(
        own_id,
        address,
        artist=", ".join(names) or None,
        title=cleaned(said.get("trackTitle")),
        isrc=cleaned_isrc(said.get("isrc")),
    )
