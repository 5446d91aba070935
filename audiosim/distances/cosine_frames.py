"""Cosine of flattened MFCC frames: the recipe of 2020, kept as a baseline."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from audiosim.distances.blocks import Block
from audiosim_kernels import cosine


@dataclass(frozen=True, slots=True)
class CosineFrames:
    """Cosine distance of raw MFCC frames laid end to end, cut to the shorter of the two tracks.

    One frame of delay destroys it and c0 dominates it; it stands here because others started from it.
    """

    name: ClassVar[str] = "cosine_frames"
    version: ClassVar[int] = 1

    @property
    def feature(self) -> str:
        """Name of the stored feature."""
        return "mfcc"

    @property
    def standardized(self) -> bool:
        """Whether blocks are standardized with the corpus statistics."""
        return False

    def distances(
        self, rows: Block, columns: Block, pairs: npt.NDArray[np.int64], *, device: str
    ) -> npt.NDArray[np.float32]:
        """Distances (n_pairs,) of `pairs` (n_pairs, 2)."""
        values = cosine.matrix_truncated(rows.ragged(), columns.ragged(), device=device)  # pyright: ignore[reportArgumentType]
        return values[pairs[:, 0], pairs[:, 1]]
