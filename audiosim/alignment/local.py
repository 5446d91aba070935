"""Local alignment of chroma: where two tracks have the same course of harmony for a while, and whether that is chance.

Frames of chroma, five a second, are compared with one another in the keys in which the tracks have most in common. A
cell of the matrix scores by its rarity (see `audiosim_kernels.local_alignment`), so that a chord that sounds all the
time says little. Paths collect scores; the best ones are the stretches that go together, if they collect more than
chance does.

Chance is measured on the two tracks themselves, one of them played backwards: that has the same chords, held as long
and as often, but no course in common. Keys are chosen there as they are for the tracks as they are. The totals of all
islands that arise give the spread of chance totals.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from audiosim.features.chroma import N_CLASSES, cens
from audiosim_kernels.local_alignment import best_path, islands, rarities

Frames = npt.NDArray[np.float32]
Cells = npt.NDArray[np.int64]

RATE = 5.0  # frames / s: a step of up to two frames is the shortest note that counts
MAX_CELLS = 16_000_000  # two tracks of 13 minutes, 130 MB; longer ones are compared at a lower rate

# In so many keys tracks are compared, of those where they have most in common at a lower rate. Mean chroma would tell
# the key of whole tracks, and not that of a passage.
N_TRANSPOSITIONS = 2
KEY_RATE = 2.0
MAX_KEY_CELLS = 250_000  # two tracks of four minutes

# A rarity is 1 in the mean between frames that have nothing to do with one another. Paths seek the highest ones, so
# that twice as much must be demanded for them to lose where there is nothing.
DEMANDED_RARITY = 2.0
STEP_PENALTY = 0.75

# e^-9: one passage by chance in 8 000 pairs of tracks. Among synthesised pieces in one metre and over the chords of one
# scale, of which pairs share some progression, it is about one pair in 200.
ACCEPTED_SCORE = 9.0
SHORTEST = 5.0  # seconds; what is shorter is a motif, and no passage
MAX_PATHS = 64

_NEVER = -np.inf

# The spread of chance totals is that of the highest islands: lower ones are single chords that agree, which get rarer
# faster than progressions that do. What is assumed before any is measured is worth so many islands.
_N_TAIL = 40
_USUAL_DECAY, _WORTH = 0.25, 10.0


@dataclass(frozen=True, slots=True)
class Chance:
    """How high totals rise by chance: above `floor`, islands get rarer by e^-decay with every unit.

    Parameters
    ----------
    floor : float
    decay : float
    n_above : int
        Islands higher than the floor.
    """

    floor: float
    decay: float
    n_above: int

    @classmethod
    def of(cls, peaks: npt.NDArray[np.floating]) -> Self:
        """Fit the tail of the peaks of islands that arose by chance.

        References
        ----------
        Olsen, R., Bundschuh, R., & Hwa, T. (1999). Rapid assessment of extremal statistics for gapped local alignment.
        Proceedings of ISMB, 211-222.
        """
        n_tail = min(_N_TAIL, len(peaks) - 1)
        floor = max(1.0, float(np.sort(peaks)[::-1][n_tail])) if n_tail > 0 else 1.0
        excess = peaks[peaks > floor].astype(np.float64) - floor
        decay = (len(excess) + _WORTH) / (float(excess.sum()) + _WORTH / _USUAL_DECAY)
        return cls(floor, decay, len(excess))

    def significance(self, total: float) -> float:
        """Minus the log of the number of islands as high as this that are to be expected."""
        return self.decay * (total - self.floor) - math.log(self.n_above + 1)

    @property
    def costliest_gap(self) -> float:
        """What a path may lose on the way: where it is more, two passages are one by chance only."""
        return ACCEPTED_SCORE / self.decay


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Cells of a path that is no chance.

    Parameters
    ----------
    cells : np.ndarray [shape=(n_steps, 2), int64]
        Frames of A and of B at the rate of the comparison.
    semitones : int, 0 to 11
        How far B lies above A.
    score : float
        See `Chance.significance`.
    mean_cost : float
        Mean cosine distance of the frames.
    """

    cells: Cells
    semitones: int
    score: float
    mean_cost: float


def comparison_rate(
    seconds_a: float, seconds_b: float, *, highest: float = RATE, max_cells: int | None = None
) -> float:
    """Frames a second at which two tracks are compared: `highest`, or less where the matrix would be too large."""
    most = MAX_CELLS if max_cells is None else max_cells
    return min(highest, math.sqrt(most / max(seconds_a * seconds_b, 1.0)))


def smoothed(chroma: npt.NDArray[np.floating], *, frame_rate: float, rate: float) -> Frames:
    """CENS frames of a track (n_frames, 12), silent ones 0 throughout."""
    frames = cens(chroma, frame_rate=frame_rate, target_rate=min(rate, frame_rate))
    frames[np.ptp(frames, axis=1) == 0.0] = 0.0
    return frames


def costs_of(a: Frames, b: Frames, *, semitones: int = 0) -> Frames:
    """Cosine distances (n, m) of frames of A and of B, which is taken down by so many semitones.

    A silent frame is at distance 1 from everything.
    """
    return np.clip(1.0 - a @ np.roll(b, -semitones, axis=1).T, 0.0, 1.0).astype(np.float32)


def scores_of(costs: Frames) -> Frames:
    """What cells contribute to a path."""
    return rarities(costs) - np.float32(DEMANDED_RARITY)


