"""Passages: stretches of two tracks that go together, with the course from one to the other."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.alignment.local import Stretch
from audiosim_kernels.corridor import path_within

Path = npt.NDArray[np.int64]

CORRIDOR = 1.5  # seconds that the path of all frames may lie beside the one of smoothed frames

# How much the onset of a note counts beside its sound, and how long it is felt. Without, two instruments are aligned
# where their notes die away alike. On synthesised pieces the two cut the median error between two instruments from 44
# to 20 ms, and leave it at 7 ms on one instrument.
ONSET_WEIGHT = 4.0
ONSET_SECONDS = 0.12
REACH = 1.0  # seconds by which a passage is drawn out where that brings it to the beginning or the end of a track


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """A stretch of track A and the stretch of track B that matches it.

    Times are those of the frames that were compared: what was trimmed off the file before is not counted.

    Attributes
    ----------
    a_start, a_stop, b_start, b_stop : float (s)
    mean_cost : float
        Mean cosine distance of the smoothed frames that go together, B transposed to the key of A. 0 is the same
        harmony.
    tempo_ratio : float
        Seconds of A for a second of B: above 1 where B is faster.
    transposition : int, -5 to 6 (semitones)
        How far B lies above A.
    score : float
        Significance: about e^-score passages as good as this one are to be expected of two tracks with these chords
        that have nothing to do with one another.
    path : np.ndarray [shape=(n_steps, 2), int64]
        Frames of A and of B that go together, in order. Every frame of the passage occurs.
    """

    a_start: float
    a_stop: float
    b_start: float
    b_stop: float
    mean_cost: float
    tempo_ratio: float
    transposition: int
    score: float
    path: Path

    @property
    def a_duration(self) -> float:
        """Seconds of A."""
        return self.a_stop - self.a_start

    @property
    def b_duration(self) -> float:
        """Seconds of B."""
        return self.b_stop - self.b_start


def passage_of(
    stretch: Stretch,
    a_chroma: npt.NDArray[np.floating],
    b_chroma: npt.NDArray[np.floating],
    *,
    frame_rate: float,
    rate: float,
) -> Passage:
    """Align all frames of a stretch that was found among smoothed ones.

    Parameters
    ----------
    stretch : Stretch
    a_chroma, b_chroma : np.ndarray [shape=(n_frames, 12)]
        All frames of both tracks.
    frame_rate, rate : float (frames / s)
        Of these, and of those that `stretch` is about.
    """
    period = frame_rate / rate
    lengths = len(a_chroma), len(b_chroma)
    corners = _drawn_out(_corners(stretch.cells, period, lengths), lengths, round(REACH * frame_rate))
    (a_first, b_first), (a_stop, b_stop) = corners.tolist()
    first, stop = _corridor(stretch.cells, corners, period, CORRIDOR * frame_rate)
    path = path_within(
        with_onsets(a_chroma, frame_rate=frame_rate)[a_first:a_stop],
        with_onsets(np.roll(b_chroma, -stretch.semitones, axis=1), frame_rate=frame_rate)[b_first:b_stop],
        first,
        stop,
    )
    return Passage(
        a_start=a_first / frame_rate,
        a_stop=a_stop / frame_rate,
        b_start=b_first / frame_rate,
        b_stop=b_stop / frame_rate,
        mean_cost=stretch.mean_cost,
        tempo_ratio=(a_stop - a_first) / (b_stop - b_first),
        transposition=stretch.semitones if stretch.semitones <= 6 else stretch.semitones - 12,
        score=stretch.score,
        path=path + corners[0],
    )


def with_onsets(chroma: npt.NDArray[np.floating], *, frame_rate: float) -> npt.NDArray[np.float32]:
    """Chroma with the onsets of its notes: by how much each pitch class rises, decaying within `ONSET_SECONDS`.

    Parameters
    ----------
    chroma : np.ndarray [shape=(n_frames, 12)]
    frame_rate : float (frames / s)

    Returns
    -------
    np.ndarray [shape=(n_frames, 24), float32]

    References
    ----------
    Ewert, S., Müller, M., & Grosche, P. (2009). High resolution audio synchronization using chroma onset features.
    Proceedings of ICASSP, 1869-1872.

    Examples
    --------
    >>> note = np.zeros((6, 12))
    >>> note[2:, 0] = 1.0
    >>> with_onsets(note, frame_rate=25.0)[:, 12].round(2)
    array([0.  , 0.  , 4.  , 3.27, 2.31, 0.  ], dtype=float32)
    """
    rises = np.maximum(np.diff(chroma, axis=0, prepend=chroma[:1]), 0.0)
    n_frames = max(1, round(ONSET_SECONDS * frame_rate))
    onsets = rises.copy()
    for lag in range(1, min(n_frames, len(rises))):
        np.maximum(onsets[lag:], math.sqrt(1.0 - lag / n_frames) * rises[:-lag], out=onsets[lag:])
    return np.hstack([chroma, ONSET_WEIGHT * onsets]).astype(np.float32)


def squared_deviations(path: Path) -> npt.NDArray[np.float64]:
    """Squared distances (n_steps,) of a path from the straight line that fits it best, in frames, across the line.

    The line minimises the sum of squares (total least squares), so that it is the same for (A, B) and for (B, A).
    """
    centred = path - path.mean(axis=0)
    _, _, directions = np.linalg.svd(centred.T @ centred)
    return np.square(centred @ directions[1])


def _corners(cells: Path, period: float, lengths: tuple[int, int]) -> Path:
    """First frames of A and B, and the frames after the last."""
    corners = np.rint(np.array([cells[0], cells[-1] + 1]) * period).astype(np.int64)
    return np.minimum(corners, lengths)


def _drawn_out(corners: Path, lengths: tuple[int, int], reach: int) -> Path:
    """Corners drawn out evenly to the nearer beginning and the nearer end, or right into the corner, within reach."""
    before, after = corners[0], np.array(lengths) - corners[1]
    drawn = corners.copy()
    for side, room, sign in ((0, before, -1), (1, after, 1)):
        if (room <= reach).all():
            drawn[side] += sign * room
        elif room.min() <= reach:
            drawn[side] += sign * room.min()
    return drawn


def _corridor(cells: Path, corners: Path, period: float, radius: float) -> tuple[Path, Path]:
    """First column of every row and the one after the last, around the path of the smoothed frames."""
    n_rows, n_columns = (corners[1] - corners[0]).tolist()
    # A cell stands for the stretch of time around its centre; the corners are where the path begins and ends.
    centres = np.concatenate([corners[:1], (cells + 0.5) * period, corners[1:]]) - corners[0]
    about = np.interp(np.arange(n_rows), np.maximum.accumulate(centres[:, 0]), np.maximum.accumulate(centres[:, 1]))
    first = np.clip(np.floor(about - radius), 0, n_columns - 1).astype(np.int64)
    stop = np.clip(np.ceil(about + radius) + 1, 1, n_columns).astype(np.int64)
    first[0], stop[-1] = 0, n_columns
    return first, stop
