"""Squares of numbers: which genre is taken for which, and what goes with what."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from audiosim_pipelines.pages.genre.names import width_of
from audiosim_pipelines.pages.numbers import number
from audiosim_pipelines.pages.style import DIVERGING, SEQUENTIAL, Layout

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_TOP, _RIGHT = 8, 12
_ROOM_FOR_TWO_LINES, _ROOM_FOR_ONE, _LEAST_ROOM = 44, 32, 21  # pixels of a cell
_WORTH_SAYING = 0.3  # correlations that are written where there is little room
_LARGEST_CELL = 104
# Cells keep their colours in the dark, and so must what is written on them.
_BLACK, _WHITE = "#000000", "#ffffff"


def confusion_map(genres: Sequence[str], counts: IntArray, layout: Layout) -> Figure:
    """Shares of each row, and counts where there is room."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def text(row: int, column: int, room: float) -> str:
        if room < _LEAST_ROOM:
            return ""
        share = f"{100.0 * shares[row, column]:.0f}"
        if room < _ROOM_FOR_TWO_LINES:
            return share
        return f"{share} %\n{counts[row, column]:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")

    figure, axes = _map(
        shares, genres, layout, colours=SEQUENTIAL, ends=(0.0, max(float(shares.max()), 0.1)), text=text
    )
    axes.set_xlabel("is said to be")
    axes.set_ylabel("is")
    return figure


def correlation_map(names: Sequence[str], correlations: FloatArray, layout: Layout) -> Figure:
    """Correlations from -1 to 1 of what has such names; what is not defined stays empty."""

    def text(row: int, column: int, room: float) -> str:
        value = correlations[row, column]
        if not np.isfinite(value) or room < _LEAST_ROOM or (room < _ROOM_FOR_ONE and abs(value) < _WORTH_SAYING):
            return ""
        return number(value, 2).replace("0.", ".", 1) if row != column else ""

    figure, _ = _map(correlations, names, layout, colours=DIVERGING, ends=(-1.0, 1.0), text=text)
    return figure


def _map(
    values: FloatArray,
    names: Sequence[str],
    layout: Layout,
    *,
    colours: str,
    ends: tuple[float, float],
    text: Callable[[int, int, float], str],
) -> tuple[Figure, Axes]:
    margin = width_of(names, layout) + 26
    side = min(layout.width - margin - _RIGHT, len(names) * _LARGEST_CELL)
    height = side + margin + _TOP
    figure = layout.figure(height)
    axes = layout.axes(figure, bottom=margin, height=side, left=margin, width=side)
    n = len(names)
    norm, colour_map = Normalize(*ends), colormaps[colours]
    axes.pcolormesh(np.ma.masked_invalid(values), cmap=colour_map, norm=norm, edgecolors="none")
    room = side / n
    size = min(layout.font, max(8.0, 0.3 * room))
    for row in range(n):
        for column in range(n):
            if written := text(row, column, room):
                red, green, blue, _ = colour_map(norm(values[row, column]))
                is_light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
                axes.text(
                    column + 0.5, row + 0.5, written,
                    ha="center", va="center", fontsize=size, color=_BLACK if is_light else _WHITE, linespacing=1.3,
                )  # fmt: skip
    label_size = min(layout.font - 1, max(7.0, 0.75 * room))
    # Of more names than there is room for, every second or third one.
    step = max(1, math.ceil(label_size / room))
    places = np.arange(0, n, step) + 0.5
    axes.set_xticks(places, names[::step], rotation=90, fontsize=label_size)
    axes.set_yticks(places, names[::step], fontsize=label_size)
    axes.tick_params(length=0)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    for side_name in ("left", "bottom"):
        axes.spines[side_name].set_visible(False)
    return figure, axes
