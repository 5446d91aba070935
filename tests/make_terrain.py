"""Synthetic libraries for journeys: moods crowd as real ones do, sounds follow loosely, artists have few tracks."""

import numpy as np

from audiosim.recommend.journey.course import rank_transform
from audiosim.recommend.journey.walk import Terrain


def make_terrain(seed, n_tracks=500, *, n_artists=None):
    """Energy and valence correlate and crowd at one end; one of six dims of the sound follows the energy."""
    rng = np.random.default_rng([20_261_121, seed])
    common = rng.standard_normal(n_tracks)
    energy, valence = (0.65 * common + 0.75 * rng.standard_normal(n_tracks) for _ in range(2))
    moods = np.stack([1.0 / (1.0 + np.exp(-1.2 * energy - 0.8)), 1.0 / (1.0 + np.exp(-valence))], axis=1)
    sounds = np.concatenate([0.5 * energy[:, None], rng.standard_normal((n_tracks, 5))], axis=1)
    return Terrain(rank_transform(moods), artists(rng, n_tracks, n_artists), transitions_of(sounds))


def artists(rng, n_tracks, n_artists=None):
    """Names, of which some have many tracks."""
    n_artists = n_artists or max(1, n_tracks // 4)
    return [
        f"artist {i}" for i in np.minimum(rng.zipf(1.6, n_tracks) + rng.integers(0, n_artists, n_tracks), n_artists)
    ]


def transitions_of(sounds):
    """Share of pairs that are nearer, in place of the distance."""
    sample = np.linalg.norm(sounds[:200, None] - sounds[None, :200], axis=2)[np.triu_indices(min(200, len(sounds)), 1)]
    quantiles = np.quantile(sample, np.linspace(0.0, 1.0, 101))

    def transition(rows, columns):
        distances = np.linalg.norm(sounds[rows][:, None] - sounds[columns], axis=2)
        return np.interp(distances, quantiles, np.linspace(0.0, 1.0, 101))

    return transition


def ends(terrain):
    """The tracks nearest to (.25, .25) and to (.85, .85)."""
    return tuple(
        int(np.linalg.norm(terrain.coordinates - place, axis=1).argmin()) for place in ([0.25, 0.25], [0.85, 0.85])
    )
