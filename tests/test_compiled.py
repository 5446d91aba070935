"""Kernels that are compiled once: the same numbers, without compiling, and never another function's."""

import os
import shutil
from pathlib import Path

import compiled_process
import numpy as np
import pytest
from compiled_process import NEAREST, PACKAGE, machine_codes, name_of, run, said, scale_by, scalers, start, was_found
from numba import njit, types
from numba.core import event
from numba.core.dispatcher import Dispatcher

from audiosim_kernels import compiled_folder
from audiosim_kernels.compiled import _Cache, cached

compiled_only = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="for compiled code")
OF_EACH_KIND = """
from audiosim_kernels import Ragged, cosine, dtw, gaussian, paths

rng = np.random.default_rng(5)
songs = Ragged.from_sequences([rng.standard_normal((n, 9)).astype(np.float32) for n in (1, 70, 33, 40, 58)] * 4)
pairs = [(i, j) for i in range(len(songs)) for j in range(i)]
found = [dtw.distances(songs, pairs, step_pattern=pattern, local_cost=cost, device="cpu")
         for pattern, cost in (("symmetric1", "euclidean"), ("symmetric2", "sqeuclidean"))]
found += [cosine.matrix_truncated(songs, device="cpu"), paths.warping_path(songs[1], songs[2], device="cpu").path]
covariance = np.eye(9)[np.tril_indices(9)] + 0.01 * rng.standard_normal((7, 45))
gaussians = np.hstack([rng.standard_normal((7, 9)), covariance]).astype(np.float32)
found += [gaussian.js_distances(gaussians, [(0, 1), (2, 3), (4, 6)], device="cpu")]
say([np.asarray(it).tobytes().hex() for it in found])
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder in which this process keeps its machine code."""
    return compiled_process.keep_in(tmp_path / "cache", monkeypatch)


@compiled_only
def test_a_second_process_compiles_nothing_and_gives_the_same_bits(tmp_path):
    """Vectors, an intrinsic, tuples with names, shared helpers."""
    first = run(OF_EACH_KIND, tmp_path)
    assert {"compare", "_advance", "_compare", "_accumulate"} <= set(first.compiled)
    second = run(OF_EACH_KIND, tmp_path)
    assert second.compiled == []
    assert second.found == first.found


@compiled_only
def test_every_kernel_that_python_calls_is_cached():
    called = {
        f"{function.__module__}.{function.__qualname__} calls {name}": value
        for function in compiled_process.functions_of_python()
        for name, value in compiled_process.globals_of(function)
        if isinstance(value, Dispatcher)
    }
    assert len(called) >= 10
    assert [call for call, kernel in called.items() if not isinstance(kernel._cache, _Cache)] == []


@compiled_only
def test_kept_code_is_found_by_a_kernel_of_the_same_content():
    assert scale_by(2.0)(3.0) == 6.0
    again = scale_by(2.0)
    assert again(3.0) == 6.0
    assert was_found(again)


@compiled_only
def test_other_types_of_arguments_are_other_machine_code():
    scale_by(2)(3)
    other = scale_by(2)
    assert other(3.5) == 7.0
    assert not was_found(other)


def test_what_is_not_compiled_is_left_alone():
    """NUMBA_DISABLE_JIT makes njit return the function."""

    def function():
        return 3

    assert cached(function) is function


