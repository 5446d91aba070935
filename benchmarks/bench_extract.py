"""Rate of extraction beside the rate of decoding alone: same files, same threads, rounds in turn.

    python benchmarks/bench_extract.py FOLDER [--threads 2] [--rounds 5] [--family mfcc ...]

Decoding alone is what `extract` does before any feature: read, mix down, resample, trim. The fraction that is left when
features are computed and stored besides is the figure to watch. Then each step by itself, track after track on one
core, as processor time. Set OMP_NUM_THREADS=1, or linear algebra takes more cores than `--threads` says. Prints JSON.
"""

import argparse
import json
import platform
import resource
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from audiosim.audio import load_with_duration
from audiosim.errors import AudioError
from audiosim.features.chroma import cens, chroma
from audiosim.features.descriptors import Material, describe
from audiosim.features.loudness import integrated_loudness, momentary_loudness
from audiosim.features.mfcc import MfccExtractor
from audiosim.features.onset import onset_strength
from audiosim.features.tempo import track_beats
from audiosim.features.timbre import gaussian
from audiosim.library import Library
from audiosim_pipelines.add import add
from audiosim_pipelines.decode import decode_ahead
from audiosim_pipelines.extract import extract
from audiosim_pipelines.layouts import chroma_spec
from audiosim_pipelines.settings import (
    FEATURES_OF_FAMILY,
    N_COEFFICIENTS,
    FeatureSettings,
    MachineSettings,
    Settings,
    n_usable_cores,
)


def decode_alone(library: Library, settings: Settings) -> tuple[float, float]:
    """Wall and processor seconds to decode every track."""
    started, used = time.perf_counter(), time.process_time()
    threads = settings.machine.n_threads
    with ThreadPoolExecutor(threads) as pool:
        decoded = decode_ahead(
            pool, library.tracks(), library.catalog, settings.audio, hear=lambda *_: None, n_ahead=2 * threads
        )
        for _, signal in decoded:
            assert not isinstance(signal, AudioError)
    return time.perf_counter() - started, time.process_time() - used


def extract_all(library: Library, settings: Settings) -> tuple[float, float]:
    """Wall and processor seconds to decode every track, compute its features and commit them."""
    started, used = time.perf_counter(), time.process_time()
    report = extract(library, settings, recompute=True)
    assert not report.n_failures
    return time.perf_counter() - started, time.process_time() - used


class Clock:
    """Processor seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def __call__(self, step, compute, *arguments, **options):
        started = time.process_time()
        result = compute(*arguments, **options)
        self.seconds[step] += time.process_time() - started
        return result


def each_step(library: Library, settings: Settings) -> dict[str, float]:
    """Processor seconds of every step over all tracks, one after the other."""
    spec, sound, clock = settings.mfcc(), chroma_spec(settings), Clock()
    rate, pooled = spec.frame_rate, settings.features.pooled_rate
    extractor = MfccExtractor(spec, n_coefficients=N_COEFFICIENTS, keep_mel=True)
    for track in library.tracks():
        signal, duration = clock("decode", load_with_duration, track.paths[0], spec=settings.audio)
        ((_, frames),) = clock("mel, MFCC", lambda *items: list(extractor.extract_keyed(items)), (track, signal))
        clock("timbre", gaussian, frames.mfcc)
        pitches = clock("chroma", chroma, signal, sound)
        clock("CENS", cens, pitches, frame_rate=rate, target_rate=pooled)
        loudness = clock("loudness", integrated_loudness, signal, spec.sample_rate)
        clock("loudness", momentary_loudness, signal, spec.sample_rate)
        onset = clock("onset", onset_strength, frames.mel_power)
        beats = clock("beats", track_beats, onset, frame_rate=rate)
        material = Material(duration, frames.mfcc, frames.mel_power, pitches, onset, beats, loudness, rate)
        clock("descriptors", describe, material)
    return clock.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--family", action="append", choices=list(FEATURES_OF_FAMILY))
    arguments = parser.parse_args()
    families = tuple(arguments.family or FEATURES_OF_FAMILY)
    settings = replace(
        Settings(),
        features=FeatureSettings(families=families),
        machine=MachineSettings(device="cpu", threads=arguments.threads),
    )
    place = Path(tempfile.mkdtemp(prefix="audiosim-bench-"))
    try:
        library = Library.create(place)
        add(library, [arguments.folder])
        tracks = library.tracks()
        extract_all(library, settings)  # compiles, and fills the page cache
        rounds = [(decode_alone(library, settings), extract_all(library, settings)) for _ in range(arguments.rounds)]
        each_step(library, settings)  # the lone track has a shape of its own
        steps = each_step(library, settings)
    finally:
        shutil.rmtree(place)
    n, seconds = len(tracks), sum(track.duration or 0 for track in tracks)
    decode_wall, extract_wall = (statistics.median(r[i][0] for r in rounds) for i in (0, 1))
    print(
        json.dumps(
            {
                "machine": f"{platform.machine()}, {n_usable_cores()} cores",
                "families": families,
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
                "extract_times_real_time_per_core": round(seconds / statistics.median(r[1][1] for r in rounds)),
                "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "steps_alone_cpu_ms_per_track": {step: round(1e3 * used / n, 2) for step, used in steps.items()},
                "steps_alone_times_real_time_per_core": round(seconds / sum(steps.values())),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
