"""The list of a week as one HTML page that needs nothing else: no network, no script but its own few lines."""

from pathlib import Path

from audiosim.catalog import Catalog
from audiosim_pipelines.next_track.week import Week
from audiosim_pipelines.next_track.weekly import WeekReport
from audiosim_pipelines.pages.html import page, player_addresses, read
from audiosim_pipelines.pages.notation import clock


def render(report: WeekReport, catalog: Catalog, folder: Path) -> str:
    """The page as text; the same list at the same place gives the same text.

    Parameters
    ----------
    report : WeekReport
    catalog : Catalog
        Knows the files of tracks.
    folder : Path
        Where the page is to lie; players find their files from there.
    """
    kept = report.kept
    titles = [
        {
            "label": title.label if track is None else track.label,
            "track_id": "" if track is None else track.track_id,
            "is_familiar": title.is_familiar,
            "duration": clock(track.duration) if track is not None and track.duration else "",
            "players": [] if track is None else player_addresses(track, catalog, folder),
        }
        for title, track in zip(kept.titles, report.tracks, strict=True)
    ]
    n_files = sum(track is not None and bool(track.paths) for track in report.tracks)
    facts = [
        ("titles", str(len(titles))),
        ("with a file", str(n_files)),
        ("model", kept.model),
        ("seed", str(kept.request.seed)),
    ]
    return page(
        "weekly.html.jinja",
        week=kept.week,
        monday=f"{Week.read(kept.week).monday:%A, %-d %B %Y}",
        facts=facts,
        reason=kept.reason,
        notes=report.notes,
        titles=titles,
        style=f"{read('page.css')}\n{read('parts.css')}\n{read('journey.css')}",
        script=f"{read('players.js')}\n{read('journey.js')}",
    )
