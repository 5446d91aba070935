"""Whether each measure finds a track by a degraded copy of it, see `audiosim.sources.degradation`.

A seeded sample of tracks is listened to again. What was found is kept beside the other reports, so that a sample that
grows, or a run that was killed, computes only what is lacking.
"""

import contextlib
import json
import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Catalog, Track
from audiosim.errors import AudioError, NotComputedError
from audiosim.evaluation.perturbation import PerturbationScores, original_ranks, scores_of_ranks
from audiosim.library import Library
from audiosim.sources import degradation
from audiosim.sources.degradation import DEGRADATIONS
from audiosim.store import digest
from audiosim_pipelines.copies import Copy, Target, compared, copies_of
from audiosim_pipelines.progress import Progress, Silent
from audiosim_pipelines.settings import FAMILY_OF_MEASURE, Settings

REPORTS = "reports"
REPORT_NAME = "perturbations.json"

# Raise when a change alters ranks of the same copies.
_VERSION = 1
_TRACKS_AT_ONCE = 4  # whose copies are compared together: the library's features are read once for all of them

# By measure, track and degradation: the rank of the original as measured and, where that is rescaled, as ranked.
_Ranks = dict[str, dict[str, dict[str, list[int]]]]


@dataclass(frozen=True, slots=True)
class CopyFailure:
    """A copy that could not be compared, and why; without a degradation, the track itself could not be listened to."""

    track_id: str
    label: str
    degradation: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class MeasurePerturbations:
    """How well one measure finds the originals: of all copies, and by degradation; NaN where there is no copy."""

    overall: PerturbationScores
    degradations: dict[str, PerturbationScores]


