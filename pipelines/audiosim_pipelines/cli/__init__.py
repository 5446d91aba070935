"""The `audiosim` command: thin verbs, each over one function of the pipelines or the library."""

import os
import sys
import warnings
from typing import Annotated, NoReturn, TextIO

import typer

from audiosim import __version__
from audiosim_pipelines.cli import (
    baseline,
    bench,
    explain,
    features,
    fetch,
    genre,
    interrupt,
    journey,
    listening,
    next_track,
    pictures,
    questions,
    recommend,
    releases,
    stages,
    taste,
    versions,
)

EXIT_FAILURE, EXIT_PARTIAL, EXIT_INTERRUPTED = 1, 3, 130

app = typer.Typer(
    name="audiosim",
    help="Audio similarity of a music library: exact DTW and cosine comparison of everything with everything.",
    epilog="Exit codes: 0 done, 1 failure, 2 wrong usage, 3 some files or tracks failed, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
stages.register(app)
baseline.register(app)
questions.register(app)
features.register(app)
pictures.register(app)
explain.register(app)
versions.register(app)
listening.register(app)
releases.register(app)
fetch.register(app)
recommend.register(app)
journey.register(app)
next_track.register(app)
genre.register(app)
taste.register(app)
bench.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"audiosim {__version__}")
        raise typer.Exit


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction] - typer calls it
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line; expected errors become one line and an exit code."""
    from audiosim.errors import AudiosimError

    for stream in (sys.stdout, sys.stderr):
        _escape_what_cannot_be_shown(stream)
    warnings.showwarning = _say_warning
    interrupt.watch()
    try:
        app()
    except AudiosimError as error:
        _leave(f"error: {error}", EXIT_FAILURE)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _leave(f"error: {error.strerror or error}{where}; what was committed is safe, run again", EXIT_FAILURE)
    except SystemExit as ended:
        if ended.code == EXIT_INTERRUPTED:  # what typer makes of Ctrl-C
            _leave("interrupted; what was committed is safe, run again to go on", EXIT_INTERRUPTED)
        raise


def _escape_what_cannot_be_shown(stream: TextIO) -> None:
    """A title that the terminal's encoding lacks is no reason to fail."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _say_warning(message: Warning | str, *_: object) -> None:
    """A warning as one line, without the place in the code that nobody asked for."""
    print(f"note: {message}", file=sys.stderr, flush=True)  # noqa: T201


def _leave(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr, flush=True)  # noqa: T201
    sys.stdout.flush()
    # Threads of a half-done decode or tile have nothing left to say.
    os._exit(code)
