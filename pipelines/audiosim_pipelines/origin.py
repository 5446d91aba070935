"""Which code runs here, and on what: asked of the system alone, so that a bare GPU machine can tell too."""

import importlib.metadata
import subprocess
import tomllib
from pathlib import Path


def commit(file: Path) -> str | None:
    """The commit of the checkout of audiosim that a source file is part of, marked where files differ from it.

    A file that was installed into some other project's checkout is no part of it, and gives None.
    """
    folder = str(file.parent)
    top = output("git", "-C", folder, "rev-parse", "--show-toplevel")
    if top is None or not _is_ours(Path(top)) or not output("git", "-C", folder, "ls-files", "--", file.name):
        return None
    found = output("git", "-C", folder, "rev-parse", "HEAD")
    changed = output("git", "-C", top, "status", "--porcelain", "--untracked-files=no")
    return f"{found} with changes" if found and changed else found


def _is_ours(folder: Path) -> bool:
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return project.get("project", {}).get("name") == "audiosim"


def version(name: str) -> str | None:
    """The version of a package; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def output(*command: str) -> str | None:
    """What a command prints; None where it fails, is not there, or prints nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
