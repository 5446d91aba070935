# pyright: basic
"""Training of the recurrent network of `audiosim.recommend.next_track.lstm` in keras.

The softmax is over the whole catalogue, at every play of a session [1]_. What an item is comes from its sound and from
an embedding of its own that is dropped half of the time, so that items without one can be named as well [2]_.

References
----------
.. [1] Klenitskiy, Vasilev (2023), "Turning dross into gold loss: is BERT4Rec really better than SASRec?", RecSys 2023.
.. [2] Volkovs, Yu, Poutanen (2017), "DropoutNet: addressing cold start in recommender systems", NeurIPS 2017.
"""

import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audiosim.features.backend import Tensor, keras, ops
from audiosim.recommend.next_track.lstm import LONGEST, Lstm, LstmSettings, training_key
from audiosim.recommend.next_track.models import Training
from audiosim.recommend.next_track.sessions import Items, split_by_time

# What these take is narrower by their annotations than by their documentation.
_layers: Any = keras.layers
_initializers: Any = keras.initializers

_HIDDEN = 128
_DROPPED = 0.5  # share of embeddings, at each step
_STAGES = ("choosing", "training")


def fit_lstm(
    training: Training,
    *,
    settings: LstmSettings | None = None,
    checkpoint: Path | None = None,
    progress: Callable[[str, int, float], None] | None = None,
) -> Lstm:
    """Train the network: how long is chosen on the last tenth of the sessions, then it is trained on all of them.

    Parameters
    ----------
    training : Training
        At least two sessions. With vectors, what was never played can be named.
    settings : LstmSettings or None
        None: the defaults.
    checkpoint : Path or None
        Where the state is kept after every epoch. A file that another training left is not resumed from.
    progress : callable or None
        Called after every epoch with the stage ("choosing" or "training"), the epochs done, and the mean loss.

    Returns
    -------
    Lstm
        The same for the same training, settings and backend, interrupted or not.

    Raises
    ------
    ValueError
        If there are fewer than two sessions.
    """
    settings = settings or LstmSettings()
    earlier, later = split_by_time(training.sessions, share=0.9)
    chosen = Training(earlier, training.n_items, training.vectors, training.seed)
    key = training_key(training, settings)
    said = progress or (lambda _stage, _epoch, _loss: None)
    fit = _Fit(chosen, settings, checkpoint, key, stage=0)
    judged_by = _windows(later)
    while fit.epoch < settings.max_epochs and fit.epoch - int(fit.best[1]) < settings.patience:
        fit.run_epoch()
        fit.judge(judged_by)
        fit.keep()
        said(_STAGES[0], fit.epoch, float(fit.loss))
    n_epochs = int(fit.best[1])
    fit = _Fit(training, settings, checkpoint, key, stage=1, best=fit.best)
    while fit.epoch < n_epochs:
        fit.run_epoch()
        fit.keep()
        said(_STAGES[1], fit.epoch, float(fit.loss))
    return fit.network.trained(training)


