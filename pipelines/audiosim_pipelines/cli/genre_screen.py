"""What the commands about genres say, for people or as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from audiosim.catalog import printable
from audiosim_pipelines.cli.screen import Screen, print_json, print_line, print_table

if TYPE_CHECKING:
    from audiosim.recommend.genre.evaluation import GenreEvaluation
    from audiosim.recommend.genre.kept import KeptGenreModel, ModelCard
    from audiosim.recommend.genre.metrics import GenreScores
    from audiosim_pipelines.genre.prediction import GenrePrediction
    from audiosim_pipelines.genre.report import GenreReport, Judgement

screen = Screen()
_MOST_SHOWN = 50  # tracks
_MOST_COLUMNS = 12  # of genres beside one another


def say_report(report: "GenreReport", files: Sequence[Path], *, as_json: bool) -> None:
    """How well genres are told."""
    names = [printable(str(path)) for path in files]
    if as_json:
        print_json(report.as_dict() | {"files": names})
        return
    _say_rows(report)
    judged = report.judgement
    if judged is None:
        print_line(f"nothing can be judged: {report.not_judged}")
        print_line("what can be looked at are the features of each genre, which say nothing of other artists")
        rows = [[size.genre, str(size.n_tracks), str(size.n_artists)] for size in report.description.sizes]
        print_table("genres", ["genre", "tracks", "artists"], rows, left=("genre",))
    else:
        _say_models(judged)
        _say_splits(judged)
        _say_confusion(judged.evaluation)
        _say_importances(judged)
        _say_tree(judged)
        _say_confident(judged)
        _say_confused(judged)
    if names:
        print_line(f"to look at: {names[0]}")
    if len(names) > 1:
        screen.say(f"and {len(names) - 1} more pictures beside it")


def say_model(model: "KeptGenreModel", path: Path, *, as_json: bool) -> None:
    """What was learned, and how good it is."""
    if as_json:
        print_json({**_card(model.card), "path": printable(str(path))})
        return
    _say_card(model.card)
    print_line(f"kept in {printable(str(path))}; it tells genres with: audiosim genre predict")


def say_prediction(found: "GenrePrediction", output: Path | None, *, as_json: bool) -> None:
    """Genres told, and what they are worth."""
    card = found.model.card
    if as_json:
        told = [asdict(track) for track in found.told]
        rejected = [asdict(row) for row in found.rejected]
        said = {"model": _card(card) | {"is_kept": found.is_kept}, "unknown_below": found.unknown_below}
        print_json({**said, "n_unknown": found.n_unknown, "tracks": told, "rejected": rejected})
        return
    print_line("the model that is kept:" if found.is_kept else "no model is kept; learned just now:")
    _say_card(card)
    if not found.told:
        print_line("there is no track whose genre nobody says; all are told with --all")
        return
    _say_told(found)
    print_line(f"{found.n_unknown} of {len(found.told)} unknown, since no genre is {found.unknown_below:g} likely")
    for row in found.rejected[:5]:
        screen.say(f"row {row.row} left out: {row.reason}")
    if len(found.rejected) > 5:
        screen.say(f"and {len(found.rejected) - 5} more rows")
    if output is not None:
        screen.say(f"wrote {printable(str(output))}")


def _say_told(found: "GenrePrediction") -> None:
    knows_some = any(track.known for track in found.told)
    rows = [
        [
            track.label or track.name[:12],
            track.genre or "unknown",
            *(f"{likely.genre} {likely.probability:.2f}" for likely in track.likeliest),
            *([track.known or ""] if knows_some else []),
        ]
        for track in found.told[:_MOST_SHOWN]
    ]
    columns = ["track", "genre", "likeliest", "next", *(["said already"] if knows_some else [])]
    print_table("genres told", columns, rows, left=columns)
    if len(found.told) > _MOST_SHOWN:
        print_line(f"and {len(found.told) - _MOST_SHOWN} more; all of them with: -o FILE.csv, or --json")
    if knows_some:
        print_line("of tracks that it learned from, a model is surer than of others: these are no test of it")


def _card(card: "ModelCard") -> dict[str, object]:
    return {
        "model": card.model,
        "features": list(card.features.names),
        "is_own": card.features.version > 0,
        "genres": [{"genre": genre, "n_tracks": n} for genre, n in zip(card.genres, card.n_of_genre, strict=True)],
        "n_tracks": card.n_tracks,
        "n_artists": card.n_artists,
        "knows_artists": card.knows_artists,
        "source": card.source,
        "label": card.label,
        "learned_from": card.learned_from,
        "temperature": card.temperature,
        "scores": dict(card.scores),
        "majority_accuracy": card.majority_accuracy,
        "seed": card.seed,
        "n_trees": card.n_trees,
    }


def _say_card(card: "ModelCard") -> None:
    artists = f"by {card.n_artists} artists" if card.knows_artists else "by artists that nobody names"
    print_line(
        f"{card.model}, learned from {card.n_tracks} tracks {artists} in {card.source} ({card.label}: "
        f"{', '.join(card.genres)}), by {card.features.about}"
    )
    never = "artists never seen" if card.knows_artists else "tracks never seen, perhaps of known artists,"
    print_line(
        f"on {never} {100 * card.scores['accuracy']:.0f} % are right, where always {card.genres[0]} would be "
        f"{100 * card.majority_accuracy:.0f} %"
    )


def _say_rows(report: "GenreReport") -> None:
    table, judged = report.table, report.judgement
    print_line(
        f"{report.n_rows} rows: {len(table.rejected)} rejected, {table.n_duplicates} duplicates; {len(table)} tracks, "
        f"{table.n_ambiguous} of them in several genres"
    )
    if not report.knows_artists:
        print_line("no artists are named: every track counts as one's own, and the figures are too high")
    if judged is None:
        return
    task = judged.evaluation.task
    for size in report.description.sizes:
        if size.genre not in task.genres:
            print_line(f"left out: {size.genre} ({size.n_tracks} tracks), which only {size.n_artists} artists have")
    print_line(f"judged by {len(task.labels)} tracks of {len(task.genres)} genres by {task.n_artists} artists")


def _say_models(judged: "Judgement") -> None:
    rows = [
        [row.name, *_figures(row.scores), "{0.low:.3f} to {0.high:.3f}".format(judged.intervals[row.name].accuracy)]
        for row in judged.evaluation.rows
    ]
    columns = ["model", "accuracy", "macro F1", "balanced", "top 2", "log-loss", "ECE", "accuracy, 95 %"]
    print_table("artists never seen, calibrated", columns, rows, left=("model",))
    print_line(f"chosen, fold by fold: {', '.join(judged.evaluation.chosen)}")


def _say_splits(judged: "Judgement") -> None:
    from audiosim_pipelines.genre.report import PUBLISHED_ACCURACY

    rows = [[split.name, str(split.n_tracks), *_figures(split.scores)[:2], split.about] for split in judged.splits]
    columns = ["split", "tracks", "accuracy", "macro F1", "what it is"]
    print_table(f"{judged.evaluation.best}, by how folds are dealt", columns, rows, left=("split", "what it is"))
    print_line(f"random minus by artist: {100 * judged.gap:+.1f} points of accuracy")
    print_line(f"published with a random split, of six other genres: {PUBLISHED_ACCURACY:.2f}")


def _say_confusion(found: "GenreEvaluation") -> None:
    genres = found.task.genres
    if len(genres) > _MOST_COLUMNS:
        _say_recalls(found)
        return
    rows = [[genre, *map(str, row)] for genre, row in zip(genres, found.confusion.tolist(), strict=True)]
    print_table("what tracks are, and what they are said to be", ["is", *genres], rows, left=("is",))


def _say_recalls(found: "GenreEvaluation") -> None:
    """What is right of each genre, and what it is most often taken for."""
    genres = found.task.genres
    rows: list[list[str]] = []
    for row, counts in enumerate(found.confusion):
        taken = int(max((i for i in range(len(genres)) if i != row), key=lambda i, counts=counts: counts[i]))
        shares = 100.0 * counts / counts.sum()
        rows.append([genres[row], f"{shares[row]:.0f} %", genres[taken], f"{shares[taken]:.0f} %"])
    columns = ["genre", "right", "else mostly said to be", "share"]
    print_table("what is right of each genre", columns, rows, left=("genre", "else mostly said to be"))


def _say_importances(judged: "Judgement") -> None:
    found = judged.evaluation
    rows = [
        [
            ", ".join(item.features),
            f"{item.log_loss:.3f}",
            f"{item.log_loss_sd:.3f}",
            f"{item.n_positive} of {len(found.chosen)}",
            f"{100 * item.accuracy:.1f}",
        ]
        for item in judged.importances
    ]
    columns = ["without", "log-loss rises by", "SD", "in folds", "accuracy falls by (points)"]
    print_table(f"what the {found.best} model needs, on artists never seen", columns, rows, left=("without",))


def _say_tree(judged: "Judgement") -> None:
    accuracy = judged.intervals["tree"].accuracy
    print_line(
        f"a tree to read; such trees are right about {100 * accuracy.value:.1f} % "
        f"({100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}) of artists never seen"
    )
    for line in judged.tree.lines():
        print_line(f"  {line}")


def _say_confident(judged: "Judgement") -> None:
    sure = judged.confident
    of_these = "" if sure.accuracy is None else f", of which {100 * sure.accuracy:.1f} % are right"
    print_line(f"confidence of at least {sure.at_least:g}: {100 * sure.share:.1f} % of the tracks{of_these}")


def _say_confused(judged: "Judgement") -> None:
    rows = [[item.title, item.genre, item.said, f"{item.confidence:.2f}"] for item in judged.confused]
    columns = ["track", "is", "said to be", "confidence"]
    print_table("the surest mistakes", columns, rows, left=("track", "is", "said to be"))


def _figures(scores: "GenreScores") -> list[str]:
    values = (
        scores.accuracy,
        scores.macro_f1,
        scores.balanced_accuracy,
        scores.top_2,
        scores.log_loss,
        scores.calibration_error,
    )
    return [f"{value:.3f}" for value in values]
