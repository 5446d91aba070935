"""What lists are like, whatever is played next: how much of the catalogue they show, and what kind of titles."""

from dataclasses import dataclass

import numpy as np

from audiosim.recommend.next_track.models import Training
from audiosim.recommend.next_track.ranks import TargetRanks


@dataclass(frozen=True, slots=True)
class ListFigures:
    """Figures of the first ten of all lists together.

    Parameters
    ----------
    coverage : float
        Share of the catalogue that is in any list.
    hub_skewness : float
        Skewness of how often items are listed: 0 where all are listed alike, large where few are listed always.
    popularity : float
        Mean share of the catalogue that was played less than what is listed, equals counted half: .5 of items drawn by
        chance, near to 1 where only the most played are listed.
    spread : float
        Mean distance of what is listed from the centre of all sounds, over that of the catalogue: 1 of items drawn by
        chance, less where lists collapse on what is average. NaN without vectors, or where nothing listed has one.

    Examples
    --------
    >>> from audiosim.recommend.next_track.models import popularity
    >>> from audiosim.recommend.next_track.ranks import target_ranks
    >>> training = Training([np.array([0, 1])], n_items=40)
    >>> figures = list_figures(target_ranks(popularity(training), training, [np.array([0, 1])]), training)
    >>> figures.coverage, figures.popularity
    (0.25, 0.575)
    """

    coverage: float
    hub_skewness: float
    popularity: float
    spread: float


def list_figures(ranks: TargetRanks, training: Training) -> ListFigures:
    """Sum up the lists by which targets were ranked.

    Parameters
    ----------
    ranks : TargetRanks
        Of a model that learnt from `training`.
    training : Training
    """
    listed = ranks.listed.astype(np.float64)
    deviations = listed - listed.mean()
    variance = float(np.mean(deviations**2))
    counts = np.sort(training.counts())
    below, upto = (np.searchsorted(counts, training.counts(), side=side) for side in ("left", "right"))
    shares = (below + upto) / (2.0 * training.n_items)
    return ListFigures(
        coverage=float((listed > 0).mean()),
        hub_skewness=float(np.mean(deviations**3)) / variance**1.5 if variance > 0 else 0.0,
        popularity=float(np.average(shares, weights=listed)) if listed.any() else float("nan"),
        spread=_spread(listed, training),
    )


def _spread(listed: np.ndarray, training: Training) -> float:
    if training.vectors is None:
        return float("nan")
    known = np.asarray(np.isfinite(training.vectors).all(axis=1))
    vectors = training.vectors[known]
    if not listed[known].any():
        return float("nan")
    distances = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1)
    whole = float(distances.mean())
    return float(np.average(distances, weights=listed[known])) / whole if whole > 0 else float("nan")
