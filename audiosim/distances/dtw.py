"""Dynamic time warping of MFCC frames: the same course, at another speed."""

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from audiosim.distances.blocks import Block
from audiosim_kernels import dtw, paths
from audiosim_kernels.device import Device
from audiosim_kernels.ragged import Ragged

_MATCHES_AT_ONCE = 256  # the stretches that they match are copied


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """DTW of pairs of sequences: from end to end, or one inside the other where their lengths differ too much.

    Nothing can be warped end to end onto something several times as long without most of its frames standing still. Of
    such a pair each sequence is sought in the other, and the smaller of the two distances counts.

    Attributes
    ----------
    local_cost, step_pattern, normalize, band_fraction
        As in `audiosim_kernels.dtw.distances`. The band belongs to alignments from end to end; inside a longer sequence
        there is no diagonal to keep to.
    max_length_ratio : float >= 1, or None
        Longer over shorter sequence, in frames, up to which a pair is aligned from end to end; None always aligns so.

    Raises
    ------
    ValueError
        If `max_length_ratio` is below 1.

    Notes
    -----
    A match is found with symmetric1 steps, which charge a query for its own frames. Those of symmetric2 charge it for
    the frames of the match as well, and so prefer short ones: between thirds of piano performances and whole ones the
    median match had 38 % of the query's length, with symmetric1 69 %. Then the query and the stretch that it matches
    are compared like any other pair, with the same steps and the same normaliser; so both kinds of distances are on one
    scale. That distance is the one at the best match, not the least over all stretches.

    Examples
    --------
    >>> songs = Ragged.from_sequences([[[2], [3]], [[9], [1], [2], [3], [7]]])
    >>> pairs = np.array([[0, 1], [1, 0], [0, 0]])
    >>> alignment = Alignment(
    ...     local_cost="euclidean", step_pattern="symmetric2", normalize=True, band_fraction=0.1, max_length_ratio=2.0
    ... )
    >>> alignment.distances(songs, songs, pairs, device="cpu")
    array([0., 0., 0.], dtype=float32)
    """

    local_cost: Literal["euclidean", "sqeuclidean"]
    step_pattern: Literal["symmetric1", "symmetric2"]
    normalize: bool
    band_fraction: float | None
    max_length_ratio: float | None

    def __post_init__(self) -> None:
        check_length_ratio(self.max_length_ratio)

    def distances(
        self, rows: Ragged, columns: Ragged, pairs: npt.NDArray[np.int64], *, device: Device
    ) -> npt.NDArray[np.float32]:
        """Distances (n_pairs,) of `pairs` (n_pairs, 2), the same for either order of a pair to the last bit."""
        n, m = rows.lengths[pairs[:, 0]], columns.lengths[pairs[:, 1]]
        limit = math.inf if self.max_length_ratio is None else self.max_length_ratio
        is_part = np.maximum(n, m) > limit * np.minimum(n, m)
        result = np.empty(len(pairs), dtype=np.float32)
        result[~is_part] = self._end_to_end(rows, columns, pairs[~is_part], self.band_fraction, device)
        for start in range(0, int(is_part.sum()), _MATCHES_AT_ONCE):
            chosen = np.flatnonzero(is_part)[start : start + _MATCHES_AT_ONCE]
            result[chosen] = np.minimum(
                self._inside(rows, columns, pairs[chosen], device),
                self._inside(columns, rows, pairs[chosen, ::-1], device),
            )
        return result

    def _inside(
        self, queries: Ragged, sequences: Ragged, pairs: npt.NDArray[np.int64], device: Device
    ) -> npt.NDArray[np.float32]:
        """Distance of each query from the stretch of the sequence that it matches best."""
        matches = paths.subsequence_distances(
            queries, sequences, pairs, local_cost=self.local_cost, step_pattern="symmetric1", device=device
        )
        places = zip(pairs[:, 1], matches.starts, matches.stops, strict=True)
        stretches = Ragged.from_sequences([sequences[int(index)][start:stop] for index, start, stop in places])
        pairs = np.stack([pairs[:, 0], np.arange(len(pairs))], axis=1)
        return self._end_to_end(queries, stretches, pairs, None, device)

    def _end_to_end(
        self,
        rows: Ragged,
        columns: Ragged,
        pairs: npt.NDArray[np.int64],
        band_fraction: float | None,
        device: Device,
    ) -> npt.NDArray[np.float32]:
        return dtw.distances(
            rows,
            pairs,
            others=columns,
            local_cost=self.local_cost,
            step_pattern=self.step_pattern,
            band_fraction=band_fraction,
            normalize=self.normalize,
            device=device,
        )


