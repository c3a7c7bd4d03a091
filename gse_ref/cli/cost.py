"""``gse-ref cost``: what methods cost on a model, counted from shapes; nothing is trained."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cost import METHOD_FLOPS, Layer, Setting, Work, method_flops, peak_storage, step_traffic, training_storage
from ..errors import InputError, unknown
from ..models import MODELS, ModelSpec, build_model, cost_layers, with_density
from ..training import TrainConfig
from .table import table


def _with_unit(number: float) -> str:
    """Return three digits and a decimal prefix: 8.18 G."""
    prefixes = " kMGTPE"
    power = 0
    while abs(number) >= 999.5 and power < len(prefixes) - 1:
        number, power = number / 1000, power + 1
    return f"{number:.3g} {prefixes[power]}".rstrip()


def _layer_rows(work: Work) -> list[dict[str, Any]]:
    return [
        {
            "name": layer.name.removesuffix(".weight"),
            "shape": [layer.n_out, layer.n_in],
            "kernel": layer.kernel,
            "positions": layer.positions,
            "size": layer.size,
            "nnz": layer.nnz,
            "density": layer.density,
            "flops": layer.flops(layer.nnz),
            "share": layer.flops(layer.nnz) / work.sparse,
        }
        for layer in work.layers
    ]


def _method_row(method: str, work: Work, setting: Setting, batch: int, optimizer: str) -> dict[str, Any]:
    flops, given = method_flops(method, work, setting), (method, work.layers, setting, batch, optimizer)
    held, traffic = training_storage(*given), step_traffic(*given)
    rigl, dense = (method_flops(other, work, setting).most for other in ("rigl", "dense"))
    return {
        "method": method,
        "formula": METHOD_FLOPS[method].text,
        "flops": flops.most,
        "flops_at_least": flops.least,
        "of_rigl": flops.most / rigl,
        "of_dense": flops.most / dense,
        "start_flops": flops.start,
        "bytes": held._asdict(),
        "held_bytes": held.total,
        "peak_bytes": peak_storage(*given).total,
        "read_bytes": traffic.read,
        "written_bytes": traffic.written,
    }


def _layers_text(work: Work, rows: Sequence[dict[str, Any]]) -> str:
    heads = ("layer", "shape", "positions", "size", "nnz", "density", "FLOPs", "share")
    cells = [
        (
            row["name"],
            "×".join(map(str, row["shape"])),
            f"{row['positions']:,}",
            f"{row['size']:,}",
            f"{row['nnz']:,.4g}" if isinstance(row["nnz"], float) else f"{row['nnz']:,}",
            f"{row['density']:.4g}",
            _with_unit(row["flops"]),
            f"{100 * row['share']:.1f} %",
        )
        for row in rows
    ]
    size, nnz = sum(layer.size for layer in work.layers), sum(layer.nnz for layer in work.layers)
    total = ("all", "", "", f"{size:,}", f"{nnz:,.10g}", f"{work.density:.4g}", _with_unit(work.sparse), "100 %")
    return table(heads, [*cells, total])


def _methods_text(rows: Sequence[dict[str, Any]]) -> str:
    heads = ("method", "FLOPs", "of RigL", "of dense", "start", "held", "peak", "read", "written", "formula")
    cells = []
    for row in rows:
        exact = row["flops"] == row["flops_at_least"]
        cells.append(
            (
                row["method"],
                ("" if exact else f"{_with_unit(row['flops_at_least'])} to ") + _with_unit(row["flops"]),
                f"{row['of_rigl']:.4f}",
                f"{row['of_dense']:.4f}",
                _with_unit(row["start_flops"]) if row["start_flops"] else "-",
                *(_with_unit(row[name] - row["bytes"]["activations"]) for name in ("held_bytes", "peak_bytes")),
                *(_with_unit(row[name]) for name in ("read_bytes", "written_bytes")),
                row["formula"],
            )
        )
    return table(heads, cells)


@dataclass(frozen=True)
class Cost:
    """Count the FLOPs and bytes of every method on a model from shapes and connections; nothing is trained."""

    model: str = "resnet50"
    """A model of gse-ref info."""
    image: int | None = None
    """Pixels a side; default 224, 32 or 28, whatever the model is usually built for."""
    channels: int | None = None
    """Channels of the image; default 3, for the mlp 1."""
    classes: int | None = None
    """Outputs; default 1000 for resnet18, 34, 50, else 10."""
    hidden: tuple[int, ...] = (512, 512)
    """Widths of the hidden layers of the mlp, separated by spaces."""
    width: float = 1.0
    """Factor of the widths of resnet and vgg."""
    density: float = 0.01
    """Share of all possible connections that are active, in (0, 1]."""
    budget: str = "erdos_renyi"
    """How connections are shared among layers: uniform, erdos_renyi, erdos_renyi_kernel or scaled."""
    method: tuple[str, ...] = ()
    """Methods to show, separated by spaces; default all."""
    every: int = 100
    """Steps between topology updates."""
    subset_factor: float = 1.0
    """Draws for each active connection (gamma of the paper)."""
    prune_fraction: float = 0.2
    """Share of the active connections replaced at an update."""
    batch_size: int = 128
    """Samples a step, for the bytes."""
    optimizer: str = "sgd"
    """sgd (with momentum), adam or adamw, for the bytes."""
    json: bool = False
    """Print one JSON object instead of text."""

    def _checked(self) -> TrainConfig:
        """Return what this command shares with training, checked as there."""
        config = TrainConfig(
            model=self.model,
            hidden=self.hidden,
            width=self.width,
            density=self.density,
            budget=self.budget,
            every=self.every,
            subset_factor=self.subset_factor,
            prune_fraction=self.prune_fraction,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
        )
        for method in self.method:
            if method not in METHOD_FLOPS:
                raise unknown("method", method, METHOD_FLOPS)
        for name in ("image", "channels", "classes"):
            value = getattr(self, name)
            if value is not None and not 1 <= value < 2**16:
                raise InputError(f"{name} must be a whole number of at least 1 and below 65536, got {value}")
        return config

    def _layers(self, config: TrainConfig) -> list[Layer]:
        usual = MODELS[config.model].usual
        channels = usual.channels if self.channels is None else self.channels
        side = usual.side if self.image is None else self.image
        classes = usual.classes if self.classes is None else self.classes
        shape = (channels, side, side)
        n_in, dtype = channels * side**2, np.dtype(np.float32)
        model = build_model(config.model, ModelSpec(n_in, classes, config.hidden, dtype, shape, config.width))
        layers = cost_layers(model, (n_in,))
        real = config.density * sum(layer.size for layer in layers) < len(layers)
        if real:
            print("gse-ref: fewer connections than layers: shares are left real numbers", file=sys.stderr)
        return with_density(layers, config.density, config.budget, real)

    def run(self) -> None:
        """Count, and print what came of it."""
        config = self._checked()
        work = Work(self._layers(config))
        setting = Setting(config.every, config.subset_factor, config.prune_fraction)
        names = self.method or tuple(METHOD_FLOPS)
        layers = _layer_rows(work)
        methods = [_method_row(name, work, setting, config.batch_size, config.optimizer) for name in names]
        if self.json:
            told = {
                "model": config.model,
                "budget": config.budget,
                "density": work.density,
                "every": config.every,
                "subset_factor": config.subset_factor,
                "batch_size": config.batch_size,
                "forward_flops": {"sparse": work.sparse, "dense": work.dense},
                "layers": layers,
                "methods": methods,
            }
            print(json_module.dumps(told))
            return
        print("Forward FLOPs of one sample, two for each multiply-add\n")
        print(_layers_text(work, layers))
        activations = methods[0]["bytes"]["activations"]
        print(
            f"\nFLOPs of a step for each sample, from f_S = {_with_unit(work.sparse)}, "
            f"f_D = {_with_unit(work.dense)}, T = {config.every}, γ = {config.subset_factor:g};\n"
            "start: once, for each sample looked at before training.\n"
            f"Bytes for a batch of {config.batch_size}: held and at the largest moment, both without "
            f"{_with_unit(activations)} of activations;\nread and written by a step at least.\n"
        )
        print(_methods_text(methods))
