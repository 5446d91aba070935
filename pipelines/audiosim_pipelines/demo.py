"""The demo library: synthesised pieces of known kinship, for those who want to see before they bring music."""

from dataclasses import replace
from pathlib import Path

from audiosim.library import Library
from audiosim.sources.demo import write_demo
from audiosim_pipelines.progress import Progress
from audiosim_pipelines.settings import Settings

FOLDER = "demo"


def prepare(library: Library, settings: Settings, *, progress: Progress) -> tuple[list[Path], Path, Path, Settings]:
    """Write the demo pieces into the library's folder.

    Returns
    -------
    tuple
        What `run` takes: the sources, the feature table, the file of labels, and settings that judge by composition.
    """
    folder = library.folder / FOLDER
    if not folder.exists():
        progress.say(f"no music given: synthesising a demo library in {folder}")
    demo = write_demo(folder)
    judged = replace(settings.evaluate, label="composition")
    return [folder], demo.features, demo.kinship, replace(settings, evaluate=judged)


def wanted(library: Library) -> bool:
    """Whether a run without sources means the demo: the library is empty, or the demo's."""
    return (library.folder / FOLDER).exists() or not library.tracks()
