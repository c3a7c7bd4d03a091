"""Train a preset's network as a dense one in torch, on the same batches and learning rates; print one JSON line.

    python benchmarks/dense_images.py --preset fashion-resnet20 [--model vgg11] [--data-dir FOLDER] [--threads 1]

The dense weights start from our initialisation at density 1. What it gives is the reference beside our sparse runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # The script's own folder must not hide packages of the same names as its files.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from gse_ref import data
from gse_ref.presets import preset
from gse_ref.training import TrainConfig
from gse_ref.training.build import Parts, build


def _batch_first(x: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(x.T))


def _accuracy(network: Any, parts: Parts, batch: int) -> float:
    import torch

    right = 0
    network.eval()
    with torch.no_grad():
        for x, labels in data.ordered_batches(parts.dataset.test, batch):
            right += int((network(_batch_first(x)).argmax(1).numpy() == labels).sum())
    network.train()
    return right / parts.dataset.test.samples


def train_dense(config: TrainConfig, channels_last: bool) -> dict[str, Any]:
    """Train as `config` says, without sparsity; return accuracy and seconds."""
    import torch

    from benchmarks.peers.torch_twin import TorchTwin

    parts = build(config)
    twin = TorchTwin(parts.model, channels_last)
    groups: dict[bool, list[Any]] = {True: [], False: []}
    for name, parameter in twin.network.named_parameters():
        groups[twin.ours[name].decay].append(parameter)
    settings = [{"params": groups[d], "weight_decay": config.weight_decay if d else 0.0} for d in groups]
    optimizer = torch.optim.SGD(settings, lr=config.lr, momentum=config.momentum, fused=True)
    step, seconds, accuracy = 0, [], 0.0
    for epoch in range(config.epochs):
        start = time.perf_counter()
        for x, labels in data.epoch_batches(parts.dataset.train, config.batch_size, config.seed, epoch):
            step += 1
            for group in optimizer.param_groups:
                group["lr"] = parts.rate(step)
            optimizer.zero_grad()
            twin.loss(_batch_first(x), torch.from_numpy(labels)).backward()
            optimizer.step()
        seconds.append(round(time.perf_counter() - start, 2))
        accuracy = _accuracy(twin.network, parts, config.batch_size)
        print(f"epoch {epoch + 1}: {100 * accuracy:.2f} %, {seconds[-1]} s", file=sys.stderr)
    return {"model": config.model, "test_accuracy": accuracy, "seconds_of_epochs": seconds}


def main() -> None:
    """Parse, train, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="fashion-resnet20")
    parser.add_argument("--model")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    settings = preset(options.preset) | ({"model": options.model} if options.model else {})
    config = TrainConfig(**settings | {"density": 1.0, "data_dir": options.data_dir, "seed": options.seed})
    print(json.dumps(train_dense(config, options.channels_last) | {"threads": options.threads}))


if __name__ == "__main__":
    main()
