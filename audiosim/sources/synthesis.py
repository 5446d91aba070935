"""Four small instruments in numpy, and a renderer that plays a list of notes on one of them.

The instruments are chosen to sound clearly unlike one another: a plucked string that is bright and dies away, an organ
that is dark and steady, bells that are high and inharmonic, brass that is harsh and swells.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float32]

PEAK = 0.8  # of full scale: nothing clips, whatever the decoder does
_TABLE_LENGTH = 16_384  # samples in one period of a wavetable
_STRING_SECONDS = 2.5  # a plucked string is computed this long, once a pitch


@dataclass(frozen=True, slots=True)
class Note:
    """One note of a performance.

    `onset` and `duration` are in seconds, `pitch` is a MIDI number (69 is 440 Hz; a cent is .01), `velocity` lies in
    0..1.
    """

    onset: float
    duration: float
    pitch: float
    velocity: float


def render(notes: Sequence[Note], *, timbre: str, sample_rate: int = 22_050, seed: int = 0) -> Signal:
    """Play notes on an instrument.

    Parameters
    ----------
    notes
        At least one note, in any order.
    timbre
        A name in `TIMBRES`.
    sample_rate
        Hz.
    seed
        Of the noise that plucks the strings.

    Returns
    -------
    numpy.ndarray, float32, (n_samples,)
        Mono, scaled to a peak of 0.8.

    Raises
    ------
    ValueError
        If there are no notes or the timbre is unknown.

    Examples
    --------
    >>> signal = render([Note(0.0, 0.5, 69.0, 1.0)], timbre="organ")
    >>> signal.dtype, round(float(abs(signal).max()), 3)
    (dtype('float32'), 0.8)
    """
    if timbre not in _INSTRUMENTS:
        raise ValueError(f"timbre must be one of {', '.join(TIMBRES)}, got {timbre!r}")
    if not notes:
        raise ValueError("notes must hold at least one note, got none")
    play = _INSTRUMENTS[timbre]
    parts = [(round(note.onset * sample_rate), play(note, sample_rate, seed)) for note in notes]
    signal = np.zeros(max(start + len(part) for start, part in parts), np.float32)
    for start, part in parts:
        signal[start : start + len(part)] += part
    return signal * np.float32(PEAK / np.abs(signal).max())


def frequency_of(pitch: float) -> float:
    """Hz of a MIDI pitch in equal temperament."""
    return 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)


def _seconds(note: Note, sample_rate: int, *, ring: float) -> Signal:
    """Time since the onset, in seconds, until `ring` seconds after the note's end."""
    return np.arange(round((note.duration + ring) * sample_rate), dtype=np.float32) / np.float32(sample_rate)


def _gate(seconds: Signal, note: Note, *, attack: float, release: float) -> Signal:
    """Rise within `attack` seconds, hold at 1, fall to 0 within `release` seconds of the note's end."""
    rise = seconds / np.float32(attack)
    fall = (np.float32(note.duration + release) - seconds) / np.float32(release)
    return np.clip(np.minimum(rise, fall), np.float32(0), np.float32(1))


def _string(note: Note, sample_rate: int, seed: int) -> Signal:
    """A Karplus-Strong string, damped when the note ends."""
    seconds = _seconds(note, sample_rate, ring=0.25)[: round(_STRING_SECONDS * sample_rate)]
    frequency = frequency_of(note.pitch)
    # The table holds whole-sample periods; reading it at a fractional step tunes it.
    period = int(np.ceil(sample_rate / frequency))
    table = _plucked(period, sample_rate, seed)
    position = np.arange(len(seconds)) * (frequency * (period + 0.5) / sample_rate)
    wave = np.interp(position, np.arange(len(table)), table).astype(np.float32)
    return wave * _gate(seconds, note, attack=0.002, release=0.25) * np.float32(note.velocity)


