"""The second opinion: dense masks in PyTorch pass the checks, and refuse what would be too large."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.conformance import Adapter, NotCovered, Pattern, run
from gse_ref.conformance.catalogue import checks

pytest.importorskip("torch")
from gse_ref.conformance.adapters.torch_dense import TorchDense

#: Checks of long fixed runs, for which a suite has no time, and of what dense masks cannot do.
LONG = {"update_set_uniform", "training_losses", "training_topologies", "training_resume"}
DENSE = {name for name in checks() if name.endswith(("_wide", "_threads", "_many_inputs"))}
NAMES = [name for name, check in checks().items() if check.level != "complexity" and name not in LONG | DENSE]


def test_it_passes_every_check() -> None:
    for result in run(TorchDense, only=NAMES, effort=0.04):
        assert result.status == "passed", result.text()


def test_it_covers_every_operation_but_threads() -> None:
    assert {name for name in vars(Adapter) if name.islower() and callable(getattr(Adapter, name))} - {
        name for kind in TorchDense.__mro__ if kind is not Adapter for name in vars(kind)
    } == {"set_threads"}


def test_it_makes_no_huge_array() -> None:
    pattern = Pattern(np.zeros(70_001, np.int64), np.empty(0, np.int32), (70_000, 70_000))
    with pytest.raises(NotCovered, match=r"\(70000, 70000\)"):
        TorchDense().inactive(pattern)
