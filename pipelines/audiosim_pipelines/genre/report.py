"""All that is said of how well genres can be told, for the screen, for pages and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from audiosim.evaluation.bootstrap import Estimate
from audiosim.recommend.genre.description import Description
from audiosim.recommend.genre.evaluation import GenreEvaluation, ModelRow
from audiosim.recommend.genre.importance import Importance
from audiosim.recommend.genre.metrics import Coverage, GenreScores, ReliabilityBin
from audiosim.recommend.genre.tree import ReadableTree
from audiosim.recommend.labelled_table import LabelledTable

# What a write-up of 2021 found: six genres (rock, latin, hip hop, metal, pop, edm) of 550 songs each, split at random.
PUBLISHED_ACCURACY, PUBLISHED_N_OF_EACH = 0.63, 550
# Below it, the honest answer is that nobody knows.
UNKNOWN_BELOW = 0.4


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
class Intervals:
    """Accuracy and log-loss, with the intervals that drawing other artists gives."""

    accuracy: Estimate
    log_loss: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """How well genres are told.

    Parameters
    ----------
    evaluation : GenreEvaluation
    intervals : mapping of str to Intervals
        By the names of its rows, and "tree".
    splits : tuple of Split
        Of the model that was chosen most often.
    importances : tuple of Importance
        Of the same model, the most important feature first.
    tree : ReadableTree
    reliability, uncalibrated : tuple of ReliabilityBin
        Of the chosen model, with its temperatures and without.
    coverage : tuple of Coverage
        At rising confidence.
    confident : Coverage
        At the confidence below which a genre counts as unknown.
    confused : tuple of ConfusedTrack
        The surest mistakes, the surest first.
    """

    evaluation: GenreEvaluation
    intervals: Mapping[str, Intervals]
    splits: tuple[Split, ...]
    importances: tuple[Importance, ...]
    tree: ReadableTree
    reliability: tuple[ReliabilityBin, ...]
    uncalibrated: tuple[ReliabilityBin, ...]
    coverage: tuple[Coverage, ...]
    confident: Coverage
    confused: tuple[ConfusedTrack, ...]

    @property
    def gap(self) -> float:
        """Accuracy that a random split makes up."""
        accuracy = {split.name: split.scores.accuracy for split in self.splits}
        return accuracy["random"] - accuracy["artist"]

    def split(self, name: str) -> Split:
        """One of `splits`."""
        return next(split for split in self.splits if split.name == name)


@dataclass(frozen=True, slots=True, eq=False)
class GenreReport:
    """All that `audiosim genre evaluate` says.

    Parameters
    ----------
    table : LabelledTable
        Without duplicates.
    n_rows : int
        Before duplicates, and rows that cannot be used, were left out.
    label : str
    seed : int
    description : Description
        Of all genres.
    judgement : Judgement or None
        None where there are too few artists to judge anything.
    not_judged : str or None
        Then, why.
    """

    table: LabelledTable
    n_rows: int
    label: str
    seed: int
    description: Description
    judgement: Judgement | None
    not_judged: str | None

    @property
    def knows_artists(self) -> bool:
        """Whether the table says who any of its tracks is by; if not, a split by artist is a random one."""
        return any(self.table.artists)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        judged = self.judgement
        genres = () if judged is None else judged.evaluation.task.genres
        return {
            "table": str(self.table.source),
            "label": self.label,
            "seed": self.seed,
            "n_rows": self.n_rows,
            "n_rejected": len(self.table.rejected),
            "n_duplicates": self.table.n_duplicates,
            "n_ambiguous": self.table.n_ambiguous,
            "knows_artists": self.knows_artists,
            "features": list(self.table.inputs.names),
            "notes": list(self.table.notes),
            "genres": [asdict(size) | {"is_judged": size.genre in genres} for size in self.description.sizes],
            "not_judged": self.not_judged,
            "published": {"accuracy": PUBLISHED_ACCURACY, "n_of_each": PUBLISHED_N_OF_EACH},
            "judged": None if judged is None else _judged(judged),
        }


def _judged(judged: Judgement) -> dict[str, Any]:
    found, task = judged.evaluation, judged.evaluation.task
    return {
        "genres": list(task.genres),
        "n_tracks": len(task.labels),
        "n_artists": task.n_artists,
        "models": [_row(row, judged.intervals[row.name]) for row in found.rows],
        "chosen": list(found.chosen),
        "best": found.best,
        "confusion": found.confusion.tolist(),
        "splits": [asdict(split) for split in judged.splits],
        "gap": judged.gap,
        "confident": asdict(judged.confident),
        "coverage": [asdict(item) for item in judged.coverage],
        "reliability": [asdict(item) for item in judged.reliability],
        "importances": [asdict(item) for item in judged.importances],
        "tree": {
            "lines": judged.tree.lines(),
            "accuracy": asdict(judged.intervals["tree"].accuracy),
            "macro_f1": judged.tree.scores.macro_f1,
        },
        "confused": [asdict(track) for track in judged.confused],
    }


def _row(row: ModelRow, intervals: Intervals) -> dict[str, Any]:
    return {
        "model": row.name,
        **asdict(row.scores),
        "accuracy_sd": row.accuracy_sd,
        "accuracy_interval": [intervals.accuracy.low, intervals.accuracy.high],
        "log_loss_interval": [intervals.log_loss.low, intervals.log_loss.high],
        "uncalibrated": {
            "log_loss": row.uncalibrated.log_loss,
            "calibration_error": row.uncalibrated.calibration_error,
        },
        "temperatures": list(row.temperatures),
    }
