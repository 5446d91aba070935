"""Mean and standard deviation of a track's frames: the vector behind the cosine measure."""

import numpy as np
import numpy.typing as npt


def moments(frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Mean, then standard deviation, of every coefficient over the track.

    Parameters
    ----------
    frames : np.ndarray [shape=(n_frames >= 1, n_dims)]

    Returns
    -------
    np.ndarray [shape=(2 * n_dims,), float32]
        The n_dims means, then the n_dims population standard deviations. Summed in float64.

    Raises
    ------
    ValueError
        If there are no frames.

    Examples
    --------
    >>> import numpy as np
    >>> moments(np.array([[1.0, 5.0], [3.0, 5.0]], dtype=np.float32))
    array([2., 5., 1., 0.], dtype=float32)
    """
    if frames.ndim != 2 or not len(frames):
        raise ValueError(f"frames must have shape (n_frames >= 1, n_dims), got {frames.shape}")
    wide = frames.astype(np.float64, order="C")
    return np.concatenate([wide.mean(axis=0), wide.std(axis=0)]).astype(np.float32)
