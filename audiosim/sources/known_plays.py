"""Plays that are known from several exports: which of them a new export tells again, and what it adds."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace

from audiosim.sources.fold import fold
from audiosim.sources.play import Play

# A scrobble and a stream tell of the same play if it began within so many seconds: players pause, and clocks differ.
_SAME_START = 120
# Plays that are the same began within so many seconds of one another, whatever was completed since: the tolerance, and
# a minute each for the end, the scrobble and the new play, which may be known to the minute only.
_BUCKET = _SAME_START + 3 * 60


class KnownPlays:
    """Known plays, by what was played and when.

    Parameters
    ----------
    plays : iterable of (int, Play)
        With their numbers.
    """

    def __init__(self, plays: Iterable[tuple[int, Play]]) -> None:
        self._plays: dict[int, Play] = {}
        self._buckets: dict[tuple[str, int], list[int]] = {}
        self._names: dict[tuple[str, str], str] = {}
        for number, play in plays:
            self.put(number, play)

    def __getitem__(self, number: int) -> Play:
        return self._plays[number]

    def put(self, number: int, play: Play) -> None:
        """Add a play, or put it in the place of the one of its number."""
        before = self._plays.get(number)
        if before is not None:
            self._buckets[self._bucket(before)].remove(number)
        self._plays[number] = play
        self._buckets.setdefault(self._bucket(play), []).append(number)

    def find(self, plays: Sequence[Play]) -> list[int | None]:
        """Which known play each play of an export is: its number, or None where it is new.

        An export never tells a play twice, so no known play is given for two of them. What has the very same time comes
        first, then what tells the same time to the minute, then what began nearest: so an export that was added finds
        all its plays again, whatever was added since.
        """
        found: list[int | None] = [None] * len(plays)
        taken: set[int] = set()
        for is_match in (_is_told_alike, _is_same):
            for position, play in enumerate(plays):
                if found[position] is not None:
                    continue
                free = (number for number in self._near(play) if number not in taken)
                matching = [number for number in free if is_match(self._plays[number], play)]
                if matching:
                    number = min(matching, key=lambda number: self._remoteness(number, play))
                    found[position] = number
                    taken.add(number)
        return found

    def _remoteness(self, number: int, play: Play) -> tuple[bool, int, int]:
        known = self._plays[number]
        return not _is_of_one_kind(known, play), abs(known.started_at - play.started_at), number

    def _near(self, play: Play) -> Iterator[int]:
        """Numbers of all plays that may be the same."""
        name, bucket = self._bucket(play)
        for neighbor in (bucket - 1, bucket, bucket + 1):
            yield from self._buckets.get((name, neighbor), ())

    def _bucket(self, play: Play) -> tuple[str, int]:
        names = play.artist, play.title
        if names not in self._names:
            self._names[names] = fold(*names)
        return self._names[names], play.started_at // _BUCKET


def completed(known: Play, play: Play) -> Play:
    """What is known of a play, and what another export adds."""
    missing = {
        field.name: getattr(play, field.name)
        for field in fields(Play)
        if getattr(known, field.name) is None and getattr(play, field.name) is not None
    }
    if known.ended_at is None and play.ended_at is not None:
        missing["ms_played"] = play.ms_played  # a player's own word outweighs what a scrobble says of it
    missing["ended_at"] = ended_at = _finer(known.ended_at, play.ended_at)
    missing["scrobbled_at"] = scrobbled_at = _finer(known.scrobbled_at, play.scrobbled_at)
    whole = replace(known, **missing)
    started_at = scrobbled_at if ended_at is None else ended_at - (whole.ms_played or 0) // 1_000
    return replace(whole, started_at=known.started_at if started_at is None else started_at)


def _finer(known: int | None, other: int | None) -> int | None:
    """Of two times that are the same the one with seconds."""
    if known is None or other is None:
        return other if known is None else known
    return other if _is_to_the_minute(known) else known


def _is_to_the_minute(moment: int) -> bool:
    """Whether a time may have been told without its seconds; one in sixty that were told looks so as well."""
    return moment % 60 == 0


def _is_of_one_kind(known: Play, play: Play) -> bool:
    """Whether both are streams, of which the end is told, or both scrobbles, of which the beginning is."""
    told = "ended_at" if play.ended_at is not None else "scrobbled_at"
    return getattr(known, told) is not None


def _is_told_alike(known: Play, play: Play) -> bool:
    """Whether two plays have the very same time."""
    if play.ended_at is not None:
        return known.ended_at == play.ended_at and known.ms_played == play.ms_played
    return known.scrobbled_at is not None and known.scrobbled_at == play.scrobbled_at


def _is_same(known: Play, play: Play) -> bool:
    """Whether two plays of one name are one."""
    if not _is_of_one_kind(known, play):
        return abs(known.started_at - play.started_at) <= _SAME_START
    if play.ended_at is not None:
        return known.ms_played == play.ms_played and _is_same_time(known.ended_at, play.ended_at)
    return _is_same_time(known.scrobbled_at, play.scrobbled_at)


def _is_same_time(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return False
    # Minutes are cut off, not rounded: 3:13:59 and 3:13 are the same.
    unit = 60 if _is_to_the_minute(one) or _is_to_the_minute(other) else 1
    return one // unit == other // unit
