"""Reports of the commands: tables for people, JSON for programs, and the exit code that says whether all went well."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from audiosim.catalog import Track, printable
from audiosim.evaluation import CONTROL, Evaluation
from audiosim.library import Library
from audiosim_pipelines.cli.screen import Screen, print_json, print_line, print_table
from audiosim_pipelines.compare import MeasureReport
from audiosim_pipelines.doctor import Finding
from audiosim_pipelines.run import RunReport
from audiosim_pipelines.status import Status, failure_as_dict

if TYPE_CHECKING:
    import pandas as pd

EXIT_PARTIAL = 3

screen = Screen()


def run_report(library: Library, report: RunReport, *, label: str, as_json: bool) -> None:
    """What a run did; leaves with exit code 3 when some tracks failed."""
    if as_json:
        print_json(
            {
                "added": asdict(report.added),
                "extracted": asdict(report.extracted),
                "baseline": None if report.baseline is None else asdict(report.baseline),
                "compared": [asdict(measure) for measure in report.compared],
                "evaluation": None if report.evaluation is None else report.evaluation.as_dict(),
                "failures": _failures(library),
            }
        )
    else:
        _print_work(library, report)
        if report.evaluation is not None:
            _print_evaluation(report.evaluation, label)
            _print_example(library, report.compared[0].measure)
    _leave_if_partial(library)


def stage_report(library: Library, stage: str, report: Any, *, as_json: bool) -> None:  # noqa: ANN401 - any stage's dataclass
    """What one stage did; leaves with exit code 3 when something failed in it."""
    failures = _failures(library, stage)
    values = {} if report is None else asdict(report)
    if as_json:
        print_json({**values, "failures": failures})
    else:
        print_line(
            f"{stage}: "
            + ", ".join(f"{key.removeprefix('n_')} {value}" for key, value in values.items() if value != ())
        )
        for note in values.get("notes", ()):
            print_line(note)
    _leave_if_partial(library, stage)


def compare_report(reports: Sequence[MeasureReport], *, as_json: bool) -> None:
    """What was compared."""
    if as_json:
        print_json([asdict(report) for report in reports])
    else:
        _print_measures(reports)


def evaluation_report(result: Evaluation, *, label: str, as_json: bool) -> None:
    """The table of an evaluation."""
    if as_json:
        print_json({"label": label, **result.as_dict()})
    else:
        _print_evaluation(result, label)


def nearest_report(table: "pd.DataFrame", seeds: Sequence[Track], measure: str, *, as_json: bool) -> None:
    """The answer to a question for nearest tracks."""
    rows: list[dict[str, Any]] = table.to_dict("records")  # pyright: ignore[reportAssignmentType]
    for row in rows:
        row["path"] = None if row["path"] is None else printable(str(row["path"]))
        row["percentile"] = None if row["percentile"] != row["percentile"] else row["percentile"]
    if as_json:
        print_json({"measure": measure, "seeds": [seed.track_id for seed in seeds], "nearest": rows})
        return
    columns = ["rank", *(["seeds"] if len(seeds) > 1 else []), "artist", "title", "distance", "nearer pairs", "id"]
    cells = [
        [
            str(row["rank"]),
            *([str(row["n_seeds"])] if len(seeds) > 1 else []),
            printable(row["artist"] or ""),
            printable(row["title"] or _stem(row["path"])),
            f"{row['distance']:.4f}",
            "" if row["percentile"] is None else f"{row['percentile']:.1f} %",
            row["track_id"][:12],
        ]
        for row in rows
    ]
    print_table(
        f"nearest to {', '.join(seed.label for seed in seeds)} by {measure}", columns, cells, left=("artist", "title")
    )


def status_report(library: Library, status: Status, *, list_tracks: bool, list_failures: bool, as_json: bool) -> None:
    """A library at a glance, and its tracks and failures on demand."""
    tracks = library.tracks() if list_tracks else []
    if as_json:
        listed = [
            {"track_id": t.track_id, "label": t.label, "paths": [printable(str(p)) for p in t.paths]} for t in tracks
        ]
        print_json({**status.as_dict(), **({"tracks": listed} if list_tracks else {})})
        return
    print_line(f"library {status.folder}: {status.n_tracks} tracks in {status.n_files} files, {status.hours:.1f} hours")
    print_line("features: " + (", ".join(f"{name} of {n} tracks" for name, n in status.features.items()) or "none yet"))
    for matrix in status.matrices:
        state = "complete" if matrix.n_complete == matrix.n_rows else f"{matrix.n_complete} rows complete"
        print_line(f"distances {matrix.measure}: {state}, {matrix.n_rows} x {matrix.n_rows}")
    print_line(
        f"failures: {len(status.failures)}"
        + ("" if list_failures or not status.failures else ", listed by: audiosim status --failures")
    )
    for track in tracks:
        print_line(f"{track.track_id[:12]}  {track.label}")
    if list_failures:
        for failure in status.failures:
            print_line(f"{failure.stage}: {printable(str(failure.path))}: {failure.reason}")


def doctor_report(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Findings, one a line; leaves with exit code 1 when something is missing."""
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print_line(f"{finding.state:<8} {finding.topic:<15} {finding.found}")
            if finding.advice:
                print_line(f"{'':<24} -> {finding.advice}")
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)


