"""How pictures look: sizes, colours and fonts; and a figure as the bytes of a file, the same bytes every time.

Figures are matplotlib's `Figure` objects; pyplot, with its state that belongs to the whole process, is never loaded.
"""

import base64
import contextlib
import io
import re
import warnings
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

# Written as such into files, and as names of the page's colours into the page, which has them for light and for dark.
INK, FAINT, RULE = "#24292f", "#6e7781", "#d0d7de"
BLUE, VERMILLION = "#0072b2", "#d55e00"  # Okabe and Ito (2008): told apart by the colour-blind
_ON_PAGE = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    RULE: "var(--rule)",
    BLUE: "var(--blue)",
    VERMILLION: "var(--vermillion)",
}
SEQUENTIAL, DIVERGING = "viridis", "PuOr_r"

_DPI = 72.0  # the dots of SVG are 1/72 inch, so that sizes below are in pixels
_PNG_SCALE = 2  # for screens of double density
_DATA = re.compile(r'"data:image/png;base64,([^"]+)"')


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes in pixels. Margins are those of all pictures, so that their time axes lie below one another.

    `n_columns` is how many columns of frames a picture has at most: two for each of its pixels.
    """

    name: str
    width: int
    left: int
    right: int
    bottom: int
    font: float

    @property
    def plot_width(self) -> int:
        """Between the margins."""
        return self.width - self.left - self.right

    @property
    def n_columns(self) -> int:
        """Columns of frames that are worth drawing."""
        return 2 * self.plot_width

    def figure(self, height: int) -> Figure:
        """An empty figure."""
        return Figure(figsize=(self.width / _DPI, height / _DPI), dpi=_DPI)

    def height_of(self, figure: Figure) -> float:
        """Height of a figure."""
        return figure.get_figheight() * _DPI

    def axes(self, figure: Figure, *, bottom: float, height: float, left: float = 0.0, width: float = 0.0) -> Axes:
        """Axes at a place in pixels; between the margins unless `width` is given."""
        total = self.height_of(figure)
        left, width = (left, width) if width else (self.left, self.plot_width)
        return figure.add_axes((left / self.width, bottom / total, width / self.width, height / total))


WIDE = Layout("wide", width=860, left=60, right=70, bottom=40, font=11.0)
# For phones: as wide as they are, so that letters keep their size.
NARROW = Layout("narrow", width=400, left=50, right=62, bottom=40, font=11.0)


@contextlib.contextmanager
def drawing(layout: Layout) -> Generator[None]:
    """Draw and save with our settings, whatever the user's are; what matplotlib complains of stays off the screen."""
    ours: dict[str, Any] = {
        "font.size": layout.font,
        "axes.labelsize": layout.font,
        "axes.titlesize": layout.font,
        "xtick.labelsize": layout.font - 1,
        "ytick.labelsize": layout.font - 1,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": FAINT,
        "xtick.color": FAINT,
        "xtick.labelcolor": INK,
        "ytick.color": FAINT,
        "ytick.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": "none",
        "axes.axisbelow": True,
        "grid.color": RULE,
        "grid.linewidth": 0.7,
        "lines.solid_joinstyle": "round",
        "svg.hashsalt": "audiosim",
        "svg.image_inline": True,
    }
    with warnings.catch_warnings(), style.context(["default", ours]):
        warnings.simplefilter("ignore")
        yield


def png(figure: Figure) -> bytes:
    """A PNG file."""
    buffer = io.BytesIO()
    # With its version in it, the file would change with matplotlib's.
    figure.savefig(
        buffer, format="png", backend="agg", dpi=_PNG_SCALE * _DPI, facecolor="white", metadata={"Software": None}
    )
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """An SVG file that looks the same everywhere: letters are drawn."""
    with mpl.rc_context({"svg.fonttype": "path"}):
        return _slim(_svg(figure, facecolor="white")).encode()


def inline_svg(figure: Figure, *, name: str, alt: str) -> str:
    """An SVG element for a page, with the page's fonts and colours.

    Parameters
    ----------
    figure : Figure
    name : str
        Unlike that of any other picture in the page; ids begin with it.
    alt : str
        What the picture shows, for those who cannot see it.
    """
    with mpl.rc_context({"svg.fonttype": "none"}):
        text = _slim(_svg(figure, facecolor="none"))
    # Namespaces look like addresses and mean nothing in a page.
    element = re.sub(r'\s(?:xmlns(?::\w+)?|version|width|height)="[^"]*"', "", text[text.index("<svg") :], count=5)
    # Its style would be that of the whole page.
    element = re.sub(r"<style\b.*?</style>", "", element, flags=re.DOTALL)
    element = re.sub(r'\bid="|url\(#|href="#', lambda found: f"{found[0]}{name}-", element)
    for colour, variable in _ON_PAGE.items():
        element = element.replace(colour, variable)
    return element.replace("<svg", f'<svg role="img" aria-label="{_escaped(alt)}"', 1)


def _svg(figure: Figure, *, facecolor: str) -> str:
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", backend="svg", facecolor=facecolor, metadata=nothing)
    return buffer.getvalue()


def _slim(text: str) -> str:
    """Coordinates to a hundredth of a pixel, images with a palette, no line without content."""
    text = re.sub(r'(?<= d=)"[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), text)
    text = _DATA.sub(lambda found: f'"data:image/png;base64,{_with_palette(found[1])}"', text)
    return re.sub(r"\n\s*", "\n", text)


def _with_palette(encoded: str) -> str:
    """The same pixels at a third of the size, where they have no more colours than a byte can name."""
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        pixels = np.asarray(image.convert("RGBA"))
    packed = np.ascontiguousarray(pixels).view(np.uint32)[..., 0]
    colours, indices = np.unique(packed, return_inverse=True)
    if len(colours) > 256:
        return encoded
    palette = colours.view(np.uint8).reshape(-1, 4)
    slim = Image.fromarray(indices.reshape(packed.shape).astype(np.uint8))
    slim.putpalette(palette[:, :3].tobytes())
    transparent = {} if (palette[:, 3] == 255).all() else {"transparency": palette[:, 3].tobytes()}
    buffer = io.BytesIO()
    slim.save(buffer, format="png", optimize=True, **transparent)
    return base64.b64encode(buffer.getvalue()).decode()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
