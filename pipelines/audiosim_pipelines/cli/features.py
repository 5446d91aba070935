"""The command `features`: descriptors of a track, and their fit to a table of official values."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption

if TYPE_CHECKING:
    from audiosim.features.fit import FitRow, Score
    from audiosim_pipelines.features import DescriptorValue, FitReport, TrackDescriptors

_DEFAULT = "show"
_KEYS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_SCORES = ("proxy", "ridge", "boosting", "ridge_gain", "boosting_gain")


class _ShowsByDefault(TyperGroup):
    """A group whose command `show` need not be said: `audiosim features TRACK`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - a click that typer brings along
        """Put `show` in front of what names neither a command nor asks for help."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the command with its parts."""
    group = typer.Typer(
        cls=_ShowsByDefault,
        no_args_is_help=True,
        help="Descriptors of a track: features TRACK is short for show TRACK.",
    )
    for command in (show, fit):
        group.command()(command)
    app.add_typer(group, name="features")


def show(
    track: Annotated[str, typer.Argument(help='Track id or its beginning, path, or "artist - title".')],
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Descriptors of a track beside those of the library.

    Names that end in _est are estimates from the audio, never Spotify's own values.

    Example: audiosim features show "Artist - Title"
    """
    from audiosim.library import Library
    from audiosim_pipelines import features

    _report_track(features.track_descriptors(Library.open(library), track), as_json=json)


def fit(
    table: Annotated[Path, typer.Argument(help="Feature table with official values, CSV or Parquet.")],
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Fit descriptors to official values and keep what beats the proxies.

    Its rows are joined to the tracks by id, ISRC, or artist and title. Models are judged on artists left out.

    Example: audiosim features fit spotify_features.csv
    """
    from audiosim.library import Library
    from audiosim_pipelines import features, settings

    opened = Library.open(library)
    _report_fit(features.fit_features(opened, settings.load(library), table), as_json=json)


def _report_track(described: "TrackDescriptors", *, as_json: bool) -> None:
    from dataclasses import asdict

    from audiosim_pipelines.cli.screen import print_json, print_line, print_table

    if as_json:
        values = [asdict(value) for value in described.values]
        track = {"track_id": described.track.track_id, "label": described.track.label}
        print_json({**track, "n_tracks": described.n_tracks, "descriptors": values})
        return
    rows = [
        [
            value.name,
            *_said(value),
            "" if value.percentile is None else f"{value.percentile:.0f} %",
            value.source + (f", R² {value.r2:.2f}" if value.r2 is not None else ", weak" if value.is_weak else ""),
        ]
        for value in described.values
    ]
    print_table(
        f"descriptors of {described.track.label}",
        ["descriptor", "value", "unit", "library below", "source"],
        rows,
        left=("descriptor", "unit", "source"),
    )
    print_line(f"beside {described.n_tracks - 1} other tracks; a weak proxy says little of what its name promises")


def _said(value: "DescriptorValue") -> tuple[str, str]:
    """Value and unit, as people say them."""
    if value.name == "key_est":
        return (_KEYS[round(value.value)] if value.value >= 0 else "none"), ""
    if value.name == "mode_est":
        return ("major" if value.value else "minor"), ""
    return (f"{value.value:,.0f}" if value.unit in ("ms", "beats a bar") else f"{value.value:.3f}"), value.unit


def _report_fit(report: "FitReport", *, as_json: bool) -> None:
    from dataclasses import asdict

    from audiosim_pipelines.cli.screen import print_json, print_line, print_table

    if as_json:
        rows: list[dict[str, object]] = []
        for row in report.rows:
            values = asdict(row)
            scores = {name: values.pop(name) for name in _SCORES}
            rows.append({**values, "scores": scores})
        print_json({**asdict(report), "rows": rows})
        return
    print_line(report.summary)
    print_table(
        "R² on artists left out, with the interval that other artists would give",
        ["feature", "proxy", "ridge", "boosting", "kept"],
        [_cells(row) for row in report.rows],
        left=("feature", "kept"),
    )
    kept = [row.feature for row in report.rows if row.kept != "proxy"]
    print_line(f"fitted values now stand for the proxies of: {', '.join(kept) or 'none, no model beats its proxy'}")


def _cells(row: "FitRow") -> list[str]:
    return [row.feature, _score(row.proxy), _score(row.ridge), _score(row.boosting), row.kept]


def _score(score: "Score") -> str:
    return f"{score.value:.2f} [{score.low:.2f}, {score.high:.2f}]"
