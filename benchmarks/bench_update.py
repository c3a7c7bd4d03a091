"""Whole topology updates by width at 10 connections a unit, batch 128: ours beside SparseLab's SET and RigL.

Ours are timed as in `bench_exploration`, the transpose index of the new topology included. What would take longer
or more memory than allowed is not measured, and said so; what takes seconds is timed once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gse_ref.backends import available_memory
from gse_ref.rng import stream
from gse_ref.scaling.fit import slope_interval

from .bench_exploration import BATCH, FRACTION, Layer
from .ceilings import Ceilings, ceilings
from .measure import interleaved, row
from .options import Cases, Options

SIZES = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000)
QUICK_SIZES = (100, 200, 400)
OURS = ("gse", "gse-grabo", "gse-graest", "set", "rigl")
PEERS = ("SparseLab SET", "SparseLab RigL")
#: Seconds beyond which a call is timed once, and beyond which it is not made.
ONCE, MOST = 1.0, 900.0
#: An update that is n² at heart takes four times as long at twice the width.
STEEPEST = 2.0

Calls = dict[str, Callable[[], Any]]


class Race:
    """Times of every contestant at every width so far."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.times: dict[str, dict[int, np.ndarray]] = {}

    def expected(self, name: str, n: int) -> float:
        """Return seconds that a call at width n will take, by the width measured before; 0 if none was."""
        known = self.times.get(name, {})
        if not known:
            return 0.0
        last = max(known)
        return float(np.median(known[last])) * (n / last) ** STEEPEST

    def run(self, calls: Calls, n: int) -> dict[str, np.ndarray]:
        """Time the calls at one width, the quick ones interleaved, the slow ones once each."""
        quick = {name: call for name, call in calls.items() if self.expected(name, n) <= ONCE}
        times = interleaved(quick, self.options.rounds, self.options.threads) if quick else {}
        for name, call in calls.items():
            if name not in quick:
                start = time.perf_counter()
                call()
                times[name] = np.array([time.perf_counter() - start])
        for name, seconds in times.items():
            self.times.setdefault(name, {})[n] = seconds
        return times


def _peers(layer: Layer) -> Calls | dict[str, str]:
    """Return SparseLab's updates, or a line that says that it is missing."""
    try:
        from .peers.sparselab_update import rigl_update, set_update
    except ImportError as error:
        return {"peer": "SparseLab", "missing": "pip install sparselab torch", "error": str(error)}
    return {
        "SparseLab SET": set_update(layer.topology, layer.values, FRACTION),
        "SparseLab RigL": rigl_update(layer.topology, layer.values, FRACTION, layer.x, layer.delta),
    }


def _too_much(race: Race, name: str, n: int) -> str | None:
    """Return why the update `name` is not made at width n, or None."""
    seconds = race.expected(name, n)
    if seconds > MOST:
        return f"would take about {seconds:.0f} s"
    needed = 2 * 4 * n**2 if name == "SparseLab RigL" else 0  # its dense gradient and the magnitudes beside it
    if needed > available_memory() // 2:
        return f"would take {needed / 1e9:.0f} GB for its dense gradient"
    return None


def least_seconds(name: str, layer: Layer, rates: Ceilings) -> float | None:
    """Return the least time of our update; None for RigL, whose dense gradient is a product of BLAS."""
    n, nnz = layer.topology.n_in, layer.topology.nnz
    if name == "rigl":
        return None
    return rates.rewiring(n, nnz) if name == "set" else rates.exploration(n, nnz, BATCH)


def _measure(n: int, race: Race) -> Iterator[dict[str, Any]]:
    layer, work = Layer(n), f"update n={n}"
    facts = {"n": n, "nnz": layer.topology.nnz, "density": layer.topology.density, "batch": BATCH}
    calls: Calls = {name: partial(layer.explore, name) for name in OURS}
    peers = _peers(layer)
    if "missing" in peers:
        yield {"work": work} | peers | facts
    else:
        calls |= peers  # type: ignore[arg-type]
    skipped = {name: why for name in calls if (why := _too_much(race, name, n)) is not None}
    times = race.run({name: call for name, call in calls.items() if name not in skipped}, n)
    rates = ceilings(race.options.quick)
    for name in OURS:
        if name in times:
            least = least_seconds(name, layer, rates)
            roofline = {} if least is None else rates.facts(least, times[name])
            yield row(f"{work} {name}", times[name], **facts, **roofline)
    for name in PEERS:
        if name in times:
            yield row(f"{work} gse", times["gse"][: len(times[name])], name, times[name], **facts)
    for name, why in skipped.items():
        yield {"work": f"{work} {name}", "peer": name, "not_applicable": why} | facts


def _exponents(race: Race) -> Iterator[dict[str, Any]]:
    """Yield the exponent of time in n of every contestant that has three widths, over all of them."""
    for number, (name, by_width) in enumerate(race.times.items()):
        if len(by_width) < 3:
            continue
        widths = sorted(by_width)
        samples = [by_width[n] for n in widths]
        slope = slope_interval(widths, samples, [1.0] * len(widths), stream(0, "check", number))
        yield {
            "work": f"update exponent {name}",
            "peer": None,
            "exponent": round(slope.value, 3),
            "exponent_interval": [round(slope.low, 3), round(slope.high, 3)],
            "widths": widths,
        }
    if race.options.figure is not None:
        draw(race.times, race.options.figure)


def draw(times: dict[str, dict[int, np.ndarray]], path: Path) -> None:
    """Draw milliseconds by width on two logarithmic axes, with quartiles, to `path`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.add_subplot()
    markers = dict(zip((*OURS, *PEERS), "osD^vPX", strict=True))
    for name, by_width in times.items():
        widths = sorted(by_width)
        low, middle, high = (np.array([1e3 * np.percentile(by_width[n], q) for n in widths]) for q in (25, 50, 75))
        style = {"linestyle": "--" if name in PEERS else "-", "marker": markers[name], "capsize": 2}
        axes.errorbar(widths, middle, [middle - low, high - middle], label=name, **style)
    axes.set(xscale="log", yscale="log", xlabel="width n (10 connections a unit)", ylabel="one update, ms")
    axes.grid(True, which="major", alpha=0.3)
    axes.legend(title="median, bars: quartiles")
    figure.savefig(path)


def cases(options: Options) -> Cases:
    """Return one piece of work for each width, and the exponents at the end."""
    race = Race(options)
    sizes = QUICK_SIZES if options.quick else SIZES
    works: Cases = {f"update n={n}": partial(_measure, n, race) for n in sizes}
    return works | {"update exponent": partial(_exponents, race)}
