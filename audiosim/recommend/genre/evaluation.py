"""How well genres can be told from features, judged on artists that no model has seen."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.errors import FeatureTableError
from audiosim.recommend.folds import grouped_folds, limited_threads
from audiosim.recommend.genre.metrics import GenreScores, confusion_matrix, score_probabilities
from audiosim.recommend.genre.models import (
    MODELS,
    GenreModel,
    ModelName,
    fit_temperature,
    heat,
)
from audiosim.recommend.labelled_table import LabelledTable, TrackInputs, artist_groups

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

N_FOLDS, N_INNER_FOLDS = 5, 3
# A genre needs an artist for each fold, and as many again so that the others still know it when some are left out.
MIN_ARTISTS = 2 * N_FOLDS
_SAID_OF_CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class Effort:
    """What an evaluation may cost; `n_trees` is the size of a forest, and boosting takes 3 rounds for 4 trees."""

    seed: int = 0
    n_threads: int = 1
    n_trees: int = 200


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model on artists left out: its scores, the standard deviation of accuracy over folds, and what heating did.

    `uncalibrated` are the log-loss and the calibration error before the temperatures, which are of the folds.
    """

    name: str
    scores: GenreScores
    accuracy_sd: float
    uncalibrated: tuple[float, float]
    temperatures: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class GenreEvaluation:
    """Genres judged with every artist's tracks either learned from or left out.

    Parameters
    ----------
    genres : tuple of str
        Classes, the most frequent first.
    n_of_genre : tuple of int
    n_artists : int
    dropped : mapping of str to int
        Genres with too few artists, and how many tracks they had.
    rows : tuple of ModelRow
        Of `MODELS`, then "chosen": in every fold the model that was best within what was learned from.
    chosen : tuple of str
        Which it was, fold by fold.
    confusion : (n_genres, n_genres) int64
        Of the chosen model; rows are what tracks are, columns what they are said to be.
    probabilities : (n_tracks, n_genres) float64
        Of the chosen model, for the tracks `kept`.
    kept : (n_tracks,) int64
        Rows of the table that were used.
    """

    genres: tuple[str, ...]
    n_of_genre: tuple[int, ...]
    n_artists: int
    dropped: Mapping[str, int]
    rows: tuple[ModelRow, ...]
    chosen: tuple[ModelName, ...]
    confusion: IntArray
    probabilities: FloatArray
    kept: IntArray

    @property
    def best(self) -> ModelName:
        """The model that was chosen most often; of equals the simplest."""
        counts = Counter(self.chosen)
        return max(MODELS, key=lambda name: (counts[name], -MODELS.index(name)))

    def row(self, name: str) -> ModelRow:
        """One of `rows`."""
        return next(row for row in self.rows if row.name == name)


def evaluate_genres(
    table: LabelledTable, *, effort: Effort | None = None, advance: Callable[[int], None] | None = None
) -> GenreEvaluation:
    """Judge every model on artists left out.

    Each fold leaves a fifth of the artists out. Within the others, three folds by artist give probabilities of tracks
    unseen, from which the temperature is fitted and the model chosen that has the lowest log-loss; what was left out
    has no say in either. Genres with fewer than 10 artists are dropped, since folds cannot be dealt from them.

    Parameters
    ----------
    table : LabelledTable
        Without duplicates, see `without_duplicates`.
    effort : Effort, optional
    advance : callable, optional
        Called with 1 for every model that is fitted, `n_fits()` in all.

    Returns
    -------
    GenreEvaluation

    Raises
    ------
    FeatureTableError
        If fewer than two genres have enough artists.

    Notes
    -----
    20 fits a model.

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
    >>> evaluation = evaluate_genres(table, effort=Effort(n_trees=4))
    >>> evaluation.row("majority").scores.accuracy, evaluation.row("chosen").scores.accuracy > 0.9
    (0.5, True)
    """
    effort = effort or Effort()
    groups = artist_groups(table.artists)
    genres, dropped = _usable_genres(table, groups)
    kept = np.array([row for row, label in enumerate(table.labels) if label in genres], dtype=np.int64)
    labels = np.array([genres.index(table.labels[row]) for row in kept], dtype=np.int64)
    inputs, groups = table.inputs.take(kept), groups[kept]
    trials: dict[ModelName, _Trial] = {name: _Trial(len(labels), len(genres)) for name in MODELS}
    folds = grouped_folds(labels, groups, n_folds=N_FOLDS, seed=effort.seed)
    chosen: list[ModelName] = []
    with limited_threads(effort.n_threads):
        for fold in folds:
            costs: dict[ModelName, float] = {
                name: trial.run(name, inputs, labels, groups, fold=fold, effort=effort, advance=advance)
                for name, trial in trials.items()
            }
            chosen.append(min(costs, key=costs.__getitem__))
    best = _Trial(len(labels), len(genres))
    for (_, left_out), name in zip(folds, chosen, strict=True):
        best.take(trials[name], left_out)
    left = [left_out for _, left_out in folds]
    return GenreEvaluation(
        genres=genres,
        n_of_genre=tuple(np.bincount(labels, minlength=len(genres)).tolist()),
        n_artists=len(np.unique(groups)),
        dropped=dropped,
        rows=tuple(trial.row(name, labels, left) for name, trial in [*trials.items(), (_SAID_OF_CHOSEN, best)]),
        chosen=tuple(chosen),
        confusion=confusion_matrix(best.heated, labels),
        probabilities=best.heated,
        kept=kept,
    )


def n_fits() -> int:
    """How many models `evaluate_genres` fits."""
    return len(MODELS) * N_FOLDS * (1 + N_INNER_FOLDS)


