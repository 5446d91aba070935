"""What features are like in each genre, before any model: spreads, correlations, and which genres resemble another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.recommend.correlation import rank_correlations
from audiosim.recommend.genre.evaluation import by_frequency
from audiosim.recommend.labelled_table import LabelledTable, artist_groups

FloatArray = npt.NDArray[np.float64]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# A kind of two, minor and major, so that a correlation with it has a sign that means something.
_TWO_KINDS = frozenset({"mode", "mode_est"})


@dataclass(frozen=True, slots=True)
class GenreSize:
    """How many tracks, by how many artists, a genre has; artists without a name count one by one."""

    genre: str
    n_tracks: int
    n_artists: int


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """Features of a labelled table by genre.

    Parameters
    ----------
    sizes : tuple of GenreSize
        The most frequent genre first.
    amounts : tuple of str
        Features that are amounts; kinds, like keys, have no quantiles.
    quantiles : (n_genres, n_amounts, 5) float64
        Of `QUANTILES`, in units of the features.
    compared : tuple of str
        Features that correlations mean something of: `amounts`, and mode.
    correlations : (n_compared, n_compared) float64
        By rank, over all tracks; 0 with what does not vary.
    medians : (n_genres, n_genres) float64
        Correlation of genres over their medians of `amounts`, each seen from its mean over genres in standard
        deviations: 1 where two genres differ from the others in the same way, -1 where in opposite ways. It does not
        depend on which end of a feature is called high. NaN where it is not defined: with fewer than three genres, or
        for a genre that is in nothing unlike the mean.
    """

    sizes: tuple[GenreSize, ...]
    amounts: tuple[str, ...]
    quantiles: FloatArray
    compared: tuple[str, ...]
    correlations: FloatArray
    medians: FloatArray

    @property
    def genres(self) -> tuple[str, ...]:
        """The most frequent first."""
        return tuple(size.genre for size in self.sizes)


def describe_genres(table: LabelledTable) -> Description:
    """Describe the features of every genre.

    Parameters
    ----------
    table : LabelledTable
        Of at least one track.

    Examples
    --------
    >>> from pathlib import Path
    >>> from audiosim.recommend.labelled_table import TrackInputs
    >>> inputs = TrackInputs.of_features(np.array([[0.2], [0.4], [0.9]]), ["energy"])
    >>> table = LabelledTable(Path("t.csv"), inputs, ("calm", "calm", "loud"), ("",) * 3, ("",) * 3, ("",) * 3)
    >>> found = describe_genres(table)
    >>> found.genres, found.quantiles[:, 0, 2].round(2).tolist()
    (('calm', 'loud'), [0.3, 0.9])
    """
    inputs, genres = table.inputs, by_frequency(table.labels)
    groups, labels = artist_groups(table.artists), np.array(table.labels, dtype=object)
    rows_of = [np.flatnonzero(labels == genre) for genre in genres]
    amounts = [column for column in range(len(inputs.names)) if column not in inputs.kinds]
    compared = [i for i, name in enumerate(inputs.names) if i in amounts or name in _TWO_KINDS]
    quantiles = np.stack([np.quantile(inputs.values[rows][:, amounts], QUANTILES, axis=0).T for rows in rows_of])
    # A feature that does not vary hangs together with itself alone.
    correlations = np.nan_to_num(rank_correlations(inputs.values[:, compared]))
    np.fill_diagonal(correlations, 1.0)
    return Description(
        sizes=tuple(
            GenreSize(genre, len(rows), len(np.unique(groups[rows])))
            for genre, rows in zip(genres, rows_of, strict=True)
        ),
        amounts=_named(inputs.names, amounts),
        quantiles=quantiles,
        compared=_named(inputs.names, compared),
        correlations=correlations,
        medians=_median_correlations(quantiles[:, :, QUANTILES.index(0.5)]),
    )


def _median_correlations(medians: FloatArray) -> FloatArray:
    n_genres = len(medians)
    found = np.full((n_genres, n_genres), np.nan)
    if n_genres < 3:
        return found
    around, spreads = medians - medians.mean(axis=0), medians.std(axis=0)
    varies = spreads > 1e-12 * np.maximum(1.0, np.abs(medians).max(axis=0))
    scaled = around[:, varies] / spreads[varies]
    lengths = np.sqrt((scaled**2).sum(axis=1))
    known = np.flatnonzero(lengths > 1e-9)
    if known.size:
        units = scaled[known] / lengths[known, None]
        found[np.ix_(known, known)] = np.clip(units @ units.T, -1.0, 1.0)
    return found


def _named(names: Sequence[str], columns: Sequence[int]) -> tuple[str, ...]:
    return tuple(names[column] for column in columns)
