"""A listener whose habits are known: how well a model foretells plays can be held against who knows them too."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Items = npt.NDArray[np.int64]

_CHANCE = 0.05  # share of plays that follow from nothing
_N_DIMS = 12
_SKEW = 0.5  # of successors: the first has about half of the weight


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """Somebody whose next title depends on the present one, and on nothing else.

    Parameters
    ----------
    starts : (n_items,) float64
        How likely a session begins with each item.
    transitions : (n_items, n_items) float64
        How likely each item is after the one of a row; rows sum to 1.
    vectors : (n_items, n_dims) float64
        How items sound, standardized.
    """

    starts: Floats
    transitions: Floats
    vectors: Floats

    def sessions(self, n: int, *, seed: int) -> list[Items]:
        """Sessions of 2 to 60 plays, 15 in the mean; the same under a seed."""
        rng = np.random.default_rng(seed)
        lengths = np.clip(np.rint(rng.lognormal(np.log(12.0), 0.65, size=n)), 2, 60).astype(np.int64)
        cumulated = np.cumsum(self.transitions, axis=1)
        sessions: list[Items] = []
        for length in lengths.tolist():
            items = [int(rng.choice(len(self.starts), p=self.starts))]
            for draw in rng.random(length - 1).tolist():
                items.append(min(int(np.searchsorted(cumulated[items[-1]], draw)), len(self.starts) - 1))
            sessions.append(np.array(items, dtype=np.int64))
        return sessions


def simulated_listener(*, n_items: int, n_successors: int, by_sound: bool, seed: int) -> Listener:
    """Draw a listener: every title has few successors, some of them much likelier than others.

    Parameters
    ----------
    n_items : int
        Titles of the catalogue, some of which are begun with much oftener than others.
    n_successors : int
        Titles that may follow each; one play in twenty is any title of all.
    by_sound : bool
        Whether successors are drawn among titles that sound alike, or among all.
    seed : int
        The same seed gives the same listener.

    Examples
    --------
    >>> listener = simulated_listener(n_items=50, n_successors=4, by_sound=False, seed=0)
    >>> (listener.transitions > 0.01).sum(axis=1).max().item(), listener.transitions.sum(axis=1).round(9).max().item()
    (4, 1.0)
    """
    rng = np.random.default_rng(seed)
    # Songs come in kinds: centres lie apart, songs about them.
    centres = 2.0 * rng.standard_normal((max(n_items // 15, 2), _N_DIMS))
    vectors = centres[rng.integers(len(centres), size=n_items)] + rng.standard_normal((n_items, _N_DIMS))
    vectors = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    transitions = np.full((n_items, n_items), _CHANCE / n_items)
    for item in range(n_items):
        distances = np.linalg.norm(vectors - vectors[item], axis=1)
        others = np.argsort(distances, kind="stable")[1:] if by_sound else np.delete(np.arange(n_items), item)
        pool = others[: 2 * n_successors] if by_sound else others
        after = rng.choice(pool, n_successors, replace=False)
        transitions[item, after] += (1.0 - _CHANCE) * rng.dirichlet(np.full(n_successors, _SKEW))
    transitions /= transitions.sum(axis=1, keepdims=True)
    starts = rng.dirichlet(np.full(n_items, _SKEW))
    return Listener(starts, transitions, vectors)
