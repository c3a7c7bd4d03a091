"""Run one training on images of noise under a limit on address space: what allocates a dense layer dies."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np

import gse_ref as gse


def main() -> None:
    """Read {config fields, "limit": bytes, "side": pixels} from the command line, train, print peak and layers."""
    options = json.loads(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (options.pop("limit"),) * 2)
    out, side = Path(options.pop("out")), options.pop("side")
    pixels = np.random.default_rng(0).integers(0, 256, (24, 3, side, side), dtype=np.uint8)
    labels = np.arange(24) % 4
    images = out.with_suffix(".npz")
    np.savez(images, x_train=pixels[:16], y_train=labels[:16], x_test=pixels[16:], y_test=labels[16:])
    result = gse.train(gse.TrainConfig(data=str(images), out=out, **options))
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmPeak")) * 1024
    print(json.dumps({"peak": peak, "updates": result.updates, "nnz": result.nnz, "density": result.density}))


if __name__ == "__main__":
    main()