@functools.lru_cache(maxsize=64)
def _plucked(period: int, sample_rate: int, seed: int) -> Signal:
    """Noise of one period, then each period the mean of the two samples one period back (Karplus and Strong, 1983)."""
    n_samples = round(_STRING_SECONDS * sample_rate * 1.2)
    rng = np.random.default_rng([seed, period])
    string = np.zeros(period + 1 + n_samples, np.float32)
    string[1 : period + 1] = rng.choice(np.array([-1, 1], np.float32), period)
    # 60 dB down after 4 s at the fundamental, however short the period.
    loss = np.float32(0.5 * 10 ** (-3 * period / sample_rate / 4))
    for start in range(period + 1, len(string), period):
        stop = min(start + period, len(string))
        earlier = string[start - period - 1 : stop - period]
        string[start:stop] = loss * (earlier[1:] + earlier[:-1])
    return string[1:]


def _organ(note: Note, sample_rate: int, seed: int) -> Signal:
    """Two ranks of pipes from the suboctave up, three cents out of tune each way, under a tremulant."""
    del seed
    seconds = _seconds(note, sample_rate, ring=0.12)
    table = _wavetable(((1, 0.8), (2, 1.0), (4, 0.3), (6, 0.08)))
    wave = sum(_read(table, frequency_of(note.pitch - 12 + cents / 100), seconds) for cents in (-3.0, 3.0))
    tremulant = 1 + np.float32(0.15) * np.sin(np.float32(2 * np.pi * 5.5) * seconds)
    return wave * tremulant * _gate(seconds, note, attack=0.05, release=0.12) * np.float32(0.4 * note.velocity)


def _bell(note: Note, sample_rate: int, seed: int) -> Signal:
    """Frequency modulation at an inharmonic ratio, an octave up, ringing on after the note."""
    del seed
    seconds = _seconds(note, sample_rate, ring=0.7)
    angle = np.float32(2 * np.pi * frequency_of(note.pitch + 12)) * seconds
    index = np.float32(3.5 * note.velocity) * np.exp(seconds / np.float32(-0.35))
    wave = np.sin(angle + index * np.sin(np.float32(2.76) * angle))
    decay = np.exp(seconds / np.float32(-0.6))
    return wave * decay * _gate(seconds, note, attack=0.001, release=0.7) * np.float32(note.velocity)


def _brass(note: Note, sample_rate: int, seed: int) -> Signal:
    """A dull wave to which the overtones of a sawtooth are added while the attack swells."""
    del seed
    seconds = _seconds(note, sample_rate, ring=0.08)
    frequency = frequency_of(note.pitch)
    n_harmonics = min(32, int(0.45 * sample_rate / frequency))
    dull = _wavetable(tuple((k, 1.0 / k**2) for k in range(1, n_harmonics + 1)))
    overtones = _wavetable(tuple((k, 1.0 / k) for k in range(2, n_harmonics + 1)))
    swell = np.minimum(seconds / np.float32(0.09), np.float32(1)) * np.float32(0.1 + 0.35 * note.velocity)
    wave = _read(dull, frequency, seconds)
    wave += swell * _read(overtones, frequency, seconds)
    return wave * _gate(seconds, note, attack=0.04, release=0.08) * np.float32(note.velocity)


@functools.lru_cache(maxsize=256)
def _wavetable(harmonics: tuple[tuple[int, float], ...]) -> Signal:
    """One period of the sum of sines, scaled to an RMS of 0.5."""
    phase = 2 * np.pi * np.arange(_TABLE_LENGTH) / _TABLE_LENGTH
    wave = sum(amplitude * np.sin(k * phase) for k, amplitude in harmonics)
    assert isinstance(wave, np.ndarray)
    return (0.5 * wave / np.sqrt(np.mean(wave**2))).astype(np.float32)


def _read(table: Signal, frequency: float, seconds: Signal) -> Signal:
    """Repeat a wavetable at `frequency` Hz; its length is a power of two, so the index wraps by a mask."""
    # float64: a float32 phase would drift audibly within seconds.
    position = seconds.astype(np.float64) * (frequency * _TABLE_LENGTH)
    return table[position.astype(np.int64) & (_TABLE_LENGTH - 1)]


_INSTRUMENTS: dict[str, Callable[[Note, int, int], Signal]] = {
    "string": _string,
    "organ": _organ,
    "bell": _bell,
    "brass": _brass,
}
TIMBRES = tuple(_INSTRUMENTS)
