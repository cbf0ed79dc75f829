"""What a layer holds at one time, and what is known of it: its noise, and the plans that were made for it.

Convention: one `Content` stands for one state of a layer's pixels and axes. Whoever sees a layer change makes
a new one; noise and plans are worked out once per content, in a worker, and shared by previews and runs, so
that both agree.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

from ..engine import resolve
from ..estimators import estimated_noise
from ..noise import NoiseModel
from ..recipe import Plan, Step
from ..restorers.base import Restorer
from ..stack import Stack

MOST_PLANS = 32


class Content:
    """A stack with its estimated noise and its plans.

    Parameters
    ----------
    stack : Stack
        The layer's pixels.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._noise: NoiseModel | None = None
        self._plans: OrderedDict[Any, Plan] = OrderedDict()
        self._lock = Lock()

    @property
    def known_noise(self) -> NoiseModel | None:
        """The estimate, if it was made."""
        return self._noise

    def noise(self) -> NoiseModel:
        """Return the estimated noise, estimating it at the first call."""
        with self._lock:
            if self._noise is None:
                self._noise = estimated_noise(self.stack)
            return self._noise

    def plan(
        self, restorer: Restorer, noise: NoiseModel | None, device: str = "auto", threads: int | None = None
    ) -> Plan:
        """Return the plan for a restorer; `noise` None is the estimate."""
        estimated = self.noise() if noise is None and restorer.needs_noise else None
        key = (method_key(restorer), method_key(noise), device, threads)
        with self._lock:
            if key not in self._plans:
                told = noise if estimated is None else restorer.noise_seen(self.stack, estimated)
                self._plans[key] = resolve(Step(restorer, told), self.stack, device, threads)
                while len(self._plans) > MOST_PLANS:
                    self._plans.popitem(last=False)
            return self._plans[key]


def method_key(value: Any) -> str:
    """Return a key for a method value; equal values have equal keys, whatever they hold."""
    return repr(value)
