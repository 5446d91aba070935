"""Two sets of tracks side by side as one HTML page that needs nothing else: no network and no script."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from audiosim.evaluation.bootstrap import Estimate
from audiosim.recommend.taste.differences import Difference
from audiosim_pipelines.pages.html import page, read
from audiosim_pipelines.pages.numbers import number, score
from audiosim_pipelines.pages.pictures import Picture, drawn
from audiosim_pipelines.pages.strip import Strip
from audiosim_pipelines.pages.style import NARROW, Layout
from audiosim_pipelines.pages.taste.drawings import two_outlines
from audiosim_pipelines.taste.comparison import Comparison, Side

Row = dict[str, Any]

_MOST_PANELS, _N_BINS = 18, 18
_PANEL, _GAP, _BETWEEN = 92, 52, 18  # pixels: a panel's height, what is below it, and beside it
_TAILS = (0.5, 99.5)  # percent; beyond them a single track would stretch the axis


def render(found: Comparison) -> str:
    """The page as text; the same comparison gives the same text."""
    return page(
        "taste-compare.html.jinja",
        a=found.a.name,
        b=found.b.name,
        facts=_facts(found),
        notes=found.notes,
        sentence=found.sentence,
        rows=_rows(found),
        ends=_scale(found)[1],
        pictures=drawn(pictures(found)),
        style=f"{read('page.css')}\n{read('parts.css')}\n{read('taste.css')}",
    )


def pictures(found: Comparison) -> list[Picture]:
    """The distributions of both sides, the features with the largest distance first."""
    shown = found.rows[:_MOST_PANELS]
    if not shown:
        return []
    means = ", ".join(f"{row.name} {_plain(row.mean_a)} and {_plain(row.mean_b)}" for row in shown[:4])
    return [
        Picture(
            "distributions",
            "Side by side",
            f"Distributions of {len(shown)} features of {found.a.name} and {found.b.name}, the farthest apart first. "
            f"Means of A and B: {means}.",
            "Blue area: A; line: B; triangles are their medians. Values beyond the outermost half percent are drawn in "
            "the outermost bar. The farthest apart come first.",
            partial(_panels, found, shown),
        )
    ]


def _facts(found: Comparison) -> list[tuple[str, str]]:
    def told(side: Side, artists: npt.NDArray[np.int64]) -> str:
        named = f" by {len(np.unique(artists)):,} artists" if any(side.artists) else ""
        return f"{len(side):,} tracks{named}"

    values = {True: "own estimates", False: "official"}
    kinds = [values[side.is_estimate] for side in (found.a, found.b)]
    return [
        ("A", told(found.a, found.samples[0].artists)),
        ("B", told(found.b, found.samples[1].artists)),
        ("values", kinds[0] if kinds[0] == kinds[1] else f"A: {kinds[0]}, B: {kinds[1]}"),
        ("surely different", f"{len(found.sure)} of {len(found.rows)}"),
        ("seed", str(found.seed)),
    ]


def _scale(found: Comparison) -> tuple[tuple[float, float], tuple[str, str]]:
    ends = [end for row in found.rows for end in (row.distance.value, row.distance.high, row.chance)]
    most = 1.05 * max((end for end in ends if np.isfinite(end)), default=1.0)
    return (0.0, most or 1.0), ("0", number(most, 2))


def _rows(found: Comparison) -> list[Row]:
    scale = _scale(found)[0]
    sure = {row.name for row in found.sure}
    return [
        {
            "name": row.name,
            "sure": row.name in sure,
            "strip": Strip.of(
                Estimate(row.distance.value, row.distance.low, row.distance.high),
                scale=scale,
                mark=row.chance,
                what=f"{row.name}: distance",
            ),
            "distance": number(row.distance.value, 2),
            "interval": f"{number(row.distance.low, 2)} to {number(row.distance.high, 2)}",
            "delta": number(row.delta.value, 2),
            "of_delta": f"{number(row.delta.low, 2)} to {number(row.delta.high, 2)}",
            "means": [_plain(row.mean_a), _plain(row.mean_b)],
            "gap": score(row.largest_gap),
            "p": _p(row.adjusted),
        }
        for row in found.rows
    ]


def _p(value: float) -> str:
    if not np.isfinite(value):
        return ""
    return "< .001" if value < 0.001 else score(value)


def _plain(value: float) -> str:
    """A mean with three digits."""
    n_decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{round(value):,}".replace("-", "\N{MINUS SIGN}") if abs(value) >= 1_000 else number(value, n_decimals)


def _panels(found: Comparison, shown: tuple[Difference, ...], layout: Layout) -> Figure:
    n_columns = 2 if layout is NARROW else 3
    n_rows = -(-len(shown) // n_columns)
    left, width = 8, (layout.width - 16 - (n_columns - 1) * _BETWEEN) / n_columns
    figure = layout.figure(n_rows * (_PANEL + _GAP) + 8)
    for place, row in enumerate(shown):
        across, down = place % n_columns, place // n_columns
        axes = layout.axes(
            figure,
            bottom=(n_rows - 1 - down) * (_PANEL + _GAP) + 26,
            height=_PANEL,
            left=left + across * (width + _BETWEEN),
            width=width,
        )
        column = found.names.index(row.name)
        a, b = (sample.values[:, column] for sample in found.samples)
        low, high = np.percentile(np.r_[a, b], _TAILS)
        low, high = (low, high) if high > low else (float(min(a.min(), b.min())), float(max(a.max(), b.max())))
        two_outlines(axes, a, b, np.linspace(low, high, _N_BINS + 1), ("A", "B"))
        axes.set_title(f"{row.name}  {number(row.distance.value, 2)} SD", loc="left", fontsize=layout.font, pad=4)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=3))
        axes.margins(x=0)
    return figure
