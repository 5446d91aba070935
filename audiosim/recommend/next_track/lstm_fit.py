# pyright: basic
"""Training of the recurrent network of `audiosim.recommend.next_track.lstm` in keras.

The softmax is over the whole catalogue, at every play of a session [1]_. What an item is comes from its sound and from
an embedding of its own that is dropped half of the time, so that items without one can be named as well [2]_. What is
looked for is told by the state and, past it, by the last item: most of what follows from few plays follows from that.

References
----------
.. [1] Klenitskiy, Vasilev (2023), "Turning dross into gold loss: is BERT4Rec really better than SASRec?", RecSys 2023.
.. [2] Volkovs, Yu, Poutanen (2017), "DropoutNet: addressing cold start in recommender systems", NeurIPS 2017.
"""

import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from audiosim.features.backend import Tensor, keras, ops
from audiosim.recommend.next_track.lstm import LONGEST, Epoch, Lstm, LstmSettings, training_key
from audiosim.recommend.next_track.models import Training
from audiosim.recommend.next_track.sessions import Items, split_by_time

# What these take is narrower by their annotations than by their documentation.
_layers: Any = keras.layers
_initializers: Any = keras.initializers

_HIDDEN = 128
_DROPPED = 0.5  # share of embeddings, at each step
_NEVER = -1e9  # a logit

# Items, the items after them, and 1 where there is one, each (n, LONGEST).
Windows = tuple[np.ndarray, np.ndarray, np.ndarray]


