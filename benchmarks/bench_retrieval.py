"""How often each measure finds what is known to belong together, on a folder of real clips.

Files named `X__seg2` are a second excerpt of the recording `X`, files named `X__frommp3` the same excerpt from another
codec. Run it as

    python benchmarks/bench_retrieval.py LIBRARY [RESULTS.json]

after `audiosim run MUSIC --library LIBRARY`. A measure that is rescaled against hubs has a row before and one after.
"""

import json
import sys
from pathlib import Path

import numpy as np

from audiosim import Library
from audiosim.evaluation import random_distances
from audiosim.evaluation.hubness import hubness
from audiosim.evaluation.retrieval import reciprocal_ranks


def pairs_of(stems: list[str], suffix: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the files with a suffix, and of the files that they belong to."""
    row_of = {stem: row for row, stem in enumerate(stems)}
    queries = [row for stem, row in row_of.items() if stem.endswith(suffix) and stem.removesuffix(suffix) in row_of]
    targets = [row_of[stems[row].removesuffix(suffix)] for row in queries]
    return np.array(queries), np.array(targets)


def judge(distances: np.ndarray, stems: list[str]) -> dict[str, float]:
    """Scores of one matrix over clips whose files have these stems."""
    originals = np.array([row for row, stem in enumerate(stems) if "__" not in stem])
    queries, targets = pairs_of(stems, "__seg2")
    ranks = reciprocal_ranks(distances, queries, targets, candidates=originals)
    copies, twins = pairs_of(stems, "__frommp3")
    twin_ranks = reciprocal_ranks(distances, np.r_[copies, twins], np.r_[twins, copies])
    # A loop's second excerpt is the same recording too, and by averages it can be nearer than a copy.
    whole = np.array([row for row, stem in enumerate(stems) if not stem.endswith("__seg2")])
    lone_ranks = reciprocal_ranks(distances, np.r_[copies, twins], np.r_[twins, copies], candidates=whole)
    return {
        "second_excerpt_mrr": float(ranks.mean()),
        "second_excerpt_hit_at_1": float((ranks == 1).mean()),
        "n_second_excerpts": len(queries),
        "codec_twin_nearest": int((twin_ranks == 1).sum()),
        "codec_twin_nearest_without_excerpts": int((lone_ranks == 1).sum()),
        "n_codec_twins": len(twin_ranks),
        "hub_skewness_at_5": hubness(distances, k=5).skewness,
    }


def report(folder: Path) -> dict[str, dict[str, float]]:
    """Scores of every measure of a library, raw and rescaled, and of a random control."""
    library = Library.open(folder)
    scores: dict[str, dict[str, float]] = {}
    for measure in library.measures():
        _, tracks = library.distances(measure)
        stems = [track.paths[0].stem for track in tracks]
        scores[measure] = judge(library.rescaled(measure, rescaling="none").keys, stems)
        if (rescaling := library.rescaling(measure)) != "none":
            scores[f"{measure} + {rescaling}"] = judge(library.rescaled(measure).keys, stems)
    scores["random"] = judge(random_distances(len(stems), seed=0), stems)
    return scores


def main(library: Path, output: Path | None = None) -> None:
    """Print the scores as a table, and write them as JSON."""
    scores = report(library)
    keys = ("second_excerpt_mrr", "second_excerpt_hit_at_1", "codec_twin_nearest", "hub_skewness_at_5")
    print(f"{'':24}" + "".join(f"{key:>26}" for key in keys))
    for measure, values in scores.items():
        print(f"{measure:24}" + "".join(f"{values[key]:26.3f}" for key in keys))
    if output is not None:
        output.write_text(json.dumps(scores, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
