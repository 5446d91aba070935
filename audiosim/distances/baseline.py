"""Cosine of an imported feature table: the thirteen numbers that audio is compared with."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from audiosim.distances.blocks import Block
from audiosim.distances.cosine import vector_distances


@dataclass(frozen=True, slots=True)
class Baseline:
    """Cosine distance of scaled table features. It is a baseline, never the truth."""

    name: ClassVar[str] = "baseline"
    version: ClassVar[int] = 1

    @property
    def feature(self) -> str:
        """Name of the stored feature."""
        return "baseline"

    @property
    def standardized(self) -> bool:
        """Whether blocks are standardized with the corpus statistics."""
        return True

    def distances(
        self, rows: Block, columns: Block, pairs: npt.NDArray[np.int64], *, device: str
    ) -> npt.NDArray[np.float32]:
        """Distances (n_pairs,) of `pairs` (n_pairs, 2)."""
        return vector_distances(rows.values, columns.values, pairs, device=device)
