"""What the page of a verdict is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audiosim.catalog import Track
from audiosim.evaluation import CONTROL, Evaluation
from audiosim_pipelines.pages.verdict.lengths import LengthCurve
from audiosim_pipelines.provenance import Provenance

if TYPE_CHECKING:  # brings along decoders
    from audiosim_pipelines.perturb import Perturbations

_WANTED_K = 10


@dataclass(frozen=True, slots=True)
class Contents:
    """An evaluation and what it is about.

    Parameters
    ----------
    library : str
        Name of the library's folder.
    evaluation : Evaluation
    tracks : sequence of Track
        Rows of the matrices that were judged.
    variants : mapping of str to str
        Names of rescaled measures, and of what they were before.
    unjudged : mapping of str to str
        Labels by which nothing can be judged, and why.
    curves : mapping of str to LengthCurve
        By measure, the rescaled among them; empty where there is nothing to tell.
    perturbations : Perturbations or None
        None where they were not asked for.
    provenance : Provenance
    """

    library: str
    evaluation: Evaluation
    tracks: Sequence[Track]
    variants: Mapping[str, str]
    unjudged: Mapping[str, str]
    curves: Mapping[str, LengthCurve]
    perturbations: "Perturbations | None"
    provenance: Provenance

    @property
    def measures(self) -> list[str]:
        """Measures as they were measured, in order, without the control."""
        return [name for name in self.evaluation.health if name != CONTROL and name not in self.variants]

    def ranked(self, measure: str) -> str:
        """The name under which tracks are ranked by a measure: that of its rescaled variant where there is one."""
        return next((variant for variant, raw in self.variants.items() if raw == measure), measure)


def list_length(ks: Sequence[int]) -> int:
    """The list length that is shown where one must do: 10, or the longest below.

    Examples
    --------
    >>> list_length((1, 5, 10, 20)), list_length((3, 20)), list_length((50,))
    (10, 3, 50)
    """
    return max((k for k in ks if k <= _WANTED_K), default=min(ks))
