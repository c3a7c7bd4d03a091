"""Which runs a comparison is made of: arms (settings that are compared) times seeds."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError, unknown
from ..explore import METHODS
from ..training import TrainConfig
from ..training.config import CIRCUMSTANCES

FIELDS = frozenset(f.name for f in dataclasses.fields(TrainConfig))


def particular() -> frozenset[str]:
    """Return the fields that mean something to some methods only."""
    return frozenset().union(*(method.options for method in METHODS.values()))


def ignored(method: str) -> frozenset[str]:
    """Return the fields that mean nothing to `method`; its runs take their defaults."""
    return particular() - METHODS[method].options


@dataclass(frozen=True)
class Arm:
    """One setting that is compared with others, over all seeds.

    Attributes
    ----------
    setting : what tells it from the other arms, in the order of the tables' columns.
    changes : fields of the base configuration that it changes; often the same as `setting`.
    """

    setting: Mapping[str, Any]
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """One arm at one seed.

    Attributes
    ----------
    arm : the position of its arm.
    setting : that of the arm, as it was asked for.
    config : what is run; two points whose configurations are equal share one run.
    """

    arm: int
    setting: Mapping[str, Any]
    config: TrainConfig

    @property
    def key(self) -> str:
        """Name of the run: readable, and unique by a digest of everything that determines it."""
        config = self.config
        digest = hashlib.sha256(config.to_json().encode()).hexdigest()[:10]
        return f"{config.method}-d{config.density:g}-s{config.seed}-{digest}"

    @property
    def label(self) -> str:
        """The setting and the seed in words."""
        words = [f"{name} {shown(value)}" for name, value in self.setting.items() if name != "method"]
        return ", ".join([str(self.config.method), *words, f"seed {self.config.seed}"])


def shown(value: Any) -> str:
    """Return a value of a setting as people read it."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (tuple, list)):
        return " ".join(map(shown, value)) or "none"
    return "default" if value is None else str(value)


def product(axes: Mapping[str, Sequence[Any]]) -> list[Arm]:
    """Return an arm for each combination of the values of `axes`, fields of `TrainConfig`; the last varies fastest.

    Raises
    ------
    InputError : an axis without values, or with one twice.
    """
    for name, values in axes.items():
        if not values:
            raise InputError(f"{name} is to be varied, but no values are given: give at least one")
        if any(value in values[:place] for place, value in enumerate(values)):
            raise InputError(f"{name} lists a value twice: {', '.join(map(shown, values))}")
    arms = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    return [Arm(arm, arm) for arm in arms]


def _configured(base: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    for name in changes:
        if name not in FIELDS:
            raise InputError(
                f"{name!r} is no setting of a run of this version; its settings are {', '.join(sorted(FIELDS))}"
            )
        if name in CIRCUMSTANCES:
            raise InputError(f"{name} does not change the numbers of a run, so it cannot be compared")
    method = changes.get("method", base.method)
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    meant = {name: value for name, value in changes.items() if name not in ignored(method)}
    config = dataclasses.replace(base, **meant)
    fixed = METHODS[method].fixed_density
    return config if fixed is None else dataclasses.replace(config, density=fixed)


def _typed(name: str, value: Any) -> Any:
    """Return a value of a setting, as it was asked for, with the type of its field."""
    default = getattr(TrainConfig(), name, None)
    if isinstance(default, float) and isinstance(value, int):
        return float(value)
    return tuple(value) if isinstance(default, tuple) else value


def points(base: TrainConfig, arms: Iterable[Arm], seeds: Sequence[int]) -> list[Point]:
    """Return every arm at every seed, a whole round of arms for each seed, so that a part is a comparison too.

    Where a setting means nothing to a method (a density of its own, a subset factor without subsets), the points of
    all its values share one run a seed.

    Raises
    ------
    InputError : no seeds, a seed twice, a field that `TrainConfig` has not, or a value that it refuses.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise InputError(f"give one seed or more, each once; got {list(seeds)}")
    arms = list(arms)
    made = []
    for seed in seeds:
        for number, arm in enumerate(arms):
            config = _configured(base, {**arm.changes, "seed": seed})
            setting = {name: _typed(name, value) for name, value in arm.setting.items()}
            made.append(Point(number, setting, config))
    return made
