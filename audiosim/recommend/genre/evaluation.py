"""How well genres can be told from features, judged on artists that no model has seen."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from audiosim.errors import FeatureTableError
from audiosim.recommend.folds import grouped_folds, limited_threads
from audiosim.recommend.genre.metrics import GenreScores, confusion_matrix, score_probabilities
from audiosim.recommend.genre.models import MODELS, GenreModel, ModelName, fit_temperature, heat
from audiosim.recommend.genre.work import Effort, Work
from audiosim.recommend.labelled_table import LabelledTable, TrackInputs, artist_groups

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

N_FOLDS, N_INNER_FOLDS = 5, 3
# A genre needs an artist for each fold, and as many again so that the others still know it when some are left out.
MIN_ARTISTS = 2 * N_FOLDS
CHOSEN = "chosen"
_FITS_A_STEP = N_INNER_FOLDS + 1
_Folds = Sequence[tuple[IntArray, IntArray]]


@dataclass(frozen=True, slots=True, eq=False)
class GenreTask:
    """The tracks by which genres are judged, and how they are dealt.

    Parameters
    ----------
    genres : tuple of str
        Classes, the most frequent first.
    dropped : mapping of str to int
        Genres with too few artists, and how many tracks they had.
    kept : (n_tracks,) int64
        Rows of the table that are used.
    inputs : TrackInputs
    labels, groups : (n_tracks,) int64
        The class and the artist of each track.
    folds : sequence of tuple
        Tracks to learn from and tracks left out, five times; no artist is on both sides.
    """

    genres: tuple[str, ...]
    dropped: Mapping[str, int]
    kept: IntArray
    inputs: TrackInputs
    labels: IntArray
    groups: IntArray
    folds: Sequence[tuple[IntArray, IntArray]]

    @property
    def n_of_genre(self) -> tuple[int, ...]:
        """Tracks of each genre."""
        return tuple(np.bincount(self.labels, minlength=len(self.genres)).tolist())

    @property
    def n_artists(self) -> int:
        """Artists, those without a name one by one."""
        return len(np.unique(self.groups))


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model on artists left out: its scores, the standard deviation of accuracy over folds, and what heating did.

    `uncalibrated` are the scores before the temperatures, which are of the folds.
    """

    name: str
    scores: GenreScores
    accuracy_sd: float
    uncalibrated: GenreScores
    temperatures: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class GenreEvaluation:
    """Genres judged with every artist's tracks either learned from or left out.

    Parameters
    ----------
    task : GenreTask
    rows : tuple of ModelRow
        Of `MODELS`, then "chosen": in every fold the model that was best within what was learned from.
    chosen : tuple of str
        Which it was, fold by fold.
    predicted : mapping of str to (n_tracks, n_genres) float64
        Probabilities of tracks left out, calibrated, by the names of `rows`.
    uncalibrated : (n_tracks, n_genres) float64
        Of "chosen", before the temperatures.
    """

    task: GenreTask
    rows: tuple[ModelRow, ...]
    chosen: tuple[ModelName, ...]
    predicted: Mapping[str, FloatArray]
    uncalibrated: FloatArray

    @property
    def best(self) -> ModelName:
        """The model that was chosen most often; of equals the simplest."""
        counts = Counter(self.chosen)
        return max(MODELS, key=lambda name: (counts[name], -MODELS.index(name)))

    @property
    def probabilities(self) -> FloatArray:
        """Of the chosen model, (n_tracks, n_genres)."""
        return self.predicted[CHOSEN]

    @property
    def confusion(self) -> IntArray:
        """Of the chosen model, (n_genres, n_genres): rows are what tracks are, columns what they are said to be."""
        return confusion_matrix(self.probabilities, self.task.labels)

    def row(self, name: str) -> ModelRow:
        """One of `rows`."""
        return next(row for row in self.rows if row.name == name)


