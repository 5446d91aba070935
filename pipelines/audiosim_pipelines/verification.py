"""Evidence on pairs of tracks from their stored frames; what was found once is kept beside the reports.

The journal has one line a pair. A kill costs the pairs in flight, and a line that is cut off counts as not written.
"""

import contextlib
import json
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from audiosim import __version__
from audiosim.alignment.kinship import VERSION, Course, Evidence, course_of
from audiosim.alignment.match import match
from audiosim.alignment.recording import Detail, Overlay, Segment, detail_of, overlay
from audiosim.catalog import Catalog
from audiosim.errors import NotComputedError, StoreMismatchError
from audiosim.library import Library
from audiosim.store import FeatureStore, digest
from audiosim_pipelines.ahead import Job, compute_ahead
from audiosim_pipelines.progress import Progress

Values = npt.NDArray[np.float32]
PairOfRows = tuple[int, int]

JOURNAL_NAME = "versions.journal"

_TILE = 48
_TRACKS_KEPT = 2 * _TILE  # those of a tile of pairs: 300 MB of four-minute tracks
_FEATURES = ("mfcc", "chroma")


@dataclass(frozen=True, slots=True)
class Request:
    """A pair of tracks, by their places in the list of a `Verifier`, and whether their harmony is to be aligned."""

    pair: PairOfRows
    align: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Frames:
    """What is compared of a track."""

    mfcc: Values
    chroma: Values
    detail: Detail


