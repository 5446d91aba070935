"""A journey as one HTML page that needs nothing else: no network, no script but its own few lines."""

from pathlib import Path
from typing import Any

from audiosim.catalog import Catalog
from audiosim.recommend.journey.figures import OtherOrders, Smoothness
from audiosim_pipelines.journey.plan import JourneyDay, JourneyReport
from audiosim_pipelines.pages.html import page, player_addresses, read
from audiosim_pipelines.pages.journey.picture import pictures
from audiosim_pipelines.pages.notation import clock
from audiosim_pipelines.pages.pictures import drawn

Row = dict[str, Any]


def render(report: JourneyReport, catalog: Catalog, folder: Path) -> str:
    """The page as text; the same journey at the same place gives the same text.

    Parameters
    ----------
    report : JourneyReport
    catalog : Catalog
        Knows the files of tracks.
    folder : Path
        Where the page is to lie; players find their files from there.
    """
    script = f"{read('players.js')}\n{read('journey.js')}"
    return page(
        "journey.html.jinja",
        name=report.kept.name,
        facts=_facts(report),
        warnings=report.warnings,
        pictures=drawn(pictures(report)),
        figures=[_figures(day) for day in report.days if day.figures is not None],
        days=[_day(day, catalog, folder) for day in report.days],
        skipped=[track.label for track in report.skipped],
        style=f"{read('page.css')}\n{read('parts.css')}\n{read('journey.css')}",
        script=script,
    )


def _facts(report: JourneyReport) -> list[tuple[str, str]]:
    request = report.kept.request
    facts = [
        ("days", str(len(report.days))),
        ("tracks", str(sum(len(day.tracks) for day in report.days))),
        ("chosen from", f"{report.n_tracks:,}"),
        ("space", "mood, official" if request.is_official else request.space),
        ("method", request.method),
        ("sound", f"{request.compared_by}{', end to beginning' if request.has_seams else ''}"),
    ]
    if len(report.stops) > 2:
        facts.append(("on the way", ", ".join(stop.label for stop in report.stops[1:-1])))
    return facts


def _figures(day: JourneyDay) -> Row:
    """Figures of a day beside those of other orders, as text."""
    judged = [one for one in (day.figures, day.others, day.by_energy) if one is not None]
    names = ("list", "random", "by energy")[: len(judged)]
    return {
        "date": day.date.isoformat(),
        "rows": [
            {
                "name": name,
                "cells": [
                    f"{one.variation:.2f}",
                    f"{one.largest_step:.3f}",
                    f"{one.monotone:.0%}",
                    f"{one.mean_transition:.2f}",
                    _deviation(one) if name == "list" else "",
                ],
            }
            for name, one in zip(names, judged, strict=True)
        ],
    }


def _deviation(figures: Smoothness | OtherOrders) -> str:
    known = figures.mean_deviation if isinstance(figures, Smoothness) else None
    return "\N{EN DASH}" if known is None else f"{known:.3f}"


def _day(day: JourneyDay, catalog: Catalog, folder: Path) -> Row:
    return {
        "number": day.number + 1,
        "date": day.date.isoformat(),
        "weekday": f"{day.date:%A}",
        "seconds": None if day.seconds is None else clock(day.seconds),
        "tracks": [
            {
                "label": track.label,
                "track_id": track.track_id,
                "progress": f"{share:.0%}".replace("-", "\N{MINUS SIGN}"),
                "duration": clock(track.duration) if track.duration else "",
                "players": player_addresses(track, catalog, folder),
            }
            for track, share in zip(day.tracks, day.progress, strict=True)
        ],
    }
