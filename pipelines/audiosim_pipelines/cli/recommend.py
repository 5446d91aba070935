"""The command `recommend`: near to and far from what the owner listens to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, MeasureName, MeasureOption

if TYPE_CHECKING:
    from audiosim_pipelines.recommend import RecommendReport


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(recommend)


def recommend(
    *,
    start: Annotated[
        Literal["history", "seeds"] | None,
        typer.Option("--from", help="history: from what was played most; seeds: from --seed, which is all it takes."),
    ] = None,
    seed: Annotated[list[str] | None, typer.Option(help="A track to start from; repeat for several.")] = None,
    among: Annotated[
        list[Path] | None, typer.Option(help="Recommend only from this folder, playlist or file; repeat for several.")
    ] = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    k: Annotated[int, typer.Option("-k", help="How many near and how many far ones.", min=1)] = 5,
    measure: MeasureOption = MeasureName.TIMBRE,
    heard: Annotated[bool, typer.Option("--heard", help="Tracks that were played before may be among them.")] = False,
    artist_cap: Annotated[
        int, typer.Option(help="At most so many by one artist, near and far each; 0 for no limit.", min=0)
    ] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do not remember what was recommended.")] = False,
    json: JsonOption = False,
) -> None:
    """The tracks nearest to what you listen to, and the farthest.

    A track is as far as the three seeds closest to it are, on average. What is recommended is remembered: rate it with
    audiosim rate, and audiosim ratings tells whether near or far ones please you more.

    Example: audiosim recommend --from history --among library/fetched
    """
    from audiosim.library import Library
    from audiosim_pipelines import recommend as pipeline
    from audiosim_pipelines.cli.screen import print_json

    if (start == "seeds" and not seed) or (start == "history" and seed):
        raise typer.BadParameter("--from seeds needs --seed, and --from history takes none")
    report = pipeline.recommend(
        Library.open(library),
        seeds=seed or (),
        measure=measure.value,
        k=k,
        among=among or (),
        heard=heard,
        artist_cap=artist_cap or None,
        remember=not dry_run,
    )
    if json:
        print_json(_as_dict(report))
        return
    _say(report)


def _say(report: "RecommendReport") -> None:
    from audiosim_pipelines.cli.screen import Screen, print_table

    Screen().say(
        f"from {len(report.seeds)} {'seeds' if report.origin == 'seeds' else 'tracks of the history'}, "
        f"among {report.n_candidates} tracks, by {report.measure}"
    )
    start = "the seeds" if report.origin == "seeds" else "what you listen to"
    for kind, title in (("near", f"nearest to {start}"), ("far", f"farthest from {start}")):
        rows = [
            [str(item.rank), item.track.label, f"{item.distance:.3f}", item.closest.label]
            for item in report.tracks
            if item.kind == kind
        ]
        print_table(title, ["rank", "track", "distance", "closest seed"], rows, left=("track", "closest seed"))


def _as_dict(report: "RecommendReport") -> dict[str, Any]:
    return {
        "origin": report.origin,
        "measure": report.measure,
        "rescaling": report.rescaling,
        "n_candidates": report.n_candidates,
        "seeds": [{"track_id": track.track_id, "label": track.label} for track in report.seeds],
        "tracks": [
            {
                "kind": item.kind,
                "rank": item.rank,
                "track_id": item.track.track_id,
                "label": item.track.label,
                "path": str(item.track.paths[0]) if item.track.paths else None,
                "distance": item.distance,
                "closest_id": item.closest.track_id,
                "closest": item.closest.label,
            }
            for item in report.tracks
        ],
    }