def _print_work(library: Library, report: RunReport) -> None:
    added, extracted = report.added, report.extracted
    print_line(
        f"library {library.folder}: {extracted.n_tracks} tracks with features "
        f"({added.n_tracks_added} added, {extracted.n_extracted} extracted now)"
    )
    if report.baseline is not None:
        print_line(report.baseline.summary)
    _print_measures(report.compared)


def _print_measures(reports: Sequence[MeasureReport]) -> None:
    for report in reports:
        if report.n_rows:
            print_line(
                f"distances {report.measure}: {report.n_rows} x {report.n_rows}, "
                f"{report.n_pairs_computed:,} pairs computed now"
            )
        else:
            print_line(f"distances {report.measure}: none, {report.note}")


def _print_evaluation(result: Evaluation, label: str) -> None:
    """What each measure finds, and how far every two agree."""
    judged = [(name, scores, scores.retrieval) for name, scores in result.measures.items() if scores.retrieval]
    if judged:
        _, first, found = judged[0]
        columns = ["measure", *(f"P@{k}" for k in result.ks), "MRR", "MAP", *(f"hub skew@{h.k}" for h in first.hubness)]
        rows = [
            [
                _name(name),
                *(f"{precision.micro:.3f}" for precision in retrieval.precision),
                f"{retrieval.mean_reciprocal_rank:.3f}",
                f"{retrieval.mean_average_precision:.3f}",
                *(f"{hubness.skewness:.2f}" for hubness in scores.hubness),
            ]
            for name, scores, retrieval in judged
        ]
        rows.append(["chance", *(f"{precision.chance_micro:.3f}" for precision in found.precision)])
        padded = [row + [""] * (len(columns) - len(row)) for row in rows]
        artists = "no artist filter" if result.n_artists is None else "tracks of the query's artist left out"
        print_table(f"who finds the same {label}", columns, padded, left=("measure",))
        print_line(
            f"N = {result.n_tracks} tracks, {result.n_labels} labels, {artists}; {found.n_queries} queries, "
            f"{found.n_left_out} tracks without anything to find"
        )
    if result.agreements:
        rows = []
        for pair in result.agreements:
            shared, mantel = pair.agreement.neighbors[-1], pair.agreement.mantel
            rows.append(
                [
                    f"{pair.first} and {pair.second}",
                    f"{shared.overlap:.3f}",
                    f"{shared.overlap_chance:.3f}",
                    f"{pair.agreement.rows.mean:.3f}",
                    f"{mantel.correlation:.3f}",
                    f"{mantel.p_value:.3f}" if mantel.n_permutations else "",
                ]
            )
        k = result.agreements[0].agreement.neighbors[-1].k
        columns = ["measures", f"overlap@{k}", "chance", "Spearman", "Mantel", "p"]
        print_table(f"how far measures agree, N = {result.n_tracks}", columns, rows, left=("measures",))


def _print_example(library: Library, measure: str) -> None:
    """The nearest of the library's first track, and how to ask for others."""
    seed = library.distances(measure)[1][0]
    nearest_report(library.nearest(seed, k=5, measure=measure), [seed], measure, as_json=False)
    print_line(f'ask for others: audiosim nearest "{seed.label}" --measure {measure} --library {library.folder}')


def _name(measure: str) -> str:
    return "random (control)" if measure == CONTROL else measure


def _stem(path: str | None) -> str:
    return "" if path is None else Path(path).stem


def _failures(library: Library, stage: str | None = None) -> list[dict[str, str | None]]:
    return [failure_as_dict(failure) for failure in library.catalog.failures(stage)]


def _leave_if_partial(library: Library, stage: str | None = None) -> None:
    """Say on stderr how much is not in the results, and exit accordingly."""
    failures = library.catalog.failures(stage)
    if failures:
        screen.say(
            f"{len(failures)} files or tracks failed; reasons: audiosim status --failures --library {library.folder}"
        )
        raise typer.Exit(EXIT_PARTIAL)
