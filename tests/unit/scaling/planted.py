"""Programs whose cost is planted, and a clock that they turn themselves: no test looks at a real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gse_ref.rng import stream
from gse_ref.scaling import Plan, Study, Subject, run, yardstick
from gse_ref.scaling.clock import Reading
from gse_ref.scaling.predict import UNLIMITED, Limits
from gse_ref.scaling.sizes import Sizes
from gse_ref.scaling.subject import ELEMENTS, ROWS, STREAM, Phase, Work

PLAN = Plan(
    widths=(256, 512, 1024, 2048, 4096, 8192, 16384),
    per_unit=10,
    batch=128,
    nnz_width=4096,
    nnz_per_unit=(2, 4, 8, 16, 32),
    batch_width=4096,
    batches=(16, 32, 64, 128),
    rounds=5,
    limit_seconds=1e9,
)

#: Seconds, or a count, at one size.
Cost = Callable[[Sizes], float]


class Clock:
    """Stands still unless a planted program spends time on it."""

    def __init__(self) -> None:
        self.wall = self.in_line = 0.0

    def now(self) -> Reading:
        return Reading(self.wall, self.in_line)

    def spend(self, seconds: float, waiting: float = 0.0) -> None:
        self.wall += seconds + waiting
        self.in_line += waiting


class Noise:
    """Factors around 1, log-normal, from one stream."""

    def __init__(self, seed: int, sigma: float) -> None:
        self._generator, self._sigma = stream(seed, "check"), sigma

    def __call__(self) -> float:
        return float(2.0 ** (self._sigma * self._generator.standard_normal()))


def program(
    clock: Clock,
    seconds: Cost,
    counts: Mapping[str, Cost] | None = None,
    noise: Callable[[], float] = lambda: 1.0,
    phase: Phase = Phase(),  # noqa: B008  frozen
    name: str = "planted",
) -> Subject:
    """Return a subject of one phase, ``step``, that takes `seconds` and reports `counts`."""

    def build(sizes: Sizes) -> Work:
        def step() -> None:
            clock.spend(seconds(sizes) * noise())

        if counts is None:
            return Work({"step": step})
        return Work({"step": step}, lambda: {"step": {key: int(cost(sizes)) for key, cost in counts.items()}})

    return Subject(name, {"step": phase}, build)


def machine(
    clock: Clock,
    slow_from: int = 1 << 60,
    slowdown: float = 1.0,
    slowed: tuple[str, ...] = (STREAM, ROWS, ELEMENTS),
    control: Cost = lambda _: 1e-4,
) -> Subject:
    """Return a machine whose yardsticks `slowed` take `slowdown` times as long a byte from width `slow_from` on."""

    def build(sizes: Sizes) -> Work:
        def seconds(access: str) -> float:
            slow = sizes.n >= slow_from and access in slowed
            return yardstick.touched(sizes)[access] * 1e-11 * (slowdown if slow else 1.0)

        phases = {access: lambda access=access: clock.spend(seconds(access)) for access in (STREAM, ROWS, ELEMENTS)}
        return Work({yardstick.CONTROL: lambda: clock.spend(control(sizes)), **phases})

    names = (yardstick.CONTROL, STREAM, ROWS, ELEMENTS)
    return Subject(yardstick.NAME, {name: Phase() for name in names}, build)


def study(
    clock: Clock, *subjects: Subject, plan: Plan = PLAN, limits: Limits = UNLIMITED, on: Subject | None = None
) -> Study:
    """Measure planted subjects on a planted machine."""
    return run(subjects, on or machine(clock), plan, limits, 0, clock, lambda text: None)


def linear(sizes: Sizes) -> float:
    """A step's time, linear in n, nnz and the batch."""
    return 1e-9 * sizes.batch * (sizes.n + 2 * sizes.nnz)
