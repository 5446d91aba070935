"""Cosine of mean and standard deviation of the MFCC: the cheap vector that forgets time."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from audiosim.distances.blocks import Block
from audiosim_kernels import cosine


@dataclass(frozen=True, slots=True)
class Cosine:
    """Cosine distance of z-scored mean and standard deviation of each MFCC; c0's mean, the loudness, left out."""

    name: ClassVar[str] = "cosine"
    version: ClassVar[int] = 1

    @property
    def feature(self) -> str:
        """Name of the stored feature."""
        return "mfcc_moments"

    @property
    def standardized(self) -> bool:
        """Whether blocks are standardized with the corpus statistics."""
        return True

    def distances(
        self, rows: Block, columns: Block, pairs: npt.NDArray[np.int64], *, device: str
    ) -> npt.NDArray[np.float32]:
        """Distances (n_pairs,) of `pairs` (n_pairs, 2)."""
        return vector_distances(rows.values[:, 1:], columns.values[:, 1:], pairs, device=device)


def vector_distances(
    rows: npt.NDArray[np.float32], columns: npt.NDArray[np.float32], pairs: npt.NDArray[np.int64], *, device: str
) -> npt.NDArray[np.float32]:
    """Cosine distances (n_pairs,) of standardized vectors.

    A zero vector, a track that is average in everything, has no direction: its distance to any other is 1.
    """
    first, second = rows[pairs[:, 0]], columns[pairs[:, 1]]
    directed = first.any(axis=1) & second.any(axis=1)
    distances = np.ones(len(pairs), dtype=np.float32)
    if directed.any():
        kept_rows, kept_columns = np.flatnonzero(rows.any(axis=1)), np.flatnonzero(columns.any(axis=1))
        values = cosine.matrix(rows[kept_rows], columns[kept_columns], device=device)  # pyright: ignore[reportArgumentType]
        chosen = pairs[directed]
        distances[directed] = values[
            np.searchsorted(kept_rows, chosen[:, 0]), np.searchsorted(kept_columns, chosen[:, 1])
        ]
    return distances
