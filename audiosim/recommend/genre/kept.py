"""A model that tells genres, kept in a file with what it was learned from and how good it was."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.errors import FeatureTableError, StoreMismatchError
from audiosim.features import descriptors
from audiosim.features.array_file import BROKEN, read_arrays, write_arrays
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.recommend.genre.exported import ExportedModel, from_arrays, to_arrays
from audiosim.recommend.genre.models import heat
from audiosim.recommend.labelled_table import TrackInputs
from audiosim.store import digest

FloatArray = npt.NDArray[np.float64]

# Raised whenever files of models change.
VERSION = 1


@dataclass(frozen=True, slots=True)
class FeatureKind:
    """Which features a model was shown: estimates and official values are never taken for one another.

    Parameters
    ----------
    names : tuple of str
    version : int
        Of the own estimates; 0 of values from elsewhere.
    fitted : str
        Digest of the models that stand in place of own proxies, "" without any.
    """

    names: tuple[str, ...]
    version: int = 0
    fitted: str = ""

    @classmethod
    def of(cls, inputs: TrackInputs, *, fitted: str = "") -> "FeatureKind":
        """Of what is to be shown."""
        is_own = set(DESCRIPTORS) <= set(inputs.names)
        return cls(inputs.names, descriptors.VERSION if is_own else 0, fitted)

    @property
    def about(self) -> str:
        """What they are, for people."""
        if not self.version:
            return f"{len(self.names)} features from a table ({', '.join(self.names)})"
        fitted = ", fitted to official values" if self.fitted else ""
        return f"{len(self.names)} of audiosim's own estimates{fitted}"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model was learned from, and how good it was on artists that it had not seen.

    Parameters
    ----------
    features : FeatureKind
    genres : tuple of str
        The most frequent first.
    n_of_genre : tuple of int
    n_artists : int
    knows_artists : bool
        Whether artists are named; if not, its scores are too high.
    source, label : str
        The table or library, and what its genres are called.
    learned_from : str
        Digest of the features, labels and artists.
    model : str
        Which of the models.
    temperature : float
    scores : mapping of str to float
        Cross-validated and calibrated, by the names of `GenreScores`.
    majority_accuracy : float
        Of always saying the most frequent genre.
    seed, n_trees : int
    """

    features: FeatureKind
    genres: tuple[str, ...]
    n_of_genre: tuple[int, ...]
    n_artists: int
    knows_artists: bool
    source: str
    label: str
    learned_from: str
    model: str
    temperature: float
    scores: Mapping[str, float]
    majority_accuracy: float
    seed: int
    n_trees: int

    @property
    def n_tracks(self) -> int:
        """Tracks that it learned from."""
        return sum(self.n_of_genre)

    @classmethod
    def of_dict(cls, said: Mapping[str, Any]) -> "ModelCard":
        """What `dataclasses.asdict` made of one, also after it was JSON."""
        features = said["features"]
        kind = FeatureKind(tuple(features["names"]), int(features["version"]), str(features["fitted"]))
        sequences: dict[str, Any] = {name: tuple(said[name]) for name in ("genres", "n_of_genre")}
        arguments: dict[str, Any] = {**said, **sequences, "features": kind}
        return cls(**arguments)


@dataclass(frozen=True, slots=True, eq=False)
class KeptGenreModel:
    """A fitted model and its card."""

    card: ModelCard
    model: ExportedModel

    def __post_init__(self) -> None:
        if self.model.n_genres != len(self.card.genres):
            raise ValueError(f"the model must tell {len(self.card.genres)} genres, got {self.model.n_genres}")

    def predict(self, inputs: TrackInputs, *, fitted: str = "") -> FloatArray:
        """Calibrated probabilities (n_tracks, n_genres).

        Parameters
        ----------
        inputs : TrackInputs
            With the features that it learned from, and perhaps others.
        fitted : str
            See `FeatureKind`.

        Raises
        ------
        FeatureTableError
            The features are not those that it learned from.
        """
        self.require(FeatureKind.of(inputs, fitted=fitted))
        names = self.card.features.names
        columns = [inputs.names.index(name) for name in names]
        encoded = [place for name in names for place in _places(inputs, name)]
        shown = TrackInputs(names, inputs.values[:, columns], inputs.encoded[:, encoded])
        return heat(self.model.predict(shown), self.card.temperature)

    def require(self, shown: FeatureKind) -> None:
        """Refuse features that are not those that were learned from."""
        learned = self.card.features
        missing = [name for name in learned.names if name not in shown.names]
        if missing or (learned.version, learned.fitted) != (shown.version, shown.fitted):
            lacking = f", which lack {', '.join(missing)}" if missing and learned.version == shown.version else ""
            raise FeatureTableError(
                f"the kept model of {self.card.label!r} learned from {learned.about} and can only be shown the same; "
                f"these are {shown.about}{lacking}; train another: audiosim genre train, or leave it aside: --anew"
            )

    def save(self, path: Path) -> None:
        """Write it to one .npz file that holds numbers and texts only, replaced at once or left as it was."""
        arrays = to_arrays(self.model)
        card = json.dumps(asdict(self.card), sort_keys=True)
        write_arrays(
            path,
            {
                "version": np.array(VERSION),
                "card": np.array(card),
                "digest": np.array(_digest(card, arrays)),
                **{f"model/{name}": array for name, array in arrays.items()},
            },
        )

    @classmethod
    def load(cls, path: Path) -> "KeptGenreModel":
        """Read what `save` wrote.

        Raises
        ------
        StoreMismatchError
            If the file is none of these, was damaged, or is of another version.
        """
        try:
            found = read_arrays(path)
            if (version := int(found["version"])) != VERSION:
                raise StoreMismatchError(f"{path} must hold a model of version {VERSION}, got {version}; {_AGAIN}")
            arrays = {name.removeprefix("model/"): array for name, array in found.items() if name.startswith("model/")}
            card = str(found["card"])
            if str(found["digest"]) != _digest(card, arrays):
                raise StoreMismatchError(f"{path} was damaged or changed after it was written; {_AGAIN}")
            return cls(ModelCard.of_dict(json.loads(card)), from_arrays(arrays))
        except (*BROKEN, OSError) as error:
            if isinstance(error, StoreMismatchError):
                raise
            raise StoreMismatchError(
                f"{path} must hold a model of genres, got another file: {error}; {_AGAIN}"
            ) from error


_AGAIN = "train it again: audiosim genre train"


def _digest(card: str, arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    parts = [part for name in sorted(arrays) for part in (f"{name} {arrays[name].dtype}", arrays[name].tobytes())]
    return digest(card, *parts)


def _places(inputs: TrackInputs, name: str) -> list[int]:
    """Columns of `encoded` that come from a feature."""
    return [place for place, of in enumerate(inputs.encoded_names) if of == name]
