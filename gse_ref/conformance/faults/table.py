"""Every fault, in the order of the levels."""

from __future__ import annotations

from . import complexity, convolutions, golden, kernels, sampling, selection, selection_counts, training, update
from .fault import Fault as Fault

FAULTS: tuple[Fault, ...] = (
    *kernels.FAULTS,
    *convolutions.FAULTS,
    *sampling.FAULTS,
    *selection.FAULTS,
    *selection_counts.FAULTS,
    *update.FAULTS,
    *training.FAULTS,
    *complexity.FAULTS,
    *golden.FAULTS,
)
