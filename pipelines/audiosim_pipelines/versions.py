"""Which tracks of a library are the same recording, an edit or a version of another: candidates, verified."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audiosim.alignment.kinship import KINSHIPS, Evidence, classify
from audiosim.catalog import Track
from audiosim.errors import NotComputedError, SettingsError
from audiosim.library import Library
from audiosim_pipelines.neighbor_table import table_path
from audiosim_pipelines.pages.html import write_files
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.review import SUFFIXES, Ids, ReviewedPair, as_csv, as_json, decisions_in
from audiosim_pipelines.settings import Settings
from audiosim_pipelines.verification import PairOfRows, Request, Verifier

REPORT_NAMES = ("versions.csv", "versions.json")

# Those that know a copy by its sound, and the one that knows a piece by its harmony.
SEEKING = ("version", "timbre", "cosine", "dtw")

_ALIGNED = "version"
_MOST_KIN = 100  # pairs of one track that are verified because a third track is kin of both


@dataclass(frozen=True, slots=True, eq=False)
class VersionsReport:
    """What was found.

    Attributes
    ----------
    pairs : tuple[ReviewedPair, ...]
        All that were verified: the closest kin first, and of these the surest.
    n_tracks : int
        Tracks that could be verified.
    n_verified : int
        Pairs that were verified now; the others were known.
    measures : tuple[str, ...]
        By which candidates were found.
    k : int
        How many of the nearest of every track were candidates, by each measure.
    n_decisions_lost : int
        Decisions about tracks that are no longer in the library, which the files do not keep.
    files : tuple[Path, ...]
    """

    pairs: tuple[ReviewedPair, ...]
    n_tracks: int
    n_verified: int
    measures: tuple[str, ...]
    k: int
    n_decisions_lost: int
    files: tuple[Path, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Pairs by class."""
        n_pairs = Counter(pair.kinship for pair in self.pairs)
        return {kinship: n_pairs[kinship] for kinship in KINSHIPS}

    def as_dict(self) -> dict[str, Any]:
        """The review file as JSON: nothing in it hangs on what was known before."""
        return {
            "n_tracks": self.n_tracks,
            "measures": list(self.measures),
            "k": self.k,
            "counts": self.counts,
            "pairs": [pair.as_dict() for pair in self.pairs],
        }


def versions(
    library: Library,
    settings: Settings,
    *,
    measures: Sequence[str] | None = None,
    k: int = 10,
    output: Path | None = None,
    progress: Progress | None = None,
) -> VersionsReport:
    """Find tracks that are the same recording, an edit or a version of one another, and write the review file.

    Candidates are the k nearest of every track by each measure, as they were compared. Each pair is laid over one
    another; harmony is aligned, which takes longer, where the candidate is one by version (or that is not compared),
    where some sound is the same, and where both are kin of a third track.

    Parameters
    ----------
    library, settings
        Where, and on how many threads.
    measures
        That find candidates; version, timbre, cosine and dtw by default, as far as they are compared.
    k
        At most as many as the tables of nearest tracks hold.
    output
        A file `*.csv` or `*.json`; `reports/versions.csv` and `.json` in the library by default. Decisions that people
        wrote into the files are kept, and their pairs verified again.
    progress
        Who wants to see how far it is.

    Returns
    -------
    VersionsReport

    Raises
    ------
    NotComputedError
        None of the measures is compared, or no track has MFCC and chroma.
    SettingsError
        `k` is below 1 or above what the tables hold, or the file is no review file.
    AudiosimError
        The file cannot be written.

    Notes
    -----
    O(n_tracks * k) pairs. What is found is kept in `reports/versions.journal`: a run that was interrupted goes on, and
    of a library that grew only new pairs are verified.

    Examples
    --------
    >>> versions(library, settings).counts["same recording"]  # doctest: +SKIP
    """
    progress = progress or Silent()
    files = _files(library, output)
    names = _measures(library, measures)
    with library.writing():
        verifier = Verifier(library, n_threads=settings.machine.n_threads, progress=progress)
        place_of = {track_id: place for place, track_id in enumerate(verifier.track_ids)}
        decisions = _decisions(files)
        decided = {pair: () for ids in decisions if (pair := _pair_of(ids, place_of)) is not None}
        found_by: dict[PairOfRows, tuple[str, ...]] = decided | _candidates(library, names, k, place_of)
        evidence = _verified(verifier, found_by, align_all=_ALIGNED not in names)
        reviewed = _reviewed(library, verifier, names, found_by, evidence)
        report = VersionsReport(
            pairs=tuple(replace(pair, decision=decisions.get(_ids(pair), "")) for pair in reviewed),
            n_tracks=len(place_of),
            n_verified=verifier.n_verified,
            measures=names,
            k=k,
            n_decisions_lost=len(decisions) - len(decided),
            files=files,
        )
        write_files({path: _content(path, report) for path in files})
    return report


def _files(library: Library, output: Path | None) -> tuple[Path, ...]:
    if output is None:
        return tuple(library.folder / "reports" / name for name in REPORT_NAMES)
    if output.suffix.lower() not in SUFFIXES:
        raise SettingsError(f"the review file must end in {' or '.join(SUFFIXES)}, got {output}")
    return (output,)


def _content(path: Path, report: VersionsReport) -> bytes:
    if path.suffix.lower() == ".csv":
        return as_csv(report.pairs, report.measures)
    return as_json(report.as_dict())


def _decisions(files: Iterable[Path]) -> dict[Ids, str]:
    """What people wrote into any of the files; into the first of them where they wrote into several."""
    decisions: dict[Ids, str] = {}
    for path in files:
        decisions = decisions_in(path) | decisions
    return decisions


