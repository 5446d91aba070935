"""Constant time offsets at which two tracks may be the same sound, and the windows that are.

What is compared is how a track changes from moment to moment, window by window; see `audiosim.alignment.recording`.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.ndimage import uniform_filter1d

Values = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

N_CLASSES = 12

# From these correlations on, two windows are the same sound. In nearly all windows synthesised copies keep to .9 and .6
# through mp3 at 64 kbit/s, an equaliser or a low-pass at 4 kHz, and what spoils one leaves the other near 1. The same
# notes on another instrument reach one of them at most, another melody over the same chords neither.
SAME_HARMONY = 0.85
SAME_TIMBRE = 0.5
SAME_SUM = 1.5
# Frames between a window's own offset and that of all; copies stay within .1, performances stray by 1 and more.
SAME_OFFSET = 0.3

_WINDOW = 2.0  # seconds: some notes, too many to agree by chance, yet too few to drift apart
_HOP = 0.25  # seconds from one window to the next
_SMOOTHED = 0.12  # seconds; copies lie up to half a frame apart, which must not matter
_FORGOTTEN = 1.0  # seconds; an equaliser's curve lasts longer, and so does what is no event
_STILL = 0.05  # share of what happens in a track on average, below which there is nothing to compare
_COARSE = 2  # frames that are taken together while offsets are sought
_N_OFFSETS = 8  # that are tried: of the parts of an edit, or of the bars of what repeats itself
_APART = 0.25  # seconds between any two of them
_OVERLAP = 4.0  # seconds that two tracks share at an offset at least
_SEARCHED = 3  # frames around an offset within which windows have their own
_LARGEST_DRIFT = 0.002  # frames a frame: what two clocks or good tape machines differ by
_ROUNDS = 2  # of fitting a line, each to windows that lie nearer to it
_ROUNDING = 1e-9  # what does not exceed this is 0 but for rounding


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """How a track sounds and how it changes from moment to moment, see `detail_of`.

    Attributes
    ----------
    mfcc : np.ndarray [shape=(n_frames, n_coefficients), float32]
        Without c0.
    timbre : np.ndarray [shape=(n_frames, n_coefficients), float32]
    harmony : np.ndarray [shape=(n_frames, 12), float32]
        Changes of MFCC and of chroma. The squared norms of either have the mean 1, or 0 where nothing ever changes.
    frame_rate : float (frames / s)
    """

    mfcc: Values
    timbre: Values
    harmony: Values
    frame_rate: float

    @property
    def n_frames(self) -> int:
        """Frames of the track."""
        return len(self.timbre)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two tracks, and windows of A, `hop` frames apart; sums of squared norms up to each frame, timbre first."""

    a: Detail
    b: Detail
    a_energy: tuple[Floats, Floats]
    b_energy: tuple[Floats, Floats]
    window: int
    hop: int
    starts: Integers

    @classmethod
    def of(cls, a: Detail, b: Detail) -> Self:
        """Lay windows on A, the last of which ends with it."""
        window = min(round(_WINDOW * a.frame_rate), a.n_frames, b.n_frames)
        last, hop = a.n_frames - window, max(1, round(_HOP * a.frame_rate))
        return cls(a, b, _energies(a), _energies(b), window, hop, np.append(np.arange(0, last, hop), last))


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """An offset along A, constant or slowly drifting, and the windows of A around it.

    Attributes
    ----------
    correlation : float in [-1, 1]
        Of all that changes in both tracks where they overlap.
    offsets : np.ndarray [shape=(n_windows,), float64] (frames)
        Of the line: a frame of A less the frame of B that belongs to it.
    drift : float
        Frames by which the offset grows in a frame of A.
    own : np.ndarray [shape=(n_windows,), float64] (frames)
        Where each window fits best around the line; NaN where it has no counterpart, or nothing happens in both.
    timbre, harmony : np.ndarray [shape=(n_windows,), float64]
        Correlations of MFCC and of chroma there, or NaN.
    """

    correlation: float
    offsets: Floats
    drift: float
    own: Floats
    timbre: Floats
    harmony: Floats

    @property
    def alike(self) -> Flags:
        """Windows that are the same sound."""
        is_enough = (self.timbre >= SAME_TIMBRE) & (self.harmony >= SAME_HARMONY)
        return is_enough & (self.timbre + self.harmony >= SAME_SUM)

    @property
    def kept(self) -> Flags:
        """Windows that are the same sound at the offset of the line."""
        return self.alike & (np.abs(self.own - self.offsets) <= SAME_OFFSET)