class Verifier:
    """Lays pairs of tracks over one another and aligns them, on some threads.

    Attributes
    ----------
    track_ids : list[str]
        Tracks that have MFCC and chroma, in the order of the MFCC.
    n_verified : int
        Pairs that were compared by this object, and not read from the journal.
    """

    def __init__(self, library: Library, *, n_threads: int, progress: Progress) -> None:
        self.track_ids, self._rows = _common_rows(library)
        self._stores = {name: FeatureStore.read(library.folder, name) for name in _FEATURES}
        self._frame_rate = _frame_rate(self._stores)
        self._load = lru_cache(maxsize=_TRACKS_KEPT)(self._read)
        self._n_threads = n_threads
        self._progress = progress
        self._journal = _Journal(library.folder / "reports" / JOURNAL_NAME, self._fingerprint())
        self.n_verified = 0

    def verify(self, requests: Sequence[Request]) -> Generator[tuple[PairOfRows, Evidence]]:
        """Yield the evidence on every pair, tile by tile; it is in the journal before it is yielded."""
        # Within a tile every track is read once.
        requests = sorted(requests, key=lambda request: ([place // _TILE for place in request.pair], request.pair))
        with (
            self._journal.appending() as file,
            ThreadPoolExecutor(self._n_threads, thread_name_prefix="versions") as pool,
            self._progress.bar("verify", len(requests), "pairs") as advance,
        ):
            for request, found in compute_ahead(pool, self._jobs(requests), n_ahead=2 * self._n_threads):
                if isinstance(found, Evidence):
                    evidence = found
                else:
                    evidence = found.evidence
                    self._journal.add(file, self._names(request), evidence)
                    self.n_verified += 1
                yield request.pair, evidence
                advance(1)

    def _jobs(self, requests: Iterable[Request]) -> "Generator[Job[Request, Evidence | _Fresh]]":
        for request in requests:
            known = self._journal.known.get(self._names(request))
            if known is not None and (known.course is not None or not request.align):
                yield Job(request, partial(_given, known), 0.0)
            else:
                yield Job(request, partial(self._compare, request), 0.0)

    def _names(self, request: Request) -> tuple[str, str]:
        first, second = request.pair
        return self.track_ids[first], self.track_ids[second]

    def _compare(self, request: Request) -> "_Fresh":
        a, b = (self._load(row) for row in request.pair)
        laid = overlay(a.detail, b.detail)
        if not (request.align or laid.segments):
            return _Fresh(Evidence(laid, None))
        found = match(a.chroma, b.chroma, frame_rate=self._frame_rate)
        return _Fresh(Evidence(laid, course_of(found, a.mfcc, b.mfcc)))

    def _read(self, row: int) -> _Frames:
        mfcc, chroma = (
            store.frames(place, place + 1)[0]
            for store, place in zip(self._stores.values(), self._rows[row], strict=True)
        )
        return _Frames(mfcc, chroma, detail_of(mfcc, chroma, frame_rate=self._frame_rate))

    def _fingerprint(self) -> str:
        """What the evidence depends on beside the tracks."""
        return digest([store.layout.attributes() for store in self._stores.values()], VERSION, __version__)


@dataclass(frozen=True, slots=True, eq=False)
class _Fresh:
    """Evidence that was found now."""

    evidence: Evidence


def _given(evidence: Evidence) -> Evidence:
    return evidence


def _common_rows(library: Library) -> tuple[list[str], list[tuple[int, int]]]:
    """Tracks that have all features, and their rows in each."""
    rows_of = [_row_of(library.catalog, name) for name in _FEATURES]
    track_ids = [track_id for track_id in rows_of[0] if track_id in rows_of[1]]
    if not track_ids:
        raise NotComputedError(
            f"no track in {library.folder} has both MFCC and chroma, which versions are verified by; with both among "
            f"features.families of its audiosim.toml, run: audiosim run --library {library.folder}"
        )
    return track_ids, [(rows_of[0][track_id], rows_of[1][track_id]) for track_id in track_ids]


def _row_of(catalog: Catalog, feature: str) -> dict[str, int]:
    return {track_id: row for row, track_id in enumerate(catalog.rows(feature))}


def _frame_rate(stores: dict[str, FeatureStore]) -> float:
    """Frames a second of MFCC and chroma, as they are stored."""
    rates: list[float] = []
    for name, store in stores.items():
        spec: dict[str, float] = store.layout.parameters[name]  # pyright: ignore[reportAssignmentType] - extract's own
        rates.append(spec["sample_rate"] / spec["hop_length"])
    if rates[0] != rates[1]:
        raise StoreMismatchError(
            f"MFCC and chroma must have the same frames, got {rates[0]:g} and {rates[1]:g} a second; "
            "run: audiosim extract --recompute"
        )
    return rates[0]


class _Journal:
    """Evidence that is on disk already, by the ids of the two tracks, and the file that more is added to."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self.known = _read_journal(path, fingerprint)

    @contextlib.contextmanager
    def appending(self) -> Generator[TextIO]:
        """Open the file for further lines. It is begun anew with what is known, so that nothing else stays in it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(self._path.name + ".draft")
        with draft.open("w", encoding="utf-8") as file:
            file.write(self._fingerprint + "\n")
            file.writelines(_line(names, evidence) for names, evidence in self.known.items())
        draft.replace(self._path)
        with self._path.open("a", encoding="utf-8", buffering=1) as file:
            yield file

    def add(self, file: TextIO, names: tuple[str, str], evidence: Evidence) -> None:
        """Write a line, and know it from now on."""
        file.write(_line(names, evidence))
        self.known[names] = evidence


def _read_journal(path: Path, fingerprint: str) -> dict[tuple[str, str], Evidence]:
    """Lines that were written with the same features and by the same version."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    known: dict[tuple[str, str], Evidence] = {}
    for line in lines[1:] if lines[:1] == [fingerprint] else ():
        try:
            entry = json.loads(line)
            known[entry["a"], entry["b"]] = _evidence_of(entry)
        except (ValueError, KeyError, TypeError):
            continue  # cut off by a kill
    return known


def _line(names: tuple[str, str], evidence: Evidence) -> str:
    return json.dumps({"a": names[0], "b": names[1], **asdict(evidence)}) + "\n"


def _evidence_of(entry: dict[str, Any]) -> Evidence:
    laid = dict(entry["overlay"])
    laid["segments"] = tuple(Segment(**segment) for segment in laid["segments"])
    course = entry["course"]
    return Evidence(Overlay(**laid), None if course is None else Course(**course))
