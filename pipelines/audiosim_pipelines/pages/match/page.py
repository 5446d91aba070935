"""A match as one HTML page that needs nothing else: no network, no script but its own few lines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audiosim.catalog import Catalog, Track, printable
from audiosim_pipelines.explain import Explanation
from audiosim_pipelines.pages.html import page, player_addresses, read
from audiosim_pipelines.pages.match.courses import COLOURS, Course, courses, is_self
from audiosim_pipelines.pages.match.picture import PAGE, SMALL, SQUARE, draw, margins, words
from audiosim_pipelines.pages.notation import clock, decimal
from audiosim_pipelines.pages.style import drawing, inline_svg
from audiosim_pipelines.pages.track.page import ABOUT

Row = dict[str, Any]

_SAME_TEMPO = 0.005  # what tempo ratios may differ from 1 by and be the same


def render(explanation: Explanation, catalog: Catalog, folder: Path) -> str:
    """The page as text; the same explanation at the same place gives the same text.

    Parameters
    ----------
    explanation : Explanation
    catalog : Catalog
        Knows the files of tracks.
    folder : Path
        Where the page is to lie; players find their files from there.
    """
    decks = [_deck("a", explanation.a, catalog, folder), _deck("b", explanation.b, catalog, folder)]
    script = read("match.js") if any(deck["addresses"] for deck in decks) else ""
    return page(
        "match.html.jinja",
        is_self=is_self(explanation),
        labels=(explanation.a.label, explanation.b.label),
        summary=explanation.sentences[0],
        notes=[note[:1].upper() + note[1:] for note in explanation.notes],
        facts=list(_facts(explanation)),
        decks=decks,
        passages=[
            _passage(course, sentence)
            for course, sentence in zip(courses(explanation), explanation.sentences[1:], strict=True)
        ],
        drawings=_drawings(explanation),
        ends=(f"{explanation.a_duration:.3f}", f"{explanation.b_duration:.3f}"),
        standings=_standings(explanation),
        has_rescaled=any(standing.rescaled is not None for standing in explanation.measures),
        style=f"{read('page.css')}\n{read('match.css')}",
        script=script,
    )


def _deck(side: str, track: Track, catalog: Catalog, folder: Path) -> Row:
    """One of the two players."""
    return {
        "side": side,
        "name": side.upper(),
        "label": track.label,
        "track_id": track.track_id,
        "paths": [printable(str(path)) for path in track.paths],
        "addresses": player_addresses(track, catalog, folder),
    }


def _facts(explanation: Explanation) -> Iterator[tuple[str, str]]:
    """What is worth knowing at a glance: names and values."""
    found = explanation.match
    yield "passages", str(len(found.passages))
    if not found.passages:
        return
    if is_self(explanation):
        yield "repeated", f"{100.0 * found.coverage_a:.0f} %"
    else:
        yield "matched of A", f"{100.0 * found.coverage_a:.0f} %"
        yield "matched of B", f"{100.0 * found.coverage_b:.0f} %"
    if found.tempo_ratio is not None:
        yield "tempo", _tempo(found.tempo_ratio)
    if found.transposition is not None:
        yield "key", _key(found.transposition)
    if found.straightness is not None:
        yield "timing wanders by", f"{1_000.0 * found.straightness:,.0f} ms"


def _tempo(ratio: float) -> str:
    if abs(ratio - 1.0) < _SAME_TEMPO:
        return "the same"
    percent = abs(100.0 * (ratio - 1.0))
    return f"B {percent:.{0 if percent >= 10.0 else 1}f} % {'faster' if ratio > 1.0 else 'slower'}"


def _key(semitones: int) -> str:
    if not semitones:
        return "the same"
    return f"B {'+' if semitones > 0 else ''}{decimal(semitones, 0)} semitone{'s' if abs(semitones) > 1 else ''}"


def _passage(course: Course, sentence: str) -> Row:
    """A passage as the template wants it; its script reads the course."""
    passage = course.passage
    same_tempo, same_key = abs(passage.tempo_ratio - 1.0) < _SAME_TEMPO, not passage.transposition
    return {
        "number": course.number,
        "colour": course.colour_number,
        "sentence": sentence,
        "times": {
            "A": f"{clock(passage.a_start)}\N{EN DASH}{clock(passage.a_stop)}",
            "B": f"{clock(passage.b_start)}\N{EN DASH}{clock(passage.b_stop)}",
        },
        "cost": f"{passage.mean_cost:.2f}",
        "tempo": "same tempo" if same_tempo else _tempo(passage.tempo_ratio),
        "key": "same key" if same_key else _key(passage.transposition),
        "score": f"{passage.score:.0f}",
        # Hundredths of a second are a tenth of what an ear can tell apart in two players.
        "course": json.dumps(
            {side: [round(time, 2) for time in getattr(course, side)] for side in ("a", "b")}, separators=(",", ":")
        ),
    }


def _drawings(explanation: Explanation) -> list[Row]:
    """The picture for wide and for narrow screens, and where the matrix lies in it."""
    drawings: list[Row] = []
    alt = words(explanation)
    for layout in (SQUARE, SMALL):
        with drawing(layout):
            element = inline_svg(draw(explanation, layout), name=f"match-{layout.name}", alt=alt)
        # The page has these colours for light and for dark. The first two have names of the page already.
        for i, colour in enumerate(COLOURS[2:]):
            element = element.replace(colour, f"var(--passage-{i + 3})")
        element = element.replace(PAGE, "var(--page)")
        shares = {side: f"{share:.5f}" for side, share in margins(explanation, layout).items()}
        drawings.append({"layout": layout.name, "svg": element, **shares})
    return drawings


def _standings(explanation: Explanation) -> Row:
    """The table of measures; columns that no measure fills are left out."""
    names = {
        "of all": "percentile",
        "by one artist": "percentile_same_artist",
        "by two artists": "percentile_other",
    }
    told = {
        title: name
        for title, name in names.items()
        if any(getattr(standing, name) is not None for standing in explanation.measures)
    }
    return {
        "columns": list(told),
        "rows": [
            {
                "measure": standing.measure,
                "rescaling": None if standing.rescaling == "none" else standing.rescaling,
                "about": ABOUT.get(standing.measure, ""),
                "distance": _number(standing.distance, 4),
                "rescaled": _number(standing.rescaled, 4),
                "percentile": standing.percentile,
                "percentiles": [_number(getattr(standing, name), 1, " %") for name in told.values()],
            }
            for standing in explanation.measures
        ],
    }


def _number(value: float | None, n_decimals: int, unit: str = "") -> str:
    return "" if value is None else f"{decimal(value, n_decimals)}{unit}"
