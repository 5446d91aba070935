"""A passage: its corners, its path, its onsets, and how straight it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_chroma import FRAME_RATE, compose, play

from audiosim.alignment.local import RATE, Stretch
from audiosim.alignment.passages import passage_of, squared_deviations, with_onsets

PERIOD = FRAME_RATE / RATE


def diagonal(start_a, start_b, n):
    return np.stack([np.arange(start_a, start_a + n), np.arange(start_b, start_b + n)], axis=1)


def align(cells, a, b, semitones=0):
    return passage_of(Stretch(cells, semitones, 30.0, 0.1), a, b, frame_rate=FRAME_RATE, rate=RATE)


@pytest.fixture(scope="module")
def track():
    return play(compose(1), seed=1)[0]


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, 160, "whole"),
        (4, 155, "whole"),  # within a second of the ends of both
        (20, 100, "as it is"),
    ],
)
def test_a_passage_is_drawn_out_to_ends_that_are_near(track, start, stop, expected):
    passage = align(diagonal(start, start, stop - start), track, track)
    if expected == "whole":
        assert (passage.a_start, passage.b_start) == (0.0, 0.0)
        np.testing.assert_allclose([passage.a_stop, passage.b_stop], len(track) / FRAME_RATE)
    else:
        np.testing.assert_allclose(
            [passage.a_start, passage.a_stop], [start / RATE, stop / RATE], atol=1.0 / FRAME_RATE
        )
    np.testing.assert_array_equal(passage.path[:, 0], passage.path[:, 1])


def test_the_nearer_beginning_decides_where_the_other_track_goes_on(track):
    """B begins four seconds into A, and half a second before the stretch."""
    lag = round(4.0 * FRAME_RATE)
    passage = align(diagonal(22, 2, 80), track, track[lag:])
    assert passage.b_start == 0.0
    np.testing.assert_allclose(passage.a_start, 4.0, atol=2.0 / FRAME_RATE)
    np.testing.assert_allclose(passage.path[:, 0] - passage.path[:, 1], lag, atol=1)


@given(
    start=st.integers(0, 60), n=st.integers(25, 90), lag=st.integers(-40, 40), wobble=st.integers(0, 5),
    semitones=st.integers(0, 11),
)  # fmt: skip
def test_paths_lead_from_corner_to_corner_wherever_a_stretch_lies(start, n, lag, wobble, semitones):
    a = play(compose(2), seed=1)[0]
    cells = diagonal(start + 40, start + 40 + lag, n)
    cells[:, 1] += np.minimum(np.arange(n) // 6, wobble)
    cells = cells[(cells < len(a) // PERIOD).all(axis=1) & (cells >= 0).all(axis=1)]
    passage = align(cells, a, a, semitones)
    assert set(map(tuple, np.diff(passage.path, axis=0).tolist())) <= {(0, 1), (1, 0), (1, 1)}
    np.testing.assert_allclose(passage.path[0] / FRAME_RATE, [passage.a_start, passage.b_start])
    np.testing.assert_allclose((passage.path[-1] + 1) / FRAME_RATE, [passage.a_stop, passage.b_stop])
    assert 0.0 <= passage.a_start < passage.a_stop <= len(a) / FRAME_RATE
    np.testing.assert_allclose(passage.tempo_ratio, passage.a_duration / passage.b_duration)
    assert -5 <= passage.transposition <= 6
    assert (passage.transposition - semitones) % 12 == 0


def test_onsets_bring_together_instruments_that_die_away_differently():
    """The same notes, once plucked and once held, each in a stretch of its own."""
    rng = np.random.default_rng(0)
    onsets = np.cumsum(rng.integers(12, 30, size=40))
    a, b = np.full((900, 12), 0.02), np.full((900, 12), 0.02)
    for onset, pitch in zip(onsets, rng.integers(12, size=40), strict=True):
        held = slice(onset, min(onset + 30, 900))
        a[held, pitch] += 0.7 ** np.arange(held.stop - held.start)
        b[held, pitch] += 1.0
    path = align(diagonal(0, 0, 104), a, b).path
    errors = [np.abs(path[path[:, 0] == onset, 1] - onset).min() for onset in onsets if onset < 880]
    assert max(errors) <= 1


def test_onsets_are_rises_and_decay():
    frames = np.zeros((30, 12))
    frames[10:20, 3] = 0.5
    onsets = with_onsets(frames, frame_rate=FRAME_RATE)[:, 12:]
    np.testing.assert_array_equal(np.flatnonzero(onsets.any(axis=0)), [3])
    assert onsets[10, 3] == onsets.max() == 2.0
    assert (np.diff(onsets[10:16, 3]) < 0).all()
    assert not onsets[:10].any()
    assert not onsets[15:].any()
    np.testing.assert_array_equal(with_onsets(frames, frame_rate=FRAME_RATE)[:, :12], frames.astype(np.float32))


@given(slope=st.floats(0.2, 5.0), lag=st.integers(-50, 50), n=st.integers(8, 300))
def test_deviations_are_those_from_the_best_line(slope, lag, n):
    straight = np.stack([np.arange(n), slope * np.arange(n) + lag], axis=1)
    np.testing.assert_allclose(squared_deviations(straight), 0.0, atol=1e-6)
    # A step to either side of the line, across it, is found as long as it is.
    across = np.array([-slope, 1.0]) / np.hypot(slope, 1.0)
    pattern = np.array([1.0, -1.0, -1.0, 1.0])
    zigzag = straight[: n // 4 * 4] + 0.5 * np.tile(pattern, n // 4)[:, None] * across
    np.testing.assert_allclose(squared_deviations(zigzag), 0.25, rtol=1e-6)
    np.testing.assert_allclose(squared_deviations(zigzag[:, ::-1]), squared_deviations(zigzag), atol=1e-9)
