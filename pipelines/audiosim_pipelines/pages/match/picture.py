"""The picture of a match: the cost matrix between the waveforms of both tracks, and the passages on it."""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from audiosim_pipelines.explain import Explanation
from audiosim_pipelines.pages import style
from audiosim_pipelines.pages.columns import column_edges, highest, lowest, means
from audiosim_pipelines.pages.match.courses import Course, courses, is_self
from audiosim_pipelines.pages.notation import clock, time_marks
from audiosim_pipelines.pages.style import FAINT, INK, Layout

# Margins lie around the matrix; the waveforms lie in them.
SQUARE = Layout("wide", width=640, left=112, right=14, bottom=104, font=11.0)
SMALL = Layout("narrow", width=400, left=90, right=10, bottom=88, font=11.0)
PAGE = "#fdfdfc"  # what lies under lines and letters that stand on the matrix

_TOP = 34  # pixels above the matrix, for the scale of its colours
_GAP = 6  # pixels between the matrix and the waveforms
_FLATTEST, _TALLEST = 0.5, 1.1  # height of the matrix for its width
_WORST_COST = 0.8  # white from here on
_N_SHADES = 48  # more could not be told apart and take more bytes
_SHADES = "gray"
_MOST_WORDS = 8  # passages that are told to those who cannot see the picture

Values = npt.NDArray[np.float32]


def matrix_height(explanation: Explanation, layout: Layout) -> int:
    """Pixels, so that a second is as long upwards as it is across, unless that is too flat or too tall."""
    ratio = explanation.b_duration / max(explanation.a_duration, 1e-3)
    return round(layout.plot_width * min(max(ratio, _FLATTEST), _TALLEST))


def margins(explanation: Explanation, layout: Layout) -> dict[str, float]:
    """Shares of the picture's width and height that lie around the matrix, by side.

    "below" and "beside" are what lies under the waveform of A, and at the left of that of B.
    """
    height = layout.bottom + matrix_height(explanation, layout) + _TOP
    below, beside = _room(layout)
    return {
        "left": layout.left / layout.width,
        "right": layout.right / layout.width,
        "bottom": layout.bottom / height,
        "top": _TOP / height,
        "below": below / height,
        "beside": beside / layout.width,
    }


def _room(layout: Layout) -> tuple[float, float]:
    """Pixels below and beside the waveforms, for the marks and names of their axes."""
    return layout.font + 30, layout.font + 40


def draw(explanation: Explanation, layout: Layout) -> Figure:
    """The picture; A goes to the right and B upwards, dark is what sounds alike."""
    height = matrix_height(explanation, layout)
    figure = layout.figure(layout.bottom + height + _TOP)
    matrix = layout.axes(figure, bottom=layout.bottom, height=height)
    image = _cost_matrix(matrix, explanation, layout, height)
    _scale(figure, image, layout)
    found = courses(explanation)
    _waveforms(figure, explanation, layout, found, height)
    if is_self(explanation):
        end = explanation.a_duration
        matrix.plot([0.0, end], [0.0, end], color=PAGE, linewidth=2.4)
        matrix.plot([0.0, end], [0.0, end], color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
    # The best lie on top.
    for course in reversed(found):
        _path(matrix, course)
    for course in reversed(found):
        _number(matrix, course, explanation)
    return figure


def words(explanation: Explanation) -> str:
    """What is to be seen, for those who cannot see it."""
    a, b = clock(explanation.a_duration), clock(explanation.b_duration)
    summary, *told = explanation.sentences
    more = len(told) - _MOST_WORDS
    ending = [f"And {more} more."] if more > 0 else []
    return " ".join([f"Cost matrix of A ({a}) and B ({b}). {summary}", *told[:_MOST_WORDS], *ending])


def picture_file(explanation: Explanation, suffix: str) -> bytes:
    """The picture as a PNG or an SVG file."""
    save = {"png": style.png, "svg": style.svg}[suffix]
    with style.drawing(SQUARE):
        return save(draw(explanation, SQUARE))


def _cost_matrix(axes: Axes, explanation: Explanation, layout: Layout, height: int) -> AxesImage:
    """Costs, no more of them than there are pixels."""
    (left, right), (bottom, top) = explanation.a_extent, explanation.b_extent
    # Rows are frames of A, which go to the right here.
    shown = _pooled(_pooled(explanation.cost, layout.plot_width).T, height)
    shades = np.round(np.clip(shown / _WORST_COST, 0.0, 1.0) * (_N_SHADES - 1)) / (_N_SHADES - 1)
    image = axes.imshow(
        shades * _WORST_COST,
        aspect="auto",
        origin="lower",
        interpolation="none",
        cmap=_SHADES,
        vmin=0.0,
        vmax=_WORST_COST,
        extent=(left, right, bottom, top),
    )
    axes.set_xlim(0.0, explanation.a_duration)
    axes.set_ylim(0.0, explanation.b_duration)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    return image


def _pooled(costs: Values, most: int) -> Values:
    """Means of neighbouring rows, at most so many."""
    return means(costs, column_edges(len(costs), most))


def _scale(figure: Figure, image: AxesImage, layout: Layout) -> None:
    """What the shades mean, above the matrix at the right."""
    height = layout.height_of(figure)
    width, thickness, bottom = 90, 9, height - 22
    right = layout.width - layout.right - 62
    place = ((right - width) / layout.width, bottom / height, width / layout.width, thickness / height)
    beside = figure.add_axes(place)
    bar = figure.colorbar(image, cax=beside, orientation="horizontal", ticks=[])
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue] - untyped there
    for edge, gap, side, text in ((0, -6, "right", "same harmony 0"), (1, 6, "left", f"{_WORST_COST:.1f} other")):
        beside.annotate(
            text, (edge, 0.5), xycoords="axes fraction", xytext=(gap, 0), textcoords="offset points",
            ha=side, va="center", color=INK, fontsize=layout.font - 1, annotation_clip=False,
        )  # fmt: skip


