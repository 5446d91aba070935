"""The pictures of an evaluation: hits by the length of a list, the history with its split, the network's training."""

import datetime as dt
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from audiosim_pipelines.next_track.verdict import NextEvaluation
from audiosim_pipelines.pages.pictures import Picture
from audiosim_pipelines.pages.style import BLUE, FAINT, INK, VERMILLION, Layout

# Names of models stand at the ends of their curves.
_NAMED = (
    Layout("wide", width=860, left=60, right=150, bottom=40, font=11.0),
    Layout("narrow", width=400, left=50, right=142, bottom=40, font=11.0),
)
_DASHES = ("solid", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)))
_LENGTHS = (2, 3, 5, 10, 20, 40)  # plays of a session, where kinds of them begin
_WEEK = 7 * 86_400
_EPOCH_DAY = 4 * 86_400  # 1970-01-05 was a Monday

Heights = npt.NDArray[np.float64]


def pictures(evaluation: NextEvaluation) -> list[Picture]:
    """All pictures of an evaluation, in the order of the page."""
    best = evaluation.scores_of(evaluation.best)
    days = [_day(evaluation.sessions[i].started_at) for i in (0, evaluation.n_train, -1)]
    found = [
        Picture(
            "hits",
            "Hits by the length of the list",
            f"Share of plays that are in lists of 1 to {len(best.curve)} titles, a line for each model; "
            f"{evaluation.best} has {best.curve[0]:.0%} at 1 and {best.curve[-1]:.0%} at {len(best.curve)}.",
            "Of plays of titles that were new to their session: how many are among the first k of the list. "
            "The best model is blue.",
            partial(_hits, evaluation),
            _NAMED,
        ),
        Picture(
            "history",
            "What was learnt from, and what was judged by",
            f"Plays in sessions, week by week from {days[0]} to {days[2]}; the split is at {days[1]}.",
            "Plays in sessions of two plays and more, by the week in which their session began (UTC). Models learn "
            "from the sessions before the split alone.",
            partial(_history, evaluation),
        ),
        Picture(
            "lengths",
            "How long sessions are",
            "Shares of sessions by their number of plays, before and after the split.",
            "Plays in a session. If the two differ much, the later sessions are not like those that were learnt from.",
            partial(_lengths, evaluation),
        ),
    ]
    is_trained = any(np.isfinite(epoch.judged) for epoch in evaluation.epochs)
    return [*found, *([_course(evaluation)] if is_trained else [])]


def _course(evaluation: NextEvaluation) -> Picture:
    """The picture of the network's training."""
    judged = [epoch.judged for epoch in evaluation.epochs]
    return Picture(
        "training",
        "The network's training",
        f"Loss over {len(judged)} epochs; on the sessions that it is judged by it is least, "
        f"{np.nanmin(judged):.2f}, after epoch {int(np.nanargmin(judged)) + 1}.",
        "Mean loss of a play (in nats), of nine tenths of the earlier sessions, which are learnt from with parts of "
        "the network left out, and of the last tenth. Where the latter is least, the network knows most of what "
        "follows; it is then trained on all of the earlier sessions for as long.",
        partial(_training, evaluation),
    )


def _hits(evaluation: NextEvaluation, layout: Layout) -> Figure:
    height = 380
    figure = layout.figure(height)
    axes = layout.axes(figure, bottom=layout.bottom, height=height - layout.bottom - 12)
    scores = sorted(evaluation.models, key=lambda scores: -scores.curve[-1])
    k = np.arange(1, len(scores[0].curve) + 1)
    top = 1.08 * max(max(one.curve) for one in scores)
    places = _apart([one.curve[-1] for one in scores], least=0.052 * top)
    for i, (one, place) in enumerate(zip(scores, places, strict=True)):
        is_best = one.model == evaluation.best
        colour = BLUE if is_best else VERMILLION if one.model == "lstm" else FAINT
        axes.plot(
            k,
            one.curve,
            color=colour,
            linewidth=2.4 if is_best else 1.4,
            linestyle="solid" if is_best else _DASHES[i % len(_DASHES)],
            zorder=3 if is_best else 2,
        )
        _name(axes, one.model, (one.curve[-1], place), colour=colour, is_best=is_best, layout=layout)
    axes.set_xlim(1, k[-1])
    axes.set_ylim(0, top)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(axis="y")
    axes.set_xlabel("k, length of the list")
    axes.set_ylabel("plays in the list")
    return figure


def _name(axes: Axes, name: str, heights: tuple[float, float], *, colour: str, is_best: bool, layout: Layout) -> None:
    """Write the name of a curve beside its end: from the height of that to the height where there is room."""
    beside = axes.get_yaxis_transform()  # across in shares of the picture, up in shares of plays
    places = [1.0 + pixels / layout.plot_width for pixels in (2, 16, 20)]
    axes.plot(places[:2], heights, color=colour, linewidth=0.8, transform=beside, clip_on=False)
    weight = "bold" if is_best else "normal"
    size = layout.font - 0.5
    axes.text(places[2], heights[1], name, color=INK, va="center", fontsize=size, fontweight=weight, transform=beside)


