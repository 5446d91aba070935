"""Pictures of pages: what each is called, what it shows in words, and how it is drawn."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.figure import Figure

from audiosim_pipelines.pages import style
from audiosim_pipelines.pages.style import NARROW, WIDE, Layout

# As wide as a page shows it, so that letters keep their size.
SQUARE = Layout("wide", width=700, left=60, right=20, bottom=40, font=12.0)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a page, and of a file; or why there is none.

    Parameters
    ----------
    name : str
        Of its file and of its place in the page.
    title, caption : str
        What it shows and how it is read.
    alt : str
        What is to be seen, in words.
    draw : callable or None
        Draws it in a layout; None where something is missing.
    layouts : tuple of Layout
        A wide one, which is also that of files, and a narrow one for phones.
    shape : {"square", ""}
        The page keeps what is square from growing as wide as itself.
    missing : str or None
        Why it is not there.
    """

    name: str
    title: str
    alt: str
    caption: str
    draw: Callable[[Layout], Figure] | None
    layouts: tuple[Layout, ...] = (WIDE, NARROW)
    shape: Literal["square", ""] = ""
    missing: str | None = None


def drawn(pictures: Iterable[Picture]) -> list[dict[str, Any]]:
    """Pictures in all of their layouts, as the templates want them: SVG, and shares of it that lie beside the axes."""
    return [
        {
            "name": picture.name,
            "title": picture.title,
            "caption": picture.caption,
            "shape": picture.shape,
            "missing": picture.missing,
            "drawings": list(_drawings(picture)),
        }
        for picture in pictures
    ]


def picture_files(pictures: Iterable[Picture], suffix: Literal["png", "svg"]) -> Generator[tuple[str, bytes]]:
    """Pictures as files: names without suffix, and bytes."""
    save = {"png": style.png, "svg": style.svg}[suffix]
    for picture in pictures:
        if picture.draw is not None:
            with style.drawing(picture.layouts[0]):
                yield picture.name, save(picture.draw(picture.layouts[0]))


def _drawings(picture: Picture) -> Generator[dict[str, str]]:
    if picture.draw is None:
        return
    for layout in picture.layouts:
        with style.drawing(layout):
            figure = picture.draw(layout)
            element = style.inline_svg(figure, name=f"{picture.name}-{layout.name}", alt=picture.alt)
        beside = {
            "left": layout.left / layout.width,
            "right": layout.right / layout.width,
            "bottom": layout.bottom / layout.height_of(figure),
        }
        yield {"layout": layout.name, "svg": element} | {side: f"{share:.5f}" for side, share in beside.items()}
