"""Whether two tracks hold the same recording: one laid over the other, without stretching it.

Two copies of a recording change at the same moments and in the same way, whatever codec, gain or equaliser came in
between. Two performances do not, even on the same instrument: within seconds their notes drift apart by more than a
frame. So tracks are compared at constant time offsets, in windows of two seconds.
"""

from dataclasses import dataclass

import numpy as np

from audiosim.alignment.offsets import Detail, Line, Pair, detail_of, heard, lines_of, runs

__all__ = ["Detail", "Overlay", "Segment", "detail_of", "overlay"]

_SHORTEST = 4.0  # seconds of a segment beside the main offset: two windows that share no frame


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of A and the stretch of B that is the same sound, in seconds of the features' time."""

    a_start: float
    a_stop: float
    b_start: float
    b_stop: float


@dataclass(frozen=True, slots=True)
class Overlay:
    """How far B is A, moved in time.

    Attributes
    ----------
    offset : float or None (s)
        Where in A the beginning of B lies, negative where B begins before A. None where no two seconds are the same
        sound.
    drift : float
        How much longer B takes than A, as a share; 0 at the same speed.
    wander : float or None (s)
        Median deviation of the offsets of windows that sound the same from one offset, but for the drift: below a
        millisecond or two for a copy, ten and more for another performance.
    correlation, runner_up : float in [-1, 1]
        Of all that changes in both tracks, at this offset and at the best other one.
    harmony, timbre : float in [-1, 1], or None
        Median correlation of changes of chroma and of MFCC, of windows at this offset. None with the offset.
    residual : float or None
        How unlike both sound where they are the same at this offset, their mean spectra aside: 0 for no difference,
        about 1 for frames of unrelated tracks. None with the offset.
    coverage_a, coverage_b : float in [0, 1]
        Share of what is heard of each track that is the same sound at this one offset.
    total_a, total_b : float in [0, 1]
        The same at all offsets together: more where one track is the other with cuts, or repeats it.
    segments : tuple[Segment, ...]
        Where the sound is the same; those at this offset first, in the order of A.
    """

    offset: float | None
    drift: float
    wander: float | None
    correlation: float
    runner_up: float
    harmony: float | None
    timbre: float | None
    residual: float | None
    coverage_a: float
    coverage_b: float
    total_a: float
    total_b: float
    segments: tuple[Segment, ...]


def overlay(a: Detail, b: Detail) -> Overlay:
    """Lay one track over another where they are the same sound, if anywhere.

    Eight offsets are tried, at which all that changes in the tracks correlates best. The one with most windows that are
    the same sound is the main one; a slow drift is followed. At the others, stretches of four seconds and more count
    that are new.

    Parameters
    ----------
    a, b : Detail
        Of the same frame rate and number of coefficients.

    Returns
    -------
    Overlay

    Raises
    ------
    ValueError
        If frame rates or numbers of coefficients differ.

    Notes
    -----
    O((n + m) log(n + m)) time and memory. Which track is A matters little: windows are laid on A.

    A second rendering of the same notes by the same synthesiser is taken for a copy as long as no note is further off
    than some 10 ms.

    References
    ----------
    Wang, A. (2003). An industrial-strength audio search algorithm. Proceedings of ISMIR, 7-13. There, too, events at a
    constant offset tell a recording from all others.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mfcc, chroma = rng.normal(size=(860, 20)), rng.uniform(size=(860, 12))
    >>> whole, end = (detail_of(mfcc[i:], chroma[i:], frame_rate=43.0) for i in (0, 430))
    >>> found = overlay(whole, end)
    >>> round(found.offset, 1), round(found.coverage_a, 1), round(found.coverage_b, 1)
    (10.0, 0.5, 1.0)
    """
    if (a.frame_rate, a.timbre.shape[1]) != (b.frame_rate, b.timbre.shape[1]):
        raise ValueError(
            "both tracks must have the same frame rate and number of coefficients, got "
            f"{a.frame_rate:g} and {b.frame_rate:g} frames/s, {a.timbre.shape[1]} and {b.timbre.shape[1]} coefficients"
        )
    pair = Pair.of(a, b)
    # Stable: of equals, the more significant one stays before the other.
    lines = sorted(lines_of(pair), key=lambda line: -np.count_nonzero(line.kept))
    if not any(line.kept.any() for line in lines):
        correlation, runner_up, *_ = *(line.correlation for line in lines), 0.0, 0.0
        return Overlay(None, 0.0, None, correlation, runner_up, None, None, None, 0.0, 0.0, 0.0, 0.0, ())
    return _judged(pair, lines)


