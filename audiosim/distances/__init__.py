"""Measures of distance between tracks, one module each, and the registry that names them.

A measure is a frozen value: its name, its version, the stored feature it reads and the parameters that its distances
depend on. `distances` works on blocks of tracks without any knowledge of files, schedulers or screens.
"""

from dataclasses import fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from audiosim.distances.baseline import Baseline
from audiosim.distances.blocks import Block
from audiosim.distances.cosine import Cosine
from audiosim.distances.cosine_frames import CosineFrames
from audiosim.distances.descriptors import Descriptors
from audiosim.distances.dtw import Dtw
from audiosim.distances.timbre import Timbre
from audiosim.distances.version import Version
from audiosim.errors import SettingsError

__all__ = [
    "MEASURES",
    "Baseline",
    "Block",
    "Cosine",
    "CosineFrames",
    "Descriptors",
    "Dtw",
    "Measure",
    "Timbre",
    "Version",
    "measure_named",
    "parameters",
]


class Measure(Protocol):
    """What every measure offers."""

    name: str
    version: int

    @property
    def feature(self) -> str:
        """Name of the stored feature that the measure reads."""
        ...

    @property
    def standardized(self) -> bool:
        """Whether blocks are standardized with the corpus statistics of the feature."""
        ...

    def distances(
        self, rows: Block, columns: Block, pairs: npt.NDArray[np.int64], *, device: str
    ) -> npt.NDArray[np.float32]:
        """Distances (n_pairs,) of `pairs` (n_pairs, 2): first index into `rows`, second into `columns`."""
        ...


_CLASSES = (Dtw, Cosine, CosineFrames, Timbre, Version, Descriptors, Baseline)
MEASURES: dict[str, type[Measure]] = {measure.name: measure for measure in _CLASSES}  # pyright: ignore[reportAssignmentType] - class attributes stand for the protocol's


def measure_named(name: str, **options: Any) -> Measure:  # noqa: ANN401 - checked by the measure
    """Make a measure by name.

    Raises
    ------
    SettingsError
        There is no such measure, or it has no such option.
    """
    if name not in MEASURES:
        raise SettingsError(f"unknown measure {name!r}; choose from {', '.join(MEASURES)}")
    known = {field.name for field in fields(MEASURES[name])}  # pyright: ignore[reportArgumentType]
    if unknown := sorted(set(options) - known):
        raise SettingsError(
            f"measure {name!r} has no option {unknown[0]!r}; it has {', '.join(sorted(known)) or 'none'}"
        )
    return MEASURES[name](**options)


def parameters(measure: Measure) -> dict[str, object]:
    """The parameters of a measure that its distances depend on, JSON-ready.

    One that was added when distances had been stored already is left out at its default, at which nothing changes: so
    those distances stay.
    """
    return {
        field.name: getattr(measure, field.name)
        for field in fields(measure)  # pyright: ignore[reportArgumentType]
        if not (field.metadata.get("added_later") and getattr(measure, field.name) == field.default)
    }
