"""XSPF: playlists in XML.

References
----------
XSPF version 1, https://www.xspf.org/spec
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from audiosim.sources.playlist_entry import Listed, PlaylistEntry
from audiosim.sources.playlist_uri import entry_of, identifiers, location
from audiosim.sources.tags import clean_text

_NAMESPACE = "http://xspf.org/ns/0/"
# What XML 1.0 has no place for, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def listed(content: bytes) -> Iterator[Listed]:
    """Entries of a playlist in its order.

    Raises
    ------
    ValueError
        It is no XSPF, or declares a document type or entities, which no playlist needs.
    """
    try:
        root = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise ValueError("it must not declare a document type or entities") from error
    except (ET.ParseError, LookupError, ValueError) as error:
        raise ValueError(f"it is no XML: {error}") from error
    if _local(root.tag) != "playlist":
        raise ValueError(f"its root must be playlist, got {_local(root.tag)}")
    tracks = (track for part in root if _local(part.tag) == "trackList" for track in part)
    for number, track in enumerate((track for track in tracks if _local(track.tag) == "track"), start=1):
        said: dict[str, list[str]] = {}
        for child in track:
            said.setdefault(_local(child.tag), []).append((child.text or "").strip())
        first = {name: values[0] for name, values in said.items()}
        entry = entry_of(first, identifiers=said.get("identifier", []))
        names = tuple(name for name in said.get("location", []) if name)
        yield Listed(f"track {number}", names, entry, are_uris=True)


def text(entries: Iterable[PlaylistEntry], *, base: Path, relative: bool, title: str | None = None) -> str:
    """The playlist as text, in UTF-8 when it is written."""
    ET.register_namespace("", _NAMESPACE)
    root = ET.Element(f"{{{_NAMESPACE}}}playlist", version="1")
    _add(root, "title", title)
    tracks = ET.SubElement(root, f"{{{_NAMESPACE}}}trackList")
    for entry in entries:
        track = ET.SubElement(tracks, f"{{{_NAMESPACE}}}track")
        _add(track, "location", location(entry, base, relative=relative))
        for identifier in identifiers(entry):
            _add(track, "identifier", identifier)
        _add(track, "title", clean_text(entry.title))
        _add(track, "creator", clean_text(entry.artist))
        _add(track, "album", clean_text(entry.album))
        _add(track, "duration", None if entry.duration is None else str(round(1_000 * entry.duration)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _add(parent: ET.Element, name: str, content: str | None) -> None:
    if content is not None and (kept := _NO_XML.sub("", content)):
        ET.SubElement(parent, f"{{{_NAMESPACE}}}{name}").text = kept


def _local(tag: object) -> str:
    """A tag without its namespace, which not every program writes; comments have none."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
