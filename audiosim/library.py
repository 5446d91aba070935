"""A library folder, opened: the face of audiosim in Python."""

import contextlib
import difflib
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from audiosim import lock
from audiosim.catalog import CATALOG_NAME, Catalog, Track
from audiosim.errors import LibraryError, NotComputedError, TrackNotFoundError
from audiosim.sources.fold import fold_name

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from audiosim.distances.hubness import Rescaled, Rescaling
    from audiosim.store import DistanceStore


_SHORTEST_ID, _SURE_ID = 4, 8  # letters of a track id that can, or must, mean an id


class Library:
    """Tracks, features and distances in one folder that can be moved, copied and deleted.

    Examples
    --------
    >>> import audiosim
    >>> library = audiosim.Library.open("my-library")  # doctest: +SKIP
    >>> library.nearest("Artist - Title", k=3, measure="dtw")  # doctest: +SKIP
    """

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self.folder = folder
        self.catalog = catalog
        self._is_writing = False

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """Open the library in `folder`.

        Raises
        ------
        LibraryError
            The folder holds no library, or one that cannot be read.
        """
        folder = Path(folder)
        if not folder.is_dir():
            what = "is no folder" if folder.exists() else "does not exist"
            raise LibraryError(f"library {folder} {what}; make one with: audiosim run MUSIC --library {folder}")
        return cls(folder, Catalog.open(folder))

    @classmethod
    def create(cls, folder: Path | str) -> Self:
        """Make an empty library in `folder`, or open the one that is there."""
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(f"library folder {folder} cannot be made: {error.strerror}") from error
        if not (folder / CATALOG_NAME).exists():
            with lock.writing(folder):
                Catalog.create(folder).close()
        return cls.open(folder)

    def close(self) -> None:
        """Close the catalog."""
        self.catalog.close()

    @contextlib.contextmanager
    def writing(self) -> Generator[None]:
        """Hold the library for writing; a second writer is refused (`LibraryLockedError`).

        Stages hold it while they work. Who runs several of them holds it around all, so that nobody comes in between.
        """
        from audiosim import store  # noqa: PLC0415 - zarr takes its time to import

        if self._is_writing:
            yield
            return
        with lock.writing(self.folder):
            self._is_writing = True
            try:
                store.sweep(self.folder)
                yield
            finally:
                self._is_writing = False

    def tracks(self) -> list[Track]:
        """All tracks in order of arrival."""
        return self.catalog.tracks()

    def find(self, name: str) -> Track:
        """The one track that `name` means: an id or its beginning, a path, or "artist - title" or a part of it.

        Raises
        ------
        TrackNotFoundError
            No track answers to the name, or several do; the text offers candidates.
        """
        tracks = self.tracks()
        for matches in _readings(name, tracks):
            if len(matches) == 1:
                return matches[0]
            if matches:
                more = f"\n  and {len(matches) - 10} more" if len(matches) > 10 else ""
                raise TrackNotFoundError(
                    f"{name!r} means {len(matches)} tracks; give one of these ids:{_listed(matches[:10])}{more}"
                )
        if not tracks:
            raise TrackNotFoundError(
                f"library {self.folder} has no tracks; add some with: audiosim run MUSIC --library {self.folder}"
            )
        if similar := _spelled_alike(name, tracks):
            raise TrackNotFoundError(f"no track is called {name!r}; the nearest names are:{_listed(similar)}")
        raise TrackNotFoundError(
            f"no track is called {name!r}; all {len(tracks)} are listed by: "
            f"audiosim status --tracks --library {self.folder}"
        )

    def measures(self) -> list[str]:
        """Measures whose matrix is complete."""
        return self.catalog.matrices()

    def distances(self, measure: str) -> "tuple[DistanceStore, list[Track]]":
        """The stored matrix of a measure and the tracks of its rows.

        Raises
        ------
        NotComputedError
            The matrix is not complete; the text says which command computes it.
        """
        from audiosim.distances import measure_named  # noqa: PLC0415 - numba and zarr take their time to import
        from audiosim.store import DistanceStore  # noqa: PLC0415

        feature = measure_named(measure).feature  # also refuses an unknown measure
        complete = self.catalog.matrix(measure)
        if complete is None:
            raise NotComputedError(
                f"{measure!r} is not compared yet in {self.folder}; "
                f"run: audiosim compare --measure {measure} --library {self.folder}"
            )
        by_id = {track.track_id: track for track in self.tracks()}
        _, n_rows, details = complete
        rows = self.catalog.rows(str(details.get("feature", feature)))[:n_rows]
        return DistanceStore.read(self.folder, measure), [by_id[track_id] for track_id in rows]

    def matrix(self, measure: str) -> "xr.DataArray":
        """Distances of all tracks with all tracks.

        Parameters
        ----------
        measure
            Name of a measure that was compared (see `measures`).

        Returns
        -------
        xarray.DataArray
            Dims (query, target), float32, loaded tile by tile when used; coordinates are track ids, the diagonal is 0.
        """
        import xarray as xr  # noqa: PLC0415 - takes its time to import

        store, tracks = self.distances(measure)
        ids = [track.track_id for track in tracks]
        array = xr.open_zarr(store.path, consolidated=False, chunks={})["distance"]
        return array.isel(query=slice(len(ids)), target=slice(len(ids))).assign_coords(query=ids, target=ids)

    def rescaling(self, measure: str) -> "Rescaling":
        """The rescaling that a measure was compared with; "none" where it is not compared."""
        return self._details(measure).get("table", {}).get("rescaling", "none")

    def rescaled(self, measure: str, *, rescaling: str | None = None) -> "Rescaled":
        """The matrix of `distances` as it is ranked by: rescaled as the library was compared with, or otherwise.

        Raises
        ------
        NotComputedError
            The matrix is not complete, or was completed by a version that kept no statistics of its rows.
        ValueError
            There is no such rescaling.
        """
        from audiosim.distances.hubness import Rescaled, rescale  # noqa: PLC0415 - numba takes its time to import
        from audiosim.recommend.query import row_statistics  # noqa: PLC0415 - and so does pandas

        store, tracks = self.distances(measure)
        n_rows, method = len(tracks), self._method(measure, rescaling)
        if method == "none":
            return Rescaled(store.read_block(slice(0, n_rows), slice(0, n_rows)), method)
        statistics = row_statistics(store, n_rows, method)
        keys = np.empty((n_rows, n_rows), dtype=np.float32)
        for start in range(0, n_rows, store.tile):
            rows = slice(start, min(start + store.tile, n_rows))
            strip = store.read_block(rows, slice(0, n_rows))
            keys[rows] = rescale(strip, statistics.take(rows), statistics, method=method, row_start=start).keys
        return Rescaled(keys, method)

    def nearest(
        self,
        track: str | Track | Sequence[str | Track],
        *,
        k: int = 10,
        measure: str = "dtw",
        rescaling: str | None = None,
        artist_cap: int | None = None,
        exclude: Sequence[str | Track] = (),
        exclude_artists: Sequence[str] = (),
    ) -> "pd.DataFrame":
        """The tracks nearest to a track, or to several seeds.

        Parameters
        ----------
        track
            One seed or several, as `find` understands them; one that is given twice counts once. With several, tracks
            are ranked by how many seeds count them among their nearest, then by their mean rank there.
        k
            How many tracks to return; fewer when the library holds fewer.
        measure
            Name of a measure that was compared.
        rescaling
            How distances are rescaled before they are ranked, see `audiosim.distances.hubness`; None: as the library
            was compared with.
        artist_cap
            At most so many tracks by one artist.
        exclude, exclude_artists
            Tracks and artists that are left out.

        Returns
        -------
        pandas.DataFrame
            Columns rank, track_id, artist, title, distance, percentile, rescaled, path. The percentile is the share of
            all pairs of the library that are nearer, in percent; `rescaled` is what the ranks are by, NaN without
            rescaling. With several seeds, these are those of the nearest seed, and a column n_seeds says how many seeds
            reach the track.

        Raises
        ------
        TrackNotFoundError
            A name means no track, or several.
        NotComputedError
            The measure is not compared yet, or a seed has no features.
        ValueError
            There is no seed or no such rescaling, or `k` or `artist_cap` is below 1.
        """
        from audiosim.recommend.query import Query, answer  # noqa: PLC0415 - pandas takes its time to import

        store, tracks = self.distances(measure)
        row_of = {member.track_id: row for row, member in enumerate(tracks)}
        names = [track] if isinstance(track, str | Track) else list(track)
        if not names:
            raise ValueError("there must be at least one seed, got none")
        seeds = list(dict.fromkeys(self._row(name, row_of, measure) for name in names))
        left_out = self._left_out(tracks, exclude, exclude_artists)
        rows = np.stack([store.read_block(slice(s, s + 1), slice(0, len(tracks)))[0] for s in seeds])
        query = Query(seeds, k, self._method(measure, rescaling), artist_cap=artist_cap, left_out=left_out)
        return answer(query, rows, store=store, tracks=tracks, details=self._details(measure))

    def nearest_to_row(
        self,
        distances: npt.NDArray[np.floating],
        *,
        measure: str,
        k: int = 10,
        rescaling: str | None = None,
        artist_cap: int | None = None,
        exclude: Sequence[str | Track] = (),
        exclude_artists: Sequence[str] = (),
    ) -> "pd.DataFrame":
        """The tracks nearest to a query that is no track of the library.

        Parameters
        ----------
        distances : (n_tracks,) floating
            From the query to the tracks of `distances(measure)`, as they were measured. NaN, at the track that the
            query was cut from say, is neither a result nor counted where distances are rescaled.
        measure, k, rescaling, artist_cap, exclude, exclude_artists
            As in `nearest`.

        Returns
        -------
        pandas.DataFrame
            As of `nearest` with one seed. The query is rescaled by the distances given, the tracks of the library as
            they are in `nearest`.

        Raises
        ------
        NotComputedError
            The measure is not compared yet.
        ValueError
            There is not one distance a track, no such rescaling, or `k` or `artist_cap` is below 1.
        """
        from audiosim.recommend.query import Query, answer  # noqa: PLC0415 - pandas takes its time to import

        store, tracks = self.distances(measure)
        if distances.shape != (len(tracks),):
            raise ValueError(f"there must be one distance a track ({len(tracks)}), got shape {distances.shape}")
        left_out = self._left_out(tracks, exclude, exclude_artists)
        query = Query((), k, self._method(measure, rescaling), artist_cap=artist_cap, left_out=left_out)
        rows = distances[np.newaxis].astype(np.float32)
        return answer(query, rows, store=store, tracks=tracks, details=self._details(measure))

    def _details(self, measure: str) -> dict[str, Any]:
        """What the catalog says of a matrix; nothing where none is complete."""
        complete = self.catalog.matrix(measure)
        return {} if complete is None else complete[2]

    def _method(self, measure: str, rescaling: str | None) -> "Rescaling":
        """The rescaling that is asked for, or the library's."""
        from audiosim.distances.hubness import validate_method  # noqa: PLC0415 - numba takes its time to import

        return self.rescaling(measure) if rescaling is None else validate_method(rescaling)

    def _left_out(
        self, tracks: Sequence[Track], exclude: Sequence[str | Track], exclude_artists: Sequence[str]
    ) -> frozenset[int]:
        """Rows of the tracks, and of the artists' tracks, that are no results."""
        ids = {self._resolve(track).track_id for track in exclude}
        artists = {fold_name(artist) for artist in exclude_artists}
        return frozenset(
            row
            for row, track in enumerate(tracks)
            if track.track_id in ids or (track.artist and fold_name(track.artist) in artists)
        )

    def _resolve(self, track: str | Track) -> Track:
        return self.find(track) if isinstance(track, str) else track

    def _row(self, name: str | Track, row_of: dict[str, int], measure: str) -> int:
        track = self._resolve(name)
        if track.track_id not in row_of:
            raise NotComputedError(
                f"{track.label!r} has no {measure!r} distances; what failed, and why: audiosim status --failures "
                f"--library {self.folder}; to compute what is missing: audiosim run --library {self.folder}"
            )
        return row_of[track.track_id]


