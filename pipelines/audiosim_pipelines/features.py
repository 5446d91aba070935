"""Descriptors for people: of one track beside the library's, of all tracks as a table, fitted to official values."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track
from audiosim.errors import NotComputedError, StoreMismatchError
from audiosim.features.descriptors import DESCRIPTORS, estimate_name
from audiosim.features.fit import FitRow, FittedDescriptors, fit_descriptors
from audiosim.library import Library
from audiosim.sources.feature_table import join, read_feature_table
from audiosim.sources.fold import fold_name
from audiosim.store import FEATURES, FeatureStore
from audiosim_pipelines.settings import Settings

FIT_NAME = "fit.npz"

Source = Literal["measured", "estimated", "proxy", "fitted"]

# Answers to questions that have one, which may be wrong.
_ESTIMATED = {"key_est", "mode_est", "tempo_est", "time_signature_est"}
_PROXIES = {
    *("danceability_est", "energy_est", "speechiness_est", "acousticness_est"),
    *("instrumentalness_est", "liveness_est", "valence_est"),
}
# Those that say little, see `audiosim.features.proxies`.
_WEAK = {"instrumentalness_est", "liveness_est", "valence_est"}
# Names and kinds, of which none is more than another.
_NO_AMOUNTS = {"key_est", "mode_est", "time_signature_est"}
_UNITS = {
    "key_est": "0 C .. 11 B",
    "loudness_est": "LUFS",
    "mode_est": "1 major, 0 minor",
    "tempo_est": "BPM",
    "duration_ms": "ms",
    "time_signature_est": "beats a bar",
}


@dataclass(frozen=True, slots=True, eq=False)
class DescriptorTable:
    """Descriptors of all tracks that have them.

    Parameters
    ----------
    tracks : list[Track]
    values : np.ndarray [shape=(n_tracks, 37), float64]
        In the order of `DESCRIPTORS`.
    fitted : tuple[FitRow, ...]
        How the models were judged whose values stand in place of proxies.
    """

    tracks: list[Track]
    values: npt.NDArray[np.float64]
    fitted: tuple[FitRow, ...]

    @property
    def fitted_names(self) -> tuple[str, ...]:
        """Names of the columns that hold the values of fitted models."""
        return tuple(estimate_name(row.feature) for row in self.fitted)


@dataclass(frozen=True, slots=True)
class DescriptorValue:
    """One descriptor of a track.

    `percentile` is the percentage of the library's other tracks that have less of it, those with as much counting half;
    None where there are no others, or nothing to have more or less of. `r2` is how well a fitted model did on artists
    that it had not seen, None for other sources.
    """

    name: str
    value: float
    unit: str
    percentile: float | None
    source: Source
    is_weak: bool
    r2: float | None


@dataclass(frozen=True, slots=True)
class TrackDescriptors:
    """The descriptors of one track, and how many tracks they are compared with."""

    track: Track
    n_tracks: int
    values: tuple[DescriptorValue, ...]


@dataclass(frozen=True, slots=True)
class FitReport:
    """How the table covers the tracks that have descriptors, and how well each feature could be fitted."""

    n_matched: int
    n_tracks: int
    summary: str
    rows: tuple[FitRow, ...]


def descriptor_table(library: Library) -> DescriptorTable:
    """Descriptors of all tracks, with fitted values in place of proxies where models were fitted and kept.

    Raises
    ------
    NotComputedError
        No track has descriptors yet.
    StoreMismatchError
        The fitted models are of another version.
    """
    ids, values = _estimates(library)
    path = _fit_path(library)
    fitted: tuple[FitRow, ...] = ()
    if path.exists():
        models = _models(path)
        values = models.predict(values)
        fitted = tuple(row for row in models.rows if row.kept != "proxy")
    by_id = {track.track_id: track for track in library.tracks()}
    return DescriptorTable([by_id[track_id] for track_id in ids], values, fitted)


def track_descriptors(library: Library, name: str) -> TrackDescriptors:
    """Descriptors of the track that `name` means, beside those of the library.

    Raises
    ------
    TrackNotFoundError
        The name means no track, or several.
    NotComputedError
        The track has no descriptors.
    StoreMismatchError
        The fitted models are of another version.
    """
    track = library.find(name)
    table = descriptor_table(library)
    rows = [row for row, member in enumerate(table.tracks) if member.track_id == track.track_id]
    if not rows:
        raise NotComputedError(
            f"{track.label!r} has no descriptors; what failed, and why: audiosim status --failures "
            f"--library {library.folder}; to compute what is missing: audiosim extract --library {library.folder}"
        )
    judged = dict(zip(table.fitted_names, table.fitted, strict=True))
    values = tuple(
        _value(name, table.values[:, column], rows[0], judged.get(name)) for column, name in enumerate(DESCRIPTORS)
    )
    return TrackDescriptors(track, len(table.tracks), values)


def fit_features(library: Library, settings: Settings, table: Path) -> FitReport:
    """Fit descriptors to a table of official values, and keep the models that beat the proxies.

    They lie in `features/fit.npz` in the library. `descriptor_table` shows their values in place of proxies; the
    measure `descriptors` goes on comparing proxies, so that no distance changes with what was fitted later.

    Raises
    ------
    FeatureTableError
        The table has no key or no feature, or covers too few tracks.
    NotComputedError
        No track has descriptors yet.
    """
    official = read_feature_table(table)
    ids, estimates = _estimates(library)
    by_id = {track.track_id: track for track in library.tracks()}
    tracks = [by_id[track_id] for track_id in ids]
    coverage = join(official, tracks)
    fitted = fit_descriptors(
        estimates[list(coverage.matched)],
        coverage.values,
        coverage.names,
        [fold_name(tracks[i].artist or "") for i in coverage.matched],
        seed=settings.evaluate.seed,
    )
    with library.writing():
        fitted.save(_fit_path(library))
    return FitReport(len(coverage.matched), len(tracks), coverage.summary(), fitted.rows)


def _estimates(library: Library) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Ids of the tracks that have descriptors, and these as they were computed."""
    ids = library.catalog.rows("descriptors")
    if not ids:
        raise NotComputedError(
            f"no track of {library.folder} has descriptors yet; name them in features.families of audiosim.toml "
            f"unless they are there, and run: audiosim extract --library {library.folder}"
        )
    return ids, FeatureStore.read(library.folder, "descriptors").vectors(0, len(ids)).astype(np.float64)


