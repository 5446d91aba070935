"""Whether probabilities mean what they say, what "unknown" costs, and what the best model needs."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from audiosim.recommend.genre.evaluation import N_FOLDS
from audiosim.recommend.genre.importance import Importance
from audiosim.recommend.genre.metrics import Coverage, ReliabilityBin
from audiosim_pipelines.pages.genre.names import cut, shown, width_of
from audiosim_pipelines.pages.style import BLUE, FAINT, INK, VERMILLION, Layout

MOST_BARS = 16
# Of fewer tracks a share says little, and is not drawn if there are bins with more.
FEWEST_TRACKS = 10
_DASHED, _DOTTED = (0, (4, 2)), (0, (1, 2))
_HEIGHT, _TRACKS = 360, 70
_BAR, _ROOM_OF_FOLDS = 26, 62
_LONGEST_GROUP = 30


def reliability_curve(calibrated: Sequence[ReliabilityBin], before: Sequence[ReliabilityBin], layout: Layout) -> Figure:
    """Accuracy by confidence, and below it how many tracks there are of each."""
    calibrated, before = _of_many(calibrated), _of_many(before)
    figure = layout.figure(_HEIGHT)
    bottom = layout.bottom + _TRACKS + 10
    above = layout.axes(figure, bottom=bottom, height=_HEIGHT - bottom - 34)
    below = layout.axes(figure, bottom=layout.bottom, height=_TRACKS)
    above.plot([0.0, 1.0], [0.0, 1.0], color=FAINT, linewidth=1.2, linestyle=_DOTTED, label="as it should be")
    above.plot(*_points(before), color=VERMILLION, linewidth=1.4, linestyle=_DASHED, marker="s", markersize=4.0,
               label="before")  # fmt: skip
    above.plot(*_points(calibrated), color=BLUE, linewidth=2.0, marker="o", markersize=5.0, label="calibrated")
    above.set_ylim(0.0, 1.02)
    above.set_ylabel("are right")
    above.tick_params(labelbottom=False)
    below.bar(
        [item.confidence for item in calibrated],
        [item.n_tracks for item in calibrated],
        width=0.05,
        color=BLUE,
        alpha=0.6,
    )
    below.set_ylabel("tracks")
    below.set_xlabel("confidence")
    below.yaxis.set_major_locator(_few())
    for axes in (above, below):
        axes.set_xlim(0.0, 1.02)
        axes.grid(axis="both" if axes is above else "x")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    above.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    _legend(figure)
    return figure


def coverage_curve(items: Sequence[Coverage], unknown_below: float, layout: Layout) -> Figure:
    """How many tracks a genre is told of, and how many of these rightly, by the confidence that is asked for."""
    figure = layout.figure(_HEIGHT - 60)
    axes = layout.axes(figure, bottom=layout.bottom, height=_HEIGHT - 60 - layout.bottom - 34)
    asked = [item.at_least for item in items]
    known = [item for item in items if item.accuracy is not None]
    axes.plot(asked, [item.share for item in items], color=BLUE, linewidth=2.0, marker="o", markersize=4.0,
              label="are told")  # fmt: skip
    axes.plot([item.at_least for item in known], [item.accuracy or 0.0 for item in known], color=VERMILLION,
              linewidth=1.6, linestyle=_DASHED, marker="s", markersize=4.0, label="of these right")  # fmt: skip
    axes.axvline(unknown_below, color=INK, linewidth=1.2, linestyle=_DOTTED, label="unknown below")
    axes.set_xlim(-0.02, 1.0)
    axes.set_ylim(0.0, 1.02)
    axes.set_xlabel("confidence asked for")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid()
    _legend(figure)
    return figure


def importance_bars(importances: Sequence[Importance], layout: Layout) -> Figure:
    """Rise of the log-loss without each feature, with its standard deviation over folds."""
    items = importances[:MOST_BARS]
    names = [cut(", ".join(map(shown, item.features)), _LONGEST_GROUP) for item in items]
    margin = min(width_of(names, layout), layout.width * 2 // 5)
    height = len(items) * _BAR + layout.bottom + 6
    figure = layout.figure(height)
    axes = layout.axes(
        figure, bottom=layout.bottom, height=len(items) * _BAR, left=margin,
        width=layout.width - margin - _ROOM_OF_FOLDS,
    )  # fmt: skip
    places = np.arange(len(items))
    is_sure = [item.n_positive == N_FOLDS for item in items]
    values = [item.log_loss for item in items]
    axes.barh(places, values, color=[BLUE if sure else FAINT for sure in is_sure], alpha=0.75, height=0.62)
    axes.errorbar(
        values, places, xerr=[item.log_loss_sd for item in items], fmt="none", ecolor=INK, elinewidth=1.4, capsize=3.0
    )
    axes.axvline(0.0, color=FAINT, linewidth=1.0)
    for place, item in zip(places, items, strict=True):
        axes.annotate(
            f"{item.n_positive} of {N_FOLDS}", (1.0, place), xytext=(8, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", color=INK, annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(items) - 0.5, -0.5)
    axes.set_xlabel("log-loss rises by (nats)")
    axes.xaxis.set_major_locator(_few())
    axes.grid(axis="x")
    return figure


def _of_many(bins: Sequence[ReliabilityBin]) -> Sequence[ReliabilityBin]:
    return [item for item in bins if item.n_tracks >= FEWEST_TRACKS] or bins


def _points(bins: Sequence[ReliabilityBin]) -> tuple[list[float], list[float]]:
    return [item.confidence for item in bins], [item.accuracy for item in bins]


def _few() -> MaxNLocator:
    return MaxNLocator(3)


def _legend(figure: Figure) -> None:
    figure.legend(loc="upper center", ncols=3, frameon=False, handlelength=2.0, columnspacing=1.2, borderaxespad=0.2)
