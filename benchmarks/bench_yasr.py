"""The job of 2020 and the comparison with other libraries, written to benchmarks/results/ for the documentation.

    python benchmarks/bench_yasr.py [FOLDER] [--peer-python PYTHON]

The same as `audiosim bench yasr --output benchmarks/results` and `audiosim bench dtw --output benchmarks/results`.
"""

import sys
from pathlib import Path

import typer

from audiosim_pipelines.cli import bench

RESULTS = Path(__file__).parent / "results"

if __name__ == "__main__":
    app = typer.Typer()
    bench.register(app)
    folder = [argument for argument in sys.argv[1:2] if not argument.startswith("-")]
    options = sys.argv[1 + len(folder) :]
    app(["bench", "dtw", *folder, *options, "--output", str(RESULTS)], standalone_mode=False)
    app(["bench", "yasr", *folder, "--output", str(RESULTS)], standalone_mode=False)