@compiled_only
def test_no_folder_means_compiling_in_silence(tmp_path, monkeypatch):
    """No folder wanted, one that cannot be made since a file is in its place, and no home at all."""
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for variables in (
        {"AUDIOSIM_CACHE": "none"},
        {"AUDIOSIM_CACHE": str(tmp_path / "file" / "below")},
        {"HOME": "/none"},
    ):
        monkeypatch.delenv("AUDIOSIM_CACHE", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        for _ in range(2):
            kernel = scale_by(2.0)
            assert kernel(3.0) == 6.0
            assert not was_found(kernel)
    assert not Path("/none").exists()


@compiled_only
def test_an_edit_of_any_source_is_another_key(tmp_path):
    """First of a helper in another file, which changes the results; then back; then of a file that is not even used."""
    package = tmp_path / "edited" / "audiosim_kernels"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    helper, other = package / "nearest_cell.py", package / "dtw_cuda.py"
    original = helper.read_text(encoding="utf-8")

    def runs():
        result = run(NEAREST, tmp_path, package=package)
        return result.found, bool(result.compiled)

    assert runs() == ([[1, 2]], True)
    assert runs() == ([[1, 2]], False)
    # Nothing is above infinity, so nothing enters the list.
    helper.write_text(original.replace("distance < nearest", "distance > nearest"), encoding="utf-8")
    assert runs() == ([[-1, -1]], True)
    helper.write_text(original, encoding="utf-8")
    assert runs() == ([[1, 2]], False)
    other.write_text(other.read_text(encoding="utf-8") + "\n# An edit.\n", encoding="utf-8")
    assert runs() == ([[1, 2]], True)


@compiled_only
def test_closures_of_helpers_are_part_of_the_key():
    assert scale_by(2.0)(3.0) == 6.0
    other = scale_by(5.0)
    assert other(3.0) == 15.0
    assert not was_found(other)


@compiled_only
def test_globals_of_helpers_are_part_of_the_key(monkeypatch):
    """They are as they are in this process, whatever the sources say."""
    assert scalers()[0](3.0) == 6.0
    with monkeypatch.context() as patch:
        patch.setattr(compiled_process, "FACTOR", 5.0)
        changed = scalers()[0]
        assert changed(3.0) == 15.0
        assert not was_found(changed)
    again = scalers()[0]
    assert again(3.0) == 6.0
    assert was_found(again)


@compiled_only
@pytest.mark.parametrize("caller", ["another kernel", "Python"])
def test_a_helper_that_holds_an_old_value_spoils_nothing(monkeypatch, caller):
    """numba compiles the helper once, with the global's value of that moment; a kernel compiled later calls that."""
    first, second, helper = scalers()
    with monkeypatch.context() as patch:
        patch.setattr(compiled_process, "FACTOR", 5.0)
        assert (first if caller == "another kernel" else helper)(3.0) == 15.0
    second(3.0)
    fresh = scalers()[1]
    assert fresh(3.0) == 6.0


@compiled_only
def test_what_changes_while_it_compiles_is_not_kept(monkeypatch):
    """The name was made before."""

    class Change(event.Listener):
        def on_start(self, _event):
            patch.setattr(compiled_process, "FACTOR", 5.0)

        def on_end(self, _event):
            pass

    with monkeypatch.context() as patch, event.install_listener("numba:compile", Change()):
        assert scalers()[0](3.0) == 15.0
    fresh = scalers()[0]
    assert fresh(3.0) == 6.0


@compiled_only
def test_addresses_of_this_process_are_not_kept(folder):
    """So numba refers to large arrays."""
    large = np.arange(300_000.0)

    @cached
    @njit
    def pick(index):
        return large[index]

    assert pick(7) == 7.0
    assert name_of(pick, types.int64) is not None
    assert machine_codes(folder) == []


@compiled_only
def test_a_symbol_of_another_process_is_never_mistaken_for_one_of_this(tmp_path):
    """numba numbers functions in the order in which they are compiled, so two processes would give one symbol twice."""
    script = """
    from compiled_process import sum_by

    say([sum_by(factor)(np.arange(3.0)) for factor in {factors}])
    """
    kept = run(script.format(factors=[2.0]), tmp_path)
    assert kept.compiled == ["add_up", "helper"]
    both = run(script.format(factors=[5.0, 2.0]), tmp_path)
    assert both.compiled == kept.compiled
    assert both.found[1] == kept.found[0] != both.found[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_process_numbers_its_functions_anew(tmp_path):
    script = """
    import os
    from numba.core.bytecode import FunctionIdentity
    import audiosim_kernels.compiled

    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, str(next(FunctionIdentity._unique_ids)).encode())
        os._exit(0)
    os.wait()
    say([next(FunctionIdentity._unique_ids), int(os.read(reader, 100))])
    """
    parent, child = run(script, tmp_path).found
    assert abs(parent - child) > 10_000


@compiled_only
def test_broken_machine_code_is_compiled_anew_and_replaced(folder):
    scale_by(2.0)(3.0)
    (path,) = machine_codes(folder)
    good = path.read_bytes()
    broken = bytearray(good)
    broken[len(good) // 2] ^= 1
    for contents in bytes(broken), good[:-1], b"":
        path.write_bytes(contents)
        kernel = scale_by(2.0)
        assert kernel(3.0) == 6.0
        assert not was_found(kernel)
        again = scale_by(2.0)
        assert again(3.0) == 6.0
        assert was_found(again)


@compiled_only
@pytest.mark.parametrize("contents", [b"", b"no pickle", b"cnowhere\nnothing\n.", b"\x80\x04N."])
def test_a_file_of_another_make_is_compiled_anew(contents):
    """Whole, but not what this numba writes."""
    kernel = scale_by(2.0)
    compiled_folder.write(name_of(kernel, types.float64), contents)
    assert kernel(3.0) == 6.0
    assert not was_found(kernel)


@compiled_only
def test_code_for_other_arguments_is_compiled_anew():
    """Types can have the same text and be different; what was kept says for which it is."""
    kernel = scale_by(2.0)
    assert kernel(3.0) == 6.0
    other = scale_by(2.0)
    compiled_folder.write(name_of(other, types.int64), compiled_folder.read(name_of(other, types.float64)))
    assert other(3) == 6.0
    assert not was_found(other)


@compiled_only
def test_two_processes_at_once_do_not_disturb_each_other(tmp_path):
    """Both find nothing and compile, both keep what they compiled, and a third needs to compile nothing."""
    both = [start(NEAREST, tmp_path) for _ in range(2)]
    assert [said(process).found for process in both] == [[[1, 2]], [[1, 2]]]
    assert len(machine_codes(tmp_path)) == 1
    third = run(NEAREST, tmp_path)
    assert third.found == [[1, 2]]
    assert third.compiled == []


@compiled_only
def test_nothing_is_unpickled_that_anybody_else_could_have_written(folder, monkeypatch):
    scale_by(2.0)(3.0)
    (folder / "kernels").chmod(0o777)
    monkeypatch.setattr("pickle.loads", lambda _: pytest.fail("unpickled"))
    kernel = scale_by(2.0)
    assert kernel(3.0) == 6.0
    assert not was_found(kernel)
