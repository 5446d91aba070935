"""Array kernels of audiosim, on the CPU and on CUDA: numpy and numba, nothing else.

>>> import numpy as np
>>> from audiosim_kernels import Ragged, dtw
>>> songs = Ragged.from_sequences([np.array([[1.0], [2.0], [3.0]]), np.array([[2.0], [3.0], [4.0]])])
>>> dtw.distances(songs, [(0, 1)], normalize=False, device="cpu")
array([2.], dtype=float32)
"""

# First, to see the sources as the others are imported.
from audiosim_kernels import compiled_sources as compiled_sources  # isort: split

from audiosim_kernels import cosine, device, dtw, gaussian, paths
from audiosim_kernels.ragged import Ragged

__all__ = ["Ragged", "cosine", "device", "dtw", "gaussian", "paths"]
