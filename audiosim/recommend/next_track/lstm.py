"""A recurrent network of what is played next: its weights, its answers, and its file.

Answers are computed by numpy, so that asking loads no framework; `audiosim.recommend.next_track.lstm_fit` trains.
"""

import hashlib
import zipfile
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from audiosim.recommend.next_track.models import Scorer, Scores, Training
from audiosim.recommend.next_track.sessions import Items

VERSION = 2
LONGEST = 30  # plays of a session that are looked back to

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LstmSettings:
    """How the network is built and trained.

    `n_dims` is the length of what an item is to it, `n_units` the size of its state, `dropout` the share of the state
    that is left out at each step. Training ends at `max_epochs`, or when `patience` epochs in a row have not foretold
    the last tenth of the sessions better.
    """

    n_dims: int = 128
    n_units: int = 128
    dropout: float = 0.7
    learning_rate: float = 1e-3
    batch_size: int = 16
    max_epochs: int = 40
    patience: int = 4


@dataclass(frozen=True, slots=True)
class Epoch:
    """How far a training is: its stage, epochs done of at most so many in it, and the mean loss of a play.

    The loss is of plays that are judged by while it is being chosen how long to train, and then of those that are
    learnt from.
    """

    stage: Literal["choosing", "training"]
    number: int
    at_most: int
    loss: float


def training_key(training: Training, settings: LstmSettings) -> str:
    """A digest of all that a network is learnt from, and of the version of how."""
    parts = hashlib.sha256(repr((VERSION, astuple(settings), training.n_items, training.seed)).encode())
    for session in training.sessions:
        parts.update(np.array([len(session), *session.tolist()], dtype=np.int64).tobytes())
    if training.vectors is not None:
        parts.update(np.ascontiguousarray(training.vectors).tobytes())
    return parts.hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Lstm:
    """A trained network.

    Parameters
    ----------
    catalogue : (n_items, n_dims) float32
        What each item is to the network, of length 1: from its sound and, if it was played in the training, from an
        embedding of its own. 0 for items that have neither.
    bias : (n_items,) float32
        How likely each item is, whatever came before; 0 for items that were never played in the training.
    kernel, recurrent, gate_bias : (n_dims, 4 * n_units), (n_units, 4 * n_units), (4 * n_units,) float32
        Input, forget, cell and output gates, side by side.
    query, query_bias : (n_units + n_dims, n_dims), (n_dims,) float32
        From the state and the last item to what is looked for in the catalogue.
    scale : () float32
        By what cosines are multiplied to be logits.
    losses : (n_epochs, 2) float64
        Mean loss of a play after each epoch while it was chosen how long to train: of what was learnt from, with parts
        left out by chance, and of what was judged by.
    """

    catalogue: Floats
    bias: Floats
    kernel: Floats
    recurrent: Floats
    gate_bias: Floats
    query: Floats
    query_bias: Floats
    scale: Floats
    losses: npt.NDArray[np.float64]

    def scorer(self) -> Scorer:
        """Logits of the catalogue after a beginning; what nothing is known of comes last."""
        known = self.catalogue.any(axis=1)

        def score(items: Items) -> Scores:
            seen = np.concatenate([self._state(items[-LONGEST:]), self.catalogue[items[-1]]])
            wanted = seen @ self.query + self.query_bias
            wanted /= max(float(np.linalg.norm(wanted)), 1e-12)
            logits = self.scale * (self.catalogue @ wanted) + self.bias
            return np.where(known, logits.astype(np.float64), -np.inf)

        return score

    def save(self, path: Path, *, key: str) -> None:
        """Write the arrays, and what they were learnt from, to an npz file, which runs nothing when it is read."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        with path.open("wb") as file:
            np.savez(file, key=np.array(key), **arrays)

    @classmethod
    def load(cls, path: Path, *, key: str) -> Self | None:
        """Read what `save` wrote; None where there is nothing, or where it was learnt from something else."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                if str(stored["key"]) == key:
                    return cls(**{field.name: stored[field.name] for field in fields(cls)})
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
            pass  # a damaged file costs the training again, and nothing else
        return None

    def _state(self, items: Items) -> Floats:
        """The output of the recurrent layer after the last item (n_units,)."""
        state = cell = np.zeros(len(self.recurrent), dtype=np.float32)
        for inputs in self.catalogue[items] @ self.kernel + self.gate_bias:
            entry, forget, new, output = np.split(inputs + state @ self.recurrent, 4)
            cell = _sigmoid(forget) * cell + _sigmoid(entry) * np.tanh(new)
            state = _sigmoid(output) * np.tanh(cell)
        return state


def _sigmoid(values: Floats) -> Floats:
    # By tanh, which does not overflow.
    return np.float32(0.5) * (np.tanh(np.float32(0.5) * values) + np.float32(1.0))
