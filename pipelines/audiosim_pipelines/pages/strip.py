"""Where an estimate and its interval lie on a strip of a table."""

import math
from dataclasses import dataclass

from audiosim.evaluation.bootstrap import Estimate
from audiosim_pipelines.pages.numbers import in_words


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
