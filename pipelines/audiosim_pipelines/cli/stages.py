"""Commands that compute: run, add, extract, compare, evaluate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiosim_pipelines.cli.options import (
    DEFAULT_LIBRARY,
    DeviceOption,
    DryRunOption,
    JsonOption,
    LabelOption,
    LabelsOption,
    LibraryOption,
    MeasureName,
    MeasuresOption,
    PairsOption,
    ProfileOption,
    SchedulerOption,
    ThreadsOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audiosim.library import Library
    from audiosim_pipelines.cluster import Scheduling
    from audiosim_pipelines.settings import Settings

_N_DEMO_PIECES = 40

Sources = Annotated[
    list[Path] | None, typer.Argument(help="Folders, playlists (m3u, m3u8), CSV files with a path column, audio files.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (run, add, extract, compare, evaluate):
        app.command()(command)


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
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Do all that is missing: add, extract, compare, evaluate.

    Without sources: go on with the library that is there; if there is none, make a small synthesised demo library.

    Example: audiosim run ~/Music --library my-library
    """
    from audiosim_pipelines import demo
    from audiosim_pipelines import run as pipeline
    from audiosim_pipelines.cli import reports

    overrides = _overrides(device=device, threads=threads, label=label)
    if dry_run:
        _foresee_run(library, profile, sources or [], as_json=json)
        return
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
    reports.run_report(opened, report, as_json=json)


def add(
    sources: Sources,
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    profile: ProfileOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Add folders, playlists, tables of paths and files.

    Example: audiosim add ~/Music road-trip.m3u8
    """
    from audiosim_pipelines import add as stage
    from audiosim_pipelines import status
    from audiosim_pipelines.cli import reports

    if dry_run:
        opened, _ = _peek(library, profile)
        reports.foresight_report(status.Foresight(*status.new_files(opened, sources or [])), as_json=json)
        return
    opened, _ = _make(library, profile, {})
    reports.add_report(opened, stage.add(opened, sources or [], progress=reports.screen), as_json=json)


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
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Compute the features of all tracks that lack them.

    Example: audiosim extract --retry-failed
    """
    from audiosim_pipelines import extract as stage
    from audiosim_pipelines import status
    from audiosim_pipelines.cli import reports

    opened, settings = _open(library, _overrides(device=device, threads=threads))
    if dry_run:
        n_tracks = len(status.unextracted(opened, settings, failed=retry_failed, done=recompute))
        reports.foresight_report(status.Foresight(n_tracks_to_extract=n_tracks), as_json=json)
        return
    report = stage.extract(
        opened,
        settings,
        retry_failed=retry_failed,
        recompute=recompute,
        refresh_statistics=refresh_statistics,
        progress=reports.screen,
    )
    reports.extract_report(opened, report, as_json=json)


def compare(
    *,
    library: LibraryOption = DEFAULT_LIBRARY,
    measure: MeasuresOption = None,
    recompute: Annotated[bool, typer.Option(help="Throw away the distances of these measures first.")] = False,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    workers: WorkersOption = 0,
    scheduler: SchedulerOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Compute the distances that are missing.

    Example: audiosim compare --measure dtw --workers 4
    """
    from audiosim_pipelines import compare as stage
    from audiosim_pipelines import status
    from audiosim_pipelines.cli import reports

    opened, settings = _open(library, _overrides(device=device, threads=threads))
    if dry_run:
        pairs = status.missing_pairs(opened, settings, measures=_values(measure), done=recompute)
        reports.foresight_report(status.Foresight(n_pairs_to_compare=pairs), as_json=json)
        return
    report = stage.compare(
        opened,
        settings,
        measures=_values(measure),
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
    pairs: PairsOption = None,
    perturb: Annotated[
        int, typer.Option(help="Degrade so many tracks, and see which measures find them again.", min=0)
    ] = 0,
    json: JsonOption = False,
) -> None:
    """Judge the measures by labels and by one another.

    The page, one HTML file that needs no network, is reports/evaluation.html in the library; docs/verdict.md says how
    to read it.

    Example: audiosim evaluate --labels pieces.csv --label composition
    """
    from audiosim_pipelines import evaluate as stage
    from audiosim_pipelines.cli.reports import screen
    from audiosim_pipelines.cli.verdicts import verdict_report

    opened, settings = _open(library, _overrides(label=label))
    report = stage.evaluate(
        opened,
        settings,
        measures=_values(measure),
        labels_file=labels,
        pairs_file=pairs,
        n_perturbed=perturb,
        progress=screen,
    )
    verdict_report(report, as_json=json)


def _foresee_run(folder: Path, profile: str | None, sources: "Sequence[Path]", *, as_json: bool) -> None:
    """Say what a run would do."""
    from audiosim_pipelines import demo, status
    from audiosim_pipelines.cli import reports

    library, settings = _peek(folder, profile)
    if not sources and (library is None or demo.wanted(library)):
        sources = [folder / demo.FOLDER]
    if sources == [folder / demo.FOLDER] and not sources[0].exists():
        reports.screen.say(f"no music given: a demo library would be synthesised in {sources[0]}")
        n_seen = n_new = _N_DEMO_PIECES
    else:
        n_seen, n_new = status.new_files(library, sources)
    reports.foresight_report(status.foresee(library, settings, n_seen=n_seen, n_new=n_new), as_json=as_json)


def _peek(folder: Path, profile: str | None) -> "tuple[Library | None, Settings]":
    """The library if there is one, with its settings; nothing is made."""
    from audiosim.catalog import CATALOG_NAME
    from audiosim.library import Library
    from audiosim_pipelines import settings

    is_there = (folder / CATALOG_NAME).exists()
    return Library.open(folder) if is_there else None, settings.load(folder, profile=profile)


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


def _overrides(
    *, device: str | None = None, threads: int | None = None, label: "Sequence[str] | None" = None
) -> dict[str, Any]:
    machine = {key: value for key, value in (("device", device), ("threads", threads)) if value is not None}
    return {"machine": machine, "evaluate": {"label": list(label)} if label else {}}


def _scheduling(settings: "Settings", workers: int, scheduler: str | None) -> "Scheduling | None":
    from audiosim_pipelines.cluster import Scheduling

    if not workers and scheduler is None:
        return None
    return Scheduling(threads=settings.machine.n_threads, workers=workers, scheduler=scheduler)


def _values(measures: "Sequence[MeasureName] | None") -> list[str] | None:
    """Plain text: errors and files hold the names of measures, not of the members of an enumeration."""
    return None if measures is None else [measure.value for measure in measures]
