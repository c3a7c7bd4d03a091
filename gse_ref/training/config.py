"""The configuration of one run; the command line is derived from it."""

from __future__ import annotations

import dataclasses
import json
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..backends import available, default
from ..counts import rounded
from ..data import UNREADABLE
from ..errors import InputError, unknown
from ..explore import CRITERIA, METHODS, OBSERVED, SCHEDULES, SCOPES
from ..models import MODELS
from ..sparse import BUDGETS, PATTERNS

OPTIMIZERS = ("sgd", "adam", "adamw")
DTYPES = ("float32", "float64")
#: Fields that say where and how a run runs; they do not change its numbers and may differ on resume.
CIRCUMSTANCES = ("data_dir", "workers", "unreadable", "threads", "out", "resume", "checkpoint_every")
#: No count of anything reaches this.
MOST = 10**9


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


def _real(value: Any) -> float:
    if isinstance(value, (bool, str)):
        raise TypeError
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _several(one: Callable[[Any], Any]) -> Callable[[Iterable[Any]], tuple[Any, ...]]:
    return lambda values: tuple(map(one, values))


_INTEGER, _REAL = (_integer, "a whole number"), (_real, "a number")
_OPTIONAL = (
    *("data_dir", "image_size", "workers", "until", "probe_samples", "probe_per_class", "threads"),
    *("checkpoint_every", "out", "resume"),
)
#: Field → its type as a function, and in words.
_TYPES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "data": (_text, "a name"),
    "hidden": (_several(_integer), "a list of whole numbers"),
    "milestones": (_several(_real), "a list of numbers"),
    **dict.fromkeys(("nesterov", "augment", "allow_regrow"), (_flag, "true or false")),
    **dict.fromkeys(("data_dir", "out", "resume"), (Path, "a path")),
    **dict.fromkeys(("epochs", "batch_size", "every", "min_nnz", "seed"), _INTEGER),
    **dict.fromkeys(("probe_samples", "probe_per_class", "threads", "checkpoint_every"), _INTEGER),
    **dict.fromkeys(("image_size", "workers"), _INTEGER),
    **dict.fromkeys(("width", "dropout"), _REAL),
    **dict.fromkeys(("density", "lr", "momentum", "weight_decay", "warmup", "label_smoothing"), _REAL),
    **dict.fromkeys(("subset_factor", "prune_fraction", "until"), _REAL),
}


