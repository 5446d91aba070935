"""How well features tell six genres of playlists, by artist, and what a random split would have claimed.

    python benchmarks/bench_genre.py TABLE [LABEL]

TABLE is the table of 32 833 songs of playlists (tidytuesday, 2020-01-21) as Parquet or CSV, or another with a column
LABEL, by default `playlist_genre`. Prints JSON and writes it to `results/genre.json`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from audiosim.recommend.genre.work import Effort
from audiosim_pipelines.bench.machine import describe, n_cores
from audiosim_pipelines.genre.evaluation import evaluate_table

RESULT = Path(__file__).parent / "results" / "genre.json"


def main() -> None:
    table = Path(sys.argv[1])
    label = sys.argv[2] if len(sys.argv) > 2 else "playlist_genre"
    report = evaluate_table(table, label, effort=Effort(n_threads=min(2, n_cores())))
    # The path says where it lay on this machine, and titles are not ours to hand on.
    said: dict[str, Any] = report.as_dict() | {"table": table.name}
    del said["judged"]["confused"]
    result = {"machine": describe(), **said}
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    RESULT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
