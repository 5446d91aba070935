"""Cosine of the descriptors that the audio itself gives: what a feature table would say, without one."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from audiosim.distances.blocks import Block
from audiosim.distances.cosine import vector_distances


@dataclass(frozen=True, slots=True)
class Descriptors:
    """Cosine distance of z-scored descriptors: logarithm of the duration, key on the circle of fifths, rest as it is.

    The counterpart of `Baseline`, for libraries without a feature table. It compares proxies, also where a table of
    official values has replaced some of them on the screen: a distance must not change with what was fitted later.

    Examples
    --------
    >>> tracks = Block(np.array([[1, 0], [2, 0], [0, 1]], dtype=np.float32), None)
    >>> Descriptors().distances(tracks, tracks, np.array([[0, 1], [0, 2]]), device="cpu")
    array([0., 1.], dtype=float32)
    """

    name: ClassVar[str] = "descriptors"
    version: ClassVar[int] = 1

    @property
    def feature(self) -> str:
        """Name of the stored feature."""
        return "descriptor_vectors"

    @property
    def standardized(self) -> bool:
        """Whether blocks are standardized with the corpus statistics."""
        return True

    def distances(
        self, rows: Block, columns: Block, pairs: npt.NDArray[np.int64], *, device: str
    ) -> npt.NDArray[np.float32]:
        """Distances (n_pairs,) of `pairs` (n_pairs, 2)."""
        return vector_distances(rows.values, columns.values, pairs, device=device)
