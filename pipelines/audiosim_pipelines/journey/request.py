"""What is wanted of a journey, as it is kept in the library so that it can be planned again."""

import datetime as dt
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from audiosim.errors import SettingsError
from audiosim.library import Library
from audiosim_pipelines.kept_json import keep_json, read_kept_json

FOLDER = "journeys"
_LONGEST_NAME = 120  # bytes: a date, a suffix and a draft's must fit beside it
_NOT_IN_NAMES = str.maketrans(dict.fromkeys('<>:"/\\|?*', "_"))
_MOST_DAYS = 366

Space = Literal["mood", "timbre", "dtw", "descriptors"]
Method = Literal["viterbi", "graph"]
SPACES: tuple[Space, ...] = get_args(Space)
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, slots=True)
class JourneyRequest:
    """What is wanted of a journey.

    Attributes
    ----------
    start, goal : str
        Ids of the first and the last track.
    first_date : datetime.date
    via : tuple of str
        Ids of tracks on the way, in their order.
    n : int or None
        Tracks a day; None: 12, or what `minutes` asks for, or what the graph takes on a single day.
    minutes : float or None
        Playing time a day.
    n_days : int
    space : "mood", "timbre", "dtw" or "descriptors"
        What the way is straight in.
    method : "viterbi" or "graph"
    measure : str or None
        How sounds of neighbours are compared; None: as in the space, timbre where that is mood.
    is_official : bool
        Whether energy and valence are those of the imported table, in place of own estimates.
    has_seams : bool
        Whether the end of a track is compared with the beginning of the next, in place of both as wholes.
    artist_cap : int or None
        At most so many tracks by one artist a day.
    variance : float
        How much targets are moved at random, in steps.
    seed : int
    """

    start: str
    goal: str
    first_date: dt.date
    via: tuple[str, ...] = ()
    n: int | None = None
    minutes: float | None = None
    n_days: int = 1
    space: Space = "mood"
    method: Method = "viterbi"
    measure: str | None = None
    is_official: bool = False
    has_seams: bool = False
    artist_cap: int | None = 2
    variance: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        _require_length(self)
        _require_way(self)
        stops = (self.start, *self.via, self.goal)
        if self.start == self.goal:
            raise SettingsError("a journey must lead from one track to another, got the same track twice")
        if len(set(stops)) < len(stops):
            raise SettingsError("a journey must not pass a track twice; leave out the --via that is named twice")

    @property
    def stops(self) -> tuple[str, ...]:
        """Ids of all tracks that must come."""
        return (self.start, *self.via, self.goal)

    @property
    def compared_by(self) -> str:
        """The measure of sounds."""
        return self.measure or ("timbre" if self.space == "mood" else self.space)

    def date(self, number: int) -> dt.date:
        """The date of a day, from 0."""
        return self.first_date + dt.timedelta(days=number)


def _require_length(request: JourneyRequest) -> None:
    if request.n is not None and request.minutes is not None:
        raise SettingsError("a list has either a number of tracks (-n) or a duration (--minutes), got both")
    if request.n is not None and request.n < 2:
        raise SettingsError(f"a journey must have at least 2 tracks a day, got {request.n}")
    if request.minutes is not None and not 0.0 < request.minutes <= 24 * 60:
        raise SettingsError(f"minutes must be above 0 and at most a day, got {request.minutes:g}")
    if not 1 <= request.n_days <= _MOST_DAYS:
        raise SettingsError(f"a journey must take 1 to {_MOST_DAYS} days, got {request.n_days}")


def _require_way(request: JourneyRequest) -> None:
    if request.space not in SPACES or request.method not in METHODS:
        raise SettingsError(
            f"space must be one of {', '.join(SPACES)} and method of {', '.join(METHODS)}, "
            f"got {request.space!r} and {request.method!r}"
        )
    if request.is_official and request.space != "mood":
        raise SettingsError(f"official energy and valence are of use in the space mood, got {request.space!r}")
    if not 0.0 <= request.variance <= 10.0:
        raise SettingsError(f"variance must lie in 0 .. 10 steps, got {request.variance:g}")
    if request.seed < 0:
        raise SettingsError(f"seed must be at least 0, got {request.seed}")
    if request.artist_cap is not None and request.artist_cap < 1:
        raise SettingsError(f"artist_cap must be at least 1, or none, got {request.artist_cap}")


@dataclass(frozen=True, slots=True)
class KeptDay:
    """A day as it was planned: between which shares of the course, and ids of its tracks."""

    stretch: tuple[float, float]
    track_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A journey in the library.

    `revision` counts how often it was planned; `skipped` are ids of tracks that are not to come again.
    """

    name: str
    request: JourneyRequest
    days: tuple[KeptDay, ...]
    skipped: tuple[str, ...] = ()
    revision: int = 0

    def as_json(self) -> dict[str, Any]:
        """All of it in the types of JSON."""
        request = asdict(self.request) | {"first_date": self.request.first_date.isoformat()}
        return asdict(self) | {"request": request}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """What `as_json` gave."""
        request = dict(said["request"])
        request["first_date"] = dt.date.fromisoformat(request["first_date"])
        request["via"] = tuple(request["via"])
        days = tuple(
            KeptDay((float(day["stretch"][0]), float(day["stretch"][1])), tuple(map(str, day["track_ids"])))
            for day in said["days"]
        )
        return cls(str(said["name"]), JourneyRequest(**request), days, tuple(said["skipped"]), int(said["revision"]))


def journey_name(text: str) -> str:
    """A name that can be one of files on every system, as close to the text as can be.

    Raises
    ------
    SettingsError
        Nothing of the text is left.

    Examples
    --------
    >>> journey_name("AC/DC - T.N.T. to Low")
    'AC_DC - T.N.T. to Low'
    """
    plain = "".join(letter for letter in unicodedata.normalize("NFC", text) if letter.isprintable())
    name = plain.translate(_NOT_IN_NAMES).encode("utf-8", "ignore")[:_LONGEST_NAME].decode(errors="ignore").strip(" .")
    if not name:
        raise SettingsError(f"the name of a journey must have letters that files can be called by, got {text!r}")
    return name


def read_kept(library: Library, name: str) -> Kept | None:
    """The journey that is kept by this name; None where there is none.

    Raises
    ------
    AudiosimError
        The file cannot be read as one.
    """
    return read_kept_json(kept_path(library, name), Kept.from_json, what="a journey")


def write_kept(library: Library, kept: Kept) -> None:
    """Keep a journey, in place of the one that has its name."""
    keep_json(library, kept_path(library, kept.name), kept.as_json())


def kept_path(library: Library, name: str) -> Path:
    """Where a journey is kept."""
    return library.folder / FOLDER / f"{name}.json"


def kept_names(library: Library) -> list[str]:
    """Names of the journeys in the library."""
    return sorted(path.stem for path in (library.folder / FOLDER).glob("*.json"))