def _judged(pair: Pair, lines: list[Line]) -> Overlay:
    """What the lines tell, the first of which is the main one."""
    main, rate, covered = lines[0], pair.a.frame_rate, _Covered(pair)
    segments = covered.add(main, shortest=1)
    coverage_a, coverage_b = covered.shares()
    for line in lines[1:]:
        segments += covered.add(line, shortest=round(_SHORTEST * rate))
    total_a, total_b = covered.shares()
    return Overlay(
        offset=float(main.offsets[0]) / rate,
        drift=0.0 - main.drift,  # 0, not -0, where there is none
        wander=float(np.median(np.abs(main.own - main.offsets)[main.alike])) / rate,
        correlation=main.correlation,
        runner_up=max((line.correlation for line in lines[1:]), default=0.0),
        harmony=float(np.nanmedian(main.harmony)),
        timbre=float(np.nanmedian(main.timbre)),
        residual=_residual(pair, main),
        coverage_a=coverage_a,
        coverage_b=coverage_b,
        total_a=total_a,
        total_b=total_b,
        segments=tuple(segments),
    )


def _residual(pair: Pair, line: Line) -> float:
    """Root of one less the mean correlation of the MFCC of two tracks, where they are the same along a line.

    Copies change in the same way, and so do some instruments that play the same notes; but what sounds in between tells
    these apart.
    """
    of_a = np.concatenate([np.arange(start, stop) for start, stop in runs(pair.starts[line.kept], pair.window)])
    of_b = of_a - np.rint(np.interp(of_a, pair.starts, line.offsets)).astype(np.int64)
    a = pair.a.mfcc[of_a].astype(np.float64)
    b = pair.b.mfcc[np.clip(of_b, 0, pair.b.n_frames - 1)].astype(np.float64)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    norms = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
    correlations = np.divide((a * b).sum(axis=0), norms, out=np.ones(len(norms)), where=norms > 0.0)
    return float(np.sqrt(max(0.0, 1.0 - float(correlations.mean()))))


class _Covered:
    """Which frames of either track are known to be the same sound as frames of the other."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._heard = [heard(energy, pair.window) for energy in (pair.a_energy, pair.b_energy)]
        self._same = [np.zeros(len(flags), dtype=np.bool_) for flags in self._heard]

    def add(self, line: Line, *, shortest: int) -> list[Segment]:
        """Count in the stretches of a line that cover at least so many frames, of one track, that were not covered."""
        pair, segments = self._pair, list[Segment]()
        for first, last in runs(pair.starts[line.kept], pair.window):
            (start, stop), (b_start, b_stop) = _up_to_the_ends(pair, line, first, last)
            places = (slice(start, stop), slice(b_start, b_stop))
            if max(np.count_nonzero(~same[place]) for same, place in zip(self._same, places, strict=True)) < shortest:
                continue
            for same, place in zip(self._same, places, strict=True):
                same[place] = True
            segments.append(Segment(*(frame / pair.a.frame_rate for frame in (start, stop, b_start, b_stop))))
        return segments

    def shares(self) -> tuple[float, float]:
        """Share of what is heard of A, and of B."""
        a, b = (
            float(same[flags].mean()) if flags.any() else 0.0
            for same, flags in zip(self._same, self._heard, strict=True)
        )
        return a, b


def _up_to_the_ends(pair: Pair, line: Line, start: int, stop: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """A stretch of A and of B along a line, with what is left up to the ends of both, where no window has room."""
    before, behind = (round(float(np.interp(place, pair.starts, line.offsets))) for place in (start, stop))
    first, last = max(0, before), min(pair.a.n_frames, pair.b.n_frames + behind)
    start, stop = (first if start - first < pair.hop else start), (last if last - stop < pair.hop else stop)
    return (start, stop), (start - before, stop - behind)
