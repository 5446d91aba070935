"""Fit descriptors to a table of official values, where it covers enough tracks, and keep what beats the proxies.

Cross-validation leaves out whole artists, for tracks of one artist resemble one another more than they should. A model
is kept only if it is better than the proxy, and than the mean, beyond what drawing other artists would change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.errors import FeatureTableError, StoreMismatchError
from audiosim.features import descriptors
from audiosim.features.array_file import BROKEN, read_arrays, write_arrays
from audiosim.features.descriptors import DESCRIPTORS, ENCODED, encode_descriptors, estimate_name
from audiosim.features.fit_models import (
    FloatArray,
    LinearModel,
    TreeModel,
    fit_boosting,
    fit_linear,
    from_arrays,
    to_arrays,
)

# Raised whenever files of fitted models change.
VERSION = 1

MIN_TRACKS = 50
MIN_ARTISTS = 5
# What can be fitted, and the range that it can have. The other features are exact, or names rather than amounts, or,
# like the tempo, off by an octave if they are off.
FITTED: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "danceability": (0.0, 1.0),
        "energy": (0.0, 1.0),
        "loudness": (-np.inf, np.inf),
        "speechiness": (0.0, 1.0),
        "acousticness": (0.0, 1.0),
        "instrumentalness": (0.0, 1.0),
        "liveness": (0.0, 1.0),
        "valence": (0.0, 1.0),
    }
)

_N_FOLDS = 5
_N_BOOTSTRAPS = 10_000
_BOOTSTRAPS_AT_ONCE = 500
_INTERVAL = (2.5, 97.5)  # percentiles


@dataclass(frozen=True, slots=True)
class Score:
    """An R² or a difference of two, with the interval that drawing other artists gives; 95 % of draws lie in it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FitRow:
    """How well one feature is estimated, on artists that the models had not seen.

    Parameters
    ----------
    feature : str
        Spotify's name.
    n_tracks, n_artists : int
    proxy, ridge, boosting : Score
        R²: 1 is exact, 0 as good as the mean of all, below 0 worse. A proxy that runs parallel to the official values
        at another height is below 0 too.
    ridge_gain, boosting_gain : Score
        R² above that of the proxy.
    kept : str
        "ridge" or "boosting", whichever is the better, if it beats proxy and mean; else "proxy".
    """

    feature: str
    n_tracks: int
    n_artists: int
    proxy: Score
    ridge: Score
    boosting: Score
    ridge_gain: Score
    boosting_gain: Score
    kept: str


