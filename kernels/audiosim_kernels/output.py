"""The caller's own array for a result."""

import numpy as np
import numpy.typing as npt


def checked(out: npt.NDArray[np.float32] | None, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return `out` if a result of `shape` can be written to it, a new array if it is None.

    Raises
    ------
    TypeError
        If `out` is no float32 array.
    ValueError
        If it has another shape or is read-only.
    """
    if out is None:
        return np.empty(shape, dtype=np.float32)
    if not isinstance(out, np.ndarray) or out.dtype != np.float32:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"out must be a float32 array, got {getattr(out, 'dtype', type(out).__name__)}")
    if out.shape != shape:
        raise ValueError(f"out must have shape {shape}, got {out.shape}")
    if not out.flags.writeable:
        raise ValueError("out must be writeable, got a read-only array; pass a copy")
    return out
