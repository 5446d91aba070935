"""Commands that draw: taste report and compare; and the options that commands about taste share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audiosim_pipelines.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, ThreadsOption

if TYPE_CHECKING:
    from audiosim.recommend.taste.trials import TasteEffort
    from audiosim_pipelines.taste.comparison import Comparison

TableArgument = Annotated[
    Path | None, typer.Argument(help="Table of features with a column of ratings; the library's by default.")
]
RatingOption = Annotated[str, typer.Option(help="Column of the table that holds the ratings.")]
KindOption = Annotated[
    Literal["auto", "like", "rating", "plays"],
    typer.Option(help="What ratings are; auto looks, in a library for the kind that most tracks have."),
]
FeatureOption = Annotated[
    list[str] | None, typer.Option(help="Further column of the table that counts as a feature; repeat for several.")
]
SeedOption = Annotated[int, typer.Option(help="The same seed gives the same answer.", min=0)]
TreesOption = Annotated[int, typer.Option(help="Trees of a forest.", min=1)]
RepeatsOption = Annotated[
    int | None, typer.Option(help="Ways to deal the folds; 10, or 1 of more than 500 ratings, by default.", min=1)
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="FILE.html for the page, FILE.png or FILE.svg for its pictures."),
]


def register(group: typer.Typer) -> None:
    """Add the commands of this module."""
    group.command()(report)
    group.command()(compare)


def report(
    table: TableArgument = None,
    *,
    rating: RatingOption = "rating",
    kind: KindOption = "auto",
    feature: FeatureOption = None,
    output: OutputOption = None,
    trees: TreesOption = 100,
    repeats: RepeatsOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """Write a page about a taste: what models know of it, what they rest on, and how features hang together.

    Of a library it is reports/taste.html; of a table, -o says where.

    Example: audiosim taste report liked.csv --rating like -o liked.html
    """
    from audiosim.library import Library
    from audiosim_pipelines.cli.screen import Screen, print_json, print_line
    from audiosim_pipelines.taste import analysis
    from audiosim_pipelines.taste.files import require_format, write_report

    if output is not None:
        require_format(output)  # before minutes are spent
    judged = effort(trees, repeats, seed, threads)
    if table is None:
        found = analysis.analyse_library(Library.open(library), kind=kind, effort=judged, progress=Screen())
        output = output or library / "reports" / "taste.html"
    else:
        if output is None:
            raise typer.BadParameter("of a table, say where the page is to lie: -o FILE.html")
        found = analysis.analyse_table(table, rating, kind=kind, extra=feature or (), effort=judged, progress=Screen())
    files = write_report(found, output)
    if json:
        print_json({**found.as_dict(), "files": [str(path.absolute()) for path in files]})
        return
    print_line(found.sentence)
    for path in files:
        print_line(str(path))


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A table of features, or: liked, library, baseline.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    *,
    rating: Annotated[
        str | None, typer.Option(help="Of tables that have this column, only what is liked counts.")
    ] = None,
    at_least: Annotated[
        float | None, typer.Option(help="What is liked: from this rating or number of plays on; 7, or the upper half.")
    ] = None,
    kind: KindOption = "auto",
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Compare own estimates with official values all the same.")
    ] = False,
    output: OutputOption = None,
    seed: SeedOption = 0,
    library: LibraryOption = DEFAULT_LIBRARY,
    json: JsonOption = False,
) -> None:
    """How two sets of tracks differ, feature by feature: mine against public, or two listeners.

    "liked" are the library's liked tracks, "library" all of them (without those that are liked, where both are
    compared), "baseline" the imported table of official values. Page: reports/taste-compare.html in the library.

    Example: audiosim taste compare liked library
    """
    from audiosim_pipelines.cli.screen import Screen, print_json
    from audiosim_pipelines.taste import comparison
    from audiosim_pipelines.taste.files import require_format, write_comparison

    if output is not None:
        require_format(output)
    asked = comparison.Request(library=library, rating=rating, at_least=at_least, kind=kind, is_mixed=mixed, seed=seed)
    found = comparison.compare_sides(a, b, asked, progress=Screen())
    files = ()
    if output is None and library.is_dir():
        output = library / "reports" / "taste-compare.html"
    if output is not None:
        files = write_comparison(found, output)
    if json:
        print_json({**found.as_dict(), "files": [str(path.absolute()) for path in files]})
        return
    _say_comparison(found, files)


def _say_comparison(found: "Comparison", files: tuple[Path, ...]) -> None:
    from audiosim_pipelines.cli.screen import Screen, print_line, print_table

    for note in found.notes:
        Screen().say(f"note: {note}")
    print_line(found.sentence)
    rows = [
        [
            row.name,
            f"{row.mean_a:.3g}",
            f"{row.mean_b:.3g}",
            f"{row.distance.value:.2f} [{row.distance.low:.2f}, {row.distance.high:.2f}]",
            f"{row.chance:.2f}",
            f"{row.delta.value:+.2f} [{row.delta.low:+.2f}, {row.delta.high:+.2f}]",
            f"{row.adjusted:.3f}",
        ]
        for row in found.rows
    ]
    columns = ["feature", "mean A", "mean B", "distance, SD", "by chance", "Cliff's delta", "p, corrected"]
    print_table(f"A: {found.a.name}; B: {found.b.name}", columns, rows, left=("feature",))
    for path in files:
        print_line(str(path))


def effort(trees: int, repeats: int | None, seed: int, threads: int | None) -> "TasteEffort":
    """What an evaluation may cost."""
    from audiosim.recommend.taste.trials import TasteEffort
    from audiosim_pipelines.bench.machine import n_cores

    return TasteEffort(seed=seed, n_threads=threads or n_cores(), n_trees=trees, n_repeats=repeats)
