"""One notion of what belongs together, and how well several measures find it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.answers import Answers, Question, answer
from audiosim.evaluation.bootstrap import Estimate, bootstrap_means, drawn_together
from audiosim.evaluation.chance import average_precision_chance, reciprocal_rank_chance
from audiosim.evaluation.query_scores import QueryScores, metric_names
from audiosim.evaluation.ranking import Distances, artist_codes
from audiosim.evaluation.relevance import Artists, Relevance, relevance_of_labels, relevance_of_pairs
from audiosim.evaluation.retrieval import Retrieval, mean_score, summarize, warn_if_empty
from audiosim.evaluation.verdict import Comparison, compare, judged_metric


@dataclass(frozen=True, slots=True)
class Task:
    """What counts as alike: an equal label, or standing in a pair."""

    name: str  # "genre", "version_group", "pairs"
    labels: Sequence[str | None] | None = None  # one a track, None where unknown
    pairs: npt.NDArray[np.int64] | None = None  # (n_pairs, 2) rows that belong together; every track is a candidate
    artist_filter: bool = True  # whether the query's artist leaves its ranking


@dataclass(frozen=True, slots=True)
class MeasureOnTask:
    """What one measure finds. The keys of `intervals` are those of `Comparison.differences`."""

    retrieval: Retrieval
    intervals: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What all measures find, and which of two finds more."""

    name: str
    n_labels: int  # different known ones; with pairs, sets of tracks that pairs connect
    artist_filter: bool
    n_artists: int  # an unknown one counts as one of its own
    n_queries: int
    n_left_out: int
    judged_by: str  # the metric that decides
    resampled: Literal["artists", "groups"]  # what is drawn together for the intervals
    n_resampled: int  # how many of them have queries
    chances: Mapping[str, float]  # of each metric, in random order
    measures: dict[str, MeasureOnTask]  # in the caller's order
    comparisons: tuple[Comparison, ...]


