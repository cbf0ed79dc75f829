"""Where the work runs, and why there.

Convention: a method with a fused CPU kernel runs on the CPU without torch ever being imported.
"""

from __future__ import annotations

import os


def chosen_device(wish: str, has_kernel: bool) -> tuple[str, str]:
    """Return the device for a wish ("auto", "cpu", "cuda", "cuda:N", "mps") and the reason in words.

    Raises
    ------
    ValueError
        If the device that was asked for is not there.
    """
    if wish == "cpu":
        return "cpu", "asked for"
    if wish == "auto" and has_kernel:
        return "cpu", "this method has a fused CPU kernel"
    there = accelerators()
    if wish == "auto":
        return (there[0], "the fastest device found") if there else ("cpu", "no accelerator found")
    if wish not in there:
        raise ValueError(
            f"device={wish!r} is not available here; there is {', '.join(['cpu', *there])}. "
            'Use device="auto" to take what is there.'
        )
    return wish, "asked for"


def accelerators() -> tuple[str, ...]:
    """Return the accelerators that torch can use, fastest first: "cuda", then each "cuda:N", "mps"."""
    import torch

    found = []
    if torch.cuda.is_available():
        found += ["cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    return tuple(found)


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