@dataclass(frozen=True)
class TrainConfig:
    """Everything that determines a run. Steps count from 1; batches are the last axis everywhere."""

    data: str = "fashion-mini"
    """fashion-mini, fashion-mnist, mnist, cifar10, cifar100, image-folder[:SIDE], synthetic[:WIDTH] or an .npz."""
    data_dir: Path | None = None
    """Folder of the files of fashion-mnist (default /usr/share/datasets/fashion-mnist), mnist, cifar or images."""
    image_size: int | None = None
    """Pad images with black to this many pixels a side, e.g. 32 for the 28 of Fashion-MNIST."""
    augment: bool = False
    """Train on randomly shifted (by up to 4 pixels) and flipped images; image folders: random crops and flips."""
    unreadable: str = "error"
    """What to do about an image file that cannot be read: error, or skip (replace it and report it)."""
    workers: int | None = None
    """Threads that decode image files; results do not depend on it. Default all cores."""
    model: str = "mlp"
    """mlp; resnet20, 32, 44, 56, 110 and vgg11, 13, 16, 19 for small images; resnet18, 34, 50 for large ones."""
    hidden: tuple[int, ...] = (512, 512)
    """Widths of the hidden layers of the mlp, separated by spaces; none for a linear classifier."""
    width: float = 1.0
    """Factor of the widths of resnet and vgg."""
    dropout: float = 0.0
    """Share of the hidden units of vgg's classifier dropped in training, in [0, 1)."""
    method: str = "gse"
    """gse, gse-grabo, gse-graest, set, rigl, rigl-sketch, snfs, topkast, topkast-sparse, static, gradual, lottery,
    snip, grasp, synflow or dense; gse-ref info says what each does and what it makes dense."""
    density: float = 0.02
    """Share of all possible connections that are active (in the end, for methods that start dense), in (0, 1]."""
    budget: str = "erdos_renyi"
    """How connections are shared among layers: uniform, erdos_renyi, erdos_renyi_kernel or scaled."""
    pattern: str = "erdos_renyi"
    """Initial connections of a layer: erdos_renyi, bernoulli, small_world, scale_free, banded, block or full."""
    epochs: int = 30
    """Passes over the training data; lottery makes as many in each of its rounds."""
    batch_size: int = 128
    """Samples a step; the last partial batch of an epoch is dropped."""
    optimizer: str = "sgd"
    """sgd, adam or adamw."""
    lr: float = 0.1
    """Learning rate after warm-up."""
    momentum: float = 0.9
    """Momentum of sgd."""
    nesterov: bool = False
    """Nesterov's form of momentum."""
    weight_decay: float = 1e-4
    """L2 penalty on active weights, not on biases."""
    milestones: tuple[float, ...] = ()
    """Epochs after which the learning rate is divided by 10, separated by spaces; of each round of lottery."""
    warmup: float = 0.0
    """Epochs of linear warm-up of the learning rate; lottery warms up in each round."""
    label_smoothing: float = 0.0
    """Share of the label spread over all classes, in [0, 1)."""
    subset_factor: float = 1.0
    """Draws for each active connection (gamma of the paper), for the gse methods; for topkast and topkast-sparse,
    how many connections learn besides the forward set, as a multiple of it."""
    prune_fraction: float = 0.2
    """Share of the active connections replaced at the first update (alpha of the paper), in [0, 1]."""
    prune_criterion: str = "magnitude"
    """What is pruned: magnitude (smallest |w|), signed (smallest positive and largest negative), saliency (smallest
    |gradient * w|) or momentum (smallest |momentum|)."""
    allow_regrow: bool = False
    """Let rigl grow again what the same update prunes, as in its paper."""
    schedule: str = "cosine"
    """How the prune fraction falls (gradual: the density): cosine, constant, linear or inverse_power."""
    every: int = 20
    """Steps between topology updates."""
    until: float | None = None
    """Epoch after which the topology stays; default 60 % of the epochs. Nothing to the rounds of lottery."""
    scope: str = "global"
    """global: connections may move between layers; layer: each layer keeps its number."""
    min_nnz: int = 0
    """Connections that an update leaves to every layer, where the scope or the method does not fix their number."""
    probe_samples: int | None = None
    """Samples of the batch that an update looks at; default the batch size."""
    probe_per_class: int | None = None
    """Draw this many samples of each class for an update instead (the paper: 10)."""
    observe: str = "nothing"
    """What exploration.jsonl records at each update: nothing, topology (what was ever active, what survived; cheap)
    or gradient (also what RigL would have grown, at the cost of RigL)."""
    seed: int = 0
    """Seed of all random streams, from 0."""
    dtype: str = "float32"
    """float32 or float64."""
    backend: str = field(default_factory=default)
    """cpu, naive (literal loops, very slow) or shadow (cpu checked by naive); default $GSE_REF_BACKEND or cpu."""
    threads: int | None = None
    """Threads of the kernels; results do not depend on it. Default all cores."""
    checkpoint_every: int | None = None
    """Steps between checkpoints; default one an epoch."""
    out: Path | None = None
    """New or empty folder for the run; default a fresh one under runs/."""
    resume: Path | None = None
    """Folder of a run to go on with; its configuration is taken from there."""

    def __post_init__(self) -> None:
        self._normalise()
        self._check_names()
        self._check_integers()
        self._check_reals()
        self._check_effect()
        fixed = METHODS[self.method].fixed_density
        if fixed is not None:
            object.__setattr__(self, "density", fixed)

    def _normalise(self) -> None:
        """Give each field the type it is declared with, so that equal configurations are equal to the byte."""
        for name, (convert, what) in _TYPES.items():
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            try:
                object.__setattr__(self, name, convert(value))
            except (TypeError, ValueError, OverflowError):
                raise InputError(f"{name} must be {what}, got {value!r}") from None

    def _check_names(self) -> None:
        tables: dict[str, Any] = {
            "model": MODELS,
            "method": METHODS,
            "budget": BUDGETS,
            "pattern": PATTERNS,
            "schedule": SCHEDULES,
            "prune_criterion": CRITERIA,
            "scope": SCOPES,
            "optimizer": OPTIMIZERS,
            "dtype": DTYPES,
            "backend": available(),
            "unreadable": UNREADABLE,
            "observe": OBSERVED,
        }
        for name, table in tables.items():
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in table:
                raise unknown(name, getattr(self, name), table)

    def _check_integers(self) -> None:
        least = {
            "epochs": 1,
            "batch_size": 1,
            "every": 1,
            "min_nnz": 0,
            "seed": 0,
            "probe_samples": 1,
            "probe_per_class": 1,
            "image_size": 1,
            "workers": 1,
            "threads": 1,
            "checkpoint_every": 1,
        }
        for name, minimum in least.items():
            value = getattr(self, name)
            if value is not None and value < minimum:
                raise InputError(f"{name} must be a whole number, at least {minimum}, got {value}")
            if value is not None and value >= (2**64 if name == "seed" else MOST):
                raise InputError(f"{name} is too large: seeds end at 2**64, everything else at 10**9")
        if not all(1 <= width < MOST for width in self.hidden):
            raise InputError(f"hidden must list widths of at least 1, all below 10**9, got {list(self.hidden)}")

    def _check_reals(self) -> None:
        def wanted(name: str, good: bool, what: str) -> None:
            if not good:
                raise InputError(f"{name} must be {what}, got {getattr(self, name)}")

        wanted("density", 0 < self.density <= 1, "in (0, 1]")
        wanted("width", 0 < self.width < MOST, "positive and below 10**9")
        wanted("dropout", 0 <= self.dropout < 1, "in [0, 1)")
        wanted("lr", math.isfinite(self.lr) and self.lr > 0, "positive and finite")
        wanted("momentum", 0 <= self.momentum < 1, "in [0, 1)")
        wanted("weight_decay", math.isfinite(self.weight_decay) and self.weight_decay >= 0, "finite, 0 or more")
        wanted("label_smoothing", 0 <= self.label_smoothing < 1, "in [0, 1)")
        wanted("subset_factor", 0 < self.subset_factor < MOST, "positive and below 10**9")
        wanted("prune_fraction", 0 <= self.prune_fraction <= 1, "in [0, 1]")
        wanted("warmup", 0 <= self.warmup < MOST, "0 or more epochs, below 10**9")
        wanted("until", self.until is None or 0 <= self.until < MOST, "0 or more epochs, below 10**9")
        rising = all(a < b for a, b in zip((0.0, *self.milestones), (*self.milestones, MOST), strict=True))
        wanted("milestones", rising, "positive epochs in rising order")
        plain = self.optimizer == "sgd" and self.momentum == 0
        wanted("nesterov", not (self.nesterov and plain), "off when momentum is 0")

    def _check_effect(self) -> None:
        """Refuse settings that mean nothing to the model or the method, and two answers to one question."""
        models = {name: entry.options for name, entry in MODELS.items()}
        methods = {name: entry.options for name, entry in METHODS.items()}
        settings: list[tuple[str, Any, str, dict[str, frozenset[str]]]] = [
            ("hidden", (512, 512), self.model, models),
            ("width", 1.0, self.model, models),
            ("dropout", 0.0, self.model, models),
            ("prune_criterion", "magnitude", self.method, methods),
            ("allow_regrow", False, self.method, methods),
        ]
        for name, neutral, chosen, options in settings:
            value = getattr(self, name)
            if value != neutral and name not in options[chosen]:
                known = ", ".join(other for other, own in options.items() if name in own)
                raise InputError(f"{name} {value} means nothing to {chosen}; it is a setting of {known}")
        if CRITERIA[self.prune_criterion].halves and METHODS[self.method].propose is None:
            raise InputError(
                f"prune_criterion {self.prune_criterion} shares what an update replaces among the signs; "
                f"{self.method} replaces nothing: use magnitude"
            )
        if self.prune_criterion == "momentum" and self.optimizer == "sgd" and self.momentum == 0:
            raise InputError("prune_criterion momentum needs momentum above 0, or adam or adamw")
        if self.probe_samples is not None and self.probe_per_class is not None:
            raise InputError("give probe_samples or probe_per_class, not both")

    def last_update(self, per_epoch: int) -> int:
        """Return T_end in steps: `until`, or 60 % of the epochs as in the paper."""
        return rounded(0.6 * self.epochs if self.until is None else self.until, per_epoch)

    def to_json(self) -> str:
        """Return what determines the run as JSON, sorted by name; `from_json` reads it back exactly."""
        fields = {k: v for k, v in dataclasses.asdict(self).items() if k not in CIRCUMSTANCES}
        return json.dumps(fields, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> TrainConfig:
        """Read what `to_json` wrote; circumstances take their defaults.

        Raises
        ------
        InputError : not JSON, or fields that are missing or not known.
        """
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise InputError(f"the configuration is not JSON: {error}") from None
        names = {f.name for f in dataclasses.fields(cls)} - set(CIRCUMSTANCES)
        if not isinstance(fields, dict) or set(fields) != names:
            odd = sorted(set(fields) ^ names) if isinstance(fields, dict) else type(fields).__name__
            raise InputError(f"the configuration has missing or unknown fields: {odd}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        return cls(**values)

    def differences(self, other: TrainConfig) -> list[str]:
        """Return the names of the fields that determine the run and differ."""
        names = [f.name for f in dataclasses.fields(self) if f.name not in CIRCUMSTANCES]
        return [name for name in names if getattr(self, name) != getattr(other, name)]
