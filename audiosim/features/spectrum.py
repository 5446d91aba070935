# pyright: basic
"""Short-time Fourier transform, mel spectrogram and cepstrum in keras.ops, on blocks of one fixed shape.

A block is the stretch of samples that a fixed number of consecutive frames needs. Frames do not depend on one
another, so a track cut into blocks gives the frames of the whole track, and one compiled graph serves all lengths.
"""

import math
from functools import lru_cache

import librosa.filters
import numpy as np
import numpy.typing as npt

from audiosim.features.backend import Tensor, ops
from audiosim.features.spec import MfccSpec

# A mel band spans few bins, above all a low one. Bands are multiplied in this many groups, each with the bins that
# it spans only: an eighth of the work of the full product, which costs as much as the Fourier transforms.
_N_GROUPS = 8


def hann(n_samples: int) -> npt.NDArray[np.float32]:
    """Periodic Hann window [shape=(n_samples,)]."""
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_samples) / n_samples)).astype(np.float32)


@lru_cache(maxsize=8)
def mel_filterbank(spec: MfccSpec) -> npt.NDArray[np.float32]:
    """Triangles of unit area on the Slaney mel scale [shape=(n_fft // 2 + 1, n_mels)], read-only."""
    bank = librosa.filters.mel(
        sr=spec.sample_rate, n_fft=spec.n_fft, n_mels=spec.n_mels, fmin=spec.fmin, fmax=spec.upper_frequency
    )
    bank = np.ascontiguousarray(bank.T, dtype=np.float32)
    bank.setflags(write=False)
    return bank


def samples_per_block(spec: MfccSpec, n_frames: int) -> int:
    """Whole hops that cover the windows of `n_frames` frames, in samples."""
    return (n_frames - 1 + math.ceil(spec.n_fft / spec.hop_length)) * spec.hop_length


def stft_of_blocks(
    blocks: Tensor, *, n_fft: int, hop_length: int, window: npt.NDArray[np.float32]
) -> tuple[Tensor, Tensor]:
    """Transform every window of every block.

    Parameters
    ----------
    blocks : tensor [shape=(n_blocks, n_hops * hop_length)]
    n_fft, hop_length : int (samples)
    window : np.ndarray [shape=(n_fft,)]

    Returns
    -------
    tuple of tensors [shape=(n_blocks, n_frames, n_fft // 2 + 1)]
        Real and imaginary parts; n_frames = n_hops + 1 - ceil(n_fft / hop_length).
    """
    n_blocks, n_samples = blocks.shape
    n_hops = n_samples // hop_length
    hops = ops.reshape(blocks, (n_blocks, n_hops, hop_length))
    # A frame is that many neighbouring hops side by side: shifted views instead of a gather.
    hops_per_frame = math.ceil(n_fft / hop_length)
    n_frames = n_hops + 1 - hops_per_frame
    parts = []
    for shift in range(hops_per_frame):
        part = ops.convert_to_tensor(window[shift * hop_length : (shift + 1) * hop_length])
        parts.append(hops[:, shift : shift + n_frames, : part.shape[0]] * part)
    return ops.rfft(ops.concatenate(parts, axis=-1))


def mel_of_blocks(blocks: Tensor, spec: MfccSpec) -> Tensor:
    """Power mel spectrogram of every block.

    Parameters
    ----------
    blocks : tensor [shape=(n_blocks, samples_per_block(spec, n_frames))]
    spec : MfccSpec

    Returns
    -------
    tensor [shape=(n_blocks, n_frames, n_mels)]
    """
    real, imaginary = stft_of_blocks(blocks, n_fft=spec.n_fft, hop_length=spec.hop_length, window=hann(spec.n_fft))
    power = real * real + imaginary * imaginary
    groups = np.array_split(mel_filterbank(spec), min(_N_GROUPS, spec.n_mels), axis=1)
    return ops.concatenate([_weighted(power, group) for group in groups], axis=-1)