def genre_task(table: LabelledTable, *, seed: int = 0) -> GenreTask:
    """Choose the tracks by which genres can be judged, and deal them out.

    Genres with fewer than 10 artists are dropped, since folds cannot be dealt from them.

    Raises
    ------
    FeatureTableError
        If fewer than two genres have enough artists.
    """
    groups = artist_groups(table.artists)
    genres, dropped = _usable_genres(table, groups)
    kept = np.array([row for row, label in enumerate(table.labels) if label in genres], dtype=np.int64)
    labels = np.array([genres.index(table.labels[row]) for row in kept], dtype=np.int64)
    folds = grouped_folds(labels, groups[kept], n_folds=N_FOLDS, seed=seed)
    return GenreTask(genres, dropped, kept, table.inputs.take(kept), labels, groups[kept], folds)


def evaluate_genres(task: GenreTask, work: Work | None = None) -> GenreEvaluation:
    """Judge every model on artists left out.

    Each fold leaves a fifth of the artists out. Within the others, three folds by artist give probabilities of tracks
    unseen, from which the temperature is fitted and the model chosen that has the lowest log-loss; what was left out
    has no say in either.

    Parameters
    ----------
    task : GenreTask
        Without duplicates, see `without_duplicates`.
    work : Work, optional
        Its steps are a model and a fold each.

    Returns
    -------
    GenreEvaluation

    Notes
    -----
    20 fits a model, `n_fits()` in all.

    References
    ----------
    .. [1] A. Flexer, D. Schnitzer, "Effects of album and artist filters in audio similarity computed for very large
       music databases", Computer Music Journal 34(3), 2010.

    Examples
    --------
    >>> from pathlib import Path
    >>> inputs = TrackInputs.of_features(np.linspace(0.0, 1.0, 40)[:, None], ["energy"])
    >>> labels, artists = ("calm",) * 20 + ("loud",) * 20, tuple(f"artist {i}" for i in range(40))
    >>> table = LabelledTable(Path("t.csv"), inputs, labels, artists, ("",) * 40, ("",) * 40)
    >>> evaluation = evaluate_genres(genre_task(table), Work(Effort(n_trees=4)))
    >>> evaluation.row("majority").scores.accuracy, evaluation.row("chosen").scores.accuracy > 0.9
    (0.5, True)
    """
    work = work or Work()
    # Dealing many artists out evenly takes its time, and is the same for all models.
    inner = cache(partial(_inner_folds, task, seed=work.effort.seed))
    trials: dict[ModelName, _Trial] = {name: _Trial(task) for name in MODELS}
    chosen: list[ModelName] = []
    with limited_threads(work.effort.n_threads):
        for fold in range(N_FOLDS):
            costs: dict[ModelName, float] = {name: trial.run(name, fold, work, inner) for name, trial in trials.items()}
            chosen.append(min(costs, key=costs.__getitem__))
    best = _Trial(task)
    for name in chosen:
        best.take(trials[name])
    named: dict[str, _Trial] = {**trials, CHOSEN: best}
    return GenreEvaluation(
        task=task,
        rows=tuple(trial.row(name) for name, trial in named.items()),
        chosen=tuple(chosen),
        predicted={name: trial.heated for name, trial in named.items()},
        uncalibrated=best.raw,
    )


def n_fits() -> int:
    """How many models `evaluate_genres` fits."""
    return len(MODELS) * N_FOLDS * _FITS_A_STEP


def model_of(name: ModelName, n_genres: int, effort: Effort) -> GenreModel:
    """A model to fit, as large as the effort allows."""
    return GenreModel(name, n_genres, seed=effort.seed, n_threads=effort.n_threads, n_trees=effort.n_trees)


def by_frequency(labels: Sequence[str]) -> tuple[str, ...]:
    """Labels, the most frequent first, of equals by name."""
    counts = Counter(labels)
    return tuple(sorted(counts, key=lambda label: (-counts[label], label)))


