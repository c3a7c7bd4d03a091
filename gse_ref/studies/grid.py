"""Which runs a comparison is made of: arms (settings that are compared) times seeds."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..explore import METHODS
from ..training import TrainConfig
from ..training.config import CIRCUMSTANCES

FIELDS = frozenset(f.name for f in dataclasses.fields(TrainConfig))


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
    setting : that of the arm, each field with the type that the configuration gives it.
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
    config = dataclasses.replace(base, **changes)
    fixed = METHODS[config.method].fixed_density
    return config if fixed is None else dataclasses.replace(config, density=fixed)


def _normalised(name: str, value: Any, config: TrainConfig) -> Any:
    """Return a value of a setting with its field's type; the density stays the one asked for."""
    if name == "density":
        return float(value)
    return getattr(config, name) if name in FIELDS else value


def points(base: TrainConfig, arms: Iterable[Arm], seeds: Sequence[int]) -> list[Point]:
    """Return every arm at every seed, a whole round of arms for each seed, so that a part is a comparison too.

    A method that trains at a density of its own whatever is asked for makes one run a seed, shared by the points of
    all densities.

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
            setting = {name: _normalised(name, value, config) for name, value in arm.setting.items()}
            made.append(Point(number, setting, config))
    return made
