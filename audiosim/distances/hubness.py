"""Rescaling of distances against hubs: tracks that are near to too many others.

What a rescaling needs to know of a track is kept as `RowStatistics`, so blocks of a matrix, and a query that is no row
of it, are rescaled without the rest. What comes out is `Rescaled`, which no function here takes: distances are
rescaled once.

References
----------
Schnitzer, Flexer, Schedl, Widmer (2012), "Local and global scaling reduce hubs in space", JMLR 13, 2871-2902.
Zelnik-Manor, Perona (2004), "Self-tuning spectral clustering", NIPS 17.
Conneau, Lample, Ranzato, Denoyer, Jégou (2018), "Word translation without parallel data", ICLR.
Feldbauer, Flexer (2019), "A comprehensive empirical comparison of hubness reduction in high-dimensional spaces",
Knowledge and Information Systems 59, 137-166.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Self, get_args

import numpy as np
import numpy.typing as npt

Rescaling = Literal["none", "mp_gauss", "mp_empirical", "local_scaling", "csls"]
RESCALINGS: tuple[Rescaling, ...] = get_args(Rescaling)
# Distances between sequences and distributions make hubs; between few standardized numbers there are hardly any.
DEFAULT_RESCALING: Mapping[str, Rescaling] = MappingProxyType(
    {
        "dtw": "mp_gauss",
        "timbre": "mp_gauss",
        "version": "mp_gauss",
        "cosine": "none",
        "cosine_frames": "none",
        "baseline": "none",
        "descriptors": "none",
    }
)
# Of `RowStatistics`: whoever stores them computes them anew when it changes.
VERSION = 1
N_ORDER = 256

_N_SUMMARY = 5
# A spread below the resolution of float32 is rounding. The second bound serves rows of zeros.
_LEAST_SPREAD, _LEAST_SCALE = 1e-6, float(np.finfo(np.float32).tiny)
_LARGEST_KEY = float(np.finfo(np.float32).max)

Block = npt.NDArray[np.floating]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Rescaled:
    """Distances after a rescaling.

    Parameters
    ----------
    keys : np.ndarray [shape=(n_rows, n_columns), float32]
        To rank by, smallest first; NaN stays NaN. mp_gauss, mp_empirical and local_scaling are published as
        1 - exp(-x), which rounds to 1 for all tracks that are far: these keys are x, of the same order without ties.
    method : Rescaling
    """

    keys: npt.NDArray[np.float32]
    method: Rescaling

    @property
    def distances(self) -> npt.NDArray[np.float32]:
        """The distances as published: 0 .. 1, but for "none" and "csls", which have no bounds."""
        if self.method in ("none", "csls"):
            return self.keys
        return -np.expm1(-self.keys.astype(np.float64)).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class RowStatistics:
    """What rows of a matrix leave behind, their own column and unknown (NaN) distances not among them.

    Parameters
    ----------
    summary : np.ndarray [shape=(n_rows, 5), float32]
        Number of known distances, their mean and standard deviation, the distance of the k-th nearest, and the mean
        of the k nearest; where fewer than k are known, of all of them.
    order : np.ndarray [shape=(n_rows, 256), float32] or None
        Distances in ascending order, then NaN: all of them where there are up to 256, else the nearest ones and
        then ever fewer of the farther ones. Only mp_empirical needs it.
    """

    summary: npt.NDArray[np.float32]
    order: npt.NDArray[np.float32] | None

    @classmethod
    def of(cls, block: Block, *, k: int, row_start: int | None = None) -> Self:
        """Compute the statistics of rows.

        Parameters
        ----------
        block : (n_rows, n_columns) floating
            Distances as they were measured.
        k : int
            Neighbours that local_scaling and csls look at.
        row_start : int or None
            The rows are row_start, row_start + 1, ... of a square matrix, whose diagonal is left out; None: the rows
            are queries that have no column.

        Raises
        ------
        ValueError
            If k is below 1, the block is no matrix, or its rows do not lie inside the square one.
        TypeError
            If the distances are rescaled already.

        Notes
        -----
        O(n_rows * n_columns log n_columns) time, memory of one row beside the result. Equal bits in whatever order the
        columns come.

        Examples
        --------
        >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
        >>> RowStatistics.of(line, k=1, row_start=0).summary[0].tolist()
        [2.0, 2.0, 1.0, 1.0, 1.0]
        """
        _validate_block(block, row_start)
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        summary = np.full((len(block), _N_SUMMARY), np.nan, dtype=np.float32)
        order = np.full((len(block), N_ORDER), np.nan, dtype=np.float32)
        for r, row in enumerate(block):
            known = _as_stored(row)
            if row_start is not None:
                known[row_start + r] = np.nan
            known = np.sort(known[~np.isnan(known)])
            summary[r, 0] = known.size
            if known.size:
                nearest = known[:k]
                summary[r, 1:] = known.mean(), known.std(), nearest[-1], nearest.mean()
                ranks = _kept_ranks(known.size)
                order[r, : ranks.size] = known[ranks - 1]
        return cls(summary, order)

    @classmethod
    def of_matrix(cls, strips: Iterable[Block], *, k: int) -> Self:
        """Compute the statistics of all rows of a square matrix from its strips, from top to bottom; see `of`."""
        parts: list[Self] = []
        n_rows = 0
        for strip in strips:
            parts.append(cls.of(strip, k=k, row_start=n_rows))
            n_rows += len(strip)
        if not parts:
            return cls.of(np.empty((0, 0)), k=k)
        return cls(
            np.concatenate([part.summary for part in parts]),
            np.concatenate([part.order for part in parts if part.order is not None]),
        )

    def take(self, rows: slice | Sequence[int] | npt.NDArray[np.intp]) -> Self:
        """Statistics of some of the rows, in this order."""
        return type(self)(self.summary[rows], None if self.order is None else self.order[rows])

    def __len__(self) -> int:
        return len(self.summary)


def rescale(
    block: Block, rows: RowStatistics, columns: RowStatistics, *, method: Rescaling, row_start: int | None = None
) -> Rescaled:
    """Rescale distances by what lies around both tracks of a pair.

    Parameters
    ----------
    block : (n_rows, n_columns) floating
        Distances as they were measured, d; NaN (not computed) stays NaN.
    rows, columns : RowStatistics
        Of the n_rows tracks of the rows and of the n_columns tracks of the columns.
    method : Rescaling
        "mp_gauss" and "mp_empirical", mutual proximity: 1 less the product of the shares of either track's distances
        that are larger than d, as of a normal distribution or by rank. "local_scaling": 1 - exp(-d**2 / (s_i s_j)),
        with the distance s of the k-th nearest. "csls": 2 d - m_i - m_j, with the mean m of the k nearest. "none": d.
    row_start : int or None
        The rows are row_start, row_start + 1, ... of a square matrix, whose diagonal becomes 0; None: no entry is a
        track's distance to itself.

    Returns
    -------
    Rescaled

    Raises
    ------
    ValueError
        If there is no such method, the shapes do not fit, or the statistics lack what the method needs.
    TypeError
        If the distances are rescaled already.

    Notes
    -----
    O(n_rows * n_columns) time, and a logarithm of 256 more for mp_empirical. A symmetric matrix stays symmetric, bit
    for bit, and its rankings stay the same when all distances are doubled.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> statistics = RowStatistics.of(line, k=1, row_start=0)
    >>> rescale(line, statistics, statistics, method="mp_gauss", row_start=0).distances.round(2)
    array([[0.  , 0.29, 0.97],
           [0.29, 0.  , 0.87],
           [0.97, 0.87, 0.  ]], dtype=float32)
    """
    _validate_block(block, row_start)
    validate_method(method)
    if (len(rows), len(columns)) != block.shape:
        raise ValueError(
            f"there must be statistics of {block.shape[0]} rows and {block.shape[1]} columns, "
            f"got {len(rows)} and {len(columns)}"
        )
    distances = _as_stored(block)
    keys = distances if method == "none" else _keys(distances, rows, columns, method)
    if row_start is not None:
        keys[np.arange(len(keys)), np.arange(row_start, row_start + len(keys))] = 0.0
    return Rescaled(np.minimum(keys, _LARGEST_KEY).astype(np.float32), method)


def validate_method(method: str) -> Rescaling:
    """Give a rescaling by name, and refuse what is none."""
    if method not in RESCALINGS:
        raise ValueError(f"unknown rescaling {method!r}; choose from {', '.join(RESCALINGS)}")
    return method


def _keys(distances: Floats, rows: RowStatistics, columns: RowStatistics, method: Rescaling) -> Floats:
    """Keys of rescaled distances, see `Rescaled`."""
    if method == "mp_gauss":
        return -(_log_survival_gauss(distances, rows) + _log_survival_gauss(distances.T, columns).T)
    if method == "mp_empirical":
        return -(_log_survival_empirical(distances, rows) + _log_survival_empirical(distances.T, columns).T)
    column = 3 if method == "local_scaling" else 4
    of_rows, of_columns = (part.summary[:, column].astype(np.float64) for part in (rows, columns))
    if method == "local_scaling":
        scales = np.maximum(of_rows, _LEAST_SCALE)[:, None] * np.maximum(of_columns, _LEAST_SCALE)
        return np.square(distances) / scales
    return 2.0 * distances - np.add.outer(of_rows, of_columns)


def _log_survival_gauss(distances: Floats, rows: RowStatistics) -> Floats:
    """Log of the share of a normal distribution, with mean and spread of the row, that is larger; 0 or less."""
    from scipy.special import log_ndtr  # noqa: PLC0415 - takes its time to import

    mean, std = rows.summary[:, 1, None].astype(np.float64), rows.summary[:, 2, None].astype(np.float64)
    spread = np.maximum(std, np.maximum(_LEAST_SPREAD * np.abs(mean), _LEAST_SCALE))
    return np.asarray(log_ndtr((mean - distances) / spread), dtype=np.float64)


def _log_survival_empirical(distances: Floats, rows: RowStatistics) -> Floats:
    """Log of the share of the row's own distances that are larger; below 0.

    With n distances the i-th nearest has the share 1 - i / (n + 1), so none is 0; equal ones share their mean rank.
    """
    if rows.order is None:
        raise ValueError("mp_empirical needs statistics with the order of the distances, got none")
    result = np.full(distances.shape, np.nan)
    for r, row in enumerate(distances):
        n = int(rows.summary[r, 0])
        if n:
            ranks = _kept_ranks(n)
            values, first, n_equal = np.unique(rows.order[r, : ranks.size], return_index=True, return_counts=True)
            mean_ranks = (ranks[first] + ranks[first + n_equal - 1]) / 2
            result[r] = np.log1p(-np.interp(row, values, mean_ranks, left=0.5, right=n + 0.5) / (n + 1))
    return result


def _kept_ranks(n: int) -> npt.NDArray[np.int64]:
    """Ranks, from 1 to n, of the distances that `RowStatistics.order` keeps of a row of n."""
    if n <= N_ORDER:
        return np.arange(1, n + 1, dtype=np.int64)
    return np.unique(np.rint(np.geomspace(1, n, N_ORDER)).astype(np.int64))


def _as_stored(distances: Block) -> Floats:
    """Distances in the precision in which they, and `RowStatistics.order`, are stored."""
    return distances.astype(np.float32).astype(np.float64)


def _validate_block(block: Block, row_start: int | None) -> None:
    if isinstance(block, Rescaled):
        raise TypeError(f"distances must be as they were measured, got some rescaled by {block.method}; rescale once")
    if block.ndim != 2:
        raise ValueError(f"distances must have shape (n_rows, n_columns), got {block.shape}")
    if row_start is not None and not 0 <= row_start <= block.shape[1] - len(block):
        raise ValueError(f"the block must be rows of a square matrix, got shape {block.shape} from row {row_start} on")
