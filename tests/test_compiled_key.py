"""Names of machine code: whatever may change it changes its name, and nothing else does."""

import json
import os
from types import SimpleNamespace

import compiled_process
import numba
import numpy as np
import pytest
from compiled_process import name_of, run
from numba import njit, types

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="for compiled code")
NAMES = """
from compiled_process import cached_kernels, name_of

say({path: name_of(kernel) for path, kernel in cached_kernels()})
"""
# Names before a value of a module changes, with what was seen until then, and as in a process that never saw another.
CHANGED = """
from weakref import WeakKeyDictionary
from compiled_process import name_of
from audiosim_kernels import compiled_key, cosine_cpu, dtw_vector, gaussian_cpu, {module}

kernels = {{
    "cosine_cpu._accumulate": cosine_cpu._accumulate,
    "dtw_vector.compare": dtw_vector.compare,
    "gaussian_cpu._merge": gaussian_cpu._merge,
}}
found = {{path: [name_of(kernel)] for path, kernel in kernels.items()}}
{module}.{name} = {value}
for first_met in compiled_key._first_met, WeakKeyDictionary():
    compiled_key._first_met = first_met
    for path, kernel in kernels.items():
        found[path].append(name_of(kernel))
say(found)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder in which this process keeps its machine code."""
    return compiled_process.keep_in(tmp_path / "cache", monkeypatch)


def test_every_cached_kernel_has_a_name_which_is_the_same_in_every_process(tmp_path):
    """Each hashes strings differently, and has its objects elsewhere."""
    first, second = (run(NAMES, tmp_path, PYTHONHASHSEED=seed).found for seed in ("1", "2"))
    assert len(first) >= 10
    assert None not in first.values()
    assert first == second


def test_arrays_tuples_and_modules_are_described_by_what_is_in_them():
    def make(value):
        return njit(lambda x: x + value[0] if value else np.abs(x))

    values = [(1.0,), (1,), (1, 2), (np.float32(1),), np.array([1.0]), np.array([2.0]), np.array([[1.0]]), ("1",), ()]
    names = [name_of(make(value), types.float64) for value in values]
    assert None not in names
    assert len(set(names)) == len(values)
    assert name_of(make(np.array([2.0])), types.float64) == names[5]


def test_what_cannot_be_described_has_no_name():
    """Objects, lists, functions of other packages, and arrays of objects."""
    for value in object(), [1], json.dumps, np.array([None]), json, SimpleNamespace(a=1):
        assert name_of(njit(lambda x, value=value: (x, value)), types.float64) is None, value


def test_the_width_of_vectors_is_part_of_the_key(tmp_path):
    """Also where a kernel does not read it, and only what lowers its calls does."""
    found = run(CHANGED.format(module="lanes", name="LANES", value=2), tmp_path).found
    for kernel in "dtw_vector.compare", "gaussian_cpu._merge":
        before, within, after = found[kernel]
        assert within is None
        assert after not in (None, before)


def test_what_an_intrinsic_emits_is_part_of_the_key(tmp_path):
    found = run(CHANGED.format(module="cosine_tile", name="_FUSED", value=()), tmp_path).found
    before, within, after = found["cosine_cpu._accumulate"]
    assert within is None
    assert after not in (None, before)
    before, within, after = found["gaussian_cpu._merge"]
    assert before == within == after


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("numba.config.BOUNDSCHECK", 1),
        ("numba.config.SLP_VECTORIZE", 1),
        ("numba.config.OPT", 0),
        ("numba.__version__", "0.0"),
        ("llvmlite.__version__", "0.0"),
        ("llvmlite.binding.llvm_version_info", (1, 0, 0)),
        ("numpy.__version__", "0.0"),
        ("sys.version", "0.0"),
        ("platform.machine", lambda: "abacus"),
        ("audiosim_kernels.compiled_sources.digest", lambda: "another"),
    ],
)
def test_whatever_compiles_is_part_of_the_key(monkeypatch, name, value):
    kernel = njit(lambda x: x)
    before = name_of(kernel)
    assert name_of(kernel) == before is not None
    monkeypatch.setattr(name, value)
    assert name_of(kernel) not in (None, before)


def test_the_processor_is_part_of_the_key():
    """Its name, and its features."""
    kernel = njit(lambda x: x)
    machines = ("triple", "znver4", "+avx512f"), ("triple", "haswell", "+avx512f"), ("triple", "znver4", "-avx512f")
    names = {name_of(kernel, codegen=SimpleNamespace(magic_tuple=lambda it=it: it)) for it in machines}
    assert None not in names
    assert len(names) == len(machines)


def test_options_of_the_compiler_are_part_of_the_key():
    def function(x):
        return x / 3

    options = {}, {"error_model": "numpy"}, {"fastmath": True}, {"fastmath": {"contract", "nsz"}}, {"boundscheck": True}
    names = {name_of(njit(**it)(function)) for it in options}
    assert None not in names
    assert len(names) == len(options)


def test_coverage_of_compiled_code_compiles(monkeypatch):
    monkeypatch.setattr(numba.config, "JIT_COVERAGE", 1, raising=False)
    assert name_of(njit(lambda x: x)) is None
