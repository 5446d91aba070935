"""What two tracks are to each other, by what laying one over the other and aligning their harmony tells."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from audiosim.alignment.match import Match
from audiosim.alignment.recording import Overlay

Kinship = Literal["same recording", "edit or excerpt", "version", "merely similar"]

# From the closest kin to none.
KINSHIPS: tuple[Kinship, ...] = ("same recording", "edit or excerpt", "version", "merely similar")

# Raise when the same tracks begin to give other evidence.
VERSION = 1

# What is the same of a whole track: fades, hiss between movements and a second of silence more or less may differ.
WHOLE = 0.9
# Seconds by which offsets may deviate from one, in the median. Copies stay below .003; synthesised ones through noise
# 30 dB below come to .002. People who play a piece twice part by .01 to .03 where they are together best.
LARGEST_WANDER = 0.006
# How unlike two tracks sound at their offset. Synthesised copies through mp3 at 64 kbit/s, a low-pass at 4 kHz or noise
# 30 dB below come to .47 at most; the same notes on instruments of which even one is another to .53 at least.
LARGEST_RESIDUAL = 0.5
# Seconds that tracks share at one offset if one is an edit of the other, wherever else they differ. Performers of one
# piece keep together, to within 7 ms, for a few bars at most.
SHARED = 10.0
# Seconds below which even a whole track is no excerpt: two windows that share no frame.
SHORTEST = 4.0
# Share of one of the tracks, the shorter one as a rule, whose course of harmony the other has. Songs over one sequence
# of chords share a verse; who plays a piece again plays most of it.
MOST = 0.5


@dataclass(frozen=True, slots=True)
class Course:
    """How far two tracks have the same course of harmony: a match in figures.

    Attributes
    ----------
    n_passages : int
    coverage_a, coverage_b : float in [0, 1]
        Share of each track that lies inside passages.
    score : float
        Of the best passage, see `audiosim.alignment.passages.Passage`; 0 without passages.
    mean_cost : float or None
        Over all passages, weighted by their lengths; 0 is the same harmony. None without passages, and so below.
    tempo_ratio : float or None
        Seconds of A for a second of B.
    transposition : int or None (semitones)
        How far B lies above A.
    straightness : float or None (s)
        Root mean square deviation of the paths from straight lines.
    timbre_residual : float or None
        See the function `timbre_residual`.
    """

    n_passages: int
    coverage_a: float
    coverage_b: float
    score: float
    mean_cost: float | None
    tempo_ratio: float | None
    transposition: int | None
    straightness: float | None
    timbre_residual: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of two tracks; `course` is None where harmony was not aligned."""

    overlay: Overlay
    course: Course | None


def course_of(match: Match, a_mfcc: npt.NDArray[np.floating], b_mfcc: npt.NDArray[np.floating]) -> Course:
    """Sum up a match.

    Parameters
    ----------
    match : Match
        Of tracks A and B.
    a_mfcc, b_mfcc : np.ndarray [shape=(n_frames, n_mfcc >= 2)]
        Of the frames that the passages' paths count.

    Returns
    -------
    Course

    Examples
    --------
    >>> course_of(Match((), 0.0, 0.0, None, None, None), np.zeros((9, 20)), np.zeros((9, 20))).n_passages
    0
    """
    passages = match.passages
    if not passages:
        return Course(0, 0.0, 0.0, 0.0, None, None, None, None, None)
    lengths = [len(passage.path) for passage in passages]
    return Course(
        n_passages=len(passages),
        coverage_a=match.coverage_a,
        coverage_b=match.coverage_b,
        score=max(passage.score for passage in passages),
        mean_cost=float(np.average([passage.mean_cost for passage in passages], weights=lengths)),
        tempo_ratio=match.tempo_ratio,
        transposition=match.transposition,
        straightness=match.straightness,
        timbre_residual=timbre_residual(a_mfcc, b_mfcc, np.concatenate([passage.path for passage in passages])),
    )


def timbre_residual(
    a_mfcc: npt.NDArray[np.floating], b_mfcc: npt.NDArray[np.floating], path: npt.NDArray[np.int64]
) -> float:
    """How unlike two tracks sound along a path: 0 for the same sound, about 1 for frames paired at random.

    The root of the mean squared difference of MFCC, c0 left out, each coefficient in units of what it differs by
    between any frame of A and any of B.

    Parameters
    ----------
    a_mfcc, b_mfcc : np.ndarray [shape=(n_frames, n_mfcc >= 2)]
        c0 first.
    path : np.ndarray [shape=(n_steps >= 1, 2), int64]
        Frames of A and of B.

    Returns
    -------
    float

    Examples
    --------
    >>> frames = np.random.default_rng(0).normal(size=(50, 20))
    >>> same = np.repeat(np.arange(50)[:, None], 2, axis=1)
    >>> timbre_residual(frames, frames, same), round(timbre_residual(frames, frames[::-1], same), 1)
    (0.0, 1.0)
    """
    a, b = a_mfcc[:, 1:].astype(np.float64), b_mfcc[:, 1:].astype(np.float64)
    squared = np.square(a[path[:, 0]] - b[path[:, 1]]).mean(axis=0)
    at_random = a.var(axis=0) + b.var(axis=0) + np.square(a.mean(axis=0) - b.mean(axis=0))
    shares = np.divide(squared, at_random, out=np.zeros(len(squared)), where=at_random > 0.0)
    return float(np.sqrt(shares.mean()))


def classify(evidence: Evidence) -> Kinship:
    """What two tracks are to each other.

    - "same recording": nine tenths of both are the same sound, at one offset from which nothing strays,
      and on the same instruments.
    - "edit or excerpt": that holds for one of them only, or at several offsets; or they share ten seconds.
    - "version": half of one has the course of harmony of the other.
    - "merely similar": none of these, as far as the evidence goes.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    Kinship

    Notes
    -----
    A copy that runs faster or sounds higher is a "version" that is straight and has the same timbre. What a synthesiser
    plays twice from the same notes is taken for a copy, see `audiosim.alignment.recording.overlay`.

    Examples
    --------
    >>> from audiosim.alignment.recording import Segment
    >>> shared = (Segment(2.0, 32.0, 0.0, 30.0),)
    >>> copy = Overlay(2.0, 0.0, 0.001, 0.9, 0.3, 0.98, 0.8, 0.3, 0.94, 1.0, 0.94, 1.0, shared)
    >>> classify(Evidence(copy, None))
    'same recording'
    """
    overlay, course = evidence.overlay, evidence.course
    is_rigid = (
        overlay.wander is not None
        and overlay.wander <= LARGEST_WANDER
        and overlay.residual is not None
        and overlay.residual <= LARGEST_RESIDUAL
    )
    if is_rigid and min(overlay.coverage_a, overlay.coverage_b) >= WHOLE:
        return "same recording"
    longest = max((segment.a_stop - segment.a_start for segment in overlay.segments), default=0.0)
    if is_rigid and (longest >= SHARED or (longest >= SHORTEST and max(overlay.total_a, overlay.total_b) >= WHOLE)):
        return "edit or excerpt"
    if course is not None and max(course.coverage_a, course.coverage_b) >= MOST:
        return "version"
    return "merely similar"
