"""What can be wrong with a measure whoever judges it: hubs, broken triangles, and lengths in place of sounds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.evaluation.hubness import Hubness, from_lists, histogram, occurrences_in
from audiosim.evaluation.length_bias import LengthBias, correlate_lengths, validate_lengths
from audiosim.evaluation.ranking import Distances, nearest_lists, validate_distances, validate_k
from audiosim.evaluation.triangle import TriangleViolations, count_violations


@dataclass(frozen=True, slots=True)
class Health:
    """How sound a measure is, without regard to any label."""

    hubness: tuple[Hubness, ...]  # one for each list length below the number of tracks
    triangle: TriangleViolations
    length_bias: LengthBias | None  # at the largest list length; None without lengths, or where they are all equal
    occurrences: tuple[int, ...]  # number of tracks with N_k = 0, 1, 2, ... at the largest list length


def health(
    distances: Distances,
    *,
    lengths: npt.ArrayLike | None = None,
    ks: Sequence[int] = (5, 10),
    n_triples: int = 1_000_000,
    seed: int = 0,
) -> Health:
    """Judge a measure by itself.

    Parameters
    ----------
    distances : (n_tracks, n_tracks) floating
        See `validate_distances`.
    lengths : (n_tracks,) real, or None
        Frames or seconds of every track.
    ks : sequence of int
        List lengths; those from n_tracks on are dropped.
    n_triples : int
        See `triangle_violations`.
    seed : int
        Of ties and of what is drawn.

    Returns
    -------
    Health
        What too few tracks leave undefined is empty, None or NaN, without a warning.

    Raises
    ------
    ValueError
        If the matrix is not valid, there is not one finite length a track, or one of `ks` is below 1.

    Notes
    -----
    O(n_tracks**2 log n_tracks) time, from one ranking; memory far below the matrix's own.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))
    >>> result = health(line, lengths=[30, 10, 20], ks=[1, 5])
    >>> result.occurrences, result.triangle.share, round(result.length_bias.pairs, 6)
    ((1, 1, 1), 0.0, 0.5)
    """
    validate_distances(distances)
    n_tracks = len(distances)
    sizes = None if lengths is None else validate_lengths(lengths, n_tracks=n_tracks)
    for k in ks:
        validate_k(k)
    kept_ks = [k for k in ks if k < n_tracks]
    if n_tracks < 3:
        triangle = TriangleViolations(float("nan"), float("nan"), 0)
    else:
        triangle = count_violations(distances, n_triples=n_triples, seed=seed)
    if not kept_ks:
        return Health((), triangle, None, ())
    lists = nearest_lists(distances, k=max(kept_ks), seed=seed)
    return Health(
        hubness=from_lists(lists, ks=kept_ks),
        triangle=triangle,
        length_bias=None
        if sizes is None or n_tracks < 3 or np.ptp(sizes) == 0
        else correlate_lengths(distances, sizes, occurrences=occurrences_in(lists), seed=seed),
        occurrences=histogram(lists, k=max(kept_ks)),
    )