def check_length_ratio(ratio: float | None) -> None:
    """Refuse a ratio of the longer to the shorter sequence that no pair has."""
    if ratio is not None and not ratio >= 1.0:
        raise ValueError(f"max_length_ratio must be at least 1, or None for no limit, got {ratio}")


@dataclass(frozen=True, slots=True)
class Dtw:
    """Exact DTW of standardized MFCC frames without c0.

    The default is the Euclidean local cost divided by sqrt(n_dims), so that unrelated frames cost about sqrt(2) in any
    dimension, symmetric2 steps and the total divided by the two lengths: the one combination whose normaliser is
    exact, and without which a DTW distance measures how long the tracks are.

    Attributes
    ----------
    frame_rate
        "pooled" compares frames averaged to a low rate, "native" those of the spectrogram.
    band_fraction
        Half width of the Sakoe-Chiba band as a share of the longer track; None compares without a band.
    keep_c0
        Whether the loudness coefficient takes part.
    standardize
        Whether coefficients are z-scored over the corpus.
    max_length_ratio
        Tracks whose lengths differ by more than this factor are sought in one another, see `Alignment`; None always
        compares them from end to end. A short track is found in more places of strangers than a long one, so that
        with a limit short tracks become hubs; it is for libraries that hold excerpts beside whole tracks.
    """

    name: ClassVar[str] = "dtw"
    version: ClassVar[int] = 1

    local_cost: Literal["euclidean", "sqeuclidean"] = "euclidean"
    step_pattern: Literal["symmetric1", "symmetric2"] = "symmetric2"
    normalize: bool = True
    band_fraction: float | None = 0.1
    frame_rate: Literal["pooled", "native"] = "pooled"
    keep_c0: bool = False
    standardize: bool = True
    max_length_ratio: float | None = field(default=None, metadata={"added_later": True})

    def __post_init__(self) -> None:
        check_length_ratio(self.max_length_ratio)

    @property
    def feature(self) -> str:
        """Name of the stored feature."""
        return "mfcc_pooled" if self.frame_rate == "pooled" else "mfcc"

    @property
    def standardized(self) -> bool:
        """Whether blocks are standardized with the corpus statistics."""
        return self.standardize

    def distances(
        self, rows: Block, columns: Block, pairs: npt.NDArray[np.int64], *, device: str
    ) -> npt.NDArray[np.float32]:
        """Distances (n_pairs,) of `pairs` (n_pairs, 2)."""
        first_dim = 0 if self.keep_c0 else 1
        row_frames, column_frames = rows.ragged(first_dim=first_dim), columns.ragged(first_dim=first_dim)
        alignment = Alignment(
            local_cost=self.local_cost,
            step_pattern=self.step_pattern,
            normalize=self.normalize,
            band_fraction=self.band_fraction,
            max_length_ratio=self.max_length_ratio,
        )
        totals = alignment.distances(row_frames, column_frames, pairs, device=device)  # pyright: ignore[reportArgumentType] - validated there
        n_dims = row_frames.n_dims
        scale = n_dims if self.local_cost == "sqeuclidean" else math.sqrt(n_dims)
        return totals / np.float32(scale)
