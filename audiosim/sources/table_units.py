"""Units of features: what is sure is converted, and said; what is not sure or cannot be is refused."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Values = npt.NDArray[np.float64]

_DAY = 86_400_000.0  # ms
_MANY = 0.05  # of the values of a column; fewer are errors
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
    "duration_ms": (np.nextafter(0.0, 1.0), _DAY, "be positive and at most a day"),
}
# What tracks of music last on average lies between a second and two hours.
_SECOND, _TWO_HOURS = 1_000.0, 7_200.0  # ms, s
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
        Of `FEATURES`, or "duration_s" (seconds) or "duration" (seconds or milliseconds).

    Returns
    -------
    (n_rows, n_features) float64
        Percents become shares, durations milliseconds, words for keys and modes numbers, "4/4" 4.
    list of str
        One line for people about each conversion that the names do not ask for.

    Raises
    ------
    ValueError
        A column may be in percent, and may not.
    """
    columns = {name: _numbers_of(features.iloc[:, i], name) for i, name in enumerate(names)}
    notes: list[str] = []
    for name in _in_percent(columns):
        columns[name] = columns[name] / 100.0
        notes.append(f"{name} was in percent, and is a share now")
    for name in columns.keys() & {"duration", "duration_s", "duration_ms"}:
        factor, note = _to_milliseconds(columns[name], name)
        columns[name] = columns[name] * factor
        notes += note
    return np.column_stack(list(columns.values())), notes


def reasons(features: pd.DataFrame, values: Values, names: Sequence[str]) -> dict[int, str]:
    """Why rows cannot be used, by row: the first value of each that is missing or out of its range."""
    ranges = [_RANGES["duration_ms" if name.startswith("duration") else name] for name in names]
    lowest, highest = (np.array(ends) for ends in list(zip(*ranges, strict=True))[:2])
    wrong = ~np.isfinite(values) | (values < lowest) | (values > highest)
    found: dict[int, str] = {}
    for row, column in np.argwhere(wrong).tolist():
        if row not in found:
            must = ranges[column][2] if np.isfinite(values[row, column]) else "be a finite number"
            found[row] = f"{names[column]} must {must}, got {str(features.iat[row, column])[:40] or 'nothing'}"
    return found


def _numbers_of(column: pd.Series, name: str) -> Values:
    """A column as numbers; times of day and dates are none."""
    if name in _WORDS and not pd.api.types.is_numeric_dtype(column):
        column = column.map(_WORDS[name])
    if column.dtype.kind in "mM":
        return np.full(len(column), np.nan)
    return pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def _in_percent(columns: Mapping[str, Values]) -> list[str]:
    """Columns of shares that are percents.

    Surely are those of which half are above 1, some far above, and none is above 100. A table is in one unit: beside
    such a column others are percents too, but for those that stay below 1 and have fractions.
    """
    known = {name: columns[name][np.isfinite(columns[name])] for name in columns if name in UNIT_FEATURES}
    sure = [name for name, values in known.items() if _may_be_percent(values) and np.median(values) > 1.0]
    if sure:
        return [
            name
            for name, values in known.items()
            if _may_be_percent(values) or (values.size and not np.any(values % 1.0))
        ]
    for name, values in known.items():
        if _may_be_percent(values) and np.mean(values > 1.0) > _MANY:
            raise ValueError(
                f"{name} must be a share (0..1) or surely a percentage, got {100 * np.mean(values > 1.0):.0f} % of "
                "its values above 1; divide the column by 100 or leave it out"
            )
    return []


def _may_be_percent(values: Values) -> bool:
    return values.size > 0 and bool(5.0 < values.max() <= 100.0)


def _to_milliseconds(values: Values, name: str) -> tuple[float, list[str]]:
    """What makes milliseconds of a column of durations, and a line for people where it is not what its name says."""
    known = values[np.isfinite(values) & (values > 0.0)]
    usual = float(np.median(known)) if known.size else 0.0
    if name == "duration" and usual > _TWO_HOURS:
        return 1.0, ["duration was in milliseconds"]
    if name == "duration_ms" and 0.0 < usual < _SECOND:
        return 1_000.0, ["duration_ms was in seconds, and is in milliseconds now"]
    return 1.0 if name == "duration_ms" else 1_000.0, []


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
