"""What the features of each genre are like: a small picture a feature, a line a genre."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from audiosim.recommend.genre.description import Description
from audiosim_pipelines.pages.genre.names import MINUTE, cut, width_of, with_unit
from audiosim_pipelines.pages.style import BLUE, INK, NARROW, Layout

_LINE, _BETWEEN, _BELOW, _ABOVE = 17, 14, 24, 24  # pixels
MOST_GENRES = 20


def spread_grid(description: Description, features: Sequence[str], layout: Layout) -> Figure:
    """Quantiles of features by genre; the middle half is thick, 90 % are thin, the median is a stroke."""
    genres = [cut(genre) for genre in description.genres[:MOST_GENRES]]
    n_columns = min(2 if layout.name == NARROW.name else 3, len(features))
    n_rows = -(-len(features) // n_columns)
    margin = width_of(genres, layout)
    panel = len(genres) * _LINE
    height = n_rows * (panel + _BELOW + _ABOVE)
    figure = layout.figure(height)
    width = (layout.width - margin - 10 - (n_columns - 1) * _BETWEEN) / n_columns
    for i, name in enumerate(features):
        row, column = divmod(i, n_columns)
        axes = layout.axes(
            figure,
            bottom=height - (row + 1) * (panel + _BELOW + _ABOVE) + _BELOW,
            height=panel,
            left=margin + column * (width + _BETWEEN),
            width=width,
        )
        values = description.quantiles[: len(genres), description.amounts.index(name)]
        _spread(axes, values / MINUTE if name == "duration_ms" else values)
        axes.set_title(with_unit(name), loc="left", pad=4.0)
        axes.set_yticks(np.arange(len(genres)), genres if column == 0 else [])
    return figure


def _spread(axes: Axes, values: npt.NDArray[np.float64]) -> None:
    """Quantiles (n_genres, 5), the first genre on top."""
    places = np.arange(len(values))
    low, lower, median, upper, high = values.T
    axes.hlines(places, low, high, color=BLUE, linewidth=1.2)
    axes.hlines(places, lower, upper, color=BLUE, linewidth=7.0, alpha=0.45)
    axes.vlines(median, places - 0.36, places + 0.36, color=INK, linewidth=1.8)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(4, prune="both"))
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
