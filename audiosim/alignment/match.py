"""All passages that two tracks share, or that one track repeats."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.alignment import local
from audiosim.alignment.passages import Passage, passage_of, squared_deviations
from audiosim.features.chroma import N_CLASSES

Chroma = npt.NDArray[np.floating]

SHORTEST_LAG = 5.0  # seconds between a passage and its repetition


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """What two tracks have in common.

    Attributes
    ----------
    passages : tuple[Passage, ...]
        Best first. None where nothing matches.
    coverage_a, coverage_b : float in [0, 1]
        Share of each track that lies inside passages.
    transposition : int, -5 to 6, or None (semitones)
        Of the passages that last longest in all; None without passages.
    tempo_ratio : float or None
        Seconds of A for a second of B, over all passages; None without passages.
    straightness : float or None (s)
        Root mean square deviation of the paths from the straight line that fits each best: a few milliseconds for the
        same recording, tens to hundreds for another performance. None without passages.
    """

    passages: tuple[Passage, ...]
    coverage_a: float
    coverage_b: float
    transposition: int | None
    tempo_ratio: float | None
    straightness: float | None


def match(a_chroma: Chroma, b_chroma: Chroma, *, frame_rate: float) -> Match:
    """Find the passages that two tracks share.

    The tracks are compared in the two keys in which they have most in common. A passage may be played up to twice
    as fast as the other. What is found is what chance would not give: see `audiosim.alignment.local`. Every passage
    covers something, of A or of B, that no better one covers.

    Parameters
    ----------
    a_chroma, b_chroma : np.ndarray [shape=(n_frames >= 1, 12)]
        Chroma of A and of B, as `audiosim.features.chroma.chroma` gives them.
    frame_rate : float (frames / s)
        Of both.

    Returns
    -------
    Match

    Raises
    ------
    ValueError
        If shapes are others, a value is below 0 or not finite, or the frame rate is not positive.

    Notes
    -----
    Time and memory are those of a matrix of five frames a second; two tracks of ten minutes are 9 million cells. From
    13 minutes on, fewer frames a second are compared.

    A course of harmony is found, and no more: two songs over the same sequence of chords may share passages without
    being versions of one another; and what holds one chord throughout, or speaks, has no passage.

    References
    ----------
    Serrà, J., Serra, X., & Andrzejak, R. G. (2009). Cross recurrence quantification for cover song identification. New
    Journal of Physics, 11, 093017.

    Müller, M., & Appelt, D. (2008). Path-constrained partial music synchronization. Proceedings of ICASSP, 65-68.

    Examples
    --------
    >>> notes = np.random.default_rng(0).integers(12, size=40)
    >>> a = np.repeat(np.eye(12)[notes], 20, axis=0)
    >>> found = match(a, np.roll(a[200:], 2, axis=1), frame_rate=40.0)
    >>> [(p.a_start, p.a_stop, p.b_start, p.b_stop, p.transposition) for p in found.passages]
    [(5.0, 20.0, 0.0, 15.0, 2)]
    """
    _check(a_chroma, "a_chroma", frame_rate)
    _check(b_chroma, "b_chroma", frame_rate)
    seconds_a, seconds_b = len(a_chroma) / frame_rate, len(b_chroma) / frame_rate
    rate = local.comparison_rate(seconds_a, seconds_b)
    a = local.smoothed(a_chroma, frame_rate=frame_rate, rate=rate)
    b = local.smoothed(b_chroma, frame_rate=frame_rate, rate=rate)
    keys, keys_by_chance = _transpositions(a_chroma, b_chroma, frame_rate)
    chance = local.chance_between(a, b, transpositions=keys_by_chance)
    found = local.stretches(a, b, rate=rate, transpositions=keys, chance=chance)
    passages = [passage_of(stretch, a_chroma, b_chroma, frame_rate=frame_rate, rate=rate) for stretch in found]
    of_a = [(passage.a_start, passage.a_stop) for passage in passages]
    of_b = [(passage.b_start, passage.b_stop) for passage in passages]
    coverages = _coverage(of_a, seconds_a), _coverage(of_b, seconds_b)
    return _summary(passages, coverages, frame_rate)


def self_match(chroma: Chroma, *, frame_rate: float) -> Match:
    """Find the passages that a track repeats, in the same key and at least five seconds later.

    Parameters
    ----------
    chroma : np.ndarray [shape=(n_frames >= 1, 12)]
    frame_rate : float (frames / s)

    Returns
    -------
    Match
        B is the same track later: `a_start` is below `b_start`. Both coverages are the share of the track that is
        repeated or a repetition.

    Raises
    ------
    ValueError
        As `match` does.

    Examples
    --------
    >>> notes = np.random.default_rng(0).integers(12, size=40)
    >>> verse, bridge = np.split(np.repeat(np.eye(12)[notes], 20, axis=0), 2)
    >>> found = self_match(np.concatenate([verse, bridge, verse]), frame_rate=40.0)
    >>> [(p.a_start, p.a_stop, p.b_start, p.b_stop) for p in found.passages]
    [(0.0, 10.0, 20.0, 30.0)]
    """
    _check(chroma, "chroma", frame_rate)
    seconds = len(chroma) / frame_rate
    rate = local.comparison_rate(seconds, seconds)
    frames = local.smoothed(chroma, frame_rate=frame_rate, rate=rate)
    chance = local.chance_between(frames, frames, transpositions=[0])
    least_lag = max(1, round(SHORTEST_LAG * rate))
    found = local.stretches(frames, frames, rate=rate, transpositions=[0], chance=chance, least_lag=least_lag)
    passages = [passage_of(stretch, chroma, chroma, frame_rate=frame_rate, rate=rate) for stretch in found]
    inside = [(p.a_start, p.a_stop) for p in passages] + [(p.b_start, p.b_stop) for p in passages]
    coverage = _coverage(inside, seconds)
    return _summary(passages, (coverage, coverage), frame_rate)


def _check(chroma: Chroma, name: str, frame_rate: float) -> None:
    if chroma.ndim != 2 or not len(chroma) or chroma.shape[1] != N_CLASSES:
        raise ValueError(f"{name} must have shape (n_frames >= 1, {N_CLASSES}), got {chroma.shape}")
    if not (np.isfinite(chroma).all() and chroma.min() >= 0.0):
        raise ValueError(f"{name} must be finite and at least 0, got values from {chroma.min()} to {chroma.max()}")
    if not (np.isfinite(frame_rate) and frame_rate > 0.0):
        raise ValueError(f"frame_rate must be a positive number of frames a second, got {frame_rate}")


def _transpositions(a_chroma: Chroma, b_chroma: Chroma, frame_rate: float) -> tuple[list[int], list[int]]:
    """Keys in which A and B are compared, and those in which A and B backwards are."""
    rate = local.comparison_rate(
        len(a_chroma) / frame_rate,
        len(b_chroma) / frame_rate,
        highest=local.KEY_RATE,
        max_cells=local.MAX_KEY_CELLS,
    )
    a, b = (local.smoothed(chroma, frame_rate=frame_rate, rate=rate) for chroma in (a_chroma, b_chroma))
    return local.likely_transpositions(a, b), local.likely_transpositions(a, b[::-1])


def _coverage(intervals: Sequence[tuple[float, float]], duration: float) -> float:
    """Share of a duration that lies inside intervals, which may overlap."""
    inside, reached = 0.0, 0.0
    for start, stop in sorted(intervals):
        inside += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    return min(1.0, inside / duration)


def _summary(passages: Sequence[Passage], coverages: tuple[float, float], frame_rate: float) -> Match:
    if not passages:
        return Match((), 0.0, 0.0, None, None, None)
    seconds: dict[int, float] = {}
    for passage in passages:
        seconds[passage.transposition] = seconds.get(passage.transposition, 0.0) + passage.a_duration
    deviations = np.concatenate([squared_deviations(passage.path) for passage in passages])
    return Match(
        passages=tuple(passages),
        coverage_a=coverages[0],
        coverage_b=coverages[1],
        transposition=max(seconds, key=lambda semitones: seconds[semitones]),
        tempo_ratio=sum(p.a_duration for p in passages) / sum(p.b_duration for p in passages),
        straightness=float(np.sqrt(deviations.mean())) / frame_rate,
    )
