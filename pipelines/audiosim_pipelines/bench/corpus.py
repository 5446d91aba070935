"""Music for benchmarks: MFCC of a folder, or of the synthesised demo, cut to tracks of one length."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audiosim.audio import AudioSpec, load
from audiosim.errors import AudioError, SourceError
from audiosim.features.spec import MfccSpec
from audiosim.sources.demo import write_demo
from audiosim.sources.folder import FoundFile, find_audio

Frames = npt.NDArray[np.float32]

N_FRAMES = 1_292  # 30 s at 43.07 frames/s
_CLIP_SECONDS = 120.0  # of each file; a few long files must not be all the music
_PERTURBATION = 0.3  # of a standard deviation


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Standardized MFCC and where they come from.

    Attributes
    ----------
    clips : tuple of (n_frames, n_dims) float32
        The frames of each file, of its own length.
    description : str
        What the clips are, for the reader of a figure.
    """

    clips: tuple[Frames, ...]
    description: str

    def tracks(self, n_tracks: int, *, n_frames: int = N_FRAMES, first: int = 0) -> Frames:
        """Tracks `first` ... `first + n_tracks - 1` of an endless series, (n_tracks, n_frames, n_dims).

        The clips are laid end to end and cut to tracks. When they are used up they come round again, shifted in time
        and with noise of 0.3 standard deviations, so that no two tracks are alike. A track does not depend on how
        many are asked for.
        """
        stream = np.concatenate(self.clips)
        return np.stack([_cut(stream, first + index, n_frames) for index in range(n_tracks)])

    def n_original(self, n_frames: int = N_FRAMES) -> int:
        """Tracks that the clips yield before they come round again."""
        return sum(map(len, self.clips)) // n_frames


def _cut(stream: Frames, track: int, n_frames: int) -> Frames:
    n_original = len(stream) // n_frames
    if track < n_original:
        return stream[track * n_frames : (track + 1) * n_frames]
    rng = np.random.default_rng([20_261_121, track])
    start = int(rng.integers(len(stream)))
    frames = np.take(stream, np.arange(start, start + n_frames), axis=0, mode="wrap")
    return (frames + _PERTURBATION * rng.standard_normal(frames.shape, dtype=np.float32)).astype(np.float32)


def read(folder: Path | None, *, n_frames: int) -> Corpus:
    """MFCC of a folder's music, or of the demo's, until there are at least `n_frames` frames or no more files.

    Raises
    ------
    SourceError
        If the folder holds no audio that can be read.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="audiosim-bench-") as place:
            write_demo(Path(place))
            return _corpus(Path(place), n_frames, "the synthesised demo")
    return _corpus(folder, n_frames, f"the folder {folder.resolve().name}")


def _corpus(folder: Path, n_frames: int, name: str) -> Corpus:
    clips: list[Frames] = []
    total = 0
    for frames in _mfcc(folder):
        clips.append(frames)
        total += len(frames)
        if total >= n_frames:
            break
    if not clips:
        raise SourceError(f"{folder} must hold audio that can be read, found none; name another folder")
    every = np.concatenate(clips).astype(np.float64)
    mean, spread = every.mean(axis=0), np.maximum(every.std(axis=0), 1e-6)
    scaled = tuple(((frames - mean) / spread).astype(np.float32) for frames in clips)
    return Corpus(scaled, f"standardized MFCC of {name} ({len(clips)} files, {total} frames)")


def _mfcc(folder: Path) -> Iterator[Frames]:
    """Frames of one file after the other; what cannot be decoded is passed over."""
    from audiosim.features.mfcc import MfccExtractor  # noqa: PLC0415 - loads Keras

    spec = MfccSpec()

    def signals() -> Iterator[npt.NDArray[np.float32]]:
        for found in find_audio(folder):
            if isinstance(found, FoundFile):
                try:
                    yield load(found.path, spec=AudioSpec())[: round(_CLIP_SECONDS * spec.sample_rate)]
                except AudioError:
                    continue

    yield from MfccExtractor(spec).extract(signals())
