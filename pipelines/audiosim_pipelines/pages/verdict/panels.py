"""Small pictures, one a measure, that stand side by side and share their axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from audiosim.evaluation import BASELINE, CONTROL
from audiosim.evaluation.bootstrap import Estimate
from audiosim.evaluation.health import Health
from audiosim.evaluation.task import TaskResult
from audiosim_pipelines.pages.notation import clock
from audiosim_pipelines.pages.numbers import in_words, number, score
from audiosim_pipelines.pages.style import BLUE, FAINT, INK, VERMILLION, Layout, drawing, inline_svg
from audiosim_pipelines.pages.verdict.contents import Contents
from audiosim_pipelines.pages.verdict.lengths import LengthCurve

PANEL = Layout("panel", width=210, left=30, right=10, bottom=36, font=11.0)
_HEIGHT, _TOP = 150, 8
_MOST_BARS = 24
_LONGEST_TAIL = 5  # times k, the mean: what lies beyond is shown as one, or a single hub would leave no room

_DOTTED, _DASHED = (0, (1, 2)), (0, (4, 2))

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture of one measure.

    Parameters
    ----------
    title, note : str
        The measure, and a figure that says the same as the picture.
    svg : str
        The picture; what it shows in words is in it.
    """

    title: str
    note: str
    svg: str


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """P@k and the ends of its intervals, one value for each k."""

    value: Values
    low: Values
    high: Values


def precision_panels(contents: Contents, task: TaskResult, *, name: str) -> list[Panel]:
    """P@k of every measure with its interval, beside chance, the measure before rescaling, and the baseline.

    Parameters
    ----------
    contents : Contents
    task : TaskResult
    name : str
        Of the task in the page; ids begin with it.
    """
    ks = contents.evaluation.ks
    curves = {measure: _curve(found.intervals, ks) for measure, found in task.measures.items()}
    chance = np.array([task.chances[f"P@{k}"] for k in ks])
    top = _round_up(float(np.nanmax([*(curve.high.max() for curve in curves.values()), chance.max(), 0.05])))
    panels: list[Panel] = []
    with drawing(PANEL):
        for measure in contents.measures:
            ranked = contents.ranked(measure)
            figure, axes = _panel()
            shown = curves[ranked]
            axes.fill_between(range(len(ks)), shown.low, shown.high, color=BLUE, alpha=0.22, linewidth=0)
            for other in contents.measures:
                if other not in (measure, BASELINE):
                    _line(axes, curves[contents.ranked(other)].value, color=FAINT, linewidth=0.8, alpha=0.5)
            _line(axes, chance, color=FAINT, linewidth=1.2, linestyle=_DOTTED)
            if measure != BASELINE and BASELINE in curves:
                _line(axes, curves[BASELINE].value, color=VERMILLION, linewidth=1.5, linestyle=_DASHED)
            if ranked != measure:
                _line(axes, curves[measure].value, color=INK, linewidth=1.1, linestyle=_DASHED)
            _line(axes, shown.value, color=BLUE, linewidth=2.0, marker="o", markersize=4.5, clip_on=False)
            # One step from each length to the next: on a scale of their own, 1 and 5 would touch where 100 is shown.
            axes.set_xticks(range(len(ks)), [str(k) for k in ks])
            axes.set_xlim(-0.25, len(ks) - 0.75)
            axes.set_ylim(0.0, top)
            axes.set_xlabel("k", labelpad=2.0)
            told = ", ".join(in_words(f"P@{k}", task.measures[ranked].intervals[f"P@{k}"]) for k in ks)
            alt = f"{ranked} by {task.name}: {told}; chance {score(chance[0]) or 'undefined'}."
            panels.append(Panel(ranked, "", inline_svg(figure, name=f"{name}-{measure}", alt=alt)))
    return panels


