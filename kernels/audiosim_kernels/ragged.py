"""Sequences of unequal length, end to end in one array: the form in which all kernels take them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Sequences of frames, checked once so that no kernel has to check them again.

    Parameters
    ----------
    frames : (n_frames_total, n_dims) float32, C-contiguous
        The frames of all sequences, one sequence after the other. Finite, n_dims >= 1.
    offsets : (n_sequences + 1,) int64
        Sequence i is ``frames[offsets[i]:offsets[i + 1]]`` and has at least one frame.

    Raises
    ------
    TypeError
        If an array has another dtype.
    ValueError
        If a shape is wrong, a sequence is empty, or a frame is not finite.

    Notes
    -----
    The arrays are not copied, and read-only through this object. Checking reads every frame once.

    Examples
    --------
    >>> songs = Ragged.from_sequences([np.zeros((3, 12)), np.ones((5, 12))])
    >>> len(songs), songs.n_dims, songs.lengths
    (2, 12, array([3, 5]))
    """

    frames: Frames
    offsets: Integers

    def __post_init__(self) -> None:
        _check_arrays(self.frames, self.offsets)
        _check_finite(self.frames, self.offsets)
        # Always read-only, or numba would compile every kernel a second time for the arrays that are
        # (memory maps, and whatever distributed has sent).
        for name in ("frames", "offsets"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    @classmethod
    def from_sequences(cls, sequences: Sequence[npt.ArrayLike]) -> "Ragged":
        """Put sequences end to end.

        Parameters
        ----------
        sequences : sequence of (n_frames >= 1, n_dims) real arrays
            At least one; all with the same n_dims. Values are rounded to float32.

        Returns
        -------
        Ragged
            A copy of the sequences, in their order.

        Raises
        ------
        TypeError
            If a sequence does not hold real numbers.
        ValueError
            If there is none, or one has another shape or holds a value that is not finite in float32.

        Examples
        --------
        >>> Ragged.from_sequences([[[1, 2]], [[3, 4], [5, 6]]])[1]
        array([[3., 4.],
               [5., 6.]], dtype=float32)
        """
        arrays = [np.asarray(sequence) for sequence in sequences]
        if not arrays:
            raise ValueError("sequences must hold at least one sequence, got none")
        n_dims = arrays[0].shape[1] if arrays[0].ndim == 2 else "n_dims"
        for index, array in enumerate(arrays):
            if array.ndim != 2 or array.shape[0] < 1 or array.shape[1] != n_dims:
                raise ValueError(f"sequence {index} must have shape (n_frames >= 1, {n_dims}), got {array.shape}")
            if array.dtype.kind not in "fiub":
                raise TypeError(f"sequence {index} must hold real numbers, got dtype {array.dtype}")
        offsets = np.zeros(len(arrays) + 1, dtype=np.int64)
        np.cumsum([len(array) for array in arrays], out=offsets[1:])
        frames = np.empty((int(offsets[-1]), arrays[0].shape[1]), dtype=np.float32)
        with np.errstate(over="ignore"):  # what overflows becomes infinite and is refused by name below
            np.concatenate(arrays, out=frames, casting="unsafe")
        return cls(frames, offsets)

    @property
    def n_dims(self) -> int:
        """Numbers in a frame."""
        return int(self.frames.shape[1])

    @property
    def lengths(self) -> Integers:
        """(n_sequences,) int64: frames in each sequence."""
        return np.diff(self.offsets)

    def take(self, indices: npt.ArrayLike) -> "Ragged":
        """Copy the sequences at `indices`, in that order; an index may repeat.

        Parameters
        ----------
        indices : (n,) int
            0 <= index < len(self).

        Returns
        -------
        Ragged
            Of n sequences; n may be 0.

        Raises
        ------
        TypeError
            If an index is not an integer.
        IndexError
            If an index is out of range.
        """
        chosen = np.asarray(indices)
        if chosen.size == 0:
            chosen = chosen.astype(np.int64)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise TypeError(f"indices must be integers of shape (n,), got {chosen.dtype} {chosen.shape}")
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < len(self)):
            raise IndexError(f"indices must lie in 0 ... {len(self) - 1}, got {chosen.min()} ... {chosen.max()}")
        offsets = np.zeros(len(chosen) + 1, dtype=np.int64)
        np.cumsum(self.lengths[chosen], out=offsets[1:])
        frames = np.empty((int(offsets[-1]), self.n_dims), dtype=np.float32)
        for position, index in enumerate(chosen):
            frames[offsets[position] : offsets[position + 1]] = self[int(index)]
        return Ragged(frames, offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> Frames:
        """View the (n_frames, n_dims) frames of one sequence; a negative index counts from the end."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index must lie in {-len(self)} ... {len(self) - 1}, got {index}")
        index %= len(self)
        return self.frames[self.offsets[index] : self.offsets[index + 1]]

    def __iter__(self) -> Iterator[Frames]:
        return (self[index] for index in range(len(self)))

    def __reduce__(self) -> tuple[type["Ragged"], tuple[Frames, Integers]]:
        """Pickle by construction: read-only is lost in a pickle, so it is set anew."""
        return Ragged, (self.frames, self.offsets)


def _check_arrays(frames: Frames, offsets: Integers) -> None:
    """Refuse dtypes and shapes that do not describe sequences of at least one frame."""
    if frames.dtype != np.float32 or offsets.dtype != np.int64:
        raise TypeError(f"frames must be float32 and offsets int64, got {frames.dtype} and {offsets.dtype}")
    if frames.ndim != 2 or frames.shape[1] < 1:
        raise ValueError(f"frames must have shape (n_frames_total, n_dims >= 1), got {frames.shape}")
    if not frames.flags.c_contiguous:
        raise ValueError("frames must be C-contiguous; use numpy.ascontiguousarray")
    if offsets.ndim != 1 or offsets.size < 1:
        raise ValueError(f"offsets must have shape (n_sequences + 1,), got {offsets.shape}")
    if offsets[0] != 0 or offsets[-1] != len(frames):
        raise ValueError(
            f"offsets must begin with 0 and end with n_frames_total = {len(frames)}, got {offsets[0]} and {offsets[-1]}"
        )
    lengths = np.diff(offsets)
    if lengths.size and lengths.min() < 1:
        index = int(np.argmax(lengths < 1))
        raise ValueError(
            f"sequence {index} must have shape (n_frames >= 1, {frames.shape[1]}), "
            f"got ({lengths[index]}, {frames.shape[1]})"
        )


def _check_finite(frames: Frames, offsets: Integers) -> None:
    """Refuse NaN and infinity, naming the first sequence and frame that holds one."""
    finite = np.isfinite(frames).all(axis=1)
    if finite.all():
        return
    row = int(np.argmin(finite))
    index = int(np.searchsorted(offsets, row, side="right")) - 1
    raise ValueError(f"sequence {index} must be finite, got {frames[row]} in frame {row - offsets[index]}")