def detail_of(mfcc: npt.NDArray[np.floating], chroma: npt.NDArray[np.floating], *, frame_rate: float) -> Detail:
    """How a track changes from moment to moment.

    Means over .12 s, less means over a second. What lasts longer, such as the curve of an equaliser, adds a constant to
    MFCC and so is gone. Gain is in c0 alone, which is left out; the other coefficients count the same.

    Parameters
    ----------
    mfcc : np.ndarray [shape=(n_frames >= 1, n_mfcc >= 2)]
        c0 first.
    chroma : np.ndarray [shape=(n_frames, 12)]
        Of the same frames.
    frame_rate : float, at least 17 (frames / s)
        Fewer could not be smoothed over .12 s.

    Returns
    -------
    Detail

    Raises
    ------
    ValueError
        If shapes or the rate are not as above.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> detail_of(rng.normal(size=(100, 20)), rng.uniform(size=(100, 12)), frame_rate=43.0).timbre.shape
    (100, 19)
    """
    if mfcc.ndim != 2 or not len(mfcc) or mfcc.shape[1] < 2:
        raise ValueError(f"mfcc must have shape (n_frames >= 1, n_mfcc >= 2), got {mfcc.shape}")
    if chroma.shape != (len(mfcc), N_CLASSES):
        raise ValueError(
            f"chroma must have shape ({len(mfcc)}, {N_CLASSES}), as many frames as mfcc, got {chroma.shape}"
        )
    if not 2.0 / _SMOOTHED <= frame_rate < math.inf:
        raise ValueError(
            f"frame_rate must be at least {2.0 / _SMOOTHED:.1f} frames/s, got {frame_rate}; use a shorter hop"
        )
    coefficients = mfcc[:, 1:].astype(np.float32, copy=False)
    timbre, harmony = _changes(coefficients, frame_rate), _changes(chroma, frame_rate)
    spread = timbre.std(axis=0) * math.sqrt(timbre.shape[1])
    strength = math.sqrt(float(np.square(harmony).sum(axis=1).mean()))
    return Detail(coefficients, _divided(timbre, spread), _divided(harmony, np.full(N_CLASSES, strength)), frame_rate)


def lines_of(pair: Pair) -> list[Line]:
    """Lines at the offsets at which two tracks agree more than at others, the most significant first.

    Parameters
    ----------
    pair : Pair

    Returns
    -------
    list[Line]
        At most 8, .25 s and more apart; none where nothing changes in one of the tracks. Only lines along which some
        windows might be the same sound are fitted; the others have the offsets that were tried.
    """
    offsets, correlations, significance = _correlations(pair.a, pair.b)
    lines: list[Line] = []
    while len(lines) < _N_OFFSETS and significance.max() > 0.0:
        peak = int(significance.argmax())
        lines.append(_line_at(pair, int(offsets[peak]), float(correlations[peak])))
        significance[np.abs(offsets - offsets[peak]) < _APART * pair.a.frame_rate] = 0.0
    return lines


def heard(energy: tuple[Floats, Floats], window: int) -> Flags:
    """Frames (n_frames,) of windows in which both timbre and harmony change, so that there is something to compare."""
    starts = np.arange(len(energy[0]) - window)
    found = np.zeros(len(energy[0]) - 1, dtype=np.bool_)
    for start, stop in runs(starts[_is_loud(energy, starts, window)], window):
        found[start:stop] = True
    return found


def runs(starts: Integers, window: int) -> list[tuple[int, int]]:
    """Stretches (start, stop) that windows cover together; `starts` in order."""
    if not len(starts):
        return []
    breaks = np.flatnonzero(np.diff(starts) > window)
    firsts, lasts = np.append(0, breaks + 1), np.append(breaks, len(starts) - 1)
    return [(int(starts[i]), int(starts[j]) + window) for i, j in zip(firsts, lasts, strict=True)]


