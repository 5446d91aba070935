"""What all pages have in common: templates and scripts, and players of files that may move together with the page."""

import base64
import hashlib
import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import BaseLoader, Environment, StrictUndefined, Template

from audiosim.catalog import Catalog, Track
from audiosim.errors import AudiosimError
from audiosim_pipelines.whole_file import replacing


def read(name: str) -> str:
    """The text of a file in `templates`."""
    return (files("audiosim_pipelines.pages") / "templates" / name).read_text(encoding="utf-8")


def template(name: str) -> Template:
    """A template of `templates`; what it is given is escaped, and a name that it is not given is an error."""
    environment = Environment(loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(read(name))


def script_digest(script: str) -> str:
    """What a page's content security policy allows a script by: its SHA-256 in base 64."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def player_addresses(track: Track, catalog: Catalog, folder: Path) -> list[str]:
    """Addresses of a file that still holds the track, for a page in `folder`; none where no file does.

    The first is relative to the page, so that both can move together.
    """
    for path in track.paths:
        try:
            status = path.stat()
        except OSError:
            continue
        if catalog.known_file(path, size=status.st_size, mtime_ns=status.st_mtime_ns):
            beside = os.path.relpath(path.absolute(), folder.absolute())
            return [quote(os.fsencode(beside)), path.absolute().as_uri()]
    return []


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files, each whole or not at all; their folders are made.

    Raises
    ------
    AudiosimError
        A folder cannot be made, or a file cannot be written.
    """
    for path, content in contents.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AudiosimError(f"folder {path.parent} cannot be made: {error.strerror or error}") from error
        with replacing(path) as draft:
            draft.write_bytes(content)
