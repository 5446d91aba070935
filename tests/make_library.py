"""Small libraries for the tests of whole runs: the clips, the real command line, and what lies on disk afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile as sf

SAMPLE_RATE = 22_050
NOBODY = 65_534  # an unprivileged user, for what root is allowed anyway
COMMAND = [sys.executable, "-m", "audiosim_pipelines.cli"]


def write_clips(folder, n_clips, *, first=0, longest=3.0):
    """`n_clips` little melodies of 1 to `longest` seconds, each of its own; the same number gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + n_clips):
        rng = np.random.default_rng([20_261_121, number])
        notes = rng.uniform(150.0, 900.0, size=rng.integers(4, 9))
        seconds = rng.uniform(1.0, longest)
        time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        pitch = notes[(time / seconds * len(notes)).astype(int)]
        phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
        signal = 0.3 * np.sin(phase) + 0.1 * np.sin(2 * phase) + 0.01 * rng.standard_normal(len(time))
        sf.write(folder / f"clip {number:03}.wav", signal, SAMPLE_RATE)
    return folder
