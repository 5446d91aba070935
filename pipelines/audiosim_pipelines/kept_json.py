"""What the library keeps as JSON until the next time, such as plans: each file says in which format."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from audiosim.errors import AudiosimError
from audiosim.library import Library
from audiosim_pipelines.whole_file import replacing

FORMAT = 1
Kept = TypeVar("Kept")


def read_kept_json(path: Path, from_json: Callable[[Mapping[str, Any]], Kept], *, what: str) -> Kept | None:
    """What a file of `keep_json` holds; None where there is none.

    Parameters
    ----------
    path : Path
    from_json : callable
        Makes it of what was given to `keep_json`.
    what : str
        What it is, for the error: "a journey", say.

    Raises
    ------
    AudiosimError
        The file cannot be read as one, or is of a later format.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] == FORMAT:
            return from_json(said)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise AudiosimError(f"{path} cannot be read as {what}: {error}; delete it, and it is made anew") from error
    raise AudiosimError(f"{path} must have format {FORMAT}, got {said['format']}; use a newer audiosim")


def keep_json(library: Library, path: Path, said: Mapping[str, Any]) -> None:
    """Keep something in a folder of the library, in place of what is there by this name.

    Raises
    ------
    AudiosimError
        The file cannot be written, or somebody else writes to the library.
    """
    with library.writing():
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as draft:
            text = json.dumps({"format": FORMAT, **said}, ensure_ascii=False, indent=1)
            draft.write_text(text + "\n", encoding="utf-8")
