"""A taste as one HTML page that needs nothing else: no network and no script."""

from pathlib import Path

from audiosim_pipelines.pages.html import page, read
from audiosim_pipelines.pages.numbers import number, percent
from audiosim_pipelines.pages.pictures import drawn
from audiosim_pipelines.pages.taste.contents import importance_rows, model_rows, pictures
from audiosim_pipelines.taste.analysis import Analysis

_KINDS = {"rating": "ratings", "like": "likes", "plays": "plays, as log(1 + n)"}


def render(found: Analysis) -> str:
    """The page as text; the same taste gives the same text."""
    rows, ends = model_rows(found)
    judged = found.evaluation
    return page(
        "taste.html.jinja",
        name=Path(found.ground.source).name,
        facts=_facts(found),
        notes=_notes(found),
        verdict=judged.verdict,
        badge={"better than the mean": "better", "no signal": "neutral"}.get(judged.verdict, "unclear"),
        sentence=found.sentence,
        models=rows,
        ends=ends,
        error="squared error" if judged.is_binary else "error",
        columns=["accuracy", "AUC"] if judged.is_binary else ["Spearman", "pairs in order"],
        n_folds=sum(count for _, count in judged.chosen),
        interval=_interval(found),
        steadiness=found.ground.steadiness and found.ground.steadiness.sentence,
        importances=importance_rows(found),
        mode_sentence=found.mode_sentence,
        pictures={picture["name"]: picture for picture in drawn(pictures(found).values())},
        style=f"{read('page.css')}\n{read('parts.css')}\n{read('taste.css')}",
    )


def _facts(found: Analysis) -> list[tuple[str, str]]:
    judged, ground = found.evaluation, found.ground
    return [
        ("rated", f"{judged.n_ratings:,}"),
        ("artists", f"{judged.n_artists:,}" if ground.knows_artists else "not named"),
        ("kind", _KINDS[ground.kind]),
        ("mean", number(float(ground.rated.ratings.mean()), 2)),
        ("features", str(len(ground.everything.names))),
        ("chosen most", judged.best),
        ("seed", str(found.effort.seed)),
    ]


def _notes(found: Analysis) -> list[str]:
    ground = found.ground
    notes = list(ground.notes)
    if not ground.knows_artists:
        notes.append("No artists are named: every track counts as one's own, and the figures may be too high.")
    for kind, count in ground.left_aside:
        notes.append(f"{count} tracks of kind {kind} are left aside: kinds are not mixed.")
    if ground.n_rejected:
        notes.append(f"{ground.n_rejected} of {ground.n_rows} rows could not be used.")
    return notes


def _interval(found: Analysis) -> str:
    """How far predictions can be trusted, in a sentence."""
    judged = found.evaluation
    if judged.half_width is None or judged.coverage is None:
        return (
            "A chance says by itself how sure it is; likes have no interval."
            if judged.is_binary
            else "There are too few ratings for an interval."
        )
    return (
        f"A new rating should lie within {judged.half_width:.2f} of its prediction in {percent(judged.confidence)} of "
        f"cases. Measured on artists left out, {percent(judged.coverage)} did."
    )
