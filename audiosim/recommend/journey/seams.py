"""How the end of one track sounds against the beginning of the next."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SECONDS = 20.0

Floats = npt.NDArray[np.float64]


def moments(frames: npt.NDArray[np.floating], *, n_frames: int) -> tuple[Floats, Floats]:
    """Mean and spread of the first frames of a track, and of the last ones.

    Parameters
    ----------
    frames : (n_all >= 1, n_dims) floating
        MFCC in their order.
    n_frames : int
        How many count at either end, at least 1; all of them in a track that is shorter.

    Returns
    -------
    head, tail : (2 * n_dims,) float64
        The means of the dims, then their standard deviations.

    Raises
    ------
    ValueError
        If there is no frame, or `n_frames` is below 1.

    Examples
    --------
    >>> head, tail = moments(np.array([[1.0], [3.0], [8.0]]), n_frames=2)
    >>> head.tolist(), tail.tolist()
    ([2.0, 1.0], [5.5, 2.5])
    """
    if frames.ndim != 2 or not len(frames):
        raise ValueError(f"frames must have shape (n_frames >= 1, n_dims), got {frames.shape}")
    if n_frames < 1:
        raise ValueError(f"n_frames must be at least 1, got {n_frames}")
    head, tail = (part.astype(np.float64) for part in (frames[:n_frames], frames[-n_frames:]))
    return (
        np.concatenate([head.mean(axis=0), head.std(axis=0)]),
        np.concatenate([tail.mean(axis=0), tail.std(axis=0)]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class SeamScale:
    """What a seam is measured by: how moments spread in a library, and how unlike any end and any beginning are.

    Parameters
    ----------
    spread : np.ndarray [shape=(2 * n_dims,), float64]
        Standard deviation of each moment.
    quantiles : np.ndarray [shape=(101,), float64]
        Ascending quantiles of the distances of any tail to any head.
    """

    spread: Floats
    quantiles: Floats

    @classmethod
    def of(cls, heads: Floats, tails: Floats) -> "SeamScale":
        """Measure a library, or a sample of its tracks.

        Parameters
        ----------
        heads, tails : (n_tracks >= 2, 2 * n_dims) float64
            Moments of each track.

        Raises
        ------
        ValueError
            If there are fewer than 2 tracks, or the shapes differ.

        Examples
        --------
        >>> SeamScale.of(np.array([[0.0], [2.0]]), np.array([[0.0], [2.0]])).quantiles[-1].item()
        2.0
        """
        if heads.shape != tails.shape or heads.ndim != 2 or len(heads) < 2:
            raise ValueError(
                f"heads and tails must have the same shape (n_tracks >= 2, n), got {heads.shape} and {tails.shape}"
            )
        spread = np.concatenate([heads, tails]).std(axis=0)
        spread = np.where(spread > 0.0, spread, 1.0)
        different = ~np.eye(len(heads), dtype=np.bool_)
        return cls(spread, np.quantile(_distances(tails, heads, spread)[different], np.linspace(0.0, 1.0, 101)))

    def dissimilarity(self, tails: Floats, heads: Floats) -> Floats:
        """How unlike ends and beginnings are.

        Parameters
        ----------
        tails : (n_from, 2 * n_dims) float64
        heads : (n_to, 2 * n_dims) float64

        Returns
        -------
        (n_from, n_to) float64
            The share of seams of the library that are more alike, 0 to 1.

        Examples
        --------
        >>> scale = SeamScale(np.ones(1), np.linspace(0.0, 4.0, 101))
        >>> scale.dissimilarity(np.array([[1.0]]), np.array([[1.0], [3.0], [9.0]])).tolist()
        [[0.0, 0.5, 1.0]]
        """
        return np.interp(
            _distances(tails, heads, self.spread), self.quantiles, np.linspace(0.0, 1.0, len(self.quantiles))
        )


def _distances(tails: Floats, heads: Floats, spread: Floats) -> Floats:
    return np.sqrt(np.square((tails[:, None] - heads) / spread).sum(axis=2))
