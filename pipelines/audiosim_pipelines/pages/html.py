"""What all pages have in common: templates and scripts, and players of files that may move together with the page."""

import base64
import hashlib
import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined

from audiosim.catalog import Catalog, Track
from audiosim_pipelines.whole_file import make_folder, replacing


def read(name: str) -> str:
    """The text of a file in `templates`."""
    return (files("audiosim_pipelines.pages") / "templates" / name).read_text(encoding="utf-8")


def page(template: str, /, *, style: str, script: str = "", **values: object) -> str:
    """A page of `templates`, which extends `base.html.jinja`.

    Parameters
    ----------
    template : str
        Its name.
    style : str
        CSS.
    script : str
        Its only script, which its content security policy allows by its digest.
    **values : object
        What the template is given; it is escaped, and a name that it is not given is an error.
    """
    # Pages lie in one package and are rendered once each: nothing is gained by caching templates.
    environment = Environment(
        loader=FunctionLoader(read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, cache_size=0
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(style=style, script=script, script_digest=digest, **values) + "\n"


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
        make_folder(path.parent)
        with replacing(path) as draft:
            draft.write_bytes(content)
