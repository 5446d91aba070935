"""Features of an imported table as vectors to compare by cosine: the baseline of audio measures."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from audiosim.errors import FeatureTableError
from audiosim.features.statistics import CorpusStatistics, FrameSums, corpus_statistics
from audiosim.sources.feature_table import FEATURES

Recipe = Literal["zscore", "yasr"]

# The ten of the 2020 recipe: "Yet Another Spotify Recommender" compared these, with mode and without key.
YASR_FEATURES = (
    "danceability", "energy", "loudness", "speechiness", "acousticness", "instrumentalness", "liveness", "valence",
    "tempo", "mode",
)  # fmt: skip


def baseline_columns(names: Sequence[str], *, recipe: Recipe) -> tuple[str, ...]:
    """The features among `names` that a recipe uses, in its order."""
    wanted = YASR_FEATURES if recipe == "yasr" else FEATURES
    return tuple(name for name in wanted if name in names)


def encode(values: npt.NDArray[np.float64], names: Sequence[str], *, recipe: Recipe) -> npt.NDArray[np.float64]:
    """Put the features of a recipe on scales where equal steps mean the same.

    Parameters
    ----------
    values
        (n_tracks, n_features), finite, as in `Coverage.values`.
    names
        Names of the columns.
    recipe
        "zscore": logarithm of the duration, the key as a point on the circle of fifths (an unknown key, -1, is its
        centre), the rest as it is. "yasr": the features in `YASR_FEATURES`, all as they are.

    Returns
    -------
    numpy.ndarray, float64, (n_tracks, n_dims)
        In the order of `baseline_columns`; the key takes two columns.

    Raises
    ------
    ValueError
        If the shapes disagree, a value is not finite or the recipe is unknown.
    FeatureTableError
        If none of the recipe's features is there.
    """
    if values.ndim != 2 or values.shape[1] != len(names) or len(values) == 0:
        raise ValueError(f"values must have shape (n_tracks >= 1, {len(names)}), got {values.shape}")
    if recipe not in get_args(Recipe):
        raise ValueError(f'recipe must be "zscore" or "yasr", got {recipe!r}')
    if not np.isfinite(values).all():
        raise ValueError("values must be finite, got NaN or infinity; read_feature_table rejects such rows")
    used = baseline_columns(names, recipe=recipe)
    if not used:
        raise FeatureTableError(f"a table for recipe {recipe!r} needs one of its features, got {', '.join(names)}")
    columns = [(name, values[:, list(names).index(name)]) for name in used]
    if recipe == "zscore":
        columns = [(name, part) for name, column in columns for part in _unroll(name, column)]
    return np.column_stack([column for _, column in columns])


def scale(encoded: npt.NDArray[np.float64], *, recipe: Recipe) -> CorpusStatistics:
    """What `standardize` is to subtract and to divide by.

    "zscore": mean and standard deviation; "yasr": least value and range, so that vectors lie in 0..1. A column that
    does not vary becomes 0 in both.
    """
    if recipe == "zscore":
        return corpus_statistics(FrameSums.of(row[None]) for row in encoded.astype(np.float32))
    spread = np.ptp(encoded, axis=0)
    return CorpusStatistics(encoded.min(axis=0), np.where(spread > 0.0, spread, 1.0), len(encoded))


def _unroll(name: str, column: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """A feature on scales where equal steps mean the same."""
    if name == "duration_ms":
        return [np.log(column)]
    if name == "key":
        # Seven semitones, a fifth, are one step on the circle.
        angle = 2 * np.pi * 7 * column / 12
        # Rounded, so that the sine of half a turn is 0 and not something to standardise.
        return [np.where(column < 0, 0.0, np.round(wave(angle), 12)) for wave in (np.cos, np.sin)]
    return [column]
