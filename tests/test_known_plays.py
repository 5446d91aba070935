"""Plays of several exports: which are one, and what is known of them then."""

from dataclasses import replace

import pytest

from audiosim.sources.known_plays import KnownPlays, completed
from audiosim.sources.play import Play

NOON = 1_579_176_000  # a whole minute


def stream(ended_at, ms_played=200_000, **more):
    return Play(ended_at - ms_played // 1_000, "A", "T", "s", ended_at, ms_played, **more)


def scrobble(moment, **more):
    return Play(moment, "A", "T", "l", scrobbled_at=moment, **more)


def find(known, *plays):
    return KnownPlays(enumerate(known)).find(plays)


@pytest.mark.parametrize(
    ("known", "play", "is_one"),
    [
        (stream(NOON + 7), stream(NOON + 7), True),
        (stream(NOON + 7), stream(NOON + 8), False),
        (stream(NOON + 7), stream(NOON + 7, 200_001), False),
        (stream(NOON), stream(NOON + 59), True),  # minutes are cut off
        (stream(NOON + 59), stream(NOON), True),
        (stream(NOON), stream(NOON - 1), False),
        (scrobble(NOON + 7), scrobble(NOON + 7), True),
        (scrobble(NOON + 7), scrobble(NOON + 8), False),
        (scrobble(NOON), scrobble(NOON + 59), True),
        (scrobble(NOON), scrobble(NOON + 60), False),
        (stream(NOON + 320), scrobble(NOON), True),
        (stream(NOON + 321), scrobble(NOON), False),
        (stream(NOON + 80), scrobble(NOON), True),
        (stream(NOON + 79), scrobble(NOON), False),
        (scrobble(NOON), stream(NOON + 320), True),
    ],
)
def test_which_plays_are_one(known, play, is_one):
    # Wherever in time, that it be no matter of how known plays are kept.
    for shift in range(0, 720, 60):
        moved = [
            Play(
                one.started_at + shift, one.artist, one.title, one.source, one.ended_at and one.ended_at + shift,
                one.ms_played, one.scrobbled_at and one.scrobbled_at + shift,
            )
            for one in (known, play)
        ]  # fmt: skip
        assert find(moved[:1], moved[1]) == [0 if is_one else None]


def test_names_are_folded():
    assert find([Play(9, "Béla & Band", "Air (Remastered)", "l", scrobbled_at=9)], Play(
        9, "bela and band", "Air", "l", scrobbled_at=9
    )) == [0]  # fmt: skip


def test_what_is_of_one_kind_comes_before_what_is_near():
    # The stream began a second after the minute, the scrobble half a minute; but it is the scrobble that is told again.
    known = [stream(NOON + 201), scrobble(NOON + 30)]
    assert find(known, scrobble(NOON)) == [1]
    assert find(known, scrobble(NOON), scrobble(NOON + 30)) == [0, 1]


def test_the_very_same_time_comes_first_whatever_the_order():
    known = [scrobble(NOON), scrobble(NOON + 30)]
    assert find(known, scrobble(NOON + 30), scrobble(NOON)) == [1, 0]
    assert find([scrobble(NOON + 30), scrobble(NOON)], scrobble(NOON), scrobble(NOON + 30)) == [1, 0]


def test_a_known_play_is_given_once_and_the_nearest_first():
    known = [stream(NOON + 300), stream(NOON + 210)]
    assert find(known, scrobble(NOON + 5), scrobble(NOON + 6), scrobble(NOON + 7)) == [1, 0, None]


def test_a_play_that_was_put_anew_is_found_by_its_new_time():
    plays = KnownPlays([(7, scrobble(NOON))])
    plays.put(7, stream(NOON + 10_000))
    assert plays.find([scrobble(NOON), stream(NOON + 10_000)]) == [None, 7]
    assert plays[7].ended_at == NOON + 10_000


def test_a_play_is_completed():
    told = scrobble(NOON, ms_played=61_000, isrc="USRC17607839")
    whole = completed(told, stream(NOON + 240, album="Suites"))
    assert whole == replace(completed(stream(NOON + 240, album="Suites"), told), source="l")
    assert (whole.ended_at, whole.scrobbled_at, whole.ms_played) == (NOON + 240, NOON, 200_000)
    assert (whole.started_at, whole.album, whole.isrc) == (NOON + 40, "Suites", "USRC17607839")
    # What is known is not changed by what says less of it, or the same otherwise.
    assert completed(whole, scrobble(NOON, ms_played=1, album="Other")) == whole
    finer = completed(whole, stream(NOON + 247))
    assert (finer.ended_at, finer.started_at) == (NOON + 247, NOON + 47)
    assert completed(finer, stream(NOON + 240)) == finer
