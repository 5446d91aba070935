"""Which of two measures is better: the decision, and the sentence that says it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy

from audiosim.evaluation.bootstrap import Estimate

Verdict = Literal["better", "worse", "neutral", "unclear"]

# A smaller difference is not worth a name, however certain it is.
NEUTRAL_DIFFERENCE = 0.01
# By how much more the occurrences in nearest lists may be skewed in the better measure.
HUBNESS_ALLOWANCE = 0.5
_MORE_HUBS = "the one that finds more has more hubs"
# Where queries have too few relevant tracks to fill a list, the order of the whole ranking is judged.
_WHOLE_RANKING = ("MAP", "MRR", "Hit@1")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two measures find, compared."""

    first: str
    second: str
    judged_by: str  # the metric that decides
    differences: Mapping[str, Estimate]  # first - second, of each metric
    p_value: float  # Wilcoxon signed-rank over queries as if they were independent: only beside the intervals
    hubness_difference: float  # skewness of the occurrences in lists, first - second; NaN where there is none
    verdict: Verdict  # of first against second
    sentence: str


def judged_metric(ks: Sequence[int], n_relevant: npt.NDArray[np.integer]) -> str:
    """Name the metric that decides.

    Parameters
    ----------
    ks : sequence of int
        List lengths.
    n_relevant : (n_queries,) integer
        How many relevant candidates every query has.

    Returns
    -------
    str
        Precision at 10, or at the list length next below, or at the shortest. "MAP" where more than half of the
        queries have fewer relevant candidates than such a list has places, or where there are no lists.

    Examples
    --------
    >>> judged_metric([1, 5, 10, 20], np.array([40, 12])), judged_metric([1, 5, 10, 20], np.array([1, 1]))
    ('P@10', 'MAP')
    """
    if not ks:
        return "MAP"
    k = max((k for k in ks if k <= 10), default=min(ks))
    return f"P@{k}" if n_relevant.size == 0 or np.mean(n_relevant < k) <= 0.5 else "MAP"


def decide(differences: Mapping[str, Estimate], *, judged_by: str, hubness_difference: float) -> tuple[Verdict, str]:
    """Decide whether the first of two measures is better.

    Parameters
    ----------
    differences : mapping of str to Estimate
        First - second, of each metric.
    judged_by : str
        One of them. If it is a precision, all precisions must have its sign; else MAP, MRR and Hit@1 must.
    hubness_difference : float
        Skewness, first - second; NaN is taken as no difference.

    Returns
    -------
    verdict : Verdict
        "neutral" if the difference is below .01; "better" or "worse" if its interval excludes 0, all signs agree and
        the better of the two is not more skewed by over .5; otherwise "unclear".
    reason : str
        Why it is unclear; empty otherwise.

    Raises
    ------
    ValueError
        If there is no difference of the judged metric.

    Examples
    --------
    >>> decide({"MAP": Estimate(0.1, 0.05, 0.15)}, judged_by="MAP", hubness_difference=0.0)
    ('better', '')
    """
    if judged_by not in differences:
        raise ValueError(f"{judged_by} must be among the differences, got {', '.join(differences) or 'none'}")
    judged = differences[judged_by]
    if math.isnan(judged.value):
        return "unclear", "no query can be judged"
    if abs(judged.value) < NEUTRAL_DIFFERENCE:
        return "neutral", ""
    sign = math.copysign(1.0, judged.value)
    if not (judged.low > 0 if sign > 0 else judged.high < 0):
        without = math.isnan(judged.low)
        return "unclear", "there are too few artists for an interval" if without else "the interval includes 0"
    family = [name for name in differences if (name in _WHOLE_RANKING) == (judged_by in _WHOLE_RANKING)]
    opposed = [name for name in family if not differences[name].value * sign > 0]
    if opposed:
        return "unclear", f"{' and '.join(opposed)} {'does' if len(opposed) == 1 else 'do'} not agree"
    if hubness_difference * sign > HUBNESS_ALLOWANCE:
        return "unclear", _MORE_HUBS
    return ("better" if sign > 0 else "worse"), ""


