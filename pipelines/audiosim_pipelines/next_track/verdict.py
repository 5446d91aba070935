"""What judging models on a history came to, in memory and as JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from audiosim.evaluation.bootstrap import Estimate
from audiosim.recommend.next_track.lists import ListFigures

PARTS = ("all", "new", "warm", "cold")


@dataclass(frozen=True, slots=True)
class ModelScores:
    """How well a model foretold the plays of the later sessions.

    Each has an estimate by the names of `METRICS`. `all` is over all plays that were asked for; `new` over those that
    the session had not had, ranked among what it had not had; `warm` over those that were played in the earlier
    sessions, `cold` over those that were not. `curve` has HR@1, HR@2 and so on of `new`; `lists` tells what is listed.
    `difference` is HR@10 of `new`, less that of the best model: below 0, where the interval leaves out 0.
    """

    model: str
    all: Mapping[str, Estimate]
    new: Mapping[str, Estimate]
    warm: Mapping[str, Estimate]
    cold: Mapping[str, Estimate]
    curve: tuple[float, ...]
    lists: ListFigures
    difference: Estimate

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """What `asdict` gave, read from JSON."""
        return cls(
            model=str(said["model"]),
            **{part: {str(name): _estimate(one) for name, one in said[part].items()} for part in PARTS},
            curve=tuple(map(_number, said["curve"])),
            lists=ListFigures(**{name: _number(value) for name, value in said["lists"].items()}),
            difference=_estimate(said["difference"]),
        )


@dataclass(frozen=True, slots=True)
class SessionSize:
    """A session: when it began, in seconds since 1970, and how many plays it had."""

    started_at: int
    n_plays: int


@dataclass(frozen=True, slots=True)
class EpochLoss:
    """Mean loss of the network after an epoch, per play: of what it learnt from, and of what it was judged by."""

    learnt: float
    judged: float


@dataclass(frozen=True, slots=True)
class NextEvaluation:
    """What was judged, and who foretells best.

    Counts are of plays (`n_plays`; `n_short` of them were skipped), of sessions before and after the split, of plays
    that were asked for (`n_targets`; of them `n_cold` never played before the split, `n_repeats` played before in their
    session), of the catalogue, and of what is known to sound in it. `sessions` are all of them in the order of time,
    the first `n_train` to learn from. `best` is the model that is recommended; `rivals` are models of which it is not
    clear that they are worse. `epochs` is the course of the network's training, empty where none was trained.
    """

    n_plays: int
    n_short: int
    gap: float
    share: float
    seed: int
    n_train: int
    n_test: int
    n_transitions: int
    n_targets: int
    n_cold: int
    n_repeats: int
    n_catalogue: int
    n_sounding: int
    sessions: tuple[SessionSize, ...]
    models: tuple[ModelScores, ...]
    best: str
    rivals: tuple[str, ...]
    epochs: tuple[EpochLoss, ...]
    notes: tuple[str, ...]

    @property
    def has_network(self) -> bool:
        """Whether the recurrent network was among the models."""
        return any(scores.model == "lstm" for scores in self.models)

    def scores_of(self, model: str) -> ModelScores:
        """The scores of one of the models."""
        return next(scores for scores in self.models if scores.model == model)

    def as_json(self) -> dict[str, Any]:
        """All of it in the types of JSON; what is undefined is null."""
        said = _defined(asdict(self))
        assert isinstance(said, dict)
        return said

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """What `as_json` gave."""
        plain = dict(said)
        plain["sessions"] = tuple(SessionSize(int(one["started_at"]), int(one["n_plays"])) for one in said["sessions"])
        plain["models"] = tuple(map(ModelScores.from_json, said["models"]))
        plain["epochs"] = tuple(EpochLoss(_number(one["learnt"]), _number(one["judged"])) for one in said["epochs"])
        plain["rivals"], plain["notes"] = tuple(said["rivals"]), tuple(said["notes"])
        found = cls(**plain)
        if found.best not in {scores.model for scores in found.models}:
            raise ValueError(f"the best model must be one of those that were judged, got {found.best!r}")
        return found


def _estimate(said: Mapping[str, Any]) -> Estimate:
    return Estimate(*(_number(said[name]) for name in ("value", "low", "high")))


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _defined(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _defined(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
