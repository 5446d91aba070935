"""Stage 4: measures side by side, over the tracks that all of them have."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audiosim import evaluation
from audiosim.catalog import Track
from audiosim.errors import AudiosimError, SettingsError
from audiosim.library import Library
from audiosim.sources.labels import read_labels
from audiosim_pipelines.settings import Settings

REPORTS = "reports"
REPORT_NAME = "evaluation.json"
TAG_LABELS = ("genre", "artist", "album")


def evaluate(
    library: Library,
    settings: Settings,
    *,
    measures: Sequence[str] | None = None,
    labels_file: Path | None = None,
) -> evaluation.Evaluation:
    """Judge the compared measures, raw and rescaled, against a label column, and against one another.

    Parameters
    ----------
    library, settings
        Where, and how; `settings.evaluate.label` names a tag, or a column of `labels_file`.
    measures
        Names of measures; all that are complete by default.
    labels_file
        CSV with a path, track_id, or artist and title column, and label columns.

    Returns
    -------
    Evaluation
        Also written to `reports/evaluation.json`.

    Raises
    ------
    NotComputedError
        A measure is not compared yet.
    AudiosimError
        Fewer than 3 tracks have all measures.
    """
    names = list(measures or library.measures())
    if not names:
        raise AudiosimError(f"nothing is compared yet in {library.folder}; run: audiosim compare")
    tracks, matrices, variants = _common(library, names)
    if len(tracks) < 3:
        raise AudiosimError(
            f"an evaluation needs at least 3 tracks that have all of {', '.join(names)}; there are {len(tracks)}"
        )
    options = settings.evaluate
    labels = _labels(tracks, options.label, labels_file)
    # Where the artist is the label, a filter by artist would leave nothing to find.
    filtered = options.artist_filter and options.label != "artist"
    result = evaluation.evaluate(
        matrices,
        labels=labels if any(label is not None for label in labels) else None,
        artists=[track.artist for track in tracks] if filtered else None,
        ks=options.ks,
        variants=variants,
        n_permutations=options.n_permutations,
        seed=options.seed,
    )
    report = {**_subject(library, settings, names), "artist_filter": filtered, **result.as_dict()}
    _write(library.folder / REPORTS / REPORT_NAME, report)
    return result


def is_evaluated(library: Library, settings: Settings) -> bool:
    """Whether the report that is there judges all matrices as they are now, by the label of the settings."""
    try:
        report = json.loads((library.folder / REPORTS / REPORT_NAME).read_text())
    except (OSError, ValueError):
        return False
    subject = _subject(library, settings, library.measures())
    return {key: report.get(key) for key in subject} == subject


def _subject(library: Library, settings: Settings, names: Sequence[str]) -> dict[str, object]:
    """What an evaluation is about: the label, and each matrix by its fingerprint, rows and rescaling; JSON-ready."""
    matrices: dict[str, list[object]] = {}
    for name in sorted(names):
        fingerprint, n_rows, details = library.catalog.matrix(name) or ("", 0, {})
        matrices[name] = [fingerprint, n_rows, details.get("table")]
    return {"label": settings.evaluate.label, "matrices": matrices}


def _common(
    library: Library, names: Sequence[str]
) -> tuple[list[Track], dict[str, npt.NDArray[np.float32]], list[str]]:
    """Tracks that all measures have, in catalog order; the measures' matrices over just these; names of the rescaled.

    A measure that is rescaled where tracks are ranked is followed by what it is then, "dtw + mp_gauss" say.
    """
    rows = {name: {track.track_id: i for i, track in enumerate(library.distances(name)[1])} for name in names}
    tracks = [track for track in library.tracks() if all(track.track_id in row for row in rows.values())]
    matrices: dict[str, npt.NDArray[np.float32]] = {}
    variants: list[str] = []
    for name in names:
        chosen = np.array([rows[name][track.track_id] for track in tracks], dtype=np.intp)
        matrices[name] = library.rescaled(name, rescaling="none").keys[np.ix_(chosen, chosen)]
        if (rescaling := library.rescaling(name)) != "none":
            variants.append(f"{name} + {rescaling}")
            matrices[variants[-1]] = library.rescaled(name).keys[np.ix_(chosen, chosen)]
    return tracks, matrices, variants


def _labels(tracks: Sequence[Track], label: str, labels_file: Path | None) -> list[str | None]:
    if labels_file is not None:
        known = read_labels(labels_file, label, tracks)
        return [known.get(track.track_id) for track in tracks]
    if label not in TAG_LABELS:
        raise SettingsError(
            f"label {label!r} is no tag ({', '.join(TAG_LABELS)}); give the file that has it with --labels"
        )
    return [getattr(track, label) for track in tracks]


def _write(path: Path, report: dict[str, object]) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    draft.replace(path)
