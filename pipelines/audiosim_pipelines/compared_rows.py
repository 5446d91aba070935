"""What the matrix of a measure was compared from, for sounds that are no tracks of the library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from audiosim.catalog import Track
from audiosim.distances import Measure, measure_named
from audiosim.errors import StoreMismatchError
from audiosim.features.statistics import CorpusStatistics
from audiosim.library import Library
from audiosim.store import DistanceStore, FeatureStore
from audiosim_pipelines.layouts import layouts
from audiosim_pipelines.settings import FAMILY_OF_MEASURE, Settings


@dataclass(frozen=True, slots=True, eq=False)
class ComparedRows:
    """A measure with the parameters that it was compared with, the tracks of its matrix, and what it reads of them."""

    measure: Measure
    tracks: Sequence[Track]
    distances: DistanceStore
    features: FeatureStore
    statistics: CorpusStatistics | None


def compared_rows(library: Library, settings: Settings, name: str) -> ComparedRows:
    """What a measure of audio was compared from.

    Raises
    ------
    NotComputedError
        The measure is not compared yet.
    StoreMismatchError
        The library's features were made with other settings, so that a new sound could not be described alike.
    """
    store, tracks = library.distances(name)
    options: Mapping[str, object] = store.attributes["parameters"]  # pyright: ignore[reportAssignmentType] - compare's
    measure = measure_named(name, **options)
    features = FeatureStore.read(library.folder, measure.feature)
    if features.layout.attributes() != layouts(narrowed(settings, [name]))[measure.feature].attributes():
        raise StoreMismatchError(
            f"{measure.feature} in {library.folder} was made with other settings than those of the library; "
            "undo what was changed in audiosim.toml or in AUDIOSIM_* variables, or run: audiosim extract --recompute"
        )
    stored = library.catalog.statistics(measure.feature) if measure.standardized else None
    return ComparedRows(measure, tracks, store, features, None if stored is None else CorpusStatistics(*stored))


def narrowed(settings: Settings, measures: Sequence[str]) -> Settings:
    """The settings with no more families of features than some measures of audio read."""
    families = tuple(dict.fromkeys(FAMILY_OF_MEASURE[name] for name in measures))
    return replace(settings, features=replace(settings.features, families=families))