def hub_panels(contents: Contents) -> list[Panel]:
    """How many tracks are in how many lists of others, before and after rescaling, beside the control."""
    health = contents.evaluation.health
    if not health[CONTROL].occurrences:
        return []
    k = health[CONTROL].hubness[-1].k
    longest = min(max(len(found.occurrences) for found in health.values()) - 1, _LONGEST_TAIL * k)
    width = -(-(longest + 1) // _MOST_BARS)
    heights = {name: _binned(found.occurrences, width, longest) for name, found in health.items()}
    top = 1.06 * max(float(values.max()) for values in heights.values())
    edges = width * np.arange(len(heights[CONTROL]) + 1) - 0.5
    panels: list[Panel] = []
    with drawing(PANEL):
        for measure in contents.measures:
            ranked = contents.ranked(measure)
            figure, axes = _panel()
            axes.stairs(heights[ranked], edges, fill=True, color=BLUE, alpha=0.75, linewidth=0)
            axes.stairs(heights[CONTROL], edges, color=FAINT, linewidth=1.2, linestyle=_DOTTED)
            if ranked != measure:
                axes.stairs(heights[measure], edges, color=INK, linewidth=1.1)
            axes.set_xlim(-0.5, edges[-1])
            axes.set_ylim(0.0, top)
            ticks = range(0, longest, _LONGEST_TAIL * k // 5) if longest == _LONGEST_TAIL * k else range(0, longest, k)
            axes.set_xticks([*ticks, longest], [*map(str, ticks), f"{longest}+"])
            axes.yaxis.set_major_formatter(FuncFormatter(_in_percent))
            axes.set_xlabel(f"lists of {k} that a track is in", labelpad=2.0)
            note = _skewness(contents, measure)
            alt = (
                f"Tracks by the number of lists of {k} that they are in, {ranked}: {note}. {_extremes(health[ranked])}"
            )
            panels.append(Panel(ranked, note, inline_svg(figure, name=f"hubs-{measure}", alt=alt)))
    return panels


def length_panels(contents: Contents) -> list[Panel]:
    """Percentile of distances by the lengths of both tracks, before and after rescaling."""
    panels: list[Panel] = []
    with drawing(PANEL):
        for measure in contents.measures if contents.curves else ():
            ranked = contents.ranked(measure)
            curve, before = contents.curves[ranked], contents.curves[measure]
            figure, axes = _panel()
            axes.axhline(50.0, color=FAINT, linewidth=1.0, linestyle=_DOTTED)
            axes.fill_between(curve.seconds, curve.lower, curve.upper, color=BLUE, alpha=0.22, linewidth=0)
            axes.plot(curve.seconds, curve.median, color=BLUE, linewidth=2.0, marker="o", markersize=3.5)
            if ranked != measure:
                axes.plot(before.seconds, before.median, color=INK, linewidth=1.1, linestyle=_DASHED)
            axes.set_ylim(0.0, 100.0)
            axes.set_yticks((0, 25, 50, 75, 100))
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.xaxis.set_major_formatter(FuncFormatter(_clock))
            axes.set_xlabel("both together (min:s)", labelpad=2.0)
            svg = inline_svg(figure, name=f"length-{measure}", alt=_bias_alt(ranked, curve))
            panels.append(Panel(ranked, _bias(contents, measure), svg))
    return panels


def _panel() -> tuple[Figure, Axes]:
    figure = PANEL.figure(_HEIGHT)
    axes = PANEL.axes(figure, bottom=PANEL.bottom, height=_HEIGHT - PANEL.bottom - _TOP)
    axes.grid(visible=True, axis="y")
    return figure, axes


def _curve(intervals: Mapping[str, Estimate], ks: Sequence[int]) -> _Curve:
    found = [intervals[f"P@{k}"] for k in ks]
    value, low, high = (np.array([getattr(of_k, part) for of_k in found]) for part in ("value", "low", "high"))
    return _Curve(value, low, high)


def _line(axes: Axes, values: Values, **look: Any) -> None:  # noqa: ANN401 - matplotlib's own words
    axes.plot(range(len(values)), values, **look)


def _in_percent(share: float, _: object) -> str:
    return f"{100.0 * share:.0f}"


def _clock(seconds: float, _: object) -> str:
    return clock(max(seconds, 0.0))


def _round_up(value: float) -> float:
    """The next tenth, and no more than a whole."""
    return min(1.0, np.ceil(10.0 * value + 0.2) / 10.0)


def _binned(occurrences: Sequence[int], width: int, longest: int) -> Values:
    """Shares of tracks by the number of lists, `width` numbers together, all from `longest` on at the end."""
    counts = np.zeros(-(-(longest + 1) // width) * width)
    counts[: min(len(occurrences), longest)] = occurrences[:longest]
    counts[longest] = sum(occurrences[longest:])
    return counts.reshape(-1, width).sum(axis=1) / sum(occurrences)


def _bias(contents: Contents, measure: str) -> str:
    """Correlation with the lengths, before and after rescaling."""
    names = dict.fromkeys((measure, contents.ranked(measure)))
    found = [contents.evaluation.health[name].length_bias for name in names]
    return "Spearman " + " \N{RIGHTWARDS ARROW} ".join(number(bias.pairs, 2) for bias in found if bias)


def _skewness(contents: Contents, measure: str) -> str:
    """Of N_k at the longest lists, before and after rescaling."""
    names = dict.fromkeys((measure, contents.ranked(measure)))
    stages = [contents.evaluation.health[name].hubness[-1].skewness for name in names]
    return "skewness " + " \N{RIGHTWARDS ARROW} ".join(number(stage, 2) for stage in stages)


def _extremes(health: Health) -> str:
    orphans = 100.0 * health.hubness[-1].orphan_share
    return f"{orphans:.0f} % of tracks are in none, and one is in {len(health.occurrences) - 1}."


def _bias_alt(measure: str, curve: LengthCurve) -> str:
    return (
        f"Median percentile of the distance by {measure}: {curve.median[0]:.0f} for the shortest pairs of tracks "
        f"({clock(curve.seconds[0])} together), {curve.median[-1]:.0f} for the longest ({clock(curve.seconds[-1])})."
    )
