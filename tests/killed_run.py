"""A process that runs libraries and kills itself at chosen moments, for test_interruption.py.

Moments are counted in durable changes, not in seconds: every file that is moved into its place (chunks of the stores,
tables, reports) and every transaction of the catalog, before it begins and before it is committed. So a kill hits
before, between and after any two writes, on a fast machine as on a slow one.
"""

import contextlib
import itertools
import os
import signal
import sys
from pathlib import Path

import numpy as np

from audiosim.catalog import Catalog
from audiosim.features.frames import TrackFrames
from audiosim.library import Library
from audiosim_pipelines import extract, settings
from audiosim_pipelines.run import run

NEVER = 1_000_000


def at_change(number, act):
    """Call `act` before this process's durable change of that number; return the counter of changes."""
    counter = itertools.count(1)
    replace, transaction = Path.replace, Catalog.transaction
    extract._COMMIT_TRACKS = 3  # few tracks a batch, as there are few in the library

    def count():
        if next(counter) == number:
            act()

    def counted_replace(path, target):
        count()
        return replace(path, target)

    @contextlib.contextmanager
    def counted_transaction(catalog):
        count()
        with transaction(catalog):
            yield
            count()

    Path.replace, Catalog.transaction = counted_replace, counted_transaction
    return counter


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt():
    """What Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


def pause():
    """Stand still until a line is written to stdin."""
    sys.stdout.write("paused\n")
    sys.stdout.flush()
    sys.stdin.readline()


class SpectrumExtractor:
    """Stands in for the MFCC: as exact, without the seconds that TensorFlow takes to load in each of many processes."""

    def __init__(self, spec, *, n_coefficients, keep_mel):
        self.spec = spec
        self.n_coefficients = n_coefficients
        self.keep_mel = keep_mel

    def extract_keyed(self, items):
        for key, samples in items:
            padded = np.zeros(self.spec.n_frames(samples.size) * self.spec.hop_length, np.float32)
            padded[: samples.size] = samples[: padded.size]
            spectrum = np.abs(np.fft.rfft(padded.reshape(-1, self.spec.hop_length)))
            mfcc = np.log1p(spectrum[:, : self.n_coefficients]).astype(np.float32)
            mel_power = np.square(spectrum[:, : self.spec.n_mels]).astype(np.float32)
            yield key, TrackFrames(mfcc, mel_power if self.keep_mel else None)


def run_in_child(library, clips, kill_at):
    """Run in a forked child: whether it was killed, and how many changes it made if not."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        counter = at_change(kill_at, kill)
        run(Library.create(library), settings.load(library), [clips])
        os.write(writer, str(next(counter) - 1).encode())
        os._exit(0)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        n_changes = pipe.read()
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True, 0
    if status:
        sys.exit(f"{library} to be killed at change {kill_at}: status {status}")
    return False, int(n_changes)


def warm():
    """Import and compile once, for all children."""
    from numba import cuda  # noqa: F401 - asked whether there is a GPU

    from audiosim.distances import MEASURES, Block
    from audiosim_pipelines import cluster  # noqa: F401 - Dask
    from audiosim_pipelines.analysis import Analysis
    from audiosim_pipelines.pages.verdict import page  # noqa: F401 - matplotlib

    rng, chosen = np.random.default_rng(0), settings.Settings()
    signals = [(n, rng.standard_normal(n).astype(np.float32)) for n in (30_000, 40_000, 90_000)]
    extractor, analysis = SpectrumExtractor(chosen.mfcc(), n_coefficients=25, keep_mel=True), Analysis(chosen)
    rows = [
        analysis.rows(analysis.hear(signal, 1.0), frames)
        for (_, signal), (_, frames) in zip(signals, extractor.extract_keyed(signals), strict=True)
    ]
    # Pairs of about the same length and others, as many as share a vector register.
    pairs = np.array([[0, 1], [0, 2], [1, 2]] * 16)
    for name in chosen.measures:
        measure = MEASURES[name](**chosen.measure_options(name))
        values = [row[measure.feature] for row in rows]
        offsets = np.cumsum([0, *map(len, values)]) if values[0].ndim == 2 else None
        block = Block(np.stack(values) if offsets is None else np.concatenate(values), offsets)
        measure.distances(block, block, pairs, device="cpu")


def main(clips, folder, n_once, n_restless):
    """Make `folder/undisturbed`, and libraries beside it that were killed; tell the numbers of changes and kills."""
    extract._extractor = SpectrumExtractor
    warm()
    _, n_changes = run_in_child(folder / "undisturbed", clips, NEVER)
    # Killed once, at moments spread over the whole run, the first and the last change among them.
    for kill_at in np.linspace(1, n_changes, n_once).round().astype(int).tolist():
        library = folder / f"killed once, at {kill_at}"
        assert run_in_child(library, clips, kill_at)[0]
        assert not run_in_child(library, clips, NEVER)[0]
    # Killed again and again until there was nothing left to do.
    rng = np.random.default_rng(7)
    n_kills = n_once
    for number in range(n_restless):
        while run_in_child(folder / f"killed often, {number}", clips, int(rng.integers(1, n_changes // 6)))[0]:
            n_kills += 1
    sys.stdout.write(f"{n_changes} {n_kills}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
