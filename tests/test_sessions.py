"""Sessions: they end at silence, lose nothing but what is too short, and are split by time."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.recommend.next_track.sessions import split_at_gaps, split_by_time


def test_silence_counts_from_the_end_of_a_play():
    items, started = np.arange(4), np.array([0, 4_000, 8_000, 8_100])
    ended = np.array([600, 4_100, 8_050, 8_200])
    assert [s.tolist() for s in split_at_gaps(items, started, ended)] == [[0, 1], [2, 3]]
    assert [s.tolist() for s in split_at_gaps(items, started)] == [[2, 3]]
    # Just an hour is no gap yet; a long play that overlaps the next ones keeps the session open.
    assert len(split_at_gaps(items[:2], np.array([0, 3_600]))) == 1
    (whole,) = split_at_gaps(items[:3], np.array([0, 100, 7_000]), np.array([6_000, 200, 7_100]))
    assert whole.tolist() == [0, 1, 2]


@given(st.lists(st.integers(0, 20_000), max_size=30), st.integers(1, 9_000), st.integers(1, 3))
def test_sessions_are_the_plays_in_order(starts, gap, shortest):
    started = np.sort(np.array(starts, dtype=np.int64))
    items = np.arange(len(started))
    sessions = split_at_gaps(items, started, gap=gap, shortest=shortest)
    assert all(len(session) >= shortest for session in sessions)
    for session in sessions:
        np.testing.assert_array_equal(np.diff(session), 1)
        assert (np.diff(started[session]) <= gap).all()
    whole = split_at_gaps(items, started, gap=gap, shortest=1)
    np.testing.assert_array_equal(np.concatenate([items[:0], *whole]), items)
    for before, after in itertools.pairwise(whole):
        assert started[after[0]] - started[before[-1]] > gap


def test_what_are_no_plays():
    with pytest.raises(ValueError, match="must be in the order of time"):
        split_at_gaps(np.arange(2), np.array([5, 1]))
    with pytest.raises(ValueError, match="must have one shape"):
        split_at_gaps(np.arange(2), np.array([5]))
    with pytest.raises(ValueError, match="gap and shortest must be at least 1, got 0 and 2"):
        split_at_gaps(np.arange(1), np.array([5]), gap=0)


@given(st.integers(2, 40), st.floats(0.01, 0.99))
def test_the_split_leaves_something_on_either_side(n, share):
    sessions = [np.array([i, i]) for i in range(n)]
    first, rest = split_by_time(sessions, share=share)
    assert first
    assert rest
    assert [int(s[0]) for s in (*first, *rest)] == list(range(n))


def test_what_cannot_be_split():
    with pytest.raises(ValueError, match="at least two sessions, one to learn from and one to judge by, got 1"):
        split_by_time([np.array([1, 2])])
    with pytest.raises(ValueError, match="share must lie between 0 and 1, got 1"):
        split_by_time([np.array([1, 2])] * 3, share=1)
