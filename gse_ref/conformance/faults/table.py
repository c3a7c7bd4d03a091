"""Every fault, in the order of the levels."""

from __future__ import annotations

from . import kernels
from .fault import Fault as Fault

FAULTS: tuple[Fault, ...] = (*kernels.FAULTS,)
