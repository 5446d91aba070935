"""What `audiosim explain` finds between performances of a piece, and between tracks that have nothing in common.

    python benchmarks/bench_explain.py DATA [RESULTS.json]

DATA holds `vienna4x22` (two pieces by 22 pianists, some also on other instruments; `clips.csv`, and the onset of every
note in `alignment.csv.gz`) and `music` (`tracks.csv` with file, artist and split). Aligned are all performances
of a piece by two pianists, all pairs of two pieces, and 2 000 pairs of tracks by different artists.
"""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from audiosim import audio
from audiosim.alignment.match import Match, match
from audiosim.features.chroma import ChromaSpec, chroma
from audiosim_pipelines.bench import machine

SPEC = ChromaSpec()
N_STRANGERS = 2_000
WITHIN = 0.06  # s

Frames = npt.NDArray[np.float32]


def frames_of(path: Path) -> tuple[Frames, float]:
    """Native chroma of a file without the silence at its ends, and how many seconds that cuts off at the beginning."""
    spec = audio.AudioSpec()
    signal = audio.load(path, spec=audio.AudioSpec(trim_db=None))
    sound = audio.trim(signal, trim_db=spec.trim_db)
    # A view, so that its address tells where it begins.
    return chroma(sound, SPEC), (sound.ctypes.data - signal.ctypes.data) / signal.itemsize / spec.sample_rate


def onset_errors(found: Match, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far from their partner notes (n_notes, 2) lie, in seconds; infinite for notes outside of all passages."""
    errors = np.full(len(times), np.inf)
    for passage in found.passages:
        rows, first = np.unique(passage.path[:, 0], return_index=True)
        last = np.append(first[1:], len(passage.path)) - 1
        middle = (passage.path[first, 1] + passage.path[last, 1]) / 2
        inside = (times[:, 0] * SPEC.frame_rate >= rows[0]) & (times[:, 0] * SPEC.frame_rate <= rows[-1])
        partner = np.interp(times[:, 0] * SPEC.frame_rate, rows, middle) / SPEC.frame_rate
        errors[inside] = np.minimum(errors[inside], np.abs(partner - times[:, 1])[inside])
    return errors


def performances(folder: Path) -> dict[str, object]:
    """Figures of pairs of performances: of one piece, by instruments, and of two pieces."""
    clips = pd.read_csv(folder / "clips.csv")
    notes = pd.read_csv(folder / "alignment.csv.gz").set_index(["piece", "performer", "score_note_id"])["onset_s"]
    frames = {clip.clip_id: frames_of(folder / clip.file) for clip in clips.itertuples()}
    kinds: dict[str, list[tuple[float, int, npt.NDArray[np.float64]]]] = {}
    n_other = n_other_matched = 0
    for a, b in itertools.combinations(clips.itertuples(), 2):
        if a.version_group != b.version_group:
            n_other += 1
            n_other_matched += bool(
                match(frames[a.clip_id][0], frames[b.clip_id][0], frame_rate=SPEC.frame_rate).passages
            )
        elif a.performer != b.performer:
            found = match(frames[a.clip_id][0], frames[b.clip_id][0], frame_rate=SPEC.frame_rate)
            sides = [notes[a.version_group, clip.performer] - frames[clip.clip_id][1] for clip in (a, b)]
            errors = onset_errors(found, pd.concat(sides, axis=1, join="inner").to_numpy())
            kind = " and ".join(sorted((a.timbre, b.timbre)))
            kinds.setdefault(kind, []).append((min(found.coverage_a, found.coverage_b), len(found.passages), errors))
    figures: dict[str, object] = {}
    for kind, pairs in sorted(kinds.items()):
        coverage, errors = np.array([pair[0] for pair in pairs]), np.concatenate([pair[2] for pair in pairs])
        figures[kind] = {
            "n_pairs": len(pairs),
            "pairs_of_one_passage": sum(pair[1] == 1 for pair in pairs),
            "least_coverage": round(float(coverage.min()), 3),
            "median_coverage": round(float(np.median(coverage)), 3),
            "median_error_ms": round(1e3 * float(np.median(errors)), 1),
            "share_within_60_ms": round(float((errors <= WITHIN).mean()), 4),
        }
    return {"one_piece": figures, "two_pieces": {"n_pairs": n_other, "n_matched": n_other_matched}}


def strangers(folder: Path) -> dict[str, int]:
    """How many pairs of tracks by different artists match."""
    tracks = pd.read_csv(folder / "tracks.csv").query("split == 'dev'")
    frames = [frames_of(folder / file)[0] for file in tracks["file"]]
    artists = tracks["artist"].to_numpy()
    pairs = [(i, j) for i, j in itertools.combinations(range(len(frames)), 2) if artists[i] != artists[j]]
    chosen = np.random.default_rng(0).permutation(len(pairs))[:N_STRANGERS]
    matched = [
        bool(match(frames[i], frames[j], frame_rate=SPEC.frame_rate).passages) for i, j in (pairs[k] for k in chosen)
    ]
    return {"n_pairs": len(matched), "n_matched": sum(matched)}


def main() -> None:
    data = Path(sys.argv[1])
    figures = {
        "machine": machine.describe(),
        "performances": performances(data / "vienna4x22"),
        "different_artists": strangers(data / "music"),
    }
    text = json.dumps(figures, indent=1) + "\n"
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
