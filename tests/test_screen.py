"""What is told of progress where stderr is no terminal."""

import pytest

from audiosim_pipelines.cli import screen


@pytest.fixture
def clock(monkeypatch):
    """Moments to set by hand."""
    now = [100.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: now[0])
    return now


def test_time_left_counts_from_the_first_that_was_done(clock, capsys):
    """The first track waits for libraries to load and kernels to compile; those that follow do not."""
    with screen.Screen().bar("extract", 40, "tracks") as advance:
        for moment in (120.0, 121.0, 131.0, 132.0):
            clock[0] = moment
            advance(1)
    assert capsys.readouterr().err.splitlines() == [
        "extract: 1 of 40 tracks",
        "extract: 3 of 40 tracks, about 204 s left",  # 5.5 s for each of 37
        "extract: 4 tracks in 32.0 s (0.12 tracks/s)",
    ]


def test_what_is_soon_done_is_told_once(clock, capsys):
    with screen.Screen().bar("compare dtw", 780, "pairs") as advance:
        advance(700)
        clock[0] += 0.5
        advance(80)
    assert capsys.readouterr().err == "compare dtw: 780 pairs in 0.5 s (1,560 pairs/s)\n"


def test_nothing_to_do_is_not_worth_a_word(capsys):
    with screen.Screen().bar("add", 0, "files"):
        pass
    assert capsys.readouterr().err == ""
