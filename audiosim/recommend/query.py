"""A question for nearest tracks, answered as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audiosim.catalog import Track
from audiosim.distances.hubness import Rescaled, Rescaling, RowStatistics, rescale
from audiosim.recommend.neighbors import nearest, nearest_to_seeds, percentile
from audiosim.store import DistanceStore


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: `seeds` and `left_out` are rows of the matrix; a query that is no track has no seeds."""

    seeds: Sequence[int]
    k: int
    rescaling: Rescaling = "none"
    artist_cap: int | None = None
    left_out: frozenset[int] = frozenset()


def answer(
    query: Query,
    distances: npt.NDArray[np.float32],
    *,
    store: DistanceStore,
    tracks: Sequence[Track],
    details: Mapping[str, Any],
) -> pd.DataFrame:
    """Answer a query from what a comparison left behind.

    Parameters
    ----------
    query
        What is asked.
    distances : (n_seeds, n_tracks) float32
        From each seed to every track; one row from a query that is no track.
    store
        Holds the statistics of the tracks' rows.
    tracks
        The tracks of the columns.
    details
        What the catalog says of the matrix.

    Returns
    -------
    pandas.DataFrame
        See `audiosim.Library.nearest`.

    Raises
    ------
    NotComputedError
        The query is to be rescaled, and there are no statistics of the rows.
    """
    rescaled = None
    if query.rescaling != "none":
        columns = row_statistics(store, len(tracks), query.rescaling)
        rows = columns.take(query.seeds) if query.seeds else RowStatistics.of(distances, k=details["table"]["k"])
        rescaled = rescale(distances, rows, columns, method=query.rescaling)
    quantiles = np.asarray(details["quantiles"], dtype=np.float64)
    return _table(distances, tracks, query, quantiles=quantiles, rescaled=rescaled)


def row_statistics(store: DistanceStore, n_rows: int, method: Rescaling) -> RowStatistics:
    """Read what a rescaling needs to know of the first rows of a matrix."""
    summary = store.read_rows("summary", n_rows)
    return RowStatistics(summary, store.read_rows("order", n_rows) if method == "mp_empirical" else None)


def _table(
    distances: npt.NDArray[np.float32],
    tracks: Sequence[Track],
    query: Query,
    *,
    quantiles: npt.NDArray[np.float64],
    rescaled: Rescaled | None,
) -> pd.DataFrame:
    """Rank the tracks, and say what is known of those that are found."""
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
    ranked = distances if rescaled is None else rescaled.keys
    if len(ranked) == 1:
        found = nearest(ranked[0], **options).tolist()
    else:
        reached = nearest_to_seeds(ranked, seeds=query.seeds, **options)
        found = [track.index for track in reached]
        n_seeds = [track.n_seeds for track in reached]
    nearest_seed = np.nanargmin(ranked[:, found], axis=0), np.array(found, dtype=np.intp)
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
            "distance": distances[nearest_seed],
            "percentile": percentile(distances[nearest_seed], quantiles),
            "rescaled": np.full(len(found), np.nan) if rescaled is None else rescaled.distances[nearest_seed],
            "path": columns["path"],
        }
    )
    if n_seeds is not None:
        table.insert(1, "n_seeds", n_seeds)
    return table
