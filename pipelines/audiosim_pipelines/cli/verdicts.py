"""What an evaluation says, on the screen: the sentences first, then the tables, then where the page is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audiosim.catalog import printable
from audiosim.evaluation import BASELINE, CONTROL
from audiosim_pipelines.cli.screen import Screen, print_json, print_line, print_table

if TYPE_CHECKING:
    from audiosim.evaluation import Evaluation
    from audiosim.evaluation.task import TaskResult
    from audiosim.evaluation.verdict import Comparison
    from audiosim_pipelines.evaluate import VerdictReport
    from audiosim_pipelines.perturb import Perturbations

_DECIDED = ("better", "worse")
_SHOWN_K = 10  # where one length of lists must do
_MOST_SENTENCES = 6  # that are all said; of more, those that decide nothing are only counted

screen = Screen()


def verdict_report(report: "VerdictReport", *, as_json: bool) -> None:
    """What was judged, for people or as JSON."""
    if as_json:
        print_json(report.document)
    else:
        print_verdict(report)


def print_verdict(report: "VerdictReport") -> None:
    """Sentences, tables, and where the page is."""
    result = report.evaluation
    for name, reason in report.unjudged.items():
        screen.say(
            f"nothing is judged by {name}, since {reason}; "
            "give labels with: audiosim evaluate --labels FILE.csv --label COLUMN"
        )
    for task in result.tasks:
        _print_sentences(task)
    for task in result.tasks:
        _print_scores(result, task)
    if any(pair.agreement.neighbors for pair in result.agreements):
        _print_agreements(result)
    if report.perturbations is not None:
        _print_perturbations(report.perturbations)
    print_line(f"to look at and to listen to: {printable(str(report.html_path))}")


def _print_sentences(task: "TaskResult") -> None:
    """Comparisons with the baseline first."""
    with_baseline = [found for found in task.comparisons if BASELINE in (found.first, found.second)]
    others = [found for found in task.comparisons if found not in with_baseline]
    _print_group(f"verdict by {task.name}: with the baseline", with_baseline, n_most=len(with_baseline))
    _print_group(f"verdict by {task.name}: with one another", others, n_most=_MOST_SENTENCES)


def _print_group(title: str, comparisons: "Sequence[Comparison]", *, n_most: int) -> None:
    if not comparisons:
        return
    print_line(title)
    said = [found for found in comparisons if len(comparisons) <= n_most or found.verdict in _DECIDED]
    for found in said:
        print_line(f"  {found.verdict:<7}  {found.sentence}")
    if not said:
        print_line(f"  all {len(comparisons)} comparisons are neutral or unclear; they are in the page")
    elif n_left := len(comparisons) - len(said):
        print_line(f"  {n_left} other comparisons are neutral or unclear; they are in the page")


def _print_scores(result: "Evaluation", task: "TaskResult") -> None:
    """What each measure finds."""
    hubs = {name: health.hubness for name, health in result.health.items()}
    columns = ["measure", *(f"P@{k}" for k in result.ks), "MRR", "MAP"]
    columns += [f"hub skew@{found.k}" for found in hubs[CONTROL]]
    rows = [
        [
            "random (control)" if name == CONTROL else name,
            *(f"{precision.micro:.3f}" for precision in found.retrieval.precision),
            f"{found.retrieval.mean_reciprocal_rank:.3f}",
            f"{found.retrieval.mean_average_precision:.3f}",
            *(f"{hubness.skewness:.2f}" for hubness in hubs[name]),
        ]
        for name, found in task.measures.items()
    ]
    chance = [f"{task.chances[metric]:.3f}" for metric in (*(f"P@{k}" for k in result.ks), "MRR", "MAP")]
    rows.append(["chance", *chance, *[""] * len(hubs[CONTROL])])
    artists = "tracks of the query's artist left out" if task.artist_filter else "no artist filter"
    print_table(f"who finds the same {task.name}", columns, rows, left=("measure",))
    print_line(
        f"N = {result.n_tracks} tracks, {task.n_labels} labels, {artists}; {task.n_queries} queries, "
        f"{task.n_left_out} tracks without anything to find"
    )


def _print_agreements(result: "Evaluation") -> None:
    """How far every two measures agree, at the list length that judges."""
    place = max((i for i, k in enumerate(result.ks) if k <= _SHOWN_K), default=0)
    rows: list[list[str]] = []
    for pair in result.agreements:
        shared, mantel = pair.agreement.neighbors[place], pair.agreement.mantel
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
    columns = ["measures", f"overlap@{result.ks[place]}", "chance", "Spearman", "Mantel", "p"]
    print_table(f"how far measures agree, N = {result.n_tracks}", columns, rows, left=("measures",))


def _print_perturbations(found: "Perturbations") -> None:
    """Share of degraded copies whose original is nearest."""
    columns = ["degradation", *found.measures]
    kinds = list(next(iter(found.measures.values())).degradations)
    rows = [[kind, *(f"{of.degradations[kind].top_1:.2f}" for of in found.measures.values())] for kind in kinds]
    rows.append(["all copies", *(f"{of.overall.top_1:.2f}" for of in found.measures.values())])
    title = f"who finds the original of a degraded copy first, {found.n_tracks} tracks among {found.n_candidates}"
    print_table(title, columns, rows, left=("degradation",))
    for failure in found.failures:
        screen.say(f"not compared: {failure.label}{_of(failure.degradation)}: {failure.reason}")


def _of(degradation: str | None) -> str:
    return f", {degradation}" if degradation else ""
