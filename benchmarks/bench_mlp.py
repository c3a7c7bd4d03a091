"""Whole training step of an MLP 784-512-512-10 at 98 % sparsity, batch 128, on as many images as Fashion-MNIST."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gse_ref import data
from gse_ref.nn import Linear
from gse_ref.training import TrainConfig
from gse_ref.training.loop import Trainer

from .ceilings import Ceilings, ceilings
from .measure import interleaved, row
from .mlp_kernels import bare_step
from .options import Cases, Options

SAMPLES, QUICK_SAMPLES = 60_000, 1_000
HIDDEN, QUICK_HIDDEN = (512, 512), (32, 16)
DENSITY, QUICK_DENSITY = 0.02, 0.1
#: A step may cost this many times the sum of its kernels alone; a masked dense step costs this many of ours.
OVERHEAD_LIMIT, MASKED_FLOOR = 2.0, 6.0
PEERS = {"torch dense with masks": False, "torch dense with masks, lean": True}
NOTES = {
    False: "masks in forward, on gradients and after the step",
    True: "masks on gradients and after a fused step",
}


def _trainer(options: Options) -> Trainer:
    """Return a trainer on the bundled images, repeated to the number of the full data set."""
    samples = QUICK_SAMPLES if options.quick else SAMPLES
    small = data.fashion_mini()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "images.npz")
        arrays = {"x_train": small.train.features, "y_train": small.train.labels}
        arrays = {key: np.resize(array, (samples, *array.shape[1:])) for key, array in arrays.items()}
        # A short test split: what is measured is training.
        np.savez(path, **arrays, x_test=small.test.features[:10], y_test=np.arange(10))
        config = TrainConfig(
            data=str(path),
            hidden=QUICK_HIDDEN if options.quick else HIDDEN,
            density=QUICK_DENSITY if options.quick else DENSITY,
            method="static",
            epochs=10_000,
            lr=0.01,
        )
        return Trainer(config, lambda log, line: None)


def _torch_steps(trainer: Trainer, lean: bool) -> Callable[[], float]:
    from .peers.torch_mlp import MaskedMLP

    layers = [module for _, module in trainer.model.named_modules() if isinstance(module, Linear)]
    split, config = trainer.parts.dataset.train, trainer.config
    peer = MaskedMLP(
        [layer.weight.topology.to_scipy(layer.weight.data).toarray() for layer in layers],
        [layer.bias.data for layer in layers],
        split.features,
        split.labels,
        float(split.scale),
        float(split.shift),
        config.lr,
        config.momentum,
        config.weight_decay,
        lean,
    )
    wrong = _disagreement(trainer, peer)
    if wrong:
        raise ArithmeticError(wrong)
    return peer.steps(config.batch_size)


def _disagreement(trainer: Trainer, peer: Any) -> str | None:
    """Compare the loss of both networks on one batch; return what is wrong, or None."""
    import torch

    from gse_ref.autodiff import Tensor, cross_entropy

    split, batch = trainer.parts.dataset.train, trainer.config.batch_size
    x, labels = next(data.ordered_batches(split, batch))
    ours = cross_entropy(trainer.model(Tensor(x)), labels).item()
    with torch.no_grad():
        theirs = peer.loss(torch.from_numpy(np.ascontiguousarray(x.T)), torch.from_numpy(labels)).item()
    # Three products of at most n_in terms each, a loss of order 1.
    allowed = 4 * float(np.finfo(np.float32).eps) * split.n_features
    return None if abs(ours - theirs) <= allowed else f"a loss of {theirs} where ours is {ours}"


def least_seconds(trainer: Trainer, rates: Ceilings) -> float:
    """Return the least time of the products of a step."""
    topologies = [p.topology for p in trainer.model.sparse_parameters().values()]
    batch = trainer.config.batch_size
    return sum(rates.linear_step(*t.shape, t.nnz, batch, first=t is topologies[0]) for t in topologies)


def _measure(options: Options) -> Iterator[dict[str, Any]]:
    trainer = _trainer(options)
    config, split = trainer.config, trainer.parts.dataset.train
    widths = [split.n_features, *config.hidden, 10]
    work = f"mlp {'-'.join(map(str, widths))}"
    facts = {"n": widths, "nnz": trainer.nnz, "density": config.density, "batch": config.batch_size}
    kernels = bare_step(trainer.model, split, config)
    steps = trainer.steps()
    contestants: dict[str, Callable[[], Any]] = {"step": partial(next, steps)}
    contestants["in a row"] = lambda: [call() for call in kernels.values()]
    contestants["in a row"]()
    contestants |= {f"kernel {name}": call for name, call in kernels.items()}
    for name, lean in PEERS.items():
        try:
            contestants[name] = _torch_steps(trainer, lean)
        except ImportError as error:
            yield {"work": work, "peer": name, "missing": "pip install torch", "error": str(error)} | facts
        except ArithmeticError as error:
            yield {"work": work, "peer": name, "wrong": str(error)} | facts
    times = interleaved(contestants, options.rounds, options.threads)
    rates = ceilings(options.quick)
    least = least_seconds(trainer, rates)
    alone = sum(times[f"kernel {name}"] for name in kernels)
    floor = None if options.quick else 1 / OVERHEAD_LIMIT
    roofline = rates.facts(least, times["step"])
    line = row(f"{work} step", times["step"], "sum of its kernels alone", alone, floor, **facts, **roofline)
    yield line | {"ours_in_kernels": round(1 / line["ratio"], 3), "most_kernels": OVERHEAD_LIMIT}
    yield row(f"{work} step", times["step"], "its kernels in a row", times["in a row"], **facts)
    for name, lean in PEERS.items():
        if name in times:
            floor = None if options.quick or lean else MASKED_FLOOR
            yield row(f"{work} step", times["step"], name, times[name], floor, **facts) | {"note": NOTES[lean]}
    for name in kernels:
        yield row(f"{work} kernel {name}", times[f"kernel {name}"], **facts)


def cases(options: Options) -> Cases:
    """Return the one piece of work."""
    return {"mlp": partial(_measure, options)}
