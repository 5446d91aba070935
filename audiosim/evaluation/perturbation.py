"""Whether a measure still knows a track when it hears a copy of it: louder, cut, coded, faster, in another key.

Every copy is compared with all tracks of a library. Copies are no candidates, so that no copy is found by the help of
another one of the same track.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PerturbationScores:
    """How well the originals of some copies are found; NaN without copies."""

    top_1: float  # share of copies whose original is the nearest of all tracks
    mean_reciprocal_rank: float  # of the originals
    n_copies: int


def original_ranks(
    distances: npt.NDArray[np.floating], originals: npt.NDArray[np.integer], *, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Rank the original of every copy among all tracks.

    Parameters
    ----------
    distances : (n_copies, n_tracks) floating
        From every copy to every track, as ranked by; the originals are among the tracks, copies are not.
    originals : (n_copies,) integer
        Column of the track that a copy was made of.
    seed : int
        Of the order among ties, which is drawn anew for every copy.

    Returns
    -------
    (n_copies,) int64
        From 1, the nearest, to n_tracks.

    Raises
    ------
    ValueError
        If the shapes do not fit, a distance is not finite, or an original is no column.

    Notes
    -----
    O(n_copies * n_tracks) time.

    Examples
    --------
    >>> original_ranks(np.array([[0.1, 0.4], [0.3, 0.2]]), np.array([0, 0])).tolist()
    [1, 2]
    """
    _validate(distances, originals)
    if len(originals) == 0:
        return np.empty(0, dtype=np.int64)
    own = distances[np.arange(len(originals)), originals, None]
    n_nearer = np.count_nonzero(distances < own, axis=1)
    n_tied = np.count_nonzero(distances == own, axis=1)  # the original among them
    return n_nearer + np.random.default_rng(seed).integers(1, n_tied, endpoint=True)


def scores_of_ranks(ranks: npt.NDArray[np.integer]) -> PerturbationScores:
    """Summarise `original_ranks`, of some copies or of all of several measurements.

    Parameters
    ----------
    ranks : (n_copies,) integer
        From 1 on.

    Returns
    -------
    PerturbationScores
        NaN, with a warning, if there is no copy.

    Raises
    ------
    ValueError
        If a rank is below 1.

    Examples
    --------
    >>> scores_of_ranks(np.array([1, 2]))
    PerturbationScores(top_1=0.5, mean_reciprocal_rank=0.75, n_copies=2)
    """
    if ranks.ndim != 1 or (ranks < 1).any():
        raise ValueError(f"ranks must have shape (n_copies,) and be 1 or more, got {ranks}")
    if ranks.size == 0:
        warnings.warn("there are no copies; the result is NaN", stacklevel=2)
        return PerturbationScores(float("nan"), float("nan"), 0)
    return PerturbationScores(float(np.mean(ranks == 1)), float(np.mean(1.0 / ranks)), ranks.size)


def perturbation_scores(
    distances: npt.NDArray[np.floating], originals: npt.NDArray[np.integer], *, seed: int = 0
) -> PerturbationScores:
    """Judge how well the originals of copies are found; parameters as in `original_ranks`.

    Returns
    -------
    PerturbationScores
        1 and 1 where every original is nearest to its copy; NaN, with a warning, if there is no copy.

    Raises
    ------
    ValueError
        If the shapes do not fit, a distance is not finite, or an original is no column.

    Examples
    --------
    >>> perturbation_scores(np.array([[0.1, 0.4], [0.3, 0.2]]), np.array([0, 0])).top_1
    0.5
    """
    return scores_of_ranks(original_ranks(distances, originals, seed=seed))


def _validate(distances: npt.NDArray[np.floating], originals: npt.NDArray[np.integer]) -> None:
    if originals.ndim != 1 or distances.ndim != 2 or len(distances) != len(originals):
        raise ValueError(
            "distances must have shape (n_copies, n_tracks) and originals (n_copies,), "
            f"got {distances.shape} and {originals.shape}"
        )
    if not np.isfinite(distances).all():
        raise ValueError(
            f"distances must be finite, got {np.count_nonzero(~np.isfinite(distances))} that are not; "
            "leave out the tracks that were not compared"
        )
    n_tracks = distances.shape[1]
    if ((originals < 0) | (originals >= n_tracks)).any():
        raise ValueError(f"originals must lie in 0 .. {n_tracks - 1}, got {originals.min()} to {originals.max()}")
