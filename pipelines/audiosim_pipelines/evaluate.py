"""Stage 4: measures side by side, over the tracks that all of them have."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiosim import evaluation
from audiosim.catalog import Track
from audiosim.errors import AudiosimError
from audiosim.evaluation import Evaluation
from audiosim.evaluation.report import PairDisagreements
from audiosim.library import Library
from audiosim.store import digest
from audiosim_pipelines.pages.html import write_files
from audiosim_pipelines.pages.verdict import verdict_page
from audiosim_pipelines.pages.verdict.contents import Contents
from audiosim_pipelines.pages.verdict.lengths import LengthCurve, length_curves
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.provenance import Provenance, provenance
from audiosim_pipelines.settings import Settings
from audiosim_pipelines.subject import Subject, read_subject

if TYPE_CHECKING:  # brings along decoders
    from audiosim_pipelines.perturb import Perturbations

REPORTS = "reports"
REPORT_NAME = "evaluation.json"
PAGE_NAME = "evaluation.html"


@dataclass(frozen=True, slots=True)
class VerdictReport:
    """What was found, and where it is written.

    Parameters
    ----------
    evaluation : Evaluation
    labels : tuple of str
        Names of the labels that were asked for.
    unjudged : Mapping[str, str]
        Those by which nothing can be judged, and why.
    perturbations : Perturbations or None
        None where they were not asked for.
    provenance : Provenance
    document : Mapping[str, Any]
        All of it, for `json.dumps`: what is in the JSON file.
    json_path, html_path : Path
    """

    evaluation: Evaluation
    labels: tuple[str, ...]
    unjudged: Mapping[str, str]
    perturbations: "Perturbations | None"
    provenance: Provenance
    document: Mapping[str, Any]
    json_path: Path
    html_path: Path


def evaluate(
    library: Library,
    settings: Settings,
    *,
    measures: Sequence[str] | None = None,
    labels_file: Path | None = None,
    pairs_file: Path | None = None,
    n_perturbed: int = 0,
    html_path: Path | None = None,
    progress: Progress | None = None,
) -> VerdictReport:
    """Judge the compared measures, raw and rescaled, by labels, by themselves, and by one another.

    Parameters
    ----------
    library, settings
        Where, and how; `settings.evaluate.label` names tags, or columns of `labels_file`.
    measures
        Names of measures; all that are complete by default.
    labels_file
        CSV with a path, track_id, or artist and title column, and label columns. Its column `artist`, if there is one,
        says the artist of tracks that have no such tag.
    pairs_file
        CSV with the columns a and b: tracks that belong together.
    n_perturbed
        So many tracks are degraded, to see whether their copies are recognised; 0 leaves that out.
    html_path
        Where the page goes; `reports/evaluation.html` in the library by default.
    progress
        Who wants to see how far it is.

    Returns
    -------
    VerdictReport
        Also written to `reports/evaluation.json` and to the page; the same bytes of the same library.

    Raises
    ------
    NotComputedError
        A measure is not compared yet.
    SettingsError
        A label is neither a tag nor a column of the file.
    SourceError
        A file cannot be read or finds no track.
    AudiosimError
        Nothing is compared, fewer than 3 tracks have all measures, or a file cannot be written.
    """
    names = list(measures or library.measures())
    if not names:
        raise AudiosimError(f"nothing is compared yet in {library.folder}; run: audiosim compare")
    progress = progress or Silent()
    subject = read_subject(library, settings, names, labels_file=labels_file, pairs_file=pairs_file)
    judged = _judged(subject, settings, progress)
    perturbations = _perturbations(library, settings, names, n_perturbed, progress)
    contents = _contents(library, settings, subject, judged, perturbations)
    document = {
        "label": settings.evaluate.labels[0],
        "depends_on": _depends_on(library, settings, names),
        **_document(contents),
    }
    json_path = library.folder / REPORTS / REPORT_NAME
    html_path = html_path or library.folder / REPORTS / PAGE_NAME
    write_files(
        {
            json_path: (json.dumps(document, indent=1, sort_keys=True) + "\n").encode(),
            html_path: verdict_page(contents, library.catalog, folder=html_path.parent),
        }
    )
    return VerdictReport(
        evaluation=judged,
        labels=settings.evaluate.labels,
        unjudged=subject.unjudged,
        perturbations=perturbations,
        provenance=contents.provenance,
        document=document,
        json_path=json_path,
        html_path=html_path,
    )


def is_evaluated(library: Library, settings: Settings) -> bool:
    """Whether the reports that are there judge all matrices as they are now, as the settings say."""
    try:
        report = json.loads((library.folder / REPORTS / REPORT_NAME).read_text())
    except (OSError, ValueError):
        return False
    has_page = (library.folder / REPORTS / PAGE_NAME).exists()
    return has_page and report.get("depends_on") == _depends_on(library, settings, library.measures())


def _depends_on(library: Library, settings: Settings, names: Sequence[str]) -> str:
    """Digest of what an evaluation depends on, but for files of labels: how, which matrices, and which tags."""
    matrices = {name: library.catalog.matrix(name) for name in sorted(names)}
    tables = {name: (found[0], found[1], found[2].get("table")) for name, found in matrices.items() if found}
    tags = [[track.track_id, track.artist, track.album, track.genre] for track in library.tracks()]
    return digest(asdict(settings.evaluate), tables, tags)


def _judged(subject: Subject, settings: Settings, progress: Progress) -> Evaluation:
    options = settings.evaluate
    # The health of every measure and of the control, then tasks, agreement and disagreements.
    n_steps = len(subject.matrices) + 1 + 3
    with progress.bar("evaluate", n_steps, "steps") as advance:
        return evaluation.evaluate(
            subject.matrices,
            tasks=subject.tasks,
            artists=subject.artists,
            lengths=subject.lengths,
            ks=options.ks,
            variants=subject.variants,
            n_permutations=options.n_permutations,
            n_draws=options.n_draws,
            seed=options.seed,
            threads=settings.machine.threads,
            progress=lambda _: advance(1),
        )


def _perturbations(
    library: Library, settings: Settings, names: Sequence[str], n_perturbed: int, progress: Progress
) -> "Perturbations | None":
    if not n_perturbed:
        return None
    from audiosim_pipelines.perturb import perturb  # noqa: PLC0415 - loads what extracts features

    return perturb(
        library, settings, n_tracks=n_perturbed, seed=settings.evaluate.seed, measures=names, progress=progress
    )


def _contents(
    library: Library,
    settings: Settings,
    subject: Subject,
    judged: Evaluation,
    perturbations: "Perturbations | None",
) -> Contents:
    names = [name for name in subject.matrices if name not in subject.variants]
    complete = {name: library.catalog.matrix(name) for name in sorted(names)}
    fingerprints = {name: found[0] for name, found in complete.items() if found}
    curves: Mapping[str, LengthCurve] = {}
    if subject.lengths is not None:
        curves = length_curves(subject.matrices, subject.lengths, seed=settings.evaluate.seed)
    return Contents(
        library=library.folder.resolve().name,
        evaluation=judged,
        tracks=subject.tracks,
        variants=subject.variants,
        unjudged=subject.unjudged,
        curves=curves,
        perturbations=perturbations,
        provenance=provenance(subject.tracks, fingerprints, settings),
    )


def _document(contents: Contents) -> dict[str, Any]:
    """Everything that the page shows, for `json.dumps`."""
    judged = contents.evaluation.as_dict()
    return {
        **judged,
        **_first_task(judged),
        "disagreements": [_with_tracks(found, contents.tracks) for found in contents.evaluation.disagreements],
        "distance_by_length": {name: asdict(curve) for name, curve in contents.curves.items()},
        "perturbations": None if contents.perturbations is None else contents.perturbations.as_dict(),
        "provenance": contents.provenance.as_dict(),
    }


def _first_task(judged: Mapping[str, Any]) -> dict[str, Any]:
    """The first task under the keys that reports have had since there was one task only."""
    task = next(iter(judged["tasks"]), None)
    found = {} if task is None else task["measures"]
    return {
        "n_labels": 0 if task is None else task["n_labels"],
        "n_artists": task["n_artists"] if task is not None and task["artist_filter"] else None,
        "measures": {
            name: {"retrieval": found[name]["retrieval"] if name in found else None, "hubness": health["hubness"]}
            for name, health in judged["health"].items()
        },
    }


def _with_tracks(found: PairDisagreements, tracks: Sequence[Track]) -> dict[str, Any]:
    """Disagreements with the ids of tracks in place of rows, which mean nothing outside."""
    return {
        "first": found.first,
        "second": found.second,
        "pairs": [
            {
                "track_ids": [tracks[pair.row].track_id, tracks[pair.other].track_id],
                "first_percentile": pair.first_percentile,
                "second_percentile": pair.second_percentile,
            }
            for pair in found.pairs
        ],
    }
