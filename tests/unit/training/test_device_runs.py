"""Whole trainings on a stand-in for a device's arrays: NumPy's bits, and no transfer that nobody asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gse_ref as gse
from gse_ref.backends import arrays, get, select
from gse_ref.errors import InputError
from gse_ref.explore import METHODS, one_shot
from gse_ref.training import checkpoint
from gse_ref.training.loop import Trainer
from gse_ref.training.record import LOGS
from tests.contract.emulated import emulated
from tests.device_array import LIBRARY, DeviceArray, device_backend
from tests.host_cuda.build import needs_compiler
from tests.unit.training.test_image_runs import small as small_images
from tests.unit.training.test_image_runs import write_images
from tests.unit.training.test_method_runs import small

TOPOLOGY = "topology.jsonl"
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
    state = trainer.checkpoint({})
    slots = {f"{name}/{s}": a for name, own in state.optimizer.items() for s, a in own.items()}
    return state.model | slots | state.memory


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


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam", "weight_decay": 1e-3, "label_smoothing": 0.1},
        {"optimizer": "adamw", "weight_decay": 1e-2, "dtype": "float64"},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3, "warmup": 0.5},
        {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 1e-3},
        {"method": "set", "prune_criterion": "signed", "min_nnz": 3},
        {"method": "gse-grabo", "prune_criterion": "saliency", "optimizer": "adam"},
        {"method": "rigl", "prune_criterion": "momentum", "allow_regrow": True, "momentum": 0.9},
        {"method": "gse-graest", "density": 0.9, "probe_per_class": 2},
        {"method": "gse", "observe": "gradient"},
        {"method": "gse", "observe": "gradient", "scope": "layer"},
        {"method": "topkast-sparse", "observe": "topology"},
        {"method": "gse", "batch_size": 1, "data": "synthetic:24:8:5"},
    ],
    ids=str,
)
def test_every_setting_gives_numpys_bits(options: dict[str, Any]) -> None:
    require_equal({"method": "gse", **options})


@pytest.mark.parametrize(
    ("model", "method", "scope"),
    [
        ("resnet20", "gse", "global"),
        ("resnet20", "gse-grabo", "layer"),
        ("resnet20", "gse-graest", "global"),
        ("resnet20", "rigl", "layer"),
        ("resnet20", "rigl-sketch", "global"),
        ("resnet20", "set", "global"),
        ("resnet20", "topkast-sparse", "layer"),
        ("resnet20", "grasp", "global"),
        ("vgg11", "gse", "global"),
    ],
)
def test_convolutional_networks_give_numpys_bits(tmp_path: Path, model: str, method: str, scope: str) -> None:
    require_equal({"folder": tmp_path, "out": None, "model": model, "method": method, "scope": scope}, small_images)


@pytest.mark.parametrize("method", ["gse", "topkast", "snfs"])
def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path, method: str) -> None:
    config = small(method=method, backend="device", optimizer="adam", observe="topology")
    whole, _ = trained(config)
    begun = Trainer(config, lambda name, row: None)
    for _ in zip(range(6), begun.steps(), strict=False):
        pass
    with arrays.counted_transfers() as counted:
        checkpoint.save(tmp_path / "state.npz", begun.checkpoint(dict.fromkeys(LOGS, 0)))
    assert counted.to_host > 0
    resumed = Trainer(config, lambda name, row: None, checkpoint.load(tmp_path / "state.npz"))
    for _ in resumed.steps():
        pass
    expected, actual = everything(whole), everything(resumed)
    assert set(actual) == set(expected)
    for name, array in expected.items():
        assert type(actual[name]) is type(array), name
        np.testing.assert_array_equal(arrays.to_host(actual[name]), arrays.to_host(array), err_msg=name)


def test_the_folder_of_a_run_is_that_of_the_host(tmp_path: Path) -> None:
    for backend in ("cpu", "device"):
        gse.train(small(method="gse", backend=backend, out=tmp_path / backend))
    for log in ("metrics.jsonl", "topology.jsonl", "events.jsonl"):
        assert (tmp_path / "device" / log).read_bytes() == (tmp_path / "cpu" / log).read_bytes()
    one, other = (checkpoint.load(tmp_path / backend / "checkpoint.npz") for backend in ("device", "cpu"))
    assert set(one.model) == set(other.model)
    for name, array in other.model.items():
        np.testing.assert_array_equal(one.model[name], array)


@pytest.mark.parametrize("method", ["static", "gse"])
def test_a_step_transfers_the_loss_and_the_labels_alone(method: str) -> None:
    trainer = Trainer(small(method=method, backend="device"), lambda name, row: None)
    steps = trainer.steps()
    for number in (1, 2, 3):  # the topology first changes before the fourth
        with arrays.counted_transfers() as counted:
            next(steps)
        assert (counted.to_host, counted.to_device) == (1, 1), f"step {number}"


def test_what_an_update_transfers_does_not_grow_with_the_layers() -> None:
    counts = []
    for width in (64, 256):
        config = small(method="gse", backend="device", hidden=(width, width), budget="uniform", scope="layer")
        trainer = Trainer(config, lambda name, row: None)
        steps = trainer.steps()
        for _ in range(3):
            next(steps)
        with arrays.counted_transfers() as counted:
            next(steps)
        counts.append((counted.to_host, counted.to_device))
    assert counts[0] == counts[1]


def test_a_model_is_brought_to_the_device_and_back() -> None:
    host = Trainer(small(), lambda name, row: None).model
    expected = {name: array.copy() for name, array in host.state_dict().items()}
    moved = host.to(LIBRARY)
    assert all(isinstance(array, DeviceArray) for array in moved.state_dict().values())
    state = moved.to(np).state_dict()
    assert set(state) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(state[name], array, strict=True)


def test_batches_left_on_the_host_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(small(backend="device"), lambda name, row: None)
    plain = get("cpu")
    monkeypatch.setitem(select._loaded, "device", replace(device_backend(plain), gather=plain.gather))
    with pytest.raises((TypeError, InputError), match="host"):
        next(trainer.steps())


@needs_compiler
@pytest.mark.parametrize("method", ["gse", "gse-graest", "rigl"])
@pytest.mark.parametrize("model", ["mlp", "resnet20"])
def test_cuda_kernels_train_as_the_others_do(
    model: str, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernels run on the host, on arrays that refuse to be copied: they move the same connections."""
    monkeypatch.setitem(select._LOADERS, "device", lambda: device_backend(emulated()))
    changes: dict[str, Any] = {"method": method, "dtype": "float64", "epochs": 1, "until": 1.0, "every": 2}
    if model == "mlp":
        make = partial(small, **changes)
    else:
        tiny = {
            "data": write_images(tmp_path, 4, train=16, test=4),
            "width": 0.0625,
            "batch_size": 4,
            "density": 0.3,
        }
        make = partial(small_images, tmp_path, None, **tiny | changes)
    (host, expected), (device, actual) = trained(make()), trained(make(backend="device"))
    assert host.progress.updates == device.progress.updates > 0
    counts = ("name", "nnz", "pruned", "grown", "candidates")
    moved = [
        [
            tuple(layer.get(key) for key in counts)
            for name, row in log
            if name == TOPOLOGY
            for layer in row["layers"]
        ]
        for log in (actual, expected)
    ]
    assert moved[0] == moved[1]
    for name, layer in host.layers.items():
        ids = arrays.to_host(device.layers[name].topology.edge_ids)
        np.testing.assert_array_equal(ids, layer.topology.edge_ids)