def mfcc_of_blocks(mel: Tensor, floors: Tensor, floors_db: Tensor, spec: MfccSpec) -> Tensor:
    """Cepstrum of mel powers: decibels above a floor, then the orthonormal DCT-II.

    Parameters
    ----------
    mel : tensor [shape=(n_blocks, n_frames, n_mels)]
    floors, floors_db : tensor [shape=(n_blocks,)]
        Least power, above 0, that counts in each block, and the same in dB.
    spec : MfccSpec

    Returns
    -------
    tensor [shape=(n_blocks, n_frames, n_mfcc)]
    """
    # Decibels are counted from the floor up and the floor joins c0 at the end: c1.. never see the level of the
    # track, and float32 keeps more of them (1e-4 dB off at worst on real files).
    above = ops.log(ops.maximum(mel / ops.reshape(floors, (-1, 1, 1)), 1.0))
    basis = _dct_basis(spec.n_mels, spec.n_mfcc)
    # The product also turns natural logarithms into decibels.
    cepstrum = ops.matmul(above, ops.convert_to_tensor((10.0 / math.log(10.0) * basis).astype(np.float32)))
    of_constant = ops.convert_to_tensor(math.sqrt(spec.n_mels) * np.eye(1, spec.n_mfcc, dtype=np.float32))
    return cepstrum + ops.reshape(floors_db, (-1, 1, 1)) * of_constant


def stft(
    signal: npt.NDArray[np.float32],
    *,
    n_fft: int = 2_048,
    hop_length: int = 512,
    window: npt.NDArray[np.float32] | None = None,
    centred: bool = True,
) -> tuple[Tensor, Tensor]:
    """Short-time Fourier transform of one whole signal.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples,)]
    n_fft, hop_length : int (samples)
        2 048 samples are 93 ms at 22 050 Hz, 512 are 23 ms. `n_fft` is even.
    window : np.ndarray [shape=(n_fft,)], optional
        The periodic Hann window unless given.
    centred : bool
        True: frame i is centred on sample i * hop_length, with zeros around the signal.
        False: it starts there, and the signal must hold at least one frame.

    Returns
    -------
    tuple of tensors [shape=(n_frames, n_fft // 2 + 1)]
        Real and imaginary parts, e^(-i omega t); n_frames = 1 + n_samples // hop_length when centred.

    Raises
    ------
    ValueError
        If the signal is shorter than a frame and not centred.

    Examples
    --------
    >>> real, imaginary = stft(np.ones(2_048, dtype=np.float32))
    >>> tuple(real.shape)
    (5, 1025)
    """
    around = n_fft // 2 if centred else 0
    n_frames = 1 + (len(signal) + 2 * around - n_fft) // hop_length
    if n_frames < 1:
        raise ValueError(f"signal must hold n_fft = {n_fft} samples unless centred, got {len(signal)}")
    block = np.zeros((1, (n_frames - 1 + math.ceil(n_fft / hop_length)) * hop_length), dtype=np.float32)
    stop = min(len(signal), block.shape[1] - around)
    block[0, around : around + stop] = signal[:stop]
    window = hann(n_fft) if window is None else np.asarray(window, dtype=np.float32)
    real, imaginary = stft_of_blocks(ops.convert_to_tensor(block), n_fft=n_fft, hop_length=hop_length, window=window)
    return real[0], imaginary[0]


def mel_spectrogram(signal: npt.NDArray[np.float32], *, spec: MfccSpec | None = None) -> Tensor:
    """Power mel spectrogram of one whole signal.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples,)]
    spec : MfccSpec, optional

    Returns
    -------
    tensor [shape=(1 + n_samples // hop_length, n_mels)]

    Examples
    --------
    >>> tuple(mel_spectrogram(np.ones(22_050, dtype=np.float32)).shape)
    (44, 128)
    """
    spec = spec or MfccSpec()
    real, imaginary = stft(signal, n_fft=spec.n_fft, hop_length=spec.hop_length)
    return ops.matmul(real * real + imaginary * imaginary, ops.convert_to_tensor(mel_filterbank(spec)))


def _weighted(power: Tensor, bands: npt.NDArray[np.float32]) -> Tensor:
    """Power in a few neighbouring mel bands, from the bins that they span."""
    bins = np.flatnonzero(bands.any(axis=1))
    # Bands narrower than a bin may hold none at all; one bin of weight 0 stands in.
    start, stop = (bins[0], bins[-1] + 1) if bins.size else (0, 1)
    return ops.matmul(power[:, :, start:stop], ops.convert_to_tensor(np.ascontiguousarray(bands[start:stop])))


def _dct_basis(n_mels: int, n_mfcc: int) -> npt.NDArray[np.float64]:
    """First columns of the orthonormal DCT-II [shape=(n_mels, n_mfcc)]."""
    angles = np.pi / n_mels * (np.arange(n_mels)[:, None] + 0.5) * np.arange(n_mfcc)
    basis = np.sqrt(2.0 / n_mels) * np.cos(angles)
    basis[:, 0] = np.sqrt(1.0 / n_mels)
    return basis
