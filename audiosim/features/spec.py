"""What a feature is made with. A spec is stored beside the frames; frames of another spec or version are refused."""

import math
from dataclasses import asdict, dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class MfccSpec:
    """Mel-frequency cepstral coefficients, as librosa's defaults define them.

    At 22 050 Hz a window of 2 048 samples lasts 93 ms and a hop of 512 samples 23 ms: 43.07 frames a second.

    Parameters
    ----------
    sample_rate : int (Hz)
    n_fft : int, even (samples)
        Length of the periodic Hann window and of its Fourier transform.
    hop_length : int (samples)
    n_mels : int
        Slaney mel bands between `fmin` and `fmax`.
    n_mfcc : int, at most `n_mels`
        Coefficients of the orthonormal DCT-II that are kept, c0 included.
    fmin, fmax : float (Hz)
        `fmax=None` is half the sample rate.
    top_db : float (dB)
        Mel powers further than this below the track's largest are raised to that floor.
    """

    sample_rate: int = 22_050
    n_fft: int = 2_048
    hop_length: int = 512
    n_mels: int = 128
    n_mfcc: int = 20
    fmin: float = 0.0
    fmax: float | None = None
    top_db: float = 80.0

    name: ClassVar[str] = "mfcc"
    # Raised whenever the same parameters begin to give other numbers.
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for field in ("sample_rate", "n_fft", "hop_length", "n_mels", "n_mfcc"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be at least 1, got {getattr(self, field)}")
        if self.n_fft % 2:
            raise ValueError(f"n_fft must be even, so that windows can be centred, got {self.n_fft}")
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc must be at most n_mels = {self.n_mels}, got {self.n_mfcc}")
        if not 0.0 <= self.fmin < self.upper_frequency <= self.sample_rate / 2:
            raise ValueError(
                f"frequencies must hold 0 <= fmin < fmax <= {self.sample_rate / 2} Hz (half the sample rate), "
                f"got fmin={self.fmin}, fmax={self.fmax}"
            )
        if not (self.top_db > 0.0 and math.isfinite(self.top_db)):
            raise ValueError(f"top_db must be a positive number of decibels, got {self.top_db}")

    @property
    def upper_frequency(self) -> float:
        """Upper edge of the highest mel band, in Hz."""
        return self.sample_rate / 2 if self.fmax is None else self.fmax

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    def n_frames(self, n_samples: int) -> int:
        """Frames of a signal: one centred on every hop, the first on sample 0."""
        return 1 + n_samples // self.hop_length

    def parameters(self) -> dict[str, int | float | None]:
        """Return what the numbers depend on, ready for JSON."""
        return asdict(self)
