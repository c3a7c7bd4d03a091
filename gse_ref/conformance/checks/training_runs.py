"""The runs that level training always judges, in words."""

from __future__ import annotations

from typing import NamedTuple

from ..problems import TrainingProblem
from ..strategies.network import NetworkSetting, training_problem


class Case(NamedTuple):
    """A run to judge: its setting, and the dtype in which it is handed over."""

    setting: NetworkSetting
    dtype: str

    @property
    def problem(self) -> TrainingProblem:
        """The run in numbers."""
        return training_problem(self.setting, self.dtype)


METHODS = ("rigl", "gse", "gse-grabo", "gse-graest", "set")
#: Runs of one step, and of three with an update before the second, whose failures are short to read.
TINY = NetworkSetting(density=0.25, batch=2, steps=1, interval=2, end=6, fraction=0.503, fresh=True)
TINY_RUNS = tuple(
    TINY._replace(network=network, widths=widths, method=method, steps=steps)
    for network, widths in (("mlp", (3, 2, 3)), ("conv", (1, 2, 3)))
    for steps in (1, 3)
    for method in METHODS
)
#: 50 steps, 10 updates, no decision in doubt in float32: the seeds were chosen so.
LONG = NetworkSetting(
    widths=(7, 7, 6, 4),
    density=0.3,
    steps=50,
    interval=4,
    end=40,
    rate=0.0625,
    weight_decay=2.0**-8,
    fresh=True,
)
LONG_CONV = LONG._replace(network="conv", widths=(2, 4, 3), density=0.25)
LONG_RUNS = (
    LONG._replace(method="gse", scope="layer", seed=0),
    LONG._replace(method="gse-grabo", scope="global", seed=0),
    LONG._replace(method="gse-graest", scope="layer", seed=3, subset_factor=0.501),
    LONG._replace(method="rigl", scope="global", seed=0),
    LONG._replace(method="set", scope="global", seed=0),
    LONG_CONV._replace(method="gse-graest", scope="layer", seed=0),
    LONG_CONV._replace(method="gse-grabo", scope="global", seed=0),
    LONG_CONV._replace(method="rigl", scope="global", seed=0),
)
#: The last step is one of an update, so that what the update left behind is seen after one step.
UPDATE_LAST = NetworkSetting(widths=(6, 6, 5), steps=4, interval=4, end=12, fraction=0.503, batch=5, density=0.3)
UPDATES_LAST = tuple(
    UPDATE_LAST._replace(method=method, scope=scope)
    for method, scope in (
        ("rigl", "layer"),
        ("gse", "global"),
        ("gse-grabo", "layer"),
        ("gse-graest", "global"),
    )
)
#: Connections come and go, and come again.
RESTLESS = NetworkSetting(
    method="rigl", widths=(5, 4, 3), steps=7, interval=1, end=9, fraction=0.997, batch=5, weight_decay=0.5
)
RESTLESS_RUNS = (RESTLESS, RESTLESS._replace(method="gse", scope="global", density=0.3, widths=(6, 5, 3)))
#: ⌈α_t N⌉ changes from each step to the next.
EAGER = NetworkSetting(
    method="rigl", widths=(9, 9, 8), density=0.5, steps=7, interval=1, end=8, fraction=0.997, rate=2.0**-6
)
#: A probe before every step.
PROBED = NetworkSetting(
    network="conv", widths=(2, 3, 3), method="rigl", steps=4, interval=1, end=6, fraction=0.201, batch=3
)
SHORT = NetworkSetting(method="rigl", widths=(6, 5, 3), steps=9, interval=3, end=7, fraction=0.503)
