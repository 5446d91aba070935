# pyright: basic
"""What a piece of machine code depends on, as a name for it: of two that may differ, no two have the same.

A compiler writes into machine code the functions that are called, the values of globals and closures as they are at
that moment, and what it knows of the processor. All this goes into the name:

- the sources of this package, all of them, as imported: a function may mean what another module makes of it;
- the bytecode of every function that is reached from the compiled one, and the values that these find in globals, in
  closures and in modules of this package: what is in memory may be something else than what the sources say;
- Python, numpy, numba, LLVM, the processor and its features, and numba's settings.

Nothing is named, and so nothing kept, where a value is met that this page cannot describe, or where values have changed
since they were first met: a function that was compiled before may hold the old ones.
"""

import hashlib
import inspect
import platform
import sys
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import config
from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic
from numba.core.imputils import builtin_registry

from audiosim_kernels import compiled_sources

_FORMAT = 1  # of the files; to be raised when what they hold changes
_PACKAGE = "audiosim_kernels"
# What these make of a function is said by their versions, and by that of Python.
_VERSIONED = {"builtins", "llvmlite", "math", "numba", "numpy", "operator"}
# Settings of numba that decide where things run or are kept, not what they are.
_NEUTRAL = {
    "CACHE_DIR", "CACHE_LOCATOR_CLASSES", "COLOR_SCHEME", "DISABLE_CUDA", "ENABLE_CUDASIM", "FORCE_CUDA_CC",
    "NUMBA_DEFAULT_NUM_THREADS", "NUMBA_NUM_THREADS", "THREADING_LAYER", "THREADING_LAYER_PRIORITY",
}  # fmt: skip
_SCALARS = (type(None), bool, int, float, complex, str, bytes, np.generic, np.dtype, types.Type)

_Met = dict[Any, int]

# What functions of this process found outside of themselves when they were first met.
_first_met: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_CHANGED = object()


class _UncertainError(Exception):
    """Something may be written into machine code that the name cannot tell."""


def name(dispatcher: Dispatcher, arguments: tuple[types.Type, ...], codegen: Any) -> str | None:  # noqa: ANN401
    """Name the machine code of a function for arguments of some types.

    Parameters
    ----------
    dispatcher : numba.core.dispatcher.Dispatcher
        What `njit` made of the function.
    arguments : tuple of numba types
        Of the arguments.
    codegen : numba.core.codegen.Codegen
        What would compile it.

    Returns
    -------
    str or None
        Name of the function and 64 hexadecimal digits; None if it has to be compiled anew whenever it is needed.
    """
    sources = compiled_sources.digest()
    if sources is None or vars(config).get("JIT_COVERAGE"):  # coverage wants to see it compiled
        return None
    try:
        function = _describe(dispatcher, {})
    except _UncertainError:
        return None
    parts = sources, _toolchain(codegen), function, tuple(repr(argument) for argument in arguments)
    return f"{dispatcher.py_func.__name__}-{hashlib.sha256(repr(parts).encode()).hexdigest()}"


def _toolchain(codegen: Any) -> tuple:  # noqa: ANN401
    """What compiles, and for what machine."""
    settings = [
        (key, repr(value))
        for key, value in sorted(vars(config).items())
        if key.isupper() and key not in _NEUTRAL and not key.startswith("CUDA") and isinstance(value, (*_SCALARS, list))
    ]
    versions = sys.version, np.__version__, numba.__version__, llvmlite.__version__, llvmlite.binding.llvm_version_info
    return _FORMAT, versions, numba.__file__, platform.machine(), codegen.magic_tuple(), settings


def _describe(value: Any, met: _Met) -> tuple:  # noqa: ANN401, PLR0911 - one answer for each kind of value
    """Say what a value is, in nested tuples of text and numbers; `met` are those that were described before."""
    kind = type(value).__qualname__
    if isinstance(value, _SCALARS):
        return kind, repr(value)
    if isinstance(value, (ir.Type, ir.Constant)):
        return kind, str(value)
    if isinstance(value, tuple):
        return kind, *(_describe(item, met) for item in value)
    if isinstance(value, (set, frozenset)):
        return kind, *sorted(repr(_describe(item, met)) for item in value)
    if isinstance(value, dict):
        return kind, *((repr(key), _describe(value[key], met)) for key in sorted(value, key=repr))
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return kind, str(value.dtype), value.shape, value.tobytes()
    return _describe_object(value, met)


