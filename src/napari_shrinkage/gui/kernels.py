"""The fused kernels' first compilation, out of the user's way: torch serves previews until they are ready.

Convention: compiling takes a while, once per machine, and later sessions read the kernels from disk. It runs
in a daemon thread; previews take the torch reference meanwhile, which gives the same pixels, and runs wait
with a word of progress.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import replace

from ..engine import Progress
from ..methods import nested
from ..recipe import Plan
from ..transforms.block_dct import SlidingDCT

TORCH_CPU = "cpu:0"  # the CPU by torch's name for it: `Restorer.build` gives "cpu" its fused kernel
POLL_SECONDS = 0.05
Patch = tuple[int, ...]  # (size, size) or (depth, size, size)
_ready: set[Patch] = set()
_asked: set[Patch] = set()
_lock = threading.Lock()


def warm_up(patches: set[Patch] | None = None) -> None:
    """Begin to load or compile the kernels of some blocks; returns at once."""
    with _lock:
        new = (patches or {(8, 8)}) - _asked
        _asked.update(new)
    if new:
        threading.Thread(target=_compile, args=(sorted(new),), name="shrinkage kernels", daemon=True).start()


def waits_for_kernel(plan: Plan) -> bool:
    """Whether a plan would have to wait for a kernel now; begins to compile it."""
    patches = _patches(plan)
    if patches <= _ready:
        return False
    warm_up(patches)
    return True


def serving_plan(plan: Plan) -> Plan:
    """Return the plan, sent to torch while its kernels are still being compiled."""
    return replace(plan, device=TORCH_CPU) if waits_for_kernel(plan) else plan


def waiting(plan: Plan) -> Generator[Progress, None, None]:
    """Wait for a plan's kernels, yielding progress so that the wait can be cancelled."""
    while waits_for_kernel(plan):
        yield Progress(0, 1, "compiling the fast kernel, once")
        time.sleep(POLL_SECONDS)


def _patches(plan: Plan) -> set[Patch]:
    """Return the shapes of the blocks whose kernels a plan uses."""
    if plan.device != "cpu" or not plan.restorer.is_fused:
        return set()
    return {value.sizes for value in nested(plan.restorer) if isinstance(value, SlidingDCT)}


def _compile(patches: list[Patch]) -> None:
    from ..transforms.dct_kernels import compile_kernels

    for patch in patches:
        compile_kernels([patch])
        _ready.add(patch)
