"""Commands that compute: run, add, extract, compare, evaluate, baseline."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiosim_pipelines.cli.options import (
    DEFAULT_LIBRARY,
    DeviceOption,
    JsonOption,
    LabelOption,
    LabelsOption,
    LibraryOption,
    MeasuresOption,
    ProfileOption,
    SchedulerOption,
    ThreadsOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from audiosim.library import Library
    from audiosim_pipelines.cluster import Scheduling
    from audiosim_pipelines.settings import Settings

Sources = Annotated[
    list[Path] | None, typer.Argument(help="Folders, playlists (m3u, m3u8), CSV files with a path column, audio files.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (run, add, extract, compare, evaluate):
        app.command()(command)
    app.command("baseline")(baseline)


def run(
    sources: Sources = None,
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    baseline: Annotated[
        Path | None, typer.Option(help="Feature table (CSV, Parquet) to compare the audio with.")
    ] = None,
    labels: LabelsOption = None,
    label: LabelOption = None,
    profile: ProfileOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    workers: WorkersOption = 0,
    scheduler: SchedulerOption = None,
    json: JsonOption = False,
) -> None:
    """Do everything that is missing: add, extract, compare, evaluate.

    Without sources: a small synthesised demo library.

    Example: audiosim run ~/Music --library my-library
    """
    from audiosim_pipelines import demo
    from audiosim_pipelines import run as pipeline
    from audiosim_pipelines.cli import reports

    overrides = _overrides(device=device, threads=threads, label=label)
    opened, settings = _make(library, profile, overrides)
    if not sources and demo.wanted(opened):
        sources, baseline, labels, settings = demo.prepare(opened, settings, progress=reports.screen)
    report = pipeline.run(
        opened,
        settings,
        sources or [],
        baseline=baseline,
        labels_file=labels,
        scheduling=_scheduling(settings, workers, scheduler),
        progress=reports.screen,
    )
    reports.run_report(opened, report, label=settings.evaluate.label, as_json=json)


def add(
    sources: Sources,
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    profile: ProfileOption = None,
    json: JsonOption = False,
) -> None:
    """Add folders, playlists, tables of paths and files to the library.

    Example: audiosim add ~/Music road-trip.m3u8
    """
    from audiosim_pipelines import add as stage
    from audiosim_pipelines.cli import reports

    opened, _ = _make(library, profile, {})
    reports.stage_report(opened, "add", stage.add(opened, sources or [], progress=reports.screen), as_json=json)


def extract(
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    retry_failed: Annotated[bool, typer.Option(help="Try again what failed before.")] = False,
    recompute: Annotated[bool, typer.Option(help="Throw away all features and distances first.")] = False,
    refresh_statistics: Annotated[
        bool, typer.Option(help="Compute corpus statistics anew; distances that depend on them are dropped.")
    ] = False,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Compute the features of all tracks that lack them.

    Example: audiosim extract --retry-failed
    """
    from audiosim_pipelines import extract as stage
    from audiosim_pipelines.cli import reports

    opened, settings = _open(library, _overrides(device=device, threads=threads))
    report = stage.extract(
        opened,
        settings,
        retry_failed=retry_failed,
        recompute=recompute,
        refresh_statistics=refresh_statistics,
        progress=reports.screen,
    )
    reports.stage_report(opened, "extract", report, as_json=json)


def compare(
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    measure: MeasuresOption = None,
    recompute: Annotated[bool, typer.Option(help="Throw away the distances of these measures first.")] = False,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    workers: WorkersOption = 0,
    scheduler: SchedulerOption = None,
    json: JsonOption = False,
) -> None:
    """Compute the distances that are missing.

    Example: audiosim compare --measure dtw --workers 4
    """
    from audiosim_pipelines import compare as stage
    from audiosim_pipelines.cli import reports

    opened, settings = _open(library, _overrides(device=device, threads=threads))
    report = stage.compare(
        opened,
        settings,
        measures=measure,
        scheduling=_scheduling(settings, workers, scheduler),
        recompute=recompute,
        progress=reports.screen,
    )
    reports.compare_report(report, as_json=json)


def evaluate(
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    measure: MeasuresOption = None,
    labels: LabelsOption = None,
    label: LabelOption = None,
    json: JsonOption = False,
) -> None:
    """Judge the measures against a label and against one another.

    Example: audiosim evaluate --labels pieces.csv --label composition
    """
    from audiosim_pipelines import evaluate as stage
    from audiosim_pipelines.cli import reports

    opened, settings = _open(library, _overrides(label=label))
    result = stage.evaluate(opened, settings, measures=measure, labels_file=labels)
    reports.evaluation_report(result, label=settings.evaluate.label, as_json=json)


def baseline(
    table: Annotated[Path, typer.Argument(help="Feature table, CSV or Parquet.")],
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Import a feature table as the baseline and join it to the tracks by id, ISRC, or artist and title.

    Example: audiosim baseline spotify_features.csv
    """
    from audiosim_pipelines import baseline as stage
    from audiosim_pipelines.cli import reports

    opened, settings = _open(library, {})
    stage.import_baseline(opened, table)
    report = stage.join_baseline(opened, settings)
    reports.stage_report(opened, "baseline", report, as_json=json)


def _make(folder: Path, profile: str | None, overrides: dict[str, Any]) -> "tuple[Library, Settings]":
    """The library, made with these settings if there is none."""
    from audiosim.library import Library
    from audiosim_pipelines import settings

    loaded = settings.load(folder, profile=profile, options=overrides)
    library = Library.create(folder)
    settings.save(settings.load(folder, profile=profile), folder)
    return library, loaded


def _open(folder: Path, overrides: dict[str, Any]) -> "tuple[Library, Settings]":
    from audiosim.library import Library
    from audiosim_pipelines import settings

    library = Library.open(folder)
    return library, settings.load(folder, options=overrides)


def _overrides(*, device: str | None = None, threads: int | None = None, label: str | None = None) -> dict[str, Any]:
    machine = {key: value for key, value in (("device", device), ("threads", threads)) if value is not None}
    return {"machine": machine, "evaluate": {} if label is None else {"label": label}}


def _scheduling(settings: "Settings", workers: int, scheduler: str | None) -> "Scheduling | None":
    from audiosim_pipelines.cluster import Scheduling

    if not workers and scheduler is None:
        return None
    return Scheduling(threads=settings.machine.n_threads, workers=workers, scheduler=scheduler)
