"""Rate of extraction beside the rate of decoding alone: same files, same threads, rounds in turn.

    python benchmarks/bench_extract.py FOLDER [--threads 2] [--rounds 5]

Decoding alone is what `extract` does before any feature: read, mix down, resample, trim. The fraction that is left when
features are computed and stored besides is the figure to watch. Prints JSON.
"""

import argparse
import json
import platform
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from audiosim.errors import AudioError
from audiosim.library import Library
from audiosim_pipelines.add import add
from audiosim_pipelines.decode import decode_ahead
from audiosim_pipelines.extract import extract
from audiosim_pipelines.settings import MachineSettings, Settings, n_usable_cores


def decode_alone(library: Library, settings: Settings) -> tuple[float, float]:
    """Wall and processor seconds to decode every track."""
    started, used = time.perf_counter(), time.process_time()
    for _, signal in decode_ahead(
        library.tracks(), library.catalog, settings.audio, threads=settings.machine.n_threads
    ):
        assert not isinstance(signal, AudioError)
    return time.perf_counter() - started, time.process_time() - used


def extract_all(library: Library, settings: Settings) -> tuple[float, float]:
    """Wall and processor seconds to decode every track, compute its features and commit them."""
    started, used = time.perf_counter(), time.process_time()
    report = extract(library, settings, recompute=True)
    assert not report.n_failures
    return time.perf_counter() - started, time.process_time() - used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    settings = replace(Settings(), machine=MachineSettings(device="cpu", threads=arguments.threads))
    place = Path(tempfile.mkdtemp(prefix="audiosim-bench-"))
    try:
        library = Library.create(place)
        add(library, [arguments.folder])
        tracks = library.tracks()
        extract_all(library, settings)  # compiles, and fills the page cache
        rounds = [(decode_alone(library, settings), extract_all(library, settings)) for _ in range(arguments.rounds)]
    finally:
        shutil.rmtree(place)
    n, seconds = len(tracks), sum(track.duration or 0 for track in tracks)
    decode_wall, extract_wall = (statistics.median(r[i][0] for r in rounds) for i in (0, 1))
    print(
        json.dumps(
            {
                "machine": f"{platform.machine()}, {n_usable_cores()} cores",
                "threads": settings.machine.n_threads,
                "n_tracks": n,
                "audio_hours": round(seconds / 3600, 2),
                "rounds": len(rounds),
                "decode_tracks_per_s": round(n / decode_wall, 1),
                "extract_tracks_per_s": round(n / extract_wall, 1),
                "decode_times_real_time": round(seconds / decode_wall),
                "extract_times_real_time": round(seconds / extract_wall),
                "extract_over_decode_rate": round(statistics.median(r[0][0] / r[1][0] for r in rounds), 3),
                "decode_cpu_ms_per_track": round(1e3 * statistics.median(r[0][1] for r in rounds) / n, 2),
                "extract_cpu_ms_per_track": round(1e3 * statistics.median(r[1][1] for r in rounds) / n, 2),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
