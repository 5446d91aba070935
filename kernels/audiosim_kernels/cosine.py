"""Cosine distances of vectors, and of sequences cut to equal length.

A product of two float32 numbers is exact in float64, and the kernels add the products of one pair in one order, frame
by frame and dimension by dimension. So fused and separate arithmetic agree, the CPU and the GPU give the same bytes,
and the distance of a pair does not depend on what else is in the call: a matrix that grew tile by tile equals one
computed at once, byte for byte. (A BLAS promises none of this: its order of summation depends on the shape.)
"""

import numpy as np
import numpy.typing as npt

from audiosim_kernels import output
from audiosim_kernels.device import Device, resolve
from audiosim_kernels.ragged import Frames, Ragged

Sums = npt.NDArray[np.float64]


def matrix(
    rows: npt.ArrayLike,
    columns: npt.ArrayLike | None = None,
    *,
    device: Device = "auto",
    out: Frames | None = None,
) -> Frames:
    """Cosine distances of all rows with all columns.

    Parameters
    ----------
    rows : (n_rows, n_dims) real
        Vectors, not all zero, finite; rounded to float32.
    columns : (n_columns, n_dims) real, optional
        The same; the rows themselves by default.
    device : {"auto", "cpu", "cuda"}
        "auto" is the GPU where there is one.
    out : (n_rows, n_columns) float32, optional
        Where to write the result; untouched if an error is raised.

    Returns
    -------
    (n_rows, n_columns) float32
        1 - cos, in [0, 2]; exactly 0 for equal vectors; without `columns`, symmetric to the last bit.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above; a zero vector has no direction and is named.
    RuntimeError
        If `device` is "cuda" and there is no GPU.

    Notes
    -----
    Time is n_rows * n_columns * n_dims; beside the result, 8 bytes a pair are needed.

    Examples
    --------
    >>> matrix([[1, 0], [0, 2], [-3, 0]], device="cpu")
    array([[0., 1., 2.],
           [1., 0., 1.],
           [2., 1., 0.]], dtype=float32)
    """
    first = _vectors(rows, "row")
    second = first if columns is None else _vectors(columns, "column")
    return matrix_truncated(first, second, device=device, out=out)


def matrix_truncated(
    rows: Ragged,
    columns: Ragged | None = None,
    *,
    device: Device = "auto",
    out: Frames | None = None,
) -> Frames:
    """Cosine distances of flattened sequences, each pair cut to the shorter of the two.

    Parameters
    ----------
    rows, columns : Ragged
        Of the same n_dims; without `columns`, the rows with one another. No sequence may be zero throughout the frames
        that its shortest partner leaves of it.
    device, out
        As in `matrix`.

    Returns
    -------
    (n_rows, n_columns) float32
        1 - cos of the first min(n, m) frames, flattened; in [0, 2]; exactly 0 where these are equal. Different pairs
        see different cuts, so this is no metric.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `matrix` does.

    Examples
    --------
    >>> songs = Ragged.from_sequences([[[1, 0], [5, 5]], [[0, 1]]])
    >>> matrix_truncated(songs, device="cpu")
    array([[0., 1.],
           [1., 0.]], dtype=float32)
    """
    others = rows if columns is None else columns
    if rows.n_dims != others.n_dims:
        raise ValueError(
            f"rows and columns must have the same n_dims, got {rows.n_dims} and {others.n_dims}; "
            "compare features of one kind"
        )
    result = output.checked(out, (len(rows), len(others)))
    if not result.size:
        return result
    row_squares, column_squares = _running_squares(rows), _running_squares(others)
    _check_directions(rows, row_squares, others, "row")
    _check_directions(others, column_squares, rows, "column")
    if resolve(device) == "cuda":
        from audiosim_kernels import cosine_cuda as driver  # noqa: PLC0415 - numba only when needed
    else:
        from audiosim_kernels import cosine_cpu as driver  # noqa: PLC0415
    dots = driver.dots(rows, others)
    for row in range(len(rows)):
        cut = np.minimum(rows.lengths[row], others.lengths)
        row_norm = row_squares[rows.offsets[row] + cut - 1]
        column_norms = column_squares[others.offsets[:-1] + cut - 1]
        # The root of a rounded square is the number itself, so equal vectors have a cosine of exactly 1.
        result[row] = np.clip(1 - dots[row] / np.sqrt(row_norm * column_norms), 0, 2)
    return result


def _vectors(vectors: npt.ArrayLike, name: str) -> Ragged:
    """Vectors as sequences of one frame; refused here, where they can still be called rows or columns."""
    array = np.asarray(vectors)
    if array.ndim != 2 or array.shape[1] < 1:
        raise ValueError(f"{name}s must have shape (n_{name}s, n_dims >= 1), got {array.shape}")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}s must hold real numbers, got dtype {array.dtype}")
    with np.errstate(over="ignore"):  # what overflows becomes infinite and is refused by name
        frames = np.ascontiguousarray(array, dtype=np.float32)
    finite = np.isfinite(frames).all(axis=1)
    if not finite.all():
        index = int(np.argmin(finite))
        raise ValueError(f"{name} {index} must be finite, got {frames[index]}")
    return Ragged(frames, np.arange(len(frames) + 1, dtype=np.int64))


def _running_squares(sequences: Ragged) -> Sums:
    """Squared norm of each sequence up to and including each frame, (n_frames_total,).

    numpy.cumsum adds from left to right, the order of the kernels: equal vectors have equal sums, bit for bit.
    """
    squares = np.empty(len(sequences.frames), dtype=np.float64)
    for index, frames in enumerate(sequences):
        values = frames.astype(np.float64).ravel()
        running = np.cumsum(values * values)
        squares[sequences.offsets[index] : sequences.offsets[index + 1]] = running[
            sequences.n_dims - 1 :: sequences.n_dims
        ]
    return squares


def _check_directions(sequences: Ragged, squares: Sums, partners: Ragged, name: str) -> None:
    """Refuse a sequence that is zero in its shortest cut; sums of squares never decrease, so longer cuts follow."""
    cuts = np.minimum(sequences.lengths, partners.lengths.min())
    zero = squares[sequences.offsets[:-1] + cuts - 1] == 0
    if zero.any():
        index = int(np.argmax(zero))
        raise ValueError(
            f"{name} {index} must not be zero throughout its first {cuts[index]} frame(s): the cosine has no direction "
            "there; leave it out"
        )
