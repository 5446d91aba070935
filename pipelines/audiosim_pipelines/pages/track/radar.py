"""The descriptors of a track between 0 and 1, as a polygon over the library's."""

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from audiosim_pipelines.pages.style import BLUE, FAINT, INK, RULE, VERMILLION, Layout
from audiosim_pipelines.pages.track.contents import Distribution

Points = npt.NDArray[np.float64]

RADAR = Layout("radar", width=420, left=0, right=0, bottom=0, font=12.0)
_HEIGHT = 390
_RINGS = (0.25, 0.5, 0.75, 1.0)


def radar(distribution: Distribution, layout: Layout = RADAR) -> Figure:
    """Values from 0 in the centre to 1 at the rim; the library's median and quartiles beneath."""
    figure = layout.figure(_HEIGHT)
    axes = figure.add_axes((0.0, 0.13, 1.0, 0.87))
    axes.set_aspect("equal")
    axes.set_axis_off()
    spokes = _spokes(len(distribution.names))
    for ring in _RINGS:
        axes.plot(*_closed(ring * spokes).T, color=RULE, linewidth=0.8)
        axes.text(0.02, ring - 0.01, f"{ring:g}", color=FAINT, fontsize=layout.font - 2, va="top")
    for spoke in spokes:
        axes.plot([0.0, spoke[0]], [0.0, spoke[1]], color=RULE, linewidth=0.8)
    lower, median, upper = np.percentile(distribution.values, (25.0, 50.0, 75.0), axis=0)
    own = distribution.values[distribution.row]
    half = _between(lower, upper, spokes)
    axes.add_patch(PathPatch(half, facecolor=BLUE, alpha=0.25, linewidth=0, label="library, 25th to 75th percentile"))
    axes.plot(*_closed(median[:, None] * spokes).T, color=BLUE, linewidth=1.5, label="library, median")
    line = _closed(own[:, None] * spokes).T
    axes.plot(*line, color=VERMILLION, linewidth=2.0, marker="o", markersize=4.5, label="this track")
    for name, value, spoke in zip(distribution.names, own.tolist(), spokes, strict=True):
        beside = "center" if abs(spoke[0]) < 0.1 else "left" if spoke[0] > 0 else "right"
        text = f"{name.removesuffix('_est')}\n{value:.2f}"
        above = "center" if abs(spoke[1]) < 0.5 else "bottom" if spoke[1] > 0 else "top"
        axes.text(1.07 * spoke[0], 1.07 * spoke[1], text, ha=beside, va=above, color=INK, linespacing=1.25)
    axes.set_xlim(-1.7, 1.7)
    axes.set_ylim(-1.2, 1.3)
    figure.legend(
        loc="lower center", ncols=2, frameon=False, fontsize=layout.font - 1, handlelength=1.5, columnspacing=1.2
    )
    return figure


def _spokes(n: int) -> Points:
    """Ends of the axes on the unit circle, clockwise from the top [shape=(n, 2)]."""
    angles = 2.0 * np.pi * np.arange(n) / n
    return np.stack([np.sin(angles), np.cos(angles)], axis=1)


def _closed(points: Points) -> Points:
    return np.concatenate([points, points[:1]])


def _between(lower: Points, upper: Points, spokes: Points) -> Path:
    """A polygon with a hole: the inner outline runs the other way round."""
    outer, inner = _closed(upper[:, None] * spokes), _closed(lower[:, None] * spokes)[::-1]
    codes = [Path.MOVETO, *[Path.LINETO] * (len(outer) - 2), Path.CLOSEPOLY]
    return Path(np.concatenate([outer, inner]), codes + codes)
