"""Commands about what is played next: history evaluate, next, and weekly by its own module."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiosim_pipelines.cli import weekly
from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, GapOption, JsonOption, LibraryOption

if TYPE_CHECKING:
    from audiosim.evaluation.bootstrap import Estimate
    from audiosim.recommend.next_track.lists import ListFigures
    from audiosim_pipelines.next_track.listing import NextReport
    from audiosim_pipelines.next_track.verdict import NextEvaluation


def register(app: typer.Typer) -> None:
    """Add the commands `next` and `weekly`; `history evaluate` stands in the group of the history."""
    app.command("next")(next_)
    app.command()(weekly.weekly)


def evaluate(
    *,
    gap: GapOption = 60.0,
    share: Annotated[
        float, typer.Option(help="Learn from so large a part of the sessions, the earliest.", min=0.1, max=0.9)
    ] = 0.8,
    random_seed: Annotated[int, typer.Option(help="Of chance among equals and of the intervals.", min=0)] = 0,
    lstm: Annotated[
        bool | None,
        typer.Option(
            "--lstm/--no-lstm",
            help="Train a recurrent network too, and keep it; by default where there are 2000 transitions.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page; reports/next.html in the library by default.")
    ] = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """How well your later plays are foretold by the earlier ones.

    It takes plays alone; where titles are in the library and have features, models that know their sound are judged
    too. What it came to is kept for the commands next and weekly. docs/next.md says what the figures mean.

    Example: audiosim history evaluate --gap 30
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli.screen import Screen, print_json
    from audiosim_pipelines.next_track import evaluation as next_track
    from audiosim_pipelines.pages.html import write_files
    from audiosim_pipelines.pages.next_track import evaluation_page

    opened, screen = Library.open(library), Screen()
    evaluation = next_track.evaluate_history(
        opened, gap=60 * gap, share=share, seed=random_seed, lstm=lstm, progress=screen
    )
    path = output or opened.folder / "reports" / "next.html"
    write_files({path: evaluation_page(evaluation, library=opened.folder.resolve().name)})
    if json:
        print_json(_evaluation_as_dict(evaluation, path))
        return
    _say_evaluation(evaluation)
    screen.say(f"wrote {path}")


