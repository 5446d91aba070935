"""Dynamic time warping of chroma in the best key: the same composition, by whomever, on whatever, in whatever key."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from audiosim.distances.blocks import Block
from audiosim.distances.dtw import Alignment, check_length_ratio
from audiosim_kernels.ragged import Ragged

_N_KEYS = 12
_GRID = 2_048  # steps of a pitch class between 0 and 1; see `Version`


@dataclass(frozen=True, slots=True)
class Version:
    """Exact DTW of CENS frames, one track transposed to the key of the other.

    The local cost is the cosine distance of two frames, which are unit vectors: half their squared distance. With
    symmetric2 steps and the total divided by the two lengths, the distance is a mean cosine distance: 0 for the same
    course of harmony, 1 where no two notes agree.

    The optimal transposition index is the transposition of one track at which the mean chroma of both agree best. It
    can be wrong, above all for a part of a piece: hence the transpositions that agree best are all compared exactly,
    and the smallest distance counts.

    Attributes
    ----------
    n_transpositions : int, 1 to 12
        How many transpositions are compared. Those that agree equally well with the last of them are compared too.
    band_fraction : float in [0, 1], or None
        Half width of the Sakoe-Chiba band as a share of the longer track; None compares without a band. A quarter, more
        than `Dtw` grants: whoever plays a piece again may leave out a verse, or repeat one.
    max_length_ratio : float >= 1, or None
        Tracks whose lengths differ by more than this factor are sought in one another; None always compares them from
        end to end. See `audiosim.distances.dtw.Alignment`.

    Raises
    ------
    ValueError
        If `n_transpositions` or `max_length_ratio` is not as above.

    Notes
    -----
    Pitch classes are rounded to 1/2048. Squared distances of such frames are sums of whole numbers below 2**24 (times
    a power of two), which float32 adds without an error, and so in any order: transposing one track up or the other
    down is the same to the last bit. Mean chroma are compared in whole numbers for the same reason.

    Time is `n_transpositions` times that of DTW with the same frames and the same band.

    References
    ----------
    Serrà, J., Gómez, E., & Herrera, P. (2008). Transposing chroma representations to a common key. Proceedings of the
    IEEE CS Conference on the Use of Symbols to Represent Music and Multimedia Objects, 45-48.

    Müller, M., Kurth, F., & Clausen, M. (2005). Audio matching via chroma-based statistical features. Proceedings of
    ISMIR, 288-295.

    Examples
    --------
    >>> scale = np.eye(12, dtype=np.float32)[[0, 2, 4, 5, 7, 9, 11]]
    >>> higher = np.roll(scale, 3, axis=1)
    >>> tracks = Block(np.concatenate([scale, higher, scale[::-1]]), np.array([0, 7, 14, 21]))
    >>> Version().distances(tracks, tracks, np.array([[0, 1], [0, 2]]), device="cpu").round(2)
    array([0.  , 0.64], dtype=float32)
    """

    name: ClassVar[str] = "version"
    version: ClassVar[int] = 1

    n_transpositions: int = 2
    band_fraction: float | None = 0.25
    max_length_ratio: float | None = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.n_transpositions <= _N_KEYS:
            raise ValueError(f"n_transpositions must lie in 1 .. {_N_KEYS}, got {self.n_transpositions}")
        check_length_ratio(self.max_length_ratio)

    @property
    def feature(self) -> str:
        """Name of the stored feature."""
        return "cens"

    @property
    def standardized(self) -> bool:
        """Whether blocks are standardized with the corpus statistics."""
        return False

    def distances(
        self, rows: Block, columns: Block, pairs: npt.NDArray[np.int64], *, device: str
    ) -> npt.NDArray[np.float32]:
        """Distances (n_pairs,) of `pairs` (n_pairs, 2)."""
        if not len(pairs):
            return np.empty(0, dtype=np.float32)
        row_frames, column_frames = _on_grid(rows), _on_grid(columns)
        compared, transpositions = self._best_transpositions(row_frames, column_frames, pairs)
        # One call for all transpositions: the more pairs it is given, the better they fill vectors.
        keys, key_of = np.unique(transpositions, return_inverse=True)
        transposed = np.stack([key_of * len(row_frames) + pairs[compared, 0], pairs[compared, 1]], axis=1)
        alignment = Alignment(
            local_cost="sqeuclidean",
            step_pattern="symmetric2",
            normalize=True,
            band_fraction=self.band_fraction,
            max_length_ratio=self.max_length_ratio,
        )
        squared = alignment.distances(_transposed(row_frames, keys), column_frames, transposed, device=device)  # pyright: ignore[reportArgumentType] - validated there
        first = np.searchsorted(compared, np.arange(len(pairs)))
        least: npt.NDArray[np.float32] = np.minimum.reduceat(squared, first)
        return least / np.float32(2)

    def _best_transpositions(
        self, rows: Ragged, columns: Ragged, pairs: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Pairs, in order, each as often as it is to be compared, and the semitones by which to raise its row."""
        of_rows, of_columns = _summed(rows), _summed(columns)
        agreement = np.stack(
            [
                np.einsum("pc,pc->p", np.roll(of_rows, semitones, axis=1)[pairs[:, 0]], of_columns[pairs[:, 1]])
                for semitones in range(_N_KEYS)
            ],
            axis=1,
        )
        # All that agree as well as the last one taken: or a and b, in another order, could be compared in other keys.
        last = np.partition(agreement, -self.n_transpositions, axis=1)[:, -self.n_transpositions]
        compared, semitones = np.nonzero(agreement >= last[:, None])
        return compared, semitones


def _on_grid(block: Block) -> Ragged:
    """Frames with every pitch class rounded to 1 / _GRID."""
    frames = block.ragged()
    steps: npt.NDArray[np.float32] = np.rint(frames.frames * np.float32(_GRID))
    return Ragged(steps / np.float32(_GRID), frames.offsets)


def _summed(sequences: Ragged) -> npt.NDArray[np.int64]:
    """Sum of each sequence's frames (n_sequences, 12), in steps of the grid: its mean chroma but for a factor."""
    steps = (sequences.frames * np.float32(_GRID)).astype(np.int64)
    return np.add.reduceat(steps, sequences.offsets[:-1], axis=0)


def _transposed(sequences: Ragged, keys: npt.NDArray[np.int64]) -> Ragged:
    """All sequences raised by the first number of semitones, then all by the second, and so on."""
    frames = np.concatenate([np.roll(sequences.frames, semitones, axis=1) for semitones in keys])
    starts = [sequences.offsets[:-1] + copy * len(sequences.frames) for copy in range(len(keys))]
    return Ragged(frames, np.append(np.concatenate(starts), len(frames)))
