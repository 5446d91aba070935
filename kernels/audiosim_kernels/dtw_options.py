"""What DTW functions are asked for besides the sequences, checked once for all of them."""

import operator
from dataclasses import dataclass
from typing import Literal, NoReturn, SupportsIndex, get_args

import numpy as np
import numpy.typing as npt

from audiosim_kernels.ragged import Integers, Ragged

LocalCost = Literal["euclidean", "sqeuclidean"]
StepPattern = Literal["symmetric1", "symmetric2"]
Precision = Literal["float32", "split", "float16"]  # of the local costs; all but float32 on the tensor cores of a GPU


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

    def radii(self, pairs: Integers, n: Integers, m: Integers, *, first_number: int = 0) -> Integers:
        """Band radius of each pair, (n_pairs,), in frames; the longer length where there is no band.

        A pair without a path is refused, by its number among pairs of which the first has `first_number`.
        """
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
                f"pair {first_number + pair} ({pairs[pair, 0]}, {pairs[pair, 1]}) with {n[pair]} and {m[pair]} frames "
                "has no path through a band of radius 0; the least band_radius that works is 1"
            )
        return radii

    def radius_of(self, longest: int) -> Integers:
        """Band radius by the length of a pair's longer sequence, (longest + 1,), in frames."""
        lengths = np.arange(longest + 1, dtype=np.int64)
        return self.radii(np.stack([lengths, lengths], axis=1), lengths, lengths)

    def check_paths(self, row_lengths: Integers, column_lengths: Integers | None) -> None:
        """Refuse a matrix in which a pair has no path through the band; without columns, of the rows' own pairs."""
        columns = row_lengths if column_lengths is None else column_lengths
        if not row_lengths.size or not columns.size:
            return
        if self.radius_of(int(max(row_lengths.max(), columns.max())))[1:].min() > 0:
            return
        number = 0
        for row, n in enumerate(row_lengths):
            first = row + 1 if column_lengths is None else 0
            partners = np.arange(first, len(columns))
            pairs = np.stack([np.full_like(partners, row), partners], axis=1)
            self.radii(pairs, np.full_like(partners, n), columns[first:], first_number=number)
            number += len(partners)


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


def check_k(k: SupportsIndex) -> int:
    """Return the length of a list of neighbours as an int."""
    if operator.index(k) < 1:
        raise ValueError(f"k must be >= 1, got {k}")
    return operator.index(k)


def check_precision(precision: Precision | None, device: Literal["cpu", "cuda"]) -> None:
    """Refuse a precision that does not exist, or not on this device."""
    if precision is not None and precision not in get_args(Precision):
        raise ValueError(f'precision must be "float32", "split" or "float16", or None to choose, got {precision!r}')
    if device == "cpu" and precision not in {None, "float32"}:
        raise ValueError(
            f'precision "{precision}" needs the tensor cores of a GPU, but the device is the CPU; use '
            'precision="float32", or None for the best that a device has'
        )


def numbers_of_pairs(pairs: Integers, n_columns: int, *, mirrored: bool) -> Integers:
    """Where pairs stand in a matrix read row by row, (n_pairs,); of a mirrored one, above its diagonal."""
    rows, columns = pairs.T
    return rows * n_columns + columns - (rows * (rows + 3) // 2 + 1 if mirrored else 0)


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


def check_totals(totals: npt.NDArray[np.floating], pairs: Integers, numbers: Integers | None = None) -> None:
    """Refuse totals that left float32; every pair is known to have a path and finite frames.

    `numbers` are the pairs' own where they are some of more.
    """
    finite = np.isfinite(totals)
    if not finite.all():
        pair = int(np.argmin(finite))
        refuse_total(pair if numbers is None else int(numbers[pair]), pairs[pair, 0], pairs[pair, 1])


def refuse_total(number: int, first: int, second: int) -> NoReturn:
    """Refuse the total of one pair, which left float32."""
    raise ValueError(
        f"pair {number} ({first}, {second}) must have a total below 3.4e38, the range of float32, got inf; "
        "scale the frames down"
    )
