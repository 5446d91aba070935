"""Jensen-Shannon distance of the Gaussians of two tracks: the same sound, in whatever order."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from audiosim.distances.blocks import Block
from audiosim_kernels import gaussian


@dataclass(frozen=True, slots=True)
class Timbre:
    """Jensen-Shannon distance of single Gaussians over MFCC; c0's mean, the loudness, left out.

    The variance of c0 and its covariances stay: how much the loudness moves, and what moves with it, is part of the
    sound. No coefficient is standardized, since the distance is the same in all units.
    """

    name: ClassVar[str] = "timbre"
    version: ClassVar[int] = 1

    @property
    def feature(self) -> str:
        """Name of the stored feature."""
        return "timbre"

    @property
    def standardized(self) -> bool:
        """Whether blocks are standardized with the corpus statistics."""
        return False

    def distances(
        self, rows: Block, columns: Block, pairs: npt.NDArray[np.int64], *, device: str
    ) -> npt.NDArray[np.float32]:
        """Distances (n_pairs,) of `pairs` (n_pairs, 2)."""
        return gaussian.js_distances(
            _without_level(rows.values),
            pairs,
            others=_without_level(columns.values),
            device=device,  # pyright: ignore[reportArgumentType] - validated there
        )


def _without_level(gaussians: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The Gaussians as if all tracks were equally loud; gain moves nothing but the mean of c0."""
    levelled = gaussians.copy()
    levelled[:, 0] = 0.0
    return levelled
