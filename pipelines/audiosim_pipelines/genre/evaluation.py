"""Genres for people: how well a table's features tell them, by artist and as it would look if artists were ignored."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audiosim.catalog import Track
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.library import Library
from audiosim.recommend.folds import limited_threads
from audiosim.recommend.genre.evaluation import (
    Effort,
    GenreEvaluation,
    ModelRow,
    balanced,
    evaluate_genres,
    n_fits,
    split_scores,
)
from audiosim.recommend.genre.metrics import GenreScores
from audiosim.recommend.genre.models import GenreModel, heat
from audiosim.recommend.labelled_table import LabelledTable, TrackInputs, read_labelled_table, without_duplicates
from audiosim.sources.fold import fold, fold_name
from audiosim.sources.table_presets import TableOptions
from audiosim_pipelines.features import DescriptorTable, descriptor_table
from audiosim_pipelines.progress import Progress, Silent

# What a write-up of 2021 found: six genres (rock, latin, hip hop, metal, pop, edm) of 550 songs each, split at random.
PUBLISHED_ACCURACY, PUBLISHED_N_OF_EACH = 0.63, 550
# Below it, the honest answer is that nobody knows.
UNKNOWN_BELOW = 0.4
_N_CONFUSED = 20


@dataclass(frozen=True, slots=True)
class Split:
    """Scores of the best model, not calibrated, in folds that are dealt in one way."""

    name: str
    about: str
    n_tracks: int
    scores: GenreScores


@dataclass(frozen=True, slots=True)
class ConfusedTrack:
    """A track that is surely said to be what it is not."""

    title: str
    genre: str
    said: str
    confidence: float


@dataclass(frozen=True, slots=True)
class ToldGenre:
    """What genre a track seems to be; None where the likeliest is less likely than `UNKNOWN_BELOW`."""

    track_id: str
    label: str
    genre: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class GenrePrediction:
    """Genres of tracks whose tags name none, and how much they are worth."""

    evaluation: GenreEvaluation
    told: tuple[ToldGenre, ...]


@dataclass(frozen=True, slots=True)
class Confident:
    """Tracks of which the likeliest genre is at least so likely: their share, and how many are right (None of none)."""

    at_least: float
    share: float
    accuracy: float | None


@dataclass(frozen=True, slots=True, eq=False)
class GenreReport:
    """All that `audiosim genre evaluate` says; `table` is without duplicates."""

    table: LabelledTable
    n_rows: int
    label: str
    evaluation: GenreEvaluation
    splits: tuple[Split, ...]
    confident: Confident
    confused: tuple[ConfusedTrack, ...]

    @property
    def knows_artists(self) -> bool:
        """Whether the table says who any of its tracks is by; if not, a split by artist is a random one."""
        return any(self.table.artists)

    @property
    def gap(self) -> float:
        """Accuracy that a random split makes up."""
        accuracy = {split.name: split.scores.accuracy for split in self.splits}
        return accuracy["random"] - accuracy["artist"]

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        judged = self.evaluation
        genres = [{"genre": genre, "n_tracks": n} for genre, n in zip(judged.genres, judged.n_of_genre, strict=True)]
        return {
            "table": str(self.table.source),
            "label": self.label,
            "n_rows": self.n_rows,
            "n_rejected": len(self.table.rejected),
            "n_duplicates": self.table.n_duplicates,
            "n_ambiguous": self.table.n_ambiguous,
            "n_tracks": sum(judged.n_of_genre),
            "n_artists": judged.n_artists,
            "knows_artists": self.knows_artists,
            "features": list(self.table.inputs.names),
            "genres": genres,
            "dropped": dict(judged.dropped),
            "models": [_row(row) for row in judged.rows],
            "chosen": list(judged.chosen),
            "best": judged.best,
            "confusion": judged.confusion.tolist(),
            "splits": [asdict(split) for split in self.splits],
            "gap": self.gap,
            "published": {"accuracy": PUBLISHED_ACCURACY, "n_of_each": PUBLISHED_N_OF_EACH},
            "confident": asdict(self.confident),
            "confused": [asdict(track) for track in self.confused],
            "notes": list(self.table.notes),
        }


def evaluate_table(
    path: Path,
    label: str,
    *,
    options: TableOptions | None = None,
    effort: Effort | None = None,
    progress: Progress | None = None,
) -> GenreReport:
    """Judge how well the features of a table tell its genres.

    Parameters
    ----------
    path : Path
        See `read_labelled_table`.
    label : str
        The column that holds the genres.
    options : TableOptions, optional
    effort : Effort, optional
    progress : Progress, optional

    Returns
    -------
    GenreReport

    Raises
    ------
    FeatureTableError
        The table cannot be read, or does not label two genres of enough artists.
    """
    return _report(read_labelled_table(path, label, options=options), label, effort, progress)


def evaluate_library(
    library: Library, *, effort: Effort | None = None, progress: Progress | None = None
) -> GenreReport:
    """Judge how well the descriptors of a library's tracks tell the genres in their tags.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    FeatureTableError
        The tags do not name two genres of enough artists.
    """
    tracks = descriptor_table(library)
    rows = [row for row, track in enumerate(tracks.tracks) if _genre(track)]
    return _report(_tagged(library, tracks, rows), "genre", effort, progress)


def predict_library(
    library: Library, *, effort: Effort | None = None, progress: Progress | None = None
) -> GenrePrediction:
    """Tell the genres of tracks whose tags name none, by the model that does best on those that have one.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    FeatureTableError
        The tags do not name two genres of enough artists.
    """
    effort = effort or Effort()
    tracks = descriptor_table(library)
    rows = [row for row, track in enumerate(tracks.tracks) if _genre(track)]
    others = [row for row, track in enumerate(tracks.tracks) if not _genre(track)]
    table = _tagged(library, tracks, rows)
    evaluation = _evaluate(table, effort, progress)
    if not others:
        return GenrePrediction(evaluation, ())
    used = table.take(evaluation.kept.tolist())
    labels = np.array([evaluation.genres.index(genre) for genre in used.labels], dtype=np.int64)
    options: dict[str, Any] = {"seed": effort.seed, "n_threads": effort.n_threads, "n_trees": effort.n_trees}
    with limited_threads(effort.n_threads):
        model = GenreModel(evaluation.best, len(evaluation.genres), **options).fit(used.inputs, labels)
        said = model.predict(TrackInputs.of_descriptors(tracks.values[others]))
    # Fitted to all tracks, the model has no tracks left to be calibrated on: it is as sure as those of the folds were.
    said = heat(said, float(np.median(evaluation.row(evaluation.best).temperatures)))
    told = [
        ToldGenre(
            tracks.tracks[row].track_id,
            tracks.tracks[row].label,
            evaluation.genres[likeliest] if confidence >= UNKNOWN_BELOW else None,
            float(confidence),
        )
        for row, likeliest, confidence in zip(others, said.argmax(axis=1), said.max(axis=1), strict=True)
    ]
    return GenrePrediction(evaluation, tuple(told))


def _genre(track: Track) -> str:
    return (track.genre or "").strip()


def _tagged(library: Library, tracks: DescriptorTable, rows: Sequence[int]) -> LabelledTable:
    """Tracks of the library with the genres in their tags; each file is a track, so that nothing is there twice."""
    members = [tracks.tracks[row] for row in rows]
    values = tracks.values[list(rows)]
    return LabelledTable(
        library.folder,
        TrackInputs.of_descriptors(values) if rows else TrackInputs(DESCRIPTORS, values, values),
        tuple(_genre(track) for track in members),
        tuple(fold_name(track.artist or "") for track in members),
        tuple(fold(track.artist or "", track.title or "") for track in members),
        tuple(track.label for track in members),
    )


def _evaluate(table: LabelledTable, effort: Effort, progress: Progress | None) -> GenreEvaluation:
    with (progress or Silent()).bar("genres", n_fits(), "models") as advance:
        return evaluate_genres(table, effort=effort, advance=advance)


def _report(rows: LabelledTable, label: str, effort: Effort | None, progress: Progress | None) -> GenreReport:
    effort = effort or Effort()
    table = without_duplicates(rows)
    evaluation = _evaluate(table, effort, progress)
    used = table.take(evaluation.kept.tolist())
    known = set(evaluation.genres)
    listed = rows.take([row for row, genre in enumerate(rows.labels) if genre in known])
    return GenreReport(
        table=table,
        n_rows=len(rows) + len(rows.rejected),
        label=label,
        evaluation=evaluation,
        splits=_splits(used, listed, evaluation, effort),
        confident=_confident(evaluation, used),
        confused=_confused(evaluation, used),
    )


def _splits(
    used: LabelledTable, listed: LabelledTable, evaluation: GenreEvaluation, effort: Effort
) -> tuple[Split, ...]:
    model = evaluation.best
    few = balanced(used, n_of_each=PUBLISHED_N_OF_EACH, seed=effort.seed)
    ways: tuple[tuple[str, str, LabelledTable, bool], ...] = (
        ("artist", "no artist both learned from and left out", used, True),
        ("random", "single tracks dealt at random", used, False),
        ("random, duplicates kept", "rows dealt at random, the same track several times", listed, False),
        ("balanced, random", f"at most {PUBLISHED_N_OF_EACH} tracks a genre, dealt at random", few, False),
        ("balanced, artist", "the same tracks, by artist", few, True),
    )
    return tuple(
        Split(name, about, len(table), split_scores(table, model, by_artist=by_artist, effort=effort))
        for name, about, table, by_artist in ways
    )


def _confident(evaluation: GenreEvaluation, used: LabelledTable) -> Confident:
    said = evaluation.probabilities.argmax(axis=1)
    right = np.array([evaluation.genres[i] == genre for i, genre in zip(said, used.labels, strict=True)])
    sure = evaluation.probabilities.max(axis=1) >= UNKNOWN_BELOW
    return Confident(UNKNOWN_BELOW, float(sure.mean()), float(right[sure].mean()) if sure.any() else None)


def _confused(evaluation: GenreEvaluation, used: LabelledTable) -> tuple[ConfusedTrack, ...]:
    """The surest mistakes, the surest first."""
    said, confidence = evaluation.probabilities.argmax(axis=1), evaluation.probabilities.max(axis=1)
    wrong = [row for row, genre in enumerate(used.labels) if evaluation.genres[said[row]] != genre]
    wrong.sort(key=lambda row: (-confidence[row], row))
    return tuple(
        ConfusedTrack(used.titles[row], used.labels[row], evaluation.genres[said[row]], float(confidence[row]))
        for row in wrong[:_N_CONFUSED]
    )


def _row(row: ModelRow) -> dict[str, Any]:
    log_loss, calibration_error = row.uncalibrated
    return {
        "model": row.name,
        **asdict(row.scores),
        "accuracy_sd": row.accuracy_sd,
        "uncalibrated": {"log_loss": log_loss, "calibration_error": calibration_error},
        "temperatures": list(row.temperatures),
    }
