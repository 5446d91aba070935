"""Long rows of frames as few columns: a picture shows no more than it has pixels."""

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Edges = npt.NDArray[np.int64]


def column_edges(n_frames: int, n_columns: int) -> Edges:
    """Where columns begin and end; they differ by one frame at most.

    Parameters
    ----------
    n_frames : int, at least 1
    n_columns : int, at least 1
        Most columns that there are to be.

    Returns
    -------
    np.ndarray [shape=(min(n_frames, n_columns) + 1,), int64]
        Ascending from 0 to `n_frames`; no column is empty.

    Examples
    --------
    >>> column_edges(10, 4)
    array([ 0,  2,  5,  7, 10])
    >>> column_edges(2, 4)
    array([0, 1, 2])
    """
    n_columns = min(n_frames, n_columns)
    return np.arange(n_columns + 1, dtype=np.int64) * n_frames // n_columns


def means(frames: Values, edges: Edges) -> Values:
    """Mean of the frames (n_frames, n_dims) of every column [shape=(n_columns, n_dims)].

    Examples
    --------
    >>> means(np.array([[1.0], [3.0], [5.0]], np.float32), np.array([0, 2, 3])).ravel()
    array([2., 5.], dtype=float32)
    """
    sums = np.add.reduceat(frames, edges[:-1], axis=0, dtype=np.float64)
    return (sums / np.diff(edges)[:, None]).astype(np.float32)


def lowest(values: Values, edges: Edges) -> Values:
    """Smallest of the values (n_values,) of every column [shape=(n_columns,)]."""
    return np.minimum.reduceat(values, edges[:-1])


def highest(values: Values, edges: Edges) -> Values:
    """Largest of the values (n_values,) of every column [shape=(n_columns,)]."""
    return np.maximum.reduceat(values, edges[:-1])


def root_mean_squares(signal: Values, edges: Edges) -> Values:
    """Root mean square of the samples (n_samples,) of every column [shape=(n_columns,)].

    Examples
    --------
    >>> root_mean_squares(np.array([3.0, -3.0, 0.0, 0.0], np.float32), np.array([0, 2, 4]))
    array([3., 0.], dtype=float32)
    """
    # One column at a time: the squares of an hour would take as much memory as the hour.
    powers = [
        np.dot(signal[start:stop], signal[start:stop]) / (stop - start)
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    return np.sqrt(np.array(powers, dtype=np.float32))
