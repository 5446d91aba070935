"""What is played next: models judged on the owner's own history, and the best of them asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track
from audiosim.errors import AudiosimError, TrackNotFoundError
from audiosim.evaluation.bootstrap import Estimate, bootstrap_differences, bootstrap_means
from audiosim.library import Library
from audiosim.recommend.next_track.models import CONTENT_MODELS, PLAIN_MODELS, Scorer, Training
from audiosim.recommend.next_track.ranks import METRICS, TargetRanks, best_first, scores_of_ranks, target_ranks
from audiosim.recommend.next_track.sessions import GAP, SHARE, Items, split_by_time
from audiosim.sources.fold import fold
from audiosim_pipelines.next_track.network import Network
from audiosim_pipelines.next_track.titles import Titles, read_titles, sounds
from audiosim_pipelines.progress import Progress

FEW_TRANSITIONS = 2_000
_DECIDING, _SECOND = METRICS.index("hr@10"), METRICS.index("mrr@20")
_N_DRAWS = 2_000

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ModelScores:
    """How well a model foretold the plays of the later sessions.

    Each has an estimate by the names of `METRICS`. `all` is over all plays that were asked for; `new` over those that
    the session had not had, ranked among what it had not had; `warm` over those that were played in the earlier
    sessions, `cold` over those that were not. `coverage` is the share of the catalogue in the first ten of any list.
    `difference` is HR@10 of `new`, less that of the best model: below 0, where the interval leaves out 0.
    """

    model: str
    all: Mapping[str, Estimate]
    new: Mapping[str, Estimate]
    warm: Mapping[str, Estimate]
    cold: Mapping[str, Estimate]
    coverage: float
    difference: Estimate


@dataclass(frozen=True, slots=True)
class NextEvaluation:
    """What was judged, and who foretells best.

    Counts are of plays (`n_plays`; `n_short` of them were skipped), of sessions before and after the split, of plays
    that were asked for (`n_targets`; of them `n_cold` never played before the split, `n_repeats` played before in their
    session), of the catalogue, and of what is known to sound in it. `rivals` are models of which it is not clear that
    they are worse than the best.
    """

    n_plays: int
    n_short: int
    gap: float
    n_train: int
    n_test: int
    n_transitions: int
    n_targets: int
    n_cold: int
    n_repeats: int
    n_catalogue: int
    n_sounding: int
    models: tuple[ModelScores, ...]
    best: str
    rivals: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NextItem:
    """A title that may come next; its track, where the library has it."""

    rank: int
    label: str
    track: Track | None


@dataclass(frozen=True, slots=True)
class NextReport:
    """What may come after the seeds, by which model, and how well it did on the later part of the history."""

    items: tuple[NextItem, ...]
    seeds: tuple[str, ...]
    model: str
    evaluation: NextEvaluation | None
    notes: tuple[str, ...]


def evaluate_history(
    library: Library,
    *,
    gap: float = GAP,
    share: float = SHARE,
    seed: int = 0,
    lstm: bool = False,
    progress: Progress | None = None,
) -> NextEvaluation:
    """Judge by the later part of the history what the earlier part foretells.

    Parameters
    ----------
    library
        With plays; features are used where there are any, and nothing else depends on them.
    gap
        The longest silence within a session, in seconds.
    share
        Of the sessions to learn from, the earliest.
    seed
        Of chance among equals, of the intervals, and of the network.
    lstm
        Train a recurrent network as well, which the library keeps.
    progress
        Told of its epochs.

    Raises
    ------
    AudiosimError
        The history has fewer than two sessions of two plays that were not skipped.
    ValueError
        `gap` or `share` cannot be.
    """
    network = Network(library, progress) if lstm else None
    return _evaluate(library, read_titles(library, gap=gap), network, share=share, seed=seed)


def next_tracks(
    library: Library,
    *,
    seeds: Sequence[str],
    n: int = 20,
    temperature: float = 0.0,
    only_library: bool = False,
    gap: float = GAP,
    seed: int = 0,
    lstm: bool = False,
    progress: Progress | None = None,
) -> NextReport:
    """What may come after the seeds, by the model that foretold this history best.

    Parameters
    ----------
    library
        With plays or features.
    seeds
        Tracks of the library or titles that were played ("artist - title"), in the order in which they were heard.
    n
        How many, none of them twice and none of them a seed; fewer where there are fewer.
    temperature
        0: the likeliest. Above: drawn, where the title of rank r has the weight r ** (-1 / temperature).
    only_library
        Name only what the library has.
    gap
        See `evaluate_history`.
    seed
        Of what is drawn, and as there.
    lstm, progress
        See `evaluate_history`.

    Raises
    ------
    TrackNotFoundError
        A seed is neither in the library nor in the history, or is several tracks.
    AudiosimError
        There are neither sessions to learn from nor features to compare by, or there is nothing to name.
    """
    if not seeds or n < 1 or temperature < 0:
        raise ValueError(
            f"there must be a seed, n >= 1 and temperature >= 0, got {len(seeds)} seeds, n {n}, {temperature}"
        )
    titles = read_titles(library, gap=gap)
    chosen = np.array([_number(library, titles, name) for name in seeds], dtype=np.int64)
    training = Training(titles.sessions, len(titles.labels), sounds(library, titles), seed)
    network = Network(library, progress) if lstm else None
    evaluation = _evaluate(library, titles, network, share=SHARE, seed=seed) if len(titles.sessions) > 1 else None
    model, notes = _model(training, chosen, evaluation)
    order = best_first(_models(training, network, "next")[model](training)(chosen), training)
    order = order[~np.isin(order, chosen)]
    if only_library:
        order = order[[titles.tracks[number] is not None for number in order.tolist()]]
    if len(order) == 0:
        raise AudiosimError("there is nothing to name beside the seeds; add music with: audiosim add FOLDER")
    items = tuple(
        NextItem(rank, titles.labels[number], titles.tracks[number])
        for rank, number in enumerate(_drawn(order, temperature, seed)[:n].tolist(), start=1)
    )
    return NextReport(items, tuple(titles.labels[number] for number in chosen.tolist()), model, evaluation, notes)


def _model(training: Training, seeds: Items, evaluation: NextEvaluation | None) -> tuple[str, tuple[str, ...]]:
    """Which model is asked, and why it is not the best one where it is not."""
    is_heard = training.vectors is not None and bool(np.isfinite(training.vectors[seeds]).all(axis=1).any())
    if evaluation is None:
        if not is_heard:
            raise AudiosimError(
                "there must be two sessions of two plays to learn from, or features of a seed to compare by; "
                "add plays with: audiosim history import FILE, or features with: audiosim run"
            )
        return "content_knn", ("the history is too short to learn from, so sounds are compared",)
    if training.counts()[seeds].any():
        return evaluation.best, evaluation.notes
    if is_heard:
        return "content_knn", ("no seed is in a session of the history, so sounds are compared",)
    return "popularity", ("no seed is in a session of the history, so this is what is played most",)


def _drawn(order: Items, temperature: float, seed: int) -> Items:
    """The same, or drawn by rank without replacement: the largest of perturbed logarithms of the weights come first."""
    if temperature == 0:
        return order
    ranks = np.arange(1, len(order) + 1)
    noise = np.random.default_rng(seed).gumbel(size=len(order))
    return order[np.argsort(np.log(ranks) / temperature - noise, kind="stable")]


def _number(library: Library, titles: Titles, name: str) -> int:
    """The title that a seed means: a track of the library, or else what was played by that name."""
    try:
        return titles.number_of[library.find(name).track_id]
    except TrackNotFoundError as error:
        words = name.split(" - ")
        halves = [(" - ".join(words[:i]), " - ".join(words[i:])) for i in range(1, len(words))]
        for key in (name.casefold(), *(fold(artist, title) for artist, title in halves)):
            if key in titles.number_of:
                return titles.number_of[key]
        raise TrackNotFoundError(
            f'a seed must be in the library or have been played for 30 s ("artist - title"), got {name!r}; {error}'
        ) from error


def _evaluate(library: Library, titles: Titles, network: Network | None, *, share: float, seed: int) -> NextEvaluation:
    if len(titles.sessions) < 2:
        raise AudiosimError(
            f"the history must have two sessions of at least two plays of 30 s, it has {len(titles.sessions)} "
            f"({titles.n_plays} plays, {titles.n_short} of them shorter); add plays with: audiosim history import FILE"
        )
    train, test = split_by_time(titles.sessions, share=share)
    training, test = _catalogue(library, titles, train, test, seed)
    # A network needs sessions to learn from and sessions by which it learns when to stop.
    models = _models(training, network if len(train) > 1 else None, "evaluation")
    ranks = {name: target_ranks(build(training), training, test) for name, build in models.items()}
    best = _best(ranks)
    scored = tuple(_scored(name, ranks[name], ranks[best], seed) for name in ranks)
    some = ranks[best]
    n_transitions = len(training.transitions())
    few = f"learnt from {n_transitions} transitions only, fewer than {FEW_TRANSITIONS}: take figures as hints"
    return NextEvaluation(
        n_plays=titles.n_plays,
        n_short=titles.n_short,
        gap=titles.gap,
        n_train=len(train),
        n_test=len(test),
        n_transitions=n_transitions,
        n_targets=len(some.rank),
        n_cold=int(some.is_cold.sum()),
        n_repeats=int(np.isnan(some.rank_new).sum()),
        n_catalogue=training.n_items,
        n_sounding=0 if training.vectors is None else int((~np.isnan(training.vectors).any(axis=1)).sum()),
        models=scored,
        best=best,
        rivals=tuple(m.model for m in scored if m.model != best and not m.difference.high < 0),
        notes=(few,) if n_transitions < FEW_TRANSITIONS else (),
    )


def _models(training: Training, network: Network | None, name: str) -> dict[str, Callable[[Training], Scorer]]:
    """What can be judged; a network is kept by the name of what it is for."""
    models = PLAIN_MODELS if training.vectors is None else PLAIN_MODELS | CONTENT_MODELS
    if network is None:
        return models

    def lstm(learnt_from: Training) -> Scorer:
        return network.scorer(learnt_from, name)

    return models | {"lstm": lstm}


def _best(ranks: Mapping[str, TargetRanks]) -> str:
    """By HR@10 of what is new to its session, for that is what lists are made of; of equals by MRR@20, the simpler."""
    names = [name for name in ranks if name != "random"]
    scores = {name: np.nan_to_num(np.nanmean(_new(ranks[name]), axis=0)) for name in names}
    return max(names, key=lambda name: (scores[name][_DECIDING], scores[name][_SECOND], -names.index(name)))


def _new(ranks: TargetRanks) -> Values:
    """Scores of what was new to its session; of all, where nothing was."""
    return scores_of_ranks(ranks.rank if np.isnan(ranks.rank_new).all() else ranks.rank_new)


def _scored(name: str, ranks: TargetRanks, best: TargetRanks, seed: int) -> ModelScores:
    """Estimates; sessions are drawn anew for intervals, since plays of one session are no independent observations."""
    sessions = ranks.session.tolist()
    kept = {"warm": ~ranks.is_cold, "cold": ranks.is_cold}
    scores = scores_of_ranks(ranks.rank)
    parts = {"all": scores, "new": scores_of_ranks(ranks.rank_new)}
    parts |= {part: np.where(rows[:, None], scores, np.nan) for part, rows in kept.items()}
    estimates: dict[str, dict[str, Estimate]] = {
        part: dict(zip(METRICS, bootstrap_means(values, sessions, n_draws=_N_DRAWS, seed=seed), strict=True))
        for part, values in parts.items()
    }
    deciding = [_new(of)[:, [_DECIDING]] for of in (ranks, best)]
    (difference,) = bootstrap_differences(deciding[0], deciding[1], sessions, n_draws=_N_DRAWS, seed=seed)
    return ModelScores(name, **estimates, coverage=ranks.coverage, difference=difference)


def _catalogue(
    library: Library, titles: Titles, train: Sequence[Items], test: Sequence[Items], seed: int
) -> tuple[Training, list[Items]]:
    """What could be named at the time of the split: what was played in the sessions till then, and the library.

    Titles get new numbers; those outside of the catalogue come last.
    """
    is_known = np.array([track is not None for track in titles.tracks], dtype=np.bool_)
    is_known[np.concatenate(train)] = True
    inside = np.flatnonzero(is_known)
    renumbered = np.empty(len(is_known), dtype=np.int64)
    renumbered[inside] = np.arange(len(inside))
    renumbered[~is_known] = np.arange(len(inside), len(is_known))
    vectors = sounds(library, titles)
    training = Training(
        [renumbered[session] for session in train], len(inside), None if vectors is None else vectors[inside], seed
    )
    return training, [renumbered[session] for session in test]
