"""Several measures over the same tracks, judged side by side with a random control."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

from audiosim.evaluation import agreement, hubness, retrieval
from audiosim.evaluation.ranking import Distances, artist_codes, label_codes, random_distances, validate_distances

# The name under which the control stands among the measures.
CONTROL = "random"


@dataclass(frozen=True, slots=True)
class MeasureScores:
    """What one measure finds, and how even it is."""

    retrieval: retrieval.Retrieval | None  # None without labels
    hubness: tuple[hubness.Hubness, ...]


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How far two measures agree."""

    first: str
    second: str
    agreement: agreement.Agreement


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The comparison of several measures over the same tracks. Scores compare only at equal `n_tracks`."""

    n_tracks: int
    n_labels: int  # different known ones
    n_artists: int | None  # an unknown artist counts as one of its own; None: no artist filter
    seed: int
    ks: tuple[int, ...]  # those below n_tracks
    measures: dict[str, MeasureScores]  # in the caller's order, the control last
    agreements: tuple[PairAgreement, ...]  # every two measures, neither the control nor variants among them

    def as_dict(self) -> dict[str, object]:
        """Give dicts, lists and plain values for `json.dumps`, with None for what is undefined (NaN)."""
        plain = _json_ready(asdict(self))
        assert isinstance(plain, dict)
        return plain


def evaluate(
    measures: Mapping[str, Distances],
    *,
    labels: Sequence[str | None] | None = None,
    artists: Sequence[str | None] | None = None,
    ks: Sequence[int] = (1, 5, 10, 20),
    hubness_ks: Sequence[int] = (5, 10),
    variants: Collection[str] = (),
    n_permutations: int = 999,
    seed: int = 0,
) -> Evaluation:
    """Judge several measures over the same tracks.

    Parameters
    ----------
    measures : mapping of str to (n_tracks, n_tracks) floating
        Over the tracks that all measures have, in one order; see `validate_distances`.
    labels : sequence of n_tracks str or None, or None
        What counts as alike, genres say, None where unknown; None in place of it: no retrieval scores.
    artists : sequence of n_tracks str or None, or None
        The artist filter of the retrieval scores, None where unknown; None in place of it: no filter.
    ks, hubness_ks : sequence of int
        List lengths; those that are not below n_tracks are dropped, and `Evaluation.ks` says which remain.
    variants : collection of str
        Names of measures that are others in another guise, rescaled say: they are judged, but how far they agree with
        others is left out.
    n_permutations : int
        Of the Mantel test of every two measures; 0 leaves its p-values out.
    seed : int
        Of ties, permutations and the control.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If a matrix is not valid, shapes differ, labels or artists are not one a track, there is no track, no
        measure, or one with the control's name.

    Notes
    -----
    Dominated by the Mantel tests: O(n_measures**2 n_permutations n_tracks**2) time.

    Examples
    --------
    >>> import numpy as np
    >>> result = evaluate(
    ...     {"line": np.array([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]])}, labels=["a", "a", "b"], ks=[1]
    ... )
    >>> result.measures["line"].retrieval.hit_at_1
    1.0
    """
    n_tracks = _validate_measures(measures)
    codes = label_codes(labels if labels is not None else [None] * n_tracks, n_tracks=n_tracks)
    kept_ks = tuple(k for k in ks if k < n_tracks)
    kept_hubness_ks = tuple(k for k in hubness_ks if k < n_tracks)
    n_artists = None if artists is None else len(set(artist_codes(artists, n_tracks=n_tracks).tolist()))

    def scores(distances: Distances) -> MeasureScores:
        return MeasureScores(
            retrieval=None
            if labels is None
            else retrieval.evaluate(distances, labels, artists=artists, ks=kept_ks, seed=seed),
            hubness=hubness.evaluate(distances, ks=kept_hubness_ks, seed=seed) if kept_hubness_ks else (),
        )

    return Evaluation(
        n_tracks=n_tracks,
        n_labels=int(codes.max()) + 1,
        n_artists=n_artists,
        seed=seed,
        ks=kept_ks,
        measures={
            name: scores(distances)
            for name, distances in {**measures, CONTROL: random_distances(n_tracks, seed=seed)}.items()
        },
        agreements=tuple(
            PairAgreement(
                first,
                second,
                agreement.evaluate(
                    measures[first], measures[second], ks=kept_ks, n_permutations=n_permutations, seed=seed
                ),
            )
            for first, second in combinations((name for name in measures if name not in variants), 2)
        ),
    )


def _validate_measures(measures: Mapping[str, Distances]) -> int:
    """Number of tracks that all measures are over."""
    if not measures:
        raise ValueError("there must be at least one measure, got none")
    if CONTROL in measures:
        raise ValueError(
            f'"{CONTROL}" is the name of the control, which is added here; call the measure something else'
        )
    for name, distances in measures.items():
        validate_distances(distances, name=f"measure {name}")
    shapes = {name: distances.shape for name, distances in measures.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"measures must be over the same tracks, got {shapes}; keep the tracks that all have")
    n_tracks = len(next(iter(measures.values())))
    if n_tracks == 0:
        raise ValueError("there must be at least one track, got none")
    return n_tracks


def _json_ready(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