def _changes(values: npt.NDArray[np.floating], frame_rate: float) -> Floats:
    """Short means less long ones, over odd numbers of frames, so that nothing moves in time."""
    short, long = (2 * round(seconds * frame_rate / 2.0) + 1 for seconds in (_SMOOTHED, _FORGOTTEN))
    smoothed: Floats = uniform_filter1d(values.astype(np.float64), short, axis=0, mode="nearest")
    slow: Floats = uniform_filter1d(smoothed, long, axis=0, mode="nearest")
    return smoothed - slow


def _divided(values: Floats, by: Floats) -> Values:
    """Columns divided by numbers (n_columns,); 0 where there is nothing but rounding."""
    divided = np.divide(values, by, out=np.zeros(values.shape), where=np.broadcast_to(by > _ROUNDING, values.shape))
    return divided.astype(np.float32)


def _energies(detail: Detail) -> tuple[Floats, Floats]:
    return _cumulated(detail.timbre, detail.timbre), _cumulated(detail.harmony, detail.harmony)


def _cumulated(first: Values, second: Values) -> Floats:
    """Inner products of frames, summed up to each of them (n_frames + 1,)."""
    return np.append(0.0, np.cumsum(np.einsum("ij,ij->i", first, second), dtype=np.float64))


def _summed(cumulated: Floats, starts: Integers, window: int) -> Floats:
    return cumulated[starts + window] - cumulated[starts]


def _is_loud(energy: tuple[Floats, Floats], starts: Integers, window: int) -> Flags:
    """Windows in which both timbre and harmony change."""
    timbre, harmony = (_summed(part, starts, window) >= _STILL * window for part in energy)
    return timbre & harmony


def _correlations(a: Detail, b: Detail) -> tuple[Integers, Floats, Floats]:
    """Offsets (frames), every second of them; the correlation of two tracks at each, and what that is worth."""
    first, second = _coarse(a), _coarse(b)
    n, m = len(first), len(second)
    length = fft.next_fast_len(n + m, real=True)
    spectra = np.asarray(fft.rfft(first, length, axis=0)) * np.conj(np.asarray(fft.rfft(second, length, axis=0)))
    products = np.asarray(fft.irfft(spectra.sum(axis=1), length))
    shortest = min(n, m, round(_OVERLAP * a.frame_rate / _COARSE))
    offsets = np.arange(shortest - m, n - shortest + 1)
    start, stop = np.maximum(offsets, 0), np.minimum(n, m + offsets)
    of_a, of_b = _cumulated(first, first), _cumulated(second, second)
    energy = (of_a[stop] - of_a[start]) * (of_b[stop - offsets] - of_b[start - offsets])
    norm = np.sqrt(np.maximum(energy, _ROUNDING))
    correlations = np.where(energy > _ROUNDING, products[offsets] / norm, 0.0)
    # Of unrelated tracks, it falls with the root of what they share.
    return offsets * _COARSE, correlations, correlations * np.sqrt(stop - start)


def _coarse(detail: Detail) -> Values:
    """All that changes, in means of two frames."""
    frames = np.hstack([detail.timbre, detail.harmony])
    if len(frames) < _COARSE:
        return frames
    n_frames = len(frames) // _COARSE
    return frames[: n_frames * _COARSE].reshape(n_frames, _COARSE, -1).mean(axis=1)


def _line_at(pair: Pair, offset: int, correlation: float) -> Line:
    """The line that windows follow around an offset."""
    offsets = np.full(len(pair.starts), float(offset))
    timbre, harmony = _likeness(pair, offset)
    line = Line(correlation, offsets, 0.0, offsets, timbre, harmony)
    if not np.any((timbre >= SAME_TIMBRE / 2.0) & (harmony >= SAME_HARMONY / 2.0)):
        return line  # a frame off, the same sound would reach that much: most offsets end here
    for _ in range(_ROUNDS):
        own, timbre, harmony = _windows_near(pair, line.offsets)
        found = Line(correlation, line.offsets, line.drift, own, timbre, harmony)
        line = _fitted(found, pair.starts)
    return line


