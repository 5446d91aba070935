"""Whether taste is found where there is one, and none where there is none; and what asking for chosen ratings gains.

    python benchmarks/bench_taste.py [TABLE [COLUMN]]

Simulated listeners with 100 ratings and 30 related features, of which six have a part in the taste. TABLE is a table of
features with a column of likes, COLUMN, by default `like`: the 2 017 songs of one listener (2017), say. Prints JSON and
writes it to `results/taste.json`.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from audiosim.recommend.taste.design import most_informative
from audiosim.recommend.taste.evaluation import evaluate_taste
from audiosim.recommend.taste.ridge import fit_ridge
from audiosim.recommend.taste.trials import TasteEffort, fitted_model
from audiosim_pipelines.bench.machine import describe, n_cores
from audiosim_pipelines.bench.rater import rated_tracks
from audiosim_pipelines.taste.evaluation import fit_table

RESULT = Path(__file__).parent / "results" / "taste.json"
EFFORT = TasteEffort(n_repeats=1, n_trees=50, n_threads=1)
N_LISTENERS, N_NEW, N_DESIGNS = 20, 10, 50


def listeners(ceiling):
    """What is found of listeners whose features explain such a share of their ratings."""
    judged = [evaluate_taste(rated_tracks(seed, ceiling=ceiling), effort=EFFORT) for seed in range(N_LISTENERS)]
    found = {name: [one.scores(name).r2 for one in judged] for name in dict(judged[0].rows)}
    return {
        "n_listeners": N_LISTENERS,
        "mean_r2": {name: float(np.mean(values)) for name, values in found.items()},
        "r2_of_chosen": sorted(found["chosen"]),
        "largest_p": max(one.p_value for one in judged),
        "n_significant": sum(one.p_value < 0.05 for one in judged),
        "verdicts": dict(sorted(Counter(one.verdict for one in judged).items())),
        "mean_coverage_of_left_out": float(np.mean([one.coverage for one in judged])),
    }


def new_tracks():
    """How many ratings of 300 further tracks lie within the intervals that 100 ratings gave."""
    covered = []
    for seed in range(N_NEW):
        rated = rated_tracks(seed, n=400, n_artists=400)
        known, others = rated.take(np.arange(100)), rated.take(np.arange(100, 400))
        judged = evaluate_taste(known, effort=EFFORT)
        predicted = fitted_model(judged.best, known, EFFORT).predict(others.inputs)
        covered.append(float(np.mean(np.abs(others.ratings - predicted) <= judged.half_width)))
    return {"n_listeners": N_NEW, "mean_coverage": float(np.mean(covered)), "coverages": sorted(covered)}


def designs(n_random=20):
    """Twenty ratings and ten more: error on 100 other tracks with chosen ones, and with so many random tens."""
    errors = {"chosen": [], "random": []}
    for seed in range(N_DESIGNS):
        rated = rated_tracks(seed, n=300)
        inputs, ratings = rated.inputs.encoded, rated.ratings
        rng = np.random.default_rng(1_000 + seed)
        known = rng.choice(200, 20, replace=False)
        others = np.setdiff1d(np.arange(200), known)

        def error(more, *, inputs=inputs, ratings=ratings, known=known):
            rows = np.r_[known, more]
            predicted = fit_ridge(inputs[rows], ratings[rows, None]).predict(inputs[200:])[:, 0]
            return float(np.sqrt(np.mean((predicted - ratings[200:]) ** 2)))

        errors["chosen"].append(error(most_informative(inputs[:200], rated.groups[:200], rated=known, n=10)))
        errors["random"].append(np.mean([error(rng.choice(others, 10, replace=False)) for _ in range(n_random)]))
    gains = np.subtract(errors["random"], errors["chosen"])
    return {
        "n_listeners": N_DESIGNS,
        "rmse_of_chosen": float(np.mean(errors["chosen"])),
        "rmse_of_random": float(np.mean(errors["random"])),
        "gain": float(gains.mean()),
        "standard_error": float(gains.std(ddof=1) / np.sqrt(N_DESIGNS)),
        "n_better": int(np.count_nonzero(gains > 0.0)),
    }


def timed():
    """CPU seconds of the default effort with 100 ratings: 10 ways to deal 5 folds, on one thread."""
    began = time.process_time()
    evaluate_taste(rated_tracks(0), effort=TasteEffort())
    return time.process_time() - began


def main():
    began = time.monotonic()
    result = {
        "machine": describe(),
        "ceiling_0.4": listeners(0.4),
        "noise": listeners(0.0),
        "new_tracks": new_tracks(),
        "ten_more": designs(),
        "cpu_seconds_of_100_ratings": timed(),
    }
    if len(sys.argv) > 1:
        table, column = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "like"
        # The path says where it lay on this machine.
        said = fit_table(table, column, effort=TasteEffort(n_threads=min(2, n_cores()))).as_dict()
        result["likes"] = said | {"source": table.name}
    result["seconds"] = time.monotonic() - began
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    RESULT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
