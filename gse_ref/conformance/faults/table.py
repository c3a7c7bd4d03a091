"""Every fault, in the order of the levels."""

from __future__ import annotations

from . import kernels, update
from .fault import Fault as Fault

FAULTS: tuple[Fault, ...] = (*kernels.FAULTS, *update.FAULTS)
