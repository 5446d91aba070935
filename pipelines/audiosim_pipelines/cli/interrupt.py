"""Ctrl-C, remembered: a KeyboardInterrupt that comes while a library runs may be caught and forgotten there."""

import signal
import threading
from types import FrameType

_asked = threading.Event()


def watch() -> None:
    """Raise KeyboardInterrupt on Ctrl-C, as ever, and remember that it was asked for."""
    _asked.clear()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where the shell has it ignored
        signal.signal(signal.SIGINT, _remember)


def check() -> None:
    """Raise the KeyboardInterrupt again if the first one was lost."""
    if _asked.is_set():
        raise KeyboardInterrupt


def _remember(number: int, frame: FrameType | None) -> None:
    _asked.set()
    signal.default_int_handler(number, frame)
