"""Bars as SVG: no library needed, sharp at any size, and readable without telling colours apart."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_OURS, _THEIRS = "#0072B2", "#E69F00"  # Okabe and Ito (2008): told apart by the colour-blind
_WIDTH, _LEFT, _RIGHT = 860, 130, 190  # pixels
_ROW, _HEADING, _TITLE = 22, 34, 62


class Bar(NamedTuple):
    """One bar: its name, its length, what is written at its end, and whether it is drawn in our colour."""

    name: str
    value: float
    text: str
    ours: bool


def bars(title: str, subtitle: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """An SVG document of horizontal bars in groups, every group on its own scale from zero.

    The scale is linear: a bar twice as long is twice as fast.
    """
    parts: list[str] = [_text(16, 28, title, size=18, weight="bold"), _text(16, 48, subtitle, size=12)]
    top = _TITLE
    for heading, group in groups:
        parts.append(_text(16, top + 22, heading, size=14, weight="bold"))
        top += _HEADING
        scale = (_WIDTH - _LEFT - _RIGHT) / max(bar.value for bar in group)
        for bar in group:
            parts += _row(bar, top, max(1.0, bar.value * scale))
            top += _ROW
    height = top + 16
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" role="img">',
            "<style>text { font-family: sans-serif }</style>",
            f"<title>{escape(title)}</title>",
            '<rect width="100%" height="100%" fill="white"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _row(bar: Bar, top: float, length: float) -> list[str]:
    weight = "bold" if bar.ours else "normal"
    colour = _OURS if bar.ours else _THEIRS
    return [
        _text(_LEFT - 8, top + 15, bar.name, size=13, weight=weight, anchor="end"),
        f'<rect x="{_LEFT}" y="{top + 3}" width="{length:.1f}" height="{_ROW - 6}" fill="{colour}"/>',
        _text(_LEFT + length + 6, top + 15, bar.text, size=12, weight=weight),
    ]


def _text(x: float, y: float, text: str, *, size: int, weight: str = "normal", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )
