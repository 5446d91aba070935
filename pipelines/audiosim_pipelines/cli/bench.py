"""Commands that measure: bench dtw, bench features, bench yasr, bench quality."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiosim_pipelines.cli.options import DeviceOption, JsonOption, ThreadsOption

if TYPE_CHECKING:
    from audiosim_pipelines.bench.dtw import DtwReport
    from audiosim_pipelines.bench.features import FeaturesReport
    from audiosim_pipelines.bench.yasr import YasrReport

bench = typer.Typer(name="bench", help="Measure this machine, and others beside it.")

FolderArgument = Annotated[
    Path | None, typer.Argument(help="Music to take the MFCC from; by default a demo that is synthesised.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder to write the JSON and the picture to.", file_okay=False)
]

DEFAULT_DEMO_LIBRARY = Path("quality")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(bench)


@bench.command("dtw")
def bench_dtw(
    folder: FolderArgument = None,
    *,
    rounds: Annotated[int, typer.Option(help="Turns of each library.", min=1)] = 5,
    threads: ThreadsOption = None,
    peer_python: Annotated[
        list[Path] | None,
        typer.Option(
            help="Interpreter that has libraries which this one lacks (aeon, dtw-python); repeat for several."
        ),
    ] = None,
    output: OutputOption = None,
    json: JsonOption = False,
) -> None:
    """Time exact DTW against dtaidistance, tslearn, librosa, aeon, dtw-python and fastdtw.

    Example: audiosim bench dtw ~/Music --rounds 5 --output results
    """
    from audiosim_pipelines.bench import dtw
    from audiosim_pipelines.cli.reports import screen
    from audiosim_pipelines.cli.screen import print_json

    report = dtw.bench_dtw(
        folder,
        rounds=rounds,
        n_threads=threads or 0,
        peer_pythons=[str(python) for python in peer_python or []],
        progress=screen,
    )
    if output is not None:
        _write(output, "dtw", report.as_dict(), dtw.picture(report))
    if json:
        print_json(report.as_dict())
    else:
        _print_dtw(report)


@bench.command("features")
def bench_features(
    table: Annotated[
        Path | None, typer.Argument(help="Feature table (CSV, Parquet); by default random numbers.")
    ] = None,
    *,
    rounds: Annotated[int, typer.Option(help="Turns of each library.", min=1)] = 5,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    output: OutputOption = None,
    json: JsonOption = False,
) -> None:
    """Time the cosine distances of a whole feature table against scikit-learn, in the recipe of 2020.

    Example: audiosim bench features spotify_features.parquet
    """
    from audiosim_pipelines.bench import features
    from audiosim_pipelines.cli.reports import screen
    from audiosim_pipelines.cli.screen import print_json

    report = features.bench_features(
        table,
        rounds=rounds,
        n_threads=threads or 0,
        wish=device or "auto",  # pyright: ignore[reportArgumentType] - validated there
        progress=screen,
    )
    if output is not None:
        _write(output, "features", report.as_dict())
    if json:
        print_json(report.as_dict())
    else:
        _print_features(report)


@bench.command("yasr")
def bench_yasr(
    folder: FolderArgument = None,
    *,
    budget: Annotated[
        float, typer.Option(help="Seconds for each job on the CPU; what takes longer is extrapolated.", min=1.0)
    ] = 90.0,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    output: OutputOption = None,
    json: JsonOption = False,
) -> None:
    """Time the comparison of 4 806 tracks that was given up in 2020.

    Example: audiosim bench yasr --device cuda
    """
    from audiosim_pipelines.bench import yasr
    from audiosim_pipelines.cli.reports import screen
    from audiosim_pipelines.cli.screen import print_json

    report = yasr.bench_yasr(
        folder,
        wish=device or "auto",  # pyright: ignore[reportArgumentType] - validated there
        n_threads=threads or 0,
        budget=budget,
        progress=screen,
    )
    if output is not None:
        _write(output, "yasr", report.as_dict())
    if json:
        print_json(report.as_dict())
    else:
        _print_yasr(report)


@bench.command("quality")
def bench_quality(
    *,
    library: Annotated[
        Path, typer.Option("--library", "-l", help="Library folder; made, or gone on with where it is the demo's.")
    ] = DEFAULT_DEMO_LIBRARY,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where the page goes; into the library by default.", dir_okay=False),
    ] = None,
    perturb: Annotated[int, typer.Option(help="Degrade so many tracks, and see who finds them again.", min=0)] = 10,
    json: JsonOption = False,
) -> None:
    """Judge the measures on synthesised music, whose kinship is known.

    Example: audiosim bench quality --output report.html
    """
    from audiosim_pipelines.bench import quality
    from audiosim_pipelines.cli import verdicts
    from audiosim_pipelines.cli.reports import screen

    report = quality.bench_quality(library, output=output, n_perturbed=perturb, progress=screen)
    verdicts.verdict_report(report, as_json=json)


def _print_dtw(report: "DtwReport") -> None:
    from audiosim_pipelines.bench.dtw import by_variant
    from audiosim_pipelines.cli.screen import print_line, print_table

    print_line(f"{report.corpus}; {report.n_frames} x {report.n_dims}, {report.rounds} interleaved rounds")
    print_line(f"{report.machine['cpu']}")
    for variant, rates in by_variant(report):
        rows = [
            [
                rate.library,
                report.versions[rate.library],
                f"{rate.mcells:,.0f}",
                f"{rate.ratio[0]:.1f}",
                f"{rate.ratio[1]:.1f} - {rate.ratio[2]:.1f}",
                str(rate.n_pairs),
                rate.accuracy,
            ]
            for rate in rates
        ]
        columns = ["library", "version", "Mcells/s", "ours is x", "least - most", "pairs a round", "its distances"]
        print_table(variant.label, columns, rows, left=("library", "version", "its distances"))
    rows = [
        [
            rate.label,
            str(rate.n_pairs),
            " - ".join(map(str, dict.fromkeys(rate.lengths))),
            f"{rate.mcells:,.0f}",
            f"{100 * rate.share[0]:.0f} %",
            f"{100 * rate.share[1]:.0f} - {100 * rate.share[2]:.0f}",
            f"{100 * rate.padding:.1f} %",
        ]
        for rate in report.shapes
    ]
    columns = ["what is compared", "pairs", "frames", "Mcells/s", "of the first", "least - most", "padding"]
    print_table("audiosim, 1 thread, by what is compared", columns, rows, left=("what is compared",))
    for name, reason in report.not_run.items():
        print_line(f"not run: {name}: {reason}")


def _print_features(report: "FeaturesReport") -> None:
    from audiosim_pipelines.cli.screen import print_line, print_table

    rows = [
        [
            entry.library,
            f"{entry.seconds[0]:.2f} s",
            f"{entry.seconds[1]:.2f} - {entry.seconds[2]:.2f}",
            f"{entry.ratio[0]:.2f}",
            f"{entry.ratio[1]:.2f} - {entry.ratio[2]:.2f}",
        ]
        for entry in report.times
    ]
    columns = ["library", "time", "least - most", "ours is x", "least - most"]
    title = f"{report.n_rows} x {report.n_rows} of {report.table}, {report.n_features} features, cosine"
    print_table(title, columns, rows, left=("library",))
    print_line(f"published in 2020: {report.published_seconds} s; distances equal to {report.worst_error:.0e}")


def _print_yasr(report: "YasrReport") -> None:
    from audiosim_pipelines.cli.screen import print_line, print_table

    print_line(f"{report.corpus}; {report.n_frames} x {report.n_dims}, Euclidean, symmetric1, no band")
    print_line(f"{report.machine['device']}")
    rows = [
        [
            timing.job,
            _duration(timing.seconds),
            timing.how,
            "" if timing.gcells is None else f"{timing.gcells:.2f}",
            timing.published or "",
        ]
        for timing in report.timings
    ]
    columns = ["job", "time", "how", "Gcells/s", "published in 2020"]
    print_table(f"{report.n_tracks} tracks", columns, rows, left=("job", "how", "published in 2020"))


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _write(folder: Path, name: str, report: dict[str, Any], picture: str | None = None) -> None:
    import json

    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if picture is not None:
        (folder / f"{name}.svg").write_text(picture, encoding="utf-8")
