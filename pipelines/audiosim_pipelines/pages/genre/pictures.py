"""The pictures of genres: what each is called, what it shows in words, and how it is drawn."""

from collections.abc import Sequence
from functools import partial
from itertools import combinations

import numpy as np
import numpy.typing as npt

from audiosim.recommend.genre.description import Description
from audiosim_pipelines.genre.report import GenreReport, Judgement
from audiosim_pipelines.pages.genre import curves, maps, outline, spreads
from audiosim_pipelines.pages.genre.names import cut, shown
from audiosim_pipelines.pages.numbers import number, percent, score
from audiosim_pipelines.pages.pictures import SQUARE, Picture
from audiosim_pipelines.pages.style import NARROW, WIDE

FloatArray = npt.NDArray[np.float64]

MOST_FEATURES = 12
_FEWEST_COMPARED = 3  # genres, of whose medians a correlation means something


def pictures(report: GenreReport) -> dict[str, list[Picture]]:
    """All pictures, by the part of the page that they are in."""
    described, judged = report.description, report.judgement
    found = {"like": _described(described, _features(report))}
    if judged is None:
        return found
    return {
        "confusion": [_confusion(judged)],
        "confidence": [_reliability(judged), _coverage(judged)],
        "needs": [_importance(judged)],
        "tree": [_tree(judged)],
        **found,
    }


def _features(report: GenreReport) -> list[str]:
    """Those that matter most, as far as that is known; all of them where there are few."""
    judged, names = report.judgement, list(report.description.compared)
    if judged is None or len(names) <= MOST_FEATURES:
        return names[:MOST_FEATURES]
    ranked = [name for item in judged.importances for name in item.features if name in names]
    return ranked[:MOST_FEATURES]


def _described(described: Description, features: Sequence[str]) -> list[Picture]:
    amounts = [name for name in features if name in described.amounts]
    places = [described.compared.index(name) for name in features]
    correlations = described.correlations[np.ix_(places, places)]
    n_left = len(described.compared) - len(features)
    left = f" The other {n_left} features matter less, or come later." if n_left else ""
    n_others = len(described.genres) - spreads.MOST_GENRES
    others = f" {n_others} genres with fewer tracks are not shown." if n_others > 0 else ""
    found: list[Picture] = []
    if amounts:
        found.append(
            Picture(
                "spreads",
                "What the features of each genre are like",
                f"Quantiles of {len(amounts)} features by genre. {_extremes(described, amounts)}",
                "The stroke is the median, the thick line the middle half of the tracks, the thin one 90 % of them."
                f"{left}{others}",
                partial(spreads.spread_grid, described, amounts),
            )
        )
    if len(features) > 1:
        found.append(
            Picture(
                "correlations",
                "Which features go together",
                f"Rank correlations of {len(features)} features. {_strongest(features, correlations)}",
                "Spearman's correlation over all tracks: 1 where one feature rises with the other, "
                f"\N{MINUS SIGN}1 where it falls.{left}",
                partial(maps.correlation_map, [shown(name) for name in features], correlations),
                (SQUARE, NARROW),
                "square",
            )
        )
    if len(described.genres) >= _FEWEST_COMPARED and np.isfinite(described.medians).any():
        genres = [cut(genre) for genre in described.genres]
        found.append(
            Picture(
                "medians",
                "Which genres are alike",
                f"Correlations of the medians of {len(genres)} genres. {_alike(genres, described.medians)}",
                "Correlation of genres over the medians of their features, each seen from the mean of the genres: 1 "
                "where two genres differ from the others in the same way, \N{MINUS SIGN}1 where in opposite ways.",
                partial(maps.correlation_map, genres, described.medians),
                (SQUARE, NARROW),
                "square",
            )
        )
    return found


def _confusion(judged: Judgement) -> Picture:
    genres, counts = judged.evaluation.task.genres, judged.evaluation.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    told: list[str] = []
    for row, genre in enumerate(genres):
        others = np.where(np.arange(len(genres)) == row, -1.0, shares[row])
        taken = int(others.argmax())
        told.append(
            f"{genre} is right in {percent(shares[row, row])}, and most often taken for {genres[taken]} "
            f"({percent(shares[row, taken])})"
        )
    return Picture(
        "confusion",
        "What is taken for what",
        f"Shares of each genre's tracks by the genre that they are said to be: {'; '.join(told)}.",
        "Every row is 100 %: all tracks of a genre, by artists that the model has not heard. The diagonal is right.",
        partial(maps.confusion_map, [cut(genre) for genre in genres], counts),
        (SQUARE, NARROW),
        "square",
    )


