"""What may come next after some titles, by the model that foretold this history best."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track
from audiosim.errors import AudiosimError, TrackNotFoundError
from audiosim.library import Library
from audiosim.recommend.next_track.models import Scorer, Training
from audiosim.recommend.next_track.ranks import best_first
from audiosim.recommend.next_track.sessions import GAP, Items
from audiosim.sources.fold import fold
from audiosim_pipelines.next_track.evaluation import NETWORK, last_evaluation, models_of
from audiosim_pipelines.next_track.network import Network
from audiosim_pipelines.next_track.titles import Titles, read_titles, sounds
from audiosim_pipelines.next_track.verdict import NextEvaluation
from audiosim_pipelines.progress import Progress


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


def next_tracks(
    library: Library,
    *,
    seeds: Sequence[str],
    n: int = 20,
    temperature: float = 0.0,
    only_library: bool = False,
    gap: float = GAP,
    seed: int = 0,
    progress: Progress | None = None,
) -> NextReport:
    """What may come after the seeds, by the model that foretold this history best.

    That is the model of the last evaluation of this history, a network among them; without one, models are judged.

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
        The longest silence within a session, in seconds.
    seed
        Of what is drawn.
    progress
        Told of models, and of a network's epochs where one is trained.

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
    training = Training(titles.sessions, len(titles.labels), sounds(library, titles))
    evaluation = last_evaluation(library, titles, progress=progress)
    model, notes = _model(training, chosen, evaluation)
    order = best_first(scorer_of(library, training, model, progress)(chosen), training)
    order = order[~np.isin(order, chosen)]
    if only_library:
        order = order[[titles.tracks[number] is not None for number in order.tolist()]]
    if len(order) == 0:
        raise AudiosimError("there is nothing to name beside the seeds; add music with: audiosim add FOLDER")
    drawn = drawn_by_rank(order, temperature=temperature, seeds=(seed,))
    items = tuple(
        NextItem(rank, titles.labels[number], titles.tracks[number])
        for rank, number in enumerate(drawn[:n].tolist(), start=1)
    )
    return NextReport(items, tuple(titles.labels[number] for number in chosen.tolist()), model, evaluation, notes)


def scorer_of(library: Library, training: Training, model: str, progress: Progress | None) -> Scorer:
    """A model that has learnt all that was played; the network is trained if the library does not keep it yet."""
    network = Network(library, progress) if model == NETWORK else None
    return models_of(training, network, "next")[model](training)


def drawn_by_rank(order: Items, *, temperature: float, seeds: Sequence[int]) -> Items:
    """The same, or drawn by rank without replacement: the largest of perturbed logarithms of the weights come first."""
    if temperature == 0:
        return order
    ranks = np.arange(1, len(order) + 1)
    noise = np.random.default_rng(seeds).gumbel(size=len(order))
    return order[np.argsort(np.log(ranks) / temperature - noise, kind="stable")]


def is_heard(training: Training) -> npt.NDArray[np.bool_]:
    """Whether anything is known of the sound of each item."""
    if training.vectors is None:
        return np.zeros(training.n_items, dtype=np.bool_)
    return np.asarray(np.isfinite(training.vectors).all(axis=1))


def _model(training: Training, seeds: Items, evaluation: NextEvaluation | None) -> tuple[str, tuple[str, ...]]:
    """Which model is asked, and why it is not the best one where it is not."""
    can_compare = bool(is_heard(training)[seeds].any())
    if evaluation is None:
        if not can_compare:
            raise AudiosimError(
                "there must be two sessions of two plays to learn from, or features of a seed to compare by; "
                "add plays with: audiosim history import FILE, or features with: audiosim run"
            )
        return "content_knn", ("the history is too short to learn from, so sounds are compared",)
    if training.counts()[seeds].any():
        return evaluation.best, evaluation.notes
    if can_compare:
        return "content_knn", ("no seed is in a session of the history, so sounds are compared",)
    return "popularity", ("no seed is in a session of the history, so this is what is played most",)


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
