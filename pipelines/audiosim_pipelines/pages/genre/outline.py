"""The readable tree as an outline: a line a branch, and at every leaf how many tracks came there."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from audiosim.recommend.genre.tree import ReadableTree, TreeNode
from audiosim_pipelines.pages.genre.names import MINUTE, shown
from audiosim_pipelines.pages.style import BLUE, FAINT, INK, NARROW, Layout

_LINE, _INDENT, _TOP = 22, 16, 8  # pixels
_BARS_FROM = {True: 0.63, False: 0.52}  # of the width; narrow and wide


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of the outline: what is asked, how deep, and the node that it leads to; `begins` is its parent's line."""

    text: str
    depth: int
    begins: int
    node: TreeNode


def branches(tree: ReadableTree) -> list[Branch]:
    """Lines from top to bottom, depth first."""
    found: list[Branch] = []

    def walk(place: int, depth: int, begins: int) -> None:
        node = tree.nodes[place]
        if node.feature is None or node.threshold is None or node.low is None or node.high is None:
            return
        for word, child in (("up to", node.low), ("above", node.high)):
            found.append(Branch(f"{shown(node.feature)} {word} {_amount(node)}", depth, begins, tree.nodes[child]))
            walk(child, depth + 1, len(found) - 1)

    walk(0, 0, -1)
    return found


def outline(tree: ReadableTree, layout: Layout) -> Figure:
    """The tree as a picture."""
    lines = branches(tree)
    height = max(len(lines), 1) * _LINE + 2 * _TOP
    figure = layout.figure(height)
    axes = layout.axes(figure, bottom=0, height=height, left=0.0, width=layout.width)
    axes.set_axis_off()
    axes.set_xlim(0, layout.width)
    axes.set_ylim(height, 0)
    if not lines:
        axes.text(10, height / 2, f"no question tells genres apart: always {tree.genre(tree.nodes[0])}", va="center")
        return figure
    most = max(line.node.n_tracks for line in lines if line.node.feature is None)
    begin = _BARS_FROM[layout.name == NARROW.name] * layout.width
    for number, line in enumerate(lines):
        y = _TOP + (number + 0.5) * _LINE
        x = 8 + line.depth * _INDENT
        from_y = _TOP + (line.begins + 0.5) * _LINE + 8 if line.begins >= 0 else y
        if line.begins >= 0:
            axes.plot([x - 8, x - 8, x - 2], [from_y, y, y], color=FAINT, linewidth=1.0)
        axes.text(x, y, line.text, va="center", color=INK)
        if line.node.feature is None:
            share = max(line.node.shares)
            full = (layout.width - begin - 8) * line.node.n_tracks / most
            axes.barh(y, full, left=begin, height=_LINE - 6, color=BLUE, alpha=0.25)
            axes.barh(y, full * share, left=begin, height=_LINE - 6, color=BLUE, alpha=0.45)
            axes.text(begin + 4, y, f"{tree.genre(line.node)} {100.0 * share:.0f} %", va="center", color=INK)
    return figure


def _amount(node: TreeNode) -> str:
    threshold = node.threshold or 0.0
    text = f"{threshold / MINUTE:.2g} min" if node.feature == "duration_ms" else f"{threshold:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")
