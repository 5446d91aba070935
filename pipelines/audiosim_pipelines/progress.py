"""How stages tell how far they are, without knowing of a screen."""

import contextlib
from collections.abc import Callable, Generator
from typing import Protocol


class Progress(Protocol):
    """What a stage reports to: bars of a known length, and single lines."""

    def bar(self, stage: str, total: int, unit: str) -> "contextlib.AbstractContextManager[Callable[[int], None]]":
        """Open a bar of `total` units; the value is called with every number of units done."""
        ...

    def say(self, line: str) -> None:
        """Say one line."""
        ...


class Silent:
    """Reports nothing; the default for Python callers."""

    @contextlib.contextmanager
    def bar(self, stage: str, total: int, unit: str) -> Generator[Callable[[int], None]]:
        """A bar that nobody sees."""
        del stage, total, unit
        yield lambda _: None

    def say(self, line: str) -> None:
        """Say nothing."""