def _waveforms(figure: Figure, explanation: Explanation, layout: Layout, found: list[Course], height: int) -> None:
    """That of A below the matrix and that of B at its left, with the stretches that match."""
    below, beside = _room(layout)
    across = layout.axes(figure, bottom=below, height=layout.bottom - below - _GAP)
    width = layout.left - beside - _GAP
    upwards = layout.axes(figure, bottom=layout.bottom, height=height, left=beside, width=width)
    for axes in (across, upwards):
        axes.spines[:].set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([])
    marks = time_marks(explanation.a_duration, most=layout.plot_width // 60)
    across.set_xticks([time for time, _ in marks], [text for _, text in marks])
    across.set_xlabel("A (m:ss)")
    marks = time_marks(explanation.b_duration, most=height // 50)
    upwards.set_yticks([time for time, _ in marks], [text for _, text in marks])
    upwards.set_ylabel("B (m:ss)")
    upwards.yaxis.set_label_coords((layout.font + 1 - beside) / width, 0.5)
    for course in found:
        passage = course.passage
        across.axvspan(passage.a_start, passage.a_stop, color=course.colour, alpha=0.3, linewidth=0)
        upwards.axhspan(passage.b_start, passage.b_stop, color=course.colour, alpha=0.3, linewidth=0)
    if explanation.a_waveform is None:
        _no_file(across, rotation=0)
    else:
        times, low, high = _outline(explanation.a_waveform, explanation.a_duration, layout.plot_width)
        across.fill_between(times, low, high, color=FAINT, linewidth=0.4)
        across.set_ylim(-_limit(low, high), _limit(low, high))
    if explanation.b_waveform is None:
        _no_file(upwards, rotation=90)
    else:
        times, low, high = _outline(explanation.b_waveform, explanation.b_duration, height)
        upwards.fill_betweenx(times, low, high, color=FAINT, linewidth=0.4)
        upwards.set_xlim(_limit(low, high), -_limit(low, high))
    across.set_xlim(0.0, explanation.a_duration)
    upwards.set_ylim(0.0, explanation.b_duration)


def _no_file(axes: Axes, *, rotation: int) -> None:
    axes.text(
        0.5, 0.5, "no file", ha="center", va="center", color=FAINT, rotation=rotation, transform=axes.transAxes
    )  # fmt: skip


def _outline(waveform: Values, duration: float, most: int) -> tuple[npt.NDArray[np.float64], Values, Values]:
    """Times, lowest and highest samples of at most so many columns."""
    edges = column_edges(len(waveform), most)
    middles = (edges[:-1] + edges[1:]) / 2.0
    return (
        (middles * (duration / len(waveform))).astype(np.float64),
        lowest(waveform[:, 0], edges),
        highest(waveform[:, 1], edges),
    )


def _limit(low: Values, high: Values) -> float:
    return max(1.05 * float(max(high.max(), -low.min())), 1e-6)


def _path(axes: Axes, course: Course) -> None:
    """From the beginning of a passage to its end, set off from the shades below."""
    axes.plot(course.a, course.b, color=PAGE, linewidth=4.6, solid_capstyle="round")
    axes.plot(course.a, course.b, color=course.colour, linewidth=2.4, solid_capstyle="round")


def _number(axes: Axes, course: Course, explanation: Explanation) -> None:
    """Beside where the passage begins, and within the picture."""
    is_at_the_right = course.a[0] > 0.92 * explanation.a_duration
    is_at_the_bottom = course.b[0] < 0.04 * explanation.b_duration
    axes.annotate(
        str(course.number),
        (course.a[0], course.b[0]),
        xytext=(-16 if is_at_the_right else 22, 7 if is_at_the_bottom else -2),
        textcoords="offset points",
        ha="center",
        va="center",
        color=PAGE,
        fontweight="bold",
        bbox={"boxstyle": "circle,pad=0.25", "facecolor": course.colour, "edgecolor": PAGE, "linewidth": 1.2},
    )
