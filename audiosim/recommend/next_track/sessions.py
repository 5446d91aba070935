"""Sessions: what was listened to in one go, as it came."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

GAP = 3_600  # s
SHARE = 0.8

Items = npt.NDArray[np.int64]


def split_at_gaps(
    items: Items,
    started_at: npt.NDArray[np.integer],
    ended_at: npt.NDArray[np.integer] | None = None,
    *,
    gap: float = GAP,
    shortest: int = 2,
) -> list[Items]:
    """Plays as sessions, which end where nothing was heard for too long.

    Parameters
    ----------
    items : (n_plays,) int64
        What was played, as numbers.
    started_at : (n_plays,) integer (seconds)
        When each play began, ascending.
    ended_at : (n_plays,) integer (seconds) or None
        When it ended; None: not known, then silence is counted from the beginning of a play.
    gap : float (seconds)
        The longest silence within a session.
    shortest : int
        Sessions of fewer plays are left out: one play alone tells nothing of what follows what.

    Returns
    -------
    list of (n,) int64
        Sessions in the order of time.

    Raises
    ------
    ValueError
        If shapes differ, the plays are not in the order of time, or gap or shortest is below 1.

    Examples
    --------
    >>> split_at_gaps(np.array([3, 1, 4, 1, 5]), np.array([0, 200, 9_000, 9_200, 30_000]))
    [array([3, 1]), array([4, 1])]
    """
    ended = started_at if ended_at is None else ended_at
    if not items.shape == started_at.shape == ended.shape or items.ndim != 1:
        shapes = items.shape, started_at.shape, ended.shape
        raise ValueError(f"items and times must have one shape (n_plays,), got {shapes}")
    if gap < 1 or shortest < 1:
        raise ValueError(f"gap and shortest must be at least 1, got {gap} and {shortest}")
    if (np.diff(started_at) < 0).any():
        raise ValueError("plays must be in the order of time; sort them by started_at")
    # A play may end after the next one has begun, where clocks differ; what ended latest counts.
    silences = started_at[1:] - np.maximum.accumulate(ended)[:-1]
    sessions = np.split(items, np.flatnonzero(silences > gap) + 1)
    return [session for session in sessions if len(session) >= shortest]


def split_by_time(sessions: Sequence[Items], *, share: float = SHARE) -> tuple[list[Items], list[Items]]:
    """The first sessions to learn from, and the rest to be judged by.

    Sessions are never shuffled: who knows what was played next month knows what will be discovered till then.

    Parameters
    ----------
    sessions : sequence of (n,) int64
        In the order of time.
    share : float
        Of the sessions to learn from, over 0 and under 1. At least one session is left on either side.

    Raises
    ------
    ValueError
        If there are fewer than two sessions, or share is not between 0 and 1.

    Examples
    --------
    >>> first, rest = split_by_time([np.array([i, i + 1]) for i in range(5)])
    >>> len(first), rest
    (4, [array([4, 5])])
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1, got {share}")
    if len(sessions) < 2:
        raise ValueError(
            f"there must be at least two sessions, one to learn from and one to judge by, got {len(sessions)}"
        )
    cut = min(max(int(share * len(sessions)), 1), len(sessions) - 1)
    return list(sessions[:cut]), list(sessions[cut:])
