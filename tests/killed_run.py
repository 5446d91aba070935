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
from audiosim.library import Library
from audiosim_pipelines import extract, settings
from audiosim_pipelines.run import run

UNHURT = 1_000_000


def arm(kill_at):
    """Kill this process before its change number `kill_at`, and return the counter."""
    counter = itertools.count(1)
    replace, transaction = Path.replace, Catalog.transaction
    # Few tracks a batch, as there are few in the library.
    extract._COMMIT_TRACKS = 3

    def change():
        if next(counter) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted_replace(path, target):
        change()
        return replace(path, target)

    @contextlib.contextmanager
    def counted_transaction(catalog):
        change()
        with transaction(catalog):
            yield
            change()

    Path.replace, Catalog.transaction = counted_replace, counted_transaction
    return counter


class SpectrumExtractor:
    """Stands in for the MFCC: as exact, without the seconds that TensorFlow takes to load in each of many processes."""

    def __init__(self, spec):
        self.spec = spec

    def extract_keyed(self, items):
        for key, samples in items:
            padded = np.zeros(self.spec.n_frames(samples.size) * self.spec.hop_length, np.float32)
            padded[: samples.size] = samples[: padded.size]
            spectrum = np.abs(np.fft.rfft(padded.reshape(-1, self.spec.hop_length)))
            yield key, np.log1p(spectrum[:, : self.spec.n_mfcc]).astype(np.float32)


def run_in_child(library, clips, kill_at):
    """Run in a forked child; return the signal that killed it, or 0, and the number of changes if it came to its end."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        counter = arm(kill_at)
        opened = Library.create(library)
        run(opened, settings.load(library), [clips])
        os.write(writer, str(next(counter) - 1).encode())
        os._exit(0)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        n_changes = pipe.read()
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        sys.exit(f"run at {kill_at} failed")
    return (os.WTERMSIG(status), 0) if os.WIFSIGNALED(status) else (0, int(n_changes))


def main(clips, folder, n_fresh, n_restless):
    """Make `folder/undisturbed`, and libraries beside it that were killed; print what was done."""
    extract._extractor = SpectrumExtractor
    warm()
    _, n_changes = run_in_child(folder / "undisturbed", clips, UNHURT)
    rng = np.random.default_rng(7)
    # Killed once, at moments spread over the whole run.
    for number, kill_at in enumerate(np.linspace(1, n_changes, n_fresh).round().astype(int).tolist()):
        library = folder / f"once {number:02} at {kill_at}"
        killed_by, _ = run_in_child(library, clips, kill_at)
        assert killed_by == signal.SIGKILL, killed_by
        killed_by, _ = run_in_child(library, clips, UNHURT)
        assert killed_by == 0, killed_by
    # Killed again and again until there was nothing left to do.
    n_kills = 0
    for number in range(n_restless):
        killed_by = signal.SIGKILL
        while killed_by:
            killed_by, _ = run_in_child(folder / f"again {number:02}", clips, int(rng.integers(1, 40)))
            n_kills += bool(killed_by)
    print(n_changes, n_fresh + n_kills)


def warm():
    """Compile the kernels once, for all children."""
    from audiosim.distances import Block, measure_named

    frames = np.random.default_rng(0).standard_normal((8, 40)).astype(np.float32)
    block, pairs = Block(frames, np.array([0, 4, 8])), np.array([[0, 1]])
    for name in ("dtw", "cosine_frames"):
        measure_named(name).distances(block, block, pairs, device="cpu")
    measure_named("cosine").distances(Block(frames, None), Block(frames, None), pairs, device="cpu")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
