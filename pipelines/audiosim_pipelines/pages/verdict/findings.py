"""What measures find, and which finds more: the sentences, the table, and where intervals lie on a strip."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from audiosim.evaluation import BASELINE, CONTROL
from audiosim.evaluation.task import TaskResult
from audiosim.evaluation.verdict import NEUTRAL_DIFFERENCE, Comparison
from audiosim_pipelines.pages.numbers import interval, number, score
from audiosim_pipelines.pages.strip import Strip
from audiosim_pipelines.pages.verdict.contents import Contents

Row = dict[str, Any]

_LEAST_SPAN = 0.05  # of a strip of differences, to either side of 0
_VERDICTS = ("better", "worse", "neutral", "unclear")


def verdict_groups(comparisons: Sequence[Comparison], variants: Mapping[str, str]) -> list[Row]:
    """Comparisons in groups: with the baseline, of measures with one another, of each with itself before rescaling."""
    titles = ("With the baseline", "With one another", "Rescaled, with itself before")
    groups: dict[str, list[Comparison]] = {title: [] for title in titles}
    for comparison in comparisons:
        if BASELINE in (comparison.first, comparison.second):
            groups[titles[0]].append(comparison)
        else:
            groups[titles[1 + (variants.get(comparison.first) == comparison.second)]].append(comparison)
    span = _span(comparisons)
    return [
        {
            "title": title,
            "counts": _counts(found),
            # What is decided comes first.
            "rows": [
                _verdict_row(each, span) for each in sorted(found, key=lambda each: _VERDICTS.index(each.verdict))
            ],
            "judged_by": found[0].judged_by,
            "ends": [number(-span, 2), number(span, 2)],
            # The differences that are called neutral.
            "band": {"left": 50.0 - 50.0 * NEUTRAL_DIFFERENCE / span, "width": 100.0 * NEUTRAL_DIFFERENCE / span},
        }
        for title, found in groups.items()
        if found
    ]


def score_table(contents: Contents, task: TaskResult) -> Row:
    """What every measure finds, with intervals; chance in the last row."""
    metrics = list(task.measures[CONTROL].intervals)
    judged, chance = task.judged_by, task.chances
    intervals = {name: found.intervals for name, found in task.measures.items()}
    tops = [found[judged].high for found in intervals.values()] + [chance[judged]]
    scale = (0.0, min(1.0, 1.08 * max([0.05, *(top for top in tops if math.isfinite(top))])))
    rows = [
        {
            "name": shown(name),
            "is_variant": name in contents.variants,
            "strip": Strip.of(found[judged], scale=scale, mark=chance[judged], what=judged),
            "cells": [{"value": score(found[metric].value), "interval": interval(found[metric])} for metric in metrics],
        }
        for name, found in intervals.items()
    ]
    return {
        "metrics": metrics,
        "judged_by": judged,
        "end": number(scale[1], 2),
        "rows": rows,
        "chance": [score(chance[metric]) for metric in metrics],
    }


def shown(name: str) -> str:
    """What people read in place of the control's name."""
    return "random (control)" if name == CONTROL else name


def _verdict_row(comparison: Comparison, span: float) -> Row:
    what = f"difference of {comparison.judged_by}"
    difference = comparison.differences[comparison.judged_by]
    return {
        "verdict": comparison.verdict,
        "sentence": comparison.sentence,
        "strip": Strip.of(difference, scale=(-span, span), mark=0.0, what=what),
    }


def _span(comparisons: Sequence[Comparison]) -> float:
    """How far strips of differences reach to either side: a multiple of .05."""
    found = [comparison.differences[comparison.judged_by] for comparison in comparisons]
    ends = [abs(end) for estimate in found for end in (estimate.value, estimate.low, estimate.high)]
    widest = max((end for end in ends if math.isfinite(end)), default=0.0)
    return max(_LEAST_SPAN, math.ceil(20.0 * widest) / 20.0)


def _counts(comparisons: Sequence[Comparison]) -> str:
    """How often each verdict was given: "2 better, 1 unclear"."""
    given = [comparison.verdict for comparison in comparisons]
    return ", ".join(f"{given.count(name)} {name}" for name in _VERDICTS if name in given)
