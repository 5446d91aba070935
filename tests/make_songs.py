"""Tables of songs whose genres features tell, more or less."""

import numpy as np
import pandas as pd

GENRES = ("folk", "metal", "techno")


def songs(rng, *, n_artists=20, n_songs=4, spread=0.12, artist_spread=0.0):
    """Songs of three genres that differ in energy and tempo; every artist also has a sound of its own."""

    def song(genre, *, energy, tempo, artist, own, number):
        return {
            "artist": f"{genre} artist {artist}",
            "title": f"Song {number}",
            "genre": genre,
            "energy": np.clip(energy + rng.normal(0, spread), 0, 1),
            "tempo": tempo + 100 * rng.normal(0, spread),
            "key": int(rng.integers(12)),
            "mode": int(rng.integers(2)),
            "loudness": -20 + 10 * own[0] + rng.normal(0, 0.05),
            "valence": np.clip(0.5 + 0.2 * own[1] + rng.normal(0, 0.001), 0, 1),
            "duration_ms": 180_000 + 1_000 * number,
        }

    rows = []
    for style, (energy, tempo) in zip(GENRES, [(0.2, 90), (0.9, 140), (0.6, 125)], strict=True):
        for artist in range(n_artists):
            own = rng.normal(0.0, artist_spread, 2)
            rows.extend(
                song(style, energy=energy, tempo=tempo, artist=artist, own=own, number=number)
                for number in range(n_songs)
            )
    return pd.DataFrame(rows)


def written(frame, tmp_path, name="songs.csv"):
    path = tmp_path / name
    frame.to_csv(path, index=False)
    return path
