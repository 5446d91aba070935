"""spotdl: where it is, whether its version is one that is understood here, and how it is called.

References
----------
https://spotdl.readthedocs.io/en/latest/usage/
"""

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass

from audiosim.errors import AudiosimError, SettingsError

REQUIREMENT = "spotdl>=4.6,<5"
_LEAST, _BELOW = (4, 6), (5, 0)
_VERSION = re.compile(r"^v?(\d+)\.(\d+)[\w.+-]*\s*$", re.MULTILINE)
_STARTS_WITHIN = 300.0  # s

# Names within the folder that the program is started in, so that no path can be taken for a template.
SONG_FILE, FOUND_FILE = "song.spotdl", "found.spotdl"
ARCHIVE_FILE, ERRORS_FILE = "archive.txt", "errors.txt"
_OUTPUT_STEM = "audio"


class ProgramError(AudiosimError):
    """spotdl is not there, does not start, or has another version than those that are understood."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that can be started: its first arguments, and its version."""

    arguments: tuple[str, ...]
    version: str

    def saving(self, query: str) -> list[str]:
        """How the songs that a query means are written to `FOUND_FILE`, without fetching any."""
        # The query stands before options that take any number of values. --lyrics without one: they are not wanted.
        return [*self.arguments, "save", query, "--save-file", FOUND_FILE, "--threads", "1", *_ALWAYS]

    def downloading(self, suffix: str) -> list[str]:
        """How the song in `SONG_FILE` becomes the file `arrival(suffix)`; done songs are listed in `ARCHIVE_FILE`."""
        output = f"{_OUTPUT_STEM}.{{output-ext}}"
        wanted = ["--format", suffix, "--output", output, "--archive", ARCHIVE_FILE, "--threads", "1"]
        return [*self.arguments, "download", SONG_FILE, *wanted, *_ALWAYS]


# Only the log of DEBUG holds what yt-dlp said, HTTP 404 say; the file of errors names the song and nothing else.
_ALWAYS = ("--save-errors", ERRORS_FILE, "--lyrics", "--log-level", "DEBUG", "--simple-tui")


def arrival(suffix: str) -> str:
    """Name of the file that `Program.downloading` makes."""
    return f"{_OUTPUT_STEM}.{suffix}"


def find_program(command: str = "", *, within: float = _STARTS_WITHIN) -> Program:
    """Find spotdl and ask it for its version.

    Parameters
    ----------
    command : str
        The program and its first arguments, as in a shell; "" looks for spotdl on PATH, then for uvx.
    within : float (s)
        How long it may take to say its version; uvx installs what it runs for the first time.

    Raises
    ------
    ProgramError
        It is not found, does not start, or its version is not in 4.6 .. 5.
    SettingsError
        The command cannot be read.
    """
    arguments = locate(command)
    return Program(arguments, require_version(_ask_version(arguments, within), arguments))


def locate(command: str = "") -> tuple[str, ...]:
    """Arguments that start spotdl, as `find_program` looks for it; nothing is started.

    Raises
    ------
    ProgramError
        It is not found.
    SettingsError
        The command cannot be read.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SettingsError(f"fetch.command must be a program and its arguments, got {command!r}: {error}") from error
    if words:
        if program := shutil.which(words[0]):
            return (program, *words[1:])
        raise ProgramError(f"fetch.command names {words[0]}, which is no program that can be run here")
    if program := shutil.which("spotdl"):
        return (program,)
    if program := shutil.which("uvx"):
        return (program, "--from", REQUIREMENT, "spotdl")
    raise ProgramError(
        f'spotdl is not found; install it apart from audiosim, with: pipx install "{REQUIREMENT}"; or install uv, or '
        "set the variable AUDIOSIM_FETCH_COMMAND"
    )


def require_version(said: str, arguments: tuple[str, ...]) -> str:
    r"""Take the version out of what the program printed, or refuse it.

    Raises
    ------
    ProgramError
        There is none, or it is not in 4.6 .. 5.

    Examples
    --------
    >>> require_version("4.6.0\n", ("spotdl",))
    '4.6.0'
    """
    found = _VERSION.search(said)
    if found is None:
        raise ProgramError(f"{shlex.join(arguments)} --version must print a version, got {said.strip()[:200]!r}")
    version = found[0].strip().removeprefix("v")
    if not _LEAST <= (int(found[1]), int(found[2])) < _BELOW:
        raise ProgramError(
            f"{REQUIREMENT} is understood, {shlex.join(arguments)} is {version}; "
            f'install another, with: pipx install --force "{REQUIREMENT}"'
        )
    return version


def _ask_version(arguments: tuple[str, ...], within: float) -> str:
    try:
        told = subprocess.run(  # noqa: S603 - what the user set or has on PATH
            [*arguments, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=within,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ProgramError(f"{shlex.join(arguments)} did not say its version within {within:g} s") from error
    except OSError as error:
        raise ProgramError(f"{shlex.join(arguments)} cannot be started: {error.strerror or error}") from error
    said = told.stdout.decode(errors="replace")
    if told.returncode:
        last = (said.strip().splitlines() or ["nothing"])[-1]
        raise ProgramError(f"{shlex.join(arguments)} --version ended with {told.returncode}: {last[:200]}")
    return said
