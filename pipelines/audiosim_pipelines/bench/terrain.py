"""Synthetic libraries for journeys: moods crowd as real ones do, sounds follow loosely, artists have few tracks."""

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist, pdist

from audiosim.recommend.journey.course import rank_transform
from audiosim.recommend.journey.walk import Indices, Terrain, Transition

Values = npt.NDArray[np.float64]


def make_terrain(seed: int, n_tracks: int = 500, *, n_artists: int | None = None) -> Terrain:
    """A library of which energy and valence correlate and crowd at one end, and of six dims of sound one is energy.

    By default there are a quarter as many artists as tracks.
    """
    rng = np.random.default_rng([20_261_121, seed])
    common = rng.standard_normal(n_tracks)
    energy, valence = (0.65 * common + 0.75 * rng.standard_normal(n_tracks) for _ in range(2))
    moods = np.stack([1.0 / (1.0 + np.exp(-1.2 * energy - 0.8)), 1.0 / (1.0 + np.exp(-valence))], axis=1)
    sounds = np.concatenate([0.5 * energy[:, None], rng.standard_normal((n_tracks, 5))], axis=1)
    return Terrain(
        rank_transform(moods), _artists(rng, n_tracks, n_artists or max(1, n_tracks // 4)), transitions_of(sounds)
    )


def transitions_of(sounds: Values) -> Transition:
    """Dissimilarities of points (n_tracks, n_dims): the share of pairs of a sample that are nearer."""
    quantiles = np.quantile(pdist(sounds[:200]), np.linspace(0.0, 1.0, 101))

    def transition(rows: Indices, columns: Indices) -> Values:
        return np.interp(cdist(sounds[rows], sounds[columns]), quantiles, np.linspace(0.0, 1.0, 101))

    return transition


def ends(terrain: Terrain) -> tuple[int, int]:
    """The tracks nearest to (.25, .25) and to (.85, .85)."""
    calm, bright = (
        int(np.linalg.norm(terrain.coordinates - place, axis=1).argmin()) for place in ([0.25, 0.25], [0.85, 0.85])
    )
    return calm, bright


def _artists(rng: np.random.Generator, n_tracks: int, n_artists: int) -> list[str]:
    """Names, of which some have many tracks."""
    numbers = np.minimum(rng.zipf(1.6, n_tracks) + rng.integers(0, n_artists, n_tracks), n_artists)
    return [f"artist {number}" for number in numbers.tolist()]
