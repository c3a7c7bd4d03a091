"""A layer of a million by a million with ten connections a unit: one training step, one update of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .bench_exploration import BATCH, METHODS, Layer
from .ceilings import ceilings
from .measure import interleaved, row
from .options import Cases, Options

SIZE, QUICK_SIZE = 1_000_000, 500
#: Seconds that a step may take, from PERFORMANCE.
LIMIT = 1.2


def _measure(n: int, options: Options) -> Iterator[dict[str, Any]]:
    layer = Layer(n)
    nnz = layer.topology.nnz
    contestants: dict[str, Callable[[], Any]] = {"training step": layer.step}
    contestants |= {f"update {name}": partial(layer.explore, name) for name in (*METHODS, "set")}
    times = interleaved(contestants, options.rounds, options.threads)
    facts = {"n": n, "nnz": nnz, "density": nnz / n**2, "batch": BATCH}
    for name, seconds in times.items():
        line = row(f"step n={n} {name}", seconds, **facts)
        line["ns_per_nnz"] = round(1e6 * line["ours_ms"] / nnz, 2)
        if name == "training step":
            rates = ceilings(options.quick)
            line |= rates.facts(rates.linear_step(n, n, nnz, BATCH), seconds)
        if name == "training step" and not options.quick:
            line |= {"limit": f"{1e3 * LIMIT:g} ms", "meets_limit": bool(line["ours_ms"] <= 1e3 * LIMIT)}
        yield line


def cases(options: Options) -> Cases:
    """Return the one piece of work."""
    n = QUICK_SIZE if options.quick else SIZE
    return {f"step n={n}": partial(_measure, n, options)}
