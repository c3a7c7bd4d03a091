"""Whole trainings on a stand-in for a device's arrays: NumPy's bits, and no transfer that nobody asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gse_ref as gse
from gse_ref.backends import arrays, get, select
from gse_ref.explore import METHODS, one_shot
from gse_ref.training.loop import Trainer
from tests.device_array import DeviceArray, device_backend
from tests.unit.training.test_method_runs import small

Log = list[tuple[str, dict[str, Any]]]


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``device`` be the name of a backend: the stand-in, computing as cpu does."""
    monkeypatch.setitem(select._LOADERS, "device", lambda: device_backend(get("cpu")))
    monkeypatch.setattr(select, "_loaded", dict(select._loaded))
    monkeypatch.setattr(one_shot, "ROUNDS", 4)


def trained(config: gse.TrainConfig) -> tuple[Trainer, Log]:
    """Return the trainer after its last step, and all that it logged."""
    log: Log = []
    trainer = Trainer(config, lambda name, row: log.append((name, row)))
    trainer.log_initial_topology()
    for _ in trainer.steps():
        pass
    return trainer, log


def everything(trainer: Trainer) -> dict[str, Any]:
    """Return every array of a run by name."""
    checkpoint = trainer.checkpoint({})
    slots = {f"{name}/{s}": a for name, own in checkpoint.optimizer.items() for s, a in own.items()}
    return checkpoint.model | slots | checkpoint.memory


def require_equal(config: dict[str, Any], make: Any = small) -> None:
    host, expected = trained(make(**config))
    device, actual = trained(make(**config, backend="device"))
    assert actual == expected
    found, wanted = everything(device), everything(host)
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        own = arrays.to_host(found[name])
        assert own.dtype == array.dtype
        np.testing.assert_array_equal(own, array, err_msg=name)
    left = {name for name, array in found.items() if not isinstance(array, DeviceArray)}
    assert all(name.endswith("/step") or name.startswith("exploration/") for name in left)


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_gives_numpys_bits(method: str, scope: str) -> None:
    require_equal({"method": method, "scope": scope, "optimizer": "sgd", "momentum": 0.9})
