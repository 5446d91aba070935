"""Signal to frames: MFCC, their moments, pooling and corpus statistics. `(n_frames, n_dims)` float32 throughout.

Importing this package loads numpy only. `audiosim.features.mfcc` and `audiosim.features.spectrum` load keras.
"""

from audiosim.features.moments import moments
from audiosim.features.pooling import mean_pool, standardize
from audiosim.features.spec import MfccSpec
from audiosim.features.statistics import CorpusStatistics, FrameSums, corpus_statistics

__all__ = [
    "CorpusStatistics",
    "FrameSums",
    "MfccSpec",
    "corpus_statistics",
    "mean_pool",
    "moments",
    "standardize",
]