@dataclass(frozen=True, slots=True, eq=False)
class FittedDescriptors:
    """Models that replace proxies, and how they were judged.

    Parameters
    ----------
    models : Mapping[str, LinearModel | TreeModel]
        By Spotify's names; only features whose model was kept.
    rows : tuple[FitRow, ...]
        One for each feature that was tried.
    """

    models: Mapping[str, LinearModel | TreeModel]
    rows: tuple[FitRow, ...]

    def report(self) -> tuple[FitRow, ...]:
        """One row a feature."""
        return self.rows

    def predict(self, estimates: FloatArray) -> FloatArray:
        """Replace the proxies of the features whose model was kept.

        Parameters
        ----------
        estimates : np.ndarray [shape=(n_tracks, 37)]
            As `describe` gives them.

        Returns
        -------
        np.ndarray [shape=(n_tracks, 37), float64]
            In the order of `DESCRIPTORS`.
        """
        predicted = np.array(estimates, dtype=np.float64)
        if self.models:
            inputs = _inputs(predicted)
            for feature, model in self.models.items():
                predicted[:, DESCRIPTORS.index(estimate_name(feature))] = _bounded(model.predict(inputs), feature)
        return predicted

    def save(self, path: Path) -> None:
        """Write everything to one .npz file that holds numbers and names only.

        Parameters
        ----------
        path : Path
            Replaced at once, or left as it was.
        """
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "version": np.array([VERSION, descriptors.VERSION]),
            "descriptors": np.array(DESCRIPTORS),
            "features": np.array([row.feature for row in self.rows]),
            "kept": np.array([row.kept for row in self.rows]),
            "counts": np.array([[row.n_tracks, row.n_artists] for row in self.rows], dtype=np.int64),
            "scores": np.array([[_triple(getattr(row, name)) for name in _SCORES] for row in self.rows]),
        }
        for feature, model in self.models.items():
            arrays |= {f"{feature}/{name}": array for name, array in to_arrays(model).items()}
        write_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path) -> "FittedDescriptors":
        """Read what `save` wrote.

        Raises
        ------
        StoreMismatchError
            If the file is none of these, or was fitted to descriptors of another version.
        """
        try:
            arrays = read_arrays(path)
            if (found := arrays["version"].tolist()) != [VERSION, descriptors.VERSION]:
                raise StoreMismatchError(
                    f"{path.name} must hold models of version {[VERSION, descriptors.VERSION]}, got {found}; "
                    "fit them again"
                )
            if arrays["descriptors"].tolist() != list(DESCRIPTORS):
                raise StoreMismatchError(f"{path.name} was fitted to other descriptors; fit it again")
            return cls._of(arrays)
        except BROKEN as error:
            if isinstance(error, StoreMismatchError):
                raise
            raise StoreMismatchError(f"{path.name} must hold fitted descriptors, got another file: {error}") from error

    @classmethod
    def _of(cls, arrays: dict[str, npt.NDArray[Any]]) -> "FittedDescriptors":
        """Put together what lies in a file."""
        rows = tuple(
            FitRow(
                feature=str(feature),
                n_tracks=int(counts[0]),
                n_artists=int(counts[1]),
                **{name: Score(*map(float, triple)) for name, triple in zip(_SCORES, scores, strict=True)},
                kept=str(kept),
            )
            for feature, kept, counts, scores in zip(
                arrays["features"], arrays["kept"], arrays["counts"], arrays["scores"], strict=True
            )
        )
        models = {
            row.feature: from_arrays(
                {
                    name.removeprefix(f"{row.feature}/"): array
                    for name, array in arrays.items()
                    if name.startswith(f"{row.feature}/")
                }
            )
            for row in rows
            if row.kept != "proxy"
        }
        for feature, model in models.items():
            asked = len(model.weights) if isinstance(model, LinearModel) else int(model.inputs.max()) + 1
            if asked > len(ENCODED) or (isinstance(model, LinearModel) and asked < len(ENCODED)):
                raise ValueError(f"the model of {feature} must have {len(ENCODED)} inputs, got {asked}")
        return cls(models=models, rows=rows)


_SCORES = ("proxy", "ridge", "boosting", "ridge_gain", "boosting_gain")


def fit_descriptors(
    estimates: FloatArray, official: FloatArray, names: Sequence[str], artists: Sequence[str], *, seed: int
) -> FittedDescriptors:
    """Fit ridge regression and boosted trees to official values, feature by feature, and keep what beats the proxy.

    Parameters
    ----------
    estimates : np.ndarray [shape=(n_tracks, 37)]
        As `describe` gives them.
    official : np.ndarray [shape=(n_tracks, n_features)]
        Official values of the same tracks, finite.
    names : Sequence[str]
        Spotify's names of the columns of `official`. Those that are not in `FITTED` are left alone.
    artists : Sequence[str]
        Artist of each track; tracks without one count as one artist.
    seed : int
        For folds, trees and bootstrap; the same seed gives the same models.

    Returns
    -------
    FittedDescriptors

    Raises
    ------
    ValueError
        If shapes disagree or a value is not finite.
    FeatureTableError
        If there are fewer than 50 tracks or 5 artists, or no feature that can be fitted.

    Notes
    -----
    Two models are fitted for every feature and fold, so the time grows with tracks times features.

    References
    ----------
    Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 2017, whose method
    scikit-learn's HistGradientBoostingRegressor follows.
    """
    groups = _checked(estimates, official, names, artists)
    wanted = [name for name in FITTED if name in names]
    if not wanted:
        raise FeatureTableError(f"a table to fit must have one of {', '.join(FITTED)}, got {', '.join(names)}")
    inputs = _inputs(estimates)
    models: dict[str, LinearModel | TreeModel] = {}
    rows: list[FitRow] = []
    for feature in wanted:
        target = official[:, list(names).index(feature)].astype(np.float64)
        row = _judged(feature, inputs, estimates, target, groups=groups, seed=seed)
        rows.append(row)
        if row.kept == "ridge":
            models[feature] = fit_linear(inputs, target)
        elif row.kept == "boosting":
            models[feature] = fit_boosting(inputs, target, seed=seed)
    return FittedDescriptors(models=models, rows=tuple(rows))


