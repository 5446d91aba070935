"""The list of a week from the history: what follows the latest sessions, and was neither listed nor played lately."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track
from audiosim.errors import AudiosimError
from audiosim.library import Library
from audiosim.recommend.next_track.models import Scorer, Training
from audiosim.recommend.next_track.ranks import best_first
from audiosim.recommend.next_track.sessions import Items
from audiosim.sources.fold import fold_name
from audiosim_pipelines.next_track.evaluation import last_evaluation
from audiosim_pipelines.next_track.listing import drawn_by_rank, is_heard, scorer_of
from audiosim_pipelines.next_track.titles import Titles, read_titles, sounds
from audiosim_pipelines.next_track.week import KeptWeek, Week, WeekRequest, WeekTitle, keep_week, read_week
from audiosim_pipelines.progress import Progress

ARTIST_CAP = 2
RECENT_WEEKS = 4  # whose lists are not repeated
LATELY = 28 * 86_400  # s before the last play

_N_ENDINGS = 8  # sessions
_ENDING = 10  # plays of each
_FADING = 0.8  # of the weight from a session to the one before it
_DAMPING = 60.0  # of ranks that are fused: the first ten of a list count about alike

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WeekReport:
    """The list of a week; the track of each title, where the library has it, and whether it was planned just now."""

    kept: KeptWeek
    tracks: tuple[Track | None, ...]
    is_new: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """Who is asked, after which endings (the latest first), and why."""

    model: str
    scorer: Scorer
    endings: Sequence[Items]
    reason: str
    notes: tuple[str, ...] = ()


def weekly_list(
    library: Library,
    request: WeekRequest,
    *,
    week: Week,
    overwrite: bool = False,
    keep: bool = True,
    progress: Progress | None = None,
) -> WeekReport:
    """The list of a week: the one that the library keeps, or a new one.

    Titles that follow the endings of the latest sessions, by the model that foretold this history best. None comes
    twice, none was in the lists of the four weeks before, at most two are by one artist, and of what was played in the
    four weeks before the last play there is no more than was asked for.

    Parameters
    ----------
    library
        With plays or tracks.
    request
        What is wanted; of no effect where the library keeps the list of this week.
    week
        What was played after it does not count.
    overwrite
        Plan anew, whatever is kept.
    keep
        Keep what is planned.
    progress
        Told of models, and of a network's epochs where one is trained.

    Raises
    ------
    SettingsError
        The request cannot be fulfilled by any library.
    AudiosimError
        There is nothing to choose from or nothing left, or what is kept cannot be read.
    """
    request.validate()
    by_id = {track.track_id: track for track in library.tracks()}
    kept = None if overwrite else read_week(library, week)
    is_new = kept is None
    notes: tuple[str, ...] = ()
    if kept is None:
        kept = _planned(library, request, week, progress)
        if keep:
            keep_week(library, kept)
    elif kept.request != request:
        notes = (f"this is the list that is kept of {week}, made with other options; plan anew with --overwrite",)
    tracks = tuple(by_id.get(title.track_id or "") for title in kept.titles)
    return WeekReport(kept, tracks, is_new, (*kept.notes, *notes))


def _planned(library: Library, request: WeekRequest, week: Week, progress: Progress | None) -> KeptWeek:
    whole = read_titles(library, gap=request.gap)
    is_past = bool((whole.last_played >= week.until).any())
    titles = read_titles(library, gap=request.gap, before=week.until) if is_past else whole
    training = Training(titles.sessions, len(titles.labels), sounds(library, titles))
    basis = _basis(library, whole, titles, training, progress)
    order = best_first(_fused(basis, training), training)
    eligible = _eligible(library, titles, request, week)
    drawn = drawn_by_rank(
        order[eligible[order]], temperature=request.temperature, seeds=(request.seed, week.year, week.number)
    )
    is_familiar = _is_familiar(titles)
    chosen = _chosen(drawn, titles, is_familiar, request)
    if not chosen:
        raise AudiosimError(
            "nothing is left that was neither played nor listed in the last four weeks; "
            "let some of it in with --familiar 0.5, or add music with: audiosim add FOLDER"
        )
    few = (f"there is no more to list than {len(chosen)} of {request.n}",) if len(chosen) < request.n else ()
    listed = tuple(_title(titles, number, bool(is_familiar[number])) for number in chosen)
    return KeptWeek(str(week), request, basis.model, basis.reason, listed, (*basis.notes, *few))


def _basis(library: Library, whole: Titles, titles: Titles, training: Training, progress: Progress | None) -> _Basis:
    if len(titles.sessions) > 1 and (evaluation := last_evaluation(library, whole, progress=progress)) is not None:
        model = evaluation.best
        return _Basis(
            model,
            scorer_of(library, training, model, progress),
            [session[-_ENDING:] for session in titles.sessions[: -_N_ENDINGS - 1 : -1]],
            f"what follows the latest sessions by {model}, which is best on this history",
            evaluation.notes,
        )
    played = np.flatnonzero(titles.counts)
    heard = played[is_heard(training)[played]]
    n = f"the history has {len(titles.sessions)} sessions of two plays, too few to learn from"
    if len(heard):
        ending = heard[np.argsort(titles.last_played[heard], kind="stable")][-_ENDING:]
        scorer = scorer_of(library, training, "content_knn", progress)
        return _Basis("content_knn", scorer, [ending], f"{n}: what sounds like what was played last")
    if not len(titles.labels):
        raise AudiosimError(
            "there are neither plays nor tracks to choose from; add plays with: audiosim history import FILE, "
            "or music with: audiosim add FOLDER"
        )
    counts = titles.counts.astype(np.float64)
    why = f"{n}: what was played most, then the rest of the library in an order of chance"
    if not len(played):
        why = "nothing was played: tracks of the library in an order of chance"
    return _Basis("popularity", lambda _: counts, [np.empty(0, dtype=np.int64)], why)


def _fused(basis: _Basis, training: Training) -> Scores:
    """Points of each title (n_titles,) over all endings: the better its rank after one, the more; late endings more.

    Scores of one ending say nothing beside those of another, so ranks are fused. Titles that a model cannot tell apart
    share their mean rank, so that many endings of which nothing follows make no title likely.
    """
    points = np.zeros(training.n_items)
    for age, ending in enumerate(basis.endings):
        _, inverse, counts = np.unique(-basis.scorer(ending), return_inverse=True, return_counts=True)
        mean_ranks = np.cumsum(counts) - (counts - 1) / 2.0
        points += _FADING**age / (_DAMPING + mean_ranks[inverse])
    return points


def _eligible(library: Library, titles: Titles, request: WeekRequest, week: Week) -> npt.NDArray[np.bool_]:
    """Whether each title may be listed: not in a list of the weeks before, and in the library where it has to be."""
    recent = [kept for each in week.before(RECENT_WEEKS) if (kept := read_week(library, each)) is not None]
    listed = {title.name for kept in recent for title in kept.titles}
    has_track = [track is not None and bool(track.paths) for track in titles.tracks]
    return np.array(
        [
            name not in listed and (has or not request.only_library)
            for name, has in zip(titles.names, has_track, strict=True)
        ],
        dtype=np.bool_,
    )


def _is_familiar(titles: Titles) -> npt.NDArray[np.bool_]:
    """Whether each title was played in the weeks before the last play."""
    last = int(titles.last_played.max(initial=-1))
    return (titles.last_played >= 0) & (titles.last_played > last - LATELY)


def _chosen(order: Items, titles: Titles, is_familiar: npt.NDArray[np.bool_], request: WeekRequest) -> list[int]:
    """The first of the order that the rules let in."""
    chosen: list[int] = []
    names: set[str] = set()
    by_artist: Counter[str] = Counter()
    left = round(request.familiar * request.n)
    for number in order.tolist():
        # An edition or a copy of a title is the same title; nobody is an artist of no name.
        artist = fold_name(titles.credits[number][0])
        if titles.names[number] in names or (artist and by_artist[artist] >= ARTIST_CAP):
            continue
        if is_familiar[number] and not left:
            continue
        left -= int(is_familiar[number])
        names.add(titles.names[number])
        by_artist[artist] += 1
        chosen.append(number)
        if len(chosen) == request.n:
            break
    return chosen


def _title(titles: Titles, number: int, is_familiar: bool) -> WeekTitle:  # noqa: FBT001 - of one number
    track, (artist, title) = titles.tracks[number], titles.credits[number]
    track_id = None if track is None else track.track_id
    return WeekTitle(titles.labels[number], artist, title, titles.names[number], track_id, is_familiar)
