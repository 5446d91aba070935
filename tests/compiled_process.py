"""Processes that say what they compiled, and kernels that are made anew, for the tests of kept machine code."""

import importlib
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import FunctionType, SimpleNamespace

from numba import njit
from numba.core.registry import cpu_target

import audiosim_kernels
from audiosim_kernels import compiled_key
from audiosim_kernels.compiled import _Cache, cached

PACKAGE = Path(audiosim_kernels.__file__).parent

# What a process says at its end: what it found, and which functions it compiled.
PROLOGUE = """
import json, sys
import numpy as np
from numba.core import event

class Compilations(event.Listener):
    def on_start(self, event):
        compiled.append(event.data["dispatcher"].py_func.__name__)
    def on_end(self, event):
        pass

compiled = []
event.register("numba:compile", Compilations())

def say(found):
    print(json.dumps({"found": found, "compiled": compiled}))
"""
NEAREST = """
from audiosim_kernels.nearest_cpu import keep_nearest

indices, nearest = np.full((1, 2), -1), np.full((1, 2), np.inf, dtype=np.float32)
keep_nearest(np.array([[3, 1, 2]], dtype=np.float32), 0, -1, indices, nearest)
say(indices.tolist())
"""


def start(script, folder, *, package=PACKAGE, **variables):
    """Start a process that keeps its machine code in `folder`, with the kernels of `package`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AUDIOSIM_", "NUMBA_"))}
    environment |= {
        "AUDIOSIM_CACHE": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",  # Python takes an old .pyc for new if a file is edited within a second
        "PYTHONPATH": os.pathsep.join([str(package.parent), str(Path(__file__).parent), *filter(None, sys.path)]),
    }
    return subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + textwrap.dedent(script)],
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process):
    output, messages = process.communicate(timeout=200)
    assert process.returncode == 0, messages
    assert not messages
    return SimpleNamespace(**json.loads(output))


def run(script, folder, **options):
    return said(start(script, folder, **options))


def machine_codes(folder):
    return sorted((folder / "kernels").glob("*.machine")) if folder.is_dir() else []


def keep_in(folder, monkeypatch):
    """Keep machine code in this folder, and forget afterwards what was seen of functions until then."""
    monkeypatch.setenv("AUDIOSIM_CACHE", str(folder))
    monkeypatch.setattr(compiled_key, "_first_met", compiled_key._first_met.copy())
    return folder


FACTOR = 2.0


def scale_by(factor):
    """A kernel whose helper has a value in its closure."""

    @njit
    def helper(x):
        return x * factor

    @cached
    @njit
    def scale(x):
        return helper(x)

    return scale


def sum_by(factor):
    """A kernel whose helper is called too often to become part of it: it has a symbol in the machine code."""

    @njit
    def helper(x):
        if len(x) > 50:
            return factor
        total = 0.0
        for i in range(len(x)):
            total += x[i] * factor + (x[i] if x[i] > factor else total)
        return total

    @cached
    @njit
    def add_up(x):
        total = 0.0
        for i in range(len(x)):
            total += helper(x[i:]) + helper(x) * helper(x[:i])
        return total

    return add_up


def scalers():
    """Two kernels that share a helper, which reads a global."""

    @njit
    def helper(x):
        return x * FACTOR

    @cached
    @njit
    def first(x):
        return helper(x)

    @cached
    @njit
    def second(x):
        return helper(x) + 0.0

    return first, second, helper


def was_found(kernel):
    assert sum(kernel.stats.cache_hits.values()) + sum(kernel.stats.cache_misses.values()) == 1
    return bool(kernel.stats.cache_hits)


def name_of(kernel, *arguments, codegen=None):
    context = cpu_target.target_context
    context.refresh()
    return compiled_key.name(kernel, arguments, codegen or context.codegen())


def cpu_modules():
    names = [f"audiosim_kernels.{path.stem}" for path in PACKAGE.glob("*.py")]
    gpu = re.compile(r"cuda|dtw_(warp|tensor)|__init__")
    return [importlib.import_module(name) for name in sorted(names) if not gpu.search(name)]


def functions_of_python():
    """What Python runs of the modules: their functions, and those of their classes."""
    found = []
    for module in cpu_modules():
        scopes = [module, *(it for it in vars(module).values() if isinstance(it, type))]
        functions = [getattr(it, "__func__", it) for scope in scopes for it in vars(scope).values()]
        found += [it for it in functions if isinstance(it, FunctionType) and it.__module__ == module.__name__]
    return found


def globals_of(function):
    """What a function finds outside of itself, and in the modules that it imports when it is called."""
    names = sorted(compiled_key._names(function.__code__))
    imported = [
        (f"{module.__name__}.{name}", vars(module)[name])
        for module in cpu_modules()
        if module.__name__ in names or module.__name__.rpartition(".")[2] in names
        for name in names
        if name in vars(module)
    ]
    return [*compiled_key._found(function, names), *imported]


def cached_kernels():
    found = [(f"{module.__name__}.{name}", it) for module in cpu_modules() for name, it in vars(module).items()]
    return [(path, it) for path, it in found if isinstance(getattr(it, "_cache", None), _Cache)]
