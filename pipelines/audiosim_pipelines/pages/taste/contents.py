"""What the page of a taste shows: its pictures, with what is to be seen of them in words, and its rows."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from audiosim.evaluation.bootstrap import Estimate
from audiosim.recommend.taste.relations import mode_and_valence
from audiosim.recommend.taste.scores import Gain
from audiosim_pipelines.pages.numbers import number, percent, score
from audiosim_pipelines.pages.pictures import SQUARE, Picture
from audiosim_pipelines.pages.strip import Strip
from audiosim_pipelines.pages.style import NARROW, Layout
from audiosim_pipelines.pages.taste import drawings
from audiosim_pipelines.taste.analysis import Analysis

Row = dict[str, Any]

_N_IMPORTANT = 15
# Of so many features the letters still fit a phone; more are left to wide screens.
_MOST_ON_PHONE = 20


def model_rows(found: Analysis) -> tuple[list[Row], tuple[str, str]]:
    """Rows of models beside "predict the mean", and the ends of the scale of their strips."""
    judged = found.evaluation
    gains, chosen = dict(judged.gains), {str(name): count for name, count in judged.chosen}
    ends = [end for gain in gains.values() for end in (gain.low, gain.high, 0.0)]
    room = 0.06 * (max(ends) - min(ends) or 1.0)
    scale = (min(ends) - room, max(ends) + room)
    rows = [
        {
            "name": name,
            "chosen": "" if name in {"mean", "chosen"} else str(chosen.get(name, 0)),
            "strip": _strip(gains[name], scale, name),
            "gain": number(gains[name].value, 3),
            "interval": f"{number(gains[name].low, 3)} to {number(gains[name].high, 3)}",
            "cells": [
                score(scores.r2),
                number(scores.mae, 3),
                score(scores.accuracy if judged.is_binary else scores.spearman),
                score(scores.pairwise),
            ],
        }
        for name, scores in judged.rows
    ]
    return rows, (number(scale[0], 2), number(scale[1], 2))


def importance_rows(found: Analysis) -> list[list[str]]:
    """Cells of all features and of those that go together, the most important first."""
    return [
        [
            item.name,
            number(item.loss.value, 4),
            f"{number(item.loss.low, 4)} to {number(item.loss.high, 4)}",
            percent(item.positive_share),
            number(item.direction, 2),
            percent(item.steady_share),
        ]
        for item in found.importances
    ]


def pictures(found: Analysis) -> dict[str, Picture]:
    """The pictures of a taste by name."""
    shown = [_permuted(found), _predicted(found), _curve(found), _important(found), _correlations(found)]
    mode = _mode(found)
    return {picture.name: picture for picture in [*shown, *([mode] if mode else [])]}


def _strip(gain: Gain, scale: tuple[float, float], name: str) -> Strip | None:
    estimate = Estimate(gain.value, gain.low, gain.high)
    return Strip.of(estimate, scale=scale, mark=0.0, what=f"{name}: error less than the mean's by")


def _permuted(found: Analysis) -> Picture:
    test = found.evaluation.permutation
    beyond = sum(value >= test.true for value in test.permuted)
    return Picture(
        "permuted",
        "Is it more than chance?",
        f"Of {len(test.permuted)} ways to deal the ratings out anew, {beyond} are told as well as the true ones: "
        f"R² of the true ratings {score(test.true)}, of the others {score(min(test.permuted))} to "
        f"{score(max(test.permuted))}.",
        "Grey: how well ridge regression tells ratings that were dealt out to other artists, where nothing is to be "
        "learned. The line is how well it tells the true ones. The further to the right of the grey, the surer.",
        partial(drawings.permuted_scores, test),
    )


def _predicted(found: Analysis) -> Picture:
    judged, rated = found.evaluation, found.ground.rated
    predicted, actual = np.array(judged.predicted), rated.ratings
    pairs = score(judged.scores("chosen").pairwise)
    if judged.is_binary:
        return Picture(
            "predicted",
            "What was predicted",
            f"Predicted chances of a like of {int(actual.sum())} liked and {int((1 - actual).sum())} other tracks; a "
            f"liked one has the higher chance in {pairs} of all pairs.",
            "Every track as it was predicted while its artist was left out. The further apart the two, the better; "
            "triangles are medians.",
            partial(drawings.likelihoods, predicted, actual),
        )
    unit = ", as log(1 + plays)" if found.ground.kind == "plays" else ""
    band = "" if judged.half_width is None else f" Nine in ten should lie in the band, ±{judged.half_width:.2f} wide."
    return Picture(
        "predicted",
        "What was predicted",
        f"Predicted against given ratings{unit} of {len(actual)} tracks; of two that differ, the better rated is "
        f"predicted to be in {pairs} of all pairs.",
        f"Every dot is a track{unit}, as it was predicted while its artist was left out. On the dashed line "
        f"predictions are right; the level line is the mean of the ratings.{band}",
        partial(drawings.predicted_against_actual, predicted, actual, judged.half_width),
        (SQUARE, NARROW),
        "square",
    )


def _curve(found: Analysis) -> Picture:
    first, last = found.curve[0], found.curve[-1]
    rises = last.r2.value - found.curve[-2].r2.value if len(found.curve) > 1 else 0.0
    more = "still rises at its end: more ratings would teach more" if rises > 0.01 else "is level at its end"
    return Picture(
        "curve",
        "Would more ratings help?",
        f"R² of {found.evaluation.best} rises from {score(first.r2.value)} with {first.n} ratings to "
        f"{score(last.r2.value)} with {last.n}; the curve {more}.",
        f"How well {found.evaluation.best} tells the ratings of artists that are left out, by how many ratings it "
        "learned from; 0 is the mean of all, the band is the 95 % interval over artists. It "
        f"{more}.",
        partial(drawings.curve, found.curve),
    )


def _important(found: Analysis) -> Picture:
    shown = found.importances[:_N_IMPORTANT]
    sure = [item.name for item in found.importances if item.loss.low > 0.0]
    names = ", ".join(sure[:5]) if sure else "no feature for sure"
    unit = "squared error" if found.evaluation.is_binary else "error, in points,"
    return Picture(
        "importance",
        "What it rests on",
        f"Larger error without each of {len(shown)} features or groups of them. Above 0 for sure: {names}.",
        f"How much larger the {unit} of {found.evaluation.best} becomes on artists left out when the values of a "
        "feature are dealt out anew among them; with 95 % intervals over artists. Blue: surely above 0. An arrow says "
        "that more of it raises (↑) or lowers (↓) what is predicted, in nine of ten folds at least. Features that say "
        "the same stand in for one another, and each looks small; those that correlate strongly are dealt out together "
        "besides.",
        partial(drawings.importance_bars, shown),
    )


def _correlations(found: Analysis) -> Picture:
    names = list(found.ground.everything.names)
    pairs = ", ".join(f"{a} with {b} {number(value, 2)}" for a, b, value in found.pairs)

    def draw(layout: Layout) -> Any:  # noqa: ANN401 - a figure, which nobody looks into
        rows = _few(names) if layout is NARROW else list(range(len(names)))
        return drawings.correlation_map([names[i] for i in rows], found.correlations[np.ix_(rows, rows)], layout)

    left_out = f" A phone shows {len(_few(names))} of the {len(names)} features." if len(names) > _MOST_ON_PHONE else ""
    return Picture(
        "correlations",
        "Which features go together",
        f"Rank correlations of {len(names)} features; the strongest: {pairs}.",
        f"Rank correlation (Spearman) of every two features over {len(found.ground.everything):,} tracks: brown is "
        "together, violet one against the other, white neither. Those that go together are neighbours. "
        f"The strongest: {pairs}.{left_out}",
        draw,
        (SQUARE, NARROW),
        "square",
    )


def _few(names: Sequence[str]) -> list[int]:
    """Features for a phone: without averaged pitches and timbres where there are many."""
    if len(names) <= _MOST_ON_PHONE:
        return list(range(len(names)))
    few = [i for i, name in enumerate(names) if not name.startswith(("pitch_", "timbre_"))]
    return few[:_MOST_ON_PHONE]


def _mode(found: Analysis) -> Picture | None:
    both = mode_and_valence(found.ground.everything)
    if both is None or found.mode is None:
        return None
    is_major, valence, _ = both
    medians = [number(float(np.median(valence[rows])), 2) for rows in (is_major, ~is_major)]
    return Picture(
        "mode",
        "Valence by mode",
        f"Valence of {found.mode.n_major} tracks in major, median {medians[0]}, and of {found.mode.n_minor} in minor, "
        f"median {medians[1]}.",
        "Blue area: tracks in major; line: tracks in minor; triangles are their medians.",
        partial(drawings.valence_of_modes, is_major, valence),
    )
