"""The way of a journey across its plane, and how far it has come from track to track."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from audiosim_pipelines.journey.plan import JourneyReport
from audiosim_pipelines.pages.pictures import SQUARE, Picture
from audiosim_pipelines.pages.style import BLUE, FAINT, INK, NARROW, VERMILLION, Layout

_LEGEND, _BESIDE, _MOST_NUMBERS = 40, 11.0, 40
_MOST_DOTS = 4_000  # of the library; more would be a blot, and megabytes of page

Points = npt.NDArray[np.float64]


def pictures(report: JourneyReport) -> list[Picture]:
    """All pictures of a journey."""
    x, y = report.axes[0], report.axes[-1]
    days = f" over {len(report.days)} days" if len(report.days) > 1 else ""
    ends = f"from {report.stops[0].label} to {report.stops[-1].label}"
    shown = "a line is a day, with its number where it begins" if days else "numbers are the order"
    return [
        Picture(
            "path",
            "The way",
            f"The way {ends}{days} across the plane of {x} and {y}.",
            f"Every dot is a track of the library, at its rank in {x} and {y}: 0 is the least, 1 the most. "
            f"The dashed line is the straight way; {shown}.",
            partial(_path, report),
            (SQUARE, NARROW),
            "square",
        ),
        Picture(
            "progress",
            "How far it has come",
            f"Progress {ends}{days}, from 0 to 100 % of the way.",
            "Progress is where a track stands along the dashed line. The bands are the stretches that the days have.",
            partial(_progress, report),
        ),
    ]


def _path(report: JourneyReport, layout: Layout) -> Figure:
    side = layout.plot_width
    height = side + layout.bottom + _LEGEND
    figure = layout.figure(height)
    axes = layout.axes(figure, bottom=layout.bottom, height=side)
    cloud = report.coordinates[:, [0, -1]]
    step = -(-len(cloud) // _MOST_DOTS)
    axes.scatter(*cloud[::step].T, s=9, color=FAINT, alpha=0.55, linewidths=0, label="library")
    axes.plot(
        *report.places[:, [0, -1]].T, color=FAINT, linewidth=1.3, linestyle=(0, (4, 3)), label="the course", zorder=2
    )
    lists = [report.coordinates[day.rows][:, [0, -1]] for day in report.days]
    if len(lists) == 1:
        _one_day(axes, lists[0], layout)
    else:
        _many_days(axes, lists, layout)
    for row, name, marker in ((0, "start", "s"), (-1, "goal", "D")):
        if len(lists[row]):
            axes.plot(
                *lists[row][row], marker=marker, markersize=9, color=VERMILLION, linestyle="none", label=name, zorder=5
            )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(_axis(report.axes[0], side))
    axes.set_ylabel(_axis(report.axes[-1], side))
    figure.legend(
        loc="upper center",
        ncols=3 if layout is NARROW else 5,
        frameon=False,
        fontsize=layout.font - 1,
        handlelength=1.5,
        columnspacing=1.2,
    )
    return figure


def _axis(name: str, side: int) -> str:
    """A name with room for it."""
    longest = side // 9
    short = name if len(name) <= longest else f"{name[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"
    return f"{short} (rank)"


def _one_day(axes: Axes, points: Points, layout: Layout) -> None:
    """One line with the number of every track."""
    axes.plot(*points.T, color=BLUE, linewidth=1.8, marker="o", markersize=4.5, label="journey", zorder=3)
    if len(points) <= _MOST_NUMBERS:
        for i in range(len(points)):
            _number(axes, points, i, str(i + 1), layout)


def _many_days(axes: Axes, lists: Sequence[Points], layout: Layout) -> None:
    """A line a day, every other one in another colour, with the number of the day where it begins."""
    for number, points in enumerate(lists):
        colour = INK if number % 2 else BLUE
        axes.plot(*points.T, color=colour, linewidth=1.3, marker="o", markersize=3.5, zorder=3)
        if len(points):
            _number(axes, points, 0, str(number + 1), layout)


def _number(axes: Axes, points: Points, i: int, text: str, layout: Layout) -> None:
    """Write at a point, on the side where the line is not."""
    directions = [points[j] - points[i] for j in (i - 1, i + 1) if 0 <= j < len(points)]
    units = [direction / length for direction in directions if (length := float(np.linalg.norm(direction)))]
    away = -np.sum(units, axis=0) if units else np.array([0.0, 1.0])
    if np.linalg.norm(away) < 0.3:  # straight on: across the line
        away = np.array([-units[0][1], units[0][0]])
    axes.annotate(
        text,
        tuple(points[i]),
        xytext=tuple(_BESIDE * away / np.linalg.norm(away)),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=layout.font - 1,
        color=INK,
        zorder=6,
    )


def _progress(report: JourneyReport, layout: Layout) -> Figure:
    height = 260
    figure = layout.figure(height)
    axes = layout.axes(figure, bottom=layout.bottom, height=height - layout.bottom - 12)
    at = 0
    for day in report.days:
        n = len(day.progress)
        axes.fill_between([at + 0.5, at + n + 0.5], *day.stretch, color=BLUE, alpha=0.13, linewidth=0)
        axes.plot(np.arange(at + 1, at + n + 1), day.progress, color=BLUE, linewidth=1.5, marker="o", markersize=3.5)
        at += n
    axes.set_xlim(0.5, at + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(axis="y")
    axes.set_xlabel("track")
    axes.set_ylabel("progress")
    return figure
