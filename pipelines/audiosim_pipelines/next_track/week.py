"""The list of a week, as it is asked for and as the library keeps it."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from audiosim.errors import SettingsError
from audiosim.library import Library
from audiosim.recommend.next_track.sessions import GAP
from audiosim_pipelines.kept_json import keep_json, read_kept_json

FOLDER = "weekly"
_WEEK = re.compile(r"(\d{4})-W(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Week:
    """A week of ISO 8601, from Monday to Sunday in UTC."""

    year: int
    number: int

    @classmethod
    def read(cls, text: str) -> Self:
        """A week as it is written.

        Raises
        ------
        SettingsError
            There is no such week.

        Examples
        --------
        >>> Week.read("2026-W48").monday
        datetime.date(2026, 11, 23)
        """
        found = _WEEK.fullmatch(text)
        week = cls(int(found[1]), int(found[2])) if found else cls(0, 0)
        try:
            week.until  # noqa: B018 - says whether there is such a week
        except (ValueError, OverflowError) as error:
            raise SettingsError(f"a week of the calendar is written as 2026-W48, got {text!r}") from error
        return week

    @classmethod
    def of(cls, date: dt.date) -> Self:
        """The week of a day.

        Examples
        --------
        >>> str(Week.of(dt.date(2027, 1, 1)))
        '2026-W53'
        """
        year, number, _ = date.isocalendar()
        return cls(year, number)

    @property
    def monday(self) -> dt.date:
        """The first day."""
        return dt.date.fromisocalendar(self.year, self.number, 1)

    @property
    def until(self) -> int:
        """When it is over, in seconds since 1970."""
        end = dt.datetime.combine(self.monday + dt.timedelta(weeks=1), dt.time(), tzinfo=dt.UTC)
        return int(end.timestamp())

    def before(self, n: int) -> list["Week"]:
        """The `n` weeks before it, the last one first."""
        return [Week.of(self.monday - dt.timedelta(weeks=i)) for i in range(1, n + 1)]

    def __str__(self) -> str:
        return f"{self.year:04}-W{self.number:02}"


@dataclass(frozen=True, slots=True)
class WeekRequest:
    """What is wanted of the list of a week.

    Parameters
    ----------
    n : int
        How many titles.
    familiar : float
        At most so large a share of titles that were played lately, 0 to 1.
    temperature : float
        0: the likeliest titles. Above: drawn, where the title of rank r has the weight r ** (-1 / temperature).
    only_library : bool
        Whether to name only what the library has.
    gap : float
        The longest silence within a session, in seconds.
    seed : int
        Of what is drawn, together with the week.
    """

    n: int = 30
    familiar: float = 0.0
    temperature: float = 0.3
    only_library: bool = False
    gap: float = GAP
    seed: int = 0

    def validate(self) -> None:
        """Refuse what cannot be (`SettingsError`)."""
        if self.n < 1:
            raise SettingsError(f"a list must have at least one title, got {self.n}")
        if not 0.0 <= self.familiar <= 1.0:
            raise SettingsError(f"familiar must be a share from 0 to 1, got {self.familiar:g}")
        if not (0.0 <= self.temperature < float("inf") and self.seed >= 0):
            raise SettingsError(f"temperature and seed must be at least 0, got {self.temperature:g} and {self.seed}")


@dataclass(frozen=True, slots=True)
class WeekTitle:
    """A title of the list: how it is written, its folded name, and its track's id where the library has it."""

    label: str
    artist: str
    title: str
    name: str
    track_id: str | None
    is_familiar: bool


@dataclass(frozen=True, slots=True)
class KeptWeek:
    """The list of a week in the library: by which model, and why by that one."""

    week: str
    request: WeekRequest
    model: str
    reason: str
    titles: tuple[WeekTitle, ...]
    notes: tuple[str, ...]

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """What `asdict` gave, read from JSON."""
        titles = tuple(
            WeekTitle(
                *(str(one[name]) for name in ("label", "artist", "title", "name")),
                track_id=None if one["track_id"] is None else str(one["track_id"]),
                is_familiar=bool(one["is_familiar"]),
            )
            for one in said["titles"]
        )
        request = WeekRequest(**said["request"])
        request.validate()
        return cls(
            str(Week.read(said["week"])),
            request,
            str(said["model"]),
            str(said["reason"]),
            titles,
            tuple(map(str, said["notes"])),
        )


def read_week(library: Library, week: Week) -> KeptWeek | None:
    """The list that the library keeps of a week; None where it keeps none.

    Raises
    ------
    AudiosimError
        The file cannot be read as one.
    """
    return read_kept_json(
        _path(library, week),
        lambda said: KeptWeek.from_json({**said, "week": str(week)}),  # the file's name counts
        what="the list of a week",
    )


def keep_week(library: Library, kept: KeptWeek) -> None:
    """Keep a list, in place of the one of the same week."""
    keep_json(library, _path(library, Week.read(kept.week)), asdict(kept))


def _path(library: Library, week: Week) -> Path:
    return library.folder / FOLDER / f"{week}.json"
