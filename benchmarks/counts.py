"""Exact counts of one training step and one topology update, phase by phase: the tables of docs/complexity.md.

    python benchmarks/counts.py [--write]

Prints the tables, or puts them into the page. No clock is involved, and no number depends on the machine.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gse_ref.backends import get, tally_host, use  # noqa: E402
from gse_ref.backends.counting import PHASES, Counter, Tally, counting  # noqa: E402
from gse_ref.explore import METHODS, Request, update  # noqa: E402
from gse_ref.nn import Observer, SparseParameter  # noqa: E402
from gse_ref.scaling.layer import NAME, Activations, SparseLayer  # noqa: E402
from gse_ref.scaling.sizes import Sizes  # noqa: E402

PAGE = ROOT / "docs" / "complexity.md"
WIDTHS, PER_UNIT, BATCH = (1 << 10, 1 << 14, 1 << 17, 1 << 20), 10, 16
METHOD, FRACTION = "gse-grabo", 0.2
COLUMNS = {
    "n": "{n:,}",
    "multiply-adds": "{multiply_adds:,}",
    "bytes read": "{bytes_read:,}",
    "bytes written": "{bytes_written:,}",
    "random numbers": "{random_numbers:,}",
    "moves": "{moves:,}",
    "arrays": "{allocations}",
    "largest, bytes": "{largest_allocation:,}",
    "bytes moved / (n + nnz)": "{share:.2f}",
}


def _probe(layer: SparseLayer, counter: Counter, observe: Observer) -> None:
    """Run the probe's pass; what is explored in it counts for its own phases."""

    def observed(parameter: SparseParameter, x: np.ndarray, delta: np.ndarray) -> None:
        with counter.phase(None):
            observe(parameter, x, delta)

    with counter.phase("probe"):
        layer.probe(observed)


def counted(n: int) -> dict[str, Tally]:
    """Count one step and one update of an n × n layer with `PER_UNIT` connections a unit, by phase."""
    nnz, counter = PER_UNIT * n, Counter()
    layer = SparseLayer(Sizes(n, nnz, BATCH), Activations(n * BATCH, 0), 0)
    _ = layer.topology.transpose  # that of the old topology is there already
    with use(counting(get("cpu"), counter)):
        layer.forward()
        layer.backward()
        counter.add("optimizer", **asdict(tally_host.sgd_step(nnz)))
        request = Request(0, 1, FRACTION, "global", 1.0, lambda observe: _probe(layer, counter, observe))
        change = update({NAME: layer.parameter}, METHODS[METHOD].propose, request).layers[NAME]
        counter.add("draw", **asdict(tally_host.random_numbers(2 * nnz)))
        for array in (layer.values, layer.state[NAME]["momentum"]):
            change.slot_map.carry(array)
        _ = change.topology.transpose
    return counter.tallies


def row(n: int, tally: Tally) -> str:
    """Return one line of a table."""
    share = (tally.bytes_read + tally.bytes_written) / (n + PER_UNIT * n)
    return "| " + " | ".join(COLUMNS.values()).format(n=n, share=share, **asdict(tally)) + " |"


def tables(widths: tuple[int, ...] = WIDTHS) -> Iterator[tuple[str, str]]:
    """Yield each phase with its table."""
    found = {n: counted(n) for n in widths}
    head = [f"| {' | '.join(COLUMNS)} |", "| " + "---: | " * len(COLUMNS)]
    for phase in PHASES:
        yield phase, "\n".join([*(line.rstrip() for line in head), *(row(n, found[n][phase]) for n in widths)])


def main() -> None:
    """Print the tables, or write them behind the marks ``<!-- counts: PHASE -->`` of the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.relative_to(ROOT)}")
    write = parser.parse_args().write
    text = PAGE.read_text()
    for phase, table in tables():
        if write:
            text = re.sub(rf"(<!-- counts: {phase} -->\n)(\|.*\n)*", lambda mark, t=table: f"{mark[1]}{t}\n", text)
        else:
            print(f"{phase}\n\n{table}\n")
    if write:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