def compare(
    first: str,
    second: str,
    *,
    means: tuple[float, float],
    differences: Mapping[str, Estimate],
    judged_by: str,
    score_differences: npt.NDArray[np.float64],
    hubness_difference: float,
    subject: str,
) -> Comparison:
    """Compare two measures on one task.

    Parameters
    ----------
    first, second : str
        Their names.
    means : tuple of float
        The judged metric of both.
    differences : mapping of str to Estimate
        First - second, of each metric.
    judged_by : str
        The metric that decides.
    score_differences : (n_tracks,) float64
        Of every query's judged score; NaN where a track is no query.
    hubness_difference : float
        Skewness, first - second.
    subject : str
        What they find: "the same genre".

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If there is no difference of the judged metric.

    Examples
    --------
    >>> compare(
    ...     "dtw",
    ...     "baseline",
    ...     means=(0.412, 0.338),
    ...     differences={"P@10": Estimate(0.074, 0.041, 0.107)},
    ...     judged_by="P@10",
    ...     score_differences=np.array([0.1, 0.0, 0.2]),
    ...     hubness_difference=0.1,
    ...     subject="the same genre",
    ... ).sentence
    'dtw finds the same genre better than baseline: P@10 .412 against .338, difference .074 [.041, .107].'
    """
    verdict, reason = decide(differences, judged_by=judged_by, hubness_difference=hubness_difference)
    judged = differences[judged_by]
    claims = {
        "better": f"{first} finds {subject} better than {second}",
        "worse": f"{first} finds {subject} less well than {second}",
        "neutral": f"{first} and {second} find {subject} equally well",
        "unclear": f"Whether {first} or {second} finds {subject} better is unclear",
    }
    claim = claims[verdict]
    if reason == _MORE_HUBS:  # what they find is clear; whether that makes one better is not
        found, whose = (claims["better"], "but it") if judged.value > 0 else (claims["worse"], "which")
        claim, reason = f"{found}, {whose} has more hubs, so that neither is called better", ""
    figures = f"{judged_by} {short(means[0])} against {short(means[1])}, difference {short(judged.value)}"
    interval = "" if math.isnan(judged.low) else f" [{short(judged.low)}, {short(judged.high)}]"
    return Comparison(
        first=first,
        second=second,
        judged_by=judged_by,
        differences=differences,
        p_value=signed_rank_p_value(score_differences),
        hubness_difference=hubness_difference,
        verdict=verdict,
        sentence=f"{claim}: {figures}{interval}{'; ' + reason if reason else ''}.",
    )


def signed_rank_p_value(differences: npt.NDArray[np.float64]) -> float:
    """Test by Wilcoxon's signed ranks whether paired differences lie about 0.

    Parameters
    ----------
    differences : (n_tracks,) float64
        NaN where a track is no query.

    Returns
    -------
    float
        Two-sided; 1 if all differences are 0, NaN if there are none.

    References
    ----------
    Wilcoxon (1945), "Individual comparisons by ranking methods", Biometrics Bulletin 1, 80-83.

    Examples
    --------
    >>> signed_rank_p_value(np.array([0.3, 0.1, 0.2, np.nan, 0.5]))
    0.125
    """
    counted = differences[~np.isnan(differences)]
    if counted.size == 0:
        return float("nan")
    moved = counted[counted != 0]
    if moved.size == 0:
        return 1.0
    return float(np.asarray(scipy.stats.wilcoxon(moved)[1]))


def short(value: float) -> str:
    """Three decimals without the leading zero, as in tables of scores.

    Examples
    --------
    >>> short(0.0741), short(-0.0004), short(-0.5), short(1.0)
    ('.074', '.000', '-.500', '1.000')
    """
    text = f"{value:.3f}"
    if text in ("-0.000", "0.000"):
        return ".000"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
