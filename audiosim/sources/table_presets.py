"""Kinds of feature tables: what each service, tool or data set calls its columns."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from audiosim.errors import FeatureTableError

FEATURES = (
    "danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness", "instrumentalness",
    "liveness", "valence", "tempo", "duration_ms", "time_signature",
)  # fmt: skip
Key = Literal["id", "isrc", "artist", "title"]
# Names that tables without a preset have; of several in one table the first here counts.
KEY_COLUMNS: dict[Key, tuple[str, ...]] = {
    "id": ("sha256", "track_id", "spotify_id", "id", "track_uri", "uri"),
    "isrc": ("isrc",),
    "artist": ("artist", "artist_name", "artists", "track_artist"),
    "title": ("title", "track_name", "name"),
}
# Durations that are not in milliseconds: in seconds, or in what their values tell.
_DURATIONS: dict[str, tuple[str, ...]] = {
    "duration_s": ("duration_s", "duration (s)", "duration_sec"),
    "duration": ("duration",),
}


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of table, known by columns that it has (`marks`) and others of its kin have not; all in lower case.

    `keys` and `features` name columns that are called otherwise than in a table of no preset; `artist_separator` stands
    between several artists.
    """

    name: str
    about: str
    marks: frozenset[str]
    keys: Mapping[Key, tuple[str, ...]] = field(default_factory=dict[Key, tuple[str, ...]])
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    artist_separator: str | None = None


# The first whose marks are all there counts, so those with more to show stand first.
PRESETS: tuple[Preset, ...] = (
    Preset(
        "hf-114k",
        "114 000 tracks of 125 genres, as they go round since 2022",
        frozenset({"track_id", "artists", "album_name", "track_genre"}),
        artist_separator=";",
    ),
    Preset(
        "tidytuesday",
        "32 833 songs of playlists, 2020-01-21",
        frozenset({"track_id", "track_artist", "playlist_genre"}),
    ),
    Preset(
        "yasr",
        "new releases with the genres of their artists, the recommender of 2020",
        frozenset({"artist_uri", "track_uri", "artist_genres"}),
    ),
    Preset(
        "exportify",
        "playlists that Exportify saved",
        frozenset({"track name", "artist name(s)"}),
        keys={
            "id": ("track uri", "spotify uri", "spotify id"),
            "artist": ("artist name(s)",),
            "title": ("track name",),
        },
        features={
            "duration_ms": ("duration (ms)", "track duration (ms)"),
            "time_signature": ("time signature",),
        },
        artist_separator=",",
    ),
    Preset("reccobeats", "what `audiosim baseline fetch` asked for", frozenset({"track_id", "isrc", "fetched_on"})),
    Preset(
        "spotify",
        "audio features as Spotify's service gave them",
        frozenset({"id", "track_href", "analysis_url"}),
    ),
    Preset(
        "fma-echonest",
        "Echo Nest features of the Free Music Archive, with its three rows of headers or flattened",
        frozenset(
            {"track_id", "acousticness", "danceability", "energy", "instrumentalness", "liveness", "speechiness"}
        ),
    ),
)
NAMES = tuple(sorted(preset.name for preset in PRESETS))


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How a table is to be read, where it does not tell by itself.

    `preset` is a name of `PRESETS`; None recognises it. `features` and `keys` say which columns hold what and outweigh
    the preset; their columns are in any case. `separator` stands between the columns of a CSV; None finds it.
    """

    preset: str | None = None
    features: Mapping[str, str] = field(default_factory=dict[str, str])
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    separator: str | None = None


def preset_named(name: str) -> Preset:
    """A preset by its name.

    Raises
    ------
    FeatureTableError
        There is no such preset.
    """
    for preset in PRESETS:
        if preset.name == name:
            return preset
    raise FeatureTableError(f"there is no preset {name!r}; choose from {', '.join(NAMES)}, or leave it out")


def recognise(columns: Collection[str]) -> Preset | None:
    """The preset of a table with such columns, in lower case; None where it is none.

    Examples
    --------
    >>> recognise({"track uri", "track name", "artist name(s)", "energy"}).name
    'exportify'
    """
    return next((preset for preset in PRESETS if preset.marks <= set(columns)), None)


def find_columns(
    columns: Mapping[str, int], preset: Preset | None, options: TableOptions
) -> tuple[dict[str, int], dict[Key, int]]:
    """Where a table has what: the positions of features, in the order of `FEATURES`, and of keys.

    Of durations there is one: under "duration_ms", "duration_s", or "duration", which may be either.

    Raises
    ------
    FeatureTableError
        The options name a feature, a key or a column that is none.
    """
    features = {name: (name, *(preset.features.get(name, ()) if preset else ())) for name in FEATURES} | _DURATIONS
    keys: dict[Key, tuple[str, ...]] = {
        key: (*(preset.keys.get(key, ()) if preset else ()), *names) for key, names in KEY_COLUMNS.items()
    }
    found = {name: _first(columns, names) for name, names in features.items()}
    found |= {name: _position(columns, name, column, features) for name, column in options.features.items()}
    durations = sorted(
        ("duration_ms", *_DURATIONS), key=lambda name: (name not in options.features, found[name] is None)
    )
    for name in durations[1:]:
        found[name] = None
    chosen = {key: _position(columns, key, column, keys) for key, column in options.keys.items()}
    found_keys: dict[Key, int] = {}
    for key, names in keys.items():
        place = chosen.get(key, _first(columns, names))
        if place is not None:
            found_keys[key] = place
    return {name: place for name, place in found.items() if place is not None}, found_keys


def _first(columns: Mapping[str, int], names: Collection[str]) -> int | None:
    return next((columns[name] for name in names if name in columns), None)


def _position(columns: Mapping[str, int], name: str, column: str, known: Collection[str]) -> int:
    """Where the column is that an option names."""
    if name not in known:
        raise FeatureTableError(f"{name!r} is nothing that a column can hold; choose from {', '.join(known)}")
    place = columns.get(column.strip().casefold())
    if place is None:
        raise FeatureTableError(f"there is no column {column!r} for {name}; the table has {', '.join(columns)}")
    return place
