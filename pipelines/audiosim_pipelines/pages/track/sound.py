"""What only the file of a track tells: its samples, where they were trimmed, and their mel spectrogram."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from audiosim.audio import AudioSpec, trim
from audiosim.catalog import Catalog, Track
from audiosim.errors import AudioError
from audiosim.features.spec import MfccSpec
from audiosim_pipelines.decode import decode_ahead

Values = npt.NDArray[np.float32]

_FRAMES_AT_ONCE = 1_024  # 8 MB of spectra


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A decoded file.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples,), float32]
        All of the file, mono, silence at its ends included.
    sample_rate : int (Hz)
    start, stop : float (s)
        What is left of it after trimming, which is what features are made of.
    mel_power : np.ndarray [shape=(n_frames, n_mels), float32]
        Of what is left.
    """

    signal: Values
    sample_rate: int
    start: float
    stop: float
    mel_power: Values

    @property
    def duration(self) -> float:
        """Seconds that the file plays."""
        return len(self.signal) / self.sample_rate


def listen(track: Track, catalog: Catalog, audio: AudioSpec, mfcc: MfccSpec) -> Sound | AudioError:
    """Decode a file of the track, or say why there is none to decode.

    Parameters
    ----------
    track, catalog
        What is decoded; a file that changed since it was added is not.
    audio, mfcc
        How the library decodes, and what its mel powers are made with.
    """
    with ThreadPoolExecutor(1) as pool:
        decoded = decode_ahead(pool, [track], catalog, replace(audio, trim_db=None), hear=_nothing, n_ahead=1)
        ((_, found),) = decoded
    if isinstance(found, AudioError):
        return found
    signal = found[0]
    kept = signal if audio.trim_db is None else trim(signal, trim_db=audio.trim_db)
    # `trim` gives a view, so that where it begins is where its first sample lies.
    first = (kept.__array_interface__["data"][0] - signal.__array_interface__["data"][0]) // signal.itemsize
    rate = audio.sample_rate
    return Sound(signal, rate, first / rate, (first + len(kept)) / rate, mel_powers(kept, mfcc))


def mel_powers(signal: Values, spec: MfccSpec) -> Values:
    """Power mel spectrogram, as the one that features are made of to within float32.

    Numpy computes it in the time in which TensorFlow, which features are made with, only starts.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples >= 1,), float32]
    spec : MfccSpec

    Returns
    -------
    np.ndarray [shape=(1 + n_samples // hop_length, n_mels), float32]
        Memory beside it is bounded, whatever the length of the signal.

    Examples
    --------
    >>> mel_powers(np.ones(22_050, np.float32), MfccSpec()).shape
    (44, 128)
    """
    import librosa.filters  # noqa: PLC0415 - loads numba

    bank = librosa.filters.mel(
        sr=spec.sample_rate, n_fft=spec.n_fft, n_mels=spec.n_mels, fmin=spec.fmin, fmax=spec.upper_frequency
    )
    weights = np.ascontiguousarray(bank.T, dtype=np.float32)
    window = np.hanning(spec.n_fft + 1)[:-1].astype(np.float32)
    n_frames = spec.n_frames(len(signal))
    powers = np.empty((n_frames, spec.n_mels), np.float32)
    for first in range(0, n_frames, _FRAMES_AT_ONCE):
        stop = min(first + _FRAMES_AT_ONCE, n_frames)
        spectra = np.fft.rfft(_windows(signal, first, stop, spec) * window)
        powers[first:stop] = (np.square(spectra.real) + np.square(spectra.imag)) @ weights
    return powers


def _nothing(_signal: Values, _duration: float) -> None:
    """What is computed while the file is decoded."""


def _windows(signal: Values, first: int, stop: int, spec: MfccSpec) -> Values:
    """Samples under the windows of frames `first` to `stop` (n, n_fft); there is silence around the signal."""
    piece = np.zeros((stop - first - 1) * spec.hop_length + spec.n_fft, np.float32)
    start = first * spec.hop_length - spec.n_fft // 2
    before = max(0, -start)
    samples = signal[start + before : start + len(piece)]
    piece[before : before + len(samples)] = samples
    return np.lib.stride_tricks.sliding_window_view(piece, spec.n_fft)[:: spec.hop_length]
