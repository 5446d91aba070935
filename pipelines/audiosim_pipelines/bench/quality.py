"""`audiosim bench quality`: the report of `audiosim evaluate` where the truth is known, on the synthesised demo.

What is alike is known there, because it was made so: five versions of every composition, ten tracks of every timbre.
"""

from dataclasses import replace
from pathlib import Path

from audiosim.errors import LibraryError
from audiosim.library import Library
from audiosim_pipelines import demo
from audiosim_pipelines import settings as settings_module
from audiosim_pipelines.add import add
from audiosim_pipelines.baseline import import_baseline, join_baseline
from audiosim_pipelines.compare import compare
from audiosim_pipelines.evaluate import VerdictReport, evaluate
from audiosim_pipelines.extract import extract
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.settings import Settings

# Columns of the demo's table of kinship, and the performers.
LABELS = ("composition", "timbre", "artist")


def bench_quality(
    folder: Path,
    *,
    output: Path | None = None,
    n_perturbed: int = 0,
    progress: Progress | None = None,
) -> VerdictReport:
    """Make the demo library, as far as it is not there, and judge all measures by what is known about it.

    Parameters
    ----------
    folder
        Of the library.
    output
        Where the page goes; into the library's reports by default.
    n_perturbed
        So many tracks are degraded, see `audiosim_pipelines.perturb`; 0 leaves that out.
    progress
        Who wants to see how far it is.

    Returns
    -------
    VerdictReport
        The same every time, as are the bytes of the files that it names.

    Raises
    ------
    LibraryError
        The folder holds a library of other music.
    """
    progress = progress or Silent()
    library = Library.create(folder)
    try:
        settings = settings_module.load(folder)
        if not demo.wanted(library):
            raise LibraryError(
                f"library {folder} must be empty or the demo's, it holds other music; name another folder"
            )
        settings_module.save(settings, folder)
        kinship, judged = _make(library, settings, progress)
        return evaluate(
            library,
            judged,
            labels_file=kinship,
            n_perturbed=n_perturbed,
            html_path=output,
            progress=progress,
        )
    finally:
        library.close()


def _make(library: Library, settings: Settings, progress: Progress) -> tuple[Path, Settings]:
    """Bring the demo library up to every measure; return its table of labels, and settings that judge by them."""
    sources, table, kinship, judged = demo.prepare(library, settings, progress=progress)
    with library.writing():
        add(library, sources, progress=progress)
        # A library that was moved knows the old places of its files too.
        pieces = (library.folder / demo.FOLDER).resolve()
        if not all(any(pieces in path.resolve().parents for path in track.paths) for track in library.tracks()):
            raise _other_music(library)
        extract(library, settings, progress=progress)
        import_baseline(library, table)
        join_baseline(library, settings)
        compare(library, settings, progress=progress)
    return kinship, replace(judged, evaluate=replace(judged.evaluate, label=LABELS))


def _other_music(library: Library) -> LibraryError:
    return LibraryError(
        f"library {library.folder} must be empty or the demo's, it holds other music; name another folder"
    )
