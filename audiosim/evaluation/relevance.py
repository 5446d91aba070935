"""What a query may find, and what of it counts as found: by labels, or by pairs that belong together."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.ranking import artist_codes, label_codes

Labels = Sequence[Hashable | None]
Artists = Sequence[str | None] | None
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Relevance:
    """Candidates and relevant tracks of every query."""

    artists: Codes  # (n_tracks,) tracks with the query's code are no candidates; at least the query has it
    labels: Codes  # (n_tracks,) -1: unknown, neither query nor candidate; all 0 with pairs
    partners: tuple[npt.NDArray[np.int64], ...] | None  # with pairs, the rows that belong to each track
    groups: Codes  # (n_tracks,) tracks that belong together, directly or through others

    def masks(self, query: int) -> tuple[Mask, Mask]:
        """Say of every track whether it is a candidate of the query, and whether it is a relevant candidate."""
        if self.labels[query] < 0:
            nothing = np.zeros(len(self.labels), dtype=np.bool_)
            return nothing, nothing
        candidates = (self.artists != self.artists[query]) & (self.labels >= 0)
        if self.partners is None:
            return candidates, candidates & (self.labels == self.labels[query])
        belonging = np.zeros(len(self.labels), dtype=np.bool_)
        belonging[self.partners[query]] = True
        return candidates, candidates & belonging


def relevance_of_labels(labels: Labels, *, artists: Artists = None, n_tracks: int) -> Relevance:
    """Relevant is what has the query's label.

    Parameters
    ----------
    labels : sequence of n_tracks hashable or None
        None is unknown: neither query nor candidate, since nobody can say whether it would be right.
    artists : sequence of n_tracks str or None, or None
        The artist filter: tracks of the query's artist are no candidates. None in the sequence is unknown, thus
        an artist of its own; None in its place: only the query itself is no candidate.
    n_tracks : int
        How many labels there must be.

    Returns
    -------
    Relevance

    Raises
    ------
    ValueError
        If there is not one label and one artist a track.

    Examples
    --------
    >>> relevance = relevance_of_labels(["a", "a", None, "b"], n_tracks=4)
    >>> [mask.tolist() for mask in relevance.masks(0)]
    [[False, True, False, True], [False, True, False, False]]
    """
    codes = label_codes(labels, n_tracks=n_tracks)
    # An unknown label is a group of its own, numbered beyond the known ones.
    groups = np.where(codes < 0, n_tracks + np.arange(n_tracks), codes)
    return Relevance(artist_codes(artists, n_tracks=n_tracks), codes, None, groups)


def relevance_of_pairs(pairs: npt.NDArray[np.integer], *, artists: Artists = None, n_tracks: int) -> Relevance:
    """Relevant is what stands in a pair with the query; every track is a candidate.

    Parameters
    ----------
    pairs : (n_pairs, 2) integer
        Rows that belong together, in either order, repeated or not. What belongs to one track need not belong
        together: where that is meant, give labels.
    artists : sequence of n_tracks str or None, or None
        The artist filter, see `relevance_of_labels`.
    n_tracks : int
        Number of rows.

    Returns
    -------
    Relevance

    Raises
    ------
    ValueError
        If pairs have another shape, rows are out of range, a track is paired with itself, or there is not one
        artist a track.

    Examples
    --------
    >>> relevance = relevance_of_pairs(np.array([[0, 2]]), n_tracks=3)
    >>> [relevance.masks(query)[1].tolist() for query in (1, 2)]
    [[False, False, False], [True, False, False]]
    """
    rows = np.asarray(pairs)
    if rows.ndim != 2 or rows.shape[1] != 2 or not np.issubdtype(rows.dtype, np.integer):
        raise ValueError(f"pairs must be integers of shape (n_pairs, 2), got {rows.dtype} of shape {rows.shape}")
    if rows.size and not (rows.min() >= 0 and rows.max() < n_tracks):
        raise ValueError(f"pairs must lie in 0 .. {n_tracks - 1}, got {rows.min()} .. {rows.max()}")
    n_same = int(np.count_nonzero(rows[:, 0] == rows[:, 1]))
    if n_same:
        raise ValueError(f"a pair must be of two different tracks, {n_same} are not")
    both = np.unique(np.concatenate([rows, rows[:, ::-1]]).astype(np.int64), axis=0)
    starts = np.searchsorted(both[:, 0], np.arange(1, n_tracks))
    return Relevance(
        artists=artist_codes(artists, n_tracks=n_tracks),
        labels=np.zeros(n_tracks, dtype=np.int64),
        partners=tuple(np.split(both[:, 1], starts)) if n_tracks else (),
        groups=_connected(both, n_tracks),
    )


def _connected(pairs: npt.NDArray[np.int64], n_tracks: int) -> Codes:
    """Number the tracks by the lowest row that pairs connect them with."""
    groups = np.arange(n_tracks, dtype=np.int64)
    while True:
        lowest = groups.copy()
        np.minimum.at(lowest, pairs[:, 0], groups[pairs[:, 1]])
        lowest = lowest[lowest]
        if np.array_equal(lowest, groups):
            return groups
        groups = lowest
