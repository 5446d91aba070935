"""Which pairs of real recordings are the same recording, an edit, a version or merely similar, and which should be.

    python benchmarks/bench_kinship.py DATA

DATA holds `music` (tracks, second excerpts of them, and some from another codec; `tracks.csv` says which) and
`vienna4x22` (two pieces by 22 pianists, some also on other instruments; `clips.csv`). One library is made of both.
First the command `versions` looks for kin as it does by default, then all pairs are verified by brute force. Prints
JSON and writes it to `results/kinship.json`.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pandas as pd

from audiosim.alignment.kinship import KINSHIPS, Kinship, classify
from audiosim.library import Library
from audiosim_pipelines.bench.machine import describe
from audiosim_pipelines.progress import Silent
from audiosim_pipelines.run import run
from audiosim_pipelines.settings import CompareSettings, FeatureSettings, Settings, save
from audiosim_pipelines.verification import Request, Verifier
from audiosim_pipelines.versions import SEEKING, versions

RESULT = Path(__file__).parent / "results" / "kinship.json"
SETTINGS = Settings(features=FeatureSettings(families=("mfcc", "chroma")), compare=CompareSettings(measures=SEEKING))

Relation = str
RELATIONS = (
    "another codec",
    "second excerpt",
    "another performance",
    "the same performance on another instrument",
    "another piece at the piano",
    "named as versions by their source",
    "nothing known",
)
Found = Mapping[frozenset[str], Kinship]


@dataclass(frozen=True, slots=True)
class Clip:
    """What is known of a file: the track it is cut from, the piece and the performer where there are several."""

    track: str
    is_copy: bool = False
    is_second: bool = False
    piece: str | None = None
    performer: str | None = None


def clips_of(folder: Path) -> dict[Path, Clip]:
    """All clips, by path."""
    table = pd.read_csv(folder / "music" / "tracks.csv", keep_default_na=False)
    relations = [str(group).partition(":") for group in table["version_group"]]
    pieces = {name: group for name, (group, _, other) in zip(table["track_id"], relations, strict=True) if not other}
    clips: dict[Path, Clip] = {}
    for name, file, (relation, _, other) in zip(table["track_id"], table["file"], relations, strict=True):
        track = str(other or name)
        is_copy, is_second = relation == "same_recording_as", relation == "same_track_as"
        clips[folder / "music" / str(file)] = Clip(track, is_copy, is_second, piece=pieces.get(track) or None)
    for row in pd.read_csv(folder / "vienna4x22" / "clips.csv").itertuples():
        path = folder / "vienna4x22" / str(row.file)
        clips[path] = Clip(str(row.clip_id), piece=str(row.version_group), performer=str(row.performer))
    return clips


def relation_of(a: Clip, b: Clip) -> Relation:
    """What two clips are to each other."""
    if a.performer and b.performer:
        if a.piece != b.piece:
            return RELATIONS[4]
        return RELATIONS[3] if a.performer == b.performer else RELATIONS[2]
    if a.track == b.track:
        return RELATIONS[0] if a.is_second == b.is_second else RELATIONS[1]
    return RELATIONS[5] if a.piece and a.piece == b.piece else RELATIONS[6]


def judge(found: Found, clips: Mapping[str, Clip]) -> dict[str, object]:
    """Count classes by relation, and score what is found of versions in vienna4x22."""
    tables: dict[Relation, Counter[str]] = {relation: Counter() for relation in RELATIONS}
    n_found = n_right = n_versions = 0
    for first, second in combinations(sorted(clips), 2):
        a, b = clips[first], clips[second]
        relation = relation_of(a, b)
        kinship = found.get(frozenset((first, second)), "not a candidate")
        tables[relation][kinship] += 1
        is_version = relation in RELATIONS[2:4]
        n_versions += is_version
        # Whatever a performance of vienna4x22 is called a version of counts, be it music of the other folder.
        if kinship == KINSHIPS[2] and (a.performer or b.performer):
            n_found += 1
            n_right += is_version
    return {
        "pairs": {relation: dict(table) for relation, table in tables.items()},
        "vienna4x22_precision": n_right / max(n_found, 1),
        "vienna4x22_recall": n_right / n_versions,
    }


def report(folder: Path, scratch: Path) -> dict[str, object]:
    """All figures; the library is made in `scratch`."""
    library = Library.create(scratch / "library")
    save(SETTINGS, library.folder)
    run(library, SETTINGS, [folder / "music", folder / "vienna4x22" / "audio"])
    known = clips_of(folder)
    clips = {track.track_id: known[path] for track in library.tracks() for path in track.paths if path in known}
    start = time.perf_counter()
    proposed = versions(library, SETTINGS)
    seconds = time.perf_counter() - start
    by_command = {frozenset((pair.a.track_id, pair.b.track_id)): pair.kinship for pair in proposed.pairs}
    verifier = Verifier(library, n_threads=SETTINGS.machine.n_threads, progress=Silent())
    requests = [Request(pair, align=True) for pair in combinations(range(len(verifier.track_ids)), 2)]
    start = time.perf_counter()
    evidence = list(verifier.verify(requests))
    brute_seconds = time.perf_counter() - start
    by_force = {frozenset(verifier.track_ids[place] for place in pair): classify(found) for pair, found in evidence}
    return {
        "machine": describe(),
        "n_clips": len(clips),
        "command": {"n_pairs": len(by_command), "seconds": round(seconds, 1), **judge(by_command, clips)},
        "brute_force": {
            "n_pairs": len(by_force),
            "n_computed": verifier.n_verified,
            "seconds": round(brute_seconds, 1),
            **judge(by_force, clips),
        },
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        result = json.dumps(report(Path(sys.argv[-1]).resolve(), Path(scratch)), indent=1)
    RESULT.write_text(result + "\n", encoding="utf-8")
    print(result)
