"""Compiled CPU kernels: numba functions with one signature each, compiled once and kept on disk.

Convention: numba's disk cache knows a function by its name, its own file and its closure. A kernel that
inlines functions of other files has their `digest` in its name or its closure; a `variant` is one of several
kernels of one body. Kernels hold no state and let go of Python's lock; `in_parts` gives their work to
threads. This module imports numba: import it when work begins, not before.
"""

from __future__ import annotations

import hashlib
import inspect
import itertools
import logging
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

from numba import njit, types
from numba.core.caching import FunctionCache
from numba.core.registry import cpu_target

Function = Callable[..., Any]

# Products and sums may fuse, the sign of zero does not matter; NaN and the order of terms keep their meaning.
OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract", "nsz"}, "error_model": "numpy"}

_no_wrappers: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
inlined: Callable[[Function], Function] = njit(
    forceinline=True, **_no_wrappers, **OPTIONS
)  # parts of kernels

_log = logging.getLogger(__name__)
_compiling = threading.Lock()


class Kernel:
    """A function that is compiled, or loaded from numba's disk cache, at its first call or before.

    Parameters
    ----------
    function : callable
        What numba compiles, with `OPTIONS`. It returns nothing and writes to its arguments.
    *arguments : numba type
        Types of its arguments, such as `array(2)` or `numba.types.int64`.
    """

    def __init__(self, function: Function, *arguments: Any) -> None:
        self._function, self._signature = function, types.void(*arguments)
        self._compiled: Function | None = None

    @property
    def is_compiled(self) -> bool:
        """Whether it is ready in this process; never waits."""
        return self._compiled is not None

    @property
    def is_on_disk(self) -> bool:
        """Whether numba's disk cache has it, so that `compile` takes no time to speak of."""
        try:
            cache: Any = FunctionCache(self._function)  # type: ignore[no-untyped-call]
        except RuntimeError:  # there is no folder for it
            return False
        return cache.load_overload(self._signature, cpu_target.target_context) is not None

    def compile(self) -> Function:
        """Return the compiled function, after seconds of compiling where neither memory nor disk has it."""
        if self._compiled is None:
            with _compiling:
                if self._compiled is None:
                    self._compiled = _compiled(self._function, self._signature)
        return self._compiled

    def __call__(self, *arguments: Any) -> None:
        """Run it."""
        self.compile()(*arguments)


def _compiled(function: Function, signature: Any) -> Function:
    kernel: Any = njit(**OPTIONS)(function)
    try:
        kernel.enable_caching()
    except RuntimeError as reason:  # neither numba's folder beside the source nor the user's can be written
        _log.info(
            "%s is compiled anew in each session; set NUMBA_CACHE_DIR to a folder: %s",
            function.__name__,
            reason,
        )
    kernel.compile(signature)
    kernel.disable_compile()  # so that calls convert: writable arrays pass as read-only
    return kernel  # type: ignore[no-any-return]


def variant(function: Function, name: str, **functions: Function) -> Function:
    """Return a copy of a function that finds other functions under its global names.

    Parameters
    ----------
    function : callable
        Without a closure. Its copies have one body, but each is a kernel of its own.
    name : str
        What the disk cache knows the copy by: it should tell all that is inlined, and their `digest`.
    **functions : callable
        What the copy calls by these names.
    """
    copy = FunctionType(function.__code__, {**function.__globals__, **functions}, name)
    copy.__qualname__ = name
    return copy


def kernels_of(name: tuple[Any, ...]) -> tuple[Kernel, ...]:
    """Return the kernels of a name: a module of this package, and what its `kernels_of` is asked for."""
    module, *arguments = name
    found: tuple[Kernel, ...] = import_module(f".{module}", __package__).kernels_of(*arguments)
    return found


def array(ndim: int, dtype: Any = types.float32, *, readonly: bool = False) -> Any:
    """Return the type of a C-contiguous array; a read-only one takes writable arrays too."""
    return types.Array(dtype, ndim, "C", readonly=readonly)


def tuple_of(*members: Any) -> Any:
    """Return the type of a tuple with members of these types."""
    return types.Tuple(members)  # type: ignore[no-untyped-call]


def digest(*modules: ModuleType) -> str:
    """Return a checksum of modules whose functions are inlined into a kernel, and of this one's `OPTIONS`."""
    sources = "".join(map(inspect.getsource, (sys.modules[__name__], *modules)))
    return hashlib.sha256(sources.encode()).hexdigest()


def in_parts(work: Callable[[int, int], object], count: int, threads: int) -> None:
    """Call work(first, last) on consecutive parts of range(count), each in a thread of its own.

    Parameters
    ----------
    work : callable
        Takes the first number of a part and the one after its last.
    count : int
        How many pieces of work there are.
    threads : int
        How many threads share them, 1 or more; the caller's thread is one of them.
    """
    parts = min(threads, count)
    if parts <= 1:
        work(0, count)
        return
    cuts = [count * part // parts for part in range(parts + 1)]
    with ThreadPoolExecutor(parts - 1) as pool:
        others = [pool.submit(work, *part) for part in itertools.pairwise(cuts[1:])]
        work(0, cuts[1])
    for other in others:
        other.result()
