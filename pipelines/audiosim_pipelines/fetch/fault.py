"""What can go wrong when a program fetches, told apart by what it makes sense to do."""

import re
from dataclasses import dataclass
from typing import Literal

from audiosim.sources.tags import clean_text
from audiosim_pipelines.fetch.child import Ran

Kind = Literal["passing", "final", "busy", "full"]

_LONGEST = 300  # characters of a reason
_FULL = re.compile(r"no space left on device|disk quota exceeded|file too large|errno (?:27|28|122)\]", re.IGNORECASE)
_BUSY = re.compile(r"http error 429|429 client error|too many requests|rate/request limit", re.IGNORECASE)
_FINAL = re.compile(
    r"http error 4(?:0[134]|10)\b|\b4(?:0[134]|10) client error|http status: 40[134]|no results found|"
    r"no \w+ matches found|no longer exists|video unavailable|private video|not available in your country|invalid url|"
    r"missing required|incorrect format|must be logged in",
    re.IGNORECASE,
)
# Frames of tracebacks, which quote lines of code, and what stands between them.
_FRAME = re.compile(r"^\W*$|^(?:[│╭╰❱^~]|File \"|Traceback|During handling|The above exception|An error occurred)")
_CAUSE = re.compile(r"ERROR: |HTTP Error \d{3}|\[Errno \d+\]")
_RAISED = re.compile(r"^[\w.]*(?:Error|Exception|Interrupt): ")
# What stands before a reason: types of errors, "ERROR:", and yt-dlp's extractor with the id of the video.
_LABEL = re.compile(r"^(?:[\w.]*(?:Error|Exception): |ERROR: |\[\w+\] (?:[\w.-]+: )?)+")
_DATE_LINE = re.compile(r"\d{4}(?:-\d{2}){5}")  # before the errors of each run


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason, and its kind.

    Passing faults may be gone at the next attempt; final ones will not be; with a busy service or a full disk nothing
    else will succeed now either. `pause` are the seconds that a busy service asks for.
    """

    kind: Kind
    reason: str
    pause: float | None = None

    @property
    def ends_all(self) -> bool:
        """Whether nothing else would succeed now either."""
        return self.kind in {"busy", "full"}


def fault_of(ran: Ran, errors: str, *, timeout: float) -> Fault:
    """Tell why a program made nothing.

    Parameters
    ----------
    ran : Ran
        How it ended.
    errors : str
        What it wrote to its file of errors.
    timeout : float (s)
        What it was given.

    Examples
    --------
    >>> fault_of(Ran(0, "AudioProviderError: ERROR: [youtube] HTTP Error 404: Not Found"), "", timeout=9.0)
    Fault(kind='final', reason='HTTP Error 404: Not Found', pause=None)
    """
    if ran.pause is not None:
        return Fault("busy", f"the service asks to come again in {ran.pause:.0f} s", ran.pause)
    reason = _reason(ran.log, errors)
    if _FULL.search(f"{errors}\n{reason}"):
        return Fault("full", reason)
    if ran.is_late:
        return Fault("passing", f"spotdl did not end within {timeout:g} s and was ended")
    said = f"{errors}\n{reason}"
    if ran.code:
        reason = f"spotdl ended with {ran.code}: {reason or 'it said nothing'}"
    reason = reason or "spotdl made no file and gave no reason"
    if _BUSY.search(said):
        return Fault("busy", reason)
    return Fault("final" if _FINAL.search(said) else "passing", reason)


def _reason(log: str, errors: str) -> str:
    """The line that says most: a cause in the log, what is in the file of errors, or the last that was said."""
    said = [line.strip() for line in log.splitlines()]
    said = [line for line in said if not _FRAME.match(line)]
    listed = [line.strip() for line in errors.splitlines() if line.strip() and not _DATE_LINE.fullmatch(line.strip())]
    causes = [line for line in said if _CAUSE.search(line)]
    raised = [line for line in said if _RAISED.match(line)]
    lines = next((lines for lines in (causes, listed, raised, said) if lines), [""])
    return (clean_text(_LABEL.sub("", lines[-1])) or "")[:_LONGEST]