def _likeness(pair: Pair, offset: int) -> Floats:
    """Correlations (2, n_windows), of timbre and of harmony, of windows of A with B at an offset."""
    found = np.full((2, len(pair.starts)), np.nan)
    inside = np.flatnonzero((pair.starts >= offset) & (pair.starts - offset + pair.window <= pair.b.n_frames))
    if not len(inside):
        return found
    starts = pair.starts[inside]
    first, stop = int(starts[0]), int(starts[-1]) + pair.window
    parts = ((pair.a.timbre, pair.b.timbre), (pair.a.harmony, pair.b.harmony))
    for part, (of_a, of_b) in enumerate(parts):
        products = _cumulated(of_a[first:stop], of_b[first - offset : stop - offset])
        a_energy = _summed(pair.a_energy[part], starts, pair.window)
        b_energy = _summed(pair.b_energy[part], starts - offset, pair.window)
        norm = np.sqrt(np.maximum(a_energy * b_energy, _ROUNDING))
        found[part, inside] = _summed(products, starts - first, pair.window) / norm
    is_loud = _is_loud(pair.a_energy, starts, pair.window) | _is_loud(pair.b_energy, starts - offset, pair.window)
    found[:, inside[~is_loud]] = np.nan
    return found


def _windows_near(pair: Pair, offsets: Floats) -> tuple[Floats, Floats, Floats]:
    """Each window's own offset near those given (n_windows,), to a fraction of a frame, and its likeness there."""
    tried = np.arange(math.floor(offsets.min()) - _SEARCHED, math.ceil(offsets.max()) + _SEARCHED + 1)
    likeness = np.stack([_likeness(pair, int(offset)) for offset in tried])
    sums = likeness.sum(axis=1)
    sums[np.isnan(sums) | (np.abs(tried[:, None] - offsets) > _SEARCHED + 0.5)] = -math.inf
    best, every = sums.argmax(axis=0), np.arange(len(offsets))
    own = tried[best] + _peak_of_parabola(
        sums[np.maximum(best - 1, 0), every], sums[best, every], sums[np.minimum(best + 1, len(tried) - 1), every]
    )
    timbre, harmony = likeness[best, :, every].T
    return np.where(np.isnan(timbre), np.nan, own), timbre, harmony


def _peak_of_parabola(before: Floats, at: Floats, after: Floats) -> Floats:
    """Where, between -1/2 and 1/2, the parabola through three values has its peak; 0 where values lack."""
    known = np.isfinite(before) & np.isfinite(after)
    low, high = np.where(known, before, 0.0), np.where(known, after, 0.0)
    bend = np.where(known, 2.0 * at - low - high, 0.0)
    return np.divide(0.5 * (high - low), bend, out=np.zeros(len(at)), where=bend > _ROUNDING)


def _fitted(line: Line, starts: Integers) -> Line:
    """The same windows, and the straight line that those follow which are the same sound."""
    alike = line.alike
    if not alike.any():
        return line
    at, own = starts[alike].astype(np.float64), line.own[alike]
    centre, drift = _straight(at, own)
    for _ in range(_ROUNDS):
        away = np.abs(own - centre - drift * at)
        near = away <= max(SAME_OFFSET, 2.0 * float(np.median(away)))
        centre, drift = _straight(at[near], own[near])
    offsets: Floats = centre + drift * starts.astype(np.float64)
    return Line(line.correlation, offsets, drift, line.own, line.timbre, line.harmony)


def _straight(at: Floats, own: Floats) -> tuple[float, float]:
    """Intercept and slope of the line through offsets, in the sense of least squares; level where it is too steep."""
    if len(at) > 2 and float(at[-1] - at[0]) > 0.0:
        slope, intercept = np.polyfit(at, own, 1).tolist()
        # Less than a frame in all is no drift, but the grain of the windows' own offsets.
        if abs(slope) <= _LARGEST_DRIFT and abs(slope) * float(at[-1] - at[0]) >= 1.0:
            return intercept, slope
    return float(np.median(own)), 0.0
