"""Train every method at three densities and three seeds on full Fashion-MNIST; write a line a run, then the tables.

    python benchmarks/accuracy.py --out accuracy.jsonl [--data-dir FOLDER] [--workers 2]

Runs that the file already holds are not repeated. Each run has one thread and a process of its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

METHODS = ("gse", "gse-grabo", "gse-graest", "rigl", "set", "static")
DENSITIES = (0.02, 0.01, 0.005)
SEEDS = (0, 1, 2)
SETTING: dict[str, Any] = {
    "data": "fashion-mnist",
    "hidden": (512, 512),
    "epochs": 10,
    "batch_size": 128,
    "lr": 0.1,
    "milestones": (5.0, 8.0),
    "every": 100,
    "until": 6.0,
    "momentum": 0.9,
    "weight_decay": 1e-4,
}
#: Two-sided 95 % quantile of Student's t with 2 degrees of freedom, for three seeds.
T_95 = 4.303

Run = dict[str, Any]


def train_one(method: str, density: float, seed: int, data_dir: str | None) -> Run:
    """Train once in this process and return the result."""
    import gse_ref as gse

    with tempfile.TemporaryDirectory() as folder:
        config = gse.TrainConfig(
            **SETTING,
            method=method,
            density=density,
            seed=seed,
            threads=1,
            data_dir=Path(data_dir) if data_dir else None,
            out=Path(folder) / "run",
        )
        result = gse.train(config).to_dict()
    return {
        "method": method,
        "density": density,
        **{k: v for k, v in result.items() if k not in ("run", "density")},
    }


def run_all(out: Path, data_dir: str | None, workers: int) -> list[Run]:
    """Make the runs that `out` does not hold yet, and return all of them."""
    done = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    known = {(run["method"], run["density"], run["seed"]) for run in done}
    grid = [key for key in itertools.product(METHODS, DENSITIES, SEEDS) if key not in known]
    os.environ["NUMBA_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(workers, get_context("spawn"), max_tasks_per_child=1) as pool, out.open("a") as file:
        for number, future in enumerate(as_completed([pool.submit(train_one, *key, data_dir) for key in grid]), 1):
            done.append(future.result())
            file.write(json.dumps(done[-1]) + "\n")
            file.flush()
            print(f"{number}/{len(grid)}", file=sys.stderr)
    return done


def tables(runs: list[Run]) -> str:
    """Return accuracy and its difference to gse, paired over seeds with a 95 % interval, as Markdown."""
    accuracy = {(run["method"], run["density"], run["seed"]): 100 * run["test_accuracy"] for run in runs}
    lines = ["| method | " + " | ".join(f"density {d}" for d in DENSITIES) + " |", "| --- " * 4 + "|"]
    for method in METHODS:
        cells = []
        for density in DENSITIES:
            values = [accuracy[method, density, seed] for seed in SEEDS]
            cells.append(f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}")
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    lines += ["", "| minus `gse` | " + " | ".join(f"density {d}" for d in DENSITIES) + " |", "| --- " * 4 + "|"]
    for method in METHODS[1:]:
        cells = []
        for density in DENSITIES:
            gaps = [accuracy[method, density, seed] - accuracy["gse", density, seed] for seed in SEEDS]
            half = T_95 * statistics.stdev(gaps) / len(gaps) ** 0.5
            cells.append(f"{statistics.mean(gaps):+.2f} ± {half:.2f}")
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    seconds = {m: statistics.median(run["seconds"] for run in runs if run["method"] == m) for m in METHODS}
    kept = all(run["nnz"] == run["nnz_initial"] for run in runs)
    lines += ["", "Median seconds a run: " + ", ".join(f"`{m}` {s:.1f}" for m, s in seconds.items()) + "."]
    lines += [
        f"Connections at the end equal those at the start in all {len(runs)} runs: {'yes' if kept else 'NO'}."
    ]
    return "\n".join(lines)


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data-dir")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    print(tables(run_all(options.out, options.data_dir, options.workers)))


if __name__ == "__main__":
    main()
