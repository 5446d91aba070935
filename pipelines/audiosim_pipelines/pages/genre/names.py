"""Names of features and genres where there is little room."""

from collections.abc import Sequence

from audiosim_pipelines.pages.style import Layout

_LETTER = 0.56  # of the font's size, in the mean
_LONGEST = 18
_UNITS = {"duration_ms": "min", "loudness": "dB", "loudness_est": "LUFS", "tempo": "BPM", "tempo_est": "BPM"}
MINUTE = 60_000.0  # ms


def shown(name: str) -> str:
    """A feature without what all estimates have in common.

    Examples
    --------
    >>> shown("energy_est"), shown("duration_ms"), shown("timbre_03_est")
    ('energy', 'duration', 'timbre 03')
    """
    return "duration" if name == "duration_ms" else name.removesuffix("_est").replace("_", " ")


def with_unit(name: str) -> str:
    """A feature and its unit, if it has one.

    Examples
    --------
    >>> with_unit("tempo_est"), with_unit("energy")
    ('tempo (BPM)', 'energy')
    """
    return f"{shown(name)} ({_UNITS[name]})" if name in _UNITS else shown(name)


def cut(name: str, longest: int = _LONGEST) -> str:
    """A name that is not too long.

    Examples
    --------
    >>> cut("progressive bluegrass", 12)
    'progressive…'
    """
    return name if len(name) <= longest else f"{name[: longest - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def width_of(names: Sequence[str], layout: Layout) -> int:
    """Pixels that the longest of the names takes."""
    return int(_LETTER * layout.font * max(len(name) for name in names)) + 8