def _reliability(judged: Judgement) -> Picture:
    row = judged.evaluation.row("chosen")
    error, before = row.scores.calibration_error, row.uncalibrated.calibration_error
    told = ", ".join(f"at {percent(item.confidence)} {percent(item.accuracy)}" for item in judged.reliability)
    return Picture(
        "reliability",
        "Whether probabilities mean what they say",
        f"Accuracy by confidence, calibrated: {told}.",
        "Of tracks that a genre is said of with 60 % confidence, 60 % should be of it: on the dotted line. The mean "
        f"distance from it is {score(error)}, and was {score(before)} before the temperature. Bins of fewer than "
        f"{curves.FEWEST_TRACKS} tracks are left out where there are others.",
        partial(curves.reliability_curve, judged.reliability, judged.uncalibrated),
    )


def _coverage(judged: Judgement) -> Picture:
    sure = judged.confident
    of_these = "" if sure.accuracy is None else f", of which {percent(sure.accuracy)} are right"
    return Picture(
        "coverage",
        "What \N{LEFT DOUBLE QUOTATION MARK}unknown\N{RIGHT DOUBLE QUOTATION MARK} costs",
        f"Share of tracks that are told, and of these right, by the confidence that is asked for. At "
        f"{percent(sure.at_least)}, {percent(sure.share)} are told{of_these}.",
        "The more confidence is asked for, the fewer tracks are told a genre, and the more of these rightly.",
        partial(curves.coverage_curve, judged.coverage, sure.at_least),
    )


def _importance(judged: Judgement) -> Picture:
    best, items = judged.evaluation.best, judged.importances
    told = "; ".join(
        f"{' and '.join(map(shown, item.features))} {number(item.log_loss, 3)}, in {item.n_positive} of 5 folds"
        for item in items[:5]
    )
    left = len(items) - curves.MOST_BARS
    more = f" {left} more matter less than these." if left > 0 else ""
    return Picture(
        "importance",
        f"What the {best} model needs",
        f"Rise of the log-loss when a feature is dealt anew: {told}.",
        "How much worse the model does on artists left out when the values of a feature are dealt anew among their "
        "tracks; the line is a standard deviation over folds. Features that correlate strongly are dealt together. "
        f"Grey bars do not rise in all folds: other artists may say otherwise.{more}",
        partial(curves.importance_bars, items),
    )


def _tree(judged: Judgement) -> Picture:
    return Picture(
        "tree",
        "A tree to read",
        f"A decision tree: {'; '.join(line.strip() for line in judged.tree.lines())}",
        "Each line is an answer, and what is below and further in is asked next. Bars are as long as there are tracks, "
        "and dark as far as these are of the genre.",
        partial(outline.outline, judged.tree),
        (WIDE, NARROW),
    )


def _extremes(described: Description, amounts: Sequence[str]) -> str:
    """Which genres have the lowest and the highest median of the first features."""
    told: list[str] = []
    for name in amounts[:4]:
        medians = described.quantiles[:, described.amounts.index(name), 2]
        low, high = described.genres[int(medians.argmin())], described.genres[int(medians.argmax())]
        told.append(
            f"{shown(name)} is lowest in {low} and highest in {high}" if low != high else f"{shown(name)} is equal"
        )
    return f"{'; '.join(told)}."


def _strongest(features: Sequence[str], correlations: FloatArray) -> str:
    pairs = sorted(combinations(range(len(features)), 2), key=lambda pair: -abs(correlations[pair]))[:3]
    told = [f"{shown(features[a])} and {shown(features[b])} {number(float(correlations[a, b]), 2)}" for a, b in pairs]
    return f"The strongest: {'; '.join(told)}."


def _alike(genres: Sequence[str], medians: FloatArray) -> str:
    pairs = [pair for pair in combinations(range(len(genres)), 2) if np.isfinite(medians[pair])]
    if not pairs:
        return ""
    pairs.sort(key=lambda pair: medians[pair])
    first, second = (
        f"{genres[a]} and {genres[b]} ({number(float(medians[a, b]), 2)})" for a, b in (pairs[-1], pairs[0])
    )
    return f"Most alike are {first}, least {second}."