class _Trial:
    """Probabilities of one model for the tracks that were left out, fold by fold."""

    def __init__(self, task: GenreTask) -> None:
        self._task = task
        self.raw = np.zeros((len(task.labels), len(task.genres)))
        self.heated = np.zeros_like(self.raw)
        self.temperatures: list[float] = []

    def run(self, name: ModelName, fold: int, work: Work, inner: Callable[[int], _Folds]) -> float:
        """Enter one fold; the log-loss within what was learned from."""
        learned, left_out = self._task.folds[fold]
        probabilities = work.step(
            f"{name}-{fold}",
            lambda tell: _unseen(self._task, name, [*inner(fold), (learned, left_out)], effort=work.effort, tell=tell),
            n_fits=_FITS_A_STEP,
        )
        within, labels = probabilities[learned], self._task.labels[learned]
        temperature = fit_temperature(within, labels)
        self.raw[left_out] = probabilities[left_out]
        self.heated[left_out] = heat(probabilities[left_out], temperature)
        self.temperatures.append(temperature)
        return score_probabilities(heat(within, temperature), labels).log_loss

    def take(self, other: "_Trial") -> None:
        """Enter the next fold as another has it."""
        fold = len(self.temperatures)
        _, rows = self._task.folds[fold]
        self.raw[rows], self.heated[rows] = other.raw[rows], other.heated[rows]
        self.temperatures.append(other.temperatures[fold])

    def row(self, name: str) -> ModelRow:
        right = self.heated.argmax(axis=1) == self._task.labels
        return ModelRow(
            name,
            score_probabilities(self.heated, self._task.labels),
            accuracy_sd=float(np.std([right[rows].mean() for _, rows in self._task.folds], ddof=1)),
            uncalibrated=score_probabilities(self.raw, self._task.labels),
            temperatures=tuple(self.temperatures),
        )


def _inner_folds(task: GenreTask, fold: int, *, seed: int) -> _Folds:
    """Folds of the tracks that a fold learns from."""
    learned, _ = task.folds[fold]
    dealt = grouped_folds(task.labels[learned], task.groups[learned], n_folds=N_INNER_FOLDS, seed=seed)
    return [(learned[rows], learned[others]) for rows, others in dealt]


def _unseen(
    task: GenreTask,
    name: ModelName,
    folds: _Folds,
    *,
    effort: Effort,
    tell: Callable[[], None],
) -> FloatArray:
    """Probabilities of all tracks, each by a model that has not seen its artist.

    Of tracks learned from by one of the inner folds, of those left out by a model that learned from all others.
    """
    probabilities = np.zeros((len(task.labels), len(task.genres)))
    for known, unseen in folds:
        model = model_of(name, len(task.genres), effort).fit(task.inputs.take(known), task.labels[known])
        probabilities[unseen] = model.predict(task.inputs.take(unseen))
        tell()
    return probabilities


def _usable_genres(table: LabelledTable, groups: IntArray) -> tuple[tuple[str, ...], dict[str, int]]:
    """Genres with enough artists, and how many tracks the others have."""
    artists: dict[str, set[int]] = {}
    for label, group in zip(table.labels, groups.tolist(), strict=True):
        artists.setdefault(label, set()).add(group)
    ranked = by_frequency(table.labels)
    genres = tuple(genre for genre in ranked if len(artists[genre]) >= MIN_ARTISTS)
    dropped = {genre: table.labels.count(genre) for genre in ranked if genre not in genres}
    if len(genres) < 2:
        by_artists = sorted(ranked, key=lambda genre: -len(artists[genre]))
        told = ", ".join(f"{genre!r} of {len(artists[genre])}" for genre in by_artists[:5]) or "no genre"
        raise FeatureTableError(
            f"to tell genres apart takes two of {MIN_ARTISTS} artists each, got {told}; label more tracks"
        )
    return genres, dropped
