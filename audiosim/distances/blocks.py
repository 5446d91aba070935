"""Blocks of tracks as the measures want them: standardized frames end to end, or vectors."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from audiosim.features.pooling import standardize
from audiosim.features.statistics import CorpusStatistics
from audiosim.store import FeatureStore
from audiosim_kernels.ragged import Ragged


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive tracks of a library: frames with offsets, or vectors when there are no offsets.

    `values` is (n_frames_total, n_dims) or (n_tracks, n_dims), float32; `offsets` (n_tracks + 1,) int64 or None.
    """

    values: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64] | None

    @classmethod
    def load(cls, store: FeatureStore, start: int, stop: int, *, statistics: CorpusStatistics | None) -> Self:
        """Read rows `start` to `stop` of a feature, standardized when there are statistics."""
        if store.layout.kind == "frames":
            values, offsets = store.frames(start, stop)
        else:
            values, offsets = store.vectors(start, stop), None
        return cls(values if statistics is None else standardize(values, statistics), offsets)

    def ragged(self, *, first_dim: int = 0) -> Ragged:
        """The frames as sequences, without the dimensions before `first_dim`."""
        assert self.offsets is not None, "vectors are no sequences"
        return Ragged(np.ascontiguousarray(self.values[:, first_dim:]), self.offsets)
