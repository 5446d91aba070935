"""What DTW functions are asked for besides the sequences, checked once for all of them."""

import operator
from dataclasses import dataclass
from typing import Literal, SupportsIndex, get_args

import numpy as np
import numpy.typing as npt

from audiosim_kernels.ragged import Integers, Ragged

LocalCost = Literal["euclidean", "sqeuclidean"]
StepPattern = Literal["symmetric1", "symmetric2"]


@dataclass(frozen=True, slots=True)
class Measure:
    """The local cost, the step pattern and the band; refused at construction if they are none."""

    local_cost: LocalCost
    step_pattern: StepPattern
    band_radius: SupportsIndex | None = None
    band_fraction: float | None = None

    def __post_init__(self) -> None:
        if self.local_cost not in get_args(LocalCost):
            raise ValueError(f'local_cost must be "euclidean" or "sqeuclidean", got {self.local_cost!r}')
        if self.step_pattern not in get_args(StepPattern):
            raise ValueError(f'step_pattern must be "symmetric1" or "symmetric2", got {self.step_pattern!r}')
        if self.band_radius is not None and self.band_fraction is not None:
            raise ValueError("at most one of band_radius and band_fraction may be given, got both")
        if self.band_radius is not None and operator.index(self.band_radius) < 0:
            raise ValueError(f"band_radius must be >= 0 frames, got {self.band_radius}; use None for no band")
        if self.band_fraction is not None and not 0 <= self.band_fraction <= 1:
            raise ValueError(f"band_fraction must lie in [0, 1], got {self.band_fraction}; use None for no band")

    @property
    def squared(self) -> bool:
        """Whether the local cost is the squared distance of two frames."""
        return self.local_cost == "sqeuclidean"

    @property
    def diagonal_weight(self) -> float:
        """Weight of the local cost in a diagonal step."""
        return 2.0 if self.step_pattern == "symmetric2" else 1.0

    def radii(self, pairs: Integers, n: Integers, m: Integers) -> Integers:
        """Band radius of each pair, (n_pairs,), in frames; the longer length where there is no band."""
        longer, shorter = np.maximum(n, m), np.minimum(n, m)
        if self.band_radius is not None:
            # Wider than the longer sequence allows nothing more, and could overflow.
            radii = np.minimum(min(operator.index(self.band_radius), 2**31), longer)
        elif self.band_fraction is not None:
            # .07 * 100 is a little more than 7 in floating point and must not become 8.
            radii = np.ceil(np.round(self.band_fraction * longer, 6)).astype(np.int64)
        else:
            radii = longer
        blocked = (radii == 0) & (n != m) & (shorter > 1)
        if blocked.any():
            pair = int(np.argmax(blocked))
            raise ValueError(
                f"pair {pair} ({pairs[pair, 0]}, {pairs[pair, 1]}) with {n[pair]} and {m[pair]} frames has no path "
                f"through a band of radius 0; the least band_radius that works is 1"
            )
        return radii


def check_dims(first: Ragged, second: Ragged) -> None:
    """Refuse two sides whose frames cannot be compared."""
    if first.n_dims != second.n_dims:
        raise ValueError(
            f"both sides must have the same n_dims, got {first.n_dims} and {second.n_dims}; "
            "compare features of one kind"
        )


def check_threads(n_threads: SupportsIndex) -> int:
    """Return the number of threads as an int."""
    if operator.index(n_threads) < 1:
        raise ValueError(f"n_threads must be >= 1, got {n_threads}")
    return operator.index(n_threads)


def checked_pairs(pairs: npt.ArrayLike, n_first: int, n_second: int) -> Integers:
    """Return the pairs as a C-contiguous copy of our own, (n_pairs, 2) int64."""
    chosen = np.asarray(pairs)
    if chosen.size == 0:
        return np.empty((0, 2), dtype=np.int64)
    if chosen.ndim != 2 or chosen.shape[1] != 2:
        raise ValueError(f"pairs must have shape (n_pairs, 2), got {chosen.shape}")
    if chosen.dtype.kind not in "iu":
        raise TypeError(f"pairs must be integers, got dtype {chosen.dtype}")
    outside = ((chosen < 0) | (chosen >= (n_first, n_second))).any(axis=1)
    if outside.any():
        pair = int(np.argmax(outside))
        raise ValueError(
            f"pair {pair} must lie in 0 ... {n_first - 1} and 0 ... {n_second - 1}, "
            f"got ({chosen[pair, 0]}, {chosen[pair, 1]})"
        )
    return np.array(chosen, dtype=np.int64, order="C")


def check_totals(totals: npt.NDArray[np.floating], pairs: Integers) -> None:
    """Refuse totals that left float32; every pair is known to have a path and finite frames."""
    finite = np.isfinite(totals)
    if not finite.all():
        pair = int(np.argmin(finite))
        raise ValueError(
            f"pair {pair} ({pairs[pair, 0]}, {pairs[pair, 1]}) must have a total below 3.4e38, the range of float32, "
            f"got {totals[pair]}; scale the frames down"
        )
