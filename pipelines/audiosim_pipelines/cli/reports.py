"""Reports of the commands: tables for people, JSON for programs, and the exit code that says whether all went well.

docs/json.md lists what JSON holds.
"""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from audiosim.catalog import Track, printable
from audiosim.library import Library
from audiosim_pipelines.cli.screen import Screen, print_json, print_line, print_table
from audiosim_pipelines.pages.notation import clock
from audiosim_pipelines.status import Foresight, Status, failure_as_dict

if TYPE_CHECKING:  # each brings along what other commands need not load
    import pandas as pd

    from audiosim_pipelines.add import AddReport
    from audiosim_pipelines.compare import MeasureReport
    from audiosim_pipelines.doctor import Finding
    from audiosim_pipelines.export import Exported
    from audiosim_pipelines.extract import ExtractReport
    from audiosim_pipelines.neighbor_table import Hubs
    from audiosim_pipelines.run import RunReport

EXIT_PARTIAL = 3

screen = Screen()


def run_report(library: Library, report: "RunReport", *, as_json: bool) -> None:
    """What a run did; leaves with exit code 3 when some tracks failed."""
    if as_json:
        print_json(
            {
                "added": asdict(report.added),
                "extracted": asdict(report.extracted),
                "baseline": report.baseline and asdict(report.baseline),
                "compared": [asdict(measure) for measure in report.compared],
                "evaluation": report.verdict and report.verdict.document,
                "failures": _failures(library),
            }
        )
    else:
        _print_work(library, report)
        if report.verdict is not None:
            from audiosim_pipelines.cli.verdicts import print_verdict  # what judges takes its time to import

            print_verdict(report.verdict)
            _print_example(library, next(measure.measure for measure in report.compared if measure.n_rows))
    _leave_if_partial(library)


def foresight_report(foresight: Foresight, *, as_json: bool) -> None:
    """What would be done."""
    if as_json:
        print_json(asdict(foresight))
        return
    if foresight.n_files_seen is not None:
        print_line(f"would add {foresight.n_files_new} of {foresight.n_files_seen} files")
    at_most = "at most " if foresight.n_files_new else ""
    if foresight.n_tracks_to_extract is not None:
        print_line(f"would extract {at_most}{foresight.n_tracks_to_extract} tracks")
    for measure, n_pairs in (foresight.n_pairs_to_compare or {}).items():
        print_line(f"would compare at most {n_pairs:,} pairs by {measure}")


def add_report(library: Library, report: "AddReport", *, as_json: bool) -> None:
    """What was added; leaves with exit code 3 when some files cannot be used."""
    changed = f", {report.n_files_changed} files changed" if report.n_files_changed else ""
    line = f"{report.n_tracks_added} tracks added from {report.n_files_seen} files{changed}"
    _stage_report(library, "add", asdict(report), [line], as_json=as_json)


def extract_report(library: Library, report: "ExtractReport", *, as_json: bool) -> None:
    """What was extracted; leaves with exit code 3 when some tracks failed."""
    line = f"{report.n_extracted} tracks extracted now, {report.n_tracks} have features"
    _stage_report(library, "extract", asdict(report), [line, *report.notes], as_json=as_json)


def _stage_report(library: Library, stage: str, values: dict[str, Any], lines: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json({**values, "failures": _failures(library, stage)})
    else:
        for line in lines:
            print_line(line)
    _leave_if_partial(library, stage)


def compare_report(reports: "Sequence[MeasureReport]", *, as_json: bool) -> None:
    """What was compared."""
    if as_json:
        print_json({"compared": [asdict(report) for report in reports]})
    else:
        _print_measures(reports)


def nearest_report(
    table: "pd.DataFrame",
    seeds: Sequence[Track],
    measure: str,
    *,
    rescaling: str,
    as_json: bool,
    stretch: tuple[float, float | None] | None = None,
) -> None:
    """The answer to a question for nearest tracks: to seeds, or to a stretch of one, from so many seconds to others."""
    rows: list[dict[str, Any]] = table.to_dict("records")  # pyright: ignore[reportAssignmentType]
    for row in rows:
        row["path"] = None if row["path"] is None else printable(str(row["path"]))
        for key in {"percentile", "rescaled", "start", "stop"} & set(row):
            row[key] = None if row[key] != row[key] else row[key]  # NaN
    if as_json:
        ids = [seed.track_id for seed in seeds]
        asked = {} if stretch is None else {"stretch": {"start": stretch[0], "stop": stretch[1]}}
        print_json({"measure": measure, "rescaling": rescaling, "seeds": ids, **asked, "nearest": rows})
        return
    if not rows:
        screen.say("no other track is left to choose from")
        return
    cells = [_nearest_cells(row, is_rescaled=rescaling != "none") for row in rows]
    of, by = ", ".join(seed.label for seed in seeds), measure if rescaling == "none" else f"{measure} + {rescaling}"
    if stretch is not None:
        from audiosim_pipelines.segment import short_clock

        of += f" from {short_clock(stretch[0])} to {'its end' if stretch[1] is None else short_clock(stretch[1])}"
        screen.say(f"left out: {seeds[0].label}, in which the stretch lies")
    print_table(
        f"nearest to {of} by {by}", list(cells[0]), [list(row.values()) for row in cells], left=("artist", "title")
    )


def _nearest_cells(row: dict[str, Any], *, is_rescaled: bool) -> dict[str, str]:
    """What the screen shows of a row, by the name of the column."""
    cells = {"rank": str(row["rank"])}
    if "n_seeds" in row:
        cells["seeds"] = str(row["n_seeds"])
    cells["artist"] = printable(row["artist"] or "")
    cells["title"] = printable(row["title"] or _stem(row["path"]))
    if "start" in row:
        cells["found at"] = "" if row["start"] is None else f"{clock(row['start'])} - {clock(row['stop'])}"
    cells["distance"] = f"{row['distance']:.4f}"
    cells["nearer pairs"] = "" if row["percentile"] is None else f"{row['percentile']:.1f} %"
    if is_rescaled:
        cells["rescaled"] = f"{row['rescaled']:.4f}"
    cells["id"] = row["track_id"][:12]
    return cells


def status_report(library: Library, status: Status, *, list_tracks: bool, list_failures: bool, as_json: bool) -> None:
    """A library at a glance, and its tracks and failures on demand."""
    tracks = library.tracks() if list_tracks else []
    if as_json:
        listed = [
            {"track_id": t.track_id, "label": t.label, "paths": [printable(str(p)) for p in t.paths]} for t in tracks
        ]
        print_json({**status.as_dict(), **({"tracks": listed} if list_tracks else {})})
        return
    at = f"--library {shlex.quote(str(library.folder))}"
    print_line(
        f"library {printable(status.folder)}: {status.n_tracks} tracks in {status.n_files} files, "
        f"{status.hours:.1f} hours"
    )
    print_line("features: " + (", ".join(f"{name} of {n} tracks" for name, n in status.features.items()) or "none yet"))
    for matrix in status.matrices:
        done, n_rows = matrix.n_complete, matrix.n_rows
        state = "complete" if done == n_rows else f"{done} rows complete"
        print_line(f"distances {matrix.measure}: " + (f"{state}, {n_rows} x {n_rows}" if done else "none yet"))
    print_line(
        f"failures: {len(status.failures)}"
        + ("" if list_failures or not status.failures else f", listed by: audiosim status --failures {at}")
    )
    if status.is_unfinished:
        print_line(f"to compute what is missing: audiosim run {at}")
    for track in tracks:
        print_line(f"{track.track_id[:12]}  {track.label}")
    if list_failures:
        for failure in status.failures:
            print_line(f"{failure.stage}: {printable(str(failure.path))}: {failure.reason}")


def doctor_report(findings: "Sequence[Finding]", *, as_json: bool) -> None:
    """Findings, one a line; leaves with exit code 1 when something is missing."""
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            print_line(f"{finding.state:<8} {finding.topic:<15} {finding.found}")
            if finding.advice:
                print_line(f"{'':<24} -> {finding.advice}")
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)


