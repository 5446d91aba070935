"""Everything that is missing, in order: add, extract, compare, evaluate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audiosim.errors import AudiosimError
from audiosim.evaluation import Evaluation
from audiosim.library import Library
from audiosim_pipelines.add import AddReport, add
from audiosim_pipelines.baseline import BaselineReport, import_baseline, join_baseline
from audiosim_pipelines.cluster import Scheduling
from audiosim_pipelines.compare import MeasureReport, compare
from audiosim_pipelines.evaluate import VerdictReport, evaluate, is_evaluated
from audiosim_pipelines.extract import ExtractReport, extract
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class RunReport:
    """What every stage did. `verdict` is None where nothing changed since the last one, or with fewer than 3 tracks."""

    added: AddReport
    extracted: ExtractReport
    baseline: BaselineReport | None
    compared: list[MeasureReport]
    verdict: VerdictReport | None

    @property
    def evaluation(self) -> Evaluation | None:
        """What the verdict says."""
        return self.verdict and self.verdict.evaluation

    @property
    def n_failures(self) -> int:
        """Files and tracks that are not in the results."""
        return self.added.n_failures + self.extracted.n_failures


def run(
    library: Library,
    settings: Settings,
    sources: Sequence[Path],
    *,
    baseline: Path | None = None,
    labels_file: Path | None = None,
    scheduling: Scheduling | None = None,
    progress: Progress | None = None,
) -> RunReport:
    """Add the sources, then compute whatever the library lacks.

    Parameters
    ----------
    library, settings
        Where, and with what.
    sources
        Folders, playlists, tables of paths and files; none adds nothing.
    baseline
        A feature table to compare the audio with.
    labels_file
        A CSV with the label column that measures are judged against.
    scheduling
        Where tiles are computed.
    progress
        Who wants to see how far it is.
    """
    progress = progress or Silent()
    with library.writing():
        added = add(library, sources, progress=progress)
        extracted = extract(library, settings, progress=progress)
        for note in extracted.notes:
            progress.say(note)
        if baseline is not None:
            import_baseline(library, baseline)
        joined = join_baseline(library, settings)
        compared = compare(library, settings, scheduling=scheduling, progress=progress)
        judged: VerdictReport | None = None
        if library.measures() and (labels_file is not None or not is_evaluated(library, settings)):
            try:
                judged = evaluate(library, settings, labels_file=labels_file, progress=progress)
            except AudiosimError as error:
                progress.say(f"no evaluation: {error}")
    return RunReport(added, extracted, joined, compared, judged)
