"""A question for nearest tracks, answered as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audiosim.catalog import Track
from audiosim.recommend.neighbors import nearest, nearest_to_seeds, percentile


@dataclass(frozen=True, slots=True)
class Query:
    """Rows of the seeds, how many tracks to return, how many of one artist at most, and rows that are left out."""

    seeds: Sequence[int]
    k: int
    artist_cap: int | None = None
    left_out: frozenset[int] = frozenset()


def nearest_table(
    distances: npt.NDArray[np.float32], tracks: Sequence[Track], query: Query, *, quantiles: npt.NDArray[np.float64]
) -> pd.DataFrame:
    """Answer a query.

    Parameters
    ----------
    distances : (n_seeds, n_tracks) float32
        From each seed to every track.
    tracks
        The tracks of the columns.
    query
        What is asked.
    quantiles
        Of the distances of all pairs, see `distance_quantiles`.

    Returns
    -------
    pandas.DataFrame
        See `audiosim.Library.nearest`.
    """
    exclude = np.zeros(len(tracks), dtype=np.bool_)
    exclude[list({*query.seeds, *query.left_out})] = True
    ids = [track.track_id for track in tracks]
    options: dict[str, Any] = {
        "k": query.k,
        "tie_keys": ids,
        "exclude": exclude,
        "artists": [track.artist for track in tracks],
        "artist_cap": query.artist_cap,
    }
    n_seeds: list[int] | None = None
    if len(query.seeds) == 1:
        found = nearest(distances[0], **options).tolist()
    else:
        reached = nearest_to_seeds(distances, seeds=query.seeds, **options)
        found = [track.index for track in reached]
        n_seeds = [track.n_seeds for track in reached]
    nearest_seed = np.nanmin(distances[:, found], axis=0) if found else np.empty(0, np.float32)
    chosen = [tracks[row] for row in found]
    # As objects: pandas would turn the None among names into NaN.
    texts = {
        "artist": [track.artist for track in chosen],
        "title": [track.title for track in chosen],
        "path": [track.paths[0] if track.paths else None for track in chosen],
    }
    columns = {name: pd.Series(values, dtype=object) for name, values in texts.items()}
    table = pd.DataFrame(
        {
            "rank": np.arange(1, len(found) + 1),
            "track_id": [track.track_id for track in chosen],
            "artist": columns["artist"],
            "title": columns["title"],
            "distance": nearest_seed,
            "percentile": percentile(nearest_seed, quantiles),
            "path": columns["path"],
        }
    )
    if n_seeds is not None:
        table.insert(1, "n_seeds", n_seeds)
    return table