def export_report(exported: "Exported", *, as_json: bool) -> None:
    """Which files were written: on stderr, for the result is in them."""
    names = [printable(str(path)) for path in exported.files]
    if as_json:
        print_json({"files": names, "n_tracks": exported.n_tracks})
    else:
        screen.say(f"wrote {' and '.join(names)}: {exported.n_tracks} tracks")


def _print_work(library: Library, report: "RunReport") -> None:
    added, extracted = report.added, report.extracted
    print_line(
        f"library {printable(str(library.folder))}: {extracted.n_tracks} tracks with features "
        f"({added.n_tracks_added} added, {extracted.n_extracted} extracted now)"
    )
    if report.baseline is not None:
        print_line(report.baseline.summary)
    if extracted.n_tracks:
        _print_measures(report.compared)
    elif not added.n_failures:
        screen.say("no audio was found: give a folder, a playlist, a CSV of paths or audio files")


def _print_measures(reports: "Sequence[MeasureReport]") -> None:
    for report in reports:
        if report.n_rows:
            print_line(
                f"distances {report.measure}: {report.n_rows} x {report.n_rows}, "
                f"{report.n_pairs_computed:,} pairs computed now"
            )
            if report.hubs is not None and report.hubs.raw:
                print_line(_hub_line(report.measure, report.hubs))
        else:
            command = "audiosim baseline import TABLE" if report.measure == "baseline" else "audiosim extract"
            print_line(f"distances {report.measure}: none, {report.note}; run: {command}")


def _hub_line(measure: str, hubs: "Hubs") -> str:
    """How uneven the longest lists are, before and after rescaling."""
    stages = [hubs.raw[-1], *hubs.rescaled[-1:]]
    skewness = " -> ".join(f"{stage.skewness:.2f}" for stage in stages)
    largest = " -> ".join(f"{stage.largest_share:.1f}" for stage in stages)
    orphans = " -> ".join(f"{100 * stage.orphan_share:.0f} %" for stage in stages)
    after = f" by {hubs.rescaling}" if hubs.rescaled else ""
    return (
        f"hubs of {measure}{after}, k = {stages[0].k}: skewness {skewness}, largest {largest} x k, "
        f"in nobody's list {orphans}"
    )


def _print_example(library: Library, measure: str) -> None:
    """The nearest of the library's first track, and how to ask for others."""
    seed = library.distances(measure)[1][0]
    table = library.nearest(seed, k=5, measure=measure)
    nearest_report(table, [seed], measure, rescaling=library.rescaling(measure), as_json=False)
    at = shlex.quote(str(library.folder))
    screen.say(f"ask for others: audiosim nearest {shlex.quote(seed.label)} --measure {measure} --library {at}")


def _stem(path: str | None) -> str:
    return "" if path is None else Path(path).stem


def _failures(library: Library, stage: str | None = None) -> list[dict[str, str | None]]:
    return [failure_as_dict(failure) for failure in library.catalog.failures(stage)]


def _leave_if_partial(library: Library, stage: str | None = None) -> None:
    """Say on stderr how much is not in the results, and exit accordingly."""
    failures = library.catalog.failures(stage)
    if failures:
        screen.say(
            f"{len(failures)} files or tracks failed; reasons: audiosim status --failures "
            f"--library {shlex.quote(str(library.folder))}"
        )
        raise typer.Exit(EXIT_PARTIAL)
