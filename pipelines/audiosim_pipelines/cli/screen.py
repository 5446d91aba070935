"""What people see: progress and notes on stderr, results on stdout."""

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichBars
from rich.table import Table
from rich.text import Text

from audiosim_pipelines.cli import interrupt

_PLAIN_INTERVAL = 10.0  # seconds between lines when stderr is no terminal


def _console(*, to_stderr: bool) -> Console:
    # NO_COLOR (no-color.org) is taken to mean no escape codes at all: neither bold titles nor bars.
    is_plain = bool(os.environ.get("NO_COLOR"))
    return Console(
        stderr=to_stderr,
        highlight=False,
        soft_wrap=to_stderr,
        # A table in a file or a pipe is not to be folded to some imagined width.
        width=None if to_stderr or sys.stdout.isatty() else 200,
        color_system=None if is_plain else "auto",
        force_terminal=False if is_plain else None,
    )


stdout, stderr = _console(to_stderr=False), _console(to_stderr=True)


class Screen:
    """Bars on a terminal, plain lines elsewhere."""

    @contextlib.contextmanager
    def bar(self, stage: str, total: int, unit: str) -> Generator[Callable[[int], None]]:
        """A bar with count, rate and time left; a closing line stays behind."""
        started = time.monotonic()
        done = 0
        if total and stderr.is_terminal:
            columns = (
                TextColumn("{task.description:<22}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}"),
            )
            with RichBars(*columns, TimeRemainingColumn(), console=stderr, transient=True) as bars:
                task = bars.add_task(stage, total=total, unit=unit)

                def advance(n: int) -> None:
                    nonlocal done
                    interrupt.check()
                    done += n
                    rate = done / max(time.monotonic() - started, 1e-9)
                    bars.update(task, completed=done, unit=f"{unit}, {_rate(rate)} {unit}/s")

                yield advance
        else:
            said = began = started
            at_first = 0  # what came first also waited for all that is loaded and compiled once

            def advance_plainly(n: int) -> None:
                nonlocal done, said, began, at_first
                interrupt.check()
                now = time.monotonic()
                if not done:
                    began, at_first = now, n
                done += n
                if now - said >= _PLAIN_INTERVAL:
                    said = now
                    left = ""
                    if done > at_first:
                        left = f", about {(total - done) * (now - began) / (done - at_first):.0f} s left"
                    self.say(f"{stage}: {done} of {total} {unit}{left}")

            yield advance_plainly
        if done:
            took = time.monotonic() - started
            self.say(f"{stage}: {done} {unit} in {took:.1f} s ({_rate(done / max(took, 1e-9))} {unit}/s)")

    def say(self, line: str) -> None:
        """One line on stderr."""
        interrupt.check()
        stderr.print(Text(line))


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"


def print_json(value: object) -> None:
    """A JSON document on stdout."""
    # Escapes of the stream, which people can read, would be no JSON.
    as_ascii = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(_defined(value), indent=1, ensure_ascii=as_ascii, allow_nan=False) + "\n")


def _defined(value: object) -> object:
    """The same with null for numbers that are undefined, which JSON has no word for."""
    if isinstance(value, Mapping):
        return {key: _defined(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[str] = ()) -> None:
    """A table on stdout; columns are flushed right unless named in `left`."""
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    stdout.print(table, crop=False)


def print_line(line: str) -> None:
    """One line on stdout."""
    stdout.print(Text(line), soft_wrap=True)