class _Network(keras.Model):
    """From windows of items (n, LONGEST) to logits (n, LONGEST, n_items)."""

    def __init__(self, training: Training, settings: LstmSettings) -> None:
        super().__init__(name="next_lstm")
        seed, n_items = training.seed, training.n_items
        vectors = np.full((n_items, 1), np.nan) if training.vectors is None else training.vectors
        known = np.asarray(np.isfinite(vectors).all(axis=1))
        self._content = np.where(known[:, None], vectors, 0.0).astype(np.float32)
        self._known = known[:, None].astype(np.float32)
        dense, glorot = _layers.Dense, _initializers.GlorotUniform
        self._norm = _layers.LayerNormalization()
        self._hidden = dense(_HIDDEN, activation="gelu", kernel_initializer=glorot(seed=seed))
        self._tower = dense(settings.n_dims, kernel_initializer=glorot(seed=seed + 1))
        self._recurrent = _layers.LSTM(
            settings.n_units,
            return_sequences=True,
            kernel_initializer=glorot(seed=seed + 2),
            recurrent_initializer=_initializers.Orthogonal(seed=seed + 3),
        )
        self._query = dense(settings.n_dims, kernel_initializer=glorot(seed=seed + 4))
        normal = _initializers.RandomNormal(stddev=0.1, seed=seed + 5)
        self._embedding = self.add_weight(shape=(n_items, settings.n_dims), initializer=normal, name="embedding")
        self._bias = self.add_weight(shape=(n_items,), initializer="zeros", name="bias")
        self._scale = self.add_weight(shape=(), initializer=_initializers.Constant(np.log(14.0)), name="scale")
        self._draws = keras.random.SeedGenerator(seed)
        self(np.zeros((1, LONGEST), dtype=np.int32))

    def call(self, items: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001, FBT002 - as keras calls it
        kept = ops.ones_like(self._known)
        if training:
            drawn = keras.random.uniform(ops.shape(kept), seed=self._draws)
            # What has no sound is nothing without its embedding.
            kept = ops.cast(ops.logical_or(drawn >= _DROPPED, self._known == 0), "float32")
        catalogue = self._catalogue(kept)
        states = self._recurrent(ops.take(catalogue, items, axis=0))
        wanted = ops.normalize(self._query(states), axis=-1)
        return ops.exp(self._scale) * ops.matmul(wanted, ops.transpose(catalogue)) + self._bias * kept[:, 0]

    def trained(self, training: Training) -> Lstm:
        """The weights as arrays; what was never played has no embedding."""
        kept = (training.counts() > 0)[:, None].astype(np.float32)
        kernel, recurrent, gate_bias = self._recurrent.get_weights()
        query, query_bias = self._query.get_weights()
        return Lstm(
            catalogue=ops.convert_to_numpy(self._catalogue(kept)),
            bias=self._bias.numpy() * kept[:, 0],
            kernel=kernel,
            recurrent=recurrent,
            gate_bias=gate_bias,
            query=query,
            query_bias=query_bias,
            scale=np.exp(self._scale.numpy()),
        )

    def _catalogue(self, kept: Tensor) -> Tensor:
        sound = self._tower(self._hidden(self._norm(self._content))) * self._known
        return ops.normalize(sound + self._embedding * kept, axis=-1)


class _Fit:
    """A network on its way: epochs, how well it foretells, and its checkpoint."""

    def __init__(
        self,
        training: Training,
        settings: LstmSettings,
        checkpoint: Path | None,
        key: str,
        *,
        stage: int,
        best: np.ndarray | None = None,
    ) -> None:
        self.network: Any = _Network(training, settings)
        self.network.compile(
            optimizer=keras.optimizers.AdamW(settings.learning_rate, clipnorm=1.0),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        self.network.optimizer.build(self.network.trainable_variables)
        self.epoch, self.loss = 0, np.nan
        # The least loss on what is judged by, and after how many epochs it was.
        self.best = np.array([np.inf, 0.0]) if best is None else best
        self._windows, self._seed, self._batch_size = _windows(training.sessions), training.seed, settings.batch_size
        self._checkpoint, self._key, self._stage = checkpoint, key, stage
        self._resume()

    def run_epoch(self) -> None:
        # An order of its own for every epoch, so that one that is resumed has the order that it would have had.
        order = np.random.default_rng([self._seed, self.epoch]).permutation(len(self._windows[0]))
        inputs, targets, weights = (part[order] for part in self._windows)
        past = self.network.fit(
            inputs, targets, sample_weight=weights, batch_size=self._batch_size, shuffle=False, verbose=0
        )
        self.epoch, self.loss = self.epoch + 1, past.history["loss"][0]

    def judge(self, windows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        inputs, targets, weights = windows
        self.loss = self.network.evaluate(
            inputs, targets, sample_weight=weights, batch_size=self._batch_size, verbose=0
        )
        if self.loss < self.best[0] or self.epoch == 1:
            self.best = np.array([self.loss, self.epoch])

    def keep(self) -> None:
        if self._checkpoint is None:
            return
        draft = self._checkpoint.with_name(self._checkpoint.name + ".draft")
        arrays = {f"v{i}": variable.numpy() for i, variable in enumerate(self._variables())}
        with draft.open("wb") as file:
            about = {"key": self._key, "stage": self._stage, "epoch": self.epoch, "best": self.best}
            np.savez(file, **{name: np.array(value) for name, value in about.items()}, **arrays)
        os.replace(draft, self._checkpoint)  # noqa: PTH105 - whole or not at all

    def _resume(self) -> None:
        if self._checkpoint is None or not self._checkpoint.exists():
            return
        try:
            with self._checkpoint.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                if str(kept["key"]) != self._key:
                    return
                # Who is in the second stage has chosen already.
                if int(kept["stage"]) > self._stage:
                    self.best, self.epoch = kept["best"], np.iinfo(np.int32).max
                elif int(kept["stage"]) == self._stage:
                    self.best, self.epoch = kept["best"], int(kept["epoch"])
                    for i, variable in enumerate(self._variables()):
                        variable.assign(kept[f"v{i}"])
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile):
            return  # a damaged checkpoint costs the training again, and nothing else

    def _variables(self) -> list[Any]:
        own = [*self.network.variables, *self.network.optimizer.variables]
        return list({id(variable): variable for variable in own}.values())


def _windows(sessions: Sequence[Items]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Items, the items after them, and 1 where there is one (n, LONGEST); long sessions are cut."""
    pieces = [session[i : i + LONGEST + 1] for session in sessions for i in range(0, len(session) - 1, LONGEST)]
    inputs, targets = np.zeros((2, len(pieces), LONGEST), dtype=np.int32)
    weights = np.zeros((len(pieces), LONGEST), dtype=np.float32)
    for row, piece in enumerate(pieces):
        n = len(piece) - 1
        inputs[row, :n], targets[row, :n], weights[row, :n] = piece[:-1], piece[1:], 1.0
    return inputs, targets, weights
