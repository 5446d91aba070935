"""Several measures over the same tracks, judged side by side with a random control."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.agreement import Agreement, evaluate_all
from audiosim.evaluation.disagreement import Disagreement, disagreements_with
from audiosim.evaluation.health import Health, health
from audiosim.evaluation.ranking import Distances, artist_codes, random_distances, validate_distances, validate_k
from audiosim.evaluation.task import MeasureOnTask, Task, TaskResult, evaluate_tasks

__all__ = [
    "BASELINE",
    "CONTROL",
    "Evaluation",
    "MeasureOnTask",
    "PairAgreement",
    "PairDisagreements",
    "Task",
    "TaskResult",
    "evaluate",
]

# The name under which the control stands among the measures.
CONTROL = "random"
# The measure that others are compared with where it is among them: what they are to beat, and never the truth.
BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How far two measures agree."""

    first: str
    second: str
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class PairDisagreements:
    """The pairs of tracks on which two measures differ most."""

    first: str
    second: str
    pairs: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The comparison of several measures over the same tracks. Scores compare only at equal `n_tracks`."""

    n_tracks: int
    seed: int
    n_draws: int
    ks: tuple[int, ...]  # those below n_tracks
    tasks: tuple[TaskResult, ...]  # the control last among their measures, and in no comparison
    health: dict[str, Health]  # in the caller's order, the control last
    agreements: tuple[PairAgreement, ...]  # every two measures, neither the control nor variants among them
    disagreements: tuple[
        PairDisagreements, ...
    ]  # measures as tracks are ranked by them, with the baseline or the first

    def as_dict(self) -> dict[str, object]:
        """Give dicts, lists and plain values for `json.dumps`, with None for what is undefined (NaN)."""
        plain = _json_ready(asdict(self))
        assert isinstance(plain, dict)
        return plain


def evaluate(
    measures: Mapping[str, Distances],
    *,
    tasks: Sequence[Task] = (),
    artists: Sequence[str | None] | None = None,
    lengths: npt.NDArray[np.generic] | None = None,
    ks: Sequence[int] = (1, 5, 10, 20),
    hubness_ks: Sequence[int] = (5, 10),
    variants: Mapping[str, str] | None = None,
    n_permutations: int = 999,
    n_draws: int = 10_000,
    seed: int = 0,
    threads: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Evaluation:
    """Judge several measures over the same tracks.

    Parameters
    ----------
    measures : mapping of str to (n_tracks, n_tracks) floating
        Over the tracks that all measures have, in one order; see `validate_distances`. One that is called
        "baseline" stands second in every comparison.
    tasks : sequence of Task
        What counts as alike; without any, only health, agreements and disagreements are found.
    artists : sequence of n_tracks str or None, or None
        For the artist filter of the tasks and for the intervals, None where unknown, thus an artist of its own; None
        in place of it: every track is.
    lengths : (n_tracks,) real, or None
        Frames or seconds of every track, for the length bias.
    ks, hubness_ks : sequence of int
        List lengths; those that are not below n_tracks are dropped, and `Evaluation.ks` says which remain.
    variants : mapping of str to str, or None
        Names of measures that are others in another guise, rescaled say, to the names of those. Tracks are ranked by
        the variant, so it stands for its measure in comparisons and is compared with it besides; how far measures
        agree is said of those without the guise.
    n_permutations : int
        Of the Mantel test of every two measures; 0 leaves its p-values out.
    n_draws : int
        Of the bootstrap; 0 leaves the intervals out.
    seed : int
        Of ties, draws, permutations and the control.
    threads : int
        0: as many as there are usable cores. The result does not depend on it.
    progress : callable or None
        Is told what is done next, in a few words.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If a matrix is not valid, shapes differ, labels, pairs, artists or lengths do not fit the tracks, there is no
        track, no measure, one with the control's name, or a variant of or by the name of no measure.

    Notes
    -----
    O(n_measures n_tracks**2 (log n_tracks + n_permutations)) time, memory of the matrices about twice.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> result = evaluate({"line": line}, tasks=[Task("genre", ["a", "a", "b"])], ks=[1])
    >>> result.tasks[0].measures["line"].retrieval.hit_at_1
    1.0
    """
    raw_of, say = variants or {}, progress or _keep_silent
    n_tracks = _validate_measures(measures, raw_of)
    artist_codes(artists, n_tracks=n_tracks)
    for k in (*ks, *hubness_ks):
        validate_k(k)
    kept_ks = tuple(k for k in ks if k < n_tracks)
    ranked_by = _as_ranked(measures, raw_of)
    judged = {**measures, CONTROL: random_distances(n_tracks, seed=seed)}
    healths: dict[str, Health] = {}
    for name, distances in judged.items():
        say(f"health of {name}")
        healths[name] = health(distances, lengths=lengths, ks=hubness_ks, seed=seed)
    skewness = {name: found.hubness[-1].skewness for name, found in healths.items() if found.hubness}
    say("tasks")
    compared = _compared(ranked_by, raw_of)
    results = evaluate_tasks(
        tasks, judged, compared, artists=artists, ks=kept_ks, hubness=skewness, n_draws=n_draws, seed=seed
    )
    say("agreement")
    raw = {name: distances for name, distances in measures.items() if name not in raw_of}
    agreements = evaluate_all(raw, ks=kept_ks, n_permutations=n_permutations, seed=seed, threads=threads)
    say("disagreements")
    disagreements = _disagreements({name: measures[name] for name in ranked_by}, seed=seed)
    pairs = tuple(PairAgreement(*names, agreement) for names, agreement in agreements.items())
    return Evaluation(n_tracks, seed, n_draws, kept_ks, results, healths, pairs, disagreements)


def _as_ranked(measures: Mapping[str, Distances], raw_of: Mapping[str, str]) -> list[str]:
    """Name the measures by which tracks are ranked: the first variant where there is one."""
    variant_of: dict[str, str] = {}
    for name in measures:
        if name in raw_of:
            variant_of.setdefault(raw_of[name], name)
    return [variant_of.get(name, name) for name in measures if name not in raw_of]


def _compared(ranked_by: Sequence[str], raw_of: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name the comparisons: measures as ranked by one another, then variants with their measures."""
    pairs = [(second, first) if first == BASELINE else (first, second) for first, second in combinations(ranked_by, 2)]
    return [*pairs, *raw_of.items()]