def _ids(pair: ReviewedPair) -> Ids:
    first, second = sorted((pair.a.track_id, pair.b.track_id))
    return first, second


def _pair_of(ids: Ids, place_of: Mapping[str, int]) -> PairOfRows | None:
    if not all(track_id in place_of for track_id in ids):
        return None
    first, second = sorted(place_of[track_id] for track_id in ids)
    return first, second


def _measures(library: Library, measures: Sequence[str] | None) -> tuple[str, ...]:
    compared = library.measures()
    if measures is None:
        names = tuple(name for name in SEEKING if name in compared)
        if not names:
            raise NotComputedError(
                f"none of {', '.join(SEEKING)} is compared in {library.folder}, and so there are no candidates; "
                f"run: audiosim compare --library {library.folder}"
            )
        return names
    for name in measures:
        library.distances(name)  # says what to run where the measure is not compared
    return tuple(dict.fromkeys(measures))


def _candidates(
    library: Library, measures: Sequence[str], k: int, place_of: Mapping[str, int]
) -> dict[PairOfRows, tuple[str, ...]]:
    """Pairs of which one is among the k nearest of the other, and by which measures."""
    found: dict[PairOfRows, tuple[str, ...]] = {}
    for measure in measures:
        for pair in _nearest(library, measure, k, place_of):
            found[pair] = (*found.get(pair, ()), measure)
    return found


def _nearest(library: Library, measure: str, k: int, place_of: Mapping[str, int]) -> list[PairOfRows]:
    complete = library.catalog.matrix(measure)
    assert complete is not None
    table: dict[str, int] = complete[2]["table"]  # pyright: ignore[reportAssignmentType] - compare's own
    if not 1 <= k <= table["top_k"]:
        raise SettingsError(f"k must lie in 1 .. {table['top_k']}, which is compare.top_k of the library, got {k}")
    rows = pq.read_table(
        table_path(library.folder, measure), columns=["query_id", "target_id"], filters=pc.field("rank") <= k
    )
    ids = zip(rows["query_id"].to_pylist(), rows["target_id"].to_pylist(), strict=True)
    return sorted({pair for query, target in ids if (pair := _pair_of((query, target), place_of)) is not None})


def _verified(
    verifier: Verifier, found_by: Mapping[PairOfRows, tuple[str, ...]], *, align_all: bool
) -> dict[PairOfRows, Evidence]:
    """Evidence on all candidates, and on pairs that have a kin in common, until there are no more."""
    requests = [
        Request(pair, align_all or _ALIGNED in found_by[pair] or not found_by[pair]) for pair in sorted(found_by)
    ]
    evidence: dict[PairOfRows, Evidence] = {}
    n_kin: Counter[int] = Counter()
    while requests:
        evidence.update(verifier.verify(requests))
        requests = []
        for pair in sorted(_with_common_kin(evidence)):
            if max(n_kin[place] for place in pair) < _MOST_KIN:
                n_kin.update(pair)
                requests.append(Request(pair, align=True))
    return evidence


def _with_common_kin(evidence: Mapping[PairOfRows, Evidence]) -> set[PairOfRows]:
    """Pairs whose harmony was not aligned, of tracks that are both kin of a third."""
    kin: dict[int, set[int]] = {}
    for (first, second), found in evidence.items():
        if classify(found) != KINSHIPS[-1]:
            kin.setdefault(first, set()).add(second)
            kin.setdefault(second, set()).add(first)
    pairs = {pair for places in kin.values() for pair in combinations(sorted(places), 2)}
    return {pair for pair in pairs if pair not in evidence or evidence[pair].course is None}


def _reviewed(
    library: Library,
    verifier: Verifier,
    measures: Sequence[str],
    found_by: Mapping[PairOfRows, tuple[str, ...]],
    evidence: Mapping[PairOfRows, Evidence],
) -> list[ReviewedPair]:
    by_id = {track.track_id: track for track in library.tracks()}
    tracks = [by_id[track_id] for track_id in verifier.track_ids]
    distances = {measure: _distances(library, measure, tracks, evidence) for measure in measures}
    pairs = [
        ReviewedPair(
            kinship=classify(found),
            a=tracks[pair[0]],
            b=tracks[pair[1]],
            found_by=found_by.get(pair, ()),
            distances={measure: distances[measure].get(pair) for measure in measures},
            evidence=found,
        )
        for pair, found in sorted(evidence.items())
    ]
    return sorted(pairs, key=_closeness)


def _closeness(pair: ReviewedPair) -> tuple[float, ...]:
    """Smaller for closer kin, and for what is surer; ties stay in the order of the library."""
    laid, course = pair.evidence.overlay, pair.evidence.course
    shared = min(laid.total_a, laid.total_b) if pair.kinship in KINSHIPS[:2] else 0.0
    return KINSHIPS.index(pair.kinship), -shared, 0.0 if course is None else -course.score


def _distances(
    library: Library, measure: str, tracks: Sequence[Track], pairs: Iterable[PairOfRows]
) -> dict[PairOfRows, float]:
    """Distances of pairs as they were measured, read row by row; without those that were not compared."""
    store, compared = library.distances(measure)
    row_of = {track.track_id: row for row, track in enumerate(compared)}
    rows = [row_of.get(track.track_id) for track in tracks]
    partners: dict[int, list[int]] = {}
    for first, second in pairs:
        partners.setdefault(first, []).append(second)
    found: dict[PairOfRows, float] = {}
    for first, seconds in sorted(partners.items()):
        if (row := rows[first]) is None:
            continue
        values = store.read_block(slice(row, row + 1), slice(0, len(compared)))[0]
        for second in seconds:
            column = rows[second]
            if column is not None and not np.isnan(values[column]):
                found[first, second] = float(values[column])
    return found
