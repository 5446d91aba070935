"""Small libraries for the tests of whole runs: the clips, the real command line, and what lies on disk afterwards."""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile as sf
from forked import Process

from audiosim_pipelines.settings import CompareSettings, FeatureSettings, Settings

SAMPLE_RATE = 22_050
N_CLIPS = 14
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("AUDIOSIM_")},
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)]),
    # What most of these tests are about; others ask for `EVERYTHING`.
    "AUDIOSIM_FEATURES_FAMILIES": '["mfcc"]',
    "AUDIOSIM_COMPARE_MEASURES": '["dtw", "cosine", "cosine_frames"]',
    "AUDIOSIM_COMPARE_TILE": "4",  # 10 tiles on and above the diagonal, the last of each row cut by the edge
    "AUDIOSIM_MACHINE_DEVICE": "cpu",
}
# The same for runs within the process of the tests.
MFCC_ONLY = Settings(
    features=FeatureSettings(families=("mfcc",)), compare=CompareSettings(measures=("dtw", "cosine", "cosine_frames"))
)
EVERYTHING = {
    "AUDIOSIM_FEATURES_FAMILIES": '["mfcc", "chroma", "descriptors"]',
    "AUDIOSIM_COMPARE_MEASURES": '["dtw", "cosine", "cosine_frames", "timbre", "version", "descriptors"]',
}
_MAIN = "from audiosim_pipelines.cli import main; main()"
# A statement for `before`: features are stand-ins, without the seconds that TensorFlow takes to load.
STAND_INS = "from killed_run import *; extract._extractor = SpectrumExtractor"


def write_clips(folder, n_clips, *, first=0):
    """`n_clips` little melodies of 1 to 3 s, each its own; the same number gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + n_clips):
        rng = np.random.default_rng([20_261_121, number])
        notes = rng.uniform(150.0, 900.0, size=rng.integers(4, 9))
        seconds = rng.uniform(1.0, 3.0)
        time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        phase = 2 * np.pi * np.cumsum(notes[(time / seconds * len(notes)).astype(int)]) / SAMPLE_RATE
        signal = 0.3 * np.sin(phase) + 0.1 * np.sin(2 * phase) + 0.01 * rng.standard_normal(len(time))
        sf.write(folder / f"clip {number:03}.wav", signal, SAMPLE_RATE)
    return folder


def start(*arguments, before="", settings=None):
    """Start the real command line in a process of its own, after the Python statements `before`."""
    code, environment = f"{before}\n{_MAIN}", ENVIRONMENT | (settings or {})
    arguments = [str(argument) for argument in arguments]
    if any(name.startswith("PYTHON") for name in settings or {}):  # Python reads them when it starts
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return Process(code, arguments, environment)


def audiosim(*arguments, before="", settings=None, expected=0):
    """Run the command line to its end; return what it wrote to stdout and to stderr."""
    with start(*arguments, before=before, settings=settings) as process:
        output, messages = process.communicate()
    assert process.returncode == expected, f"exit {process.returncode}\n{output}\n{messages}"
    assert "Traceback" not in messages, messages
    return output, messages


def results(library):
    """Bytes of every file of the features, distances, neighbours and reports of a library, by path in it.

    Pages are headed by the library's name and say where its music lies, seen from them; neither is a result.
    """
    folders = [library / name for name in ("features", "distances", "neighbors", "reports")]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    contents = {str(path.relative_to(library)): path.read_bytes() for path in files}
    name = library.name.encode()
    return {
        path: re.sub(rb'src="[^"]*"', b"", content.replace(name, b"LIBRARY")) if path.endswith(".html") else content
        for path, content in contents.items()
    }


def assert_same_results(library, expected):
    """Name the files that differ rather than print their bytes."""
    found = results(library)
    assert sorted(found) == sorted(expected)
    assert [path for path in found if found[path] != expected[path]] == []


def obey_modes():
    """Give up what root may do and others may not, so that the modes of files count for this process."""
    if os.geteuid() == 0:
        header, no_capabilities = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        if ctypes.CDLL(None, use_errno=True).capset(header, no_capabilities):
            raise OSError(ctypes.get_errno(), "capset")
