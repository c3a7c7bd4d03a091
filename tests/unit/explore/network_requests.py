"""A request for a whole network and one batch, for methods that look at it without a training run."""

from __future__ import annotations

from typing import Any

import numpy as np

from gse_ref.autodiff import Tensor, cross_entropy
from gse_ref.explore import Problem, Request, Target
from gse_ref.nn import Module, probe


def request_for(model: Module, x: np.ndarray, labels: np.ndarray, density: float = 0.5, **more: Any) -> Request:
    """Return a request at step 1 whose probes and batches are (x, labels)."""

    def run_probe(observer: Any) -> None:
        probe(lambda: cross_entropy(model(Tensor(x)), labels), model.sparse_parameters().values(), observer)

    options = {"scope": "global", "subset_factor": 1.0, "target": Target(density, density)} | more
    return Request(0, 1, 0.0, run_probe=run_probe, problem=Problem(model, lambda: (x, labels)), **options)
