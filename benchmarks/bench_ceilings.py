"""The ceilings of this machine by the size of what is touched: what rows of other benchmarks are held against."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from .ceilings import QUICK_SIZES, SIZES, measure_rate
from .options import Cases, Options


def _title(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def _measure(size: int) -> Iterator[dict[str, Any]]:
    rate = measure_rate(size)
    facts = {"bytes": size, "gb_s": round(rate.load / 1e9, 1), "gflop_s": round(rate.load / 2e9, 1)}
    yield {"work": f"ceilings {_title(size)}", "copy_gb_s": round(rate.copy / 1e9, 1)} | facts


def cases(options: Options) -> Cases:
    """Return one piece of work for each size."""
    return {
        f"ceilings {_title(size)}": partial(_measure, size) for size in (QUICK_SIZES if options.quick else SIZES)
    }
