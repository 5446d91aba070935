# pyright: basic
"""Sequences on a GPU, in the form in which its kernels for DTW read them."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numba.cuda
import numpy as np

from audiosim_kernels.ragged import Integers, Ragged

Array: TypeAlias = Any  # on the device

cuda: Any = numba.cuda  # numba-cuda replaces the module whose types a checker sees

_MULTIPLE = 4  # dimensions are padded to it with zeros, so that the rows of frames can be read 16 bytes at a time


@dataclass(frozen=True, slots=True)
class DeviceRagged:
    """Consecutive sequences of a collection, whose frames and offsets are on the device."""

    n_dims: int
    lengths: Integers  # (n_sequences,), on the host
    frames: Array  # (n_frames_total, padded(n_dims))
    offsets: Array  # (n_sequences + 1,)

    @classmethod
    def of(cls, sequences: Ragged, part: slice = slice(None)) -> "DeviceRagged":
        """Upload the sequences, or those in `part`."""
        begin, end, _ = part.indices(len(sequences))
        offsets = sequences.offsets[begin : end + 1]
        frames = sequences.frames[offsets[0] : offsets[-1]]
        extra = padded(sequences.n_dims) - sequences.n_dims
        if extra:
            frames = np.pad(frames, ((0, 0), (0, extra)))
        return cls(sequences.n_dims, np.diff(offsets), cuda.to_device(frames), cuda.to_device(offsets - offsets[0]))

    def __len__(self) -> int:
        return len(self.lengths)


def padded(n_dims: int) -> int:
    """Return the number of dimensions that frames have on the device."""
    return -(-n_dims // _MULTIPLE) * _MULTIPLE
