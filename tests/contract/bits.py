"""Print digests of the bits of every function that adds, as JSON: for one process to be compared with another."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numba.core.dispatcher import Dispatcher

from gse_ref.kernels import alias, conv, norm, sddmm, spmm
from tests.contract.test_placement import arrays_of, operation, small_layers

TRIALS = 30
#: Fewer samples than this: tiles of every width.
MOST = 300


def digests() -> dict[str, str]:
    """Return a digest of the results of every call by its name."""
    found = {}
    for dtype in (np.float32, np.float64):
        for trial in range(TRIALS):
            for name, args in small_layers(np.random.default_rng(trial), dtype, MOST).items():
                bits = b"".join(array.tobytes() for array in arrays_of(operation(name)(*args)))
                found[f"{name}, {dtype.__name__}, {trial}"] = hashlib.sha256(bits).hexdigest()
    return found


def compiled() -> list[str]:
    """Return which kernels this process compiled; the others it found in the cache."""
    found = {d for m in (alias, conv, norm, sddmm, spmm) for d in vars(m).values() if isinstance(d, Dispatcher)}
    return sorted({kernel.__name__ for kernel in found if kernel.stats.cache_misses})


if __name__ == "__main__":
    print(json.dumps({"digests": digests(), "compiled": compiled()}))
