"""Chroma of pieces that are composed at random: a melody over chords, played at any tempo and in any key."""

from dataclasses import dataclass

import numpy as np

FRAME_RATE = 22_050 / 512
_SCALE = np.array([0, 2, 4, 5, 7, 9, 11])


@dataclass(frozen=True)
class Score:
    """Notes: onsets and durations in beats, and pitch classes."""

    onsets: np.ndarray
    durations: np.ndarray
    pitches: np.ndarray

    @property
    def n_beats(self):
        return float((self.onsets + self.durations).max())

    def part(self, start, stop):
        inside = (self.onsets >= start) & (self.onsets < stop)
        return Score(self.onsets[inside] - start, self.durations[inside], self.pitches[inside])

    def __add__(self, other):
        return Score(
            np.concatenate([self.onsets, other.onsets + self.n_beats]),
            np.concatenate([self.durations, other.durations]),
            np.concatenate([self.pitches, other.pitches]),
        )


def compose(seed, *, n_bars=16):
    """Four beats a bar, a chord a bar, and a melody of the chord's notes and their neighbours; the key is random."""
    rng = np.random.default_rng([20_261_121, seed])
    tonic = rng.integers(12)
    notes = []
    for bar in range(n_bars):
        chord = int(rng.integers(6))
        notes += [(4.0 * bar, 4.0, chord + step) for step in (0, 2, 4)]
        notes += [(4.0 * bar + beat, 1.0, chord + int(rng.choice([0, 1, 2, 4, 5, 6]))) for beat in range(4)]
    onsets, durations, degrees = (np.array(column) for column in zip(*notes, strict=True))
    return Score(onsets, durations, (tonic + _SCALE[degrees.astype(int) % 7]) % 12)


def play(score, *, tempo=120.0, semitones=0, seed=0, noise=0.03, sway=0.0):
    """Chroma (n_frames, 12) float32, and the onsets of the score's notes in seconds.

    `sway` is by what share the tempo comes and goes, every eleven beats or so.
    """
    rng = np.random.default_rng([20_261_122, seed])
    beats = np.linspace(0.0, score.n_beats, 2_000)
    pace = 60.0 / tempo * (1.0 + sway * np.sin(beats / 1.8 + rng.uniform(0, 6)))
    seconds = np.concatenate([[0.0], np.cumsum((pace[1:] + pace[:-1]) / 2 * np.diff(beats))])
    starts = np.interp(score.onsets, beats, seconds)
    stops = np.interp(score.onsets + score.durations, beats, seconds)
    times = np.arange(int(seconds[-1] * FRAME_RATE)) / FRAME_RATE
    frames = rng.random((len(times), 12)) * noise
    for start, stop, pitch in zip(starts, stops, score.pitches, strict=True):
        level = np.where((times >= start) & (times < stop), np.exp(-(times - start) / 2.0), 0.0)
        for interval, share in ((0, 1.0), (7, 0.25), (4, 0.1)):
            frames[:, (pitch + semitones + interval) % 12] += share * level
    return (frames / frames.max(axis=1, keepdims=True)).astype(np.float32), starts
