"""How well genres are told, as one HTML page that needs nothing else: no network and no script."""

from typing import Any

from audiosim.recommend.genre.evaluation import CHOSEN, MIN_ARTISTS, N_FOLDS, ModelRow
from audiosim_pipelines.genre.report import PUBLISHED_ACCURACY, PUBLISHED_N_OF_EACH, GenreReport, Judgement
from audiosim_pipelines.pages.genre.pictures import pictures
from audiosim_pipelines.pages.html import page, read
from audiosim_pipelines.pages.numbers import interval, number, percent, score
from audiosim_pipelines.pages.pictures import drawn
from audiosim_pipelines.pages.strip import Strip

Row = dict[str, Any]


def render(report: GenreReport) -> str:
    """The page as text; the same report gives the same text."""
    judged = report.judgement
    return page(
        "genre.html.jinja",
        name=f"{report.table.source.name}, {report.label}",
        facts=_facts(report),
        warnings=_warnings(report),
        judged=None if judged is None else _judged(report, judged),
        sizes=_sizes(report),
        pictures={part: drawn(items) for part, items in pictures(report).items()},
        card=_card(report),
        min_artists=MIN_ARTISTS,
        n_folds=N_FOLDS,
        style=f"{read('page.css')}\n{read('parts.css')}\n{read('genre.css')}",
    )


def _facts(report: GenreReport) -> list[tuple[str, str]]:
    judged = report.judgement
    if judged is None:
        return [("tracks", _count(len(report.table))), ("genres", str(len(report.description.sizes)))]
    found = judged.evaluation
    scores = found.row(CHOSEN).scores
    return [
        ("tracks", _count(len(found.task.labels))),
        ("artists", _count(found.task.n_artists) if report.knows_artists else "not named"),
        ("genres", str(len(found.task.genres))),
        ("right", percent(scores.accuracy)),
        ("always the most frequent", percent(found.row("majority").scores.accuracy)),
        ("macro F1", score(scores.macro_f1)),
        ("log-loss", number(scores.log_loss, 3)),
        ("calibration error", score(scores.calibration_error)),
    ]


def _warnings(report: GenreReport) -> list[str]:
    found: list[str] = []
    if report.not_judged is not None:
        found.append(f"Nothing can be judged: {report.not_judged}. What is shown below describes these tracks alone.")
    if not report.knows_artists:
        found.append(
            "No artists are named: tracks of one artist may be on both sides of a fold, and all figures are too high."
        )
    return found


def _judged(report: GenreReport, judged: Judgement) -> Row:
    found = judged.evaluation
    scores, accuracy = found.row(CHOSEN).scores, judged.intervals[CHOSEN].accuracy
    sure = judged.confident
    return {
        "accuracy": percent(scores.accuracy),
        "interval": " to ".join(filter(None, (percent(accuracy.low), percent(accuracy.high)))),
        "majority": percent(found.row("majority").scores.accuracy),
        "most_frequent": found.task.genres[0],
        "best": found.best,
        "chosen": ", ".join(found.chosen),
        "top_2": percent(scores.top_2),
        "random": percent(judged.split("random").scores.accuracy),
        "gap": number(abs(100.0 * judged.gap), 1).removeprefix("0.0"),
        "direction": "more" if judged.gap > 0.0 else "less",
        "of_artist": "artist" if report.knows_artists else "track",
        "at_least": percent(sure.at_least),
        "share": percent(sure.share),
        "sure": "" if sure.accuracy is None else percent(sure.accuracy),
        "models": [_model(row, judged) for row in found.rows],
        "splits": _splits(judged),
        "published": percent(PUBLISHED_ACCURACY),
        "balanced": percent(judged.split("balanced, random").scores.accuracy),
        "n_of_each": PUBLISHED_N_OF_EACH,
        "tree_accuracy": percent(judged.tree.scores.accuracy),
        "tree_interval": interval(judged.intervals["tree"].accuracy),
        "tree": "\n".join(judged.tree.lines()),
        "confused": {
            "caption": "",
            "columns": ["track", "is", "is said to be", "confidence"],
            "left": ["is", "is said to be"],
            "rows": [
                {"cells": [item.title or "(no name)", item.genre, item.said, percent(item.confidence)], "look": ""}
                for item in judged.confused
            ],
        },
    }


def _model(row: ModelRow, judged: Judgement) -> Row:
    accuracy = judged.intervals[row.name].accuracy
    mark = judged.evaluation.row("majority").scores.accuracy
    return {
        "name": row.name,
        "strip": Strip.of(accuracy, scale=(0.0, 1.0), mark=mark, what="accuracy"),
        "cells": [
            {"value": score(row.scores.accuracy), "interval": interval(accuracy)},
            *(
                {"value": value, "interval": ""}
                for value in (
                    score(row.scores.macro_f1),
                    score(row.scores.balanced_accuracy),
                    score(row.scores.top_2),
                    number(row.scores.log_loss, 3),
                    score(row.scores.brier),
                    score(row.scores.calibration_error),
                )
            ),
        ],
    }


def _splits(judged: Judgement) -> Row:
    rows: list[Row] = []
    for split in judged.splits:
        scores = score(split.scores.accuracy), score(split.scores.macro_f1)
        cells = [split.name, split.about, _count(split.n_tracks), *scores]
        rows.append({"cells": cells, "look": "sum" if split.name == "artist" else ""})
    about = f"of 2021: rock, latin, hip hop, metal, pop and edm, {PUBLISHED_N_OF_EACH} tracks each, at random"
    rows.append({"cells": ["a write-up", about, "3,300", score(PUBLISHED_ACCURACY), ""], "look": "chance"})
    return {
        "caption": "",
        "columns": ["split", "what it is", "tracks", "accuracy", "macro F1"],
        "left": ["what it is"],
        "rows": rows,
    }


def _sizes(report: GenreReport) -> Row:
    judged = report.judgement
    recalls = {} if judged is None else _recalls(judged)
    rows = [
        {
            "cells": [
                size.genre,
                _count(size.n_tracks),
                _count(size.n_artists) if report.knows_artists else "",
                *([] if judged is None else [recalls.get(size.genre, "not judged")]),
            ],
            "look": "",
        }
        for size in report.description.sizes
    ]
    columns = ["genre", "tracks", "artists", *([] if judged is None else ["right"])]
    return {"caption": "", "columns": columns, "left": [], "rows": rows}


def _recalls(judged: Judgement) -> dict[str, str]:
    counts = judged.evaluation.confusion
    shares = counts.diagonal() / counts.sum(axis=1)
    return {genre: percent(float(share)) for genre, share in zip(judged.evaluation.task.genres, shares, strict=True)}


def _card(report: GenreReport) -> list[tuple[str, str]]:
    table = report.table
    used = f"{_count(len(table.rejected))} cannot be used and {_count(table.n_duplicates)} say a track again"
    rows = [
        ("labels", f"{report.label} of {table.source.name}"),
        ("features", ", ".join(table.inputs.names)),
        ("rows", f"{_count(report.n_rows)}, of which {used}"),
        (
            "several genres",
            f"had been given to {_count(table.n_ambiguous)} tracks; no model can get all of these right",
        ),
        ("seed", str(report.seed)),
    ]
    return [*rows, *(("note", note) for note in table.notes)]


def _count(n: int) -> str:
    return f"{n:,}"
