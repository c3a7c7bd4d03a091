"""Peak memory of training steps and updates of one layer, each size in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from .options import Cases, Options

SIZES, QUICK_SIZES = (10_000, 100_000, 1_000_000), (300,)
#: Bytes that the largest may take, from PERFORMANCE.
LIMIT, LIMITED = 5e9, 1_000_000
ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import json, resource, sys
from benchmarks.bench_exploration import Layer
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
start = peak()
layer = Layer(int(sys.argv[1]))
layer.step(); layer.step()
step = peak()
layer.explore("gse"); layer.explore("gse-graest")
print(json.dumps({"nnz": layer.topology.nnz, "start": start, "step": step, "update": peak()}))
"""


def _measure(n: int, limited: bool) -> Iterator[dict[str, Any]]:
    words = [sys.executable, "-c", SCRIPT, str(n)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    told = json.loads(done.stdout)
    for part in ("step", "update"):
        line = {
            "work": f"memory n={n} after {'steps' if part == 'step' else 'steps and updates'}",
            "n": n,
            "nnz": told["nnz"],
            "peak_mb": round(told[part] / 1e6),
            "bytes_per_nnz": round((told[part] - told["start"]) / told["nnz"], 1),
        }
        yield line | ({"limit": f"{LIMIT / 1e6:g} MB", "meets_limit": bool(told[part] <= LIMIT)} if limited else {})


def cases(options: Options) -> Cases:
    """Return one piece of work for each width."""
    sizes = QUICK_SIZES if options.quick else SIZES
    return {f"memory n={n}": partial(_measure, n, n == LIMITED) for n in sizes}
