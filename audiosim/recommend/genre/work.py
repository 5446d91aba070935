"""What judging genres may cost, what was done of it before, and whom to tell how far it has come."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from audiosim.recommend.folds import Recall, anew

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Effort:
    """What an evaluation may cost; `n_trees` is the size of a forest, and boosting takes 3 rounds for 4 trees."""

    seed: int = 0
    n_threads: int = 1
    n_trees: int = 200


@dataclass(frozen=True, slots=True)
class Work:
    """A long computation in steps.

    Parameters
    ----------
    effort : Effort
    recall : Recall
        Gives steps that were computed before an interruption; what they depend on is for the caller to tell apart.
    advance : callable, optional
        Called with the number of models that were fitted, or need not be.
    """

    effort: Effort = field(default_factory=Effort)
    recall: Recall = anew
    advance: Callable[[int], None] | None = None

    def step(self, name: str, compute: Callable[[Callable[[], None]], FloatArray], *, n_fits: int) -> FloatArray:
        """A step by its name, recalled or computed.

        Parameters
        ----------
        name : str
            Unlike that of any other step of the computation.
        compute : callable
            Computes it; is given what to call after every fit.
        n_fits : int
            How many fits it takes.
        """
        n_told = 0

        def tell(n: int = 1) -> None:
            nonlocal n_told
            n_told += n
            if self.advance is not None:
                self.advance(n)

        found = self.recall(name, lambda: compute(tell))
        if n_told < n_fits:
            tell(n_fits - n_told)
        return found