def split_scores(
    table: LabelledTable, model: ModelName, *, by_artist: bool, effort: Effort | None = None
) -> GenreScores:
    """Scores of one model, not calibrated, in five folds that are dealt by artist or at random.

    The difference between the two is what a split that ignores artists makes up.

    Parameters
    ----------
    table : LabelledTable
        Of two labels or more, each on at least 5 rows.
    model : str
        One of `MODELS`.
    by_artist : bool
    effort : Effort, optional

    Returns
    -------
    GenreScores
        Accuracy and F1 are as they would be calibrated; the log-loss and the calibration error are not.
    """
    effort = effort or Effort()
    genres = _by_frequency(table.labels)
    labels = np.array([genres.index(label) for label in table.labels], dtype=np.int64)
    groups = artist_groups(table.artists) if by_artist else None
    probabilities = np.zeros((len(labels), len(genres)))
    with limited_threads(effort.n_threads):
        for learned, left_out in grouped_folds(labels, groups, n_folds=N_FOLDS, seed=effort.seed):
            fitted = _model(model, len(genres), effort).fit(table.inputs.take(learned), labels[learned])
            probabilities[left_out] = fitted.predict(table.inputs.take(left_out))
    return score_probabilities(probabilities, labels)


def balanced(table: LabelledTable, *, n_of_each: int, seed: int = 0) -> LabelledTable:
    """As many tracks of every genre, drawn at random: `n_of_each`, or what the rarest one has."""
    genres = _by_frequency(table.labels)
    labels = np.array(table.labels, dtype=object)
    rng = np.random.default_rng(seed)
    n = min(n_of_each, *(int((labels == genre).sum()) for genre in genres))
    rows = [rng.choice(np.flatnonzero(labels == genre), n, replace=False) for genre in genres]
    return table.take(np.sort(np.concatenate(rows)).tolist())


class _Trial:
    """Probabilities of one model for the tracks that were left out, fold by fold."""

    def __init__(self, n_tracks: int, n_genres: int) -> None:
        self.raw = np.zeros((n_tracks, n_genres))
        self.heated = np.zeros((n_tracks, n_genres))
        self.temperatures: list[float] = []

    def run(
        self,
        name: ModelName,
        inputs: TrackInputs,
        labels: IntArray,
        groups: IntArray,
        *,
        fold: tuple[IntArray, IntArray],
        effort: Effort,
        advance: Callable[[int], None] | None,
    ) -> float:
        """Enter one fold; the log-loss within what was learned from."""
        learned, left_out = fold
        n_genres = self.raw.shape[1]
        within = np.zeros((len(learned), n_genres))
        for inner, outer in grouped_folds(labels[learned], groups[learned], n_folds=N_INNER_FOLDS, seed=effort.seed):
            fitted = _model(name, n_genres, effort).fit(inputs.take(learned[inner]), labels[learned[inner]])
            within[outer] = fitted.predict(inputs.take(learned[outer]))
            _tell(advance)
        temperature = fit_temperature(within, labels[learned])
        fitted = _model(name, n_genres, effort).fit(inputs.take(learned), labels[learned])
        self.raw[left_out] = fitted.predict(inputs.take(left_out))
        self.heated[left_out] = heat(self.raw[left_out], temperature)
        self.temperatures.append(temperature)
        _tell(advance)
        return score_probabilities(heat(within, temperature), labels[learned]).log_loss

    def take(self, other: "_Trial", rows: IntArray) -> None:
        """Enter a fold as another has it."""
        self.raw[rows], self.heated[rows] = other.raw[rows], other.heated[rows]
        self.temperatures.append(other.temperatures[len(self.temperatures)])

    def row(self, name: str, labels: IntArray, folds: Sequence[IntArray]) -> ModelRow:
        before = score_probabilities(self.raw, labels)
        right = self.heated.argmax(axis=1) == labels
        return ModelRow(
            name,
            score_probabilities(self.heated, labels),
            accuracy_sd=float(np.std([right[rows].mean() for rows in folds], ddof=1)),
            uncalibrated=(before.log_loss, before.calibration_error),
            temperatures=tuple(self.temperatures),
        )


def _model(name: ModelName, n_genres: int, effort: Effort) -> GenreModel:
    return GenreModel(name, n_genres, seed=effort.seed, n_threads=effort.n_threads, n_trees=effort.n_trees)


def _tell(advance: Callable[[int], None] | None) -> None:
    if advance is not None:
        advance(1)


def _by_frequency(labels: Sequence[str]) -> tuple[str, ...]:
    """Labels, the most frequent first, of equals by name."""
    counts = Counter(labels)
    return tuple(sorted(counts, key=lambda label: (-counts[label], label)))


def _usable_genres(table: LabelledTable, groups: IntArray) -> tuple[tuple[str, ...], dict[str, int]]:
    """Genres with enough artists, and how many tracks the others have."""
    artists: dict[str, set[int]] = {}
    for label, group in zip(table.labels, groups.tolist(), strict=True):
        artists.setdefault(label, set()).add(group)
    ranked = _by_frequency(table.labels)
    genres = tuple(genre for genre in ranked if len(artists[genre]) >= MIN_ARTISTS)
    dropped = {genre: table.labels.count(genre) for genre in ranked if genre not in genres}
    if len(genres) < 2:
        told = ", ".join(f"{genre!r} of {len(artists[genre])}" for genre in ranked[:5]) or "no genre"
        raise FeatureTableError(
            f"to tell genres apart takes two of {MIN_ARTISTS} artists each, got {told}; label more tracks"
        )
    return genres, dropped
