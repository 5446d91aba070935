"""Models of what is played next, judged on the owner's own history; what was judged is kept in the library."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.errors import AudiosimError
from audiosim.evaluation.bootstrap import Estimate, bootstrap_differences, bootstrap_means
from audiosim.library import Library
from audiosim.recommend.next_track.lists import list_figures
from audiosim.recommend.next_track.models import CONTENT_MODELS, PLAIN_MODELS, Scorer, Training
from audiosim.recommend.next_track.ranks import METRICS, TargetRanks, scores_of_ranks, target_ranks
from audiosim.recommend.next_track.sessions import GAP, SHARE, Items, split_by_time
from audiosim_pipelines.kept_json import keep_json, read_kept_json
from audiosim_pipelines.next_track.network import FOLDER, Network
from audiosim_pipelines.next_track.titles import Titles, read_titles, sounds, titles_digest
from audiosim_pipelines.next_track.verdict import EpochLoss, ModelScores, NextEvaluation, SessionSize
from audiosim_pipelines.progress import Progress, Silent

FEW_TRANSITIONS = 2_000
NETWORK = "lstm"
LONGEST_LIST = 20  # of the curve of hits

_KEPT = "evaluation.json"
_DECIDING, _SECOND = METRICS.index("hr@10"), METRICS.index("mrr@20")
_N_DRAWS = 2_000

Values = npt.NDArray[np.float64]


def evaluate_history(
    library: Library,
    *,
    gap: float = GAP,
    share: float = SHARE,
    seed: int = 0,
    lstm: bool | None = None,
    progress: Progress | None = None,
) -> NextEvaluation:
    """Judge by the later part of the history what the earlier part foretells.

    The library keeps what it came to until plays, tracks or features change, or other settings are asked for.

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
        Whether to train a recurrent network as well, which the library keeps; None: where there are `FEW_TRANSITIONS`
        or more to learn from.
    progress
        Told of models and epochs.

    Raises
    ------
    AudiosimError
        The history has fewer than two sessions of two plays that were not skipped.
    ValueError
        `gap` or `share` cannot be.
    """
    titles = read_titles(library, gap=gap)
    return _kept_or_judged(library, titles, share=share, seed=seed, lstm=lstm, progress=progress or Silent())


def last_evaluation(library: Library, titles: Titles, *, progress: Progress | None = None) -> NextEvaluation | None:
    """The evaluation that the library keeps of these plays, whatever its settings, or a new one without a network.

    Parameters
    ----------
    library
    titles
        All that was played.
    progress
        Told of models.

    Returns
    -------
    NextEvaluation or None
        None where there are fewer than two sessions.
    """
    if len(titles.sessions) < 2:
        return None
    found = _read(library, titles_digest(titles, sounds(library, titles)))
    if found is not None:
        return found
    return _kept_or_judged(library, titles, share=SHARE, seed=0, lstm=False, progress=progress or Silent())


def models_of(training: Training, network: Network | None, name: str) -> dict[str, Callable[[Training], Scorer]]:
    """What can be asked, by name; a network is kept by the name of what it is for."""
    models = PLAIN_MODELS if training.vectors is None else PLAIN_MODELS | CONTENT_MODELS
    if network is None:
        return models

    def lstm(learnt_from: Training) -> Scorer:
        return network.trained(learnt_from, name).scorer()

    return models | {NETWORK: lstm}


def _kept_or_judged(
    library: Library, titles: Titles, *, share: float, seed: int, lstm: bool | None, progress: Progress
) -> NextEvaluation:
    if len(titles.sessions) < 2:
        raise AudiosimError(
            f"the history must have two sessions of at least two plays of 30 s, it has {len(titles.sessions)} "
            f"({titles.n_plays} plays, {titles.n_short} of them shorter); add plays with: audiosim history import FILE"
        )
    vectors = sounds(library, titles)
    key = titles_digest(titles, vectors)
    train, test = split_by_time(titles.sessions, share=share)
    training, test = _catalogue(titles, vectors, train, test, seed)
    has_network = len(training.transitions()) >= FEW_TRANSITIONS if lstm is None else lstm
    # A network needs sessions to learn from and sessions by which it learns when to stop.
    has_network = has_network and len(train) > 1
    found = _read(library, key)
    if found is not None and (found.share, found.seed, found.has_network) == (share, seed, has_network):
        return found
    network = Network(library, progress) if has_network else None
    evaluation = _judged(titles, training, test, network=network, share=share, progress=progress)
    _keep(library, key, evaluation)
    return evaluation


def _judged(
    titles: Titles,
    training: Training,
    test: Sequence[Items],
    *,
    network: Network | None,
    share: float,
    progress: Progress,
) -> NextEvaluation:
    ranks = _ranks(training, test, network, progress)
    n_transitions = len(training.transitions())
    is_few = n_transitions < FEW_TRANSITIONS
    best = _best(ranks, without=("random", NETWORK) if is_few else ("random",))
    scored = tuple(_scored(name, ranks[name], ranks[best], training) for name in ranks)
    some = ranks[best]
    losses = [] if network is None else network.trained(training, "evaluation").losses.tolist()
    return NextEvaluation(
        n_plays=titles.n_plays,
        n_short=titles.n_short,
        gap=titles.gap,
        share=share,
        seed=training.seed,
        n_train=len(training.sessions),
        n_test=len(test),
        n_transitions=n_transitions,
        n_targets=len(some.rank),
        n_cold=int(some.is_cold.sum()),
        n_repeats=int(np.isnan(some.rank_new).sum()),
        n_catalogue=training.n_items,
        n_sounding=0 if training.vectors is None else int((~np.isnan(training.vectors).any(axis=1)).sum()),
        sessions=tuple(map(SessionSize, titles.session_starts.tolist(), map(len, titles.sessions))),
        models=scored,
        best=best,
        rivals=tuple(m.model for m in scored if m.model not in (best, "random") and not m.difference.high < 0),
        epochs=tuple(EpochLoss(*pair) for pair in losses),
        notes=(_few(n_transitions),) if is_few else (),
    )


def _ranks(
    training: Training, test: Sequence[Items], network: Network | None, progress: Progress
) -> dict[str, TargetRanks]:
    """Where each model ranks what was played in the later sessions."""
    scorers = {name: build(training) for name, build in models_of(training, network, "evaluation").items()}
    ranks: dict[str, TargetRanks] = {}
    with progress.bar("judge", len(scorers), "models") as advance:
        for name, scorer in scorers.items():
            ranks[name] = target_ranks(scorer, training, test)
            advance(1)
    return ranks


def _few(n_transitions: int) -> str:
    return (
        f"learnt from {n_transitions} transitions only, fewer than {FEW_TRANSITIONS}: take figures as hints; "
        "a baseline is recommended, for a network has more weights than that"
    )


def _best(ranks: Mapping[str, TargetRanks], *, without: Sequence[str]) -> str:
    """By HR@10 of what is new to its session, for that is what lists are made of; of equals by MRR@20, the simpler."""
    names = [name for name in ranks if name not in without]
    scores = {name: np.nan_to_num(np.nanmean(_new(ranks[name]), axis=0)) for name in names}
    return max(names, key=lambda name: (scores[name][_DECIDING], scores[name][_SECOND], -names.index(name)))


def _new(ranks: TargetRanks) -> Values:
    """Scores of what was new to its session; of all, where nothing was."""
    return scores_of_ranks(_ranks_of_new(ranks))


def _ranks_of_new(ranks: TargetRanks) -> Values:
    return ranks.rank if np.isnan(ranks.rank_new).all() else ranks.rank_new


def _scored(name: str, ranks: TargetRanks, best: TargetRanks, training: Training) -> ModelScores:
    """Estimates; sessions are drawn anew for intervals, since plays of one session are no independent observations."""
    sessions, seed = ranks.session.tolist(), training.seed
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
    of_new = _ranks_of_new(ranks)
    asked = of_new[~np.isnan(of_new)]
    curve = tuple(float((asked <= k).mean()) for k in range(1, LONGEST_LIST + 1))
    return ModelScores(name, **estimates, curve=curve, lists=list_figures(ranks, training), difference=difference)


def _catalogue(
    titles: Titles, vectors: Values | None, train: Sequence[Items], test: Sequence[Items], seed: int
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
    training = Training(
        [renumbered[session] for session in train], len(inside), None if vectors is None else vectors[inside], seed
    )
    return training, [renumbered[session] for session in test]


def _read(library: Library, key: str) -> NextEvaluation | None:
    """What is kept of these plays; None where there is nothing, or what cannot be read, which costs judging anew."""

    def of_these(said: Mapping[str, Any]) -> NextEvaluation | None:
        return NextEvaluation.from_json(said["evaluation"]) if said["key"] == key else None

    with contextlib.suppress(AudiosimError):
        return read_kept_json(_path(library), of_these, what="an evaluation")
    return None


def _keep(library: Library, key: str, evaluation: NextEvaluation) -> None:
    """Keep it, unless the library may only be read, or somebody else writes into it: then it is judged again."""
    with contextlib.suppress(AudiosimError, OSError):
        keep_json(library, _path(library), {"key": key, "evaluation": evaluation.as_json()})


def _path(library: Library) -> Path:
    return library.folder / FOLDER / _KEPT
