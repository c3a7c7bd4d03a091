"""Run one training under a limit on address space: whatever allocates a dense layer dies, in any library."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import gse_ref as gse


def main() -> None:
    """Read {config fields, "limit": bytes} from the command line, train, print the peak of virtual memory."""
    options = json.loads(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (options.pop("limit"),) * 2)
    options["hidden"], options["out"] = tuple(options["hidden"]), Path(options["out"])
    result = gse.train(gse.TrainConfig(**options))
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmPeak")) * 1024
    print(json.dumps({"peak": peak, "updates": result.updates, "nnz": result.nnz}))


if __name__ == "__main__":
    main()
