# pyright: basic
"""What sequences are like, by which a kernel is chosen for a pair: properties of each alone, never of the list."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from audiosim_kernels.compiled import cached
from audiosim_kernels.ragged import Frames, Integers, Ragged

Reals = npt.NDArray[np.float64]

# A frame that differs from the one before by less than this share of its norm costs the same, to a float32 sum.
_REPEATS = 1e-3


@dataclass(frozen=True, slots=True)
class Traits:
    """One value a sequence, (n_sequences,) each."""

    lengths: Integers
    energies: Reals  # sum of all squares
    largest: Reals  # squared norm of the largest frame
    n_repeats: Integers  # frames that all but equal the one before

    @classmethod
    def of(cls, sequences: Ragged) -> "Traits":
        """Read every frame once."""
        traits = cls(
            sequences.lengths, np.zeros(len(sequences)), np.zeros(len(sequences)), np.zeros(len(sequences), np.int64)
        )
        _read(sequences.frames, sequences.offsets, traits.energies, traits.largest, traits.n_repeats)
        return traits


# The order in which a frame's squares are added decides nothing, so they may be added side by side.
@cached
@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _read(frames: Frames, offsets: Integers, energies: Reals, largest: Reals, n_repeats: Integers) -> None:
    for sequence in range(len(offsets) - 1):
        for frame in range(offsets[sequence], offsets[sequence + 1]):
            before = max(frame - 1, offsets[sequence])
            square = change = 0.0
            for dim in range(frames.shape[1]):
                value = np.float64(frames[frame, dim])
                step = value - np.float64(frames[before, dim])
                square += value * value
                change += step * step
            energies[sequence] += square
            largest[sequence] = max(largest[sequence], square)
            n_repeats[sequence] += frame > before and change <= _REPEATS * _REPEATS * square
