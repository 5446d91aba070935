"""Scores and shares as the page writes them; what is undefined is an empty text."""

import math

from audiosim.evaluation.bootstrap import Estimate
from audiosim_pipelines.pages.notation import decimal


def score(value: float | None) -> str:
    """Three decimals without the zero before the point, as in the sentences.

    Examples
    --------
    >>> score(0.0741), score(-0.5), score(1.0), score(float("nan"))
    ('.074', '−.500', '1.000', '')
    """
    text = number(value, 3)
    return text.replace("0.", ".", 1) if text.lstrip("\N{MINUS SIGN}").startswith("0.") else text


def number(value: float | None, n_decimals: int) -> str:
    """A number with a minus sign, and without one before zero.

    Examples
    --------
    >>> number(-1.5, 2), number(-0.001, 2), number(None, 2)
    ('−1.50', '0.00', '')
    """
    if value is None or not math.isfinite(value):
        return ""
    return decimal(round(value, n_decimals) + 0.0, n_decimals)


def percent(share: float) -> str:
    """A share of 0 to 1 in percent; small ones with a decimal.

    Examples
    --------
    >>> percent(0.034), percent(0.34), percent(0.0)
    ('3.4 %', '34 %', '0 %')
    """
    if not math.isfinite(share):
        return ""
    return f"{100.0 * share:.1f} %" if 0.0 < share < 0.1 else f"{100.0 * share:.0f} %"


def interval(estimate: Estimate) -> str:
    """The ends of an interval.

    Examples
    --------
    >>> interval(Estimate(0.4, 0.35, 0.45))
    '.350 to .450'
    """
    ends = score(estimate.low), score(estimate.high)
    return " to ".join(ends) if all(ends) else ""


def in_words(what: str, estimate: Estimate) -> str:
    """A value with its interval, for those who cannot see a strip.

    Examples
    --------
    >>> in_words("P@10", Estimate(0.4, 0.35, 0.45))
    'P@10 .400, 95 % interval .350 to .450'
    """
    ends = interval(estimate)
    return f"{what} {score(estimate.value) or 'undefined'}{f', 95 % interval {ends}' if ends else ''}"
