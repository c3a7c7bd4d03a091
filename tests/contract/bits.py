"""Print digests of the bits that every parallel kernel computes, as JSON: to be compared with another process's."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from unittest.mock import patch

import numpy as np
from numba.core.dispatcher import Dispatcher

from gse_ref import kernels
from gse_ref.backends import memory
from tests.contract.layers import Arguments, arrays_of, larger_layers, operation, small_layers

TRIALS, LARGER = 30, 4
#: Fewer samples than this: tiles of every width.
MOST = 300
#: An instruction whose result LLVM may choose: flags that let it regroup or fuse, and a product fused at its will.
CHOICE = re.compile(
    r"\b(?:fadd|fsub|fmul|fdiv|frem|fneg|fcmp|select|phi|call) (?:fast|reassoc|nnan|ninf|nsz|arcp|contract|afn)\b"
    r"|llvm\.fmuladd"
)


def digests() -> dict[str, str]:
    """Return a digest of the results of every call by its name."""
    found = {}

    def note(kind: str, layers: Arguments) -> None:
        for name, args in layers.items():
            bits = b"".join(array.tobytes() for array in arrays_of(operation(name)(*args)))
            found[f"{name}, {kind}"] = hashlib.sha256(bits).hexdigest()

    for dtype in (np.float32, np.float64):
        for trial in range(TRIALS):
            note(f"{dtype.__name__}, {trial}", small_layers(np.random.default_rng(trial), dtype, MOST))
        for trial in range(LARGER):
            layers = larger_layers(np.random.default_rng(trial), dtype)
            note(f"{dtype.__name__}, larger, {trial}", layers)
            with patch.object(memory, "STREAMED", 0):
                note(f"{dtype.__name__}, past the caches, {trial}", layers)
    return found


def dispatchers() -> Iterator[Dispatcher]:
    """Yield every compiled function of the kernels' modules."""
    for module in iter_modules(kernels.__path__, f"{kernels.__name__}."):
        yield from {d for d in vars(import_module(module.name)).values() if isinstance(d, Dispatcher)}


def choices(kernel: Dispatcher) -> list[str]:
    """Return the instructions of a kernel, compiled in this process, that leave a choice to LLVM."""
    lines = (line.strip() for text in kernel.inspect_llvm().values() for line in text.splitlines())
    return [line for line in lines if CHOICE.search(line)]


def report() -> dict[str, object]:
    """Return the digests, the parallel kernels, which kernels this process compiled, and their choices."""
    found = digests()
    compiled = [kernel for kernel in dispatchers() if kernel.stats.cache_misses]
    return {
        "digests": found,
        "parallel": sorted(k.__qualname__ for k in dispatchers() if k.targetoptions.get("parallel")),
        "compiled": sorted({kernel.__qualname__ for kernel in compiled}),
        "choices": [line for kernel in compiled for line in choices(kernel)],
    }


if __name__ == "__main__":
    print(json.dumps(report()))
