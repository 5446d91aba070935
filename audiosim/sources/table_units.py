"""Units of features: what is sure is converted, and said; what cannot be is refused, row by row."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Values = npt.NDArray[np.float64]

UNIT_FEATURES = (
    "danceability", "energy", "speechiness", "acousticness", "instrumentalness", "liveness", "valence",
)  # fmt: skip
# What features can be; beyond it they are something else, or an error.
_RANGES: dict[str, tuple[float, float, str]] = {
    **dict.fromkeys(UNIT_FEATURES, (0.0, 1.0, "lie in 0..1")),
    "loudness": (-100.0, 10.0, "be in dB, from -100 to 10"),
    "tempo": (0.0, 400.0, "be in beats per minute, from 0 to 400"),
    "key": (-1.0, 11.0, "be a pitch class from 0 (C) to 11, or -1"),
    "mode": (0.0, 1.0, "be 0 (minor) or 1 (major)"),
    "time_signature": (0.0, 12.0, "be beats in a bar, at most 12"),
    "duration_ms": (np.nextafter(0.0, 1.0), np.inf, "be positive"),
    "duration_s": (np.nextafter(0.0, 1.0), np.inf, "be positive"),
}
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_PITCH = re.compile(r"\s*([A-Ga-g])([#b\u266f\u266d]?)(?:\s*/.*)?\s*")
_MODES = {"major": 1.0, "minor": 0.0, "maj": 1.0, "min": 0.0}


def numbers(features: pd.DataFrame, names: Sequence[str]) -> tuple[Values, list[str]]:
    """Cells as numbers in the units of `FEATURES`, NaN where they are none.

    Parameters
    ----------
    features : pandas.DataFrame
        One column for each of `names`.
    names : sequence of str

    Returns
    -------
    (n_rows, n_features) float64
        Percents become shares, words for keys and modes numbers, "4/4" 4.
    list of str
        One line for people about each conversion.
    """
    columns: list[Values] = []
    notes: list[str] = []
    for i, name in enumerate(names):
        column = features.iloc[:, i]
        if name in _WORDS and not pd.api.types.is_numeric_dtype(column):
            column = column.map(_WORDS[name])
        values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        columns.append(values)
    for i in _in_percent(columns, names):
        columns[i] = columns[i] / 100.0
        notes.append(f"{names[i]} was in percent, and is a share now")
    return np.column_stack(columns), notes


def reasons(features: pd.DataFrame, values: Values, names: Sequence[str]) -> dict[int, str]:
    """Why rows cannot be used, by row: the first value of each that is missing or out of its range."""
    lowest = np.array([_RANGES[name][0] for name in names])
    highest = np.array([_RANGES[name][1] for name in names])
    wrong = ~np.isfinite(values) | (values < lowest) | (values > highest)
    found: dict[int, str] = {}
    for row, column in np.argwhere(wrong).tolist():
        must = _RANGES[names[column]][2] if np.isfinite(values[row, column]) else "be a finite number"
        found.setdefault(row, f"{names[column]} must {must}, got {str(features.iat[row, column])[:40] or 'nothing'}")
    return found


def _in_percent(columns: Sequence[Values], names: Sequence[str]) -> list[int]:
    """Columns of shares that are surely percents: half are above 1, some far above, and none is above 100."""
    found: list[int] = []
    for i, name in enumerate(names):
        known = columns[i][np.isfinite(columns[i])]
        if name in UNIT_FEATURES and known.size and 5.0 < known.max() <= 100.0 and np.median(known) > 1.0:
            found.append(i)
    return found


def _pitch_class(cell: object) -> object:
    """A key as a number; "C#", "Db" and "C#/Db" are 1."""
    match = _PITCH.fullmatch(str(cell))
    if match is None:
        return cell
    shift = {"#": 1, "\u266f": 1, "b": -1, "\u266d": -1}.get(match[2], 0)
    return (_STEPS[match[1].upper()] + shift) % 12


def _mode(cell: object) -> object:
    return _MODES.get(str(cell).strip().casefold(), cell)


def _beats(cell: object) -> object:
    """The beats of "4/4"."""
    return str(cell).partition("/")[0]


_WORDS = {"key": _pitch_class, "mode": _mode, "time_signature": _beats}
