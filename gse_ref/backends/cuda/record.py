"""How far each CUDA kernel has been verified, and what it takes of a device: the committed record."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from .source import include_folder, source
from .table import files

#: The ladder, lowest first. A kernel stands on one rung and has passed those below.
RUNGS = ("compiled", "host-emulated", "run on a device")


@cache
def record() -> dict[str, Any]:
    """Return the record: `compiler`, `sources` (file: digest), `kernels` (entry point: rung and usage)."""
    return json.loads((include_folder() / "record.json").read_text(encoding="utf-8"))


def digests() -> dict[str, str]:
    """Return a digest of each source file, headers included: another one, and the record is stale."""
    return {file: hashlib.sha256(source(file).encode()).hexdigest()[:16] for file in files()}


def rungs() -> dict[str, list[str]]:
    """Return the entry points that stand on each rung; one that is not recorded has not been compiled."""
    kernels = record()["kernels"]
    return {rung: [name for name, row in kernels.items() if row["rung"] == rung] for rung in RUNGS}