def fit_lstm(
    training: Training,
    *,
    settings: LstmSettings | None = None,
    checkpoint: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
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
        Called after every epoch.

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
    said = progress or (lambda _: None)
    fit = _Fit(training, settings, checkpoint, training_key(training, settings))
    if fit.stage == "choosing":
        learnt_from, judged_by = _windows(earlier), _windows(later)
        fit.network.learn_from(earlier)
        while fit.epoch < settings.max_epochs and fit.epoch - fit.best_epoch < settings.patience:
            fit.run_epoch(learnt_from)
            fit.judge(judged_by)
            fit.keep()
            said(Epoch("choosing", fit.epoch, settings.max_epochs, float(fit.losses[-1, 1])))
        fit.begin_again()
    everything = _windows(training.sessions)
    fit.network.learn_from(training.sessions)
    while fit.epoch < fit.best_epoch:
        fit.run_epoch(everything)
        fit.keep()
        said(Epoch("training", fit.epoch, fit.best_epoch, fit.loss))
    return fit.network.trained(training, fit.losses)


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
        self._played = self.add_weight(shape=(n_items,), initializer="ones", trainable=False, name="played")
        self._draws = keras.random.SeedGenerator(seed)
        self._dropout = settings.dropout
        self(np.zeros((1, LONGEST), dtype=np.int32))

    def call(self, items: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001, FBT002 - as keras calls it
        kept = ops.ones_like(self._known)
        if training:
            drawn = keras.random.uniform(ops.shape(kept), seed=self._draws)
            # What has no sound is nothing without its embedding.
            kept = ops.cast(ops.logical_or(drawn >= _DROPPED, self._known == 0), "float32")
        catalogue = self._catalogue(kept)
        inputs = ops.take(catalogue, items, axis=0)
        states = self._recurrent(inputs)
        if training:
            states = keras.random.dropout(states, self._dropout, seed=self._draws)
        wanted = ops.normalize(self._query(ops.concatenate([states, inputs], axis=-1)), axis=-1)
        logits = ops.exp(self._scale) * ops.matmul(wanted, ops.transpose(catalogue)) + self._bias * kept[:, 0]
        # What is not learnt from is no wrong answer: else its sound would be learnt as that of what never comes.
        return ops.where(self._played > 0, logits, _NEVER) if training else logits

    def learn_from(self, sessions: Sequence[Items]) -> None:
        """Say what there is to learn from."""
        self._played.assign(np.isin(np.arange(self._played.shape[0]), np.concatenate(sessions)).astype(np.float32))

    def trained(self, training: Training, losses: np.ndarray) -> Lstm:
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
            losses=losses,
        )

    def _catalogue(self, kept: Tensor) -> Tensor:
        sound = self._tower(self._hidden(self._norm(self._content))) * self._known
        return ops.normalize(sound + self._embedding * kept, axis=-1)


class _Fit:
    """A network on its way: its stage, epochs, how well it foretells, and its checkpoint."""

    def __init__(self, training: Training, settings: LstmSettings, checkpoint: Path | None, key: str) -> None:
        self.network: Any = _Network(training, settings)
        self.network.compile(
            optimizer=keras.optimizers.AdamW(settings.learning_rate, clipnorm=1.0),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        self.network.optimizer.build(self.network.trainable_variables)
        self.stage: Literal["choosing", "training"] = "choosing"
        self.epoch, self.loss = 0, np.nan
        # Of what was learnt from and of what was judged by, after each epoch of the first stage.
        self.losses = np.empty((0, 2))
        self._seed, self._batch_size = training.seed, settings.batch_size
        self._checkpoint, self._key = checkpoint, key
        self._initial = [variable.numpy() for variable in self._variables()]
        self._resume()

    def begin_again(self) -> None:
        """Forget all but how long to train."""
        self.stage, self.epoch = "training", 0
        self._assign(self._initial)

    def run_epoch(self, windows: Windows) -> None:
        # An order of its own for every epoch, so that one that is resumed has the order that it would have had.
        order = np.random.default_rng([self._seed, self.epoch]).permutation(len(windows[0]))
        inputs, targets, weights = (part[order] for part in windows)
        past = self.network.fit(
            inputs, targets, sample_weight=weights, batch_size=self._batch_size, shuffle=False, verbose=0
        )
        self.epoch += 1
        # Keras divides by all places of the windows, those without a play among them.
        self.loss = float(past.history["loss"][0] / weights.mean())

    def judge(self, windows: Windows) -> None:
        inputs, targets, weights = windows
        loss = self.network.evaluate(inputs, targets, sample_weight=weights, batch_size=self._batch_size, verbose=0)
        self.losses = np.vstack([self.losses, [self.loss, loss / weights.mean()]])

    @property
    def best_epoch(self) -> int:
        """After how many epochs the loss on what is judged by was least; what is no number is never the least."""
        return int(np.argmin(np.nan_to_num(self.losses[:, 1], nan=np.inf))) + 1 if len(self.losses) else 0

    def keep(self) -> None:
        if self._checkpoint is None:
            return
        draft = self._checkpoint.with_name(self._checkpoint.name + ".draft")
        arrays = {f"v{i}": variable.numpy() for i, variable in enumerate(self._variables())}
        with draft.open("wb") as file:
            about = {"key": self._key, "stage": self.stage, "epoch": self.epoch, "losses": self.losses}
            np.savez(file, **{name: np.array(value) for name, value in about.items()}, **arrays)
        os.replace(draft, self._checkpoint)  # noqa: PTH105 - whole or not at all

    def _resume(self) -> None:
        if self._checkpoint is None or not self._checkpoint.exists():
            return
        try:
            # All of it is read before any of it counts.
            with self._checkpoint.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                kept = dict(stored)
            if str(kept["key"]) != self._key:
                return
            arrays = [kept[f"v{i}"] for i in range(len(self._initial))]
            stage, epoch, losses = str(kept["stage"]), int(kept["epoch"]), kept["losses"]
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile):
            return  # a damaged checkpoint costs the training again, and nothing else
        self.stage = "training" if stage == "training" else "choosing"
        self.epoch, self.losses = epoch, losses
        self._assign(arrays)

    def _assign(self, arrays: Sequence[np.ndarray]) -> None:
        for variable, values in zip(self._variables(), arrays, strict=True):
            variable.assign(values)

    def _variables(self) -> list[Any]:
        own = [*self.network.variables, *self.network.optimizer.variables]
        return list({id(variable): variable for variable in own}.values())


def _windows(sessions: Sequence[Items]) -> Windows:
    """Sessions in rows; long ones are cut."""
    pieces = [session[i : i + LONGEST + 1] for session in sessions for i in range(0, len(session) - 1, LONGEST)]
    inputs, targets = np.zeros((2, len(pieces), LONGEST), dtype=np.int32)
    weights = np.zeros((len(pieces), LONGEST), dtype=np.float32)
    for row, piece in enumerate(pieces):
        n = len(piece) - 1
        inputs[row, :n], targets[row, :n], weights[row, :n] = piece[:-1], piece[1:], 1.0
    return inputs, targets, weights