def _readings(name: str, tracks: Sequence[Track]) -> Generator[list[Track]]:
    """What a name can mean, from the strictest reading to the loosest."""
    with_prefix = [track for track in tracks if len(name) >= _SHORTEST_ID and track.track_id.startswith(name.lower())]
    if len(name) >= _SURE_ID:
        yield with_prefix
    path = Path(name)
    places = {path, path.absolute(), Path(os.path.normpath(path.absolute()))}
    yield [track for track in tracks if not places.isdisjoint(track.paths)]
    if wanted := fold_name(name):
        yield [track for track in tracks if fold_name(track.label) == wanted]
        yield [track for track in tracks if track.title and fold_name(track.title) == wanted]
        yield [track for track in tracks if any(fold_name(p.stem) == wanted for p in track.paths)]
    # Few letters may be a word too, "fade" say: names come first.
    yield with_prefix
    if wanted:
        yield [track for track in tracks if wanted in fold_name(track.label)]


def _spelled_alike(name: str, tracks: Sequence[Track]) -> list[Track]:
    """Tracks whose name differs by a slip of the pen."""
    names = {fold_name(text): track for track in tracks for text in (track.title, track.label) if text}
    close = difflib.get_close_matches(fold_name(name), names, n=5, cutoff=0.75)
    return list(dict.fromkeys(names[text] for text in close))


def _listed(tracks: Sequence[Track]) -> str:
    return "".join(f"\n  {track.track_id[:12]}  {track.label}" for track in tracks)
