"""How far tracks are from what somebody listens to."""

import numpy as np
import numpy.typing as npt

Distances = npt.NDArray[np.float64]


def distances_to_seeds(distances: npt.NDArray[np.floating], *, n_closest: int = 3) -> Distances:
    """Mean distance of each candidate to the seeds that are closest to it.

    The mean over all seeds would favour what is a little like everything: whoever listens to baroque and to metal wants
    neither of them averaged. The closest seed alone would trust one odd match.

    Parameters
    ----------
    distances : (n_seeds, n_candidates) floating
        From each seed to each candidate; not NaN.
    n_closest : int
        How many seeds count for a candidate, at least 1; all, where there are fewer.

    Returns
    -------
    (n_candidates,) float64

    Raises
    ------
    ValueError
        If there is no seed, or `n_closest` is below 1.

    Examples
    --------
    >>> distances_to_seeds(np.array([[0.1, 0.9], [0.9, 0.7], [0.3, 0.8]]), n_closest=2).tolist()
    [0.2, 0.75]
    """
    if len(distances) == 0:
        raise ValueError("there must be at least one seed, got none")
    if n_closest < 1:
        raise ValueError(f"n_closest must be at least 1, got {n_closest}")
    n = min(n_closest, len(distances))
    closest = np.partition(distances.astype(np.float64), n - 1, axis=0)[:n]
    return np.sort(closest, axis=0).mean(axis=0)  # sorted, so that the order of the seeds changes no bit


def favourites(
    played: npt.NDArray[np.integer], ages: npt.NDArray[np.floating], *, n_most: int, half_life: float
) -> list[int]:
    """Tracks that are played most, and of late.

    Parameters
    ----------
    played : (n_plays,) integer
        Which track each play was.
    ages : (n_plays,) floating
        How long ago it was, in days, at least 0.
    n_most : int
        How many tracks at most.
    half_life : float (days)
        A play that is so old counts half.

    Returns
    -------
    list of int
        Most played first; of equals, the track with the smaller number.

    Examples
    --------
    >>> favourites(np.array([7, 7, 5, 9]), np.array([90.0, 90.0, 0.0, 300.0]), n_most=2, half_life=90.0)
    [5, 7]
    """
    tracks, which = np.unique(played, return_inverse=True)
    weights = np.bincount(which, weights=0.5 ** (ages / half_life), minlength=len(tracks))
    return tracks[np.lexsort((tracks, -weights))][:n_most].tolist()
