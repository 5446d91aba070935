"""How well models foretell the next track: of listeners whose habits are known, and of a real history.

    python benchmarks/bench_next.py [--part NAME] [PLAYS]

Two listeners are simulated. Of the first, any title may follow any other; who knows the probabilities is the oracle. Of
the second, what follows sounds alike, and a tenth of the titles is in no session that is learnt from. PLAYS, an export
of a listening history, is judged with sessions that end after 60 and after 30 minutes of silence. Takes about five
minutes on two cores. Prints JSON and writes it to `results/next.json`; parts that are not measured anew stay.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from audiosim.evaluation.bootstrap import bootstrap_means
from audiosim.library import Library
from audiosim.recommend.next_track.lists import list_figures
from audiosim.recommend.next_track.lstm_fit import fit_lstm
from audiosim.recommend.next_track.models import CONTENT_MODELS, PLAIN_MODELS, Scorer, Training
from audiosim.recommend.next_track.ranks import target_ranks
from audiosim_pipelines.bench.listener import Listener, simulated_listener
from audiosim_pipelines.bench.machine import describe
from audiosim_pipelines.history import import_history
from audiosim_pipelines.next_track.evaluation import evaluate_history

RESULT = Path(__file__).parent / "results" / "next.json"
N_ITEMS, N_SUCCESSORS, N_TRAIN, N_TEST = 300, 6, 1_000, 150
FOUND = 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", action="append", help="measure this part; repeat for several; all by default")
    parser.add_argument("plays", nargs="?", type=Path)
    asked = parser.parse_args()
    said: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    parts: dict[str, Callable[[], Any]] = {
        "known_habits": known_habits,
        "known_habits_by_sound": known_habits_by_sound,
        "never_played": never_played,
    }
    if asked.plays is not None:
        parts |= {f"history_{gap}_minutes": lambda gap=gap: history(asked.plays, gap) for gap in (60, 30)}
    machine = describe()  # before the results are written, which are part of what it describes
    for name in asked.part or parts:
        began = time.monotonic()
        found = parts[name]()
        said |= {name: {"machine": machine, "seconds": round(time.monotonic() - began, 1), **found}}
        RESULT.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(said, indent=1))


def known_habits() -> dict[str, Any]:
    """Nothing but sessions tells what follows what."""
    listener = simulated_listener(n_items=N_ITEMS, n_successors=N_SUCCESSORS, by_sound=False, seed=1)
    return compared(listener, Training(listener.sessions(N_TRAIN, seed=2), N_ITEMS), without=tuple(CONTENT_MODELS))


def known_habits_by_sound() -> dict[str, Any]:
    """The same listener for models that know sounds alone, which tell nothing of what follows: lists of the average."""
    listener = simulated_listener(n_items=N_ITEMS, n_successors=N_SUCCESSORS, by_sound=False, seed=1)
    training = Training(listener.sessions(N_TRAIN, seed=2), N_ITEMS, listener.vectors)
    judged_by = listener.sessions(N_TEST, seed=3)
    builds = CONTENT_MODELS | {"markov": PLAIN_MODELS["markov"]}
    return {"models": {name: figures(build(training), training, judged_by) for name, build in builds.items()}}


def never_played() -> dict[str, Any]:
    """A tenth of the titles has to be found by how it sounds."""
    listener = simulated_listener(n_items=N_ITEMS, n_successors=N_SUCCESSORS, by_sound=True, seed=1)
    held = np.random.default_rng(4).permutation(N_ITEMS)[: N_ITEMS // 10]
    without = [session[~np.isin(session, held)] for session in listener.sessions(N_TRAIN, seed=2)]
    sessions = [session for session in without if len(session) > 1]
    return compared(listener, Training(sessions, N_ITEMS, listener.vectors), without=())


def compared(listener: Listener, training: Training, *, without: tuple[str, ...]) -> dict[str, Any]:
    """Hits of all models beside those of the oracle, with 95 % intervals over sessions."""
    builds = {name: build for name, build in (PLAIN_MODELS | CONTENT_MODELS).items() if name not in without}
    scorers: dict[str, Scorer] = {name: build(training) for name, build in builds.items()}
    began = time.monotonic()
    scorers["lstm"] = fit_lstm(training, progress=lambda epoch: print(epoch, file=sys.stderr)).scorer()
    seconds = time.monotonic() - began
    scorers["oracle"] = lambda items: listener.transitions[items[-1]]
    judged_by = listener.sessions(N_TEST, seed=3)
    return {
        "n_items": training.n_items,
        "n_transitions": len(training.transitions()),
        "chance": FOUND / training.n_items,
        "lstm_seconds": round(seconds, 1),
        "models": {name: figures(scorer, training, judged_by) for name, scorer in scorers.items()},
    }


def figures(scorer: Scorer, training: Training, judged_by: list[np.ndarray]) -> dict[str, Any]:
    """HR@10 of all plays, and of titles that were played, or never played, in the training."""
    ranks = target_ranks(scorer, training, judged_by)
    hits = (ranks.rank <= FOUND).astype(np.float64)
    rows = [hits, np.where(ranks.is_cold, np.nan, hits), np.where(ranks.is_cold, hits, np.nan)]
    estimates = bootstrap_means(np.stack(rows, axis=1), ranks.session.tolist(), n_draws=2_000)
    named = {
        name: None if np.isnan(one.value) else asdict(one)
        for name, one in zip(("hr@10", "warm", "cold"), estimates, strict=True)
    }
    lists = {name: None if np.isnan(value) else value for name, value in asdict(list_figures(ranks, training)).items()}
    return named | {"lists": lists}


def history(plays: Path, gap: int) -> dict[str, Any]:
    """What `audiosim history evaluate` says of a real history, without what tells when it was listened."""
    with tempfile.TemporaryDirectory() as folder:
        with Library.create(Path(folder) / "library").writing():
            pass
        library = Library.open(Path(folder) / "library")
        import_history(library, [plays])
        said = evaluate_history(library, gap=60.0 * gap).as_json()
    del said["sessions"]
    return said


if __name__ == "__main__":
    main()