def _checked(
    estimates: FloatArray, official: FloatArray, names: Sequence[str], artists: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Number of each track's artist."""
    n_tracks = len(artists)
    for name, values, n_columns in (("estimates", estimates, len(DESCRIPTORS)), ("official", official, len(names))):
        if values.shape != (n_tracks, n_columns):
            raise ValueError(f"{name} must have shape ({n_tracks}, {n_columns}), got {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity; leave such tracks out")
    groups = np.unique(np.array(artists, dtype=str), return_inverse=True)[1].astype(np.int64)
    n_artists = len(np.unique(groups))
    if n_tracks < MIN_TRACKS or n_artists < MIN_ARTISTS:
        raise FeatureTableError(
            f"the table must cover at least {MIN_TRACKS} tracks by {MIN_ARTISTS} artists, "
            f"got {n_tracks} by {n_artists}; the proxies stay as they are"
        )
    return groups


def _judged(
    feature: str,
    inputs: FloatArray,
    estimates: FloatArray,
    target: FloatArray,
    *,
    groups: npt.NDArray[np.int64],
    seed: int,
) -> FitRow:
    """Score proxy and models on artists left out, and choose."""
    from sklearn.model_selection import GroupKFold  # noqa: PLC0415 - takes a second to load

    n_artists = int(groups.max()) + 1
    predicted = {
        "proxy": estimates[:, DESCRIPTORS.index(estimate_name(feature))],
        "ridge": np.empty(len(target)),
        "boosting": np.empty(len(target)),
    }
    folds = GroupKFold(min(_N_FOLDS, n_artists), shuffle=True, random_state=seed)
    for learned, left_out in folds.split(inputs, groups=groups):
        ridge = fit_linear(inputs[learned], target[learned])
        boosting = fit_boosting(inputs[learned], target[learned], seed=seed)
        predicted["ridge"][left_out] = _bounded(ridge.predict(inputs[left_out]), feature)
        predicted["boosting"][left_out] = _bounded(boosting.predict(inputs[left_out]), feature)
    draws = _draws(target, predicted, groups, seed=seed)
    scores = {name: _score(drawn) for name, drawn in draws.items()}
    gains = {name: _score(draws[name] - draws["proxy"]) for name in ("ridge", "boosting")}
    good = [name for name, gain in gains.items() if gain.low > 0.0 and scores[name].low > 0.0]
    return FitRow(
        feature,
        len(target),
        n_artists,
        **scores,
        ridge_gain=gains["ridge"],
        boosting_gain=gains["boosting"],
        kept=max(good, key=lambda name: scores[name].value, default="proxy"),
    )


def _draws(
    target: FloatArray, predicted: Mapping[str, FloatArray], groups: npt.NDArray[np.int64], *, seed: int
) -> dict[str, FloatArray]:
    """R² of every prediction: over all tracks first, then over artists drawn with replacement, the same for all."""
    around = target - target.mean()
    columns = [np.ones(len(target)), around, around**2, *((target - values) ** 2 for values in predicted.values())]
    n_artists = int(groups.max()) + 1
    # All that R² needs of an artist, however many tracks there are.
    of_artist = np.column_stack([np.bincount(groups, column, n_artists) for column in columns])
    rng = np.random.default_rng(seed)
    sums = [of_artist.sum(axis=0, keepdims=True)]
    for _ in range(0, _N_BOOTSTRAPS, _BOOTSTRAPS_AT_ONCE):
        times = rng.multinomial(n_artists, np.full(n_artists, 1.0 / n_artists), size=_BOOTSTRAPS_AT_ONCE)
        sums.append(times @ of_artist)
    n_tracks, total, squares, *errors = np.concatenate(sums).T
    varies = squares - total**2 / n_tracks
    # Where nothing varies, the mean is exact and nothing can be better.
    known = varies > 1e-12 * max(1.0, float(np.square(target).max()))
    return {
        name: np.where(known, 1.0 - error / np.where(known, varies, 1.0), 0.0)
        for name, error in zip(predicted, errors, strict=True)
    }


def _score(drawn: FloatArray) -> Score:
    """Value over all tracks and interval over draws of artists."""
    low, high = np.percentile(drawn[1:], _INTERVAL)
    return Score(float(drawn[0]), float(low), float(high))


def _triple(score: Score) -> tuple[float, float, float]:
    return score.value, score.low, score.high


def _inputs(estimates: FloatArray) -> FloatArray:
    """What models see."""
    return encode_descriptors(estimates).astype(np.float64)


def _bounded(predicted: FloatArray, feature: str) -> FloatArray:
    """Predictions inside the range that the feature can have."""
    return np.clip(predicted, *FITTED[feature])
