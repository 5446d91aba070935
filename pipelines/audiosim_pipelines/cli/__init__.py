"""The `audiosim` command: thin verbs, each over one function of the pipelines or the library."""

import os
import sys
from typing import NoReturn

import typer

from audiosim_pipelines.cli import questions, stages

EXIT_FAILURE, EXIT_PARTIAL, EXIT_INTERRUPTED = 1, 3, 130

app = typer.Typer(
    name="audiosim",
    help="Audio similarity of a music library: exact DTW and cosine comparison of everything with everything.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
stages.register(app)
questions.register(app)


def main() -> None:
    """Run the command line; expected errors become one line and an exit code."""
    from audiosim.errors import AudiosimError

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


def _leave(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr, flush=True)  # noqa: T201
    sys.stdout.flush()
    # Threads of a half-done decode or tile have nothing left to say.
    os._exit(code)