def evaluate_tasks(
    tasks: Sequence[Task],
    measures: Mapping[str, Distances],
    comparisons: Sequence[tuple[str, str]] = (),
    *,
    artists: Artists = None,
    ks: Sequence[int] = (1, 5, 10, 20),
    hubness: Mapping[str, float] | None = None,
    n_draws: int = 10_000,
    seed: int = 0,
) -> tuple[TaskResult, ...]:
    """Judge several measures on several tasks.

    Parameters
    ----------
    tasks : sequence of Task
        Each with labels or with pairs.
    measures : mapping of str to (n_tracks, n_tracks) floating
        Already validated, over the same tracks.
    comparisons : sequence of (str, str)
        Names of two measures each: is the first better than the second?
    artists : sequence of n_tracks str or None, or None
        None in the sequence is unknown, thus an artist of its own; None in its place: all are.
    ks : sequence of int
        List lengths, at least 1.
    hubness : mapping of str to float, or None
        Skewness of the occurrences in nearest lists, of every measure that is compared.
    n_draws : int
        Of the bootstrap; 0 leaves the intervals out.
    seed : int
        Of ties and draws.

    Returns
    -------
    tuple of TaskResult
        With NaN scores, and a warning, where no query has a relevant candidate.

    Raises
    ------
    ValueError
        If a task has not either labels or pairs, or they do not fit the tracks.

    Notes
    -----
    What is drawn for the intervals is artists, as long as relevant tracks are many. Where most queries have few
    (versions of a composition, pairs), a query's relevant track has the query as its own relevant one, so the two
    scores are hardly two observations, whoever plays; whole groups are drawn instead.
    Time and memory are those of `answer`, and of `bootstrap_means` for each task.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 5.0, 6.0], [0.0, 1.0, 5.0, 6.0]))
    >>> [result] = evaluate_tasks([Task("genre", ["a", "a", "b", "b"])], {"line": line}, ks=[1])
    >>> result.measures["line"].intervals["P@1"].value, round(result.chances["P@1"], 3)
    (1.0, 0.333)
    """
    n_tracks = len(next(iter(measures.values())))
    plans = [_plan(task, artists, ks=ks, n_tracks=n_tracks) for task in tasks]
    found = answer(list(measures.values()), [plan.question for plan in plans], ks=ks, seed=seed)
    for answers in found:
        warn_if_empty(answers.scores[0])
    return tuple(
        _result(plan, answers, measures, comparisons, hubness=hubness or {}, n_draws=n_draws, seed=seed)
        for plan, answers in zip(plans, found, strict=True)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """How a task is judged."""

    task: Task
    question: Question
    judged_by: str
    resampled: Literal["artists", "groups"]
    n_artists: int


def _plan(task: Task, artists: Artists, *, ks: Sequence[int], n_tracks: int) -> _Plan:
    relevance = _relevance(task, artists, n_tracks)
    n_relevant = np.array([np.count_nonzero(relevance.masks(query)[1]) for query in range(n_tracks)], dtype=np.int64)
    judged_by = judged_metric(ks, n_relevant[n_relevant > 0])
    sparse = judged_by == "MAP"
    drawn = drawn_together(relevance.groups.tolist() if sparse else artists, n_tracks=n_tracks)
    return _Plan(
        task,
        Question(relevance, drawn),
        judged_by,
        resampled="groups" if sparse else "artists",
        n_artists=np.unique(artist_codes(artists, n_tracks=n_tracks)).size,
    )


def _relevance(task: Task, artists: Artists, n_tracks: int) -> Relevance:
    filtered = artists if task.artist_filter else None
    if task.labels is not None and task.pairs is None:
        return relevance_of_labels(task.labels, artists=filtered, n_tracks=n_tracks)
    if task.pairs is not None and task.labels is None:
        return relevance_of_pairs(task.pairs, artists=filtered, n_tracks=n_tracks)
    raise ValueError(
        f"task {task.name} must have either labels or pairs, got {'neither' if task.labels is None else 'both'}"
    )


def _result(
    plan: _Plan,
    answers: Answers,
    measures: Mapping[str, Distances],
    comparisons: Sequence[tuple[str, str]],
    *,
    hubness: Mapping[str, float],
    n_draws: int,
    seed: int,
) -> TaskResult:
    task, relevance = plan.task, plan.question.relevance
    rows = {name: row for row, name in enumerate(measures)}
    pairs = [(rows[first], rows[second]) for first, second in comparisons]
    intervals = _intervals(answers, pairs, plan.question.drawn, n_draws=n_draws, seed=seed)
    scores = dict(zip(measures, answers.scores, strict=True))
    is_query = answers.scores[0].is_query
    return TaskResult(
        name=task.name,
        n_labels=_n_labels(task, relevance),
        artist_filter=task.artist_filter,
        n_artists=plan.n_artists,
        n_queries=int(np.count_nonzero(is_query)),
        n_left_out=int(np.count_nonzero(~is_query)),
        judged_by=plan.judged_by,
        resampled=plan.resampled,
        n_resampled=np.unique(plan.question.drawn[is_query]).size,
        chances=_chances(answers.scores[0]),
        measures={
            name: MeasureOnTask(summarize(scores[name], relevance, distances), interval)
            for (name, distances), interval in zip(measures.items(), intervals, strict=False)
        },
        comparisons=tuple(
            _comparison(names, (scores[names[0]], scores[names[1]]), interval, plan=plan, hubness=hubness)
            for names, interval in zip(comparisons, intervals[len(measures) :], strict=True)
        ),
    )


def _n_labels(task: Task, relevance: Relevance) -> int:
    if task.labels is not None:
        return len({label for label in task.labels if label is not None})
    return int(np.count_nonzero(np.unique(relevance.groups, return_counts=True)[1] > 1))


def _intervals(
    answers: Answers, pairs: Sequence[tuple[int, int]], drawn: npt.NDArray[np.int64], *, n_draws: int, seed: int
) -> list[dict[str, Estimate]]:
    """Estimates by metric: of every measure, then of every difference, all from the same draws."""
    values = [scores.values for scores in answers.scores]
    estimates = bootstrap_means(
        np.hstack([*values, *(values[first] - values[second] for first, second in pairs)]),
        drawn.tolist(),
        influence=answers.influence(pairs),
        n_draws=n_draws,
        seed=seed,
    )
    names = metric_names(answers.scores[0].ks)
    starts = range(0, len(estimates), len(names))
    return [dict(zip(names, estimates[start : start + len(names)], strict=True)) for start in starts]


def _chances(scores: QueryScores) -> dict[str, float]:
    """Means over queries of what random order would score."""
    asked = scores.is_query
    counts = np.stack([scores.n_relevant[asked], scores.n_candidates[asked]], axis=1)
    names = metric_names(scores.ks)
    if not counts.size:
        return dict.fromkeys(names, float("nan"))
    different, n_times = np.unique(counts, axis=0, return_counts=True)

    def mean(values: Sequence[float]) -> float:
        return float(np.average(values, weights=n_times))

    share = mean([n_relevant / n_candidates for n_relevant, n_candidates in different])
    return {
        **dict.fromkeys(names, share),
        "MAP": mean([average_precision_chance(int(r), int(c)) for r, c in different]),
        "MRR": mean([reciprocal_rank_chance(int(r), int(c)) for r, c in different]),
    }


def _comparison(
    names: tuple[str, str],
    scores: tuple[QueryScores, QueryScores],
    differences: Mapping[str, Estimate],
    *,
    plan: _Plan,
    hubness: Mapping[str, float],
) -> Comparison:
    first, second = (values.metric(plan.judged_by) for values in scores)
    skewness = [hubness.get(name, float("nan")) for name in names]
    kind = "what belongs together" if plan.task.labels is None else f"the same {plan.task.name.replace('_', ' ')}"
    return compare(
        *names,
        means=(mean_score(first), mean_score(second)),
        differences=differences,
        judged_by=plan.judged_by,
        score_differences=first - second,
        hubness_difference=skewness[0] - skewness[1],
        subject=kind,
    )
