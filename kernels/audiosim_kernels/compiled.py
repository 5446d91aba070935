# pyright: basic
"""Kernels of the CPU that are compiled once, not once a process.

numba can keep machine code by itself (`cache=True`), under a name that says when one file was written: an edit of a
function in another file, on which it depends too, goes unseen. Its index is read, extended and written back, so of two
processes at once one may put its code under the other's name. Here a file is named after all that is in it
(`compiled_key`), and is trusted only if nobody else can have written it (`compiled_folder`).

Kernels that Python calls are decorated, `@cached` above `@njit`; what these call is part of their machine code.
"""

import itertools
import os
import pickle
from typing import Any, TypeVar

from numba.core import sigutils
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps

from audiosim_kernels import compiled_folder, compiled_key

Function = TypeVar("Function")

# What reading and writing what is not meant for this process, or cannot be pickled, ends with.
_PICKLING = (pickle.PickleError, AttributeError, EOFError, ImportError, IndexError, KeyError, TypeError, ValueError)


def cached(function: Function) -> Function:
    """Keep the machine code of a compiled function for other processes.

    Parameters
    ----------
    function : numba.core.dispatcher.Dispatcher
        What `njit` made of a function. Anything else (with NUMBA_DISABLE_JIT the function itself) is left as it is.

    Returns
    -------
    numba.core.dispatcher.Dispatcher
        The same object. It looks for its machine code among what was kept before it compiles, and computes the same to
        the last bit either way. Where nothing can be kept, it compiles.

    Examples
    --------
    >>> from numba import njit
    >>> @cached
    ... @njit(nogil=True)
    ... def square(x):
    ...     return x * x
    >>> square(3)
    9
    """
    if isinstance(function, Dispatcher):
        dispatcher: Any = function
        dispatcher._cache = _Cache(dispatcher)  # noqa: SLF001 - numba's own place for it, see `enable_caching`
    return function


class _Cache(NullCache):
    """Where a dispatcher asks for its machine code before it compiles, and puts it afterwards; numba holds its lock."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._asked: dict[tuple, str] = {}  # under which names it was not found

    def load_overload(self, sig: Any, target_context: Any) -> CompileResult | None:  # noqa: ANN401
        """Find the machine code for a signature."""
        target_context.refresh()
        arguments, result = sigutils.normalize_signature(sig)
        if result is not None:  # asked for by hand
            return None
        name = compiled_key.name(self._dispatcher, arguments, target_context.codegen())
        if name is None:
            return None
        found = _loaded(compiled_folder.read(name), arguments, target_context)
        if found is None:
            self._asked[arguments] = name
        return found

    def save_overload(self, sig: Any, data: CompileResult) -> None:  # noqa: ANN401
        """Keep the machine code for a signature, if nothing that it was made of has changed in the meantime."""
        arguments, _ = sigutils.normalize_signature(sig)
        name = self._asked.pop(arguments, None)
        if name is None or name != compiled_key.name(self._dispatcher, arguments, data.codegen):
            return
        # Such code holds addresses of this process, or calls Python.
        if data.objectmode or data.lifted or data.library.has_dynamic_globals:
            return
        try:
            contents = dumps((arguments, data._reduce()))  # noqa: SLF001 - what numba's own cache pickles
        except _PICKLING:
            return
        compiled_folder.write(name, contents)


def _loaded(contents: bytes | None, arguments: tuple, target_context: Any) -> CompileResult | None:  # noqa: ANN401
    if contents is None:
        return None
    try:
        kept, reduced = pickle.loads(contents)  # noqa: S301 - written by this user, see `compiled_folder`
        return CompileResult._rebuild(target_context, *reduced) if kept == arguments else None  # noqa: SLF001
    except _PICKLING:
        return None


def _number_anew() -> None:
    """Number the functions that this process compiles from a start that no other process has.

    A function's symbol is its name and its number. Where a symbol is there already, LLVM takes that for the
    function, not the one in the code that it loads. numba counts from 1, so kept code could call what this process
    compiled under the same number, from other closures.
    """
    FunctionIdentity._unique_ids = itertools.count(int.from_bytes(os.urandom(6), "big"))  # noqa: SLF001 - no other way


_number_anew()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_number_anew)
