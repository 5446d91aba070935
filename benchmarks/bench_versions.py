"""How well versions of a piece, notes in two performances and spoken words are found, on folders of real recordings.

    python benchmarks/bench_versions.py DATA

DATA holds `vienna4x22` (two pieces by 22 pianists, some also on other instruments; `clips.csv`, and the onset of every
note in `alignment.csv.gz`) and `fsdd` (spoken digits at 8 kHz, `DIGIT_SPEAKER_INDEX.wav`). Prints JSON.
"""

import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from audiosim import audio
from audiosim.distances import Block, CosineFrames, Dtw, Measure
from audiosim.distances.version import Version
from audiosim.evaluation.retrieval import average_precisions
from audiosim.features import FrameSums, MfccSpec, corpus_statistics, mean_pool, standardize
from audiosim.features.chroma import ChromaSpec, cens, chroma
from audiosim.features.mfcc import MfccExtractor
from audiosim_kernels import paths

RATE = 2.0  # frames/s of pooled MFCC and of CENS
DIGIT_MFCC = MfccSpec(sample_rate=8_000, n_fft=256, hop_length=80, n_mels=40)  # 32 ms, every 10 ms


def block(sequences: Sequence[np.ndarray]) -> Block:
    """Frames of tracks, end to end."""
    return Block(np.concatenate(sequences), np.cumsum([0, *map(len, sequences)]))


def distances(measure: Measure, rows: Sequence[np.ndarray], columns: Sequence[np.ndarray]) -> np.ndarray:
    """Distances (n_rows, n_columns) of all rows with all columns."""
    shape = len(rows), len(columns)
    pairs = np.indices(shape).reshape(2, -1).T
    return measure.distances(block(rows), block(columns), pairs, device="cpu").reshape(shape)


def judge_versions(matrix: np.ndarray, pieces: Sequence[str], timbres: Sequence[str]) -> dict[str, float]:
    """Score performances of pieces: all others of the piece first, and the nearest one on another instrument."""
    other = np.not_equal.outer(np.asarray(timbres), np.asarray(timbres))
    nearest = np.where(other, matrix, np.inf).argmin(axis=1)
    piece = np.asarray(pieces)
    return {
        "mean_average_precision": float(np.nanmean(average_precisions(matrix, list(pieces)))),
        "nearest_of_another_timbre_right": float((piece[nearest] == piece).mean()),
        "n_clips": len(pieces),
    }


def versions(folder: Path) -> dict[str, dict[str, float]]:
    """Scores of the version measure and of two that hear timbre, on vienna4x22."""
    clips = pd.read_csv(folder / "clips.csv")
    signals = [audio.load(folder / file) for file in clips["file"]]
    of_chroma = ChromaSpec()
    harmony = [cens(chroma(x, of_chroma), frame_rate=of_chroma.frame_rate, target_rate=RATE) for x in signals]
    mfcc = list(MfccExtractor(MfccSpec()).extract(signals))
    pooled = [mean_pool(frames, frame_rate=MfccSpec().frame_rate, target_rate=RATE) for frames in mfcc]
    statistics = corpus_statistics(FrameSums.of(frames) for frames in pooled)
    course = [standardize(frames, statistics) for frames in pooled]
    candidates = ((Version(), harmony), (Dtw(), course), (CosineFrames(), mfcc))
    return {
        measure.name: judge_versions(distances(measure, frames, frames), clips["version_group"], clips["timbre"])
        for measure, frames in candidates
    }


def onset_errors(folder: Path) -> np.ndarray:
    """Milliseconds between where a warping path of native chroma puts a note and where it sounds, for all notes.

    Every pianist is aligned with the next one of the same piece. Silence is not trimmed: onsets count from the start
    of the file.
    """
    clips = pd.read_csv(folder / "clips.csv").query("timbre == 'piano'")
    notes = pd.read_csv(folder / "alignment.csv.gz").set_index(["piece", "performer", "score_note_id"])["onset_s"]
    spec = ChromaSpec()
    errors: list[np.ndarray] = []
    for piece, performances in clips.groupby("version_group"):
        frames = {
            clip.performer: chroma(audio.load(folder / clip.file, spec=audio.AudioSpec(trim_db=None)), spec)
            for clip in performances.itertuples()
        }
        for first, second in pairwise(frames):
            path = paths.warping_path(frames[first], frames[second], step_pattern="symmetric1", device="cpu").path
            played = pd.concat([notes[piece, first], notes[piece, second]], axis=1, join="inner").to_numpy()
            # A frame that corresponds to several stands for their middle.
            row, middle = np.arange(len(frames[first])), np.bincount(path[:, 0], path[:, 1]) / np.bincount(path[:, 0])
            found = np.interp(played[:, 0] * spec.frame_rate, row, middle) / spec.frame_rate
            errors.append(1e3 * np.abs(found - played[:, 1]))
    return np.concatenate(errors)


def alignment(folder: Path) -> dict[str, float]:
    """Figures of `onset_errors`."""
    errors = onset_errors(folder)
    return {
        "median_error_ms": float(np.median(errors)),
        "error_of_95_percent_ms": float(np.quantile(errors, 0.95)),
        "share_within_60_ms": float((errors <= 60).mean()),
        "n_notes": len(errors),
    }


def digits(folder: Path) -> dict[str, float]:
    """Share of spoken digits whose nearest one in the training split is the same digit; indices 0 to 4 are the test."""
    files = sorted(folder.glob("*_*_*.wav"))
    parts = [file.stem.split("_") for file in files]
    spec = audio.AudioSpec(sample_rate=DIGIT_MFCC.sample_rate)
    mfcc = list(MfccExtractor(DIGIT_MFCC).extract(audio.load(file, spec=spec) for file in files))
    digit = np.array([part[0] for part in parts])
    is_test = np.array([int(part[2]) < 5 for part in parts])
    statistics = corpus_statistics(FrameSums.of(mfcc[i]) for i in np.flatnonzero(~is_test))
    test, training = ([standardize(mfcc[i], statistics) for i in np.flatnonzero(side)] for side in (is_test, ~is_test))
    scores: dict[str, float] = {"n_test": len(test), "n_training": len(training)}
    for name, measure in {
        "dtw": Dtw(frame_rate="native"),
        "dtw_without_band": Dtw(frame_rate="native", band_fraction=None),
    }.items():
        nearest = distances(measure, test, training).argmin(axis=1)
        scores[f"{name}_nearest_right"] = float((digit[~is_test][nearest] == digit[is_test]).mean())
    return scores


def report(folder: Path) -> dict[str, object]:
    """All figures."""
    performances = folder / "vienna4x22"
    return {
        "versions": versions(performances),
        "alignment": alignment(performances),
        "spoken_digits": digits(folder / "fsdd"),
    }


if __name__ == "__main__":
    print(json.dumps(report(Path(sys.argv[-1])), indent=1))
