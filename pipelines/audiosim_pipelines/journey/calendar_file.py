"""Calendars as other programs import them: events that last all day.

References
----------
Desruisseaux (2009), "Internet Calendaring and Scheduling Core Object Specification (iCalendar)", RFC 5545.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_LONGEST_LINE = 75  # octets, without the line break
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Event:
    """What a calendar shows on a day.

    Attributes
    ----------
    date : datetime.date
    title : str
    text : str
        Lines are separated by line feeds.
    """

    date: dt.date
    title: str
    text: str


def calendar_text(name: str, events: Sequence[Event], *, made: dt.date, revision: int = 0) -> str:
    """A calendar as the text of an `.ics` file.

    Parameters
    ----------
    name : str
        Of the calendar. With the date it makes the identity of an event: a calendar that is imported again replaces
        events, if its revision is larger.
    events : sequence of Event
    made : datetime.date
        When it was first planned; with the same date the same events give the same text.
    revision : int
        How often it was changed since.

    Returns
    -------
    str
        Lines end in CR LF, as the format wants them; write them without translation.

    Examples
    --------
    >>> text = calendar_text("trip", [Event(dt.date(2026, 1, 2), "day 1", "one")], made=dt.date(2026, 1, 1))
    >>> [line for line in text.splitlines() if line.startswith("DTSTART")]
    ['DTSTART;VALUE=DATE:20260102']
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//audiosim//journey//EN",
        "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{_escaped(name)}",
    ]
    for event in events:
        identity = hashlib.sha256(f"{name}\n{event.date.isoformat()}".encode()).hexdigest()[:32]
        lines += [
            "BEGIN:VEVENT",
            f"UID:{identity}@audiosim",
            f"DTSTAMP:{made:%Y%m%d}T000000Z",
            f"SEQUENCE:{revision}",
            f"DTSTART;VALUE=DATE:{event.date:%Y%m%d}",
            f"DTEND;VALUE=DATE:{event.date + dt.timedelta(days=1):%Y%m%d}",
            f"SUMMARY:{_escaped(event.title)}",
            f"DESCRIPTION:{_escaped(event.text)}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for part in _folded(lines))


def _escaped(text: str) -> str:
    """Text as a value; what is no character of text is left out."""
    plain = "\n".join(text.splitlines()).encode("utf-8", "ignore").decode()
    return "".join(letter for letter in plain if letter == "\n" or letter.isprintable()).translate(_ESCAPES)


def _folded(lines: Iterable[str]) -> Iterator[str]:
    """Lines of 75 octets at most, between letters; what goes on begins with a space."""
    for line in lines:
        part, size = "", 0
        for letter in line:
            n_octets = len(letter.encode())
            if size + n_octets > _LONGEST_LINE:
                yield part
                part, size = " ", 1
            part += letter
            size += n_octets
        yield part