def _fit_path(library: Library) -> Path:
    return library.folder / FEATURES / FIT_NAME


def _models(path: Path) -> FittedDescriptors:
    try:
        return FittedDescriptors.load(path)
    except StoreMismatchError as error:
        raise StoreMismatchError(
            f"{error}; run: audiosim features fit TABLE, or delete {path} to go back to proxies"
        ) from error


def _value(name: str, column: npt.NDArray[np.float64], row: int, judged: FitRow | None) -> DescriptorValue:
    """One descriptor of the track in `row`, beside those of all tracks."""
    source: Source = "proxy" if name in _PROXIES else "estimated" if name in _ESTIMATED else "measured"
    return DescriptorValue(
        name=name,
        value=float(column[row]),
        unit=_unit(name),
        percentile=None if name in _NO_AMOUNTS else _percentile(column, row),
        source="fitted" if judged else source,
        is_weak=name in _WEAK and judged is None,
        r2=_score(judged),
    )


def _percentile(column: Sequence[float] | npt.NDArray[np.float64], row: int) -> float | None:
    values = np.asarray(column)
    if len(values) < 2:
        return None
    below, equal = np.count_nonzero(values < values[row]), np.count_nonzero(values == values[row]) - 1
    return float(100.0 * (below + 0.5 * equal) / (len(values) - 1))


def _score(judged: FitRow | None) -> float | None:
    """R² of the model that was kept."""
    if judged is None:
        return None
    return {"ridge": judged.ridge, "boosting": judged.boosting}[judged.kept].value


def _unit(name: str) -> str:
    if name.startswith("timbre_"):
        return "MFCC"
    return _UNITS.get(name, "0 .. 1")