def _describe_object(value: Any, met: _Met) -> tuple:  # noqa: ANN401
    """Say what something with a name is; what was described before is not described again."""
    kind = type(value).__qualname__
    if id(value) in met:
        return kind, met[id(value)]
    met[id(value)] = len(met)
    if isinstance(value, Dispatcher):
        if value.overloads and value not in _first_met:
            raise _UncertainError(value)
        _first_met[value] = None
        return kind, _describe(value.targetoptions, met), _describe(value.locals, met), _code(value.py_func, met)
    if isinstance(value, _Intrinsic):
        return kind, _code(value._defn, met)  # noqa: SLF001 - numba has no other name for it
    return _describe_name(value, met)


def _describe_name(value: Any, met: _Met) -> tuple:  # noqa: ANN401
    """Say what a function, class or module is, none of which the compiler is asked to compile."""
    if isinstance(value, np.ufunc) and getattr(np, value.__name__, None) is value:
        return "numpy", value.__name__
    if not isinstance(value, (ModuleType, FunctionType, BuiltinFunctionType, type)):
        raise _UncertainError(value)
    module = value.__name__ if isinstance(value, ModuleType) else value.__module__ or ""
    called = module, getattr(value, "__qualname__", "")
    if module.partition(".")[0] in _VERSIONED:
        return called
    if not _is_own(module):
        raise _UncertainError(value)
    if isinstance(value, FunctionType):
        return *called, _code(value, met), _describe_lowerings(sys.modules[module], met)
    return *called, getattr(value, "_fields", ())


def _describe_lowerings(module: ModuleType, met: _Met) -> tuple:
    """Say what a module of this package makes of calls and operators where they are compiled."""
    key = id(builtin_registry), id(module)
    if key in met:
        return (met[key],)
    met[key] = len(met)
    return tuple(
        (str(kinds), _code(inspect.unwrap(emit), met))
        for emit, _, kinds in builtin_registry.functions
        if getattr(emit, "__module__", None) == module.__name__
    )


def _code(function: FunctionType, met: _Met) -> tuple:
    """Bytecode of a function, and all values that it finds outside of itself."""
    code = function.__code__
    found = _found(function, sorted(_names(code)))
    cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
    outside = function.__defaults__, function.__kwdefaults__, cells
    _check_unchanged(function, (code, [(key, _identity(value)) for key, value in [*found, ("", cells)]]))
    return (
        function.__module__, function.__qualname__, _describe_code(code), _describe(outside, met),
        tuple((key, _describe(value, met)) for key, value in found),
    )  # fmt: skip


def _found(function: FunctionType, names: list[str]) -> list[tuple[str, Any]]:
    """Globals of these names; what is reached through a module of this package is a global like any other."""
    found: list[tuple[str, Any]] = []
    searched = [("", function.__globals__)]
    for path, contents in searched:
        here = [(f"{path}.{name}", contents[name]) for name in names if name in contents]
        found += here
        modules = [(name, vars(it)) for name, it in here if isinstance(it, ModuleType) and _is_own(it.__name__)]
        searched += [(name, it) for name, it in modules if all(it is not before for _, before in searched)]
    return found


def _check_unchanged(function: FunctionType, values: object) -> None:
    if _first_met.setdefault(function, values) != values:
        _first_met[function] = _CHANGED  # for good: what was compiled in between is not compiled again
        raise _UncertainError(function)


def _identity(value: Any) -> object:  # noqa: ANN401
    """Tell a value from others while the process lasts."""
    if isinstance(value, _SCALARS):
        return repr(value)
    if isinstance(value, tuple):
        return tuple(_identity(item) for item in value)
    return value.tobytes() if isinstance(value, np.ndarray) else id(value)


def _describe_code(code: CodeType) -> tuple:
    constants = tuple(_describe_code(it) if isinstance(it, CodeType) else _describe(it, {}) for it in code.co_consts)
    variables = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_code, constants, variables, code.co_argcount, code.co_kwonlyargcount, code.co_flags


def _names(code: CodeType) -> set[str]:
    """All names that a function looks up, and those within it."""
    return set(code.co_names).union(*(_names(it) for it in code.co_consts if isinstance(it, CodeType)))


def _is_own(module: str) -> bool:
    return module == _PACKAGE or module.startswith(_PACKAGE + ".")
