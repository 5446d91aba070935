"""What measures find, and which finds more: the sentences, the table, and where intervals lie on a strip."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audiosim.evaluation import BASELINE, CONTROL
from audiosim.evaluation.bootstrap import Estimate
from audiosim.evaluation.task import TaskResult
from audiosim.evaluation.verdict import NEUTRAL_DIFFERENCE, Comparison
from audiosim_pipelines.pages.verdict.contents import Contents
from audiosim_pipelines.pages.verdict.numbers import in_words, interval, number, score

Row = dict[str, Any]

_LEAST_SPAN = 0.05  # of a strip of differences, to either side of 0
_VERDICTS = ("better", "worse", "neutral", "unclear")


@dataclass(frozen=True, slots=True)
class Strip:
    """Places on a strip, in percent of its width.

    Parameters
    ----------
    value, low, high : float
        Of an estimate and the ends of its interval.
    mark : float
        Of what it is compared with.
    alt : str
        The same in words.
    """

    value: float
    low: float
    high: float
    mark: float
    alt: str

    @classmethod
    def of(cls, estimate: Estimate, *, scale: tuple[float, float], mark: float, what: str) -> "Strip | None":
        """Places on a scale from one value to another; None where there is no value.

        Examples
        --------
        >>> Strip.of(Estimate(0.2, 0.1, 0.4), scale=(0.0, 0.5), mark=0.05, what="P@10")
        Strip(value=40.0, low=20.0, high=80.0, mark=10.0, alt='P@10 .200, 95 % interval .100 to .400')
        """
        if not math.isfinite(estimate.value):
            return None
        ends = [end if math.isfinite(end) else estimate.value for end in (estimate.low, estimate.high)]
        low, high = scale
        places = [100.0 * (x - low) / (high - low) for x in (estimate.value, *ends, mark)]
        return cls(*(min(max(place, 0.0), 100.0) for place in places), alt=in_words(what, estimate))


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
