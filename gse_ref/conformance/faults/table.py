"""Every fault, in the order of the levels."""

from __future__ import annotations

from . import complexity, convolutions, kernels, training
from .fault import Fault as Fault

FAULTS: tuple[Fault, ...] = (
    *kernels.FAULTS,
    *convolutions.FAULTS,
    *training.FAULTS,
    *complexity.FAULTS,
)
