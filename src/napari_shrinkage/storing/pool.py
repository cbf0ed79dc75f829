"""Who restores the blocks: the workers of a dask cluster that is there already, or threads of this process.

Convention: only some blocks more than can be worked on at once are handed out, so neither memory nor a
scheduler's list grows with the image; a block that a lost worker had is handed out again by the scheduler.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..files import FileProblem
from ..recipe import Plan
from ..stack import Stack
from ..windows import Region

RETRIES = 2  # of a block that failed on a cluster
T = TypeVar("T")


@dataclass(frozen=True)
class Pool:
    """An executor, and how much is handed to it.

    Parameters
    ----------
    executor : Executor
        Carries out calls.
    client : Client or None
        The dask client that it belongs to.
    threads : int
        Blocks that this process works on at once, without a client.
    """

    executor: Executor
    client: Any = None
    threads: int = 1

    @property
    def most(self) -> int:
        """Blocks that are handed out at a time."""
        if self.client is None:
            return self.threads + 1
        workers: dict[str, int] = self.client.nthreads()
        return 2 * max(sum(workers.values()), 1)

    @property
    def kernel_threads(self) -> int | None:
        """Threads of a fused kernel: 1 where blocks are restored side by side, None for the plans' own."""
        return None if self.client is None and self.threads == 1 else 1


@contextmanager
def at_work(plans: Sequence[Plan]) -> Iterator[Pool]:
    """Give the pool that restores by these plans; on leaving, wait for what it is at."""
    client = current_client()
    if client is not None:
        with client.get_executor(pure=False, retries=RETRIES) as executor:
            yield Pool(executor, client)
        return
    side_by_side = all(plan.device == "cpu" and plan.restorer.is_fused for plan in plans)
    threads = min(plan.threads for plan in plans) if side_by_side else 1
    with ThreadPoolExecutor(threads, thread_name_prefix="block") as executor:
        yield Pool(executor, None, threads)


def results(pool: Pool, work: Callable[..., T], calls: Iterator[tuple[Any, ...]]) -> Iterator[T]:
    """Yield the results of calls as they come; a call's arguments are made when its turn comes."""
    pending: set[Future[T]] = set()
    try:
        for arguments in calls:
            pending.add(pool.executor.submit(work, *arguments))
            if len(pending) >= pool.most:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from map(_result, done)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from map(_result, done)
    finally:
        for future in pending:
            future.cancel()


def _result(future: Future[T]) -> T:
    distributed = sys.modules.get("distributed")
    lost: tuple[type[Exception], ...] = () if distributed is None else (distributed.KilledWorker,)
    try:
        return future.result()
    except lost as error:
        raise RuntimeError(
            "a block's workers died, one after the other. Give them more memory, or take smaller chunks."
        ) from error


class Source:
    """The parts of a stack, in a form that can be handed to whoever restores them, who reads them.

    Parameters
    ----------
    stack : Stack
        The input. Of an array that lies on the cluster itself (`persist`), the values are fetched and sent.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.is_fetched = stack.is_lazy and _lies_on_a_cluster(stack.array)

    def part(self, box: Region) -> Any:
        """Return the values of a box, or a dask array of them."""
        part = self.stack.array[box]
        if not self.stack.is_lazy:
            return part
        return np.asarray(part) if self.is_fetched else _alone(part)


def check_sent(stack: Stack) -> None:
    """Raise an error if a dask client of this process cannot be sent parts of a stack."""
    if current_client() is None or not stack.is_lazy:
        return
    from distributed.protocol.pickle import dumps

    try:
        dumps(_alone(stack.array[(slice(0, 1),) * stack.array.ndim]))  # type: ignore[no-untyped-call]
    except (TypeError, AttributeError, ValueError) as error:  # as pickle says that it cannot
        raise FileProblem(
            f"{stack.source or 'the image'} cannot be sent to the workers of the dask client ({error}); "
            "write it as OME-Zarr first, or close the client."
        ) from error


def current_client() -> Any:
    """Return the dask client of this process, or None; dask.distributed is never imported for it."""
    distributed = sys.modules.get("distributed")
    try:
        return None if distributed is None else distributed.Client.current()
    except ValueError:  # there is none
        return None


def _alone(part: Any) -> Any:
    """Return a dask array whose graph holds nothing that it does not need."""
    from dask.base import optimize

    return optimize(part)[0]


def _lies_on_a_cluster(array: Any) -> bool:
    if current_client() is None:
        return False
    from distributed.client import futures_of

    return bool(futures_of(array))  # type: ignore[no-untyped-call]
