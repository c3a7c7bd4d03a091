"""Code out of Numba's cache computes the bits of code that runs where it was compiled.

These are two compilations: the body of a parallel loop is optimised by itself and again with all that calls it, and
a process runs the first while the cache keeps the second. What the compiler is free to choose it may choose twice.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numba import config, njit

from tests.contract.bits import choices

compiles = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled: NUMBA_DISABLE_JIT is set")

ROOT = Path(__file__).parents[2]


def ran(cache: Path, *words: str) -> str:
    """Run a Python module with a Numba cache of its own and return what it printed."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@compiles
def test_the_second_process_computes_the_bits_of_the_first(tmp_path: Path) -> None:
    first, second = (json.loads(ran(tmp_path, "tests.contract.bits")) for _ in range(2))
    assert set(first["parallel"]) <= set(first["compiled"])
    assert first["choices"] == []
    assert second["compiled"] == []
    assert len(first["digests"]) > 1_000
    other = [name for name, digest in first["digests"].items() if second["digests"][name] != digest]
    assert other == []


@compiles
def test_the_second_run_of_a_seed_is_the_first(tmp_path: Path) -> None:
    """The first run compiles. Batches of 13: one tile of 8 and five samples by themselves."""
    for run in ("first", "second"):
        words = "--data synthetic:24:130:3 --hidden 16 16 --density 0.3 --batch-size 13 --epochs 2 --every 5"
        ran(tmp_path / "cache", "gse_ref", "train", *words.split(), "--threads", "1", "--out", str(tmp_path / run))
    for file in ("metrics.jsonl", "topology.jsonl", "events.jsonl", "checkpoint.npz"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes(), file


@compiles
@pytest.mark.parametrize("flags", [False, {"contract"}, {"reassoc"}, True], ids=str)
def test_flags_are_choices(flags: Any) -> None:
    @njit(fastmath=flags)
    def multiply_add(a: float, b: float, c: float) -> float:
        return a * b + c

    assert multiply_add(1.0, 2.0, 3.0) == 5.0
    assert bool(choices(multiply_add)) is bool(flags)
