"""Writing that tells how far it is and can be stopped, lazy results included.

Convention: a lazy result is worked out while it is written, so writing has a thread of its own, and the
generator here passes on what it tells; closing the generator stops it between two blocks.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Event

from ..engine import Progress, Result
from ..files import write


class Stopped(Exception):
    """Nobody waits for what is being written."""


def writing(
    target: Path, result: Result, compression: str | None, overwrite: bool
) -> Generator[Progress, None, None]:
    """Write a result, yielding progress before every block; see `files.write`."""
    told: SimpleQueue[Progress | None] = SimpleQueue()
    stopped = Event()

    def tell(done: int, total: int) -> None:
        if stopped.is_set():
            raise Stopped
        told.put(Progress(done, total, "writing"))

    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(write, target, result.stack, result.record, compression, overwrite, tell)
        work.add_done_callback(lambda _: told.put(None))
        try:
            while (progress := told.get()) is not None:
                yield progress
        finally:
            stopped.set()
    work.result()
