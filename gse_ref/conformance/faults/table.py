"""Every fault, in the order of the levels."""

from __future__ import annotations

from . import convolutions, golden, kernels, sampling, selection, selection_counts, training
from .fault import Fault as Fault

FAULTS: tuple[Fault, ...] = (
    *kernels.FAULTS,
    *convolutions.FAULTS,
    *sampling.FAULTS,
    *selection_counts.FAULTS,
    *selection.FAULTS,
    *training.FAULTS,
    *golden.FAULTS,
)
