# pyright: basic
"""A stream of signals to a stream of MFCC and mel frames, at one fixed shape of computation.

Signals are cut into blocks of `block_frames` frames and blocks are computed `batch_blocks` at a time, whatever
tracks they come from. So nothing is padded beyond a track's last block and nothing is ever traced twice.
A batch is computed in two steps: mel powers at once, then the cepstrum as soon as the loudest frame of each of its
tracks is known, since that frame sets the floor of all the others.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from audiosim.features.backend import Tensor, compiled, ops
from audiosim.features.frames import TrackFrames
from audiosim.features.spec import MfccSpec
from audiosim.features.spectrum import mel_of_blocks, mfcc_of_blocks, samples_per_block

Key = TypeVar("Key")

# Power that stands for digital silence, -300 dB: the floor of a track without any sound, where 80 dB under the
# maximum would be the logarithm of 0.
_SILENCE = 1e-30

# Above this a squared spectrum may leave float32. Sound lies within +-1, or +-32 768 if somebody forgot to scale it.
_LARGEST_SAMPLE = 1e12


def check_signal(signal: npt.NDArray[np.float32]) -> None:
    """Refuse what is no signal, so that a pipeline can do so beside the track's name, before it joins the stream.

    Parameters
    ----------
    signal : np.ndarray [shape=(n_samples >= 1,), float32]

    Raises
    ------
    ValueError
        If the signal is empty, not one-dimensional, not float32, or not finite.
    """
    if signal.ndim != 1 or not signal.size or signal.dtype != np.float32:
        raise ValueError(
            "signal must be float32 of shape (n_samples >= 1,), "
            f"got {signal.dtype} of shape {signal.shape}; mix down and convert it first"
        )
    # NaN passes through min and max, and fails every comparison.
    if not (signal.max() <= _LARGEST_SAMPLE and signal.min() >= -_LARGEST_SAMPLE):
        raise ValueError(
            f"samples must be finite and at most {_LARGEST_SAMPLE:.0e} in size, "
            f"got values from {signal.min()} to {signal.max()}; the decoder or the file is broken"
        )


@dataclass(slots=True, eq=False)
class _Track(Generic[Key]):
    """A track on its way; `peak` is the largest mel power met so far, final once no frame is `unheard`."""

    key: Key
    frames: TrackFrames
    unheard: int
    peak: float = 0.0


@dataclass(slots=True, eq=False)
class _Batch(Generic[Key]):
    """Blocks computed together; row r holds the frames of `rows[r]`, from the frame given there on."""

    rows: list[tuple[_Track[Key], int]] = field(default_factory=list)
    mel: Tensor = None


class MfccExtractor:
    """Turns signals into MFCC, lazily, in order and in bounded memory.

    Frames equal `librosa.feature.mfcc` to within 1e-3, except that the floor hangs on the track's maximum alone:
    librosa also raises everything below -100 dB, so that there a quiet copy of a track differs from the track.
    The frames of a track do not depend on which tracks are computed with it.

    Parameters
    ----------
    spec : MfccSpec
    n_coefficients : int, from `spec.n_mfcc` to `spec.n_mels`, optional
        How many coefficients `extract_keyed` gives: the first n_mfcc of them have the same bits however many follow.
    keep_mel : bool
        Whether `extract_keyed` gives the mel powers too.
    batch_blocks : int
        Blocks computed at once. On a CPU 8 stay in the second-level cache; a GPU wants 64 and more.
    block_frames : int (frames)
        Frames of a block. A track costs up to one block more than it has frames.

    Examples
    --------
    >>> extractor = MfccExtractor(MfccSpec())
    >>> [frames.shape for frames in extractor.extract([np.ones(22_050, np.float32), np.ones(100, np.float32)])]
    [(44, 20), (1, 20)]
    """

    def __init__(
        self,
        spec: MfccSpec,
        *,
        n_coefficients: int | None = None,
        keep_mel: bool = False,
        batch_blocks: int = 8,
        block_frames: int = 96,
    ) -> None:
        if batch_blocks < 1 or block_frames < 1:
            raise ValueError(f"batch_blocks and block_frames must be at least 1, got {batch_blocks} and {block_frames}")
        self.n_coefficients = spec.n_mfcc if n_coefficients is None else n_coefficients
        if not spec.n_mfcc <= self.n_coefficients <= spec.n_mels:
            raise ValueError(
                f"n_coefficients must lie between n_mfcc = {spec.n_mfcc} and n_mels = {spec.n_mels}, "
                f"got {self.n_coefficients}"
            )
        self.spec = spec
        self.keep_mel = keep_mel
        self.batch_blocks = batch_blocks
        self.block_frames = block_frames
        self._mel = compiled(self._mel_and_peaks)
        self._mfcc = compiled(self._cepstrum)

    def extract(self, signals: Iterable[npt.NDArray[np.float32]]) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the MFCC of every signal, in order; see `extract_keyed`."""
        for _, frames in self.extract_keyed(enumerate(signals)):
            yield frames.mfcc

    def extract_keyed(self, items: Iterable[tuple[Key, npt.NDArray[np.float32]]]) -> Iterator[tuple[Key, TrackFrames]]:
        """Yield the frames of every signal with the signal's key, in order.

        Signals are taken one by one, no more than a batch ahead of the frames that are yielded. Tracks that could
        not be decoded simply do not enter the stream: the key tells which ones did.

        Parameters
        ----------
        items : Iterable[tuple[Key, np.ndarray [shape=(n_samples >= 1,), float32]]]
            Mono signals at the spec's sample rate.

        Yields
        ------
        tuple[Key, TrackFrames]
            Of 1 + n_samples // hop_length frames.

        Raises
        ------
        ValueError
            If a signal is not finite or not a float32 vector; the text names its key. See `check_signal`.
        """
        heard: deque[_Batch[Key]] = deque()
        batch: _Batch[Key] = _Batch()
        # Reused for every batch: the peaks are read back before it is written again.
        blocks = np.zeros((self.batch_blocks, samples_per_block(self.spec, self.block_frames)), np.float32)
        for key, signal in items:
            track = self._begin(key, signal)
            for first_frame in range(0, len(track.frames), self.block_frames):
                self._cut(signal, first_frame, blocks[len(batch.rows)])
                batch.rows.append((track, first_frame))
                if len(batch.rows) == self.batch_blocks:
                    heard.append(self._hear(batch, blocks))
                    batch = _Batch()
            del signal
            yield from self._finish(heard)
        if batch.rows:
            heard.append(self._hear(batch, blocks))
        yield from self._finish(heard)

    def _begin(self, key: Key, signal: npt.NDArray[np.float32]) -> _Track[Key]:
        """Check a signal at the door and make room for its frames."""
        try:
            check_signal(signal)
        except ValueError as error:
            raise ValueError(f"track {key!r}: {error}") from error
        n_frames = self.spec.n_frames(signal.size)
        mel_power = np.empty((n_frames, self.spec.n_mels), np.float32) if self.keep_mel else None
        frames = TrackFrames(np.empty((n_frames, self.n_coefficients), np.float32), mel_power)
        return _Track(key=key, frames=frames, unheard=n_frames)

    def _cut(self, signal: npt.NDArray[np.float32], first_frame: int, block: npt.NDArray[np.float32]) -> None:
        """Copy the samples under one block's windows; beyond the signal there is silence."""
        start = first_frame * self.spec.hop_length - self.spec.n_fft // 2
        before = max(0, -start)
        samples = signal[start + before : start + block.size]
        block[:before] = 0.0
        block[before : before + samples.size] = samples
        block[before + samples.size :] = 0.0

    def _hear(self, batch: _Batch[Key], blocks: npt.NDArray[np.float32]) -> _Batch[Key]:
        """Compute the mel powers of a batch and tell its tracks how loud they are."""
        batch.mel, peaks = self._mel(ops.convert_to_tensor(blocks))
        peaks = ops.convert_to_numpy(peaks)
        for row, (track, first_frame) in enumerate(batch.rows):
            # Frames beyond the end of the track still hear its last window; they are none of its frames.
            of_track = peaks[row, : len(track.frames) - first_frame]
            track.peak = max(track.peak, float(of_track.max()))
            track.unheard -= of_track.size
        return batch

    def _finish(self, heard: deque[_Batch[Key]]) -> Iterator[tuple[Key, TrackFrames]]:
        """Compute the cepstra of batches whose tracks have been heard to the end, and yield tracks completed."""
        # Tracks come in order, so the track of the last row is the last to be complete.
        while heard and not heard[0].rows[-1][0].unheard:
            batch = heard.popleft()
            mfcc = self._cepstra_of(batch)
            mel_power = ops.convert_to_numpy(batch.mel) if self.keep_mel else None
            for row, (track, first_frame) in enumerate(batch.rows):
                stop = min(first_frame + self.block_frames, len(track.frames))
                track.frames.mfcc[first_frame:stop] = mfcc[row, : stop - first_frame]
                if mel_power is not None and track.frames.mel_power is not None:
                    track.frames.mel_power[first_frame:stop] = mel_power[row, : stop - first_frame]
                if stop == len(track.frames):
                    yield track.key, track.frames

    def _cepstra_of(self, batch: _Batch[Key]) -> npt.NDArray[np.float32]:
        """Cepstra of a batch whose tracks have all been heard [shape=(batch_blocks, block_frames, n_coefficients)]."""
        floors = np.full(self.batch_blocks, _SILENCE)
        for row, (track, _) in enumerate(batch.rows):
            floors[row] = max(track.peak * 10.0 ** (-self.spec.top_db / 10.0), _SILENCE)
        floors_db = 10.0 * np.log10(floors)
        parts = self._mfcc(
            batch.mel,
            ops.convert_to_tensor(floors.astype(np.float32)),
            ops.convert_to_tensor(floors_db.astype(np.float32)),
        )
        return np.concatenate([ops.convert_to_numpy(part) for part in parts], axis=-1)

    def _mel_and_peaks(self, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """Mel powers and the largest of every frame."""
        mel = mel_of_blocks(blocks, self.spec)
        return mel, ops.max(mel, axis=-1)

    def _cepstrum(self, mel: Tensor, floors: Tensor, floors_db: Tensor) -> tuple[Tensor, ...]:
        """Cepstra of a batch of mel powers: the coefficients of the spec, then those beyond."""
        mfcc = mfcc_of_blocks(mel, floors, floors_db, self.spec)
        if self.n_coefficients == self.spec.n_mfcc:
            return (mfcc,)
        # A product of its own: a wider one adds up in another order, and stored frames were made by the narrow one.
        wider = mfcc_of_blocks(mel, floors, floors_db, replace(self.spec, n_mfcc=self.n_coefficients))
        return mfcc, wider[..., self.spec.n_mfcc :]