def _disagreements(measures: Mapping[str, Distances], *, seed: int) -> tuple[PairDisagreements, ...]:
    reference = BASELINE if BASELINE in measures else next(iter(measures))
    others = {name: distances for name, distances in measures.items() if name != reference}
    found = disagreements_with(measures[reference], others, seed=seed)
    return tuple(PairDisagreements(name, reference, pairs) for name, pairs in found.items())


def _validate_measures(measures: Mapping[str, Distances], raw_of: Mapping[str, str]) -> int:
    """Number of tracks that all measures are over."""
    if not measures:
        raise ValueError("there must be at least one measure, got none")
    if CONTROL in measures:
        raise ValueError(
            f'"{CONTROL}" is the name of the control, which is added here; call the measure something else'
        )
    for variant, raw in raw_of.items():
        for name in (variant, raw):
            if name not in measures:
                raise ValueError(f"variants must be of and among the measures ({', '.join(measures)}), got {name}")
        if raw in raw_of:
            raise ValueError(f"a variant must be of a measure that is none itself, got {variant} of {raw}")
    for name, distances in measures.items():
        validate_distances(distances, name=f"measure {name}")
    shapes = {name: distances.shape for name, distances in measures.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"measures must be over the same tracks, got {shapes}; keep the tracks that all have")
    n_tracks = len(next(iter(measures.values())))
    if n_tracks == 0:
        raise ValueError("there must be at least one track, got none")
    return n_tracks


def _keep_silent(_: str) -> None:
    """Take the place of a progress report that nobody asked for."""


def _json_ready(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
