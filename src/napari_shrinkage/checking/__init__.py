"""The report on a result: which tests of `trust` apply to an image, with which inputs, in which order.

Convention: the report is worked out by a generator of `Progress` from stacks, as a comparison is; it looks at
channels one by one, and in a long series at some planes, evenly spread, and says so.
"""

from __future__ import annotations

from .confidence import mapping_confidence
from .report import Line, TrustReport
from .work import checking

__all__ = ["Line", "TrustReport", "checking", "mapping_confidence"]
