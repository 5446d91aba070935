"""Two sets of tracks side by side: mine and public ones, or those of two listeners."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track
from audiosim.errors import FeatureTableError, NotComputedError
from audiosim.features.descriptors import estimate_name
from audiosim.library import Library
from audiosim.recommend.labelled_table import TrackInputs, artist_groups, read_labelled_table, without_duplicates
from audiosim.recommend.taste.differences import Difference, Sample, compare_samples
from audiosim.sources.fold import fold_name
from audiosim.sources.rating_kind import RatingKind, kind_of, rating_of
from audiosim_pipelines.baseline import official_features, official_table
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.steps import kept_steps
from audiosim_pipelines.taste.ground import Kind, library_ground

FloatArray = npt.NDArray[np.float64]

OF_LIBRARY = ("liked", "library", "baseline")
_LIKED_FROM = 7.0  # of ratings
_LEAST = 5  # tracks on either side
_SIGNIFICANT = 0.05
_NO_OFFICIAL = (
    "official values are only known of an imported table that knows the library's tracks; "
    "run: audiosim baseline import TABLE"
)
# A key has no more or less.
_LEFT_OUT = frozenset({"key", "key_est"})


@dataclass(frozen=True, slots=True)
class Request:
    """How two sides are to be compared.

    `rating` is the column by which tables are reduced to what is liked; `at_least` is from where on, by default 7 of
    ratings and more than the median of plays. `is_mixed` allows for estimates beside official values.
    """

    library: Path
    rating: str | None = None
    at_least: float | None = None
    kind: Kind = "auto"
    is_mixed: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The tracks of a side: what it is called, their features, and their folded artists, "" where none is named."""

    name: str
    inputs: TrackInputs
    artists: tuple[str, ...]
    is_estimate: bool
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two sides, how they differ by feature, the largest distance first, and what is to be known of it."""

    a: Side
    b: Side
    names: tuple[str, ...]
    samples: tuple[Sample, Sample]
    rows: tuple[Difference, ...]
    notes: tuple[str, ...]
    seed: int

    @property
    def sure(self) -> tuple[Difference, ...]:
        """The rows whose differences are no accident, corrected for their number."""
        return tuple(row for row in self.rows if row.adjusted < _SIGNIFICANT)

    @property
    def sentence(self) -> str:
        """What there is to say."""
        if not self.rows:
            return "Nothing varies on either side: there is nothing to compare."
        if not self.sure:
            return (
                f"No difference is sure: of {len(self.rows)} features, corrected for their number, none differs more "
                "than other artists of the same kind would."
            )
        first = max(self.sure, key=lambda row: row.distance.value)
        if first.delta.low > 0.0 or first.delta.high < 0.0:
            told = f"has {'more' if first.delta.value > 0.0 else 'less'} of it"
        else:
            told = "has as much of it in the mean, otherwise spread"
        return (
            f"{len(self.sure)} of {len(self.rows)} features differ for sure, corrected for their number; most of them "
            f"{first.name}: A {told}, {first.distance.value:.2f} standard deviations "
            f"({first.distance.low:.2f} to {first.distance.high:.2f}) away from B."
        )

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        sides = {
            name: {
                "name": side.name,
                "n_tracks": len(side),
                "n_artists": len(np.unique(sample.artists)),
                "is_estimate": side.is_estimate,
            }
            for name, side, sample in zip("ab", (self.a, self.b), self.samples, strict=True)
        }
        return {**sides, "features": [asdict(row) for row in self.rows], "notes": list(self.notes)}


def compare_sides(a: str, b: str, request: Request, *, progress: Progress | None = None) -> Comparison:
    """Compare two sides.

    Parameters
    ----------
    a, b : str
        Paths of tables, or "liked" (the library's liked tracks), "library" (all of them; those that are not liked where
        the other side is "liked") and "baseline" (all of the imported table of official values). Beside official
        values, "liked" and "library" are what the imported table says of these tracks.
    request : Request
    progress : Progress, optional

    Raises
    ------
    FeatureTableError
        A table cannot be read, a side has fewer than five tracks, they have no feature in common, or one has
        estimates and the other official values.
    NotComputedError
        The library has no descriptors, no official values, or nothing that is liked.
    """
    reader = _Reader(request)
    is_official = any(reader.is_official(name) for name in (a, b))
    sides = [reader.side(name, beside=other, is_official=is_official) for name, other in ((a, b), (b, a))]
    notes = [note for side in sides for note in side.notes]
    if sides[0].is_estimate != sides[1].is_estimate:
        if not request.is_mixed:
            estimated, official = sorted(sides, key=lambda side: not side.is_estimate)
            raise FeatureTableError(
                f"both sides must be of one kind, got audiosim's own estimates of {estimated.name} and official values "
                f"of {official.name}, which differ for the same track; import official values of your tracks "
                "(audiosim baseline import), or say --mixed"
            )
        notes.append("own estimates are compared with official values: part of every difference is that of the two")
        sides = [_with_plain_names(side) for side in sides]
    first, second = sides
    names = tuple(name for name in first.inputs.names if name in second.inputs.names and name not in _LEFT_OUT)
    if not names:
        raise FeatureTableError(
            f"both sides must have a feature in common, got {', '.join(first.inputs.names)} of {first.name} and "
            f"{', '.join(second.inputs.names)} of {second.name}"
        )
    for side in sides:
        if len(side) < _LEAST:
            raise FeatureTableError(f"a side must have at least {_LEAST} tracks, got {len(side)} of {side.name}")
        if not any(side.artists):
            notes.append(f"{side.name} names no artists: every track counts as one's own, and intervals are too narrow")
    groups = artist_groups([*first.artists, *second.artists])
    samples = (
        _sample(first, names, groups[: len(first)]),
        _sample(second, names, groups[len(first) :]),
    )
    rows = _compared(samples, names, request.seed, progress)
    constant = sorted(set(names) - {row.name for row in rows})
    if constant:
        notes.append(f"left out, since they vary on neither side: {', '.join(constant)}")
    return Comparison(first, second, names, samples, rows, tuple(notes), request.seed)


def _compared(
    samples: tuple[Sample, Sample], names: Sequence[str], seed: int, progress: Progress | None
) -> tuple[Difference, ...]:
    a, b = samples
    arrays = [array.tobytes() for sample in samples for array in (sample.values, sample.artists)]
    with (
        (progress or Silent()).bar("compare", len(names), "features") as advance,
        kept_steps("taste compare", list(names), [len(a), len(b)], seed, *arrays) as recall,
    ):
        return compare_samples(a, b, names, seed=seed, recall=recall, advance=advance)


def _sample(side: Side, names: Sequence[str], artists: npt.NDArray[np.int64]) -> Sample:
    columns = [side.inputs.names.index(name) for name in names]
    return Sample(np.ascontiguousarray(side.inputs.values[:, columns]), artists)


def _with_plain_names(side: Side) -> Side:
    """The side with its features called as official ones are."""
    names = tuple(name.removesuffix("_est") for name in side.inputs.names)
    return replace(side, inputs=replace(side.inputs, names=names))


class _Reader:
    """Reads sides; the library is opened when a side is about it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._tables: dict[str, Side] = {}
        self._library: Library | None = None

    @property
    def library(self) -> Library:
        if self._library is None:
            self._library = Library.open(self._request.library)
        return self._library

    def is_official(self, name: str) -> bool:
        """Whether a side can only be of official values."""
        return name == "baseline" or (name not in OF_LIBRARY and not self._table(name).is_estimate)

    def side(self, name: str, *, beside: str, is_official: bool) -> Side:
        """One side, given what it stands beside."""
        if name not in OF_LIBRARY:
            return self._table(name)
        if name == "baseline":
            return self._baseline()
        if is_official and not self._request.is_mixed:
            side, tracks = self._of_baseline()
        else:
            side, tracks = self._of_descriptors()
        liked, how = self._liked()
        is_liked = np.array([track.track_id in liked for track in tracks], dtype=np.bool_)
        if name == "liked":
            return _part(side, is_liked, f"liked ({how})")
        if beside == "liked":
            return _part(side, ~is_liked, "library without what is liked")
        return replace(side, name="library")

    def _table(self, name: str) -> Side:
        if name not in self._tables:
            self._tables[name] = self._read(Path(name))
        return self._tables[name]

    def _read(self, path: Path) -> Side:
        rating = self._request.rating
        try:
            table = without_duplicates(read_labelled_table(path, rating))
        except FeatureTableError as error:
            # A public table has no ratings; that it cannot be read is said again.
            if rating is None or "must have the column" not in str(error):
                raise
            rating, table = None, without_duplicates(read_labelled_table(path, None))
        rejected = (f"{path.name}: {len(table.rejected)} rows rejected",) if table.rejected else ()
        is_estimate = estimate_name("energy") in table.inputs.names
        side = Side(path.name, table.inputs, table.artists, is_estimate, (*table.notes, *rejected))
        if rating is None:
            return side
        kind = kind_of(rating, table.labels) if self._request.kind == "auto" else self._request.kind
        try:
            values = np.array([rating_of(cell, kind) for cell in table.labels])
        except ValueError as error:
            raise FeatureTableError(f"every {rating} of {path} must {error}") from error
        is_liked, how = _is_liked(values, kind, self._request.at_least)
        return _part(side, is_liked, f"{path.name} ({rating}: {how})")

    def _of_descriptors(self) -> tuple[Side, Sequence[Track]]:
        found = library_ground(self.library, kind=self._request.kind)
        artists = tuple(fold_name(track.artist or "") for track in found.tracks)
        return Side("library", found.ground.everything, artists, is_estimate=True), found.tracks

    def _baseline(self) -> Side:
        table = official_table(self.library)
        if table is None:
            raise NotComputedError(_NO_OFFICIAL)
        inputs = TrackInputs.of_features(table.values, table.names)
        artists = tuple(fold_name(key.artist) for key in table.keys)
        return Side("baseline, the imported table", inputs, artists, is_estimate=False)

    def _of_baseline(self) -> tuple[Side, Sequence[Track]]:
        coverage = official_features(self.library)
        if coverage is None or not coverage.matched:
            raise NotComputedError(_NO_OFFICIAL)
        tracks = self.library.tracks()
        known = [tracks[row] for row in coverage.matched]
        inputs = TrackInputs.of_features(coverage.values, coverage.names)
        artists = tuple(fold_name(track.artist or "") for track in known)
        note = f"official values are known of {len(known)} of {len(tracks)} tracks"
        return Side("library", inputs, artists, is_estimate=False, notes=(note,)), known

    def _liked(self) -> tuple[set[str], str]:
        """Ids of the library's liked tracks, and what that means."""
        found = library_ground(self.library, kind=self._request.kind)
        if not found.rows:
            return set(), "nothing is rated"
        kind, values = found.ground.kind, found.ground.rated.ratings
        is_liked, how = _is_liked(np.expm1(values) if kind == "plays" else values, kind, self._request.at_least)
        ids = [found.tracks[row].track_id for row in found.rows]
        return {i for i, liked in zip(ids, is_liked.tolist(), strict=True) if liked}, how


def _is_liked(values: FloatArray, kind: RatingKind, at_least: float | None) -> tuple[npt.NDArray[np.bool_], str]:
    """Which of the ratings are likes, and what that means."""
    if kind == "like":
        return values > 0.5, "yes"
    if at_least is None and kind == "plays":
        median = float(np.median(values)) if len(values) else 0.0
        return values > median, f"more than {median:g} plays"
    least = _LIKED_FROM if at_least is None else at_least
    return values >= least - 1e-9, f"{'rated' if kind == 'rating' else 'played'} at least {least:g}"


def _part(side: Side, rows: npt.NDArray[np.bool_], name: str) -> Side:
    kept = np.flatnonzero(rows)
    return replace(
        side, name=name, inputs=side.inputs.take(kept), artists=tuple(side.artists[row] for row in kept.tolist())
    )
