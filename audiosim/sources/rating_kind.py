"""What somebody can think of a track: that they like it, a rating, or how often they played it."""

import math
from collections.abc import Iterable, Mapping
from typing import Literal

RatingKind = Literal["like", "rating", "plays"]
LOWEST, HIGHEST = 1.0, 10.0  # of ratings

LIKES: Mapping[str, float] = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "like", "liked"), 1.0),
    **dict.fromkeys(("0", "0.0", "false", "no", "dislike", "disliked"), 0.0),
}
# What columns of counts are called.
_COUNTS = frozenset({"plays", "play_count", "playcount", "played", "n_plays", "listens"})


def kind_of(column: str, cells: Iterable[str]) -> RatingKind:
    """What a column holds: counts, if it is called so; likes, if it is nothing but yes and no, or 1 and 0.

    Examples
    --------
    >>> kind_of("like", ["1", "no"]), kind_of("rating", ["1", "7.5"]), kind_of("Plays", ["1", "0"])
    ('like', 'rating', 'plays')
    """
    if column.strip().casefold() in _COUNTS:
        return "plays"
    return "like" if {cell.strip().casefold() for cell in cells} <= LIKES.keys() else "rating"


def rating_of(cell: str, kind: RatingKind) -> float:
    """A cell as a number.

    Raises
    ------
    ValueError
        It is none, or none that the kind can have; the text says what it must be.

    Examples
    --------
    >>> rating_of("Yes", "like"), rating_of("7.5", "rating"), rating_of("12", "plays")
    (1.0, 7.5, 12.0)
    """
    said = cell.strip().casefold()
    if kind == "like":
        if said not in LIKES:
            raise ValueError(f"be yes or no, or 1 or 0, got {cell[:40]!r}")
        return LIKES[said]
    try:
        value = float(said)
    except ValueError:
        raise ValueError(f"be a number, got {cell[:40]!r}") from None
    if not math.isfinite(value) or (kind == "plays" and value < 0.0):
        raise ValueError(f"be a finite number{', at least 0' if kind == 'plays' else ''}, got {cell[:40]!r}")
    return value
