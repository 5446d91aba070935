"""Tempo, beats and metre from onset strength.

The tempo is found first, for the whole track, and the beats are then laid at about that tempo where the onsets are.

The autocorrelation of the onset strength has a peak at the period of the beat and at every multiple of it. A tempo is
judged by its comb: how well the onsets repeat after one period, times how well they do after one to four of them. The
comb of half the tempo is as good, that of twice the tempo is worse by what does not sound between the beats, so a
log-normal preference for tempi around 120 BPM settles what the combs leave open, and a pulse so even that half its
period repeats as well as itself is counted at the faster rate. Long multiples of the period then measure it more finely
than frames do.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Raised whenever the same onsets begin to give other numbers.
VERSION = 1

FloatArray = npt.NDArray[np.float64]

_HEARD = 0.25  # dB: rises of white noise vary by .15, those of a steady tone by .001
_SLOWEST, _FASTEST = 40.0, 200.0  # BPM
_PREFERRED, _OCTAVES = 120.0, 0.6  # BPM and standard deviation of the preference
_STEP = 0.005  # ratio of neighbouring candidates, less 1
_TEETH = (1, 2, 3, 4)  # multiples of the period that a comb touches
# Half a period that repeats at least this much of what the period does is a pulse without accents, counted up to the
# tempo given in BPM. Even clicks reach at least .97, a backbeat with even eighths .93 to .98.
_EVEN, _FASTEST_EVEN = 0.95, 190.0
_WINDOW = 12.0  # s of onsets whose repetition is measured together, so that the tempo may drift between them
_BLUR = 1.5  # frames: a beat falls between frames, and players are that exact
_SEARCH = 2  # frames around a multiple of the period within which its peak is looked for
_TIGHTNESS = 100.0  # Ellis's price of a beat that comes early or late, for each squared natural logarithm of its ratio
_FEWEST_BEATS = 16  # that tell a metre
_ACCENTED = 0.03  # relative spread of the strength of beats; where clicks fall between frames makes up to .01 of it
_DELAY = 1.0  # frames by which the onset strength of a click is late, on average; .1 to 1.5 measured


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """Pulse of a track.

    Parameters
    ----------
    tempo : float (beats / minute)
        0.0 if nothing repeats.
    times : np.ndarray [shape=(n_beats,), float64]
        Beats in seconds, ascending; none if nothing repeats.
    clarity : float, 0..1
        How much of the onset strength repeats after one beat: its autocorrelation there. Near 0 the tempo means
        little; clicks reach .9.
    """

    tempo: float
    times: FloatArray
    clarity: float


_NO_BEATS = Beats(tempo=0.0, times=np.zeros(0), clarity=0.0)


def track_beats(onset: npt.NDArray[np.float32], *, frame_rate: float) -> Beats:
    """Find the tempo of a track and its beats.

    Clicks from 60 to 180 BPM come out to within half a percent, without octave errors. In music one octave is often as
    good as the other; tempi from 85 to 170 BPM are preferred.

    Parameters
    ----------
    onset : np.ndarray [shape=(n_frames >= 1, 1)]
        Onset strength as `onset_strength` gives it.
    frame_rate : float (frames / s)

    Returns
    -------
    Beats
        The tempo lies between 40 and 200 BPM. It is 0, and there are no beats, where nothing repeats: in silence, in
        a steady tone, and in what is shorter than two beats at 200 BPM.

    Raises
    ------
    ValueError
        If there are no frames, they are not finite or `frame_rate` is not positive.

    References
    ----------
    Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007.

    Examples
    --------
    >>> import numpy as np
    >>> onset = np.zeros((500, 1), dtype=np.float32)
    >>> onset[10::25] = 20.0
    >>> beats = track_beats(onset, frame_rate=50.0)
    >>> round(beats.tempo, 1), beats.times[:3]
    (120.0, array([0.18, 0.68, 1.18]))
    """
    strength = _checked(onset, frame_rate)
    if np.ptp(strength) < _HEARD:
        return _NO_BEATS
    repetition = _autocorrelation(strength, frame_rate)
    period = _period(repetition, frame_rate)
    if period == 0.0:
        return _NO_BEATS
    clarity = float(np.clip(_value_near(repetition, period)[1], 0.0, 1.0))
    shortest, longest = 60.0 * frame_rate / _FASTEST, 60.0 * frame_rate / _SLOWEST
    period = min(longest, max(shortest, _refined(repetition, period)))
    frames = _beat_frames(strength, period)
    times = np.maximum(frames - _DELAY, 0.0) / frame_rate
    return Beats(tempo=60.0 * frame_rate / period, times=times, clarity=clarity)


def time_signature(onset: npt.NDArray[np.float32], beats: Beats, *, frame_rate: float) -> int:
    """Count the beats of a bar: 3 where accents repeat every third beat rather than every fourth, else 4.

    Four is also the answer where there are too few beats, or no accents, to tell. Most music is in four.

    Parameters
    ----------
    onset : np.ndarray [shape=(n_frames >= 1, 1)]
    beats : Beats
        Of this onset strength.
    frame_rate : float (frames / s)

    Returns
    -------
    int
        3 or 4.

    Examples
    --------
    >>> import numpy as np
    >>> onset = np.zeros((1_000, 1), dtype=np.float32)
    >>> onset[10::25] = 10.0
    >>> onset[10::75] = 20.0
    >>> time_signature(onset, track_beats(onset, frame_rate=50.0), frame_rate=50.0)
    3
    """
    strength = _checked(onset, frame_rate)
    n_beats = len(beats.times)
    if n_beats < _FEWEST_BEATS:
        return 4
    frames = np.rint(beats.times * frame_rate + _DELAY).astype(np.intp)
    # Summed, for it is chance whether a sound rises within one frame or two.
    accents = np.pad(strength, 2)[np.minimum(frames, len(strength) - 1)[:, None] + np.arange(5)].sum(axis=1)
    if accents.std() <= _ACCENTED * accents.mean():
        return 4
    accents -= accents.mean()
    energy = float(accents @ accents)
    three, four = (
        np.mean([accents[lag:] @ accents[:-lag] / energy * n_beats / (n_beats - lag) for lag in (bar, 2 * bar)])
        for bar in (3, 4)
    )
    # Of accents without order the autocorrelation has this standard deviation.
    return 3 if three > four + 1.0 / np.sqrt(n_beats) and three > 2.0 / np.sqrt(n_beats) else 4


def _checked(onset: npt.NDArray[np.float32], frame_rate: float) -> FloatArray:
    """Onset strength as a vector of float64."""
    if onset.ndim != 2 or onset.shape[1] != 1 or not len(onset):
        raise ValueError(f"onset must have shape (n_frames >= 1, 1), got {onset.shape}")
    if not np.isfinite(onset).all():
        raise ValueError("onset must be finite, got NaN or infinity; compute it with onset_strength")
    if not 0.0 < frame_rate < np.inf:
        raise ValueError(f"frame_rate must be a positive number of frames a second, got {frame_rate}")
    return onset[:, 0].astype(np.float64)


def _autocorrelation(strength: FloatArray, frame_rate: float) -> FloatArray:
    """Mean over windows of the autocorrelation, 1 at lag 0, for lags of up to half a window."""
    blurred = _blurred(strength)
    n_window = min(len(blurred), round(_WINDOW * frame_rate))
    n_lags = n_window // 2 + 1
    n_fft = 2 ** int(np.ceil(np.log2(n_window + n_lags)))
    # Long lags have fewer products.
    weight = n_window / (n_window - np.arange(n_lags))
    total, n_sounding = np.zeros(n_lags), 0
    starts = {*range(0, len(blurred) - n_window + 1, max(1, n_window // 2)), len(blurred) - n_window}
    for start in sorted(starts):
        window = blurred[start : start + n_window]
        power = np.abs(np.fft.rfft(window - window.mean(), n_fft)) ** 2
        products = np.fft.irfft(power, n_fft)[:n_lags] * weight
        if window.max() >= _HEARD and products[0] > 0.0:
            total += products / products[0]
            n_sounding += 1
    return total / max(1, n_sounding)


def _blurred(strength: FloatArray) -> FloatArray:
    """Convolution with a Gaussian of unit sum."""
    reach = round(4 * _BLUR)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _BLUR) ** 2)
    padded = np.pad(strength, reach, mode="edge")
    return np.asarray(np.convolve(padded, kernel / kernel.sum(), mode="valid"), dtype=np.float64)


def _period(repetition: FloatArray, frame_rate: float) -> float:
    """Period of the beat in frames, to within a candidate's step; 0 if nothing repeats."""
    longest = len(repetition) - 1
    tempi = np.exp(np.arange(np.log(_SLOWEST), np.log(_FASTEST), _STEP))
    periods = 60.0 * frame_rate / tempi
    tempi, periods = tempi[periods <= longest], periods[periods <= longest]
    if not periods.size:
        return 0.0
    lags = np.multiply.outer(_TEETH, periods)
    inside = lags <= longest
    comb = np.where(inside, np.interp(lags, np.arange(longest + 1), repetition), 0.0).sum(axis=0) / inside.sum(axis=0)
    once = np.interp(periods, np.arange(longest + 1), repetition)
    preference = np.exp(-0.5 * (np.log2(tempi / _PREFERRED) / _OCTAVES) ** 2)
    scores = np.sqrt(np.maximum(once, 0.0) * np.maximum(comb, 0.0)) * preference
    if not scores.max() > 0.0:
        return 0.0
    period, value = _value_near(repetition, float(periods[scores.argmax()]))
    half, half_value = _value_near(repetition, period / 2.0)
    if half_value >= _EVEN * value and 60.0 * frame_rate / half <= _FASTEST_EVEN:
        return half
    return period