def likely_transpositions(a: Frames, b: Frames) -> list[int]:
    """Semitones by which B may lie above A: those at which the best path collects most, best first.

    Parameters
    ----------
    a, b : np.ndarray [shape=(n_frames, 12), float32]
        As `smoothed` gives them; two frames a second are enough.
    """
    totals = [
        best_path(scores_of(costs_of(a, b, semitones=semitones)), penalty=STEP_PENALTY)[0]
        for semitones in range(N_CLASSES)
    ]
    return sorted(range(N_CLASSES), key=lambda semitones: -totals[semitones])[:N_TRANSPOSITIONS]


def chance_between(a: Frames, b: Frames, *, transpositions: Sequence[int]) -> Chance:
    """How high totals rise between A and B played backwards, where B may lie so many semitones above A."""
    peaks = [
        islands(scores_of(costs_of(a, b[::-1], semitones=semitones)), penalty=STEP_PENALTY)
        for semitones in transpositions
    ]
    return Chance.of(np.concatenate(peaks))


def stretches(
    a: Frames,
    b: Frames,
    *,
    rate: float,
    transpositions: Sequence[int],
    chance: Chance,
    least_lag: int | None = None,
) -> list[Stretch]:
    """Stretches of A and B that go together, best first.

    Each covers something, of A or of B, that no better one covers.

    Parameters
    ----------
    a, b : np.ndarray [shape=(n_frames, 12), float32]
        As `smoothed` gives them.
    rate : float (frames / s)
        Of both.
    transpositions : sequence of int
        Semitones by which B may lie above A.
    chance : Chance
        What would be found if A and B had nothing to do with one another.
    least_lag : int or None
        Only cells are searched that lie at least so many columns right of the diagonal.
    """
    costs = [costs_of(a, b, semitones=semitones) for semitones in transpositions]
    scores = [scores_of(matrix) for matrix in costs]
    if least_lag is not None:
        for matrix in scores:
            matrix[np.tri(len(a), len(b), least_lag - 1, dtype=np.bool_)] = _NEVER
    found: list[Stretch] = []
    covered = np.zeros(len(a), dtype=np.bool_), np.zeros(len(b), dtype=np.bool_)
    for _ in range(MAX_PATHS):
        paths = [best_path(matrix, penalty=STEP_PENALTY) for matrix in scores]
        best = max(range(len(paths)), key=lambda key: paths[key][0])
        if chance.significance(paths[best][0]) < ACCEPTED_SCORE:
            break
        cells = _without_gaps(paths[best][1], scores[best], chance)
        score = chance.significance(_total(cells, scores[best]))
        if score >= ACCEPTED_SCORE and _shorter_side(cells) >= SHORTEST * rate:
            mean_cost = float(costs[best][cells[:, 0], cells[:, 1]].mean(dtype=np.float64))
            found.append(Stretch(cells, transpositions[best], score, mean_cost))
            for side, track in enumerate(covered):
                track[cells[0, side] : cells[-1, side] + 1] = True
            for matrix in scores:
                matrix[np.ix_(*covered)] = _NEVER
        scores[best][cells[:, 0], cells[:, 1]] = _NEVER
    return sorted(found, key=lambda stretch: -stretch.score)


def _shorter_side(cells: Cells) -> int:
    """Frames that a path covers of the track of which it covers less."""
    return int((cells[-1] - cells[0]).min()) + 1


def _gains(cells: Cells, scores: Frames) -> npt.NDArray[np.float64]:
    """What every cell adds to the total of a path, its step included."""
    gains = scores[cells[:, 0], cells[:, 1]].astype(np.float64)
    uneven = np.diff(cells, axis=0).sum(axis=1) != 2
    gains[1:] -= STEP_PENALTY * uneven
    return gains


def _total(cells: Cells, scores: Frames) -> float:
    return float(_gains(cells, scores).sum())


def _without_gaps(path: Cells, scores: Frames, chance: Chance) -> Cells:
    """The best part of a path that loses too much on the way to another one.

    Parts that a path connects lead it astray at their ends. So the best one is sought again without the others.
    """
    parts = _parts(path, scores, chance)
    if len(parts) == 1:
        return parts[0]
    best = max(parts, key=lambda part: _total(part, scores))
    without = scores.copy()
    for part in parts:
        if part is not best:
            without[part[0, 0] : part[-1, 0] + 1, part[0, 1] : part[-1, 1] + 1] = _NEVER
    again = _parts(best_path(without, penalty=STEP_PENALTY)[1], scores, chance)
    return max(again, key=lambda part: _total(part, scores))


def _parts(path: Cells, scores: Frames, chance: Chance) -> list[Cells]:
    """Parts of a path between stretches on which it loses more than it may; each ends where its total is highest."""
    parts: list[Cells] = []
    rest = path
    while len(rest):
        totals = np.cumsum(_gains(rest, scores))
        lost = np.flatnonzero(np.maximum.accumulate(totals) - totals > chance.costliest_gap)
        stop = int(np.argmax(totals[: lost[0]] if len(lost) else totals)) + 1
        parts.append(rest[:stop])
        # The next part begins where the total is lowest before it gains as much again.
        after = totals[stop:]
        gained = np.flatnonzero(after - np.minimum.accumulate(after) > chance.costliest_gap)
        if not len(gained):
            break
        rest = rest[stop + int(np.argmin(after[: gained[0] + 1])) + 1 :]
    return parts
