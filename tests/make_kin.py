"""Pieces of music, copies and versions of them, and their features as the library has them, without TensorFlow."""

import numpy as np
import scipy.fft

from audiosim.alignment.recording import detail_of
from audiosim.audio import trim
from audiosim.features.chroma import ChromaSpec, chroma
from audiosim.features.frames import TrackFrames
from audiosim.features.spec import MfccSpec
from audiosim.sources.synthesis import Note, render
from audiosim_pipelines.pages.track.sound import mel_powers

RATE = 22_050
FRAME_RATE = ChromaSpec().frame_rate
_SCALE = (0, 2, 4, 5, 7, 9, 11)


def score(seed, *, seconds=16.0):
    """Notes of a melody, and of the chords below it; twice as many of the former."""
    rng = np.random.default_rng([20_261_121, seed])
    tonic, beat = int(rng.integers(48, 60)), 0.5
    melody, chords = [], []
    for k in range(round(seconds / beat)):
        for half in range(int(rng.integers(1, 3))):
            degree = int(rng.integers(0, 14))
            onset = (k + half / 2) * beat
            melody.append(Note(onset, beat * rng.uniform(0.4, 0.7), _pitch(tonic + 12, degree), rng.uniform(0.5, 1.0)))
        if k % 4 == 0:
            root = int(rng.integers(0, 7))
            chords += [Note(k * beat, 3.8 * beat, _pitch(tonic, root + step), 0.5) for step in (0, 2, 4)]
    return melody, chords


def played(parts, *, timbres=("string", "organ"), ratio=1.0, semitones=0, seed=None, spread=0.0):
    """Both parts on instruments of their own; with a seed, by a player whose tempo wanders and notes are loose."""
    rng = np.random.default_rng(seed)
    # Up to `spread` seconds ahead or behind, slowly.
    wander = spread * np.sin(rng.uniform(0, 2 * np.pi) + np.arange(0.0, 600.0) * rng.uniform(0.6, 0.9))
    signals = []
    for notes, timbre in zip(parts, timbres, strict=True):
        moved = []
        for note in notes:
            onset = note.onset / ratio
            if seed is not None:
                onset = max(0.0, onset + np.interp(onset, np.arange(0.0, 600.0), wander) + rng.normal(0.0, 0.01))
            loudness = note.velocity if seed is None else float(np.clip(note.velocity * rng.normal(1, 0.05), 0.1, 1.0))
            moved.append(Note(onset, note.duration / ratio, note.pitch + semitones, loudness))
        signals.append(render(moved, timbre=timbre, sample_rate=RATE))
    mixed = np.zeros(max(map(len, signals)), np.float32)
    for signal, gain in zip(signals, (0.5, 0.35), strict=True):
        mixed[: len(signal)] += np.float32(gain) * signal
    return mixed


def _pitch(tonic, degree):
    octave, step = divmod(degree, 7)
    return tonic + 12 * octave + _SCALE[step]


def mfcc_of(mel_power, spec, n_coefficients):
    level = 10.0 * np.log10(np.maximum(mel_power, 1e-30))
    floored = np.maximum(level, level.max() - spec.top_db)
    return scipy.fft.dct(floored, norm="ortho", axis=1)[:, :n_coefficients].astype(np.float32)


def frames_of(signal):
    """MFCC and chroma of a signal, trimmed as the library trims."""
    sound, spec = np.ascontiguousarray(trim(signal)), MfccSpec()
    return mfcc_of(mel_powers(sound, spec), spec, spec.n_mfcc), chroma(sound, ChromaSpec())


def detail(signal):
    mfcc, classes = frames_of(signal)
    return detail_of(mfcc, classes, frame_rate=FRAME_RATE)


class MelExtractor:
    """Stands in for the MFCC of `extract`: the same numbers to rounding, without the seconds that TensorFlow takes."""

    def __init__(self, spec, *, n_coefficients, keep_mel):
        self.spec = spec
        self.n_coefficients = n_coefficients
        self.keep_mel = keep_mel

    def extract_keyed(self, items):
        for key, samples in items:
            power = mel_powers(samples, self.spec)
            yield key, TrackFrames(mfcc_of(power, self.spec, self.n_coefficients), power if self.keep_mel else None)
