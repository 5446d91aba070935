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
    """A picture of a page, and of a file.

    Parameters
    ----------
    name : str
        Of its file and of its place in the page.
    title, caption : str
        What it shows and how it is read.
    alt : str
        What is to be seen, in words.
    draw : callable
        Draws it in a layout.
    layouts : tuple of Layout
        A wide one, which is also that of files, and a narrow one for phones.
    shape : {"square", ""}
        The page keeps what is square from growing as wide as itself.
    """

    name: str
    title: str
    alt: str
    caption: str
    draw: Callable[[Layout], Figure]
    layouts: tuple[Layout, ...] = (WIDE, NARROW)
    shape: Literal["square", ""] = ""


def drawn(pictures: Iterable[Picture]) -> list[dict[str, Any]]:
    """Pictures in all of their layouts, as the macro `picture` of the templates wants them."""
    return [
        {
            "name": picture.name,
            "title": picture.title,
            "caption": picture.caption,
            "shape": picture.shape,
            "drawings": [{"layout": layout.name, "svg": _inline(picture, layout)} for layout in picture.layouts],
        }
        for picture in pictures
    ]


def picture_files(pictures: Iterable[Picture], suffix: Literal["png", "svg"]) -> Generator[tuple[str, bytes]]:
    """Pictures as files: names without suffix, and bytes."""
    save = {"png": style.png, "svg": style.svg}[suffix]
    for picture in pictures:
        with style.drawing(picture.layouts[0]):
            yield picture.name, save(picture.draw(picture.layouts[0]))


def _inline(picture: Picture, layout: Layout) -> str:
    with style.drawing(layout):
        return style.inline_svg(picture.draw(layout), name=f"{picture.name}-{layout.name}", alt=picture.alt)
