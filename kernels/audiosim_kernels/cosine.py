"""Cosine distances of vectors, and of sequences cut to equal length.

A product of two float32 numbers is exact in float64, and the kernels add the products of one pair in one order, frame
by frame and dimension by dimension. So fused and separate arithmetic agree, the CPU and the GPU give the same bytes,
and the distance of a pair does not depend on what else is in the call: a matrix that grew tile by tile equals one
computed at once, byte for byte. (A BLAS promises none of this: its order of summation depends on the shape. Nor is it
faster: where each lane of a vector is a pair of its own, the order costs nothing.)
"""

import operator
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from audiosim_kernels import output
from audiosim_kernels.device import Device, resolve
from audiosim_kernels.ragged import Frames, Integers, Ragged

Sums = npt.NDArray[np.float64]

_TOP_K_ROWS = 1_024
_TOP_K_COLUMNS = 4_096


def matrix(
    rows: npt.ArrayLike,
    columns: npt.ArrayLike | None = None,
    *,
    device: Device = "auto",
    n_threads: int = 1,
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
    n_threads : int >= 1
        Threads on the CPU; the result does not depend on their number.
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
    Time is in proportion to n_rows * n_columns * n_dims. Work goes in blocks: beside vectors and result a few MB are
    needed, on a GPU up to 1 GiB.

    Examples
    --------
    >>> matrix([[1, 0], [0, 2], [-3, 0]], device="cpu")
    array([[0., 1., 2.],
           [1., 0., 1.],
           [2., 1., 0.]], dtype=float32)
    """
    first = _vectors(rows, "row")
    second = None if columns is None else _vectors(columns, "column")
    return matrix_truncated(first, second, device=device, n_threads=n_threads, out=out)


def matrix_truncated(
    rows: Ragged,
    columns: Ragged | None = None,
    *,
    device: Device = "auto",
    n_threads: int = 1,
    out: Frames | None = None,
) -> Frames:
    """Cosine distances of flattened sequences, each pair cut to the shorter of the two.

    Parameters
    ----------
    rows, columns : Ragged
        Of the same n_dims; without `columns`, the rows with one another. No sequence may be zero throughout the frames
        that its shortest partner leaves of it.
    device, n_threads, out
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
    if operator.index(n_threads) < 1:
        raise ValueError(f"n_threads must be >= 1, got {n_threads}")
    result = output.checked(out, (len(rows), len(others)))
    if not result.size:
        return result
    from audiosim_kernels import cosine_cpu  # noqa: PLC0415 - numba only when needed

    row_squares = cosine_cpu.running_squares(rows)
    column_squares = row_squares if others is rows else cosine_cpu.running_squares(others)
    _check_directions(rows, row_squares, others, "row")
    _check_directions(others, column_squares, rows, "column")
    if resolve(device) == "cuda":
        from audiosim_kernels import cosine_cuda as driver  # noqa: PLC0415
    else:
        driver = cosine_cpu
    driver.fill(rows, others, row_squares, column_squares, result, n_threads=n_threads)
    return result


def top_k(
    rows: npt.ArrayLike,
    columns: npt.ArrayLike | None = None,
    *,
    k: SupportsIndex,
    device: Device = "auto",
    n_threads: int = 1,
) -> tuple[Integers, Frames]:
    """The k nearest columns of every row, nearest first; among equals the lower index comes first.

    Parameters
    ----------
    rows, columns
        As in `matrix`. Without `columns`, the rows among one another, where none is its own neighbour.
    k : int >= 1
        At most as many as there are candidates for a row.
    device, n_threads
        As in `matrix`.

    Returns
    -------
    indices : (n_rows, k) int64
        Columns.
    distances : (n_rows, k) float32
        The bytes that `matrix` gives for these pairs.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `matrix` does; ValueError if there are fewer than k candidates.

    Notes
    -----
    The matrix is computed in blocks of 1 024 x 4 096 and never held as a whole.

    Examples
    --------
    >>> top_k([[1, 0], [0, 2], [-3, 1]], k=1, device="cpu")
    (array([[1],
           [2],
           [1]]), array([[1.       ],
           [0.6837722],
           [0.6837722]], dtype=float32))
    """
    first = _vectors(rows, "row")
    second = first if columns is None else _vectors(columns, "column")
    n_nearest, n_candidates = operator.index(k), max(0, len(second) - (columns is None))
    if not 1 <= n_nearest <= n_candidates:
        raise ValueError(f"k must lie in 1 ... {n_candidates}, the candidates of a row, got {k}")
    indices = np.full((len(first), n_nearest), -1, dtype=np.int64)
    nearest = np.full((len(first), n_nearest), np.inf, dtype=np.float32)
    if not len(first):
        return indices, nearest
    _check_vectors(first, "row")  # here, where their indices are those of the whole
    _check_vectors(second, "column")
    from audiosim_kernels.nearest_cpu import keep_nearest  # noqa: PLC0415 - numba only when needed

    for begin in range(0, len(first), _TOP_K_ROWS):
        part = slice(begin, begin + _TOP_K_ROWS)
        block = _as_sequences(first.frames[part])
        for start in range(0, len(second), _TOP_K_COLUMNS):
            others = _as_sequences(second.frames[start : start + _TOP_K_COLUMNS])
            distances = matrix_truncated(block, others, device=device, n_threads=n_threads)
            # Without columns, row i is column i of the whole; with them no column is left out.
            own = begin - start if columns is None else len(second)
            keep_nearest(distances, start, own, indices[part], nearest[part])
    return indices, nearest


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
    return _as_sequences(frames)


def _as_sequences(vectors: Frames) -> Ragged:
    """Each vector as a sequence of one frame."""
    return Ragged(vectors, np.arange(len(vectors) + 1, dtype=np.int64))


def _check_vectors(vectors: Ragged, name: str) -> None:
    """Refuse a vector that is zero."""
    _check_directions(vectors, np.square(vectors.frames, dtype=np.float64).sum(axis=1), vectors, name)


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