def next_(
    *,
    seed: Annotated[
        list[str],
        typer.Option(help='What was heard last: a track, or "artist - title" of the history; repeat, in order.'),
    ],
    n: Annotated[int, typer.Option("-n", help="How many titles.", min=1)] = 20,
    temperature: Annotated[
        float, typer.Option(help="0: the likeliest; 1: drawn, the likelier the oftener; more: more mixed.", min=0.0)
    ] = 0.0,
    only_library: Annotated[bool, typer.Option("--only-library", help="Name only what the library has.")] = False,
    gap: GapOption = 60.0,
    random_seed: Annotated[int, typer.Option(help="Of what is drawn.", min=0)] = 0,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """What may come next, by what foretells your history best.

    That is the model which the last `history evaluate` found best, the network among them; where plays or features have
    changed since, models without the network are judged first. Nothing comes twice, and no seed comes back. Which model
    it was and how well it does is said on stderr.

    Example: audiosim next --seed "Artist - Title" -n 10
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli.screen import Screen, print_json, print_table
    from audiosim_pipelines.next_track.listing import next_tracks

    screen = Screen()
    report = next_tracks(
        Library.open(library),
        seeds=seed,
        n=n,
        temperature=temperature,
        only_library=only_library,
        gap=60 * gap,
        seed=random_seed,
        progress=screen,
    )
    if json:
        print_json(_report_as_dict(report))
        return
    for line in (_reason(report), *report.notes):
        screen.say(line)
    rows = [[str(item.rank), item.label, "" if item.track is None else "yes"] for item in report.items]
    print_table("what may come next", ["rank", "title", "in the library"], rows, left=("title", "in the library"))


def _reason(report: "NextReport") -> str:
    evaluation = report.evaluation
    if evaluation is None or evaluation.best != report.model:
        return f"by {report.model}"
    best = evaluation.scores_of(report.model)
    also = f"; not clearly worse: {', '.join(evaluation.rivals)}" if evaluation.rivals else ""
    return (
        f"by {report.model}, which is best on this history: {_interval(best.new['hr@10'])} of what was new to its "
        f"session came among its first 10{also}"
    )


def _say_evaluation(evaluation: "NextEvaluation") -> None:
    from audiosim_pipelines.cli.screen import print_line, print_table

    print_line(
        f"{evaluation.n_plays} plays, {evaluation.n_short} of them skipped; learnt from {evaluation.n_train} sessions "
        f"({evaluation.n_transitions} transitions), judged by {evaluation.n_test}"
    )
    print_line(
        f"asked for {evaluation.n_targets} plays, {evaluation.n_cold} of them never played before, "
        f"{evaluation.n_repeats} played before in their session; "
        f"{evaluation.n_catalogue} titles to choose from, the sound of {evaluation.n_sounding} is known"
    )
    names = ("hr@1", "hr@5", "hr@10", "hr@20", "mrr@20", "ndcg@10")
    rows = [[m.model, *(_figure(m.all[name]) for name in names), _span(m.all["hr@10"])] for m in evaluation.models]
    columns = ["model", *(name.upper() for name in names), "HR@10 from - to"]
    print_table("all plays, with 95 % intervals of HR@10 over sessions", columns, rows, left=("model",))
    rows = [
        [m.model, *(_figure(part[name]) for part in (m.new, m.warm, m.cold) for name in ("hr@10", "mrr@20"))]
        for m in evaluation.models
    ]
    columns = ["model", *(f"{part} {name}" for part in ("new", "warm", "cold") for name in ("HR@10", "MRR@20"))]
    print_table("new to the session, and played or never played before the split", columns, rows, left=("model",))
    rows = [[m.model, *_of_lists(m.lists)] for m in evaluation.models]
    columns = ["model", "coverage", "hub skewness", "popularity", "spread"]
    print_table("what is listed", columns, rows, left=("model",))
    if any(m.model == "feature_regression" for m in evaluation.models):
        print_line("feature_regression is a baseline, as the original had it: what lies nearest to predicted features")
    best = evaluation.scores_of(evaluation.best)
    print_line(f"best by HR@10 of what is new to its session: {evaluation.best}, {_interval(best.new['hr@10'])}")
    if evaluation.rivals:
        print_line(f"not clearly worse: {', '.join(evaluation.rivals)}")
    for note in evaluation.notes:
        print_line(note)


def _of_lists(lists: "ListFigures") -> list[str]:
    spread = "" if lists.spread != lists.spread else f"{lists.spread:.2f}"
    return [f"{lists.coverage:.3f}", f"{lists.hub_skewness:.1f}", f"{lists.popularity:.3f}", spread]


def _figure(estimate: "Estimate") -> str:
    return "" if estimate.value != estimate.value else f"{estimate.value:.3f}"


def _span(estimate: "Estimate") -> str:
    return "" if estimate.low != estimate.low else f"{estimate.low:.3f} - {estimate.high:.3f}"


def _interval(estimate: "Estimate") -> str:
    span = _span(estimate)
    return f"{_figure(estimate)} ({span})" if span else _figure(estimate)


def _evaluation_as_dict(evaluation: "NextEvaluation", path: Path) -> dict[str, Any]:
    """As JSON has it: models by name."""
    said = evaluation.as_json()
    said["models"] = {scores.pop("model"): scores for scores in said["models"]}
    return said | {"page": str(path)}


def _report_as_dict(report: "NextReport") -> dict[str, Any]:
    judged = report.evaluation
    return {
        "model": report.model,
        "notes": report.notes,
        "best": judged and judged.best,
        "rivals": judged and judged.rivals,
        "hr@10": judged and asdict(judged.scores_of(judged.best).new["hr@10"]),
        "seeds": report.seeds,
        "titles": [
            {
                "rank": item.rank,
                "label": item.label,
                "track_id": item.track and item.track.track_id,
                "path": str(item.track.paths[0]) if item.track and item.track.paths else None,
            }
            for item in report.items
        ],
    }
