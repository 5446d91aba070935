"""A report as one HTML page that needs nothing else: no network, no script but its own few lines."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from audiosim.catalog import Catalog, printable
from audiosim.features.descriptors import SPOTIFY_NAMES
from audiosim_pipelines.features import DescriptorValue
from audiosim_pipelines.pages.html import page, player_addresses, read
from audiosim_pipelines.pages.notation import clock, decimal
from audiosim_pipelines.pages.pictures import Picture, drawn
from audiosim_pipelines.pages.track.contents import Contents, Neighbors
from audiosim_pipelines.pages.track.figures import PITCHES

# What each measure hears, for those who do not know its name.
ABOUT = {
    "dtw": "the same course: sounds that follow one another alike",
    "cosine": "mean and spread of the MFCC",
    "cosine_frames": "MFCC frames end to end, as in 2020",
    "timbre": "the same sound, in whatever order",
    "version": "the same composition, in whatever key",
    "descriptors": "all descriptors together",
    "baseline": "a table of official features",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page lies, and what lies beside it.

    Parameters
    ----------
    folder : Path
    names : Mapping[str, str]
        Names of reports, without suffix, by track id.
    labels : Mapping[str, str]
        What tracks are called, by id.
    """

    folder: Path
    names: Mapping[str, str]
    labels: Mapping[str, str]

    def link(self, track_id: str) -> str | None:
        """Where the report of another track is, if it is there."""
        name = f"{self.names[track_id]}.html"
        return quote(name) if (self.folder / name).exists() else None


def render(contents: Contents, shown: Sequence[Picture], catalog: Catalog, place: Place) -> str:
    """The page as text; the same contents at the same place give the same text."""
    script = read("play.js") if contents.sound else ""
    *over_time, radar = drawn(shown)
    return page(
        "track.html.jinja",
        label=contents.track.label,
        title=printable(contents.track.title) if contents.track.title else contents.track.label,
        artist=contents.track.artist and printable(contents.track.artist),
        facts=list(_facts(contents)),
        paths=[printable(str(path)) for path in contents.track.paths],
        track_id=contents.track.track_id,
        players=player_addresses(contents.track, catalog, place.folder),
        silent=contents.missing.get("sound"),
        end=f"{contents.end:.3f}",
        pictures=over_time,
        radar=radar,
        groups=_groups(contents),
        n_others=contents.descriptors.n_tracks - 1 if contents.descriptors else 0,
        neighbors=[_table(neighbors, place) for neighbors in contents.neighbors if neighbors.rows],
        without=_without_neighbors(contents.neighbors),
        style=read("page.css"),
        script=script,
    )


def _facts(contents: Contents) -> Iterator[tuple[str, str]]:
    """What is worth knowing at a glance: names and values."""
    if contents.duration is not None:
        # What is left of a second, or of a tenth, is cut off, as players do it.
        n_decimals = 1 if contents.duration < 10.0 else 0
        units = 10**n_decimals
        yield "duration", clock(math.floor(units * contents.duration) / units, n_decimals=n_decimals)
    tempo, key, mode = (contents.described(name) for name in ("tempo_est", "key_est", "mode_est"))
    if tempo:
        yield "tempo", f"{tempo:.1f} BPM"
    if key is not None and key >= 0.0:
        yield "key", f"{PITCHES[round(key)]} {'major' if mode else 'minor'}"
    if (loudness := contents.described("loudness_est")) is not None:
        yield "loudness", f"{decimal(loudness, 1)} LUFS"
    for name, value in (("album", contents.track.album), ("genre", contents.track.genre)):
        if value:
            yield name, printable(value)


def _groups(contents: Contents) -> list[dict[str, Any]]:
    """The descriptors in three tables."""
    if contents.descriptors is None:
        return []
    values = contents.descriptors.values
    n_spotify = len(SPOTIFY_NAMES)
    return [
        {"title": title, "rows": [_row(value) for value in part]}
        for title, part in (
            ("Spotify-like", values[:n_spotify]),
            ("Pitch classes, C to B", values[n_spotify : n_spotify + 12]),
            ("Timbre, MFCC 1 to 12", values[n_spotify + 12 :]),
        )
    ]


def _row(value: DescriptorValue) -> dict[str, Any]:
    remark = "measured" if value.source == "measured" else "weak" if value.is_weak else ""
    if value.name.startswith("pitch_"):
        remark = PITCHES[int(value.name.split("_")[1])]
    if value.source == "fitted":
        remark = "fitted" if value.r2 is None else f"fitted, R² {value.r2:.2f}"
    return {
        "name": value.name,
        "exact": repr(value.value),
        "text": _text(value),
        # Of keys and modes it says what the numbers stand for, which is said beside them.
        "unit": "" if value.name in ("key_est", "mode_est") else value.unit.replace(" .. ", "\N{EN DASH}"),
        "percentile": value.percentile,
        "remark": remark,
    }


def _text(value: DescriptorValue) -> str:
    """A value for people."""
    if value.name == "key_est":
        return "none" if value.value < 0.0 else f"{value.value:.0f} ({PITCHES[round(value.value)]})"
    if value.name == "mode_est":
        return "1 (major)" if value.value else "0 (minor)"
    if value.unit == "ms" or value.name == "time_signature_est":
        return f"{value.value:,.0f}"
    return decimal(
        value.value, 3 if value.unit == "0 .. 1" else 1 if value.name in ("tempo_est", "loudness_est") else 2
    )


def _table(neighbors: Neighbors, place: Place) -> dict[str, Any]:
    """The nearest by one measure, as the template wants them."""
    rows = [
        {
            "label": place.labels[row["track_id"]],
            "track_id": row["track_id"],
            "link": place.link(row["track_id"]),
            **{name: _known(row[name]) for name in ("rank", "distance", "percentile", "rescaled")},
        }
        for row in neighbors.rows
    ]
    return {
        "measure": neighbors.measure,
        "about": ABOUT[neighbors.measure],
        "rescaling": None if neighbors.rescaling == "none" else neighbors.rescaling,
        "rows": rows,
    }


def _without_neighbors(neighbors: Sequence[Neighbors]) -> list[tuple[str, str]]:
    """Measures that have no answer, by the reason."""
    if not neighbors:
        return [("", "nothing is compared yet; run: audiosim compare")]
    reasons = dict.fromkeys(of.missing for of in neighbors if of.missing)
    return [(", ".join(of.measure for of in neighbors if of.missing == reason), reason) for reason in reasons if reason]


def _known(value: float) -> float | None:
    """A number, or None for NaN."""
    return None if value != value else value  # noqa: PLR0124 - only NaN differs from itself