def _value_near(repetition: FloatArray, period: float) -> tuple[float, float]:
    """Lag within 4 % of a period where most repeats, and how much does."""
    lags = period * np.exp(np.arange(-0.04, 0.04 + _STEP, _STEP))
    values = np.interp(lags, np.arange(len(repetition)), repetition)
    best = int(values.argmax())
    return float(lags[best]), float(values[best])


def _refined(repetition: FloatArray, period: float) -> float:
    """Measure a period at ever longer multiples of itself, as long as the onsets repeat there."""
    longest = len(repetition) - 1
    least = 0.5 * _value_near(repetition, period)[1]
    multiple = 1
    while True:
        # The period is known to a fraction of a frame at half this multiple.
        middle = round(multiple * period)
        first, stop = middle - _SEARCH, middle + _SEARCH + 1
        if first < 1 or stop > longest:
            return period
        lag = first + int(repetition[first:stop].argmax())
        left, top, right = repetition[lag - 1 : lag + 2]
        if top < least or top <= left or top <= right:
            return period
        # The top of the parabola through the three.
        period = float(lag + (left - right) / (2.0 * (left - 2.0 * top + right))) / multiple
        multiple *= 2


def _beat_frames(strength: FloatArray, period: float) -> npt.NDArray[np.int64]:
    """Frames of the chain of beats with the most onset strength for the least unevenness."""
    reach = round(period)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * 32.0 / period) ** 2)
    local = np.convolve(strength / strength.std(), kernel, mode="full")[reach : reach + len(strength)]
    lags = np.arange(round(period / 2.0), round(2.0 * period) + 1)
    price = _TIGHTNESS * np.log(lags / period) ** 2
    longest = int(lags[-1])
    # Before the track nothing can be gained.
    score = np.zeros(longest + len(local))
    previous = np.full(len(local), -1, dtype=np.int64)
    # No beat comes sooner than the shortest lag after another, so as many frames can be scored at once.
    for start in range(0, len(local), int(lags[0])):
        frames = np.arange(start, min(start + int(lags[0]), len(local)))
        gains = score[longest + frames[:, None] - lags] - price
        best = gains.argmax(axis=1)
        gain = gains[np.arange(len(frames)), best]
        score[longest + frames] = local[frames] + np.maximum(gain, 0.0)
        # A chain starts where no earlier beat would add to it: silence before the music has no beats.
        previous[frames] = np.where(gain > 0.0, frames - lags[best], -1)
    chain = [int(score[longest:].argmax())]
    while previous[chain[-1]] >= 0:
        chain.append(int(previous[chain[-1]]))
    return np.array(chain[::-1], dtype=np.int64)
