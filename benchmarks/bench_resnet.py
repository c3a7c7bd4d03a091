"""Whole training step of ResNet-20 on images of 32×32 with one channel, batch 128, against the same in torch."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gse_ref import data, optim
from gse_ref.autodiff import Tensor, cross_entropy
from gse_ref.backends import bound, get, use
from gse_ref.models import small_resnet
from gse_ref.models.resnet import OptionA
from gse_ref.nn import GlobalAvgPool, Linear, initialise

from .ceilings import Ceilings, ceilings
from .measure import fastest, interleaved, row
from .options import Cases, Options
from .peers.protocol import NotApplicable
from .stopwatch import Stopwatch

DEPTH, SIDE, BATCH, SAMPLES = 20, 32, 128, 60_000
QUICK_DEPTH, QUICK_BATCH, QUICK_SAMPLES, QUICK_DENSITY, QUICK_WIDTH = 8, 16, 200, 0.1, 0.5
DENSITY, RATE, MOMENTUM, DECAY = 0.02, 0.1, 0.9, 1e-4
#: Least ratio of torch in the faster of its orders, from PERFORMANCE, which sets it for this density.
FLOOR, FLOOR_DENSITY = 4.0, 0.02
PEERS = {"torch dense NCHW": False, "torch dense channels_last": True}
#: Steps before anything is measured, and those over which page faults are counted.
WARM, COUNTED = 3, 5

PARTS = (
    "convolution forward",
    "convolution backward",
    "norm forward",
    "norm backward",
    "shortcuts",
    "gradient additions, walk of the graph",
    "pool, linear and loss",
    "optimizer",
    "gather of the batch",
    "Python and the rest",
)
CONV, CONV_BACK, NORM, NORM_BACK, SHORTCUT, ADDITIONS, HEAD, OPTIMIZER, GATHER, REST = PARTS
FUNCTIONS = {
    "conv": CONV,
    "conv_t": CONV_BACK,
    "conv_backward": CONV_BACK,
    "conv_pairs": CONV_BACK,
    "batch_norm": NORM,
    "batch_norm_backward": NORM_BACK,
    "gather": GATHER,
}
MODULES = {OptionA: SHORTCUT, GlobalAvgPool: HEAD, Linear: HEAD}
#: Operations by name → part of their gradient rules; what these call of the backend counts there.
RULES = {"pad": SHORTCUT, "index": SHORTCUT, "mean": HEAD, "cross_entropy": HEAD}


class Training:
    """Our side: model, optimizer and an endless row of batches; the parts of a step are methods."""

    def __init__(self, options: Options) -> None:
        quick = options.quick
        self.batch = QUICK_BATCH if quick else BATCH
        default = QUICK_DENSITY if quick else DENSITY
        self.density = default if options.density is None else options.density
        depth, width = (QUICK_DEPTH, QUICK_WIDTH) if quick else (DEPTH, 1.0)
        self.split = _images(QUICK_SAMPLES if quick else SAMPLES)
        self.model = small_resnet(depth, (1, SIDE, SIDE), 10, width, np.float32)
        initialise(self.model, self.density, "erdos_renyi", 0)
        self.work = f"resnet{depth} {100 * self.density:g}% batch {self.batch}"
        self.parameters = self.model.named_parameters()
        self.optimizer = optim.SGD(MOMENTUM, weight_decay=DECAY)
        self.state = self.optimizer.init(self.parameters)
        self.batches = self._batches()

    @property
    def facts(self) -> dict[str, Any]:
        """What identifies the work."""
        nnz = sum(p.topology.nnz for p in self.model.sparse_parameters().values())
        return {"n": [1, SIDE, SIDE], "nnz": nnz, "density": self.density, "batch": self.batch}

    def _batches(self) -> Iterator[data.batches.Batch]:
        epoch = 0
        while True:
            yield from data.epoch_batches(self.split, self.batch, 0, epoch)
            epoch += 1

    def gather(self) -> data.batches.Batch:
        """Return the next batch."""
        return next(self.batches)

    def loss(self, logits: Tensor, labels: np.ndarray) -> Tensor:
        """Return the mean cross-entropy."""
        return cross_entropy(logits, labels)

    def backward(self, loss: Tensor) -> None:
        """Compute all gradients."""
        loss.backward()

    def update(self) -> None:
        """Take a step along the gradients."""
        self.optimizer.update(self.parameters, self.state, RATE)

    def step(self) -> float:
        """Train on the next batch; return the loss."""
        x, labels = self.gather()
        for parameter in self.parameters.values():
            parameter.grad = None
        loss = self.loss(self.model(Tensor(x)), labels)
        value = loss.item()
        self.backward(loss)
        del loss
        self.update()
        return value


def _images(samples: int) -> data.Split:
    """Return the bundled images padded to SIDE × SIDE, repeated to `samples`."""
    small = data.padded(data.fashion_mini(), SIDE).train
    features, labels = (np.resize(a, (samples, *a.shape[1:])) for a in (small.features, small.labels))
    return data.Split(features, labels, small.scale, small.shift, small.image_shape, "fashion-mini, repeated")


def _memory(training: Training) -> dict[str, Any]:
    """Return the peak memory of the process so far, and page faults of a step once the allocator is filled."""
    for _ in range(WARM):
        training.step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(COUNTED):
        training.step()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {"peak_mb": round(after.ru_maxrss / 1024), "faults": (after.ru_minflt - before) / COUNTED}


def _torch_steps(training: Training, channels_last: bool) -> Callable[[], float]:
    """Return a step of the twin.

    Raises
    ------
    ImportError : no torch. NotApplicable : a module without a twin. ArithmeticError : another loss than ours.
    """
    from .peers.torch_twin import TorchTwin

    peer = TorchTwin(training.model, channels_last)
    wrong = _disagreement(training, peer)
    if wrong:
        raise ArithmeticError(wrong)
    return peer.steps(training.split, training.batch, RATE, MOMENTUM, DECAY)


def _disagreement(training: Training, peer: Any) -> str | None:
    """Compare the loss of both networks on one batch; return what is wrong, or None."""
    import torch

    x, labels = next(data.ordered_batches(training.split, training.batch))
    ours = cross_entropy(training.model(Tensor(x)), labels).item()
    with torch.no_grad():
        theirs = peer.loss(torch.from_numpy(np.ascontiguousarray(x.T)), torch.from_numpy(labels)).item()
    topologies = [parameter.topology for parameter in training.model.sparse_parameters().values()]
    length = sum(int(topology.fan_in().max()) for topology in topologies)
    allowed = 2 * bound(np.float32, length, np.abs(ours))
    return None if abs(ours - theirs) <= allowed else f"a loss of {theirs} where ours is {ours}"


def _parts(training: Training, rounds: int) -> dict[str, np.ndarray]:
    """Return the seconds of each part of a step, (rounds,) each. The training is timed from now on."""
    watch = Stopwatch(REST)
    watch.modules(training.model, MODULES)
    training.gather = watch.timed(GATHER, training.gather)
    training.loss = watch.timed(HEAD, training.loss)
    training.update = watch.timed(OPTIMIZER, training.update)
    backward = watch.timed(ADDITIONS, training.backward)

    def pull(loss: Tensor) -> None:
        watch.graph(loss, RULES, REST)
        backward(loss)

    training.backward = pull
    times: dict[str, list[float]] = {part: [] for part in PARTS}
    with use(watch.backend(get("cpu"), FUNCTIONS, HEAD)):
        for number in range(-1, rounds):
            watch.start()
            training.step()
            seconds = watch.stop()
            for part in PARTS:
                times[part] += [seconds.get(part, 0.0)] if number >= 0 else []
    return {part: np.array(samples) for part, samples in times.items()}


def least_seconds(training: Training, rates: Ceilings) -> float:
    """Return the least time of all convolutions and normalisations of a step, and of the last layer."""
    cpu, seconds = get("cpu"), []

    def conv(indptr: Any, indices: Any, values: Any, x: Any, geometry: Any, *bias: Any) -> Any:
        seconds.append(rates.conv_step(len(indptr) - 1, indices, x.shape, geometry))
        return cpu.conv(indptr, indices, values, x, geometry, *bias)

    def batch_norm(x: Any, gamma: Any, beta: Any, epsilon: Any, residual: Any, relu: Any) -> Any:
        seconds.append(rates.norm_step(x.nbytes, residual is not None))
        return cpu.batch_norm(x, gamma, beta, epsilon, residual, relu)

    def spmm(indptr: Any, indices: Any, values: Any, x: Any, *bias: Any) -> Any:
        seconds.append(rates.linear_step(len(indptr) - 1, len(x), len(indices), x.shape[1]))
        return cpu.spmm(indptr, indices, values, x, *bias)

    with use(replace(cpu, conv=conv, batch_norm=batch_norm, spmm=spmm)):
        training.step()
    return sum(seconds)


def _where(training: Training, rounds: int) -> Iterator[dict[str, Any]]:
    times = _parts(training, rounds)
    total = sum(times.values())
    for part in PARTS:
        share = {"share": float(f"{np.median(times[part] / total):.3g}"), "table": "where the time goes"}
        yield row(f"{training.work} {part}", times[part], **share, **training.facts)
    share = {"share": 1.0, "table": "where the time goes"}
    yield row(f"{training.work} all of it", total, **share, **training.facts)


def _measure(options: Options) -> Iterator[dict[str, Any]]:
    training = Training(options)
    work, facts = f"{training.work} step", training.facts
    memory = _memory(training)
    contestants: dict[str, Callable[[], Any]] = {"step": training.step}
    for name, channels_last in PEERS.items():
        try:
            contestants[name] = _torch_steps(training, channels_last)
        except ImportError as error:
            yield {"work": work, "peer": name, "missing": "pip install torch", "error": str(error)} | facts
        except NotApplicable as error:
            yield {"work": work, "peer": name, "not_applicable": str(error)} | facts
        except ArithmeticError as error:
            yield {"work": work, "peer": name, "wrong": str(error)} | facts
    rates = ceilings(options.quick)
    least = least_seconds(training, rates)
    times = interleaved(contestants, options.rounds, options.threads)
    yield row(work, times["step"], **facts, **memory, **rates.facts(least, times["step"]))
    due = fastest(times, PEERS, "step") if training.density == FLOOR_DENSITY and not options.quick else None
    for name in PEERS:
        if name in times:
            floor = FLOOR if name == due else None
            yield row(work, times["step"], name, times[name], floor, **facts)
    yield from _where(training, max(options.rounds, COUNTED))


def cases(options: Options) -> Cases:
    """Return the one piece of work."""
    return {"resnet20": partial(_measure, options)}