@dataclass(frozen=True, slots=True)
class Perturbations:
    """How well every measure finds tracks by degraded copies of them.

    Attributes
    ----------
    n_tracks : int
        Tracks in the sample, fewer than asked for where no more files are there.
    n_without_file : int
        Candidates that could not be drawn, since no file holds them any more as it was when they were added.
    n_candidates : int
        Tracks that every copy was compared with; the original is the nearest of them by chance in one of so many.
    seed : int
        Of the sample and of ties.
    measures : dict of str to MeasurePerturbations
        Every measure of audio, followed by what it is where its distances are rescaled, "dtw + mp_gauss" say.
    failures : tuple of CopyFailure
        By track and degradation.
    """

    n_tracks: int
    n_without_file: int
    n_candidates: int
    seed: int
    measures: dict[str, MeasurePerturbations]
    failures: tuple[CopyFailure, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give dicts, lists and plain values for `json.dumps`, with None for what is undefined (NaN)."""
        return {
            **asdict(self),
            "measures": {
                name: {
                    "overall": _plain(found.overall),
                    "degradations": {kind: _plain(scores) for kind, scores in found.degradations.items()},
                }
                for name, found in self.measures.items()
            },
            "failures": [asdict(failure) for failure in self.failures],
        }


def perturb(
    library: Library,
    settings: Settings,
    *,
    n_tracks: int = 20,
    seed: int = 0,
    measures: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Perturbations:
    """Degrade a sample of tracks in every way, and see which measures find the originals.

    Parameters
    ----------
    library, settings
        Where, and what its features are made with.
    n_tracks
        Size of the sample, of the tracks that all measures have and whose file is there. A larger sample holds the
        smaller one.
    seed
        Of the sample, and of the order among ties.
    measures
        Names of measures; all that are complete by default. Those that compare no audio are passed over.
    progress
        Who wants to see how far it is.

    Returns
    -------
    Perturbations
        Ranks are kept in `reports/perturbations.json` and not computed again as long as the matrices are the same.
        Tracks that hold the same recording as the original, in another coding say, may come before it.

    Raises
    ------
    NotComputedError
        A measure is not compared yet, or none that compares audio is.
    StoreMismatchError
        The library's features were made with other settings.
    ValueError
        If the sample is to hold no track.

    Notes
    -----
    Each of eleven copies of a track costs what extracting it costs, and its distances from all tracks.
    """
    if n_tracks < 1:
        raise ValueError(f"n_tracks must be at least 1, got {n_tracks}")
    names = [name for name in measures or library.measures() if name in FAMILY_OF_MEASURE]
    if not names:
        raise NotComputedError(
            f"no measure of audio is compared yet in {library.folder}; run: audiosim compare --library {library.folder}"
        )
    targets = [Target.of(library, settings, name) for name in names]
    candidates = _common_tracks(targets)
    there = [track for track in candidates if _is_there(track, library.catalog)]
    sample = _sample(there, n_tracks, seed)
    ranks = _Kept(library, targets, candidates, seed)
    wanted = {track: lacking for track in sample if (lacking := ranks.lacking(track))}
    failures: list[CopyFailure] = []
    with (progress or Silent()).bar("perturb", sum(map(len, wanted.values())), "copies") as advance:
        for copies in _by_tracks(copies_of(library, settings, wanted, targets=targets)):
            failures += [_failure(copy, copy.values) for copy in copies if isinstance(copy.values, AudioError)]
            ranks.rank(copies, settings)
            advance(sum(1 if copy.degradation else len(wanted[copy.track]) for copy in copies))
    return Perturbations(
        n_tracks=len(sample),
        n_without_file=len(candidates) - len(there),
        n_candidates=len(candidates),
        seed=seed,
        measures=ranks.summary(sample),
        failures=tuple(failures),
    )


class _Kept:
    """Ranks of originals, those of earlier runs among them; written whenever there are new ones."""

    def __init__(self, library: Library, targets: Sequence[Target], candidates: Sequence[Track], seed: int) -> None:
        self._path = library.folder / REPORTS / REPORT_NAME
        self._targets = targets
        self._ids = [track.track_id for track in candidates]
        self._seed = seed
        about = [sorted(self._ids), seed, degradation.VERSION, _VERSION]
        self._keys = {target.measure.name: digest([target.fingerprint, about]) for target in targets}
        self._stored = _read(self._path)
        self._ranks: _Ranks = {
            name: self._stored[name]["tracks"] if self._stored.get(name, {}).get("key") == key else {}
            for name, key in self._keys.items()
        }

    def lacking(self, track: Track) -> list[str]:
        """Degradations of a track that not all measures have ranked the original of."""
        known = [ranks.get(track.track_id, {}) for ranks in self._ranks.values()]
        return [name for name in DEGRADATIONS if any(name not in of_measure for of_measure in known)]

    def rank(self, copies: Sequence[Copy], settings: Settings) -> None:
        """Rank the originals of copies, and write all that is known."""
        made = [(copy, copy.values) for copy in copies if not isinstance(copy.values, AudioError)]
        if not made:
            return
        for target in self._targets:
            row_of = {track.track_id: row for row, track in enumerate(target.tracks)}
            columns = np.array([row_of[track_id] for track_id in self._ids])
            measured = compared(target, [values for _, values in made], settings)
            ranked_by = target.ranked_by(measured)
            for (copy, _), raw, rescaled in zip(made, measured, ranked_by, strict=True):
                found = [self._rank(copy, raw[columns])]
                if target.rescaling != "none":
                    found.append(self._rank(copy, rescaled[columns]))
                of_track = self._ranks[target.measure.name].setdefault(copy.track.track_id, {})
                of_track[str(copy.degradation)] = found
        self._write()

    def _rank(self, copy: Copy, distances: npt.NDArray[np.float32]) -> int:
        """Rank of the original; the order among ties is the copy's own, whatever else is ranked."""
        original = np.array([self._ids.index(copy.track.track_id)])
        seed = int(digest([self._seed, copy.track.track_id, copy.degradation]), 16)
        return int(original_ranks(distances[None], original, seed=seed)[0])

    def _write(self) -> None:
        report = self._stored | {name: {"key": key, "tracks": self._ranks[name]} for name, key in self._keys.items()}
        self._path.parent.mkdir(exist_ok=True)
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
        draft.replace(self._path)

    def summary(self, sample: Sequence[Track]) -> dict[str, MeasurePerturbations]:
        """The scores of every measure over a sample, as measured and as ranked."""
        result: dict[str, MeasurePerturbations] = {}
        for target in self._targets:
            name = target.measure.name
            of_sample = [self._ranks[name].get(track.track_id, {}) for track in sample]
            result[name] = _scores(of_sample, 0)
            if target.rescaling != "none":
                result[f"{name} + {target.rescaling}"] = _scores(of_sample, 1)
        return result


def _common_tracks(targets: Sequence[Target]) -> list[Track]:
    """Tracks that all measures have: ranks compare at an equal number of candidates only."""
    ids = set[str].intersection(*({track.track_id for track in target.tracks} for target in targets))
    return [track for track in targets[0].tracks if track.track_id in ids]


def _is_there(track: Track, catalog: Catalog) -> bool:
    """Whether a file holds the track as it was when it was added."""
    for path in track.paths:
        with contextlib.suppress(OSError):
            status = path.stat()
            if catalog.known_file(path, size=status.st_size, mtime_ns=status.st_mtime_ns):
                return True
    return False


def _sample(tracks: Sequence[Track], n_tracks: int, seed: int) -> list[Track]:
    """Tracks drawn by their ids, so that those drawn stay the same when others come; in order of arrival."""
    drawn = sorted(tracks, key=lambda track: digest([seed, track.track_id]))[:n_tracks]
    return sorted(drawn, key=lambda track: track.position)


def _by_tracks(copies: Generator[Copy]) -> Generator[list[Copy]]:
    """Copies of some tracks at a time."""
    batch: list[Copy] = []
    for copy in copies:
        tracks = {other.track.track_id for other in batch}
        if len(tracks) == _TRACKS_AT_ONCE and copy.track.track_id not in tracks:
            yield batch
            batch = []
        batch.append(copy)
    if batch:
        yield batch


def _failure(copy: Copy, error: AudioError) -> CopyFailure:
    return CopyFailure(copy.track.track_id, copy.track.label, copy.degradation, str(error))


def _scores(ranks: Sequence[Mapping[str, Sequence[int]]], column: int) -> MeasurePerturbations:
    """Scores of the copies of some tracks, by their ranks as measured (column 0) or as ranked (column 1)."""
    by_degradation = {name: [found[name][column] for found in ranks if name in found] for name in DEGRADATIONS}
    every = [rank for found in by_degradation.values() for rank in found]
    return MeasurePerturbations(_summed_up(every), {name: _summed_up(found) for name, found in by_degradation.items()})


def _summed_up(ranks: Sequence[int]) -> PerturbationScores:
    if not ranks:
        return PerturbationScores(math.nan, math.nan, 0)
    return scores_of_ranks(np.array(ranks))


def _plain(scores: PerturbationScores) -> dict[str, float | int | None]:
    return {key: None if math.isnan(value) else value for key, value in asdict(scores).items()}


def _read(path: Path) -> dict[str, Any]:
    """What earlier runs left; nothing where the file is not there or was spoilt."""
    try:
        stored = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}
