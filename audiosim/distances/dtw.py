"""Dynamic time warping of MFCC frames: the same course, at another speed."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from audiosim.distances.blocks import Block
from audiosim_kernels import dtw


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
        totals = dtw.distances(
            row_frames,
            pairs,
            others=column_frames,
            local_cost=self.local_cost,
            step_pattern=self.step_pattern,
            band_fraction=self.band_fraction,
            normalize=self.normalize,
            device=device,  # pyright: ignore[reportArgumentType] - validated there
        )
        n_dims = row_frames.n_dims
        scale = n_dims if self.local_cost == "sqeuclidean" else math.sqrt(n_dims)
        return totals / np.float32(scale)
