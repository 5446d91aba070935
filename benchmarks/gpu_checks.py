"""What `benchmarks/gpu_box` leaves to other programs: pytest, compute-sanitizer and a profiler, if they are there."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS = ("memcheck", "racecheck")
PATHS = [str(ROOT / name) for name in ("kernels", "pipelines", "tests", "benchmarks")]


class Clock:
    """The time that a run may take."""

    def __init__(self, minutes):
        self.end = time.monotonic() + 60 * minutes

    def left(self):
        """Seconds that are left; below 0 there are none."""
        return self.end - time.monotonic()


# --- tests


def missing_imports(path, seen=None):
    """Modules that a file of the tests needs to be loaded, itself or through another one, and that are not here."""
    seen = set() if seen is None else seen
    missing = set()
    # Only what stands at the top: what is imported in a function or under a condition, that function can do without.
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in {name.partition(".")[0] for name in names} - seen:
            seen.add(name)
            local = [ROOT / folder / f"{name}.py" for folder in ("tests", "benchmarks")]
            found = next((file for file in local if file.exists()), None)
            if found is not None:
                missing |= missing_imports(found, seen)
            elif importlib.util.find_spec(name) is None:
                missing.add(name)
    return missing


def kernel_tests():
    """Test files that are about the kernels alone: (those that can run here, {name: what it lacks})."""
    able, unable = [], {}
    lacking = missing_imports(ROOT / "tests" / "conftest.py")
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        # `audiosim` and its pipelines need what a bare machine does not have.
        if "audiosim_kernels" in text and not re.search(
            r"^\s*(from|import) audiosim(_pipelines)?\b", text, re.MULTILINE
        ):
            lacks = sorted(missing_imports(path) | lacking)
            if lacks:
                unable[path.name] = f"needs {', '.join(lacks)}"
            else:
                able.append(path)
    return able, unable


def run_tests(*, seconds, only_collect, require_gpu):
    """Outcome of pytest, a process a file, under a configuration of its own: the project's asks for plugins.

    What is only collected is so by one process.
    """
    able, unable = kernel_tests()
    groups = [able] if only_collect else [[path] for path in able]
    options = ["--collect-only"] if only_collect else ["-m", "not slow"]
    environment = {"AUDIOSIM_REQUIRE_GPU": "1"} if require_gpu else {}
    with tempfile.TemporaryDirectory() as place:
        configuration = Path(place) / "pytest.ini"
        configuration.write_text(
            f"[pytest]\npythonpath = {' '.join(PATHS)}\naddopts = --import-mode=importlib -p no:cacheprovider\n"
            "markers =\n    gpu: runs a CUDA kernel\n    slow: takes minutes\n",
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "pytest", "-q", "-c", str(configuration), "--rootdir", str(ROOT), *options]
        clock = Clock(seconds / 60)
        with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2)) as pool:
            outputs = pool.map(lambda paths: run([*command, *map(str, paths)], clock.left(), environment), groups)
            done = {path.name: output for paths, output in zip(groups, outputs, strict=True) for path in paths}
    late = {name: "out of time" for name, (code, _) in done.items() if code is None}
    wrong = {name: output[-4_000:] for name, (code, output) in done.items() if code}
    return {
        "ok": bool(able) and not wrong,
        "ran": [name for name, (code, _) in done.items() if code is not None],
        "not_run": unable | late,
        "summary": {
            name: output.strip().splitlines()[-1:] for name, (code, output) in done.items() if code is not None
        },
        "failures": wrong,
    }


# --- sanitizer and profiler


def sanitize(script, *, seconds):
    """Verdict of memcheck and racecheck on a few tracks that cross strips, bands and tiles, both at once."""
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        return {"not_run": "no compute-sanitizer on this machine"}
    commands = [
        [tool, "--tool", check, "--error-exitcode", "9", sys.executable, script, "--sanitized"] for check in CHECKS
    ]
    with ThreadPoolExecutor(len(commands)) as pool:
        outputs = list(pool.map(lambda command: run(command, seconds), commands))
    found = {}
    for check, (code, output) in zip(CHECKS, outputs, strict=True):
        lines = [line for line in output.splitlines() if "SUMMARY" in line] or output.splitlines()[-3:]
        found[check] = {"not_run": "out of time"} if code is None else {"ok": code == 0, "summary": " ".join(lines)}
    return found


def profile(script, *, seconds):
    """What a profiler of NVIDIA's says about the kernels."""
    compute, systems = shutil.which("ncu"), shutil.which("nsys")
    if compute is not None:
        sections = [f"--section={name}" for name in ("SpeedOfLight", "Occupancy", "LaunchStats", "WarpStateStats")]
        command = [compute, "--kernel-name", "regex:compare", "--launch-count", "6", *sections]
    elif systems is not None:
        command = [systems, "profile", "--stats=true", "--force-overwrite=true", f"--output={tempfile.mkdtemp()}/run"]
    else:
        return {"not_run": "neither ncu nor nsys on this machine"}
    code, output = run([*command, sys.executable, script, "--profiled"], seconds)
    return {"tool": command[0], "code": code, "output": output[-12_000:]}


def run(command, seconds, environment=None):
    """Exit code, None if time ran out, and all that a command printed."""
    if seconds <= 0:
        return None, ""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS), **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        return None, (error.stdout or b"").decode(errors="replace") if isinstance(error.stdout, bytes) else ""
    return done.returncode, done.stdout
