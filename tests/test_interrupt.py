"""Ctrl-C is never lost, whatever a library does with the exception that it becomes."""

import os
import signal

import pytest

from audiosim_pipelines.cli import interrupt
from audiosim_pipelines.cli.screen import Screen


@pytest.fixture
def watched():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt.watch()
    yield
    interrupt._asked.clear()
    signal.signal(signal.SIGINT, before)


def swallow_an_interrupt():
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("watched")
def test_what_was_swallowed_is_raised_at_the_next_step():
    def work():
        with Screen().bar("extract", 3, "tracks") as advance:
            advance(1)
            swallow_an_interrupt()
            advance(1)

    with pytest.raises(KeyboardInterrupt):
        work()
    with pytest.raises(KeyboardInterrupt):
        Screen().say("comparing")


@pytest.mark.usefixtures("watched")
def test_a_new_run_in_the_same_process_is_not_interrupted(capsys):
    swallow_an_interrupt()
    interrupt.watch()
    Screen().say("comparing")
    assert "comparing" in capsys.readouterr().err


def test_where_the_shell_has_it_ignored_it_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupt.watch()
        os.kill(os.getpid(), signal.SIGINT)
        interrupt.check()
    finally:
        signal.signal(signal.SIGINT, before)
