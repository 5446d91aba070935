"""Who foretells the next track, as one HTML page that needs nothing else."""

from typing import Any

from audiosim.evaluation.bootstrap import Estimate
from audiosim_pipelines.next_track.verdict import PARTS, ModelScores, NextEvaluation
from audiosim_pipelines.pages.html import page, read
from audiosim_pipelines.pages.next_track.pictures import pictures
from audiosim_pipelines.pages.numbers import interval, number, percent, score
from audiosim_pipelines.pages.pictures import drawn
from audiosim_pipelines.pages.strip import Strip

Row = dict[str, Any]

_DECIDING = "hr@10"
_CONTROL, _ORIGINAL = "random", "feature_regression"
_ABOUT = {
    "random": "nothing: the control",
    "popularity": "what was played most",
    "repeat_last": "the last title once more",
    "markov": "what came right after the last title",
    "item_knn": "what shares sessions with the last title",
    "v_sknn": "sessions like this one",
    "content_knn": "what sounds like the session",
    "feature_regression": "features predicted from the last title's: the baseline, as the original had it",
    "lstm": "a recurrent network",
}
_OF_PARTS = {"all": "all plays", "new": "new to the session", "warm": "played before the split", "cold": "never before"}


def render(evaluation: NextEvaluation, library: str) -> str:
    """The page as text; the same evaluation gives the same text.

    Parameters
    ----------
    evaluation : NextEvaluation
    library : str
        Name of the library.
    """
    ordered = sorted(evaluation.models, key=lambda scores: (scores.model != evaluation.best, -_deciding(scores).value))
    scale = (0.0, _end(evaluation))
    return page(
        "next.html.jinja",
        library=library,
        facts=_facts(evaluation),
        lead=_lead(evaluation),
        rivals=", ".join(evaluation.rivals),
        notes=evaluation.notes,
        cold=_cold(evaluation),
        end=score(scale[1]),
        rows=[_row(evaluation, scores, scale) for scores in ordered],
        parts=_parts(evaluation, ordered),
        lists=_lists(ordered),
        collapse=_collapse(evaluation),
        pictures={one["name"]: one for one in drawn(pictures(evaluation))},
        gap=f"{evaluation.gap / 60:g}",
        share=percent(evaluation.share),
        style=f"{read('page.css')}\n{read('parts.css')}\n{read('next.css')}",
    )


def _deciding(scores: ModelScores) -> Estimate:
    return scores.new[_DECIDING]


def _facts(evaluation: NextEvaluation) -> list[tuple[str, str]]:
    return [
        ("plays", f"{evaluation.n_plays:,}"),
        ("skipped", f"{evaluation.n_short:,}"),
        ("sessions", f"{evaluation.n_train + evaluation.n_test:,}"),
        ("transitions learnt", f"{evaluation.n_transitions:,}"),
        ("plays asked for", f"{evaluation.n_targets:,}"),
        ("titles to choose from", f"{evaluation.n_catalogue:,}"),
        ("with known sound", f"{evaluation.n_sounding:,}"),
        ("seed", str(evaluation.seed)),
    ]


def _lead(evaluation: NextEvaluation) -> str:
    best, popular, chance = (
        _deciding(evaluation.scores_of(name)) for name in (evaluation.best, "popularity", _CONTROL)
    )
    ends = interval(best)
    also = "" if evaluation.best == "popularity" else f" What was played most has {percent(popular.value)},"
    return (
        f"{evaluation.best} is recommended: of the plays that were new to their session, {percent(best.value)} were "
        f"among its first ten titles{f' (95 % interval {ends})' if ends else ''}.{also}"
        f"{' chance' if also else ' Chance has'} {percent(chance.value)}."
    )


def _cold(evaluation: NextEvaluation) -> str | None:
    """What can be said of titles that were never played before."""
    if not evaluation.n_cold:
        return None
    share = percent(evaluation.n_cold / evaluation.n_targets)
    found = max(evaluation.models, key=lambda scores: scores.cold[_DECIDING].value)
    can = (
        "none of the models finds any of them among ten"
        if not found.cold[_DECIDING].value
        else f"{found.model} finds most of them, {percent(found.cold[_DECIDING].value)}"
    )
    return f"{share} of the plays asked for are of titles that were never played before the split; {can}."


def _end(evaluation: NextEvaluation) -> float:
    """The end of the scale of strips: a round number above all intervals."""
    highest = max(max(_deciding(scores).value, _deciding(scores).high) for scores in evaluation.models)
    return min(max(0.1, -(-highest // 0.1) * 0.1), 1.0) if highest == highest else 1.0  # noqa: PLR0124 - no number


def _row(evaluation: NextEvaluation, scores: ModelScores, scale: tuple[float, float]) -> Row:
    found, difference = _deciding(scores), scores.difference
    is_best = scores.model == evaluation.best
    chance = _deciding(evaluation.scores_of(_CONTROL)).value
    return {
        "name": scores.model,
        "about": _ABOUT[scores.model],
        "look": "best" if is_best else "control" if scores.model == _CONTROL else "",
        "strip": Strip.of(found, scale=scale, mark=chance, what=f"{scores.model}: HR@10"),
        "value": score(found.value),
        "interval": interval(found),
        "others": [score(scores.new[name].value) for name in ("hr@1", "mrr@20", "ndcg@10")],
        "difference": "" if is_best else score(difference.value),
        "difference_interval": "" if is_best else interval(difference),
        "badge": "best" if is_best else "" if scores.model == _CONTROL else _badge(scores, evaluation),
    }


def _badge(scores: ModelScores, evaluation: NextEvaluation) -> str:
    return "not clearly worse" if scores.model in evaluation.rivals else "worse"


def _parts(evaluation: NextEvaluation, ordered: list[ModelScores]) -> Row:
    """HR@10 of each kind of plays, as the macro `table` wants it."""
    counts = {
        "all": evaluation.n_targets,
        "new": evaluation.n_targets - evaluation.n_repeats,
        "warm": evaluation.n_targets - evaluation.n_cold,
        "cold": evaluation.n_cold,
    }
    return {
        "columns": [{"title": _OF_PARTS[part], "n": f"{counts[part]:,}"} for part in PARTS],
        "rows": [
            {
                "name": scores.model,
                "cells": [
                    {"value": score(found.value), "interval": interval(found)}
                    for found in (getattr(scores, part)[_DECIDING] for part in PARTS)
                ],
            }
            for scores in ordered
        ],
    }


def _lists(ordered: list[ModelScores]) -> list[Row]:
    return [
        {
            "name": scores.model,
            "note": "baseline, as the original had it" if scores.model == _ORIGINAL else "",
            "cells": [
                percent(scores.lists.coverage),
                number(scores.lists.hub_skewness, 1),
                score(scores.lists.popularity),
                number(scores.lists.spread, 2) or "\N{EN DASH}",
            ],
        }
        for scores in ordered
    ]


def _collapse(evaluation: NextEvaluation) -> str | None:
    """How far the regression's lists lie nearer to the centre than those of the models beside it."""
    names = {scores.model for scores in evaluation.models}
    if _ORIGINAL not in names:
        return None
    beside = "lstm" if "lstm" in names else "content_knn"
    original, other = (evaluation.scores_of(name).lists for name in (_ORIGINAL, beside))
    return (
        f"{_ORIGINAL} predicts the features of the next title, as recommenders on feature tables did. Its lists have a "
        f"spread of {number(original.spread, 2)} and show {percent(original.coverage)} of the catalogue; those of "
        f"{beside}, {number(other.spread, 2)} and {percent(other.coverage)}."
    )
