"""What one pass over a signal leaves behind, frame by frame."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class TrackFrames:
    """Frames of one track.

    Parameters
    ----------
    mfcc : np.ndarray [shape=(n_frames, n_coefficients), float32]
    mel_power : np.ndarray [shape=(n_frames, n_mels), float32] or None
        Power mel spectrogram that the MFCC are made of, None unless it was asked for. 79 MB an hour.
    """

    mfcc: npt.NDArray[np.float32]
    mel_power: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.mfcc)