def _apart(heights: Sequence[float], *, least: float) -> list[float]:
    """Falling heights, moved so that they lie so far apart, up and down alike."""
    up, down = list(heights), list(heights)
    for i in range(len(heights) - 2, -1, -1):
        up[i] = max(up[i], up[i + 1] + least)
    for i in range(1, len(heights)):
        down[i] = min(down[i], down[i - 1] - least)
    return [(high + low) / 2.0 for high, low in zip(up, down, strict=True)]


def _history(evaluation: NextEvaluation, layout: Layout) -> Figure:
    height = 230
    figure = layout.figure(height)
    axes = layout.axes(figure, bottom=layout.bottom, height=height - layout.bottom - 26)
    starts = np.array([session.started_at for session in evaluation.sessions], dtype=np.int64)
    plays = np.array([session.n_plays for session in evaluation.sessions], dtype=np.float64)
    weeks = (starts - _EPOCH_DAY) // _WEEK
    edges = np.arange(weeks.min(), weeks.max() + 1)
    middles = date2num(np.array(edges * _WEEK + _EPOCH_DAY + _WEEK // 2, dtype="datetime64[s]"))
    is_before = np.arange(len(starts)) < evaluation.n_train
    below = np.zeros(len(edges))
    for rows, colour, name in ((is_before, BLUE, "learnt from"), (~is_before, VERMILLION, "judged by")):
        sums = np.bincount(weeks[rows] - weeks.min(), weights=plays[rows], minlength=len(edges))
        axes.bar(middles, sums, bottom=below, width=6.2, color=colour, linewidth=0, label=name)
        below += sums
    split = float(date2num(np.datetime64(int(starts[evaluation.n_train]), "s")))
    axes.axvline(split, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.set_xlim(middles[0] - 5, middles[-1] + 5)
    locator = AutoDateLocator(minticks=3, maxticks=5 if layout.name == "narrow" else 9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.grid(axis="y")
    axes.set_ylabel("plays a week")
    figure.legend(loc="upper center", ncols=2, frameon=False, fontsize=layout.font - 1)
    return figure


def _lengths(evaluation: NextEvaluation, layout: Layout) -> Figure:
    height = 230
    figure = layout.figure(height)
    axes = layout.axes(figure, bottom=layout.bottom, height=height - layout.bottom - 26)
    plays = np.array([session.n_plays for session in evaluation.sessions], dtype=np.int64)
    kinds = np.searchsorted(_LENGTHS, plays, side="right") - 1
    places = np.arange(len(_LENGTHS), dtype=np.float64)
    parts = (
        (slice(None, evaluation.n_train), BLUE, "learnt from"),
        (slice(evaluation.n_train, None), VERMILLION, "judged by"),
    )
    for (part, colour, name), offset in zip(parts, (-0.2, 0.2), strict=True):
        shares = np.bincount(kinds[part], minlength=len(_LENGTHS)) / max(len(kinds[part]), 1)
        axes.bar(places + offset, shares, width=0.36, color=colour, linewidth=0, label=name)
    axes.set_xticks(places, _kinds())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.grid(axis="y")
    axes.set_xlabel("plays in a session")
    axes.set_ylabel("sessions")
    figure.legend(loc="upper center", ncols=2, frameon=False, fontsize=layout.font - 1)
    return figure


def _kinds() -> list[str]:
    ends = [*(begin - 1 for begin in _LENGTHS[1:]), None]
    return [
        f"{begin}+" if end is None else str(begin) if begin == end else f"{begin}\N{EN DASH}{end}"
        for begin, end in zip(_LENGTHS, ends, strict=True)
    ]


def _training(evaluation: NextEvaluation, layout: Layout) -> Figure:
    height = 260
    figure = layout.figure(height)
    axes = layout.axes(figure, bottom=layout.bottom, height=height - layout.bottom - 26)
    number = np.arange(1, len(evaluation.epochs) + 1)
    judged: Heights = np.array([epoch.judged for epoch in evaluation.epochs])
    learnt: Heights = np.array([epoch.learnt for epoch in evaluation.epochs])
    axes.plot(
        number, learnt, color=FAINT, linewidth=1.5, linestyle=(0, (6, 2)), marker="o", markersize=3, label="learnt"
    )
    axes.plot(number, judged, color=BLUE, linewidth=2.0, marker="o", markersize=4, label="judged by")
    best = int(np.nanargmin(judged))
    axes.axvline(best + 1, color=INK, linewidth=1.0, linestyle=(0, (4, 3)), label="least")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.grid(axis="y")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    figure.legend(loc="upper center", ncols=3, frameon=False, fontsize=layout.font - 1)
    return figure


def _day(moment: int) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).date().isoformat()
