"""Journeys through a library: planned, kept, and planned again after what was skipped."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track
from audiosim.errors import AudiosimError, SettingsError
from audiosim.library import Library
from audiosim.recommend.journey.course import Course, Points
from audiosim.recommend.journey.figures import OtherOrders, Smoothness, shuffled, smoothness
from audiosim.recommend.journey.graph import nearest_neighbors, neighbor_graph, smoothest_course
from audiosim.recommend.journey.schedule import Day, Plan, day_stretches, schedule
from audiosim.recommend.journey.walk import Indices, Preferences
from audiosim_pipelines.journey.ground import Ground, survey
from audiosim_pipelines.journey.request import (
    JourneyRequest,
    Kept,
    KeptDay,
    journey_name,
    kept_names,
    read_kept,
    write_kept,
)

N_TRACKS = 12
_N_NEIGHBORS = 15
_THIN, _ROOM, _LONG = 0.1, 20, 60

Stretches = Mapping[int, tuple[float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class JourneyDay:
    """A day of a journey.

    Attributes
    ----------
    number : int
        From 0.
    date : datetime.date
    stretch : tuple of float
        The shares of the course between which it leads.
    tracks : tuple of Track
        In the order in which they are played; those that have left the library are not among them.
    rows : np.ndarray [shape=(n,), intp]
        Their numbers in the coordinates of the report.
    progress : tuple of float
        How far along the course each of them is.
    figures, others, by_energy : Smoothness, OtherOrders, Smoothness, or None
        Of the list, of the same tracks in random orders, and sorted by energy; None of a day with a single track left,
        and by_energy where energy is unknown.
    seconds : float or None
        Playing time; None where one of the tracks' is unknown.
    """

    number: int
    date: dt.date
    stretch: tuple[float, float]
    tracks: tuple[Track, ...]
    rows: Indices
    progress: tuple[float, ...]
    figures: Smoothness | None
    others: OtherOrders | None
    by_energy: Smoothness | None
    seconds: float | None


@dataclass(frozen=True, slots=True, eq=False)
class JourneyReport:
    """A journey, and what there is to know of it.

    Attributes
    ----------
    kept : Kept
        As it lies in the library.
    days : tuple of JourneyDay
    stops : tuple of Track
    skipped : tuple of Track
    warnings : tuple of str
    n_tracks : int
        Tracks that could have been chosen.
    axes : tuple of str
        What the coordinates are.
    coordinates : np.ndarray [shape=(n_tracks, n_dims), float64]
    places : np.ndarray [shape=(n_places, n_dims), float64]
        That the course leads through.
    """

    kept: Kept
    days: tuple[JourneyDay, ...]
    stops: tuple[Track, ...]
    skipped: tuple[Track, ...]
    warnings: tuple[str, ...]
    n_tracks: int
    axes: tuple[str, ...]
    coordinates: Points
    places: Points


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """A course and the stops on it; the tracks themselves, where the graph has chosen all of them."""

    course: Course
    stops: tuple[tuple[float, int], ...]
    path: Indices | None = None


def plan_journey(
    library: Library, request: JourneyRequest, *, name: str | None = None, overwrite: bool = False, keep: bool = True
) -> JourneyReport:
    """Plan a journey, and keep it in the library.

    Parameters
    ----------
    library : Library
        Compared by the measure of the request; where the space is mood, with descriptors or a table.
    request : JourneyRequest
    name : str, optional
        What it is kept as; "X to Y" by default.
    overwrite : bool
        Whether another journey over several days may be lost that has the same name.
    keep : bool
        Whether it is kept.

    Raises
    ------
    NotComputedError
        Something is not computed yet, or a stop lacks it.
    SettingsError
        A journey over several days has the name already.
    AudiosimError
        The library is too thin, both ends lie at the same place, or there is no way.
    """
    ground = survey(library, request)
    stops = _stops(library, request)
    name = journey_name(name or f"{stops[0].label} to {stops[-1].label}")
    old = read_kept(library, name)
    # A single list is soon made again; days that were lived with are not.
    is_other = old is not None and (old.skipped or (old.request.n_days > 1 and old.request != request))
    if keep and not overwrite and is_other:
        raise SettingsError(
            f"the journey {name!r} is there already; go on with it with --replan, "
            "take another --name, or replace it with --overwrite"
        )
    stretches = dict(enumerate(day_stretches(request.n_days)))
    way = _way(ground, request, frozenset())
    days = _planned(ground, request, way, stretches, played={}, barred=frozenset())
    kept = Kept(name, request, tuple(_as_kept(ground, days[i].stretch, days[i].path) for i in range(request.n_days)))
    if keep:
        write_kept(library, kept)
    return _report(library, kept, ground, way, planned=days)


def replan_journey(
    library: Library, name: str, *, skipped: Sequence[str] = (), today: dt.date, keep: bool = True
) -> JourneyReport:
    """Plan the days behind today again, without what was skipped.

    Days up to today stay as they are. Where the last track of the last of them was skipped, the days that are left
    start from the last one that was heard, else their stretches stay. Without anything new that was skipped, so do the
    lists.

    Parameters
    ----------
    library : Library
    name : str
        What the journey is kept as.
    skipped : sequence of str
        Names of tracks that are not to come again.
    today : datetime.date
    keep : bool
        Whether the new plan is kept.

    Raises
    ------
    TrackNotFoundError
        The name of a skipped track means no track, or several.
    SettingsError
        There is no such journey, or it is over.
    AudiosimError
        As `plan_journey`.
    """
    old = read_kept(library, journey_name(name))
    if old is None:
        known = ", ".join(kept_names(library)) or "none"
        raise SettingsError(f"there is no journey {name!r}; plan one with: audiosim journey X Y (kept are: {known})")
    request = old.request
    n_past = max(0, min(request.n_days, (today - request.first_date).days + 1))
    if n_past == request.n_days:
        raise SettingsError(
            f"the journey {name!r} ends on {request.date(request.n_days - 1)}, and no day is left to plan again"
        )
    out = tuple(dict.fromkeys([*old.skipped, *(library.find(each).track_id for each in skipped)]))
    if request.goal in out:
        raise SettingsError("the goal of a journey cannot be skipped; plan one to another track")
    ground = survey(library, request)
    row_of = {track.track_id: row for row, track in enumerate(ground.tracks)}
    barred = frozenset(row_of[track_id] for track_id in out if track_id in row_of)
    played = {i: frozenset(row_of[t] for t in old.days[i].track_ids if t in row_of) for i in range(n_past)}
    way = _way(ground, request, barred)
    stretches = _left(old, n_past, out, ground, way.course)
    days = _planned(ground, request, way, stretches, played=played, barred=barred)
    planned = tuple(_as_kept(ground, days[i].stretch, days[i].path) for i in sorted(days))
    kept = replace(old, days=(*old.days[:n_past], *planned), skipped=out)
    if kept != old:
        kept = replace(kept, revision=old.revision + 1)
        if keep:
            write_kept(library, kept)
    return _report(library, kept, ground, way, planned=days)


def _stops(library: Library, request: JourneyRequest) -> tuple[Track, ...]:
    by_id = {track.track_id: track for track in library.tracks()}
    return tuple(by_id[track_id] for track_id in request.stops)


def _left(old: Kept, n_past: int, out: Collection[str], ground: Ground, course: Course) -> Stretches:
    """Stretches of the days that are left."""
    if n_past and old.days[n_past - 1].track_ids[-1] in out:
        last, row_of = old.days[n_past - 1], {track.track_id: row for row, track in enumerate(ground.tracks)}
        heard = [row_of[t] for t in last.track_ids if t not in out and t in row_of]
        reached = float(course.progress(ground.terrain.coordinates[heard[-1:]])[0]) if heard else last.stretch[0]
        begin = min(max(reached, 0.0), last.stretch[1])
        return dict(enumerate(day_stretches(len(old.days) - n_past, start=begin), start=n_past))
    return {i: old.days[i].stretch for i in range(n_past, len(old.days))}


def _way(ground: Ground, request: JourneyRequest, barred: Collection[int]) -> _Way:
    """Where the journey leads."""
    by_id = {track.track_id: row for row, track in enumerate(ground.tracks)}
    if missing := [track_id for track_id in request.stops if track_id not in by_id]:
        raise AudiosimError(
            f"track {missing[0][:12]} lacks what the journey needs (descriptors, table values or distances), "
            "or has left the library; what failed, and why: audiosim status --failures"
        )
    stops = [by_id[track_id] for track_id in request.stops]
    straight = _course(ground, stops)
    if request.method == "viterbi":
        return _Way(straight, tuple(zip(straight.shares.tolist(), stops, strict=True)))
    closed = np.zeros(len(ground.tracks), dtype=np.bool_)
    closed[list(barred)] = True
    closed[stops] = False
    weight = 0.6 if request.space == "mood" else 0.0
    found = nearest_neighbors(ground.terrain, k=_N_NEIGHBORS, mood_weight=weight)
    path = smoothest_course(neighbor_graph(*found, barred=closed), stops)
    if request.n_days == 1 and request.n is None and request.minutes is None:
        # Along its own line every list would be straight: it is judged by the line that it did not take.
        return _Way(straight, tuple(zip(straight.shares.tolist(), stops, strict=True)), path)
    # A track that lies where the one before it lies is no place of its own, unless it is a stop.
    moved = np.linalg.norm(np.diff(ground.terrain.coordinates[path], axis=0), axis=1) > 0.0
    rows = path[np.concatenate([[True], moved]) | np.isin(path, stops)].tolist()
    course = _course(ground, rows)
    shares = dict(zip(rows, course.shares.tolist(), strict=True))
    return _Way(course, tuple((shares[stop], stop) for stop in stops))


def _course(ground: Ground, rows: Sequence[int]) -> Course:
    try:
        return Course.through(ground.terrain.coordinates[list(rows)])
    except ValueError as error:
        raise AudiosimError(
            "two stops that follow one another lie at the same place: the library cannot tell them apart "
            f"by {' and '.join(ground.axes)}; choose other tracks, or another --space"
        ) from error


def _planned(
    ground: Ground,
    request: JourneyRequest,
    way: _Way,
    stretches: Stretches,
    *,
    played: Mapping[int, Collection[int]],
    barred: Collection[int],
) -> dict[int, Day]:
    """The days of some stretches."""
    if way.path is not None:
        return {0: Day((0.0, 1.0), way.path, ground.terrain.coordinates[way.path])}
    n, seconds = request.n or N_TRACKS, _known_seconds(ground)
    if request.minutes is not None:
        n = max(2, round(60.0 * request.minutes / float(np.median(seconds))))
    if n > len(ground.tracks):
        raise AudiosimError(
            f"the library is too thin: a list of {n} tracks must find them among {len(ground.tracks)}; "
            "ask for fewer, or add music"
        )

    def enough(path: Indices) -> int:
        assert request.minutes is not None
        return round(60.0 * request.minutes / float(seconds[path].mean()))

    plan = Plan(way.stops, n, request.variance, request.seed, None if request.minutes is None else enough)
    preferences = Preferences(artist_cap=request.artist_cap)
    return schedule(ground.terrain, way.course, plan, stretches, played=played, barred=barred, preferences=preferences)


def _known_seconds(ground: Ground) -> npt.NDArray[np.float64]:
    """Playing times; the median where one is unknown, and 4 minutes where all are."""
    known = ground.seconds[~np.isnan(ground.seconds)]
    return np.where(np.isnan(ground.seconds), np.median(known) if len(known) else 240.0, ground.seconds)


def _as_kept(ground: Ground, stretch: tuple[float, float], path: Indices) -> KeptDay:
    return KeptDay(stretch, tuple(ground.tracks[row].track_id for row in path))


def _report(library: Library, kept: Kept, ground: Ground, way: _Way, *, planned: Mapping[int, Day]) -> JourneyReport:
    by_id = {track.track_id: track for track in library.tracks()}
    days = tuple(_day(ground, way, kept, number, planned.get(number)) for number in range(len(kept.days)))
    return JourneyReport(
        kept,
        days,
        _stops(library, kept.request),
        tuple(by_id[track_id] for track_id in kept.skipped if track_id in by_id),
        tuple(_warnings(ground, way, kept.request, planned)),
        len(ground.tracks),
        ground.axes,
        ground.terrain.coordinates,
        way.course.places,
    )


def _day(ground: Ground, way: _Way, kept: Kept, number: int, day: Day | None) -> JourneyDay:
    terrain, stretch = ground.terrain, kept.days[number].stretch
    row_of = {track.track_id: row for row, track in enumerate(ground.tracks)}
    rows = [row_of[track_id] for track_id in kept.days[number].track_ids if track_id in row_of]
    path = np.array(rows, dtype=np.intp)
    figures = others = by_energy = None
    if len(path) > 1:
        # What the graph has chosen had no targets.
        targets = None if day is None or day.path is way.path else day.targets
        figures = smoothness(terrain, path, way.course, targets=targets, stretch=stretch)
        others = shuffled(terrain, path, way.course, stretch=stretch, seed=kept.request.seed)
        if ground.energy is not None:
            by_energy = smoothness(
                terrain, path[np.argsort(ground.energy[path], kind="stable")], way.course, stretch=stretch
            )
    seconds = float(ground.seconds[path].sum())
    return JourneyDay(
        number,
        kept.request.date(number),
        stretch,
        tuple(ground.tracks[row] for row in rows),
        path,
        tuple(way.course.progress(terrain.coordinates[path]).tolist()),
        figures,
        others,
        by_energy,
        None if np.isnan(seconds) else seconds,
    )


def _warnings(ground: Ground, way: _Way, request: JourneyRequest, planned: Mapping[int, Day]) -> list[str]:
    """What the library is too thin for."""
    warnings: list[str] = []
    coordinates = ground.terrain.coordinates
    off = {i: float(np.linalg.norm(coordinates[d.path] - d.targets, axis=1).mean()) for i, d in planned.items()}
    if thin := [i for i, deviation in off.items() if deviation > _THIN]:
        where = f"on {len(thin)} of {len(off)} days " if request.n_days > 1 else ""
        advice = "--method graph leads through what there is" if request.method == "viterbi" else "add music"
        warnings.append(
            f"the library is thin along the way: {where}tracks lie up to {max(off.values()):.2f} from their "
            f"places in the mean, on a scale where the library is 1 wide; {advice}"
        )
    progress = way.course.progress(coordinates)
    room = {
        i: np.count_nonzero((progress >= day.stretch[0]) & (progress <= day.stretch[1])) / len(day.path)
        for i, day in planned.items()
    }
    if request.n_days > 1 and min(room.values()) < _ROOM:
        warnings.append(
            f"on some days there are only {min(room.values()):.1f} tracks to choose from for each one that is played "
            f"(at least {_ROOM} make a smooth list); fewer tracks a day or fewer days would be smoother"
        )
    if way.path is not None and len(way.path) > _LONG:
        warnings.append(f"the smoothest way takes {len(way.path)} tracks; -n picks so many along it")
    known = np.count_nonzero(~np.isnan(ground.seconds))
    if request.minutes is not None and known < len(ground.seconds):
        warnings.append(
            f"the playing time of {len(ground.seconds) - known} tracks is unknown; they count as the median"
        )
    return warnings
