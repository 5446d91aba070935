"""Pictures of a taste: each a figure of plain arrays in a layout."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, StrMethodFormatter

from audiosim.recommend.taste.curve import CurvePoint
from audiosim.recommend.taste.importance import Importance
from audiosim.recommend.taste.permutation import PermutationTest
from audiosim_pipelines.pages.style import BLUE, DIVERGING, FAINT, NARROW, RULE, VERMILLION, Layout

FloatArray = npt.NDArray[np.float64]

_TOP = 14
_ROW = 20  # height of a bar
_N_BINS = 24
_UP, _DOWN = "\N{UPWARDS ARROW}", "\N{DOWNWARDS ARROW}"


def permuted_scores(test: PermutationTest, layout: Layout) -> Figure:
    """How well ratings that were dealt out anew are told, and how well the true ones."""
    figure, axes = _axes(layout, 240)
    edges = np.histogram_bin_edges([*test.permuted, test.true], bins=_N_BINS)
    axes.hist(test.permuted, bins=edges.tolist(), color=FAINT, alpha=0.6)
    axes.axvline(test.true, color=VERMILLION, linewidth=2.2)
    place, side = (4, "left") if test.true < float(edges.mean()) else (-4, "right")
    axes.annotate(
        "the true ratings",
        (test.true, 0.93),
        xycoords=("data", "axes fraction"),
        xytext=(place, 0),
        textcoords="offset points",
        ha=side,
        color=VERMILLION,
        fontsize=layout.font,
    )
    axes.set_xlabel("R² on artists left out")
    axes.set_ylabel("ways to deal out")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    return figure


def predicted_against_actual(
    predicted: FloatArray, actual: FloatArray, half_width: float | None, layout: Layout
) -> Figure:
    """What was said of every track while its artist was left out, beside its rating."""
    side = min(layout.plot_width, 460)
    figure = layout.figure(side + layout.bottom + _TOP)
    axes = layout.axes(figure, bottom=layout.bottom, height=side, left=layout.left, width=side)
    low, high = float(min(actual.min(), predicted.min())), float(max(actual.max(), predicted.max()))
    margin = 0.04 * (high - low or 1.0)
    ends = np.array([low - margin, high + margin])
    if half_width is not None:
        axes.fill_between(ends, ends - half_width, ends + half_width, color=BLUE, alpha=0.1, linewidth=0)
    axes.plot(ends, ends, color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.axhline(float(actual.mean()), color=RULE, linewidth=1.2)
    axes.scatter(predicted, actual, s=18, color=BLUE, alpha=0.6, linewidths=0)
    axes.set_xlim(*ends.tolist())
    axes.set_ylim(*ends.tolist())
    axes.set_xlabel("predicted")
    axes.set_ylabel("rated")
    return figure


def likelihoods(predicted: FloatArray, liked: FloatArray, layout: Layout) -> Figure:
    """How likely a like was said to be of what is liked, and of what is not."""
    figure, axes = _axes(layout, 260)
    edges = np.linspace(0.0, 1.0, 21)
    two_outlines(axes, predicted[liked > 0.5], predicted[liked <= 0.5], edges, ("liked", "not liked"))
    axes.axvline(0.5, color=RULE, linewidth=1.2)
    axes.set_xlabel("predicted chance of a like")
    axes.set_ylabel("share of tracks")
    axes.legend(frameon=False, loc="upper center", fontsize=layout.font)
    return figure


def curve(points: Sequence[CurvePoint], layout: Layout) -> Figure:
    """R2 by the number of ratings, with intervals."""
    figure, axes = _axes(layout, 260)
    sizes = np.array([point.n for point in points], dtype=np.float64)
    values, low, high = (np.array([getattr(point.r2, end) for point in points]) for end in ("value", "low", "high"))
    axes.axhline(0.0, color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.fill_between(sizes, low, high, color=BLUE, alpha=0.16, linewidth=0)
    axes.plot(sizes, values, color=BLUE, linewidth=2, marker="o", markersize=5)
    axes.set_xscale("log")
    shown = [point.n for i, point in enumerate(points) if layout is not NARROW or i % 2 == 0 or i == len(points) - 1]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_locator(FixedLocator([]))
    lowest = max(float(low.min()), -1.0)
    axes.set_ylim(lowest - 0.05, max(float(high.max()), 0.0) + 0.05)
    axes.set_xlabel("ratings to learn from")
    axes.set_ylabel("R² on artists left out")
    return figure


def importance_bars(found: Sequence[Importance], layout: Layout) -> Figure:
    """How much larger the error becomes without each feature, with intervals; filled where the folds agree."""
    left = 150 if layout is not NARROW else 132
    height = _ROW * len(found) + layout.bottom + _TOP
    figure = layout.figure(height)
    axes = layout.axes(
        figure, bottom=layout.bottom, height=_ROW * len(found), left=left, width=layout.width - left - 16
    )
    rows = np.arange(len(found))[::-1]
    axes.axvline(0.0, color=FAINT, linewidth=1.2)
    for row, item in zip(rows.tolist(), found, strict=True):
        colour = BLUE if item.loss.low > 0.0 else FAINT
        axes.plot([item.loss.low, item.loss.high], [row, row], color=colour, linewidth=3, alpha=0.55)
        axes.plot(item.loss.value, row, marker="o", markersize=7, color=colour)
    axes.set_yticks(rows.tolist(), [_name_of(item, layout) for item in found])
    axes.set_ylim(-0.6, len(found) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if layout is NARROW else 7))
    axes.set_xlabel("larger error without it")
    return figure


def correlation_map(names: Sequence[str], correlations: FloatArray, layout: Layout) -> Figure:
    """Rank correlations of all features with all as a map, those that hang together beside one another."""
    order = _alike_together(correlations)
    names, shown = [names[i] for i in order], correlations[np.ix_(order, order)]
    letters = 8.5 if len(names) > 20 else 10.0
    margin = round(max(map(len, names), default=1) * letters * 0.58) + 8
    side = layout.width - margin - 16
    bar = 46
    figure = layout.figure(side + margin + bar)
    axes = layout.axes(figure, bottom=margin + bar, height=side, left=margin, width=side)
    image = axes.imshow(shown, cmap=DIVERGING, vmin=-1.0, vmax=1.0, interpolation="nearest", aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=letters)
    axes.set_yticks(range(len(names)), names, fontsize=letters)
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    scale = layout.axes(figure, bottom=26, height=9, left=margin, width=side)
    figure.colorbar(image, cax=scale, orientation="horizontal", ticks=[-1, -0.5, 0, 0.5, 1])
    scale.tick_params(length=2)
    return figure


def valence_of_modes(is_major: npt.NDArray[np.bool_], valence: FloatArray, layout: Layout) -> Figure:
    """Valence of the tracks in major and of those in minor."""
    figure, axes = _axes(layout, 220)
    edges = np.linspace(min(0.0, float(valence.min())), max(1.0, float(valence.max())), 17)
    two_outlines(axes, valence[is_major], valence[~is_major], edges, ("major", "minor"))
    axes.set_xlabel("valence")
    axes.set_ylabel("share of tracks")
    axes.legend(frameon=False, fontsize=layout.font)
    return figure


def two_outlines(axes: Axes, first: FloatArray, second: FloatArray, edges: FloatArray, names: tuple[str, str]) -> None:
    """Two distributions over the same bins: the first filled, the second as a line; medians as ticks below."""
    for values, name, colour, is_filled in ((first, names[0], BLUE, True), (second, names[1], VERMILLION, False)):
        shares = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)[0] / max(len(values), 1)
        if is_filled:
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.35, linewidth=0, label=name)
        else:
            axes.stairs(shares, edges, color=colour, linewidth=1.8, label=name)
        marker = "^" if is_filled else "v"
        axes.plot(float(np.median(values)), 0.0, marker=marker, markersize=8, color=colour, clip_on=False, zorder=5)
    axes.set_xlim(float(edges[0]), float(edges[-1]))
    axes.set_ylim(bottom=0.0)


def _axes(layout: Layout, height: int) -> tuple[Figure, Axes]:
    figure = layout.figure(height)
    return figure, layout.axes(figure, bottom=layout.bottom, height=height - layout.bottom - _TOP)


def _name_of(item: Importance, layout: Layout) -> str:
    """A feature, and whether more of it raises what is predicted, where nearly all folds agree; or several."""
    first, *others = item.features
    if others:
        together = " + ".join(item.features)
        return together if len(together) <= (21 if layout is NARROW else 25) else f"{first} + {len(others)} others"
    if not item.steady_share >= 0.9:
        return first
    return f"{first} {_UP if item.direction > 0.0 else _DOWN}"


def _alike_together(correlations: FloatArray) -> list[int]:
    """An order in which features that hang together are neighbours, whatever the sign."""
    from scipy.cluster.hierarchy import leaves_list, linkage  # noqa: PLC0415 - takes its time to load
    from scipy.spatial.distance import squareform  # noqa: PLC0415

    if len(correlations) < 3:
        return list(range(len(correlations)))
    apart = 1.0 - np.abs(np.nan_to_num(correlations))
    np.fill_diagonal(apart, 0.0)
    return leaves_list(linkage(squareform(apart, checks=False), method="average")).tolist()
