"""A simulated listener whose taste is known: ratings of which features explain a share, and the rest is mood."""

import numpy as np

from audiosim.recommend.labelled_table import TrackInputs
from audiosim.recommend.taste.trials import RatedTracks

N_FEATURES, N_INFORMATIVE, _N_COMMON = 30, 6, 5


def rated_tracks(seed: int, *, n: int = 100, ceiling: float = 0.4, n_artists: int = 60) -> RatedTracks:
    """Ratings of which 30 related features explain a share, six of them having a part in it.

    Parameters
    ----------
    seed : int
    n : int
        Tracks.
    ceiling : float
        R2 that nobody can surpass who knows the taste; with 0 there is none.
    n_artists : int
        Whose the tracks are, at random; taste and features know nothing of them.

    Returns
    -------
    RatedTracks
        Ratings have mean 0 and standard deviation 1, more or less.
    """
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, _N_COMMON)) @ rng.normal(size=(_N_COMMON, N_FEATURES))
    inputs = 0.5 * common + rng.normal(size=(n, N_FEATURES))
    weights = np.zeros(N_FEATURES)
    weights[rng.choice(N_FEATURES, N_INFORMATIVE, replace=False)] = rng.normal(size=N_INFORMATIVE)
    liked = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0) @ weights
    liked = (liked - liked.mean()) / liked.std()
    ratings = np.sqrt(ceiling) * liked + np.sqrt(1.0 - ceiling) * rng.normal(size=n)
    names = tuple(f"feature {i}" for i in range(N_FEATURES))
    return RatedTracks(TrackInputs(names, inputs, inputs), ratings, rng.integers(0, n_artists, n), is_binary=False)
