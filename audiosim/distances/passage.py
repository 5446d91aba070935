"""Where a passage is found in tracks: the stretch of about its length that is nearest to it.

Subsequence DTW (`audiosim_kernels.paths`) would answer in one pass, but the match may be of any length: in music that
is not the same, twelve seconds are most cheaply warped onto the one second that is most like their average. So windows
of each track are compared, like whole tracks, by the measure itself.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from audiosim.distances.blocks import Block
from audiosim.distances.dtw import Dtw
from audiosim.distances.version import Version

# Lengths of windows beside the passage's, for other tempi; what lies between is left to the warping.
_TEMPI = (3 / 4, 1, 4 / 3)
# Windows begin at every eighth of the passage's length. So one of them is no further than a sixteenth from the best
# place, which is within the band of either measure.
_HOPS = 8
_FRAMES_AT_ONCE = 200_000  # of windows, which overlap, but are copied: 16 MB of MFCC

Integers = npt.NDArray[np.int64]
Distances = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Where passages are found in tracks.

    Parameters
    ----------
    distances : np.ndarray [shape=(n_tracks,), float32]
        Of the passage from what it was found to match.
    starts, stops : np.ndarray [shape=(n_tracks,), int64]
        The match is frames start to stop of the track.
    """

    distances: Distances
    starts: Integers
    stops: Integers


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """Pairs (n_pairs, 2) of a part, sought, and of a whole, in which it is sought, which is longer."""

    measure: Dtw | Version
    parts: Block
    wholes: Block
    pairs: Integers
    device: str


def find_passage(measure: Dtw | Version, passage: Block, tracks: Block, *, device: str) -> Matches:
    """Find a passage in every track.

    Parameters
    ----------
    measure : Dtw or Version
        What is near. Its `max_length_ratio` does not matter.
    passage : Block
        Of one sequence of frames.
    tracks : Block
        Of frames. A track of the passage's length is compared from end to end; a shorter one is sought in the passage,
        and all of it is the match.
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    Matches
        Windows of 3/4, 1 and 4/3 of the passage's length are compared, and those that begin around the nearest one.
        Of several equally near windows, the shortest, and of these the first, counts.

    Notes
    -----
    O(n_tracks * m * n) time for n frames in tracks of m, a few times that of comparing whole tracks of such lengths.

    Examples
    --------
    >>> scale = np.eye(12, dtype=np.float32)
    >>> song = Block(scale, np.array([0, 12]))
    >>> found = find_passage(Version(n_transpositions=1), Block(scale[4:8], np.array([0, 4])), song, device="cpu")
    >>> found.distances, found.starts, found.stops
    (array([0.], dtype=float32), array([0]), array([4]))
    """
    measure = replace(measure, max_length_ratio=None)
    n, m = int(_lengths(passage)[0]), _lengths(tracks)
    pairs = np.stack([np.zeros(len(m), dtype=np.int64), np.arange(len(m))], axis=1)
    distances = np.empty(len(m), dtype=np.float32)
    starts, stops = np.zeros(len(m), dtype=np.int64), m.copy()
    distances[m == n] = measure.distances(passage, tracks, pairs[m == n], device=device)
    if (m > n).any():
        found = _search(_Search(measure, passage, tracks, pairs[m > n], device))
        distances[m > n], starts[m > n], stops[m > n] = found.distances, found.starts, found.stops
    if (m < n).any():
        distances[m < n] = _search(_Search(measure, tracks, passage, pairs[m < n, ::-1], device)).distances
    return Matches(distances, starts, stops)


def _search(search: _Search) -> Matches:
    """The best of all windows, moved to where it is best."""
    n, m = _lengths(search.parts)[search.pairs[:, 0]], _lengths(search.wholes)[search.pairs[:, 1]]
    hops = np.maximum(1, n // _HOPS)
    owners, starts, lengths = _windows(n, m, hops)
    distances = _compared(search, owners, starts, lengths)
    # The sort is stable: of equals, the first stays first.
    order = np.lexsort((distances, owners))
    best = order[np.searchsorted(owners[order], np.arange(len(n)))]
    distances, starts, lengths = distances[best], starts[best], lengths[best]
    steps = hops // 2
    while steps.any():
        for moved in (starts - steps, starts + steps):
            tried = np.clip(moved, 0, m - lengths)
            found = _compared(search, np.arange(len(n)), tried, lengths)
            is_nearer = found < distances
            starts, distances = np.where(is_nearer, tried, starts), np.where(is_nearer, found, distances)
        steps //= 2
    return Matches(distances, starts, starts + lengths)


def _windows(n: Integers, m: Integers, hops: Integers) -> tuple[Integers, Integers, Integers]:
    """Pair, start and length of every window, those of a pair side by side; the last one ends with the whole."""
    owners: list[Integers] = []
    starts: list[Integers] = []
    lengths: list[Integers] = []
    for pair, (n_part, n_whole, hop) in enumerate(zip(n.tolist(), m.tolist(), hops.tolist(), strict=True)):
        for length in sorted({max(1, round(n_part * tempo)) for tempo in _TEMPI}):
            if length <= n_whole:
                first = np.append(np.arange(0, n_whole - length, hop), n_whole - length)
                owners.append(np.full(len(first), pair))
                starts.append(first)
                lengths.append(np.full(len(first), length))
    return np.concatenate(owners), np.concatenate(starts), np.concatenate(lengths)


def _compared(search: _Search, owners: Integers, starts: Integers, lengths: Integers) -> Distances:
    """Distances of windows from the parts of their pairs."""
    assert search.wholes.offsets is not None
    firsts = search.wholes.offsets[search.pairs[owners, 1]] + starts
    at_once = max(1, _FRAMES_AT_ONCE // int(lengths.max()))
    distances = np.empty(len(owners), dtype=np.float32)
    for begin in range(0, len(owners), at_once):
        chosen = slice(begin, begin + at_once)
        offsets = np.concatenate([[0], np.cumsum(lengths[chosen])])
        # Frame i of all windows is frame i - offset of its own.
        frames = np.arange(offsets[-1]) + np.repeat(firsts[chosen] - offsets[:-1], lengths[chosen])
        windows = Block(search.wholes.values[frames], offsets)
        pairs = np.stack([search.pairs[owners[chosen], 0], np.arange(len(offsets) - 1)], axis=1)
        distances[chosen] = search.measure.distances(search.parts, windows, pairs, device=search.device)
    return distances


def _lengths(block: Block) -> Integers:
    assert block.offsets is not None, "vectors are no sequences"
    return np.diff(block.offsets)
