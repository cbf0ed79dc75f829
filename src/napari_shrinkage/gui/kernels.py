"""The fused kernels' first compilation, out of the user's way: torch serves previews until they are ready.

Convention: compiling takes a while, once per machine, and later sessions read the kernels from disk. It is
done in a process of its own, because it holds Python's lock and the window would stutter. Previews take the
torch reference meanwhile, which gives the same pixels, where it is quick enough (`Restorer.torch_serves`);
else they wait with a word of progress, as runs do.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import replace

from ..engine import Progress
from ..methods import nested
from ..recipe import Plan, Recipe
from ..restorers import NAMED
from ..restorers.base import KernelName, Restorer

TORCH_CPU = "cpu:0"  # the CPU by torch's name for it: `Restorer.build` gives "cpu" its fused kernel
POLL_SECONDS = 0.05
COMPILING = "compiling the fast kernel, once"
_ready: set[KernelName] = set()
_asked: set[KernelName] = set()
_lock = threading.Lock()


class KernelWait(Progress):
    """The progress of work that waits for a kernel."""


def needed(restorer: Restorer) -> set[KernelName]:
    """Return the kernels of a restorer and of those inside it, such as a pilot."""
    return {name for one in nested(restorer) if isinstance(one, Restorer) for name in one.kernels}


USUAL = needed(NAMED["dct-wiener"]) | needed(NAMED["wavelet"]) | needed(NAMED["collaborative"])


def warm_up(names: set[KernelName] | None = None) -> None:
    """Begin to load or compile kernels, by default those of usual methods; returns at once."""
    with _lock:
        new = (USUAL if names is None else names) - _asked
        _asked.update(new)
    if new:
        threading.Thread(target=_compile, args=(new,), name="shrinkage kernels", daemon=True).start()


def waits_for_kernel(work: Plan | Recipe) -> bool:
    """Whether a plan, or a step of a recipe, would have to wait for a kernel now; begins to compile it."""
    restorers = [work.restorer] if isinstance(work, Plan) else [step.restorer for step in work.steps]
    names = set[KernelName]().union(*map(needed, restorers)) if work.device in ("cpu", "auto") else set()
    if names <= _ready:
        return False
    warm_up(names)
    return True


def serving_plan(plan: Plan) -> Plan:
    """Return the plan, sent to torch while its kernels are still being compiled."""
    return replace(plan, device=TORCH_CPU) if waits_for_kernel(plan) else plan


def serving(plan: Plan) -> Generator[Progress, None, Plan]:
    """Return the plan that makes a picture soon: by torch, or once the kernels are there."""
    inside = [one for one in nested(plan.restorer) if isinstance(one, Restorer)]
    if all(one.torch_serves for one in inside):
        return serving_plan(plan)
    yield from waiting(plan)
    return plan


def waiting(work: Plan | Recipe) -> Generator[Progress, None, None]:
    """Wait for the kernels of a plan or a recipe, yielding progress so that the wait can be cancelled."""
    while waits_for_kernel(work):
        yield KernelWait(0, 1, COMPILING)
        time.sleep(POLL_SECONDS)


def _compile(names: set[KernelName]) -> None:
    from ..kernels import kernels_of

    first = needed(NAMED["dct-wiener"])  # of the method that a widget opens with
    for name in sorted(names, key=lambda name: (name not in first, str(name))):
        if not all(kernel.is_on_disk for kernel in kernels_of(name)):
            _compile_elsewhere([name])
        for kernel in kernels_of(name):
            kernel.compile()
        _ready.add(name)


def _compile_elsewhere(names: list[KernelName]) -> None:
    """Have another process put kernels on disk; where it cannot, they are compiled here afterwards."""
    if getattr(sys, "frozen", False):  # the executable is an application, not Python
        return
    program = f"""
from napari_shrinkage.kernels import kernels_of
for name in {names!r}:
    for kernel in kernels_of(name):
        kernel.compile()
"""
    subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
